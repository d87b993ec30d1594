import hashlib
import resource
import shutil
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import safetensors.numpy
from pydantic import ValidationError

from gamma.errors import ConfigInvalid, InputInvalid
from gamma.markets import market
from models import cards, checkpoints, ppo
from models.cards import Evaluation, Figure
from models.checkpoints import CARD, POLICY, SUMS, load, save
from models.futures.records import Terms
from models.futures.schema import schema_hash, width
from models.shelf import Shelf
from tests.models.checkpoint_case import LEARNED, REPORT, card, files_of, lay, summed, tensors


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save(tmp_path / "mnq-phase2", tensors(card()), card())
    return tmp_path / "mnq-phase2"


def edited(folder: Path, old: str, new: str) -> Path:
    """The checkpoint with another card, and sums that are right."""
    files = files_of(folder)
    text = files[CARD].decode()
    assert old in text
    return lay(folder, summed(files | {CARD: text.replace(old, new).encode()}))


def reweighed(folder: Path, **differs: Any) -> Path:
    """The checkpoint with other tensors (`scale_mean` is scale.mean), and sums that are right."""
    files = files_of(folder)
    found = safetensors.numpy.load(files[POLICY]) | {k.replace("_", "."): v for k, v in differs.items()}
    kept = {name: tensor for name, tensor in found.items() if tensor is not None}
    return lay(folder, summed(files | {POLICY: safetensors.numpy.save(kept)}))


@pytest.mark.parametrize("phase", [1, 2])
def test_a_checkpoint_comes_back_as_it_was_saved(phase: int, tmp_path: Path) -> None:
    told, weights = card(phase=phase, evaluations=(REPORT,)), tensors(card(phase=phase))
    sha256 = save(tmp_path / "models/one", weights, told)
    found = load(tmp_path / "models/one", pinned_sha256=sha256, schema_hash=told.seen.schema_sha256)
    assert found.card == told
    assert found.sha256 == sha256 == hashlib.sha256((tmp_path / "models/one" / SUMS).read_bytes()).hexdigest()
    assert {name: tensor.tobytes() for name, tensor in found.tensors.items()} == {
        name: tensor.tobytes() for name, tensor in weights.items()
    }
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["one"]


def test_a_policy_of_the_trainer_is_what_a_card_demands(tmp_path: Path) -> None:
    told = card(phase=1, hidden=(16,))
    weights = ppo.network(jax.random.key(3), told.width, len(told.actions), told.hidden)
    scale = {"scale.mean": np.zeros(told.width, np.float32), "scale.variance": np.ones(told.width, np.float32)}
    found = load(tmp_path / "one", pinned_sha256=save(tmp_path / "one", {**weights, **scale}, told))
    seen = jax.numpy.linspace(-1, 1, told.width)
    again = {name: jax.numpy.asarray(found.tensors[name]) for name in weights}
    assert (ppo.forward(again, seen)[0] == ppo.forward(weights, seen)[0]).all()


@pytest.mark.parametrize(("phase", "window"), [(1, 1), (1, 20), (2, 5)])
def test_a_card_knows_what_the_environment_shows(phase: int, window: int) -> None:
    terms = Terms(phase=phase, market=market("MNQ"), sizers=(), window=window)
    told = card(phase=phase, window_bars=window)
    assert told.width == width(terms.window)
    assert told.seen.schema_sha256 == schema_hash(terms.phase, terms.window)
    assert len(told.actions) == terms.actions


def test_arrays_that_lie_otherwise_in_memory_are_saved_as_they_read(tmp_path: Path) -> None:
    weights = tensors(card())
    turned = weights | {"policy.w": np.asfortranarray(weights["policy.w"])}
    save(tmp_path / "one", turned, card())
    assert (load(tmp_path / "one", pinned_sha256=None).tensors["policy.w"] == weights["policy.w"]).all()


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs coreutils")
def test_the_sums_are_those_of_coreutils(saved: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=saved, check=True, capture_output=True)


def test_loading_needs_no_jax(saved: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from models import shelf, checkpoints\n"
        f"assert shelf.Shelf().told(Path({str(saved)!r})).paper_only\n"
        "print([name for name in sys.modules if name.partition('.')[0] in ('jax', 'jaxlib', 'optax')])"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout == "[]\n"


def test_tensors_cannot_be_changed_after_they_were_verified(saved: Path) -> None:
    found = load(saved, pinned_sha256=None)
    with pytest.raises(ValueError, match="read-only"):
        found.tensors["policy.b"][0] = 1


def test_a_checkpoint_that_is_there_is_not_overwritten(saved: Path) -> None:
    before = files_of(saved)
    with pytest.raises(InputInvalid, match="is not overwritten"):
        save(saved, tensors(card(), seed=2), card())
    assert files_of(saved) == before


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            save(tmp_path / "one", tensors(card()), card())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_fit_its_card_is_not_written(tmp_path: Path) -> None:
    other = card(seen=card(window_bars=4).seen)
    for weights, told in ((tensors(card(phase=1)), card()), (tensors(card()) | {"x": np.ones(1)}, card())):
        with pytest.raises(InputInvalid, match="was not written: "):
            save(tmp_path / "one", weights, told)
    with pytest.raises(InputInvalid, match="schema_sha256"):
        save(tmp_path / "one", tensors(other), other)
    assert list(tmp_path.iterdir()) == []


def test_another_checkpoint_than_the_pinned_one_is_refused(saved: Path) -> None:
    with pytest.raises(ConfigInvalid, match="it is another checkpoint"):
        load(saved, pinned_sha256="0" * 64)
    with pytest.raises(ConfigInvalid, match=r"`gamma models show` prints it"):
        load(saved, pinned_sha256=load(saved, pinned_sha256=None).sha256.upper())


def test_a_policy_that_would_be_shown_something_else_is_refused(saved: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"phase and window as configured \(its card: 2, 3 bars\)"):
        load(saved, pinned_sha256=None, schema_hash=card(window_bars=4).seen.schema_sha256)


def test_a_policy_of_another_version_is_refused(saved: Path) -> None:
    files = files_of(saved)
    due = card().seen.schema_sha256
    with pytest.raises(ConfigInvalid, match=r"card\.toml: \[seen\] schema_sha256 = .*train it anew"):
        load(edited(saved, due, "0" * 64), pinned_sha256=None)
    lay(saved, files)
    with pytest.raises(ConfigInvalid, match=r"\[seen\] moves is not what this version shows .*\('return' for 'change'"):
        load(edited(saved, '"change"', '"return"'), pinned_sha256=None)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"policy_b": np.full(6, np.nan, np.float32)}, r"policy\.b has nan at \[0\], and should be finite"),
        ({"scale_mean": np.full(55, np.inf, np.float32)}, r"scale\.mean has inf at \[0\]"),
        ({"scale_variance": np.full(55, -1, np.float32)}, r"scale\.variance has -1\.0 at \[0\], and no variance"),
        ({"policy_b": np.zeros(6)}, r"policy\.b is float64, and should be float32"),
        ({"policy_b": np.zeros((1, 6), np.float32)}, r"policy\.b is of shape \(1, 6\), and .* of shape \(6,\)"),
        ({"policy_b": None}, r"policy\.b is missing; the card demands it, of shape \(6,\)"),
        ({"policy_c": np.zeros(1, np.float32)}, r"policy\.c is there, and no policy with this card has it"),
    ],
)
def test_wrong_tensors_are_refused_by_name(changes: dict[str, Any], why: str, saved: Path) -> None:
    with pytest.raises(ConfigInvalid, match=f"policy.safetensors: {why}.*copy the checkpoint again"):
        load(reweighed(saved, **changes), pinned_sha256=None)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("seed = 7", "seed = -1", r"\[training\] seed = -1: should be greater than or equal to 0"),
        ("seed = 7", "seed = 7\nsead = 7", r"\[training\] sead: unknown key; did you mean seed\?"),
        ("seed = 7\n", "", r"\[training\] seed: is missing"),
        ('"MNQ"', '"MNG"', r"\[markets.*\"MNG\".*: unknown market 'MNG'; known: "),
        ('["MNQ"]', '["MNQ", "MNQ"]', r"\[markets\].*: names a market twice"),
        ("phase = 2", "phase = 3", r"\[phase\] = 3: should be 1 or 2"),
        ("phase = 2", "phase = 1", r"\[actions\]: should be those of phase 1: HOLD, BUY, SELL"),
        ("phase = 2", "phase =", r"is not TOML \(Invalid value"),
        ("No figure here", "Each figure here", r"\[notice\] = .*: should be: No figure here is a promise"),
        ("2026-03-02T15:00:00Z", "2026-03-02T15:00:00+01:00", r"\[created_utc\] = .*: is not in UTC"),
        ("2026-03-02T15:00:00Z", "2026-03-02T15:00:00", r"\[created_utc\] = .*: should have timezone info"),
    ],
)
def test_wrong_cards_are_refused_by_field(old: str, new: str, why: str, saved: Path) -> None:
    with pytest.raises(ConfigInvalid, match=f"card.toml: {why}"):
        load(edited(saved, old, new), pinned_sha256=None)


def test_only_the_three_files_lie_in_a_checkpoint(saved: Path) -> None:
    (saved / "policy.pkl").touch()
    with pytest.raises(ConfigInvalid, match=r"policy\.pkl is no part of a checkpoint; move it away"):
        load(saved, pinned_sha256=None)
    (saved / "policy.pkl").unlink()
    (saved / POLICY).rename(saved.parent / POLICY)
    with pytest.raises(ConfigInvalid, match=r"policy\.safetensors is missing"):
        load(saved, pinned_sha256=None)
    (saved / POLICY).symlink_to(saved.parent / POLICY)
    with pytest.raises(ConfigInvalid, match="no plain file"):
        load(saved, pinned_sha256=None)
    with pytest.raises(ConfigInvalid, match="is no folder that can be read"):
        load(saved.parent / "none", pinned_sha256=None)


def test_of_all_that_is_wrong_the_first_in_order_is_told(saved: Path) -> None:
    """Files, sums, pinned hash, card, tensors, schema: each is mended in turn, and the next is told."""
    whole = files_of(saved)
    schema = whole[CARD].replace(card().seen.schema_sha256.encode(), b"0" * 64)
    nan = safetensors.numpy.save(tensors(card()) | {"policy.b": np.full(6, np.nan, np.float32)})
    wrong_card = schema.replace(b"seed = 7", b"seed = -7")
    turns: tuple[tuple[dict[str, bytes], str | None, str], ...] = (
        ({CARD: wrong_card, POLICY: nan, SUMS: b"", "odd": b""}, "0" * 64, "odd is no part"),
        ({CARD: wrong_card, POLICY: nan, SUMS: b""}, "0" * 64, "SHA256SUMS is not two lines"),
        (summed({CARD: wrong_card, POLICY: nan}), "0" * 64, "another checkpoint"),
        (summed({CARD: wrong_card, POLICY: nan}), None, "seed = -7"),
        (summed({CARD: schema, POLICY: nan}), None, "policy.b has nan"),
        (summed({CARD: schema, POLICY: whole[POLICY]}), None, "schema_sha256"),
    )
    for files, pinned, why in turns:
        with pytest.raises(ConfigInvalid, match=why):
            load(lay(saved, files), pinned_sha256=pinned)
    assert load(lay(saved, whole), pinned_sha256=None).card == card()


def test_a_file_without_end_is_not_read(saved: Path) -> None:
    with (saved / CARD).open("ab") as file:
        file.truncate(checkpoints.BYTES_MAX[CARD] + 1)
    with pytest.raises(ConfigInvalid, match="is longer than 1,048,576 bytes"):
        load(saved, pinned_sha256=None)


def test_an_evaluation_out_of_sample_lifts_paper_only_and_one_in_sample_does_not() -> None:
    assert card().paper_only
    assert card(evaluations=(REPORT.model_copy(update={"out_of_sample": False}),)).paper_only
    assert not card(evaluations=(REPORT,)).paper_only


def test_one_that_did_not_qualify_stays_on_paper_whatever_else_its_card_says() -> None:
    failed = REPORT.model_copy(update={"not_qualified": "deflated Sharpe ratio 0.31, and 0.95 is needed"})
    assert card(evaluations=(failed,)).paper_only
    assert card(evaluations=(REPORT, failed)).paper_only


def test_an_evaluation_is_added_in_a_copy_and_the_weights_stay(tmp_path: Path) -> None:
    save(tmp_path / "before", tensors(card()), card())
    told = REPORT.model_dump(mode="json") | {"trades_sha256": "d4" * 32, "not_qualified": "no edge"}
    sha256 = Shelf().appraise(tmp_path / "before", tmp_path / "after", [told])
    after, before = (load(tmp_path / name, pinned_sha256=None) for name in ("after", "before"))
    assert (after.sha256, before.card.evaluations) == (sha256, ())
    assert after.card.evaluations[0].trades_sha256 == "d4" * 32
    assert all(np.array_equal(after.tensors[name], before.tensors[name]) for name in before.tensors)
    with pytest.raises(ConfigInvalid, match=r"figures\.0"):
        Shelf().appraise(tmp_path / "before", tmp_path / "third", [told | {"figures": [{"name": "x", "value": None}]}])
    assert not (tmp_path / "third").exists()


def test_no_card_calls_bars_out_of_sample_that_the_policy_was_trained_on() -> None:
    last = timedelta(days=1)
    overlapping = REPORT.bars.model_copy(update={"first_utc": LEARNED.last_utc - last})
    for bars in (LEARNED, overlapping):
        with pytest.raises(ValidationError, match="but the policy was trained on bars of its time"):
            card(evaluations=(REPORT.model_copy(update={"bars": bars}),))
    told = Evaluation(name="train", out_of_sample=False, bars=LEARNED, sessions=3, figures=REPORT.figures)
    assert card(evaluations=(told,)).evaluations == (told,)


@pytest.mark.parametrize(("low", "high"), [(1.0, None), (None, 1.0), (2.0, 1.0), (float("nan"), 1.0)])
def test_an_interval_is_whole_or_not_there(low: float | None, high: float | None) -> None:
    with pytest.raises(ValidationError):
        Figure(name="return_usd", value=1.5, low=low, high=high)


def test_instants_are_utc() -> None:
    with pytest.raises(ValidationError, match="is not in UTC"):
        card(created_utc=datetime(2026, 3, 2, 15, tzinfo=timezone(timedelta(hours=1))))


def test_a_card_reads_as_it_was_written() -> None:
    told = card(evaluations=(REPORT, REPORT), hidden=(1, 4_096))
    assert cards.read(cards.written(told), "card") == told

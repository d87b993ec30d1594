"""Ensembles: several policies that answer as one, each as verified as the whole."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gamma import calendar
from gamma.errors import ConfigInvalid, InputInvalid
from gamma.markets import market
from gamma.views import Situation
from models import checkpoints
from models.checkpoints import POLICY, load, save
from models.ensembles import join
from models.serving import FuturesPolicy
from models.shelf import Shelf
from tests.models.checkpoint_case import CONDITIONS, LATER, LEARNED, REPORT, card, files_of, lay, summed, tensors
from tests.models.futures.market_case import simulated

MNQ = market("MNQ")
FLAT = Situation(ts_event_utc_ns=0, balance_microusd=50_000_000_000, equity_microusd=50_000_000_000)


def laid(folder: Path, name: str, seed: int, **differs: Any) -> Path:
    told = card(seed=seed, **differs)
    save(folder / name, tensors(told, seed), told)
    return folder / name


@pytest.fixture
def members(tmp_path: Path) -> list[Path]:
    return [laid(tmp_path, "one", 1), laid(tmp_path, "two", 2, hidden=(5,)), laid(tmp_path, "three", 3)]


def test_its_logits_are_the_mean_of_its_members(tmp_path: Path, members: list[Path]) -> None:
    sha256 = join(tmp_path / "all", members)
    series = simulated("MNQ", 610)
    policies = [Shelf().open(path, market=MNQ, pinned_sha256=load(path, pinned_sha256=None).sha256) for path in members]
    together = Shelf().open(tmp_path / "all", market=MNQ, pinned_sha256=sha256)
    for bar in series.bars():
        session = calendar.session_at("MNQ", bar.ts_close_utc_ns - 1)
        assert session is not None
        for policy in (*policies, together):
            policy.see(bar, session)
    each, mean = [policy.act(FLAT) for policy in policies], together.act(FLAT)
    assert np.allclose(mean.logits, np.mean([one.logits for one in each], axis=0), rtol=1e-12)
    assert mean.legal == each[0].legal
    assert mean.novelty == max(one.novelty for one in each)
    assert isinstance(together, FuturesPolicy)


def test_its_card_tells_of_its_members_and_of_all_that_they_were_trained_on(tmp_path: Path) -> None:
    later = card(seed=9, training=card().training.model_copy(update={"bars": (LATER,), "steps": 7}))
    save(tmp_path / "later", tensors(later), later)
    first = laid(tmp_path, "first", 1, evaluations=(REPORT,), markets=("NQ", "MNQ"))
    join(tmp_path / "both", [first, tmp_path / "later"])
    told = load(tmp_path / "both", pinned_sha256=None).card
    assert [member.name for member in told.members] == ["first", "later"]
    assert told.training.bars == (LEARNED, LATER)
    assert told.training.steps == 10_000_007
    assert (told.evaluations, told.hidden, told.markets) == ((), (), ("MNQ",))
    assert Shelf().told(tmp_path / "both").paper_only
    assert Shelf().told(tmp_path / "both").kind == "futures phase 2, 2 together"


def test_an_evaluation_on_what_a_member_was_trained_on_is_not_out_of_sample(tmp_path: Path) -> None:
    later = card(seed=9, training=card().training.model_copy(update={"bars": (LATER,)}))
    save(tmp_path / "later", tensors(later), later)
    join(tmp_path / "both", [laid(tmp_path, "first", 1), tmp_path / "later"])
    with pytest.raises(ConfigInvalid, match="the policy was trained on bars of its time"):
        Shelf().appraise(tmp_path / "both", tmp_path / "praised", [REPORT.model_dump(mode="json")])


def test_a_member_that_is_another_now_is_refused(tmp_path: Path, members: list[Path]) -> None:
    join(tmp_path / "all", members)
    told = card(seed=4)
    files = files_of(members[1])
    lay(members[1], summed(files | {POLICY: files_of(laid(tmp_path, "other", 4, hidden=(5,)))[POLICY]}))
    with pytest.raises(ConfigInvalid, match=r"all/card\.toml: member two is refused: .* is pinned: it is another"):
        load(tmp_path / "all", pinned_sha256=None)
    assert told.members == ()


def test_a_member_that_is_gone_is_refused(tmp_path: Path, members: list[Path]) -> None:
    join(tmp_path / "all", members)
    members[2].rename(tmp_path / "elsewhere")
    with pytest.raises(ConfigInvalid, match="member three is refused"):
        load(tmp_path / "all", pinned_sha256=None)


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        ({"phase": 1}, "has another phase"),
        ({"window_bars": 4}, "has another window_bars"),
        ({"conditions": CONDITIONS.model_copy(update={"stop_atr": 2.0})}, "has another conditions"),
    ],
)
def test_members_that_do_not_see_and_do_the_same_are_refused(
    tmp_path: Path, members: list[Path], differs: dict[str, Any], said: str
) -> None:
    other = laid(tmp_path, "other", 5, **differs)
    with pytest.raises(ConfigInvalid, match=said):
        join(tmp_path / "all", [members[0], other])
    assert not (tmp_path / "all").exists()


def test_a_card_that_claims_more_than_its_members_is_refused(tmp_path: Path, members: list[Path]) -> None:
    join(tmp_path / "all", members)
    told = load(tmp_path / "all", pinned_sha256=None).card
    more = told.model_copy(update={"markets": ("MNQ", "NQ")})
    with pytest.raises(ConfigInvalid, match="was not trained for NQ"):
        save(tmp_path / "more", {}, more)
    fewer = told.training.model_copy(update={"bars": (LATER,)})
    with pytest.raises(ConfigInvalid, match="trained on bars that the ensemble's card does not tell of"):
        save(tmp_path / "fewer", {}, told.model_copy(update={"training": fewer}))


def test_an_ensemble_is_no_member_and_no_ensemble_has_weights(tmp_path: Path, members: list[Path]) -> None:
    join(tmp_path / "all", members[:2])
    with pytest.raises(ConfigInvalid, match="is an ensemble itself"):
        join(tmp_path / "more", [members[2], tmp_path / "all"])
    told = load(tmp_path / "all", pinned_sha256=None).card
    with pytest.raises(InputInvalid, match="no policy with this card has it"):
        save(tmp_path / "heavy", tensors(card()), told)


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        ({"hidden": ()}, "an ensemble has members and no hidden layers"),
        ({"members": [{"name": "one", "sha256": "ab" * 32}]}, "an ensemble has members and no hidden layers"),
        ({"hidden": (), "members": [{"name": "../one", "sha256": "ab" * 32}]}, "the name of a folder beside this one"),
        ({"hidden": (), "members": [{"name": n, "sha256": "ab" * 32} for n in "ab"]}, "names a checkpoint twice"),
    ],
)
def test_a_card_is_of_one_policy_or_of_an_ensemble(differs: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        card(**differs)


def test_what_lies_elsewhere_or_is_alone_is_not_joined(tmp_path: Path, members: list[Path]) -> None:
    with pytest.raises(InputInvalid, match="2 members or more"):
        join(tmp_path / "all", members[:1])
    (tmp_path / "below").mkdir()
    with pytest.raises(InputInvalid, match="does not lie beside"):
        join(tmp_path / "below/all", members)
    join(tmp_path / "all", members)
    with pytest.raises(InputInvalid, match="exists, and a checkpoint is not overwritten"):
        join(tmp_path / "all", members)
    assert checkpoints.load(tmp_path / "all", pinned_sha256=None).tensors == {}

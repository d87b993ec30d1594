import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gamma.errors import ConfigInvalid, InputInvalid
from gamma.ports import TradeSets, TradeSetsOrder
from models.size_picker import cutting, sets, store
from models.size_picker.form import SIZES, shown
from models.size_picker.sets import GoldSets
from tests.models.size_picker import drawn
from tests.models.size_picker.market_case import hours

NS_DAY = 86_400 * 10**9


@pytest.fixture(autouse=True)
def few_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sets, "PATHS", 8)
    monkeypatch.setattr(sets, "WEEKS", 40)


def order(out: Path, **changed: object) -> TradeSetsOrder:
    asked: dict[str, object] = {
        "seed": 1, "small": 120, "mid": 120, "big": 120, "balanced": 80, "remainder": 100, "natural": 400,
    }  # fmt: skip
    return TradeSetsOrder(out=out, **(asked | changed))  # type: ignore[arg-type]


def made(out: Path, **changed: object) -> Path:
    assert list(GoldSets().make(order(out, **changed)))[-1].done == 1
    return out


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sets, "PATHS", 8)
        patch.setattr(sets, "WEEKS", 40)
        return made(tmp_path_factory.mktemp("sets") / "gold")


def test_the_maker_of_sets_comes_in_by_its_port() -> None:
    maker: TradeSets = GoldSets()
    assert isinstance(maker, TradeSets)


def test_each_set_has_as_many_of_each_class_as_was_asked(folder: Path) -> None:
    parts = {name: store.load(folder, name) for name in ("balanced", "remainder", "left", "all", "natural")}
    assert {name: len(trades) for name, trades in parts.items()} == {
        "balanced": 240, "remainder": 100, "left": 20, "all": 360, "natural": 400,
    }  # fmt: skip
    assert np.bincount(store.classes(parts["balanced"].returns)).tolist() == [80, 80, 80]
    assert np.bincount(store.classes(parts["all"].returns)).tolist() == [120, 120, 120]
    assert (parts["natural"].weights == 1).all()


def test_weighted_shares_are_those_of_trades_as_they_come(folder: Path) -> None:
    natural = list(store.manifest_of(folder)["natural_shares"].values())
    for part in ("all", "balanced", "remainder"):
        trades = store.load(folder, part)
        shares = np.bincount(store.classes(trades.returns), weights=trades.weights) / len(trades)
        np.testing.assert_allclose(shares, natural)
        assert trades.weights.mean() == pytest.approx(1.0)


def test_the_best_size_is_the_smallest_of_those_with_the_largest_return() -> None:
    returns = np.full((4, SIZES), np.nan)
    returns[:, 0] = 0.0
    returns[0, 1:11] = -0.1
    returns[1, 1:12] = np.linspace(0.01, 0.11, 11)
    returns[2, 1:] = 0.05
    returns[3, 1:] = np.linspace(0.01, 0.3, 30)
    assert store.best_lots(returns).tolist() == [0, 11, 1, 30]
    assert store.classes(returns).tolist() == [0, 1, 0, 2]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_in_another_process(folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from models.size_picker import sets; sets.PATHS, sets.WEEKS = 8, 40\n"
        "from gamma.ports import TradeSetsOrder\n"
        "o = TradeSetsOrder(out=Path(sys.argv[1]), seed=1, small=120, mid=120, big=120, balanced=80, remainder=100,"
        " natural=400)\n"
        "list(sets.GoldSets().make(o))"
    )
    other = tmp_path / "other"
    subprocess.run([sys.executable, "-c", code, other], check=True)
    for path in folder.iterdir():
        assert (other / path.name).read_bytes() == path.read_bytes()
    assert sorted(path.name for path in other.iterdir()) == sorted(path.name for path in folder.iterdir())


def test_another_seed_gives_other_trades(folder: Path, tmp_path: Path) -> None:
    other = store.load(made(tmp_path / "other", seed=2))
    assert not np.array_equal(other.adverse_frac, store.load(folder).adverse_frac)


def test_what_is_read_is_what_a_model_can_be_shown(folder: Path) -> None:
    trades = store.load(folder)
    seen = shown(trades)
    assert np.isfinite(seen.candles).all()
    assert ((trades.equity_usd >= 200) & (trades.equity_usd <= 5_000)).all()
    assert (seen.leverage[seen.allowed] <= 20.000001).all()
    assert (trades.returns[:, 0] == 0).all()
    assert ((trades.bars_held >= 1) & (trades.bars_held <= 500)).all()
    assert (trades.ts_exit_utc_ns > trades.ts_entry_utc_ns).all()
    lost = trades.ruined & trades.allowed
    assert lost.any()
    assert (trades.returns[lost] < -0.69).all()


def test_real_bars_give_their_trades_as_they_come(tmp_path: Path) -> None:
    series = hours(weeks=30)[0]
    trades = store.load(made(tmp_path / "real", bars=(series,), sources=("hours.csv",)))
    assert len(trades) > 100
    assert (np.diff(trades.ts_entry_utc_ns) >= 0).all()
    assert (trades.weights == 1).all()
    assert set(trades.ts_entry_utc_ns.tolist()) <= set(series.ts_open_utc_ns.tolist())
    assert store.manifest_of(tmp_path / "real")["sources"] == ["hours.csv"]


def test_no_trade_spans_a_hole_in_the_bars_and_the_hole_is_told(tmp_path: Path) -> None:
    first, later = (hours(weeks=12, seed=seed)[0] for seed in (1, 2))
    moved = 200 * NS_DAY
    later = replace(later, ts_open_utc_ns=later.ts_open_utc_ns + moved, ts_close_utc_ns=later.ts_close_utc_ns + moved)
    trades = store.load(made(tmp_path / "real", bars=(later, first), sources=("b.csv", "a.csv")))
    told = store.manifest_of(tmp_path / "real")
    assert told["notes"] == ["a hole from 2006-03-24 to 2006-07-20: no trade spans it"]
    before = trades.ts_entry_utc_ns < later.ts_open_utc_ns[0]
    assert before.any()
    assert (trades.ts_exit_utc_ns[before] < first.ts_close_utc_ns[-1]).all()


def test_of_files_that_overlap_each_hour_is_taken_once() -> None:
    whole = hours(weeks=6)[0]
    joined = cutting.together([whole.rows(slice(300, None)), whole.rows(slice(0, 400))])
    np.testing.assert_array_equal(joined.ts_open_utc_ns, whole.ts_open_utc_ns)
    np.testing.assert_array_equal(joined.close_points, whole.close_points)


def test_what_lies_after_a_file_within_another_is_kept() -> None:
    whole = hours(weeks=6)[0]
    within = cutting.together([whole, whole.rows(slice(100, 200)), whole.rows(slice(150, 300))])
    np.testing.assert_array_equal(within.ts_open_utc_ns, whole.ts_open_utc_ns)
    np.testing.assert_array_equal(within.close_points, whole.close_points)


def changed_file(folder: Path) -> None:
    path = folder / "balanced-00.npz"
    held = bytearray(path.read_bytes())
    held[1_000] ^= 1
    path.write_bytes(held)


def changed_manifest(folder: Path) -> None:
    path = folder / store.MANIFEST
    path.write_text(path.read_text().replace('"seed": 1', '"seed": 2'))


def later_format(folder: Path) -> None:
    path = folder / store.MANIFEST
    told = json.loads(path.read_text()) | {"format": 2}
    told.pop("sha256")
    path.write_text(json.dumps(told | {"sha256": store._of_text(told)}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed_file, "balanced-00.npz: is not what was made"),
        (changed_manifest, "manifest.json: was changed since it was made"),
        (lambda folder: (folder / "balanced-00.npz").unlink(), "balanced-00.npz: is in the manifest, and not in"),
        (lambda folder: (folder / store.MANIFEST).unlink(), "holds no set of trades"),
        (lambda folder: (folder / store.MANIFEST).write_text("[]"), "holds no set of trades"),
        (later_format, "format is 2, this gamma reads 1"),
    ],
)
def test_what_was_changed_in_a_folder_is_named(
    folder: Path, tmp_path: Path, change: Callable[[Path], object], said: str
) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    change(copy)
    with pytest.raises(InputInvalid, match=said):
        store.load(copy, "balanced")
    with pytest.raises(InputInvalid, match=said):
        GoldSets().told(copy)


def test_a_part_that_is_not_there_names_those_that_are(folder: Path) -> None:
    with pytest.raises(InputInvalid, match=r"no part 'small'; it has balanced, remainder, left, natural, all"):
        store.load(folder, "small")


def test_the_terms_of_a_set_are_those_that_were_asked_for(tmp_path: Path) -> None:
    trades = store.load(made(tmp_path / "gold", natural=0, terms={"reading": "B", "leverage": 10.0}))
    level = shown(trades)
    with np.errstate(divide="ignore"):
        expected = 1 / level.leverage - 0.3 / 10
    np.testing.assert_allclose(level.ruin_frac[:, 1:], expected[:, 1:], rtol=1e-6)
    assert level.leverage[level.allowed].max() <= 10.000001


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"reading": "C"}, "reading"),
        ({"spread": 1.0}, "spread"),
        ({"reading": "floor"}, "liquidated by reading A or B"),
        ({"lots_max": 10.0}, "0 to 30 lots"),
    ],
)
def test_terms_that_no_broker_of_gold_has_are_refused_by_name(
    tmp_path: Path, terms: dict[str, object], said: str
) -> None:
    with pytest.raises((InputInvalid, ConfigInvalid), match=said):
        made(tmp_path / "gold", terms=terms)


def test_whoever_stops_listening_leaves_no_folder_behind(tmp_path: Path) -> None:
    making = GoldSets().make(order(tmp_path / "gold"))
    next(iter(making))
    making.close()  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"balanced": 121}, "--balanced 121: of a class there are 120 trades"),
        ({"remainder": 121}, "--remainder 121: 120 trades are not in the balanced set"),
        ({"bars": (hours(weeks=1)[0],), "sources": ("short.csv",)}, "short.csv: no trade fits into 115 bars"),
    ],
)
def test_what_cannot_be_made_is_refused_by_name(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    with pytest.raises(InputInvalid, match=said):
        made(tmp_path / "gold", **changed)
    assert list(tmp_path.iterdir()) == []


def test_a_class_that_hardly_comes_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sets, "CHUNKS_MAX", 1)
    with pytest.raises(InputInvalid, match="--mid: so few trades of it come"):
        made(tmp_path / "gold", mid=10_000)


def test_what_is_weighed_without_a_class_has_weights_of_the_others() -> None:
    returns = np.zeros((3, SIZES))
    returns[2, 30] = 1.0
    three = replace(drawn.trades(3, seed=1), returns=returns)
    weighed = store.weighed(three, {"small": 0.5, "mid": 0.3, "big": 0.2})
    np.testing.assert_allclose(weighed.weights, [3 * 5 / 14, 3 * 5 / 14, 3 * 4 / 14])

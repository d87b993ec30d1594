"""Trades of a micro of an index, above a floor: drawn, kept, learned from and judged as those of gold are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gamma.errors import InputInvalid
from gamma.ports import PickerCalibration, PickerTraining, TradeSetsOrder
from models.size_picker import accounts, checkpoints, market, sets, store
from models.size_picker.broker import Placed, Terms, nights, simulated
from models.size_picker.form import shown
from models.size_picker.judging import Judge
from models.size_picker.sets import GoldSets
from models.size_picker.training import GoldTrainer
from tests.models.size_picker.broker_case import seen_by_broker
from tests.models.size_picker.market_case import hours

PARTS = {"small": 40, "mid": 10, "big": 20, "balanced": 8, "remainder": 10, "natural": 150}


def order(out: Path, **changed: object) -> TradeSetsOrder:
    asked: dict[str, object] = {"seed": 1, "symbol": "MNQ", "market": market.GOLD, **PARTS}
    return TradeSetsOrder(out=out, **(asked | changed))  # type: ignore[arg-type]


def made(asked: TradeSetsOrder) -> Path:
    with pytest.MonkeyPatch.context() as few:
        few.setattr(sets, "PATHS", 8)
        few.setattr(sets, "WEEKS", 40)
        list(GoldSets().make(asked))
    return asked.out


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(order(tmp_path_factory.mktemp("micro") / "mnq"))


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(order(tmp_path_factory.mktemp("gold") / "gold", symbol="XAU_USD", market=None))


def test_a_floor_is_kept_with_each_trade_and_ruins_as_the_broker_of_a_floor_says(folder: Path) -> None:
    trades = store.load(folder, "natural")
    assert store.symbol_of(folder) == "MNQ"
    room_usd = trades.equity_usd - trades.floor_usd
    low, high = accounts.PROP_ROOM_USD
    assert ((room_usd > low * 0.999) & (room_usd < high * 1.001)).all()
    worth_usd = 2.0 * np.arange(1, 31) * trades.price_usd[:, None]
    np.testing.assert_allclose(trades.ruin_frac[:, 1:], room_usd[:, None] / worth_usd, rtol=1e-7)
    np.testing.assert_allclose(shown(trades).leverage[:, 1:], worth_usd / trades.equity_usd[:, None], rtol=1e-9)
    assert trades.allowed.all()


def test_every_size_is_what_a_broker_of_a_floor_makes_of_it_bar_by_bar(tmp_path: Path) -> None:
    series = hours(weeks=60, seed=3)[0]
    cut = made(order(tmp_path / "cut", market=None, bars=(series,), sources=("hours.csv",)))
    trades, terms = store.load(cut), accounts.terms_of("MNQ", {})
    bars, place = seen_by_broker(series), {ts: row for row, ts in enumerate(series.ts_open_utc_ns.tolist())}
    assert trades.ruined.any()
    for row in np.random.default_rng(1).permutation(len(trades))[:12].tolist():
        one = Placed(
            side=int(trades.side[row]),
            entry_bar=place[int(trades.ts_entry_utc_ns[row])],
            exit_bar=place[int(trades.ts_exit_utc_ns[row])],
            equity_usd=float(trades.equity_usd[row]),
            spread_frac=float(trades.spread_frac[row]),
            floor_usd=float(trades.floor_usd[row]),
        )
        ends = [simulated(bars, one, lots, terms) for lots in range(31)]
        assert [end.liquidated for end in ends] == trades.ruined[row].tolist()
        assert trades.returns[row] == pytest.approx([end.return_frac for end in ends], rel=1e-5, abs=1e-6)


def test_a_trade_above_a_floor_is_over_by_the_first_open_of_the_next_session(folder: Path) -> None:
    trades = store.load(folder, "natural")
    assert (trades.bars_held >= 1).all()
    assert (trades.bars_held <= 23).all()
    inside = nights(trades.ts_entry_utc_ns + (trades.bars_held.astype(np.int64) - 1) * 3_600 * 10**9)
    assert (inside == nights(trades.ts_entry_utc_ns)).all()


def test_gold_has_no_floor_and_its_trades_last_over_nights(gold: Path) -> None:
    trades = store.load(gold, "natural")
    assert store.symbol_of(gold) == "XAU_USD"
    assert not trades.floor_usd.any()
    assert (trades.bars_held > 23).any()


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"symbol": "NQ"}, "--symbol NQ"),
        ({"symbol": "XAU_EUR"}, "--symbol XAU_EUR"),
        ({"market": None}, "name a --market"),
        ({"terms": {"reading": "A"}}, "above a floor"),
        ({"terms": {"ounces_per_lot": 20.0}}, "above a floor"),
        ({"terms": {"lots_max": 12}}, "0 to 30 lots"),
    ],
)
def test_what_is_no_trade_of_a_micro_is_refused(changed: dict[str, object], named: str, tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match=named):
        made(order(tmp_path / "none", **changed))


def test_the_terms_of_a_micro_are_its_ticks_and_its_commission_and_may_differ() -> None:
    usual, wide = accounts.terms_of("MNQ", {}), accounts.terms_of("MNQ", {"spread_frac": 0.0001})
    assert (usual.reading, usual.ounces_per_lot, usual.swap_long_frac, wide.spread_frac) == ("floor", 2.0, 0.0, 0.0001)
    assert wide == usual.model_copy(update={"spread_frac": 0.0001})
    assert 0 < usual.spread_frac < Terms().spread_frac


def trained(out: Path, simulated_in: Path, *real: Path) -> Path:
    asked = PickerTraining(
        model="v3", sets=simulated_in, real=real, out=out, seed=1, epochs=1, real_frac=0.1, code_commit="unknown"
    )
    GoldTrainer().train(asked, lambda _: True)
    return out


def test_a_picker_is_of_the_market_of_its_trades_and_judges_no_other(folder: Path, gold: Path, tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="MNQ and XAU_USD"):
        trained(tmp_path / "both", folder, gold)
    picker = trained(tmp_path / "v3", folder)
    assert checkpoints.load(picker, pinned_sha256=None).card.markets == ("MNQ",)
    asked = PickerCalibration(picker=picker, trades=(gold,), out=tmp_path / "right")
    with pytest.raises(InputInvalid, match="of XAU_USD, the picker is of MNQ"):
        Judge().calibrate(asked)
    Judge().calibrate(replace(asked, trades=(folder,)))
    assert checkpoints.load(asked.out, pinned_sha256=None).card.calibration is not None

import math
from typing import Any

import pytest
from pydantic import ValidationError

from gamma.exits import atr_stop_points
from sizers.atr_risk import AtrRisk, DrawdownScale
from sizers.contract_cap import ContractCap
from sizers.fixed import Fixed
from tests.sizers.sized import facts, in_market, sized

FREE = AtrRisk(include_costs=False)

# Market, ATR and stop in points, room and stop in usd, raw lots, lots: balance 50,000, without costs.
TABLE = [
    ("NQ", 10, 2_500, 15.0, 300.0, 1.667, 1),
    ("MNQ", 10, 2_500, 15.0, 30.0, 16.67, 12),
    ("MNQ", 40, 2_500, 60.0, 120.0, 4.167, 4),
    ("MNQ", 40, 100, 60.0, 120.0, 0.75, 0),
    ("MNQ", 40, 0, 60.0, 120.0, 0.0, 0),
    ("MES", 8, 2_500, 12.0, 60.0, 8.333, 8),
    ("ES", 8, 2_500, 10.0, 500.0, 1.0, 1),
    ("M2K", 5, 300, 7.5, 37.5, 7.2, 7),
]


def view_of(symbol: str, atr: float, room: float = 2_500.0, **overrides: Any) -> Any:
    account = {"floor_usd": 50_000.0 - room, **overrides.pop("account", {})}
    return in_market(symbol, account=account, market={"atr_points": atr, **overrides.pop("market", {})}, **overrides)


@pytest.mark.parametrize(("symbol", "atr", "room", "stop", "stop_usd", "raw", "lots"), TABLE)
def test_the_table_of_cases(
    *, symbol: str, atr: float, room: float, stop: float, stop_usd: float, raw: float, lots: int
) -> None:
    view = view_of(symbol, atr, room)
    told = facts(view, FREE)
    assert told["stop_points"] == stop
    assert told["risk_usd_per_lot"] == stop_usd
    assert told["raw_lots"] == pytest.approx(raw, abs=5e-3)
    assert sized(view, FREE, ContractCap()).lots == lots
    assert lots * stop_usd <= 500.0


def test_costs_are_part_of_the_risk_of_a_lot() -> None:
    view = view_of("MNQ", 40)  # 60 points of 2 usd, two commissions of 0.60 and two ticks of 0.50
    assert facts(view, AtrRisk())["risk_usd_per_lot"] == pytest.approx(122.2)
    assert facts(view_of("ES", 8), AtrRisk())["risk_usd_per_lot"] == pytest.approx(530.0)
    assert sized(view_of("ES", 8), AtrRisk()).lots == 0


def test_it_tells_every_number_behind_the_answer() -> None:
    assert facts(view_of("MNQ", 40), FREE) == {
        "balance_usd": 50_000.0,
        "room_usd": 2_500.0,
        "atr_points": 40.0,
        "atr_stop_points": 60.0,
        "stop_points": 60.0,
        "multiplier_usd_per_point": 2.0,
        "cost_usd_per_lot": 0.0,
        "risk_usd_per_lot": 120.0,
        "scale": 1.0,
        "budget_usd": 500.0,
        "raw_lots": pytest.approx(500 / 120),
        "lots_max": 12.0,
        "reason": "ok",
    }


def test_a_small_balance_binds_before_the_loss_limit() -> None:
    view = view_of("MNQ", 40, account={"balance_usd": 24_000.0})
    assert facts(view, FREE)["budget_usd"] == 240.0
    assert sized(view, FREE).lots == 2


@pytest.mark.parametrize(
    ("atr", "lots", "reason"), [(13.333, 1, "ok"), (13.34, 0, "stop_shrunk"), (40.0, 0, "stop_shrunk")]
)
def test_a_stop_cut_to_less_than_half_is_refused(atr: float, lots: int, reason: str) -> None:
    found = sized(view_of("ES", atr), FREE)  # 1.5 * 13.333 = 20 points wanted, 10 allowed
    assert (found.lots, found.steps[0].reason) == (lots, reason)


def test_the_markets_cap_holds_even_without_the_cap_sizer() -> None:
    found = sized(view_of("MNQ", 10), FREE)
    assert (found.lots, found.steps[0].reason) == (12, "cap")


def test_less_than_one_lot_says_that_the_budget_bound() -> None:
    assert sized(view_of("MNQ", 40, 100), FREE).steps[0].reason == "budget"


def test_a_breached_floor_has_a_budget_of_nothing() -> None:
    view = view_of("MNQ", 40, -10)
    assert sized(view, FREE).lots == 0
    assert facts(view, FREE)["budget_usd"] == 0.0


def test_an_account_without_a_floor_has_no_room_rule() -> None:
    view = view_of("MNQ", 40, account={"floor_usd": math.nan})
    assert sized(view, FREE).lots == 4
    found = sized(view, AtrRisk(include_costs=False, require_floor=True))
    assert (found.lots, found.steps[0].reason) == (0, "input_missing")
    assert found.invalid.startswith("account.floor_usd is unknown")


def test_without_a_floor_an_unknown_equity_still_closes() -> None:
    view = view_of("MNQ", 40, account={"floor_usd": math.nan, "equity_usd": math.nan})
    assert sized(view, FREE).lots == 0


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("atr_points", math.nan, "market.atr_points is unknown (nan): wait until enough bars"),
        ("atr_points", 0.0, "market.atr_points = 0: must be above 0"),
        ("multiplier_usd_per_point", -2.0, "market.multiplier_usd_per_point = -2: must be above 0"),
        ("cost_usd_per_lot", math.nan, "market.cost_usd_per_lot is unknown"),
        ("cost_usd_per_lot", -1.0, "market.cost_usd_per_lot = -1: must be 0 or more"),
        ("lots_max", math.nan, "market.lots_max is unknown"),
    ],
)
def test_a_senseless_market_is_an_error_that_names_the_field(field: str, value: float, said: str) -> None:
    found = sized(view_of("MNQ", 40, market={field: value}), AtrRisk())
    assert found.lots == 0
    assert found.invalid.startswith(said)


@pytest.mark.parametrize("field", ["balance_usd", "equity_usd"])
def test_an_unknown_account_closes(field: str) -> None:
    found = sized(view_of("MNQ", 40, account={field: math.nan}), AtrRisk())
    assert found.lots == 0
    assert found.invalid.startswith(f"account.{field} is unknown")


@pytest.mark.parametrize(
    ("left", "scale"), [(1.2, 1.0), (1.0, 1.0), (0.5, 1.0), (0.375, 0.625), (0.25, 0.25), (0.1, 0.25), (0.0, 0.25)]
)
def test_the_drawdown_scale_falls_linearly_from_half_the_room_to_a_quarter(left: float, scale: float) -> None:
    assert DrawdownScale()(left) == pytest.approx(scale)
    view = view_of("MNQ", 40, 2_500 * left)
    assert facts(view, AtrRisk(drawdown_scale=DrawdownScale()))["scale"] == pytest.approx(scale)


def test_the_drawdown_scale_shrinks_the_size() -> None:
    scaled = AtrRisk(include_costs=False, drawdown_scale=DrawdownScale())
    assert sized(view_of("MNQ", 40, 1_250), scaled).lots == 4
    assert sized(view_of("MNQ", 40, 937.5), scaled).lots == 2  # 0.625 * 4.167 = 2.6


def test_the_drawdown_scale_needs_the_room_that_there_was_at_the_start() -> None:
    scaled = AtrRisk(drawdown_scale=DrawdownScale())
    found = sized(view_of("MNQ", 40, account={"floor_room_start_usd": math.nan}), scaled)
    assert found.lots == 0
    assert found.invalid.startswith("account.floor_room_start_usd is unknown")
    without = view_of("MNQ", 40, account={"floor_usd": math.nan, "floor_room_start_usd": math.nan})
    assert sized(without, scaled).lots == 4


def test_a_drawdown_scale_upside_down_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"least_frac = 0\.6 must be below full_frac = 0\.5"):
        DrawdownScale(least_frac=0.6)


def test_after_a_smaller_proposal_it_changes_nothing() -> None:
    found = sized(view_of("MNQ", 40), Fixed(lots=2), FREE)
    assert (found.lots, found.bound_by) == (2, "Fixed")


def test_the_stop_is_the_one_that_a_strategy_sets() -> None:
    assert atr_stop_points(40.0, 2.0) == 60.0
    assert atr_stop_points(8.0, 50.0) == 10.0
    assert math.isnan(atr_stop_points(math.nan, 2.0))

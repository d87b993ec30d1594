"""The published table of half-Kelly cases, T1 to T21, and the rules around it."""

import math
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from gamma.kelly import kelly_of_statistics
from gamma.sizing import fraction_lots
from sizers.half_kelly import HalfKelly
from tests.sizers.sized import facts, sized, traded

T3 = [100.0] * 7 + [-50.0] * 3
ASIDE = HalfKelly(on_no_edge="stand_aside")

# Case, balance, trades per lot, risk of a lot, lots with the minimum, lots standing aside.
TABLE: list[tuple[str, float, list[float], float, int, int]] = [
    ("T1", 19_995.0, [56.0] * 11 + [-1177 / 34] * 34, 250.0, 1, 0),
    ("T2", 20_000.0, [100.0] * 7 + [-50.0] * 2, 250.0, 1, 1),
    ("T3", 20_000.0, T3, 250.0, 3, 3),
    ("T4", 10_000.0, T3, 250.0, 3, 3),
    ("T5", 9_999.99, T3, 250.0, 0, 0),
    ("T6", 9_999.0, [100.0] * 2, 250.0, 0, 0),
    ("T7", 20_000.0, [100.0] * 5 + [-90.0] * 5, 250.0, 2, 2),
    ("T8", 20_000.0, [100.0] * 5 + [-90.2] * 5, 250.0, 1, 1),
    ("T9", 20_000.0, [100.0] * 5 + [-98.0] * 5, 250.0, 1, 1),
    ("T10", 20_000.0, [100.0] * 5 + [-100.0] * 5, 250.0, 1, 0),
    ("T11", 20_000.0, [100.0] * 10, 250.0, 3, 3),
    ("T12", 20_000.0, [-100.0] * 10, 250.0, 1, 0),
    ("T13", 20_000.0, [0.0] * 10, 250.0, 1, 0),
    ("T14", 20_000.0, [100.0] * 5 + [-50.0] * 4 + [0.0], 900.0, 3, 3),
    ("T15", 20_000.0, [1000.0] * 10 + [100.0] * 20 + [-100.0] * 30, 250.0, 1, 0),
    ("T16", 20_000.0, [100.0] * 5 + [-46.0] * 5, 900.0, 3, 3),
    ("T17", 20_000.0, [100.0] * 5 + [-46.2] * 5, 900.0, 2, 2),
    ("T18", 50_000.0, T3, 250.0, 3, 3),
]
# Case, Kelly fraction, lots before they are floored.
KELLY: list[tuple[str, float, float]] = [
    ("T3", 0.55, 22.0),
    ("T4", 0.55, 11.0),
    ("T7", 0.05, 2.0),
    ("T8", 0.049, 1.96),
    ("T9", 0.01, 0.40),
    ("T10", 0.0, 0.0),
    ("T11", 1.0, 40.0),
    ("T14", 0.30, 10 / 3),
    ("T16", 0.27, 3.0),
    ("T17", 0.269, 2.98888889),
    ("T18", 0.55, 55.0),
]
CASES = {case: (balance, pnl, risk) for case, balance, pnl, risk, _, _ in TABLE}


def view_of(balance: float, pnl: list[float], risk: float, **overrides: Any) -> Any:
    account = {"balance_usd": balance, "equity_usd": balance}
    return traded(pnl, account=account, signal={"risk_usd_per_lot": risk}, **overrides)


@pytest.mark.parametrize(("case", "balance", "pnl", "risk", "minimum", "aside"), TABLE, ids=[r[0] for r in TABLE])
def test_the_table_of_cases(
    *, case: str, balance: float, pnl: list[float], risk: float, minimum: int, aside: int
) -> None:
    view = view_of(balance, pnl, risk)
    assert sized(view, HalfKelly()).lots == minimum, case
    assert sized(view, ASIDE).lots == aside, case


@pytest.mark.parametrize(("case", "kelly", "raw"), KELLY, ids=[r[0] for r in KELLY])
def test_the_kelly_fraction_and_the_raw_lots_of_the_table(case: str, kelly: float, raw: float) -> None:
    told = facts(view_of(*CASES[case]), HalfKelly())
    assert told["kelly_frac"] == pytest.approx(kelly, abs=1e-12)
    assert told["raw_lots"] == pytest.approx(raw, abs=1e-8)


@pytest.mark.parametrize(("case", "kelly"), [("T1", -0.2226190), ("T15", -0.20)])
def test_a_record_that_loses_has_a_negative_kelly_fraction(case: str, kelly: float) -> None:
    told = facts(view_of(*CASES[case]), HalfKelly())
    assert told["kelly_frac"] == pytest.approx(kelly, abs=1e-7)
    assert told["budget_usd"] == 0.0
    assert told["reason"] == "no_edge"


def test_t9_without_a_minimum_is_no_trade() -> None:
    assert sized(view_of(*CASES["T9"]), HalfKelly(min_lots=0)).lots == 0


@pytest.mark.parametrize("risk", [0.0, -50.0, math.nan, math.inf])
def test_t19_a_senseless_risk_is_an_error_that_names_it(risk: float) -> None:
    found = sized(view_of(20_000.0, T3, risk), HalfKelly())
    assert found.lots == 0
    assert found.invalid.startswith("signal.risk_usd_per_lot")
    assert "--risk" in found.invalid


@pytest.mark.parametrize("balance", [math.nan, math.inf, -math.inf, 0.0, -1.0])
def test_t20_a_senseless_balance_is_an_error_that_names_it(balance: float) -> None:
    found = sized(view_of(balance, T3, 250.0), HalfKelly())
    assert found.lots == 0
    assert found.invalid.startswith("account.balance_usd")


def test_t21_statistics_in_place_of_trades() -> None:
    kelly = kelly_of_statistics(0.732, 4.63)
    assert kelly == pytest.approx(0.573901, abs=5e-7)
    assert fraction_lots(20_000.0, kelly / 2, 250.0) == pytest.approx(22.956, abs=5e-4)


def test_statistics_without_a_profit_factor_have_no_edge_to_divide_by() -> None:
    assert kelly_of_statistics(0.4, 0.0) == 0.4  # no losses are known: K = W, as with a record


def test_it_tells_every_number_behind_the_answer() -> None:
    told = dict(facts(view_of(*CASES["T14"]), HalfKelly()))
    assert told.pop("raw_lots") == pytest.approx(10 / 3)
    assert told.pop("kelly_frac") == pytest.approx(0.3)
    assert told.pop("half_kelly_frac") == pytest.approx(0.15)
    assert told.pop("budget_usd") == pytest.approx(3_000.0)
    assert told == {
        "balance_usd": 20_000.0,
        "trades": 10,
        "wins": 5,
        "losses": 4,
        "scratches": 1,
        "win_frac": 0.5,
        "win_mean_usd": 100.0,
        "loss_mean_usd": 50.0,
        "risk_usd_per_lot": 900.0,
        "max_lots": 3,
        "halt_below_usd": 10_000.0,
        "halted": False,
        "bootstrap": False,
        "reason": "cap",
    }


@pytest.mark.parametrize(
    ("case", "reason"), [("T2", "bootstrap"), ("T5", "safety_halt"), ("T6", "safety_halt"), ("T7", "ok"), ("T3", "cap")]
)
def test_it_says_which_rule_decided(case: str, reason: str) -> None:
    assert facts(view_of(*CASES[case]), HalfKelly())["reason"] == reason


def test_the_halt_is_told_to_the_chain_and_equality_still_trades() -> None:
    assert sized(view_of(9_999.99, T3, 250.0), HalfKelly()).halted
    assert not sized(view_of(10_000.0, T3, 250.0), HalfKelly()).halted


def test_the_capital_of_the_configuration_goes_before_the_accounts() -> None:
    assert sized(view_of(20_000.0, T3, 250.0), HalfKelly(starting_capital_usd=50_000.0)).halted


def test_an_unknown_starting_capital_closes() -> None:
    view = traded(T3, account={"starting_capital_usd": math.nan})
    found = sized(view, HalfKelly())
    assert found.lots == 0
    assert found.invalid.startswith("account.starting_capital_usd is unknown")


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_trade_without_a_number_closes(broken: float) -> None:
    found = sized(view_of(20_000.0, [broken, *T3], 250.0), HalfKelly())
    assert found.lots == 0
    assert "track.trades" in found.invalid


def test_what_stands_before_the_record_is_padding() -> None:
    view = traded([math.nan] * 30 + T3, track={"trades": 10})
    assert sized(view, HalfKelly()).lots == 3
    assert facts(view, HalfKelly())["trades"] == 10


def test_only_the_last_fifty_trades_count() -> None:
    assert facts(traded([-1000.0] * 20 + [100.0] * 50), HalfKelly())["losses"] == 0


def test_an_empty_record_is_a_bootstrap_of_one_lot() -> None:
    assert sized(traded([]), HalfKelly()).lots == 1
    assert sized(traded([]), HalfKelly(bootstrap_trades=0, on_no_edge="stand_aside")).lots == 0


def test_a_count_of_trades_that_is_no_number_closes() -> None:
    assert sized(traded(T3, track={"trades": math.nan}), HalfKelly()).lots == 0


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"min_lots": 4}, "min_lots = 4 is above max_lots = 3"),
        ({"bootstrap_trades": 60}, "bootstrap_trades = 60 is above rolling_window = 50"),
        ({"fraction": 1.5}, "less than or equal to 1"),
        ({"lookback": 5}, "Extra inputs are not permitted"),
    ],
)
def test_a_senseless_configuration_is_refused(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        HalfKelly(**params)


def test_numpy_numbers_size_like_plain_ones() -> None:
    view = traded(T3, account={"balance_usd": np.float64(20_000.0)}, signal={"risk_usd_per_lot": np.float32(250.0)})
    assert sized(view, HalfKelly()).lots == 3

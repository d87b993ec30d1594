"""Guards that measure money at risk or tied up: per trade, in all, by market, and what stays free."""

from dataclasses import replace

import pytest

from gamma.guards.cash_buffer import CashBuffer
from gamma.guards.concentration import Concentration
from gamma.guards.gross_risk import GrossRisk
from gamma.guards.risk_per_trade import RiskPerTrade
from gamma.markets import Kind
from gamma.reasons import Reason
from gamma.sizing import chain_lots
from gamma.views import View
from sizers.cash_buffer import CashBuffer as SizedByCash
from tests.views_example import example_order, example_view

NAN = float("nan")
PER_TRADE = RiskPerTrade(equity_frac=0.02, room_frac=0.20)
GROSS = GrossRisk(equity_frac=0.06)
CONCENTRATION = Concentration(portfolio_frac=0.20)
CASH = CashBuffer(cash_min_usd=50, margin_frac_max=0.5)


def _event(**account: float) -> View:
    """YES at 40 cents, costs of 4 cents a contract."""
    market = {
        "symbol": "KXTEST",
        "kind": Kind.EVENT,
        "multiplier_usd_per_point": 0.01,
        "price_points": 40.0,
        "cost_usd_per_lot": 0.04,
        "margin_usd_per_lot": 0.40,
    }
    return example_view(market=market, account=account, position={"portfolio_usd": 1_000.0})


def test_one_trade_risks_a_fifth_of_the_room_where_that_is_less_than_its_share_of_equity() -> None:
    # Room 2,500 * 0.20 = 500; 2 % of 50,000 = 1,000. 500 / 122.20 = 4.09.
    verdict = PER_TRADE(example_view(), example_order(lots=8))
    assert (verdict.lots, verdict.reason) == (4, Reason.RISK_PER_TRADE)
    assert verdict.facts["limit"] == 500.0


def test_one_trade_risks_its_share_of_equity_where_there_is_much_room() -> None:
    # 1,000 / 122.20 = 8.18.
    view = example_view(account={"floor_usd": 30_000.0})
    assert PER_TRADE(view, example_order(lots=12)).lots == 8
    assert PER_TRADE(view, example_order(lots=8)).reason is Reason.OK


def test_a_worst_case_of_exactly_the_budget_loses_no_lot() -> None:
    # 1,000 / 100 = 10 exactly.
    view = example_view(account={"floor_usd": 30_000.0}, signal={"risk_usd_per_lot": 100.0})
    assert PER_TRADE(view, example_order(lots=12)).lots == 10


def test_an_account_without_a_floor_says_so() -> None:
    no_floor = RiskPerTrade(equity_frac=0.02, room_frac="no_floor")
    view = example_view(account={"floor_usd": NAN})
    assert no_floor(view, example_order(lots=12)).lots == 8
    assert PER_TRADE(view, example_order(lots=12)).reason is Reason.INPUT_MISSING
    assert no_floor.reading(view) == {"limit": 1_000.0}


def test_no_room_no_trade() -> None:
    assert PER_TRADE(example_view(account={"equity_usd": 47_000.0}), example_order()).lots == 0


@pytest.mark.parametrize("risk_usd", [NAN, 0.0, -1.0])
def test_a_trade_of_unknown_worst_case_is_not_made(risk_usd: float) -> None:
    view = example_view(signal={"risk_usd_per_lot": risk_usd})
    assert PER_TRADE(view, example_order()).reason is Reason.INPUT_MISSING


def test_unknown_equity_makes_no_trade() -> None:
    assert PER_TRADE(example_view(account={"equity_usd": NAN}), example_order()).reason is Reason.INPUT_MISSING


def test_all_worst_cases_together_stay_within_six_percent() -> None:
    # 6 % of 50,000 is 3,000; 4 lots at 122.20 are 488.80; 3,000 - 488.80 = 2,511.20.
    assert GROSS(example_view(account={"gross_risk_usd": 2_511.20}), example_order()).lots == 4
    verdict = GROSS(example_view(account={"gross_risk_usd": 2_511.21}), example_order())
    assert (verdict.lots, verdict.reason) == (0, Reason.GROSS_RISK)


def test_gross_risk_of_an_unknown_trade_is_unknown() -> None:
    view = example_view(signal={"risk_usd_per_lot": NAN})
    assert GROSS(view, example_order()).reason is Reason.INPUT_MISSING


def test_a_fifth_of_the_portfolio_in_margin() -> None:
    # 20 % of 50,000 is 10,000; a lot ties up 3,300: 3.03.
    assert CONCENTRATION(example_view(), example_order()).lots == 3


def test_what_the_family_ties_up_counts() -> None:
    # 10,000 - 4,400 (two MES) = 5,600: one more MNQ.
    view = example_view(position={"family_value_usd": 4_400.0})
    verdict = CONCENTRATION(view, example_order())
    assert (verdict.lots, verdict.reason) == (1, Reason.CONCENTRATION)


def test_an_option_spread_ties_up_its_largest_loss() -> None:
    # 10,000 / 2,300 = 4.3.
    view = example_view(
        market={"kind": Kind.OPTION_SPREAD, "margin_usd_per_lot": 0.0}, signal={"risk_usd_per_lot": 2_300.0}
    )
    assert CONCENTRATION(view, example_order(lots=9)).lots == 4


def test_no_is_what_yes_lacks_to_a_dollar() -> None:
    # 200 usd buy 500 YES at 40 cents, or 333 NO at 60.
    assert CONCENTRATION(_event(), example_order(market="KXTEST", lots=900)).lots == 500
    assert CONCENTRATION(_event(), example_order(market="KXTEST", lots=900, side=-1)).lots == 333


def test_a_limit_price_is_what_a_contract_costs() -> None:
    assert CONCENTRATION(_event(), example_order(market="KXTEST", lots=900, price_points=50.0)).lots == 400


@pytest.mark.parametrize("guard", [CONCENTRATION, CASH])
def test_a_lot_of_unknown_cost_is_not_bought(guard: Concentration | CashBuffer) -> None:
    spread = example_view(
        market={"kind": Kind.OPTION_SPREAD, "margin_usd_per_lot": 0.0}, signal={"risk_usd_per_lot": NAN}
    )
    assert guard(spread, example_order()).reason is Reason.INPUT_MISSING
    assert guard(example_view(position={"portfolio_usd": NAN}, account={"cash_usd": NAN}), example_order()).lots == 0


def test_fifty_dollars_stay_after_fees() -> None:
    # 440 usd: 1,055 at 40 cents cost 422.00 and a fee of 17.73 usd, one more 422.40 and 17.75.
    view = _event(cash_usd=500.0, pending_usd=10.0)
    verdict = CASH(view, example_order(market="KXTEST", lots=2_000))
    assert (verdict.lots, verdict.reason) == (1_055, Reason.CASH_BUFFER)
    assert CASH.reading(view) == {"limit": 50.0, "now": 490.0}


def test_no_cash_no_contract_but_those_that_close() -> None:
    broke, order = _event(cash_usd=40.0), example_order(market="KXTEST", lots=50)
    assert CASH(broke, order).lots == 0
    held = replace(broke, position=replace(broke.position, lots=-30))
    assert CASH(held, order).lots == 30


@pytest.mark.parametrize(
    ("side", "price", "cash_usd", "lots"),
    [
        (1, 50.0, 101.75, 100),  # 50.00 and a fee of 1.75; 50 usd stay
        (1, 50.0, 101.74, 99),
        (-1, 5.0, 69.07, 20),  # NO at 95 cents: 19.00 and 0.07
        (-1, 5.0, 69.06, 19),
        (1, 29.0, 50.31, 1),  # one at 29 cents, and 2 cents of fee
        (1, 29.0, 50.30, 0),
    ],
)
def test_the_guard_reckons_cost_and_fee_as_the_sizer_of_its_name_does(
    side: int, price: float, cash_usd: float, lots: int
) -> None:
    view = _event(cash_usd=cash_usd)
    view = replace(view, signal=replace(view.signal, side=side, price_points=price))
    order = example_order(market="KXTEST", lots=200, side=side, price_points=price)
    assert CASH(view, order).lots == lots
    assert chain_lots([SizedByCash()], view) == lots


def test_what_works_in_the_market_or_its_family_counts_as_held() -> None:
    # 10,000 - 3,300 held - 3,300 working = 3,400: one more; with 6,600 working in the family none.
    view = example_view(position={"market_value_usd": 3_300.0, "market_pending_usd": 3_300.0})
    assert CONCENTRATION(view, example_order()).lots == 1
    family = example_view(position={"family_value_usd": 3_300.0, "family_pending_usd": 6_600.0})
    assert (CONCENTRATION(family, example_order()).lots, CONCENTRATION.reading(family)["now"]) == (0, 9_900.0)


def test_margin_in_use_stays_within_half_of_equity() -> None:
    # 25,000 - 13,200 (in use) - 3,300 (working) = 8,500; 8,500 / 3,300 = 2.57.
    view = example_view(account={"margin_used_usd": 13_200.0, "pending_usd": 3_300.0})
    assert CASH(view, example_order()).lots == 2
    assert CASH.reading(view) == {"limit": 25_000.0, "now": 16_500.0}

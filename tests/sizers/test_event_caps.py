"""The caps of event contracts: order value, position, concentration and cash."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma.markets import event_fee_cents
from gamma.worth import affordable_contracts
from sizers.cash_buffer import CashBuffer
from sizers.concentration_cap import ConcentrationCap
from sizers.fixed import Fixed
from sizers.order_value_cap import OrderValueCap
from sizers.position_cap import PositionCap
from tests.sizers.sized import facts, in_market, sized

MANY = Fixed(lots=10_000)


def event(price: float = 50.0, side: float = 1, **overrides: Any) -> Any:
    market = {"price_points": price, **overrides.pop("market", {})}
    return in_market("KXINX-26", market=market, signal={"side": side, **overrides.pop("signal", {})}, **overrides)


@pytest.mark.parametrize(
    ("price", "side", "lots"),
    [(50.0, 1, 1_000), (7.0, 1, 7_142), (95.0, 1, 526), (95.0, -1, 10_000), (40.0, -1, 833), (50.0, -1, 1_000)],
)
def test_an_order_is_worth_500_usd_at_most(price: float, side: int, lots: int) -> None:
    found = sized(event(price, side), MANY, OrderValueCap())
    assert found.lots == lots
    assert found.steps[1].reason == ("cap" if lots < 10_000 else "ok")


def test_the_limit_price_counts_where_there_is_one() -> None:
    assert sized(event(50.0, signal={"price_points": 25.0}), MANY, OrderValueCap()).lots == 2_000


def test_other_markets_are_worth_their_margin_or_their_risk() -> None:
    cap = OrderValueCap(value_max_usd=10_000.0)
    assert sized(in_market("MNQ", market={"margin_usd_per_lot": 3_300.0}), MANY, cap).lots == 3
    assert sized(in_market("SPX", signal={"risk_usd_per_lot": 900.0}), MANY, cap).lots == 11


@pytest.mark.parametrize(("price", "side"), [(math.nan, 1), (0.0, 1), (100.0, -1), (50.0, 0), (50.0, math.nan)])
def test_an_order_without_a_value_closes_and_is_named(price: float, side: float) -> None:
    for cap in (OrderValueCap(), ConcentrationCap()):
        found = sized(event(price, side), MANY, cap)
        assert found.lots == 0
        assert found.invalid.startswith(("lot_value_usd", "position.lots"))


@pytest.mark.parametrize(
    ("side", "held", "working_yes", "working_no", "lots"),
    [
        (1, 0, 0, 0, 500),
        (1, 100, 0, 0, 400),
        (1, 100, 50, 0, 350),
        (1, 100, 50, 70, 350),  # what works against it may never fill
        (-1, 100, 0, 0, 600),  # NO is netted against YES
        (-1, 100, 0, 30, 570),
        (1, -100, 0, 0, 600),
        (-1, -100, 0, 0, 400),
        (1, 500, 0, 0, 0),
        (1, 700, 0, 0, 0),
        (-1, -450, 0, 60, 0),
    ],
)
def test_a_position_is_500_at_most_on_either_side(
    *, side: int, held: int, working_yes: int, working_no: int, lots: int
) -> None:
    position = {"lots": held, "working_long_lots": working_yes, "working_short_lots": working_no}
    view = event(side=side, position=position)
    found = sized(view, MANY, PositionCap())
    assert (found.lots, found.steps[1].reason) == (lots, "cap")


def test_a_position_within_its_limit_is_left_alone() -> None:
    assert sized(event(), Fixed(lots=5), PositionCap()).steps[1].reason == "ok"


@pytest.mark.parametrize(("side", "held"), [(1, math.nan), (0, 0), (math.nan, 0)])
def test_an_unknown_position_or_side_closes(side: float, held: float) -> None:
    for cap in (PositionCap(), CashBuffer()):
        found = sized(event(side=side, position={"lots": held}), MANY, cap)
        assert found.lots == 0
        assert found.invalid.startswith("position.lots is unknown")


@pytest.mark.parametrize(
    ("side", "price", "held", "working_yes", "lots"),
    [
        (1, 50.0, 0, 0, 400),  # 20 % of 1,000 usd at 50 cents
        (1, 50.0, 100, 0, 300),
        (1, 50.0, 100, 100, 200),
        (1, 50.0, 500, 0, 0),
        (-1, 80.0, 0, 0, 1_000),  # NO costs 20 cents
        (-1, 50.0, 100, 0, 500),  # closes 100, then 200 usd worth
        (1, 50.0, -100, 30, 470),
    ],
)
def test_one_market_has_a_fifth_of_the_portfolio(
    *, side: int, price: float, held: int, working_yes: int, lots: int
) -> None:
    position = {"lots": held, "working_long_lots": working_yes, "portfolio_usd": 1_000.0}
    found = sized(event(price, side, position=position), MANY, ConcentrationCap())
    assert (found.lots, found.steps[1].reason) == (lots, "concentration")


def test_concentration_tells_its_numbers() -> None:
    view = event(50.0, position={"lots": 100, "portfolio_usd": 1_000.0})
    assert facts(view, ConcentrationCap(), 5) == {
        "portfolio_usd": 1_000.0,
        "share_max_usd": 200.0,
        "held_usd": 50.0,
        "value_usd_per_lot": 0.5,
        "reducing_lots": 0.0,
        "cap_lots": 300.0,
        "reason": "ok",
    }


@pytest.mark.parametrize("portfolio", [math.nan, 0.0, -5.0])
def test_a_portfolio_that_is_none_closes(portfolio: float) -> None:
    found = sized(event(position={"portfolio_usd": portfolio}), MANY, ConcentrationCap())
    assert (found.lots, found.invalid.split(" ")[0]) == (0, "position.portfolio_usd")


@pytest.mark.parametrize(
    ("price", "side", "cash", "pending", "lots"),
    [
        (50.0, 1, 101.75, 0.0, 100),  # 100 at 50 cents, 1.75 usd of fee, 50 usd stay
        (50.0, 1, 101.74, 0.0, 99),
        (50.0, 1, 151.75, 50.0, 100),
        (50.0, 1, 50.0, 0.0, 0),
        (50.0, 1, 0.0, 0.0, 0),
        (50.0, 1, -20.0, 0.0, 0),
        (95.0, 1, 50.0 + 19.07, 0.0, 20),  # 20 at 95 cents, 7 cents of fee
        (95.0, 1, 50.0 + 19.06, 0.0, 19),
        (1.0, 1, 50.02, 0.0, 1),  # one at 1 cent, and a fee of 1 cent
        (1.0, 1, 50.01, 0.0, 0),
        (5.0, -1, 50.0 + 19.07, 0.0, 20),
    ],
)
def test_50_usd_stay_after_cost_and_fee(*, price: float, side: int, cash: float, pending: float, lots: int) -> None:
    view = event(price, side, account={"cash_usd": cash, "pending_usd": pending})
    assert sized(view, MANY, CashBuffer()).lots == lots


def test_a_reduction_is_never_blocked_by_cash() -> None:
    broke = {"cash_usd": 0.0, "pending_usd": 0.0}
    assert sized(event(side=-1, account=broke, position={"lots": 80}), MANY, CashBuffer()).lots == 80
    assert sized(event(side=1, account=broke, position={"lots": -80}), MANY, CashBuffer()).lots == 80
    assert sized(event(side=1, account=broke, position={"lots": 80}), MANY, CashBuffer()).lots == 0
    already = {"lots": 80, "working_short_lots": 50}
    assert sized(event(side=-1, account=broke, position=already), MANY, CashBuffer()).lots == 30


def test_other_markets_pay_margin_and_costs() -> None:
    view = in_market("MNQ", account={"cash_usd": 10_000.0}, market={"margin_usd_per_lot": 3_300.0})
    assert sized(view, MANY, CashBuffer()).lots == 3
    assert facts(view, CashBuffer(), 1) == {
        "available_usd": 10_000.0,
        "cash_min_usd": 50.0,
        "value_usd_per_lot": 3_300.0,
        "reducing_lots": 0.0,
        "cap_lots": 3.0,
        "reason": "ok",
    }


def test_unknown_cash_or_cost_closes() -> None:
    found = sized(event(account={"cash_usd": math.nan}), MANY, CashBuffer())
    assert (found.lots, found.invalid.split(" ")[0]) == (0, "account.cash_usd")
    found = sized(in_market("MNQ", market={"cost_usd_per_lot": math.nan}), MANY, CashBuffer())
    assert (found.lots, found.invalid.split(" ")[0]) == (0, "market.cost_usd_per_lot")


@given(st.integers(0, 500_000), st.integers(1, 99))
def test_the_largest_affordable_size_is_exact_to_the_cent(spend_cents: int, price_cents: int) -> None:
    contracts = int(affordable_contracts(spend_cents / 100, float(price_cents)))
    paid = contracts * price_cents + event_fee_cents(contracts, price_cents)
    one_more = (contracts + 1) * price_cents + event_fee_cents(contracts + 1, price_cents)
    assert paid <= spend_cents < one_more


@given(st.integers(0, 500_000), st.integers(1, 999))
def test_at_a_fraction_of_a_cent_it_is_never_more_than_the_cash_bears(spend_cents: int, price_mills: int) -> None:
    contracts = int(affordable_contracts(spend_cents / 100, price_mills / 10))
    fee_cents = -(-7 * contracts * price_mills * (1_000 - price_mills) // 1_000_000)
    assert contracts * price_mills + 10 * fee_cents <= 10 * spend_cents

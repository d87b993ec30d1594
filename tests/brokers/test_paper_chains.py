"""Option structures on the paper exchange, each at the net price of its own legs on a chain."""

from dataclasses import replace

import pytest

from brokers.paper.structures import net_ticks
from gamma.events import Leg, OrderType
from gamma.markets import market
from gamma.options import Chain
from gamma.ports import ChainDriven
from tests.brokers.desk import Desk, entry, leave
from tests.option_case import chain_at, minutes

SPX = market("SPX")
SPREAD = (Leg(symbol="SPXW260303C06020000", ratio=1), Leg(symbol="SPXW260303C06030000", ratio=-1))


def quoted(
    minute: float = 30, *, short: tuple[float, float] = (4.0, 4.2), long: tuple[float, float] = (1.5, 1.6)
) -> Chain:
    """A chain of these bids and asks for the calls of 6,020 and 6,030."""
    chain = chain_at(minutes(minute), 6_010)
    bids, asks = chain.bid_points.copy(), chain.ask_points.copy()
    for leg, (bid, ask) in zip(SPREAD, (short, long), strict=True):
        row = chain.row(leg.symbol)
        assert row is not None
        bids[row], asks[row] = bid, ask
    return replace(chain, bid_points=bids, ask_points=asks)


def test_a_seller_gets_the_bid_of_what_is_sold_less_the_ask_of_what_is_bought() -> None:
    """4.00 - 1.60 = 2.40 to sell, 4.20 - 1.50 = 2.70 to buy back."""
    assert net_ticks(quoted(), SPREAD, SPX, -1) == 48
    assert net_ticks(quoted(), SPREAD, SPX, 1) == 54


def test_a_price_between_ticks_is_rounded_against_us() -> None:
    chain = quoted(short=(4.02, 4.22))
    assert (net_ticks(chain, SPREAD, SPX, -1), net_ticks(chain, SPREAD, SPX, 1)) == (48, 55)


def test_what_nobody_bids_for_is_worth_nothing_to_its_seller() -> None:
    chain = quoted(long=(0.0, 0.05))
    assert net_ticks(chain, SPREAD, SPX, 1) == 84


@pytest.mark.parametrize(
    "chain",
    [
        quoted(short=(float("nan"), 4.2), long=(1.5, 0.0)),
        chain_at(minutes(30), 6_010).rows(chain_at(minutes(30), 6_010).strike_points != 6_030),
    ],
)
def test_a_leg_that_is_not_quoted_makes_no_price(chain: Chain) -> None:
    assert net_ticks(chain, SPREAD, SPX, -1) is None


def test_a_structure_fills_at_its_limit_once_its_legs_bring_that_much_and_is_left_at_what_they_cost() -> None:
    desk = Desk()
    assert isinstance(desk.broker, ChainDriven)
    desk.accept(entry("a", -1, 2, "SPX", order_type=OrderType.LIMIT, price_ticks=48, legs=SPREAD))
    desk.broker.trade_on(quoted(30, short=(3.9, 4.1)))
    assert desk.fills() == []
    desk.broker.trade_on(quoted(35))
    assert desk.prices() == [("a", -2, 48)]
    # Sold for 2.40 and 2.55 at the mid: 0.15 points down on 2 lots, and 1.30 usd a lot in fees.
    assert desk.equity_microusd() == 50_000_000_000 - 2 * 1_300_000 - 30_000_000
    desk.accept(replace(leave("x", 1, 2, "SPX"), legs=SPREAD))
    desk.broker.trade_on(quoted(40, short=(1.0, 1.1), long=(0.3, 0.4)))
    assert desk.prices()[1:] == [("x", 2, 16)]
    assert desk.positions() == {}


def test_a_chain_that_was_seen_is_no_news() -> None:
    desk = Desk()
    desk.broker.trade_on(quoted(30))
    desk.accept(entry("a", -1, 2, "SPX", order_type=OrderType.LIMIT, price_ticks=48, legs=SPREAD))
    desk.broker.trade_on(quoted(30))
    desk.broker.trade_on(quoted(25))
    assert desk.fills() == []


def test_two_structures_in_one_market_have_prices_of_their_own() -> None:
    desk = Desk()
    other = (Leg(symbol="SPXW260303P05980000", ratio=1), Leg(symbol="SPXW260303P05970000", ratio=-1))
    chain = quoted(30)
    bid = net_ticks(chain, other, SPX, -1)
    assert bid is not None
    assert bid != 48
    desk.accept(entry("a", -1, 1, "SPX", order_type=OrderType.LIMIT, price_ticks=48, legs=SPREAD))
    desk.accept(entry("b", -1, 1, "SPX", order_type=OrderType.LIMIT, price_ticks=bid, legs=other))
    desk.broker.trade_on(chain)
    assert desk.prices() == [("a", -1, 48), ("b", -1, bid)]


def test_chains_of_what_is_not_traded_as_structures_are_passed_over() -> None:
    desk = Desk()
    desk.broker.trade_on(replace(quoted(), underlying="MNQ"))
    desk.broker.trade_on(replace(quoted(), underlying="VIX"))
    assert desk.fills() == []

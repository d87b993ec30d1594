"""Fills against quotes: event contracts in cents of YES, and option structures at their net price in ticks of 0.05."""

import asyncio

import pytest

from gamma.errors import InputInvalid
from gamma.events import Leg, OrderState, OrderType
from gamma.ports import Rejected
from tests.brokers.desk import Desk, bracket, entry, leave

TICKER = "KXBTC-26"
CONDOR = (Leg(symbol="P5900", ratio=-1), Leg(symbol="P5895", ratio=1))


def test_yes_is_bought_at_the_limit_once_the_ask_is_there() -> None:
    desk = Desk(capital_usd=100)
    desk.accept(entry("a", 1, 10, TICKER, order_type=OrderType.LIMIT, price_ticks=50))
    desk.quote(TICKER, 49, 51)
    assert desk.fills() == []
    desk.quote(TICKER, 48, 49)
    assert desk.prices() == [("a", 10, 50)]
    # 10 contracts at 50 cents and a fee of 18 cents; marked at 48.5 they are 15 cents down.
    assert desk.balance_microusd() == 99_820_000
    assert desk.equity_microusd() == 99_670_000
    assert asyncio.run(desk.broker.account()).cash_microusd == 94_820_000


def test_no_is_yes_sold() -> None:
    desk = Desk(capital_usd=100)
    desk.quote(TICKER, 30, 32)
    desk.accept(entry("a", -1, 10, TICKER))
    desk.quote(TICKER, 30, 32)
    assert desk.prices() == [("a", -10, 30)]
    assert desk.positions() == {TICKER: -10}
    # NO at 70 cents costs 7 usd, and ceil(7 * 10 * 30 * 70 / 10,000) = 15 cents of fee.
    assert asyncio.run(desk.broker.account()).cash_microusd == 92_850_000


def test_a_contract_costs_all_that_it_can_lose() -> None:
    desk = Desk(capital_usd=7)
    desk.quote(TICKER, 30, 32)
    for side in (1, -1):
        placed = desk.place(entry(f"a{side}", side, 100, TICKER))
        assert isinstance(placed, Rejected)
        assert placed.code == "insufficient_margin"
    desk.accept(entry("b", 1, 20, TICKER, order_type=OrderType.LIMIT, price_ticks=32))
    placed = desk.place(entry("c", 1, 1, TICKER, order_type=OrderType.LIMIT, price_ticks=60))
    assert isinstance(placed, Rejected)
    assert isinstance(desk.place(entry("d", 1, 1, TICKER, order_type=OrderType.LIMIT, price_ticks=100)), Rejected)


def test_the_fee_of_one_order_at_one_price_is_rounded_once() -> None:
    desk = Desk(capital_usd=1_000)
    desk.accept(entry("a", 1, 10, TICKER, order_type=OrderType.LIMIT, price_ticks=10))
    for _ in range(2):  # five contracts a bar
        desk.bar(9, 9, 9, 9, symbol=TICKER, volume_lots=50)
    # The first five fill at the open of 9 cents: ceil(7 * 5 * 9 * 91 / 10,000) = 3, and for ten 6.
    assert [(f.lots, f.price_ticks, f.fee_microusd) for f in desk.fills()] == [(5, 9, 30_000), (5, 9, 30_000)]
    desk.accept(entry("b", 1, 2, TICKER, order_type=OrderType.LIMIT, price_ticks=50))
    for _ in range(2):
        desk.bar(50, 50, 49, 50, symbol=TICKER, volume_lots=1)
    # Two at 50 cents cost 4 cents in one fill (3.5), and no more in two: 2 and 2.
    assert [f.fee_microusd for f in desk.fills()][2:] == [20_000, 20_000]


def test_a_price_of_a_contract_stays_between_1_and_99_cents() -> None:
    desk = Desk(capital_usd=1_000, slippage_ticks=5)
    desk.flat_bar(98, symbol=TICKER)
    desk.accept(entry("a", 1, 1, TICKER))
    desk.flat_bar(98, symbol=TICKER)
    assert desk.prices() == [("a", 1, 99)]


def test_a_structure_is_sold_at_its_net_price_and_no_bar_of_its_underlying_fills_it() -> None:
    desk = Desk()
    sold = entry("a", -1, 2, "SPX", order_type=OrderType.LIMIT, price_ticks=50, legs=CONDOR)
    desk.accept(sold, bracket(sold, 100, 25))
    desk.flat_bar(5_950, symbol="SPX")
    desk.quote("SPX", 48, 52)
    assert desk.fills() == []
    desk.quote("SPX", 50, 54)
    assert desk.prices() == [("a", -2, 50)]
    # A credit of 2.50 points: 250 usd a lot. At a mid of 52 ticks it is 2 ticks of 5 usd down on 2 lots.
    assert desk.equity_microusd() == 50_000_000_000 - 2 * 1_300_000 - 20_000_000
    desk.flat_bar(6_100, symbol="SPX")
    assert desk.positions() == {"SPX": -2}
    desk.quote("SPX", 20, 24)
    assert desk.prices()[1:] == [("at", 2, 25)]
    assert desk.state("as") is OrderState.CANCELED


def test_a_stop_on_a_quote_pays_the_touch_and_slippage() -> None:
    desk = Desk()
    sold = entry("a", -1, 1, "SPX", legs=CONDOR)
    desk.quote("SPX", 49, 51)
    desk.accept(sold, bracket(sold, 100))
    desk.quote("SPX", 49, 51)
    desk.quote("SPX", 90, 99)
    assert len(desk.fills()) == 1
    desk.quote("SPX", 98, 104)
    assert desk.prices() == [("a", -1, 49), ("as", 1, 105)]


def test_a_structure_is_left_at_the_touch() -> None:
    desk = Desk()
    desk.quote("SPX", 49, 51)
    desk.accept(entry("a", -1, 1, "SPX", legs=CONDOR))
    desk.quote("SPX", 49, 51)
    desk.accept(leave("x", 1, 1, "SPX"))
    desk.quote("SPX", None, None)
    desk.quote("SPX", 30, None)
    assert len(desk.fills()) == 1
    desk.quote("SPX", None, 33)
    assert desk.prices()[1:] == [("x", 1, 33)]


@pytest.mark.parametrize(("side", "price_ticks"), [(1, 80_003), (-1, 79_998)])
def test_at_once_means_at_the_touch_where_a_quote_was_seen(side: int, price_ticks: int) -> None:
    desk = Desk(fill_at="last")
    desk.quote("MNQ", 79_998, 80_003)
    desk.accept(entry("a", side, 1))
    assert desk.prices() == [("a", side, price_ticks)]


def test_a_structure_without_a_quote_waits() -> None:
    desk = Desk(fill_at="last")
    desk.accept(entry("a", -1, 1, "SPX", legs=CONDOR))
    assert desk.fills() == []


def test_a_crossed_quote_is_an_error_and_an_unknown_market_is_none_of_ours() -> None:
    desk = Desk()
    with pytest.raises(InputInvalid, match="bid 51 must be below ask 50"):
        desk.quote("MNQ", 51, 50)
    desk.quote("CL", 1, 2)

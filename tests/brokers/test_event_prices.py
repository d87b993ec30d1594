"""Event contracts at the sandboxes: chances that hang together, and outcomes that the simulated index decides."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.sandbox.event_prices import EventPrices, event_of
from brokers.sandbox.floor import Floor
from brokers.sandbox.orders import journal
from brokers.sandbox.prices import BarPrices
from gamma.errors import InputInvalid
from gamma.markets import MICRO
from tests.brokers.test_floor import asked

NS = 10**9
START_UTC_NS = 1_795_186_800 * NS  # Friday 2026-11-20, 10:00 in New York
CLOSE_UTC_NS = START_UTC_NS + 6 * 3600 * NS
PRICES = EventPrices(7)
LISTED = PRICES.listed("KXINXU", START_UTC_NS)


def test_the_contracts_of_a_day_stand_around_the_index() -> None:
    index = BarPrices.simulated(7, ("SPX",))
    spot = index.touch("SPX", START_UTC_NS).last_ticks / index.market("SPX").ticks_per_point
    assert len({event.event_ticker for event in LISTED}) == 1
    assert LISTED[0].ticker.startswith("KXINXU-26NOV20H1600-T")
    assert LISTED[0].low < spot < LISTED[-1].low
    assert {event.ts_close_utc_ns for event in LISTED} == {CLOSE_UTC_NS}
    assert PRICES.listed("KXINXU", START_UTC_NS + 3600 * NS) == LISTED
    assert PRICES.listed("KXINXU", CLOSE_UTC_NS)[0].ticker.startswith("KXINXU-26NOV23H1600-T")


@settings(max_examples=50, deadline=None)
@given(second=st.integers(0, 6 * 3600 - 1))
def test_a_higher_level_is_never_dearer(second: int) -> None:
    touches = [PRICES.touch(event.ticker, START_UTC_NS + second * NS) for event in LISTED]
    assert [t.last_ticks for t in touches] == sorted((t.last_ticks for t in touches), reverse=True)
    for touch in touches:
        assert 0 <= touch.bid_ticks < touch.ask_ticks <= 100
        assert touch.bid_ticks <= touch.last_ticks <= touch.ask_ticks
        assert touch.traded


def test_between_two_levels_is_what_lies_between_the_chances() -> None:
    # SPX levels lie 25 points apart: B6812.5 is above 6,800 and not above 6,825.
    between = event_of("KXINXU-26NOV20H1600-B6812.5")
    assert (between.low, between.high) == (6_800, 6_825)


def test_what_the_index_did_decides() -> None:
    outcomes = [PRICES.outcome(event.ticker, CLOSE_UTC_NS) for event in LISTED]
    prices = [outcome.price_ticks for outcome in outcomes if outcome]
    index = BarPrices.simulated(7, ("SPX",))
    ended = index.touch("SPX", CLOSE_UTC_NS).last_ticks / index.market("SPX").ticks_per_point
    assert prices == [100 if event.low < ended else 0 for event in LISTED]
    assert {0, 100} == set(prices)
    assert PRICES.outcome(LISTED[0].ticker, CLOSE_UTC_NS - 1) is None
    assert not PRICES.touch(LISTED[0].ticker, CLOSE_UTC_NS).traded


def test_a_contract_is_bought_at_its_price_and_pays_by_its_outcome() -> None:
    floor = Floor(PRICES, journal(None, "one"), 10_000 * MICRO)
    for event in LISTED:
        order = asked(floor, symbol=event.ticker, lots=10)
        floor.take([order], START_UTC_NS)
        floor.advance(START_UTC_NS)
    floor.advance(CLOSE_UTC_NS)
    bought = [done for done in floor.executions if done.order]
    paid = sum(done.price_ticks * done.lots * 10_000 + done.fee_microusd for done in bought)
    won = sum(done.lots for done in bought if _won(done.symbol))
    assert won
    assert floor.positions() == {}
    assert floor.cash_microusd() == 10_000 * MICRO - paid + won * MICRO


def _won(ticker: str) -> bool:
    outcome = PRICES.outcome(ticker, CLOSE_UTC_NS)
    return outcome is not None and outcome.price_ticks == 100


def test_bars_are_of_its_prices() -> None:
    ticker = LISTED[6].ticker
    bars = PRICES.bars(ticker, 300, START_UTC_NS, START_UTC_NS + 900 * NS)
    assert [bar.ts_close_utc_ns for bar in bars] == [START_UTC_NS + n * 300 * NS for n in (1, 2, 3)]
    assert all(bar.low_points <= bar.open_points <= bar.high_points for bar in bars)
    assert bars[0].open_points == PRICES.touch(ticker, START_UTC_NS).last_ticks


@pytest.mark.parametrize(
    "ticker", ["KXRAIN-26NOV20-T1", "KXINXU-26NOV31H1600-T6800", "KXINXU-26NOV20H1600", "KXINXU-26XXX20-T1", "MNQ"]
)
def test_a_ticker_that_is_none_is_said_to_be_so(ticker: str) -> None:
    with pytest.raises(InputInvalid):
        PRICES.touch(ticker, START_UTC_NS)

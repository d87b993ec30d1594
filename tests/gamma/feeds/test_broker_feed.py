"""Bars from a broker: each once, in order, gaps filled, and silence where it does not answer. Time is made."""

import math
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

import pytest

from gamma.assembly import Hours
from gamma.bars import Bar
from gamma.chaos.simulation.loop import Time, live
from gamma.clock import NS
from gamma.errors import InputInvalid, Transient
from gamma.feeds import FetchedFeed, LiveFeed
from gamma.feeds.broker import BrokerFeed, BrokerFeedParams

OPEN = 1_795_185_000 * NS  # Friday 2026-11-20, 09:30 in New York
MINUTE = 60 * NS


def bar(minute: int, symbol: str = "SPX", **changes: float) -> Bar:
    """The bar of a minute after the open, at 6,000 points and as many as minutes."""
    price = 6_000.0 + minute
    made = Bar(
        market=symbol,
        ts_open_utc_ns=OPEN + minute * MINUTE,
        ts_close_utc_ns=OPEN + (minute + 1) * MINUTE,
        open_points=price,
        high_points=price + 1,
        low_points=price - 1,
        close_points=price,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


class Desk:
    """A broker that has each minute's bar `lag_s` after its close, so many at a time, and may be silent."""

    def __init__(self, time: Time, lag_s: float = 0.5, page: int = 100) -> None:
        self.time = time
        self.lag_ns = round(lag_s * NS)
        self.page = page
        self.silent: Callable[[int], bool] = lambda _: False
        self.change: Callable[[Bar], Bar] = lambda bar: bar
        self.left_out: set[int] = set()
        self.asked: list[int] = []

    async def bars(self, market: str, bar_s: int, since_utc_ns: int) -> Sequence[Bar]:
        assert bar_s == 60
        self.asked.append(self.time.now)
        if self.silent(self.time.now):
            raise Transient("no way there")
        first = max(-4_000, (since_utc_ns - OPEN) // MINUTE)
        last = (self.time.now - self.lag_ns - OPEN) // MINUTE
        there = [self.change(bar(n, market)) for n in range(first, last) if n not in self.left_out]
        return [b for b in there if b.ts_close_utc_ns > since_utc_ns][: self.page]


def feed_of(time: Time, desk: Desk, *symbols: str, delay_s: float = 1.0) -> BrokerFeed:
    params = BrokerFeedParams(markets=symbols or ("SPX",), bar_s=60, delay_s=delay_s)
    return BrokerFeed(params, candles=desk, hours=Hours(), wall_utc_ns=time.wall_ns)


def heard(time: Time, feed: BrokerFeed, count: int, after: int) -> list[tuple[Bar, int]]:
    """So many bars, and when each came."""

    async def listen(coming: AsyncIterator[Bar]) -> list[tuple[Bar, int]]:
        found: list[tuple[Bar, int]] = []
        async for one in coming:
            found.append((one, time.now))
            if len(found) == count:
                return found
        raise AssertionError("a live feed ended")

    return live(time, time.now + 3 * 3_600 * NS, listen(feed.closing(after)))


def minutes_of(found: Sequence[tuple[Bar, int]]) -> list[int]:
    return [(one.ts_open_utc_ns - OPEN) // MINUTE for one, _ in found]


def test_a_bar_comes_just_after_its_close() -> None:
    time = Time(OPEN)
    found = heard(time, feed_of(time, Desk(time)), 3, OPEN)
    assert minutes_of(found) == [0, 1, 2]
    assert [(came - one.ts_close_utc_ns) / NS for one, came in found] == pytest.approx([1, 1, 1])


def test_it_begins_with_the_bars_that_are_past_already() -> None:
    time = Time(OPEN + 10 * MINUTE + 30 * NS)
    found = heard(time, feed_of(time, Desk(time, page=4)), 8, OPEN + 4 * MINUTE)
    assert minutes_of(found) == [4, 5, 6, 7, 8, 9, 10, 11]
    assert {came for _, came in found[:6]} == {OPEN + 10 * MINUTE + 30 * NS}


def test_a_bar_that_is_not_there_yet_is_asked_for_again() -> None:
    time = Time(OPEN)
    found = heard(time, feed_of(time, Desk(time, lag_s=5)), 2, OPEN)
    assert minutes_of(found) == [0, 1]
    assert all(5 <= (came - one.ts_close_utc_ns) / NS <= 9 for one, came in found)


def test_silence_is_no_end_and_what_was_missed_comes_then() -> None:
    time = Time(OPEN)
    desk = Desk(time)
    desk.silent = lambda now: OPEN + MINUTE < now < OPEN + 4 * MINUTE
    found = heard(time, feed_of(time, desk), 5, OPEN)
    assert minutes_of(found) == [0, 1, 2, 3, 4]
    assert found[0][1] > OPEN + 4 * MINUTE


def test_a_market_that_has_ended_is_asked_for_until_the_day_is_over() -> None:
    time = Time(OPEN)
    desk = Desk(time)
    desk.silent = lambda now: OPEN + 2 * MINUTE < now < OPEN + 300 * MINUTE

    async def listen(coming: AsyncIterator[Bar]) -> list[Bar]:
        return [await anext(coming) for _ in range(3)]

    found = live(time, time.now + 6 * 3_600 * NS, listen(feed_of(time, desk).closing(OPEN)))
    assert [(one.ts_open_utc_ns - OPEN) // MINUTE for one in found] == [0, 1, 2]
    assert len(desk.asked) > 1_100  # as often as a number that doubles with each would be too large


def test_an_adapters_own_fault_is_silence_too() -> None:
    time = Time(OPEN)
    desk = Desk(time)

    def stumble(now: int) -> bool:
        if now < OPEN + 2 * MINUTE:
            raise ZeroDivisionError
        return False

    desk.silent = stumble
    assert minutes_of(heard(time, feed_of(time, desk), 2, OPEN)) == [0, 1]


def test_two_markets_come_in_the_order_of_their_closes() -> None:
    time = Time(OPEN + 2 * MINUTE)
    found = heard(time, feed_of(time, Desk(time), "SPX", "NDX"), 4, OPEN)
    assert [(n, one.market) for n, (one, _) in zip(minutes_of(found), found, strict=True)] == [
        (0, "NDX"),
        (0, "SPX"),
        (1, "NDX"),
        (1, "SPX"),
    ]


def test_a_minute_without_a_trade_is_passed_over() -> None:
    time = Time(OPEN)
    desk = Desk(time)
    desk.left_out = {1, 2}
    assert minutes_of(heard(time, feed_of(time, desk), 3, OPEN)) == [0, 3, 4]


@pytest.mark.parametrize(
    "wrong",
    [
        {"close_points": math.nan},
        {"high_points": math.inf},
        {"low_points": 7_000.0},
        {"ts_open_utc_ns": OPEN - MINUTE},
    ],
)
def test_a_bar_that_makes_no_sense_is_left_out(wrong: dict[str, float]) -> None:
    time = Time(OPEN)
    desk = Desk(time)
    desk.change = lambda one: replace(one, **wrong) if one.close_points == 6_001 else one  # type: ignore[arg-type]
    assert minutes_of(heard(time, feed_of(time, desk), 2, OPEN)) == [0, 2]


def test_a_bar_that_has_not_closed_yet_waits() -> None:
    time = Time(OPEN)
    desk = Desk(time, lag_s=-90)  # it tells bars before they close
    found = heard(time, feed_of(time, desk), 2, OPEN)
    assert minutes_of(found) == [0, 1]
    assert all(came >= one.ts_close_utc_ns - 2 * NS for one, came in found)


def test_a_shut_market_is_not_asked_for() -> None:
    time = Time(OPEN - 2 * 3_600 * NS)
    desk = Desk(time)
    heard(time, feed_of(time, desk), 1, time.now)
    assert min(desk.asked) >= OPEN


def test_delayed_data_is_asked_for_later() -> None:
    time = Time(OPEN)
    desk = Desk(time, lag_s=899)
    found = heard(time, feed_of(time, desk, delay_s=900), 2, OPEN)
    assert [(came - one.ts_close_utc_ns) / NS for one, came in found] == pytest.approx([900, 900])


def test_the_history_is_read_before_and_shown_as_it_was_asked_for() -> None:
    time = Time(OPEN + 30 * MINUTE)
    feed = feed_of(time, Desk(time, page=7))
    assert isinstance(feed, LiveFeed)
    assert isinstance(feed, FetchedFeed)
    assert feed.history("SPX", time.now, 5) == []
    live(time, time.now + 60 * NS, feed.fetch(time.now, 20))
    assert minutes_of([(one, 0) for one in feed.history("SPX", OPEN + 20 * MINUTE, 3)]) == [17, 18, 19]
    assert len(feed.history("SPX", time.now, 100)) == 20
    assert [one.ts_close_utc_ns for one in feed.bars(OPEN + 28 * MINUTE)] == [OPEN + 29 * MINUTE]
    assert (feed.bar_s, feed.markets, set(feed.provides)) == (60, ("SPX",), {"bar"})
    with pytest.raises(InputInvalid, match="MNQ is not asked for"):
        feed.history("MNQ", time.now, 1)


def test_a_history_that_nobody_tells_is_an_error() -> None:
    time = Time(OPEN)
    desk = Desk(time)
    desk.silent = lambda _: True
    with pytest.raises(Transient):
        live(time, time.now + 60 * NS, feed_of(time, desk).fetch(time.now, 20))

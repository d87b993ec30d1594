"""Looks at event markets: as bars, at a broker's books as they stand, and at simulated questions."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import final

import pytest

from gamma.assembly import Hours
from gamma.bars import Bar
from gamma.books import BookLevel, EventBook
from gamma.errors import InputInvalid, Transient
from gamma.feeds import Feed, FetchedFeed, LiveFeed, books
from gamma.feeds.books import BookFeed, BookFeedParams
from gamma.feeds.events import EventSimFeed
from gamma.feeds.events.feed import LOOK_NS, LOOKS, OPEN_NS
from gamma.feeds.looks import look_bar
from tests.gamma.test_books import BOOK, T0, TICKER, levels

S = 10**9
SERIES = "KXBTC15M"


# --- a look as a bar -----------------------------------------------------------------------------------------


def test_a_look_opens_at_the_last_middle_and_holds_both_quotes() -> None:
    now = replace(BOOK, yes_bids=levels((51, 5)), no_bids=levels((47, 9)), traded_lots=5_070.0)
    bar = look_bar(now, BOOK, T0 + 5 * S, 5)
    assert bar is not None
    assert (bar.ts_open_utc_ns, bar.ts_close_utc_ns) == (T0, T0 + 5 * S)
    assert (bar.open_points, bar.high_points, bar.low_points, bar.close_points) == (49.5, 53.0, 49.5, 52.0)
    assert (bar.volume_lots, bar.spread_points, bar.book) == (70.0, 2.0, now)


def test_the_first_look_of_a_question_knows_no_volume() -> None:
    for last in (None, replace(BOOK, ts_close_utc_ns=1)):
        bar = look_bar(BOOK, last, T0, 5)
        assert bar is not None
        assert (bar.open_points, bar.low_points, bar.high_points) == (49.5, 48.0, 51.0)
        assert math.isnan(bar.volume_lots)


def test_a_side_without_a_bid_has_no_price() -> None:
    bar = look_bar(replace(BOOK, yes_bids=()), None, T0, 5)
    assert bar is not None
    assert (bar.low_points, bar.high_points, bar.close_points) == (25.5, 51.0, 25.5)
    assert math.isnan(bar.spread_points)


def test_a_book_in_which_nobody_bids_is_no_look() -> None:
    assert look_bar(replace(BOOK, yes_bids=(), no_bids=()), BOOK, T0, 5) is None


# --- at a broker ---------------------------------------------------------------------------------------------


@final
@dataclass
class Told:
    """A broker that tells what the test says, and whose clock runs ahead as it is asked."""

    answers: list[EventBook | Exception]
    now: int = T0 + S
    asked: list[int] = field(default_factory=list)

    def wall_utc_ns(self) -> int:
        self.now += S // 2
        return self.now

    async def event_book(self, market: str) -> EventBook:  # noqa: ARG002
        self.asked.append(self.now)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def feed_of(told: Told) -> BookFeed:
    params = BookFeedParams(markets=(TICKER,), look_s=5)
    return BookFeed(params, books=told, hours=Hours(), wall_utc_ns=told.wall_utc_ns)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of `Told` runs by being looked at."""
    monkeypatch.setattr(books, "LOOK_S", 0.0)


def looks(told: Told, count: int) -> list[Bar]:
    async def some() -> list[Bar]:
        found: list[Bar] = []
        closing: AsyncIterator[Bar] = feed_of(told).closing(0)
        async with aclosing(closing) as bars:  # type: ignore[type-var]
            async for bar in bars:
                found.append(bar)
                if len(found) == count:
                    break
        return found

    return asyncio.run(some())


def test_a_broker_is_looked_at_at_whole_multiples_of_the_look() -> None:
    told = Told([replace(BOOK, traded_lots=5_000.0 + n) for n in range(3)])
    found = looks(told, 3)
    assert all(bar.ts_close_utc_ns % (5 * S) == 0 for bar in found)
    closes = [bar.ts_close_utc_ns for bar in found]
    assert closes == [closes[0] + n * 5 * S for n in range(3)]
    assert [bar.volume_lots for bar in found[1:]] == [1.0, 1.0]
    assert all(asked >= close for asked, close in zip(told.asked, closes, strict=True))


CROSSED = replace(BOOK, yes_bids=levels((52, 5)))
OTHER = replace(BOOK, market="KXETH15M")
UNORDERED = replace(BOOK, yes_bids=levels((47, 5), (48, 5)))
NO_LOTS = replace(BOOK, yes_bids=(BookLevel(price_ticks=48, lots=0),))
NO_PRICE = replace(BOOK, no_bids=levels((100, 5)))


@pytest.mark.parametrize(
    "wrong", [Transient("silence"), RuntimeError("a fault"), CROSSED, OTHER, UNORDERED, NO_LOTS, NO_PRICE]
)
def test_silence_and_what_is_no_book_give_no_bar(wrong: EventBook | Exception) -> None:
    told = Told([BOOK, wrong, wrong, BOOK])
    first, second = looks(told, 2)
    assert second.ts_close_utc_ns - first.ts_close_utc_ns == 15 * S


def test_of_what_was_before_a_start_is_told_one_look() -> None:
    told = Told([BOOK])
    feed = feed_of(told)
    assert isinstance(feed, LiveFeed)
    assert isinstance(feed, FetchedFeed)
    assert (feed.markets, feed.bar_s, sorted(feed.provides)) == ((TICKER,), 5, ["bar", "book", "spread", "volume"])
    assert (feed.history(TICKER, T0, 10), list(feed.bars(0))) == ([], [])
    asyncio.run(feed.fetch(T0, 400))
    [bar] = feed.history(TICKER, T0, 10)
    assert (bar.book, bar.ts_close_utc_ns % (5 * S)) == (BOOK, 0)
    assert (list(feed.bars(0)), list(feed.bars(bar.ts_close_utc_ns))) == ([bar], [])
    with pytest.raises(InputInvalid, match="is not looked at"):
        feed.history("KXETH15M", T0, 10)


def test_a_start_waits_between_two_questions_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(_: float) -> None:
        return None

    monkeypatch.setattr("gamma.feeds.books.asyncio.sleep", at_once)
    feed = feed_of(Told([Transient("between two questions"), BOOK]))
    asyncio.run(feed.fetch(T0, 1))
    assert feed.history(TICKER, T0, 1)
    with pytest.raises(Transient, match="is it open"):
        asyncio.run(feed_of(Told([Transient("closed")] * books.FETCHES)).fetch(T0, 1))


# --- simulated -----------------------------------------------------------------------------------------------


def simulated(seed: int = 1, *markets: str) -> EventSimFeed:
    return EventSimFeed(markets=markets or (SERIES,), seed=seed)


def test_simulated_questions_follow_one_another_and_tell_what_the_last_one_paid() -> None:
    begin = T0 // OPEN_NS * OPEN_NS
    bars = list(islice(simulated().bars(begin - 1), 2 * LOOKS + 1))
    closes = [bar.ts_close_utc_ns for bar in bars]
    assert closes == [begin + n * LOOK_NS for n in range(2 * LOOKS + 1)]
    told = [bar.book for bar in bars if bar.book is not None]
    assert [n for n, book in enumerate(told) if not math.isnan(book.ended_cents)] == [0, LOOKS, 2 * LOOKS]
    assert {book.ended_cents for book in told if not math.isnan(book.ended_cents)} <= {0.0, 100.0}
    for n, book in enumerate(told):
        assert book.ts_close_utc_ns == begin + (n // LOOKS + 1) * OPEN_NS
        assert book.yes_bid_cents + book.no_bid_cents < 100
        assert book.volume_10min_lots <= book.traded_lots
    assert all(bar.volume_lots >= 0 for n, bar in enumerate(bars) if n % LOOKS)


def test_the_same_seed_gives_the_same_looks_from_anywhere() -> None:
    whole = list(islice(simulated().bars(T0), 300))
    assert repr(list(islice(simulated().bars(whole[99].ts_close_utc_ns), 200))) == repr(whole[100:])
    assert repr(simulated().history(SERIES, whole[-1].ts_close_utc_ns, 50)) == repr(whole[-50:])
    assert repr(list(islice(simulated(2).bars(T0), 300))) != repr(whole)


def test_several_series_come_in_order_of_time() -> None:
    feed = simulated(1, "KXETH15M", SERIES)
    assert isinstance(feed, Feed)
    order = [(bar.ts_close_utc_ns, bar.market) for bar in islice(feed.bars(T0), 100)]
    assert order == sorted(order)
    assert {market for _, market in order} == {"KXETH15M", SERIES}


def test_only_event_markets_are_simulated_by_looks() -> None:
    with pytest.raises(ValueError, match="MNQ is no event market"):
        simulated(1, "MNQ")
    with pytest.raises(InputInvalid, match="is not simulated"):
        simulated().history("KXETH15M", T0, 1)

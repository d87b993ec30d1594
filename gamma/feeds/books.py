"""`BookFeed`: looks at a broker's order books of event contracts, so many seconds apart, each as a bar."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import pairwise
from typing import Annotated, ClassVar, Final, final

import structlog
from pydantic import BaseModel, Field

from gamma.bars import Bar
from gamma.books import CENTS, BookLevel, EventBook
from gamma.calendar import NS
from gamma.errors import InputInvalid, Transient
from gamma.feeds.looks import look_bar
from gamma.feeds.pace import LOOK_S
from gamma.ports import EventBooks, Hours

log = structlog.get_logger("gamma.feed")
READ_SHARE: Final = 0.8
"""How much of the time between two looks a broker has to answer in."""

FETCHES: Final = 12


@final
class BookFeedParams(BaseModel, frozen=True, extra="forbid"):
    """Whose books are looked at, and how far looks are apart [s]."""

    markets: Annotated[tuple[str, ...], Field(min_length=1)]
    look_s: Annotated[int, Field(ge=1, le=60)] = 5


@final
class BookFeed:
    """Books as they stand at whole multiples of `look_s`, while their markets are open. Of what was before, a start is
    told one look.

    Where the broker does not answer in time, or tells no sound book, no bar comes, and that is what the guards see.
    """

    Params: ClassVar = BookFeedParams

    def __init__(
        self,
        params: BookFeedParams,
        *,
        books: EventBooks,
        hours: Hours,
        wall_utc_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._books = books
        self._hours = hours
        self._wall_utc_ns = wall_utc_ns
        self._markets = tuple(sorted(set(params.markets)))
        self._look_s, self._look_ns = params.look_s, params.look_s * NS
        self._first: dict[str, Bar] = {}
        self._last: dict[str, EventBook] = {}
        self._silent: set[str] = set()

    @property
    def markets(self) -> tuple[str, ...]:
        return self._markets

    @property
    def provides(self) -> frozenset[str]:
        return frozenset({"bar", "volume", "spread", "book"})

    @property
    def bar_s(self) -> int:
        return self._look_s

    async def fetch(self, until_utc_ns: int, bars: int) -> None:  # noqa: ARG002  (nobody keeps books)
        """Take one look at each market; between two questions of a series, in a moment.

        Raises: Transient when no book is told.
        """
        for market in self._markets:
            for _ in range(FETCHES):
                now_utc_ns = self._wall_utc_ns()
                bar = await self._look(market, now_utc_ns // self._look_ns * self._look_ns)
                if bar is not None:
                    self._first[market] = bar
                    break
                await asyncio.sleep(self._look_s)
            else:
                raise Transient(f"no book of {market} was told within {FETCHES * self._look_s} s; is it open?")

    def history(self, market: str, until_utc_ns: int, bars: int) -> list[Bar]:  # noqa: ARG002
        """The look of the start, which was taken a moment after the start began."""
        if market not in self._markets:
            raise InputInvalid(f"{market} is not looked at; the feed has {', '.join(self._markets)}")
        return [bar for bar in self.bars(0) if bar.market == market][:bars]

    def bars(self, after_utc_ns: int) -> Iterator[Bar]:
        """The look of the start: one that was not taken cannot be made up for."""
        return iter([bar for bar in self._first.values() if bar.ts_close_utc_ns > after_utc_ns])

    async def closing(self, after_utc_ns: int) -> AsyncIterator[Bar]:
        last_utc_ns = after_utc_ns
        while True:
            ts_utc_ns = await self._next(last_utc_ns)
            opened = [market for market in self._markets if self._hours.session(market, ts_utc_ns - 1) is not None]
            for bar in await asyncio.gather(*(self._look(market, ts_utc_ns) for market in opened)):
                if bar is not None:
                    yield bar
            last_utc_ns = ts_utc_ns

    async def _next(self, last_utc_ns: int) -> int:
        """Wait for the next look; the wall clock may be set meanwhile, and one that was missed is not made up for."""
        due = (max(last_utc_ns, self._wall_utc_ns()) // self._look_ns + 1) * self._look_ns
        while (left_s := (due - self._wall_utc_ns()) / NS) > 0:  # noqa: ASYNC110 - a clock that is set raises no event
            await asyncio.sleep(min(left_s, LOOK_S))
        return due

    async def _look(self, market: str, ts_utc_ns: int) -> Bar | None:
        try:
            async with asyncio.timeout(READ_SHARE * self._look_s):
                book = _sound(market, await self._books.event_book(market))
        except Exception as error:  # whatever is wrong there: no bar comes, and the guards see that
            if market not in self._silent:
                log.warning("feed_silent", market=market, cause=f"{type(error).__name__}: {error}")
            self._silent.add(market)
            return None
        self._silent.discard(market)
        bar = look_bar(book, self._last.get(market), ts_utc_ns, self._look_s)
        self._last[market] = book
        return bar


def _sound(market: str, book: EventBook) -> EventBook:
    """The book, where it can be one.

    Raises: Transient.
    """
    sides = (book.yes_bids, book.no_bids)
    if book.market != market or not all(_ordered(levels) for levels in sides):
        raise Transient(f"what was told is no book of {market}")
    if book.yes_bid_cents + book.no_bid_cents >= CENTS:
        raise Transient(f"the book of {market} is crossed: {book.yes_bid_cents} and {book.no_bid_cents} cents are bid")
    return book


def _ordered(levels: tuple[BookLevel, ...]) -> bool:
    """Prices of 1..99 cents, the best first, each with some lots."""
    falling = all(better.price_ticks > worse.price_ticks for better, worse in pairwise(levels))
    return falling and all(0 < level.price_ticks < CENTS and level.lots > 0 for level in levels)

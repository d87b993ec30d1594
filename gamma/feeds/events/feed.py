"""`EventSimFeed`: simulated event markets as a feed: questions one after the other, look by look."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from heapq import merge
from typing import Final, final

from pydantic import BaseModel, Field, NonNegativeInt, field_validator

from gamma.bars import Bar
from gamma.calendar import NS
from gamma.errors import InputInvalid
from gamma.feeds.events.series import LOOK_NS, QuestionSeries
from gamma.feeds.events.shape import BITCOIN_15M
from gamma.feeds.looks import look_bar
from gamma.markets import Kind
from gamma.markets import market as known

__all__ = ["LOOKS", "LOOK_NS", "OPEN_NS", "EventSimFeed"]

OPEN_NS: Final = round(BITCOIN_15M.open_s) * NS
LOOKS: Final = OPEN_NS // LOOK_NS


@final
class EventSimFeed(BaseModel, frozen=True, extra="forbid"):
    """Looks at simulated event markets: each is a series of questions on bitcoin, 15 minutes each, without a pause.

    The first look of a question, at its opening, tells what the one before it paid. The same seed gives the same looks,
    whenever they are asked for.
    """

    traded: tuple[str, ...] = Field(min_length=1, alias="markets")
    seed: NonNegativeInt = 1

    @field_validator("traded")
    @classmethod
    def _events(cls, traded: tuple[str, ...]) -> tuple[str, ...]:
        for market in traded:
            if known(market).kind is not Kind.EVENT:
                raise ValueError(f"{market} is no event market")
        return tuple(sorted(set(traded)))

    @property
    def markets(self) -> tuple[str, ...]:
        return self.traded

    @property
    def provides(self) -> frozenset[str]:
        return frozenset({"bar", "volume", "spread", "book"})

    @property
    def bar_s(self) -> int:
        return LOOK_NS // NS

    def history(self, market: str, until_utc_ns: int, bars: int) -> list[Bar]:
        if market not in self.traded:
            raise InputInvalid(f"{market} is not simulated; the feed has {', '.join(self.traded)}")
        last = until_utc_ns // LOOK_NS
        looks = (self._look(market, n) for n in range(max(1, last - bars + 1), last + 1))
        return [bar for bar in looks if bar is not None]

    def bars(self, after_utc_ns: int) -> Iterator[Bar]:
        yield from merge(
            *(self._looks(market, after_utc_ns // LOOK_NS + 1) for market in self.traded),
            key=lambda bar: (bar.ts_close_utc_ns, bar.market),
        )

    def _looks(self, market: str, number: int) -> Iterator[Bar]:
        while True:
            bar = self._look(market, number)
            if bar is not None:
                yield bar
            number += 1

    def _look(self, market: str, number: int) -> Bar | None:
        """The look so many looks after 1970; its book is as it stood then."""
        series, ts_utc_ns = _series(self.seed, market), number * LOOK_NS
        book = series.book(ts_utc_ns)
        if number % LOOKS:
            return look_bar(book, series.book(ts_utc_ns - LOOK_NS), ts_utc_ns, LOOK_NS // NS)
        ended_cents = float(series.payout_cents(series.number(ts_utc_ns) - 1))
        return look_bar(replace(book, ended_cents=ended_cents), None, ts_utc_ns, LOOK_NS // NS)


@lru_cache(maxsize=8)
def _series(seed: int, market: str) -> QuestionSeries:
    return QuestionSeries(seed, market)

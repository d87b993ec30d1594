"""`EventSimFeed`: simulated event markets as a feed: questions one after the other, look by look."""

import zlib
from collections.abc import Iterator
from functools import lru_cache
from heapq import merge
from typing import Final, final

import numpy as np
from pydantic import BaseModel, Field, NonNegativeInt, field_validator

from gamma.bars import Bar
from gamma.books import NAN, BookLevel, EventBook
from gamma.calendar import NS
from gamma.errors import InputInvalid
from gamma.feeds.events.shape import BITCOIN_15M
from gamma.feeds.events.simulator import simulate
from gamma.feeds.events.tape import LOOK_S, Tape
from gamma.feeds.looks import look_bar
from gamma.markets import Kind
from gamma.markets import market as known

OPEN_NS: Final = round(BITCOIN_15M.open_s) * NS
LOOK_NS: Final = round(LOOK_S) * NS
LOOKS: Final = OPEN_NS // LOOK_NS
BATCH: Final = 16
"""Questions that are drawn at a time."""


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
        question, at = divmod(number, LOOKS)
        book = _book(self.seed, market, question, at)
        last = _book(self.seed, market, question, at - 1) if at else None
        return look_bar(book, last, number * LOOK_NS, LOOK_NS // NS)


def _book(seed: int, market: str, question: int, at: int) -> EventBook:
    tape, row, traded = _question(seed, market, question)
    opened = question * OPEN_NS
    return EventBook(
        market=market,
        yes_bids=_levels(int(tape.yes_bid[row, at]), tape.yes_lots[row, at].tolist()),
        no_bids=_levels(int(tape.no_bid[row, at]), tape.no_lots[row, at].tolist()),
        ts_event_utc_ns=opened + at * LOOK_NS,
        traded_lots=float(traded[at]),
        volume_10min_lots=float(tape.volume[row, at]),
        ts_close_utc_ns=opened + OPEN_NS,
        ended_cents=NAN if at else _paid_cents(seed, market, question - 1),
    )


def _levels(best_cents: int, lots: list[int]) -> tuple[BookLevel, ...]:
    prices = range(best_cents, 0, -1)
    return tuple(BookLevel(price_ticks=price, lots=n) for price, n in zip(prices, lots, strict=False) if n > 0)


def _paid_cents(seed: int, market: str, question: int) -> float:
    tape, row, _ = _question(seed, market, question)
    return float(tape.payout[row])


@lru_cache(maxsize=64)
def _question(seed: int, market: str, question: int) -> tuple[Tape, int, tuple[int, ...]]:
    """The tape that a question is of, its row there, and how much of it had traded by each look."""
    tape, row = _batch(seed, market, question // BATCH), question % BATCH
    taken = (tape.yes_taken[row] + tape.no_taken[row]).astype(np.int64)
    return tape, row, (0, *np.cumsum(taken)[:-1].tolist())


@lru_cache(maxsize=8)
def _batch(seed: int, market: str, number: int) -> Tape:
    rng = np.random.default_rng([seed, zlib.crc32(market.encode()), number])
    return simulate(BITCOIN_15M, rng, BATCH)

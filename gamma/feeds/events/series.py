"""A series of event markets by chance: questions that follow one another by the clock, each from the same seed."""

import zlib
from functools import lru_cache
from typing import Final, final

import numpy as np

from gamma.books import CENTS, BookLevel, EventBook
from gamma.clock import NS
from gamma.feeds.events.shape import BITCOIN_15M, EventShape
from gamma.feeds.events.simulator import simulate
from gamma.feeds.events.tape import LEVELS, LOOK_S, Ints, Tape

LOOK_NS: Final = round(LOOK_S * NS)
BATCH: Final = 16
"""Questions that are drawn at a time."""
BATCHES_KEPT: Final = 8
QUESTIONS_KEPT: Final = 64


@final
class QuestionSeries:
    """Questions numbered by the clock: the one of number n is open from n times `open_s` on, for so long.

    Whoever asks by the same seed and symbol sees the same books at the same times.
    """

    def __init__(self, seed: int, symbol: str, shape: EventShape = BITCOIN_15M) -> None:
        self.symbol = symbol
        self._seed = (seed, zlib.crc32(symbol.encode()))
        self._shape = shape
        self._open_ns = round(shape.open_s * NS)
        self._batch = lru_cache(maxsize=BATCHES_KEPT)(self._simulated)
        self._question = lru_cache(maxsize=QUESTIONS_KEPT)(self._row)

    def number(self, ts_utc_ns: int) -> int:
        """The question that is open then."""
        return ts_utc_ns // self._open_ns

    def opens_utc_ns(self, number: int) -> int:
        """When a question opens; it closes when the next one opens [UTC ns]."""
        return number * self._open_ns

    def payout_cents(self, number: int) -> int:
        """What YES pays in the end."""
        tape, row, _ = self._question(number)
        return int(tape.payout[row])

    def book(self, ts_utc_ns: int) -> EventBook:
        """What stands in the book of the question that is open then."""
        number = self.number(ts_utc_ns)
        (tape, row, traded), opens = self._question(number), self.opens_utc_ns(number)
        look = min((ts_utc_ns - opens) // LOOK_NS, len(traded) - 1)
        return EventBook(
            market=self.symbol,
            yes_bids=_levels(int(tape.yes_bid[row, look]), tape.yes_lots[row, look]),
            no_bids=_levels(int(tape.no_bid[row, look]), tape.no_lots[row, look]),
            ts_event_utc_ns=ts_utc_ns,
            traded_lots=float(traded[look]),
            volume_10min_lots=float(tape.volume[row, look]),
            ts_close_utc_ns=opens + self._open_ns,
        )

    def _row(self, number: int) -> tuple[Tape, int, tuple[int, ...]]:
        """The tape that a question is of, its row there, and how much of it had traded by each look."""
        tape, row = self._batch(number // BATCH), number % BATCH
        taken = (tape.yes_taken[row] + tape.no_taken[row]).astype(np.int64)
        return tape, row, (0, *np.cumsum(taken)[:-1].tolist())

    def _simulated(self, number: int) -> Tape:
        return simulate(self._shape, np.random.default_rng([*self._seed, number]), BATCH)


def _levels(best_cents: int, lots: Ints) -> tuple[BookLevel, ...]:
    """Bids at a price and at each cent below it, as far as there are any."""
    prices = range(best_cents, best_cents - LEVELS, -1)
    found = zip(prices, lots.tolist(), strict=True)
    return tuple(BookLevel(price_ticks=p, lots=n) for p, n in found if 0 < p < CENTS and n > 0)

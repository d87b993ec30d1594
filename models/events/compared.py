"""Recorded markets beside simulated ones: each figure of the recording, and where those of simulations as long lie."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np

from gamma.feeds.events.shape import EventShape
from gamma.feeds.events.simulator import simulate
from gamma.feeds.events.tape import Tape
from models.events.measures import like, measured, paid_by_price

BAND: Final = (0.05, 0.95)
TAPES: Final = 60
SEED: Final = 2
PRICED_MARKETS: Final = 20_000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure: as it was recorded, the middle of the simulated ones, and where nine of ten of them lie."""

    name: str
    recorded: float
    simulated: float
    low: float
    high: float

    @property
    def within(self) -> bool:
        """Whether the recorded one is among those nine."""
        return self.low <= self.recorded <= self.high


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compared:
    """What was recorded, and as many simulated markets cut to the same stretches, again and again.

    `paid` says of whole simulated markets how often YES paid where it cost so much: price, share [cents], looks.
    """

    recorded: Tape
    simulated: Sequence[Tape]
    paid: Sequence[tuple[float, float, int]]

    @property
    def rows(self) -> list[Row]:
        """Every figure of `measures`."""
        told = [measured(tape) for tape in self.simulated]
        return [_row(name, value, [one[name] for one in told]) for name, value in measured(self.recorded).items()]


def compared(shape: EventShape, recorded: Tape, tapes: int = TAPES, priced_markets: int = PRICED_MARKETS) -> Compared:
    """A recording beside simulations of this shape, which are drawn from seeds that the fit did not see."""
    rng = np.random.default_rng(SEED)
    simulated = [like(simulate(shape, rng, len(recorded)), recorded) for _ in range(tapes)]
    return Compared(recorded=recorded, simulated=simulated, paid=paid_by_price(simulate(shape, rng, priced_markets)))


def _row(name: str, recorded: float, simulated: Sequence[float]) -> Row:
    low, middle, high = np.nanquantile(simulated, (BAND[0], 0.5, BAND[1])).tolist()
    return Row(name=name, recorded=recorded, simulated=middle, low=low, high=high)


def lines(found: Compared) -> Iterator[str]:
    """The comparison as a table of text, and behind it what simulated prices are worth."""
    markets, looks = len(found.recorded), int(found.recorded.looks.sum())
    yield f"{markets} markets, {looks:,} looks recorded; {len(found.simulated)} simulations as long"
    yield f"{'':46}{'recorded':>9}{'simulated':>10}{'9 of 10 between':>18}"
    rows = found.rows
    for row in rows:
        mark = "" if row.within else " *"
        yield f"{row.name:46}{row.recorded:9.3f}{row.simulated:10.3f}{row.low:9.3f}{row.high:9.3f}{mark}"
    yield f"{sum(row.within for row in rows)} of {len(rows)} recorded figures lie within; * those that do not"
    yield f"{'simulated prices [cents]':46}{'cost':>9}{'paid':>10}{'looks':>18}"
    for number, (cost, paid, seen) in enumerate(found.paid):
        yield f"{f'{10 * number} to {10 * number + 10}':46}{cost:9.2f}{paid:10.2f}{seen:18,}"

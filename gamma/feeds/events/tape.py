"""What a market of one question looked like, look by look: simulated, or recorded and cut into looks."""

from dataclasses import dataclass, fields
from typing import Final, Self, final

import numpy as np
from numpy.typing import NDArray

from gamma.books import LEVELS

LOOK_S: Final = 5.0
WINDOW_LOOKS: Final = 120
"""Ten minutes, over which volume and spread are told."""

__all__ = ["LEVELS", "LOOK_S", "WINDOW_LOOKS", "Floats", "Ints", "Tape"]

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tape:
    """E markets of up to T looks, `LOOK_S` apart; prices in whole cents, sizes in whole contracts.

    Both sides of a book hold bids alone. `yes_lots` are bid at `yes_bid` and at each cent below it, best first; a side
    without a bid has its best at 0, and no lots. `yes_taken` are sold to the bids for YES before the next look.
    `left_s` is the time to the close, `volume` how many contracts changed hands in the ten minutes before the look: all
    since it opened, where it is younger. A market pays `payout` cents at its close, or is worth its middle at its last
    look where -1 stands: nobody recorded its end.

    Shapes: [E, T]; `yes_lots` and `no_lots` [E, T, LEVELS]; `looks` and `payout` [E].
    """

    yes_bid: Ints
    no_bid: Ints
    yes_lots: Ints
    no_lots: Ints
    yes_taken: Ints
    no_taken: Ints
    volume: Floats
    left_s: Floats
    looks: Ints
    payout: Ints

    def __len__(self) -> int:
        return len(self.looks)

    @property
    def names(self) -> tuple[str, ...]:
        """The arrays by their names."""
        return tuple(one.name for one in fields(self))

    def part(self, chosen: slice | NDArray[np.bool_] | NDArray[np.intp]) -> Self:
        """Some of the markets."""
        return type(self)(**{name: getattr(self, name)[chosen] for name in self.names})

    @property
    def middle(self) -> Floats:
        """Halfway between the best bids of both sides [cents]. Shapes: [E, T]."""
        return ((self.yes_bid + 100 - self.no_bid) * 0.5).astype(np.float32)

    @property
    def spread(self) -> Ints:
        """How far the ask of YES lies above its bid [cents]. Shapes: [E, T]."""
        return 100 - self.no_bid - self.yes_bid

    @property
    def there(self) -> NDArray[np.bool_]:
        """Which looks there are. Shapes: [E, T]."""
        found: NDArray[np.bool_] = np.arange(self.yes_bid.shape[1]) < self.looks[:, None]
        return found

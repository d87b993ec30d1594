"""`EventBook`: what is bid for an event contract, on both sides, and how much of it has traded.

Prices are cents, which are the ticks of an event contract. A book lists bids alone: a bid for NO at p is an offer of
YES at 100 less p.
"""

from dataclasses import dataclass
from typing import Final

NAN: Final = float("nan")
CENTS: Final = 100
NEAR_CENTS: Final = 5
"""How far from the middle of the market what stands in a book counts as its depth."""
LEVELS: Final = 5
"""How many cents of a side, from its best on, a decision looks at: as many as a market has in training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookLevel:
    """What is bid for at one price [ticks]: so many lots."""

    price_ticks: int
    lots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBook:
    """The order book of an event contract: bids for YES and for NO, each at its own price, the best first.

    `traded_lots` changed hands since the question opened, `volume_10min_lots` in the ten minutes before; all of it
    while it is younger than that. `ts_close_utc_ns` is when trading in it ends. `ended_cents` is what YES paid in the
    question before, told once, by the first book of the next. NaN and 0 where it is not told.
    """

    market: str
    yes_bids: tuple[BookLevel, ...]
    no_bids: tuple[BookLevel, ...]
    ts_event_utc_ns: int
    traded_lots: float = NAN
    volume_10min_lots: float = NAN
    ts_close_utc_ns: int = 0
    ended_cents: float = NAN

    @property
    def yes_bid_cents(self) -> int:
        """The best bid for YES [cents]; 0 where there is none."""
        return self.yes_bids[0].price_ticks if self.yes_bids else 0

    @property
    def no_bid_cents(self) -> int:
        """The best bid for NO [cents]; 0 where there is none."""
        return self.no_bids[0].price_ticks if self.no_bids else 0

    @property
    def middle_cents(self) -> float:
        """Halfway between what is bid for YES and what it is offered at [cents]; a side without a bid bids 0."""
        return (self.yes_bid_cents + CENTS - self.no_bid_cents) / 2

    @property
    def spread_cents(self) -> float:
        """How far the best bids of both sides are apart [cents]; NaN where a side has none."""
        both = self.yes_bids and self.no_bids
        return float(CENTS - self.no_bid_cents - self.yes_bid_cents) if both else NAN

    def offered(self, side: int) -> tuple[BookLevel, ...]:
        """What an order takes that buys YES (+1) or sells it (-1), at prices of YES, the best first."""
        if side < 0:
            return self.yes_bids
        return tuple(BookLevel(price_ticks=CENTS - bid.price_ticks, lots=bid.lots) for bid in self.no_bids)

    def near_lots(self, side: int) -> int:
        """How much of what an order of this side takes stands near the middle of the market."""
        return sum(one.lots for one in self.offered(side) if abs(one.price_ticks - self.middle_cents) <= NEAR_CENTS)

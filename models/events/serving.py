"""An event policy as the daemon asks it: books in, an action out, in plain NumPy. Nothing here needs JAX.

What it is shown comes from the function that the training environment calls, `features.features`.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final, final

import numpy as np

from gamma.books import BookLevel, EventBook
from gamma.clock import NS
from gamma.feeds.events.tape import LEVELS, WINDOW_LOOKS
from gamma.ports import Act, Trained
from gamma.views import Situation
from models import network
from models.events.checkpoints import EventCheckpoint
from models.events.features import LAGS, Sight, features
from models.network import Floats, Network

OPENED_LOOKS: Final = 2
"""A question that is seen within so many looks of its opening is known from the first."""


@final
class ServedEventPolicy:
    """One checkpoint, and what it has seen of the question that is open; another question begins anew."""

    def __init__(self, trained: Trained, checkpoint: EventCheckpoint) -> None:
        self._trained, self._card = trained, checkpoint.card
        self._conditions = checkpoint.card.conditions
        self._network = Network(checkpoint.tensors)
        self._middles: deque[float] = deque(maxlen=max(LAGS) + 1)
        self._spreads: deque[float] = deque(maxlen=WINDOW_LOOKS)
        self._book: EventBook | None = None
        self._traded_lots = 0.0
        self._looks_seen = 0
        self._needed = 1

    @property
    def trained(self) -> Trained:
        return self._trained

    @property
    def actions(self) -> Sequence[str]:
        return self._card.actions

    @property
    def look_s(self) -> float:
        return self._conditions.look_s

    @property
    def sizes_lots(self) -> Sequence[int]:
        return self._conditions.sizes_lots

    @property
    def looks_needed(self) -> int:
        return self._needed

    @property
    def looks_seen(self) -> int:
        return self._looks_seen

    def see(self, book: EventBook) -> None:
        before = self._book
        if before is None or (before.market, before.ts_close_utc_ns) != (book.market, book.ts_close_utc_ns):
            self._begin(book)
            before = book
        self._traded_lots = max(book.traded_lots - before.traded_lots, 0.0)  # NaN where it is not told
        self._middles.append(book.middle_cents)
        self._spreads.append(float(100 - book.no_bid_cents - book.yes_bid_cents))
        self._book = book
        self._looks_seen += 1

    def _begin(self, book: EventBook) -> None:
        """A question that was open already moved unseen: its moves are not known before so many looks."""
        self._middles.clear()
        self._spreads.clear()
        self._looks_seen = 0
        late = _left_s(book) < self._conditions.open_s - OPENED_LOOKS * self._conditions.look_s
        self._needed = max(LAGS) + 1 if late else 1

    def act(self, situation: Situation, legal: Sequence[bool]) -> Act:
        scaled = self._network.scaled(self.observation(situation))
        logits = self._network.logits(scaled)
        liked = np.argsort(-logits, kind="stable").tolist()  # of two alike, the first
        action = next((one for one in liked if legal[one]), 0)  # to hold is never illegal
        return Act(action=action, logits=tuple(logits.tolist()), legal=legal, novelty=network.novelty(scaled))

    def observation(self, situation: Situation) -> Floats:
        """What the policy is shown at the look that was seen last. Shapes: [O]; NaN before the first."""
        book = self._book
        if book is None:
            return np.full(len(self._card.seen.names), np.nan)
        held = situation.side * situation.lots
        paid_cents = situation.entry_ticks if held > 0 else 100.0 - situation.entry_ticks
        seen = features(
            Sight(
                yes_bid=np.float64(book.yes_bid_cents),
                no_bid=np.float64(book.no_bid_cents),
                yes_lots=_levels(book.yes_bids),
                no_lots=_levels(book.no_bids),
                volume=np.float64(book.volume_10min_lots),
                traded=np.float64(self._traded_lots),
                left_s=np.float64(_left_s(book)),
                open_s=self._conditions.open_s,
                spread_mean=np.float64(np.mean(self._spreads)),
                before=tuple(np.float64(self._middles[-1 - min(lag, len(self._middles) - 1)]) for lag in LAGS),
                lots=np.float64(held),
                paid_usd=np.float64(situation.lots * paid_cents / 100.0 if held else 0.0),
                cash_usd=np.float64(situation.cash_microusd / 1e6),
            )
        )
        return np.array(seen, dtype=np.float64)


def _left_s(book: EventBook) -> float:
    return (book.ts_close_utc_ns - book.ts_event_utc_ns) / NS


def _levels(bids: Sequence[BookLevel]) -> Floats:
    """What is bid at the best price and at each cent below it. Shapes: [K]."""
    found = np.zeros(LEVELS)
    for level in bids:
        below = bids[0].price_ticks - level.price_ticks
        if below < LEVELS:
            found[below] += level.lots
    return found

"""`event_policy`: trade event contracts as a trained policy does, look by look, from a checkpoint that is pinned.

An action carries intent and size. One that buys is legal where the sizers and guards, asked for it alone, would leave
its whole size; one that sells where so much is held. What is ordered works until the next look.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, Self, final, overload

import numpy as np

from gamma import actions
from gamma.bars import Bar
from gamma.books import EventBook
from gamma.errors import ConfigInvalid
from gamma.events import Manage, ManageWanted, ModelFailed, SignalMade
from gamma.markets import Kind, Market
from gamma.ports import Act, EventPolicy, Model, Surroundings
from gamma.signals.checkpoint import CheckpointParams, model_of, opened, wrong
from gamma.views import Situation

FAMILIAR: Final = 1.0
"""How novel what a policy sees is in its training, on average; a size is asked for before it has answered."""
HOLD: Final = 0


@final
class EventPolicySource:
    """A trained policy for event contracts as a strategy.

    It sees the books of its market, and how the strategy stands. It holds until it has seen as many looks of the
    question as it needs, and while what is held is being closed. NaN, an illegal action and an error each switch the
    strategy off.
    """

    Params: ClassVar = CheckpointParams

    def __init__(self, policy: EventPolicy, pinned_sha256: str, *, strategy: str, market: Market) -> None:
        self.policy = policy
        self._pinned_sha256 = pinned_sha256
        self._strategy = strategy
        self._market = market
        self._ts_utc_ns = 0
        self.why_none = ""

    @classmethod
    def open(cls, params: Mapping[str, Any], *, strategy: str, market: Market, surroundings: Surroundings) -> Self:
        """Open the checkpoint and verify it.

        Raises: ConfigInvalid when a parameter is wrong, the market is no event contract, or the checkpoint is refused:
            it is damaged, of another hash, of another market, made for another version, or for paper only while gamma
            trades live.
        """
        where = f"strategies.{strategy}.signal"
        if market.kind is not Kind.EVENT:
            raise ConfigInvalid(
                f'[{where}] use = "event_policy" trades event contracts, and {market.symbol} is none; name one whose'
                ' ticker begins with KX, or use = "policy"'
            )
        given, policy = opened(params, where, market, surroundings.mode, surroundings.event_policy)
        return cls(policy, given.sha256, strategy=strategy, market=market)

    @property
    def model(self) -> Model:
        """What it trades from."""
        return model_of(self.policy.trained, self._pinned_sha256)

    @property
    def bar_s(self) -> float:
        """How far apart its looks are [s]."""
        return self.policy.look_s

    @property
    def bars_needed(self) -> int:
        """Looks of a question after which it answers."""
        return self.policy.looks_needed

    def warm_up(self, bars: Sequence[Bar]) -> None:
        """Take history without answering."""
        for bar in bars:
            self._see(bar)

    def choose(
        self, bar: Bar, situation: Situation, leaves: Callable[[SignalMade, int], bool]
    ) -> SignalMade | ManageWanted | ModelFailed | None:
        """What the policy does at this look; nothing at one that is no news, has no book, or lies past the close."""
        book = self._see(bar)
        self.why_none = self._why_none(bar, book, situation)
        if self.why_none or book is None:
            return None
        legal = _Legal(len(self.policy.actions), self._asked(bar, book, situation, leaves))
        act = self.policy.act(situation, legal)
        if text := wrong(act, len(self.policy.actions)) or _unasked(act, legal):
            return ModelFailed(strategy=self._strategy, text=text, ts_event_utc_ns=bar.ts_close_utc_ns)
        if act.action == HOLD:
            self.why_none = "hold"
            return None
        if actions.OPENS[act.action]:
            return self._buy(bar, book, act.action, act)
        return self._sell(bar, book, act.action)

    def _see(self, bar: Bar) -> EventBook | None:
        """Show the bar's book to the policy, where it has one and is news."""
        book = bar.book
        if bar.market != self._market.symbol or bar.ts_close_utc_ns <= self._ts_utc_ns or book is None:
            return None
        self._ts_utc_ns = bar.ts_close_utc_ns
        self.policy.see(book)
        return book

    def _why_none(self, bar: Bar, book: EventBook | None, situation: Situation) -> str:
        if book is None:
            return "no_book"
        if 0 < book.ts_close_utc_ns <= bar.ts_close_utc_ns:
            return "closed"
        if self.policy.looks_seen < self.policy.looks_needed:
            return "warming_up"
        return "leaving" if situation.leaving else ""

    def _asked(
        self, bar: Bar, book: EventBook, situation: Situation, leaves: Callable[[SignalMade, int], bool]
    ) -> Callable[[int], bool]:
        """Whether an action may be done: its rules allow it, and of a buy its whole size would be left."""
        held = situation.side * situation.lots
        permitted = actions.permitted(
            np.asarray(book.yes_bid_cents), np.asarray(book.no_bid_cents), np.asarray(held), self.policy.sizes_lots
        )

        def may(action: int) -> bool:
            if not permitted[action]:
                return False
            return not actions.OPENS[action] or leaves(self._buy(bar, book, action), actions.LOTS[action])

        return may

    def _buy(self, bar: Bar, book: EventBook, action: int, act: Act | None = None) -> SignalMade:
        side, lots = actions.SIDES[action], actions.LOTS[action]
        price = int(actions.limit_cents(book.yes_bid_cents, book.no_bid_cents, side))
        cost = price if side > 0 else 100 - price
        fee = -(-self._market.fee_microusd(lots, price) // lots)
        return SignalMade(
            strategy=self._strategy,
            market=self._market.symbol,
            signal_id=f"{self._strategy}-{bar.ts_close_utc_ns}",
            slot_utc_ns=bar.ts_close_utc_ns,
            side=side,
            stop_ticks=0,
            target_ticks=0,
            ts_event_utc_ns=bar.ts_close_utc_ns,
            price_ticks=price,
            risk_microusd_per_lot=cost * self._market.tick_value_microusd + fee,
            action=action,
            novelty=FAMILIAR if act is None else act.novelty,
            work_s=self.policy.look_s,
            notes={} if act is None else self._notes(book, act),
        )

    def _notes(self, book: EventBook, act: Act) -> dict[str, float]:
        return {
            "middle_cents": book.middle_cents,
            "spread_cents": book.spread_cents,
            "novelty": act.novelty,
            **{f"logit_{name}": logit for name, logit in zip(self.policy.actions, act.logits, strict=True)},
        }

    def _sell(self, bar: Bar, book: EventBook, action: int) -> ManageWanted:
        side = actions.SIDES[action]
        return ManageWanted(
            strategy=self._strategy,
            market=self._market.symbol,
            manage=Manage.REDUCE,
            slot_utc_ns=bar.ts_close_utc_ns,
            ts_event_utc_ns=bar.ts_close_utc_ns,
            lots=actions.LOTS[action],
            price_ticks=int(actions.limit_cents(book.yes_bid_cents, book.no_bid_cents, side)),
            work_s=self.policy.look_s,
        )


@final
class _Legal(Sequence[bool]):
    """What may be done, action by action, each asked for once and not before somebody wants to know.

    To ask all sizers and guards for every size takes longer than all else between a book and its order, and a policy
    needs to know no more than of those actions that it likes better than the one that it takes.
    """

    def __init__(self, count: int, may: Callable[[int], bool]) -> None:
        self._may = may
        self._known: list[bool | None] = [None] * count

    def __len__(self) -> int:
        return len(self._known)

    @overload
    def __getitem__(self, action: int) -> bool: ...
    @overload
    def __getitem__(self, action: slice) -> Sequence[bool]: ...
    def __getitem__(self, action: int | slice) -> bool | Sequence[bool]:
        if isinstance(action, slice):
            return [self[one] for one in range(len(self))[action]]
        known = self._known[action]
        if known is None:
            known = self._known[action] = self._may(range(len(self))[action])
        return known


def _unasked(act: Act, legal: Sequence[bool]) -> str:
    """A policy that calls legal what was not says nothing of use."""
    return "" if legal[act.action] else f"action {act.action} is illegal now, and the policy took it"

"""One turn of the engine: the book as it changes, and the effects in their order. Local to one `step`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, final

from gamma.absence import looks_of, unlisted
from gamma.book import Book, Key, fold
from gamma.decision import ApprovedOrder
from gamma.effects import Answer, Ask, Effect, Record, Send, Tell, Tick
from gamma.events import (
    ExitWanted,
    Halt,
    Halted,
    Intent,
    OrderIntended,
    OrderKind,
    OrderType,
    Recorded,
)
from gamma.guards import Action
from gamma.notices import Notice
from gamma.orders import Order, Position, unended
from gamma.revision import revised
from gamma.rules import Rules

RETRY_NS: Final = 5_000_000_000


def until_utc_ns(slot_utc_ns: int, work_s: float) -> int:
    """From when on an order that was decided on at this slot is taken back; 0 where it works for good."""
    return slot_utc_ns + round(work_s * 1e9) if work_s else 0


@final
class Turn:
    """Accumulates what one event leads to; `step` makes it, and nothing outlives the step.

    `reads` tells that the event is a reading of the market, the broker or the loops: one that a guard may
    count. The same price looked at again a second later is no second reading.
    """

    __slots__ = ("book", "effects", "now", "reads", "rules")

    def __init__(self, book: Book, rules: Rules, now_utc_ns: int, *, reads: bool = False) -> None:
        self.now = max(now_utc_ns, book.ts_event_utc_ns)
        self.book = revised(book, ts_event_utc_ns=self.now) if self.now > book.ts_event_utc_ns else book
        self.rules = rules
        self.reads = reads
        self.effects: list[Effect] = []

    def record(self, fact: Recorded) -> None:
        """Fold a fact in, and have it written."""
        self.book = fold(self.book, fact)
        self.effects.append(Record(fact=fact))

    def tell(self, notice: Notice) -> None:
        """Have a person told."""
        self.effects.append(Tell(notice=notice))

    def tick(self, strategy: str, slot_utc_ns: int, session: str, outcome: str) -> None:
        """Note that the strategy has decided on this slot."""
        self.effects.append(Tick(strategy=strategy, slot_utc_ns=slot_utc_ns, session=session, outcome=outcome))

    def answer(self, command_id: str, ok: bool, text: str) -> None:
        """Answer a command."""
        self.effects.append(Answer(command_id=command_id, ok=ok, text=text))

    def client_order_id(self) -> str:
        """The next id: a pure function of the book, so that a replay gives the same one."""
        return f"{self.book.client_id_prefix}{self.book.epoch}-{self.book.sequence}"

    def send(self, intent: Intent, approved: ApprovedOrder, bracket: Sequence[Intent] = ()) -> None:
        """Record an intent with its bracket, then send it: in this order, always."""
        self._intend(intent, bracket)
        self.effects.append(Send(intent=intent, approved=approved, bracket=bracket))

    def ask(self, intent: Intent) -> None:
        """Record a cancel or replace, then ask for it."""
        self._intend(intent, ())
        self.effects.append(Ask(intent=intent))

    def _intend(self, intent: Intent, bracket: Sequence[Intent]) -> None:
        deadline = self.now + round(self.rules.capabilities.quarantine_after_s * 1e9)
        self.record(
            OrderIntended(intent=intent, bracket=tuple(bracket), deadline_utc_ns=deadline, ts_event_utc_ns=self.now)
        )

    def cancel(self, order: Order, reason: str) -> None:
        """Ask the broker to cancel a working order, unless it was asked moments ago.

        Each complete look that does not show the order doubles the wait. Once a person was told that the broker does
        not list it, it is not asked for any more until the broker shows it again.
        """
        can = self.rules.capabilities
        wait_ns = RETRY_NS << looks_of(order, can)
        asked_before = order.ts_cancel_utc_ns > 0 and self.now - order.ts_cancel_utc_ns < wait_ns
        if order.live and not asked_before and not unlisted(order, can):
            self.ask(self._about(order, OrderKind.CANCEL, 0, reason))

    def cancel_stray(self, client_order_id: str, market: str) -> None:
        """Ask the broker to cancel an order of our form that this ledger never issued."""
        cid = self.client_order_id()
        self.ask(
            Intent(
                client_order_id=cid,
                decision_id=f"{OrderKind.CANCEL}:{client_order_id}:{cid}",
                strategy="",
                market=market,
                kind=OrderKind.CANCEL,
                order_type=OrderType.NONE,
                side=1,
                lots=0,
                reduces=True,
                subject=client_order_id,
                reason="never issued",
                ts_event_utc_ns=self.now,
            )
        )

    def move_stop(self, order: Order, price_ticks: int, reason: str) -> None:
        """Ask the broker to hold a stop at another price."""
        self.ask(self._about(order, OrderKind.REPLACE, price_ticks, reason))

    def _about(self, order: Order, kind: OrderKind, price_ticks: int, reason: str) -> Intent:
        subject = order.intent
        return Intent(
            client_order_id=self.client_order_id(),
            decision_id=f"{kind}:{subject.client_order_id}:{order.asked}",
            strategy=subject.strategy,
            market=subject.market,
            kind=kind,
            order_type=OrderType.NONE,
            side=subject.side,
            lots=order.left_lots,
            price_ticks=price_ticks,
            reduces=True,
            subject=subject.client_order_id,
            reason=reason,
            ts_event_utc_ns=self.now,
        )

    def want_exit(self, position: Position, reason: str) -> None:
        """Note that a position is to be closed; `tend` does it."""
        if position.lots and not position.exit_reason:
            self.record(
                ExitWanted(strategy=position.strategy, market=position.market, reason=reason, ts_event_utc_ns=self.now)
            )

    def halt(self, halt: Halt, notice: Notice) -> bool:
        """Latch a halt and tell of it, once: one that stands already, as hard as this, is left as it is."""
        same = (halt.scope, halt.target, halt.reason, halt.level)
        standing = [h for h in self.book.halts.values() if (h.scope, h.target, h.reason, h.level) == same]
        if any(_hardness(h) >= _hardness(halt) for h in standing):
            return False
        self.record(Halted(halt=replace(halt, halt_id=f"h{self.book.halt_count + 1}"), ts_event_utc_ns=self.now))
        self.tell(notice)
        return True

    def alone(self, symbol: str) -> bool:
        """Whether one strategy alone trades a market: the account's position is its position.

        Where two of them are long and short of one market the account is flat, and to a broker an exit opens.
        """
        traders = {name for name, s in self.rules.strategies.items() if s.market.symbol == symbol}
        traders |= {name for (name, market), p in self.book.positions.items() if market == symbol and p.lots}
        return len(traders) <= 1

    def strategy_orders(self, key: Key) -> list[Order]:
        """The orders of one strategy in one market that can trade and have not ended."""
        return [
            o for o in unended(self.book.orders) if (o.intent.strategy, o.intent.market) == key and o.moves_position
        ]


def _hardness(halt: Halt) -> int:
    """How hard the action is that a guard asked for, from mild to hard as `Action` lists them."""
    action = halt.evidence.get("action")
    return Action(action).hardness if action in set(Action) else -1

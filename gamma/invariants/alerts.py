"""I9: which facts a person must be told of, and by what. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gamma.book import Book
from gamma.events import (
    Armed,
    BalanceCompared,
    ForeignOrderSeen,
    Halted,
    Level,
    OrderAccepted,
    OrderFilled,
    OrderLost,
    OrderQuarantined,
    OrderRejected,
    OrderState,
    PositionsCompared,
    Recorded,
    Resumed,
)
from gamma.markets import MICRO
from gamma.notices import Notice, Severity

_HALTS: Final = (
    "halted:",
    "guard:",
    "safety_halt",
    "drawdown_halt",
    "fault:",
    "model_refused:",
    "order_quarantined:",
    "order_foreign:",
    "invariant:",
    "started_safe",
)
_LATE: Final = frozenset({OrderState.ABSENT, OrderState.REJECTED})
_GAP_MIN_MICROUSD: Final = MICRO // 100
_MISMATCHES_TOLD: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A fact that a person must know of: the notices, one of which tells it, by how their keys begin.

    What a halt says is told by a notice of its own, at least as severe as `severity`.
    """

    what: str
    keys: tuple[str, ...]
    severity: Severity = Severity.WARNING
    alone: bool = False


def wanted(book: Book, fact: Recorded) -> list[Wanted]:
    """What must be told with this fact; `book` is as it was before it."""
    look = _WANTED.get(type(fact))
    return [] if look is None else list(look(book, fact))


def untold(asked: Sequence[Wanted], notices: Collection[Notice]) -> list[str]:
    """Which of these facts no notice of the same step tells."""
    unused, missing = list(notices), []
    for one in asked:
        told = [n for n in notices if n.key.startswith(one.keys) and n.severity.rank >= one.severity.rank]
        mine = next((n for n in told if n in unused), None)
        if not told or (one.alone and mine is None):
            missing.append(one.what)
        elif one.alone and mine is not None:
            unused.remove(mine)
    return missing


def _halted(_: Book, fact: Halted) -> Iterator[Wanted]:
    halt = fact.halt
    lifts = halt.level is Level.PAUSED or halt.until_utc_ns > 0
    critical = halt.scope == "account" and not lifts
    severity = Severity.CRITICAL if critical else Severity.WARNING
    yield Wanted(what=f"the halt {halt.halt_id} ({halt.reason})", keys=_HALTS, severity=severity, alone=True)


def _quarantined(_: Book, fact: OrderQuarantined) -> Iterator[Wanted]:
    cid = fact.client_order_id
    yield Wanted(what=f"the quarantine of {cid}", keys=(f"order_quarantined:{cid}",), severity=Severity.CRITICAL)


def _lost(book: Book, fact: OrderLost) -> Iterator[Wanted]:
    cid = fact.client_order_id
    if _moves(book, cid):
        yield Wanted(what=f"the lost answer to {cid}", keys=(f"order_unknown:{cid}", f"order_quarantined:{cid}"))


def _rejected(book: Book, fact: OrderRejected) -> Iterator[Wanted]:
    if _moves(book, fact.client_order_id):
        yield Wanted(what=f"the refusal of {fact.client_order_id}", keys=("order_rejected:",))


def _accepted(book: Book, fact: OrderAccepted) -> Iterator[Wanted]:
    order = book.orders.get(fact.client_order_id)
    if order is not None and order.state is OrderState.ABSENT:
        yield _late(fact.client_order_id)


def _filled(book: Book, fact: OrderFilled) -> Iterator[Wanted]:
    order = book.orders.get(fact.fill.client_order_id)
    if order is not None and order.state in _LATE and not order.late:
        yield _late(fact.fill.client_order_id)


def _late(client_order_id: str) -> Wanted:
    return Wanted(what=f"that {client_order_id} turned up", keys=(f"order_late:{client_order_id}",))


def _compared(book: Book, fact: PositionsCompared) -> Iterator[Wanted]:
    before = book.control.mismatches.get(fact.market, 0)
    if fact.book_lots != fact.broker_lots and before < _MISMATCHES_TOLD:
        keys = (f"position_mismatch:{fact.market}", f"position_mismatch_halt:{fact.market}")
        yield Wanted(what=f"the position mismatch in {fact.market}", keys=keys)


def _balance(_: Book, fact: BalanceCompared) -> Iterator[Wanted]:
    if abs(fact.gap_microusd) > _GAP_MIN_MICROUSD:
        yield Wanted(what="the balance mismatch", keys=("balance_mismatch",))


def _foreign(book: Book, fact: ForeignOrderSeen) -> Iterator[Wanted]:
    cid = fact.client_order_id
    if cid not in book.control.foreign_orders:
        yield Wanted(what=f"the foreign order {cid}", keys=(f"order_foreign:{cid}",))


def _armed(_: Book, __: Armed) -> Iterator[Wanted]:
    yield Wanted(what="the arming", keys=("armed",))


def _resumed(_: Book, fact: Resumed) -> Iterator[Wanted]:
    if fact.actor != "time" and not fact.actor.startswith("guard:"):
        yield Wanted(what=f"the lifting of {fact.halt_id}", keys=("resumed:",))


def _moves(book: Book, client_order_id: str) -> bool:
    order = book.orders.get(client_order_id)
    return order is not None and order.moves_position


_WANTED: Final[Mapping[type, Any]] = {
    Halted: _halted,
    OrderQuarantined: _quarantined,
    OrderLost: _lost,
    OrderRejected: _rejected,
    OrderAccepted: _accepted,
    OrderFilled: _filled,
    PositionsCompared: _compared,
    BalanceCompared: _balance,
    ForeignOrderSeen: _foreign,
    Armed: _armed,
    Resumed: _resumed,
}

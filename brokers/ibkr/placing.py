"""One attempt at an order, a cancel or another price, and the wait for what is said of it.

Nothing is answered to a request here: an order that was taken shows among the open ones, one that was refused is
complained of, and of one of which nothing is heard in time nobody knows.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, final

from brokers.ibkr.gateway import ANSWER_S, Complaint, Gateway, Heard
from brokers.ibkr.writing import REFUSALS, TOO_LATE, Ticket
from gamma.errors import GammaError, Transient
from gamma.ports import Accepted, Lost, Placed, Rejected

TAKEN: Final = frozenset({"PreSubmitted", "Submitted", "Filled"})
CANCELED: Final = frozenset({"PendingCancel", "Cancelled", "ApiCancelled"})
_CANCELED_CODE: Final = 202
_GRACE_S: Final = 2.0


@final
@dataclass
class _Told:
    """What was said so far of the orders that were sent together."""

    client_id: int
    tickets: Sequence[Ticket]
    shown: dict[int, int] = field(default_factory=dict)
    taken: dict[int, int] = field(default_factory=dict)
    refused: dict[int, Complaint] = field(default_factory=dict)

    @property
    def refs(self) -> Mapping[int, str]:
        """Our ids by number."""
        return {ticket.number: ticket.client_order_id for ticket in self.tickets}

    def take(self, heard: Heard) -> None:
        """Take in a message. An order is known by its number, and was shown under our id."""
        match heard.name, heard.parts:
            case "openOrder", (number, _, order, state):
                self._show(number, order, order.permId, state.status)
            case "execDetails", (_, _, done):
                self._show(done.orderId, done, done.permId, "Filled")
            case "orderStatus", (number, word, _, _, _, perm_id, _, _, client_id, *_):
                if client_id == self.client_id and number in self.shown:
                    self._stands(number, perm_id or self.shown[number], word)
            case "error", (Complaint(about=number, code=code) as told,):
                if number in self.refs and code in REFUSALS:
                    self.refused[number] = told

    def _show(self, number: int, named: Any, perm_id: int, word: str) -> None:
        if named.clientId == self.client_id and self.refs.get(number) == named.orderRef:
            self._stands(number, perm_id, word)

    def _stands(self, number: int, perm_id: int, word: str) -> None:
        self.shown[number] = perm_id
        if perm_id > 0 and word in TAKEN:
            self.taken[number] = perm_id

    @property
    def decided(self) -> bool:
        """Whether something definite was said of each."""
        return all(ticket.number in self.taken or ticket.number in self.refused for ticket in self.tickets)


async def place(gateway: Gateway, tickets: Sequence[Ticket]) -> Placed:
    """Send an order, with its bracket after it, all in one go; wait for what is said of them."""
    client, head, last = await gateway.ready(), tickets[0], tickets[-1]
    told = _Told(gateway.params.client_id, tickets)
    with gateway.waiting() as queue:
        for n, ticket in enumerate(tickets):
            if (lost := _send(client.placeOrder, ticket.number, ticket.contract, ticket.order)) is not None:
                return lost if n else Rejected(code="not_sent", text=lost.text)
        try:
            async with asyncio.timeout(ANSWER_S):
                while not told.decided and head.number not in told.refused and last.number not in told.refused:
                    told.take(_message(await queue.get()))
            if last.number in told.refused and len(tickets) > 1:
                return await _unprotected(client, queue, told)
        except (TimeoutError, Transient) as error:
            if head.number not in told.taken:
                return Lost(text=str(error) or "nothing was heard of it in time")
    if head.number in told.refused:
        for child in tickets[1:]:
            _send(client.cancelOrder, child.number)
        return _rejected(told.refused[head.number])
    return Accepted(
        broker_order_ids={t.client_order_id: str(told.taken[t.number]) for t in tickets if t.number in told.taken}
    )


async def _unprotected(client: Any, queue: "asyncio.Queue[Heard | Transient]", told: _Told) -> Placed:
    """The last of a bracket was refused: the entry may lie at TWS unsent, or work without its stop. Take it back.

    What became of it is to be read.
    """
    head, refusal = told.tickets[0], told.refused[told.tickets[-1].number]
    for ticket in told.tickets[:-1]:
        _send(client.cancelOrder, ticket.number)
    try:
        async with asyncio.timeout(_GRACE_S):
            while head.number not in told.refused:
                told.take(_message(await queue.get()))
            return _rejected(told.refused[head.number])
    except (TimeoutError, Transient):
        return Lost(text=f"its stop was refused ({refusal.code}: {refusal.text}), and it was taken back")


async def cancel(gateway: Gateway, number: int) -> Placed:
    """Ask for an order to be cancelled, and wait for what is said of that; what became of the order is to be read."""
    client = await gateway.ready()

    def judged(heard: Heard) -> Placed | None:
        if heard.name == "orderStatus" and (heard.parts[0], heard.parts[8]) == (number, gateway.params.client_id):
            if heard.parts[1] == "Filled":
                return Rejected(code="too_late", text="it has filled")
            return Accepted(broker_order_ids={}) if heard.parts[1] in CANCELED else None
        told = heard.parts[0] if heard.name == "error" else None
        if not isinstance(told, Complaint) or told.about != number:
            return None
        if told.code == _CANCELED_CODE:
            return Accepted(broker_order_ids={})
        return Rejected(code="too_late", text=f"{told.code}: {told.text}") if told.code in TOO_LATE else None

    return await _once(gateway, lambda: client.cancelOrder(number), judged)


async def change(gateway: Gateway, ticket: Ticket) -> Placed:
    """Send an order that works once more with another price, and wait until it shows with it."""
    client, wanted = await gateway.ready(), ticket.order

    def judged(heard: Heard) -> Placed | None:
        if heard.name == "openOrder" and (heard.parts[0], heard.parts[2].clientId) == (
            ticket.number,
            gateway.params.client_id,
        ):
            order, price = heard.parts[2], "lmtPrice" if wanted.orderType == "LMT" else "auxPrice"
            shown = order.orderRef == wanted.orderRef and getattr(order, price) == getattr(wanted, price)
            return Accepted(broker_order_ids={}) if shown and heard.parts[3].status in TAKEN else None
        told = heard.parts[0] if heard.name == "error" else None
        if not isinstance(told, Complaint) or told.about != ticket.number:
            return None
        if told.code in TOO_LATE:
            return Rejected(code="too_late", text=f"{told.code}: {told.text}")
        return _rejected(told) if told.code in REFUSALS else None

    return await _once(gateway, lambda: client.placeOrder(ticket.number, ticket.contract, wanted), judged)


async def _once(gateway: Gateway, send: Callable[[], None], judged: Callable[[Heard], Placed | None]) -> Placed:
    with gateway.waiting() as queue:
        if (lost := _send(send)) is not None:
            return Rejected(code="not_sent", text=lost.text)
        try:
            async with asyncio.timeout(ANSWER_S):
                while True:
                    said = judged(_message(await queue.get()))
                    if said is not None:
                        return said
        except (TimeoutError, GammaError) as error:
            return Lost(text=str(error) or "nothing was heard of it in time")


def _send(send: Callable[..., None], *parts: Any) -> Lost | None:
    try:
        send(*parts)
    except (OSError, RuntimeError) as error:
        return Lost(text=f"the connection ended ({type(error).__name__})")
    return None


def _message(heard: Heard | Transient) -> Heard:
    if isinstance(heard, Transient):
        raise Transient(str(heard))
    return heard


def _rejected(told: Complaint) -> Rejected:
    return Rejected(code=str(told.code), text=told.text)

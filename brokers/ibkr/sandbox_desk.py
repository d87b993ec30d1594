"""Where the sandbox takes orders, changes and cancels, and tells clients what became of theirs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final, final

from brokers.ibkr import sandbox_shapes as shapes
from brokers.ibkr.sandbox_exchange import Exchange
from brokers.ibkr.sandbox_orders import Asked, Wrong, asked, future_of, structure_of
from brokers.ibkr.sandbox_shapes import Done, Shown
from brokers.ibkr.sandbox_wire import packed
from brokers.sandbox.orders import LotOrder
from brokers.sandbox.tickets import Ticket
from gamma.clock import NS

Tell = Callable[[int, bytes], None]
_REJECTED: Final = 201
_CANCELED: Final = 202


@final
class Desk:
    """Orders of all clients; `tell` sends a message to a client, by its number, where it is connected.

    A commission is told `commission_s` after its execution.
    """

    def __init__(self, exchange: Exchange, tell: Tell, *, commission_s: float) -> None:
        self._exchange = exchange
        self._tell = tell
        self.commission_s = commission_s
        self._unsent: dict[tuple[int, int], Asked] = {}
        self._told = {order.perm_id: _face(order) for order in exchange.orders()}
        self._done = {done.exec_id for order in exchange.orders() for done in order.executions}
        self._due: list[tuple[int, int, Done]] = []

    def next_id(self, client_id: int) -> int:
        """The least number that a client may give its next order."""
        return max((o.order_id for o in self._exchange.orders() if o.client_id == client_id), default=0) + 1

    def place(self, client_id: int, fields: Sequence[str], now_utc_ns: int) -> None:
        """Take an order, or a change of one that works."""
        try:
            order = asked(client_id, fields)
        except Wrong as wrong:
            number = int(fields[1]) if len(fields) > 1 and fields[1].lstrip("-").isdecimal() else -1
            self._tell(client_id, shapes.complaint(number, wrong.code, str(wrong)))
            return
        try:
            before = self._known(client_id, order.order_id)
            if before is not None:
                self._change(before, order, now_utc_ns)
            else:
                self._take(order, now_utc_ns)
        except Wrong as wrong:
            self._tell(client_id, shapes.complaint(order.order_id, wrong.code, str(wrong)))
        self.pass_time(now_utc_ns)

    def _take(self, order: Asked, now_utc_ns: int) -> None:
        key = (order.client_id, order.order_id)
        if key in self._unsent or order.order_id < self.next_id(order.client_id):
            raise Wrong(103, "Duplicate order id")
        if order.account and order.account != self._exchange.account:
            raise Wrong(321, "Error validating request. Invalid account code.")
        if order.parent_id and self._parent(order) is None:
            raise Wrong(135, f"Can't find order with id ={order.parent_id}")
        if order.sec_type not in ("FUT", "BAG"):
            raise Wrong(200, "No security definition has been found for the request")
        made = future_of if order.sec_type == "FUT" else structure_of
        made(order, self._exchange, now_utc_ns)
        self._unsent[key] = order
        if order.transmit:
            self._let_go(order, now_utc_ns)

    def _parent(self, order: Asked) -> Asked | Shown | None:
        return self._unsent.get((order.client_id, order.parent_id)) or self._known(order.client_id, order.parent_id)

    def _let_go(self, order: Asked, now_utc_ns: int) -> None:
        """Send an order on; with it go the one that it hangs on and the others that do."""
        head = order.parent_id or order.order_id
        group = [
            o for o in self._unsent.values() if o.client_id == order.client_id and head in (o.order_id, o.parent_id)
        ]
        futures = [o for o in sorted(group, key=lambda o: (o.parent_id, o.order_id)) if o.sec_type == "FUT"]
        numbers: dict[int, int] = {}
        made = []
        for n, each in enumerate(futures):
            numbers[each.order_id] = self._exchange.floor.next_number + n
            parent = self._known(order.client_id, each.parent_id)
            above = numbers.get(each.parent_id, parent.perm_id // 10 if parent is not None else 0)
            lot = future_of(each, self._exchange, now_utc_ns)
            made.append(replace(lot, number=numbers[each.order_id], parent=above))
        for each in group:
            del self._unsent[each.client_id, each.order_id]
            if each.sec_type == "BAG":
                ticket = structure_of(each, self._exchange, now_utc_ns)
                self._exchange.options.take(replace(ticket, number=self._exchange.options.next_number))
        if made:
            self._exchange.floor.take(made, now_utc_ns)

    def _change(self, before: Shown, order: Asked, now_utc_ns: int) -> None:
        if before.ended:
            raise Wrong(104, "Cannot modify a filled order.")
        found = self._exchange.of_perm(before.perm_id)
        if isinstance(found, LotOrder):
            new = future_of(order, self._exchange, now_utc_ns)
            changed = replace(found, limit_ticks=new.limit_ticks, stop_ticks=new.stop_ticks, lots=new.lots)
            self._exchange.floor.change(changed, now_utc_ns)
        elif isinstance(found, Ticket):
            ticket = structure_of(order, self._exchange, now_utc_ns)
            self._exchange.options.show(replace(found, limit_points=ticket.limit_points, lots=ticket.lots))

    def cancel(self, client_id: int, order_id: int, now_utc_ns: int) -> None:
        """Take an order back."""
        if self._unsent.pop((client_id, order_id), None) is not None:
            self._tell(client_id, shapes.complaint(order_id, _CANCELED, "Order Canceled - reason:"))
            self._tell(client_id, packed(3, order_id, "ApiCancelled", 0, 0, 0, 0, 0, 0, client_id, "", 0))
            return
        order = self._known(client_id, order_id)
        if order is None:
            text = f"OrderId {order_id} that needs to be cancelled is not found."
            self._tell(client_id, shapes.complaint(order_id, 10147, text))
            return
        if order.ended:
            text = f"OrderId {order_id} that needs to be cancelled cannot be cancelled, state: {order.word}."
            self._tell(client_id, shapes.complaint(order_id, 10148, text))
            return
        self._exchange.cancel(order.perm_id, now_utc_ns)
        if self._known_word(order) == order.word:
            self._tell(client_id, shapes.order_status(replace(order, word="PendingCancel")))
        self.pass_time(now_utc_ns)

    def cancel_all(self, now_utc_ns: int) -> None:
        """Take every order back, whosever it is."""
        for order in self._exchange.orders():
            if not order.ended:
                self._exchange.cancel(order.perm_id, now_utc_ns)
        self.pass_time(now_utc_ns)

    def pass_time(self, now_utc_ns: int) -> None:
        """Let what works trade, and tell of it."""
        self._exchange.advance(now_utc_ns)
        for order in self._exchange.orders():
            if self._told.get(order.perm_id) != _face(order):
                self._tell_of(order, now_utc_ns)
        for due in [each for each in self._due if each[0] <= now_utc_ns]:
            self._due.remove(due)
            self._tell(due[1], shapes.commission_report(due[2]))

    def _tell_of(self, order: Shown, now_utc_ns: int) -> None:
        before = self._told.get(order.perm_id, ("", 0, None, None))
        self._told[order.perm_id] = _face(order)
        if order.word == "Inactive":
            self._tell(order.client_id, shapes.complaint(order.order_id, _REJECTED, order.ended_text))
        for done in order.executions:
            if done.exec_id not in self._done:
                self._done.add(done.exec_id)
                self._tell(order.client_id, shapes.exec_details(-1, order, done))
                if done.fee_usd is not None:
                    self._due.append((now_utc_ns + round(self.commission_s * NS), order.client_id, done))
        self._tell(order.client_id, shapes.open_order(order))
        self._tell(order.client_id, shapes.order_status(order))
        if order.word == "Cancelled" and before[0] != order.word:
            self._tell(order.client_id, shapes.complaint(order.order_id, _CANCELED, "Order Canceled - reason:"))

    def _known(self, client_id: int, order_id: int) -> Shown | None:
        for order in self._exchange.orders():
            if (order.client_id, order.order_id) == (client_id, order_id) and order_id:
                return order
        return None

    def _known_word(self, order: Shown) -> str:
        found = self._known(order.client_id, order.order_id)
        return found.word if found is not None else ""

    def due(self, done: Done) -> bool:
        """Whether the commission of an execution is not told yet."""
        return any(each[2].exec_id == done.exec_id for each in self._due)


def _face(order: Shown) -> tuple[str, int, Decimal | None, Decimal | None]:
    return order.word, order.filled, order.limit_points, order.stop_points

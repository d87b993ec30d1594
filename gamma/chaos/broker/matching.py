"""How the fake broker trades: orders, brackets and executions, by prices that are given and chances of one seed.

It shares no code with the paper broker or the engine: it is what they are judged by.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, final

from gamma.chaos.broker.observed import Canceled, Executed, Received, Record, Refused, Repriced
from gamma.chaos.broker.purse import Purse
from gamma.chaos.broker.quirks import Contract, Quirks

SECOND_NS: Final = 1_000_000_000
WAIT_MAX_S: Final = 3.0
_ENDED: Final = frozenset({"filled", "canceled", "expired", "rejected"})


@dataclass(slots=True, kw_only=True)
class Order:
    """An order at the broker. `state`: pending, open, filled, canceled, expired, rejected.

    `due_utc_ns` is when a pending order is decided on, or what trades at market trades next;
    `cancel_utc_ns` when a cancel that was asked for takes effect.
    """

    order_id: str
    sequence: int
    client_order_id: str
    market: str
    side: int
    lots: int
    kind: str
    price_ticks: int
    reduces: bool
    legs: tuple[tuple[str, int], ...]
    parent: "Order | None"
    shows_utc_ns: int
    ts_update_utc_ns: int
    state: str = "open"
    children: list["Order"] = field(default_factory=list)
    filled: int = 0
    triggered: bool = False
    due_utc_ns: int = 0
    cancel_utc_ns: int = 0
    reason: str = ""

    @property
    def ended(self) -> bool:
        """Works no more."""
        return self.state in _ENDED

    @property
    def at_market(self) -> bool:
        """Takes any price."""
        return self.kind == "market" or self.triggered

    @property
    def live(self) -> bool:
        """May trade: it is open, and what it is to close is there."""
        return self.state == "open" and (self.parent is None or self.parent.filled > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An execution, its number, and from when on it is told of."""

    sequence: int
    shows_utc_ns: int
    done: Executed


@final
class Floor:
    """Every order for ever, what works in each market, and what the observer wrote down (`log`)."""

    def __init__(self, quirks: Quirks, contracts: Mapping[str, Contract], seed: int, start_microusd: int) -> None:
        self.quirks = quirks
        self.contracts = contracts
        self.chance = random.Random(f"{quirks.name}:{seed}")
        self.log: list[Record] = []
        self.orders: dict[str, Order] = {}
        self.by_client: dict[str, list[Order]] = {}
        self.fills: list[Shown] = []
        self.last_ticks: dict[str, int] = {}
        self.closed: set[str] = set()
        self.purse = Purse(start_microusd, contracts)
        self.told = Purse(start_microusd, contracts) if quirks.lag_s else self.purse
        self._untold: list[Shown] = []
        self._working: dict[str, list[Order]] = {}
        self._sequence = 0
        self._seed = seed

    # What clients ask for.

    def admit(self, order: Order, now_utc_ns: int, refused: str = "") -> None:
        """Take an order in, with its bracket, to trade or to be refused at once with this code.

        Where the broker decides later it is pending until then.
        """
        for each in (order, *order.children):
            self.orders[each.order_id] = each
            self.by_client.setdefault(each.client_order_id, []).append(each)
            self._working.setdefault(each.market, []).append(each)
            self.log.append(_received(each, now_utc_ns))
        if refused:
            self.refuse(order, refused, now_utc_ns)
            return
        if self.quirks.receipt:
            order.state = "pending"
            order.due_utc_ns = now_utc_ns + self.within_ns(self.quirks.decides_s)
            for child in order.children:
                child.state = "pending"
            if order.due_utc_ns > now_utc_ns:
                return
        self._decide(order, now_utc_ns)

    def working(self) -> list[Order]:
        """The orders that have not ended, oldest first."""
        return sorted((o for working in self._working.values() for o in working), key=lambda o: o.sequence)

    def number(self) -> int:
        """The next number of an order or an execution."""
        self._sequence += 1
        return self._sequence

    def refusal(self, order: Order) -> str:
        """Why an order is refused, by the hour or by chance; "" where it is not."""
        if order.market in self.closed:
            return "market_closed"
        if self.quirks.reject_frac and self.chance.random() < self.quirks.reject_frac:
            return "insufficient_buying_power"
        return ""

    def refuse(self, order: Order, code: str, now_utc_ns: int) -> None:
        """Refuse an order that was taken in, and its bracket with it."""
        for each in (order, *order.children):
            each.reason = code
            self._end(each, "rejected", now_utc_ns)
            refused = Refused(
                ts_utc_ns=now_utc_ns, client_order_id=each.client_order_id, order_id=each.order_id, code=code
            )
            self.log.append(refused)

    def cancel(self, order: Order, now_utc_ns: int) -> None:
        """Cancel a working order, at once or soon."""
        order.cancel_utc_ns = order.cancel_utc_ns or now_utc_ns + self.within_ns(self.quirks.cancel_s)
        if order.cancel_utc_ns <= now_utc_ns:
            self._cancel(order, now_utc_ns, "client")
            self._sweep(order.market, now_utc_ns)

    def reprice(self, order: Order, price_ticks: int, now_utc_ns: int) -> None:
        """Let a working order wait for another price."""
        order.price_ticks, order.ts_update_utc_ns = price_ticks, now_utc_ns
        self.log.append(
            Repriced(
                ts_utc_ns=now_utc_ns,
                order_id=order.order_id,
                client_order_id=order.client_order_id,
                price_ticks=price_ticks,
            )
        )

    # What the market does.

    def trade(self, market: str, low_ticks: int, high_ticks: int, close_ticks: int, now_utc_ns: int) -> None:
        """The market traded between these prices: what they touch fills; the bad fills come first."""
        self.last_ticks[market] = close_ticks
        self.advance(now_utc_ns)
        working = sorted(self._working.get(market, ()), key=lambda o: (o.kind == "limit", o.sequence))
        for order in working:
            if order.live:
                price = _touched(order, low_ticks, high_ticks, close_ticks)
                if price is not None:
                    self._execute(order, price, now_utc_ns)

    def advance(self, now_utc_ns: int) -> None:
        """Time passes: what was pending is decided on, cancels take effect, what is at market trades on."""
        for market in self._working:
            for order in tuple(self._working[market]):
                if order.cancel_utc_ns and order.cancel_utc_ns <= now_utc_ns and not order.ended:
                    self._cancel(order, now_utc_ns, "client")
                    self._sweep(market, now_utc_ns)
                elif order.due_utc_ns and order.due_utc_ns <= now_utc_ns:
                    self._due(order, now_utc_ns)
        if self._untold:
            self._tell(now_utc_ns)

    def expire(self, market: str, now_utc_ns: int) -> None:
        """The session of a market is over: what works there ends."""
        for order in tuple(self._working.get(market, ())):
            if not order.ended:
                self._cancel(order, now_utc_ns, "session", "expired")

    def forget(self, before_utc_ns: int) -> None:
        """Keep nothing of what was over before then, but the last execution, which cursors are compared with."""
        gone = {key for key, o in self.orders.items() if o.ended and o.ts_update_utc_ns < before_utc_ns}
        self.orders = {key: order for key, order in self.orders.items() if key not in gone}
        kept = {cid: [o for o in same if o.order_id not in gone] for cid, same in self.by_client.items()}
        self.by_client = {cid: same for cid, same in kept.items() if same}
        late = [shown for shown in self.fills if shown.done.ts_utc_ns >= before_utc_ns]
        self.fills = late or self.fills[-1:]

    def _due(self, order: Order, now_utc_ns: int) -> None:
        order.due_utc_ns = 0
        if order.state == "pending":
            self._decide(order, now_utc_ns)
        elif order.live and order.at_market and order.market in self.last_ticks:
            self._execute(order, self.last_ticks[order.market], now_utc_ns)

    def _decide(self, order: Order, now_utc_ns: int) -> None:
        code = self.refusal(order) if self.quirks.receipt else ""
        if code:
            self.refuse(order, code, now_utc_ns)
            return
        for each in (order, *order.children):
            if not each.ended:
                each.state, each.due_utc_ns, each.ts_update_utc_ns = "open", 0, now_utc_ns
        if order.kind == "market":
            if self.chance.random() < self.quirks.at_once_frac and order.market in self.last_ticks:
                self._execute(order, self.last_ticks[order.market], now_utc_ns)
            else:
                order.due_utc_ns = now_utc_ns + self.within_ns(WAIT_MAX_S)

    def _execute(self, order: Order, price_ticks: int, now_utc_ns: int) -> None:
        """Fill all or some of what the order may have; a stop that fires leaves no target beside it."""
        if order.kind == "stop" and not order.triggered:
            order.triggered = True
            self._cancel_beside(order, now_utc_ns)
        lots = self._room_lots(order)
        if lots <= 0:
            self._sweep(order.market, now_utc_ns)
            return
        if lots > 1 and self.chance.random() < self.quirks.partial_frac:
            lots = self.chance.randint(1, lots - 1)
        self._book(order, lots, price_ticks, now_utc_ns)
        if order.filled >= order.lots:
            self._end(order, "filled", now_utc_ns)
            self._cancel_beside(order, now_utc_ns)
        elif order.at_market:
            order.due_utc_ns = now_utc_ns + 1 + self.within_ns(WAIT_MAX_S)
        if order.parent is not None and not order.parent.ended:
            self._cancel(order.parent, now_utc_ns, "broker")
        self._sweep(order.market, now_utc_ns)

    def _book(self, order: Order, lots: int, price_ticks: int, now_utc_ns: int) -> None:
        order.filled += lots
        order.ts_update_utc_ns = now_utc_ns
        number = self.number()
        done = Executed(
            ts_utc_ns=now_utc_ns,
            execution_id=f"x{self._seed}-{number}",
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            market=order.market,
            side=order.side,
            lots=lots,
            price_ticks=price_ticks,
            fee_microusd=lots * self.contracts[order.market].commission_microusd,
        )
        self.log.append(done)
        shown = Shown(sequence=number, shows_utc_ns=now_utc_ns + self.within_ns(self.quirks.lag_s), done=done)
        self.fills.append(shown)
        self.purse.book(done)
        if self.told is not self.purse:
            self._untold.append(shown)

    def _tell(self, now_utc_ns: int) -> None:
        for shown in [s for s in self._untold if s.shows_utc_ns <= now_utc_ns]:
            self.told.book(shown.done)
            self._untold.remove(shown)

    # What hangs together.

    def _room_lots(self, order: Order) -> int:
        lots = order.lots - order.filled
        if order.parent is not None:
            lots = min(lots, order.parent.filled - sum(o.filled for o in order.parent.children))
        if order.reduces and self.quirks.reduce_only:
            lots = min(lots, -order.side * self.purse.lots.get(order.market, 0))
        return lots

    def _cancel_beside(self, order: Order, now_utc_ns: int) -> None:
        if order.parent is not None:
            for other in order.parent.children:
                if other is not order and not other.ended:
                    self._cancel(other, now_utc_ns, "broker")

    def _sweep(self, market: str, now_utc_ns: int) -> None:
        """End what has nothing to close any more, and nothing that may yet come."""
        for order in tuple(self._working[market]):
            bound = order.parent is not None or (order.reduces and self.quirks.reduce_only)
            waits = order.state == "pending" or (order.parent is not None and not order.parent.ended)
            if bound and not waits and not order.ended and self._room_lots(order) <= 0:
                self._cancel(order, now_utc_ns, "broker")

    def _cancel(self, order: Order, now_utc_ns: int, by: str, state: str = "canceled") -> None:
        self._end(order, state, now_utc_ns)
        self.log.append(
            Canceled(ts_utc_ns=now_utc_ns, order_id=order.order_id, client_order_id=order.client_order_id, by=by)
        )
        if not order.filled:
            for child in order.children:
                if not child.ended:
                    self._cancel(child, now_utc_ns, "broker")

    def _end(self, order: Order, state: str, now_utc_ns: int) -> None:
        order.state, order.ts_update_utc_ns, order.due_utc_ns = state, now_utc_ns, 0
        self._working[order.market].remove(order)

    def within_ns(self, seconds: float) -> int:
        """A time of up to so many seconds, by chance [ns]."""
        return round(self.chance.random() * seconds * SECOND_NS) if seconds else 0


def _received(order: Order, now_utc_ns: int) -> Received:
    return Received(
        ts_utc_ns=now_utc_ns,
        client_order_id=order.client_order_id,
        order_id=order.order_id,
        market=order.market,
        side=order.side,
        lots=order.lots,
        kind=order.kind,
        price_ticks=order.price_ticks,
        reduces=order.reduces,
        parent=order.parent.order_id if order.parent is not None else "",
        legs=order.legs,
    )


def _touched(order: Order, low_ticks: int, high_ticks: int, close_ticks: int) -> int | None:
    """The price at which an order fills in this range; None where the range does not touch it."""
    if order.at_market:
        return close_ticks
    price, rises = order.price_ticks, (order.kind == "stop") == (order.side > 0)
    if rises:
        return max(price, low_ticks) if high_ticks >= price else None
    return min(price, high_ticks) if low_ticks <= price else None

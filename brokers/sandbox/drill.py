"""What the drills of sandboxes share: requests as they arrive, and what an observer writes down of an order."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol, final
from urllib.parse import parse_qsl, unquote

from brokers.sandbox.answers import Request, Sandbox
from brokers.sandbox.floor import Floor
from brokers.sandbox.orders import Change, Execution, LotOrder, What
from brokers.sandbox.prices import Outcome, Touch
from brokers.sandbox.tickets import Ticket
from gamma.bars import Bar
from gamma.chaos import drill
from gamma.chaos.broker.observed import Canceled, Executed, Received, Record, Refused, Repriced
from gamma.chaos.drill import Asked, Scene, Served, in_order
from gamma.chaos.simulation.faults import Fault
from gamma.chaos.simulation.world import BRISK, bar_at
from gamma.clock import NS
from gamma.errors import InputInvalid
from gamma.markets import MICRO, Market, market

REJECT_FRAC: Final = 0.15
CANCEL_S: Final = 8.0  # long enough for the market to move before a cancel takes effect
MOVE_NS: Final = BRISK.move_s * NS
DAY_NS: Final = 86_400 * NS
# How many lots of an order trade when it is looked at, while it fills in parts; None for all.
_DEPTHS: Final = (0, 0, 1, 1, None)


def served(sandbox: Sandbox, asked: Asked, now_utc_ns: int) -> Served:
    """What a sandbox answers to a request that arrives now."""
    path, _, query = asked.target.partition("?")
    headers = {name.lower(): value for name, value in asked.headers.items()}
    request = Request(
        method=asked.method,
        path=unquote(path),
        params=dict(parse_qsl(query, keep_blank_values=True)),
        headers=headers,
        body=asked.body,
    )
    answer = sandbox.handle(request, now_utc_ns)
    return answer.status, answer.headers, answer.body


class Falters(Protocol):
    """A floor on which things go wrong: lots of an order that trade at a look, refusals to come, time of a cancel."""

    depth_lots: int | None
    refuse_next: list[str]
    cancel_s: float


@final
class Mishaps:
    """What goes wrong on a floor by itself: orders refused, filled in parts, and cancelled late."""

    def __init__(self, floor: Falters, scene: Scene, refusal: str) -> None:
        self._floor = floor
        self._refusal = refusal
        self._rng = random.Random(f"mishaps {scene.seed}")  # noqa: S311  (of faults)
        self._faults = scene.faults
        self._floor.cancel_s = CANCEL_S if Fault.SLUGGISH in scene.faults else 0.0

    def before(self, *, placing: bool) -> None:
        """Something is about to happen: a request arrives, or time passes."""
        if Fault.FILLS in self._faults:
            self._floor.depth_lots = self._rng.choice(_DEPTHS)
        if placing and Fault.REJECTS in self._faults and self._rng.random() < REJECT_FRAC:
            self._floor.refuse_next.append(self._refusal)

    def grow_calm(self) -> None:
        """Nothing goes wrong any more; a cancel still takes its time."""
        self._faults = frozenset()
        self._floor.depth_lots = None
        self._floor.refuse_next.clear()


@final
class WorldPrices:
    """The prices of a schedule, for a floor: each five seconds a market touches low, high and close, and stays there.

    It is asked a tick above its bid. Markets never close.
    """

    def __init__(self, prices: drill.Prices, markets: Mapping[str, Market] | None = None) -> None:
        self._prices = prices
        self._markets = markets or {symbol: market(symbol) for symbol in prices.markets}

    def market(self, symbol: str) -> Market:
        """What is traded under a symbol.

        Raises: InputInvalid when nothing is.
        """
        if symbol not in self._markets:
            raise InputInvalid(f"{symbol!r} is not traded here; known: {', '.join(self._markets)}")
        return self._markets[symbol]

    def touch(self, symbol: str, now_utc_ns: int) -> Touch:
        """Where the last move ended."""
        self.market(symbol)
        return _touch(now_utc_ns, self._prices.move(symbol, now_utc_ns).close)

    def path(self, symbol: str, after_utc_ns: int, until_utc_ns: int) -> list[Touch]:
        """Low, high and close of each move that ended after one time and by another; then how it stands."""
        found: list[Touch] = []
        for end in range((after_utc_ns // MOVE_NS + 1) * MOVE_NS, until_utc_ns + 1, MOVE_NS):
            move = self._prices.move(symbol, end)
            prices = (move.low, move.high, move.close)
            found += [_touch(end - 2 + n, ticks) for n, ticks in enumerate(prices)]
        return [*found, self.touch(symbol, until_utc_ns)]

    def bars(self, symbol: str, bar_s: int, after_utc_ns: int, until_utc_ns: int) -> list[Bar]:
        """The bars that the daemon sees.

        Raises: InputInvalid when others are asked for.
        """
        if bar_s != BRISK.bar_s:
            raise InputInvalid(f"bars of {bar_s} s: there are those of {BRISK.bar_s} s")
        traded, bar_ns = self._prices.markets[symbol], bar_s * NS
        closes = range((after_utc_ns // bar_ns + 1) * bar_ns, until_utc_ns + 1, bar_ns)
        return [bar_at(self._prices.seed, traded, BRISK, ts) for ts in closes]

    def closes_utc_ns(self, symbol: str, now_utc_ns: int) -> int:
        """A day from now."""
        self.market(symbol)
        return now_utc_ns + DAY_NS

    def outcome(self, symbol: str, now_utc_ns: int) -> Outcome | None:  # noqa: ARG002
        """None: these markets go on."""
        self.market(symbol)
        return None


def _touch(ts_utc_ns: int, ticks: int) -> Touch:
    return Touch(ts_utc_ns=ts_utc_ns, bid_ticks=ticks, ask_ticks=ticks + 1, last_ticks=ticks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a broker's protocol calls an order and an execution of a floor, and under which client order id it has them.

    They must be those that the adapter's orders and fills have.
    """

    order_id: Callable[[LotOrder], str] = lambda order: str(order.number)
    execution_id: Callable[[Execution], str] = lambda done: str(done.number)
    client_id: Callable[[LotOrder], str] = lambda order: order.client_id


def records_at(floor: Floor, names: Names | None = None) -> list[Record]:
    """What happened on a floor, as an observer would have written it down."""
    return in_order(r for change in floor.changes for r in _records_of(change, floor, names or Names()))


def _records_of(change: Change, floor: Floor, names: Names) -> Iterator[Record]:
    order, done, ts = change.order, change.execution, change.ts_utc_ns
    if order is None:
        return
    order_id, cid = names.order_id(order), names.client_id(order)
    match change.what:
        case What.RECEIVED:
            parent = floor.orders.get(order.parent)
            yield Received(
                ts_utc_ns=ts,
                client_order_id=cid,
                order_id=order_id,
                market=order.symbol,
                side=order.side,
                lots=order.lots,
                kind=order.kind,
                price_ticks=order.limit_ticks or order.stop_ticks,
                reduces=order.reduces,
                parent=names.client_id(parent) if parent is not None else "",
            )
        case What.REFUSED:
            yield Refused(ts_utc_ns=ts, client_order_id=cid, order_id=order_id, code=order.reason)
        case What.CANCELED | What.EXPIRED:
            by = {What.EXPIRED: "session"}.get(change.what, "client" if order.reason == "client" else "broker")
            yield Canceled(ts_utc_ns=ts, order_id=order_id, client_order_id=cid, by=by)
        case What.CHANGED:
            price = order.limit_ticks or order.stop_ticks
            yield Repriced(ts_utc_ns=ts, order_id=order_id, client_order_id=cid, price_ticks=price)
        case What.TRADED if done is not None:
            yield Executed(
                ts_utc_ns=ts,
                execution_id=names.execution_id(done),
                order_id=order_id,
                client_order_id=cid,
                market=done.symbol,
                side=done.side,
                lots=done.lots,
                price_ticks=done.price_ticks,
                fee_microusd=done.fee_microusd,
            )


def records_of(ticket: Ticket, order_id: str = "") -> Iterator[Record]:
    """What happened to an order of several legs; each lot is an execution, numbered from 1."""
    order_id, tag, traded = order_id or str(ticket.number), ticket.tag, market(ticket.underlying)
    side = -1 if ticket.legs[0].ratio < 0 else 1  # the first of its options is the dearer one
    yield Received(
        ts_utc_ns=ticket.ts_created_utc_ns,
        client_order_id=tag,
        order_id=order_id,
        market=ticket.underlying,
        side=side,
        lots=ticket.lots,
        kind=ticket.kind,
        price_ticks=int(abs(ticket.limit_points or Decimal(0)) * traded.ticks_per_point),
        reduces=not ticket.legs[0].opens,
    )
    number = 0
    for execution in ticket.executions:
        net = -sum((leg.ratio * p for leg, p in zip(ticket.legs, execution.leg_points, strict=True)), Decimal(0))
        for _ in range(execution.lots):
            number += 1
            yield Executed(
                ts_utc_ns=execution.ts_utc_ns,
                execution_id=f"{order_id}-{number}",
                order_id=order_id,
                client_order_id=tag,
                market=ticket.underlying,
                side=side,
                lots=1,
                price_ticks=-side * int(net * traded.ticks_per_point),
                fee_microusd=int(execution.fee_usd * MICRO / execution.lots),
            )
    if ticket.state in ("canceled", "expired"):
        yield Canceled(ts_utc_ns=ticket.ts_updated_utc_ns, order_id=order_id, client_order_id=tag, by="client")
    if ticket.state == "rejected":
        yield Refused(ts_utc_ns=ticket.ts_updated_utc_ns, client_order_id=tag, order_id=order_id, code=ticket.reason)

"""Interactive Brokers in schedules of crashes and faults: micros with brackets and spreads in XSP, at its sandbox."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import Final, final

from brokers.ibkr.adapter import IbkrBroker
from brokers.ibkr.drill_line import AT, CANCEL, CANCEL_ALL, CONNECT, LENGTH, OVER, PLACE, START, DrillLine, messages
from brokers.ibkr.params import PAPER_PORTS, IbkrParams
from brokers.ibkr.sandbox import ACCOUNT, IbkrSandbox, Session
from brokers.ibkr.sandbox_exchange import exec_id
from brokers.ibkr.sandbox_shapes import complaint
from brokers.sandbox.drill import Mishaps, Names, WorldPrices, records_at, records_of
from brokers.sandbox.orders import journal
from brokers.sandbox.spread_quotes import SpreadQuotes
from brokers.sandbox.tickets import Store, Ticket
from gamma.chaos.broker.observed import Executed, Record
from gamma.chaos.drill import Aim, Asked, Line, Scene, Sent, Served, in_order
from gamma.chaos.simulation.faults import Fault
from gamma.chaos.simulation.world import MES, MNQ, XSP, Traded
from gamma.clock import NS
from gamma.markets import MICRO, market
from gamma.ports import Broker, Capabilities

REFUSAL: Final = "The exchange does not accept the order"
OUTAGE_FRAC: Final = 0.02  # of the times that it is looked whether TWS has lost its server
OUTAGE_S: Final = (5.0, 40.0)
TORN_FRAC: Final = 0.1  # of the brackets, where requests are lost
_LOST: Final = (1100, "Connectivity between IB and TWS has been lost.")
_STILL_LOST: Final = (2110, "Connectivity between TWS and server is broken. It will be restored automatically.")
_BACK: Final = (1102, "Connectivity between IB and TWS has been restored.")
_PARAMS: Final = IbkrParams(environment="paper", account_id=ACCOUNT, port=PAPER_PORTS[0])
_FUTURE, _STRUCTURE = 1, 2
_NAMES: Final = Names(
    order_id=lambda order: str(order.number * 10 + _FUTURE),
    execution_id=lambda done: _name(done.order * 10 + _FUTURE, done.number),
)
_SHOWING: Final = ("5", "16", "99")
_ORDER_ID, _TYPE, _REF = 1, 4, 26


def _name(perm_id: int, number: int) -> str:
    """An execution as the adapter names it: without how often it was corrected."""
    return exec_id(perm_id, number, 1).rpartition(".")[0]


@final
class IbkrDrill:
    """Two micros, long and short, with and without brackets, and spreads of two options on XSP."""

    markets: Sequence[Traded] = (MES, MNQ, XSP)
    averages: bool = False

    @property
    def capabilities(self) -> Capabilities:
        """The adapter's, on paper."""
        return IbkrBroker(_PARAMS, {}).capabilities

    def open(self, scene: Scene) -> "IbkrVenue":
        """Open the account."""
        return IbkrVenue(scene)


@dataclass
class _Connection:
    """One connection: what came of it in which place, how far that was read, and how many bytes were told."""

    session: Session
    came: dict[int, bytes] = field(default_factory=dict)
    read: int = 0
    told: int = 0


@final
class IbkrVenue:
    """One paper account at a TWS of its own, which serves one connection at a time: a newer one ends the one before."""

    def __init__(self, scene: Scene) -> None:
        capital_usd = Decimal(scene.capital_usd)
        futures = {symbol: market(symbol) for symbol in scene.prices.markets if symbol != XSP.symbol}
        self.sandbox = IbkrSandbox(
            WorldPrices(scene.prices, futures),
            SpreadQuotes(scene.prices, XSP),
            (journal(None, ACCOUNT), Store(None, ACCOUNT)),
            capital_usd=capital_usd,
        )
        self._mishaps = {
            "FUT": Mishaps(self.sandbox.floor, scene, REFUSAL),
            "BAG": Mishaps(self.sandbox.options, scene, REFUSAL),
        }
        self._rng = random.Random(f"tws {scene.seed}")  # noqa: S311  (of faults)
        self._faults = scene.faults
        self._numbers = count(1)
        self._newest = 0
        self._connection: _Connection | None = None
        self._line: DrillLine | None = None
        self._back_utc_ns = 0

    def adapter(self, line: Line) -> Broker:
        """The adapter, opened anew."""
        self._line = DrillLine(line.transport, self, lambda: next(self._numbers))
        return IbkrBroker(_PARAMS, line.markets, dial=self._line.dial, now_utc_ns=line.wall_ns)

    # What comes.

    def serve(self, asked: Asked, now_utc_ns: int) -> Served:
        """Take in what was sent, once all before it has come."""
        [number, place] = asked.target.split("/")[1:3]
        if number == CONNECT:
            return self._connect(int(place))
        connection = self._connection
        if connection is None or int(number) != self._newest:
            return 410, {}, b""
        connection.came[int(place)] = asked.body
        while connection.read in connection.came:
            chunk = connection.came.pop(connection.read)
            connection.read += 1
            if not self._read(connection.session, chunk, now_utc_ns):
                self._connection = None
                return 410, {}, b""
        at, out = connection.told, connection.session.taken()
        connection.told += len(out)
        self._ring()
        return 200, {AT: str(at), LENGTH: str(len(out)), OVER: "1" if connection.session.over else "0"}, out

    def _connect(self, number: int) -> Served:
        if number < self._newest:
            return 410, {}, b""
        for session in tuple(self.sandbox.sessions):
            self.sandbox.leave(session)
        self._newest = number
        self._connection = _Connection(self.sandbox.connect())
        return 200, {}, b""

    def _read(self, session: Session, chunk: bytes, now_utc_ns: int) -> bool:
        """Carry out what came; whether the connection lasts: it may break between an entry and its bracket."""
        for n, fields in enumerate(self.sandbox.messages(session, chunk, now_utc_ns)):
            if n and Fault.LOST_REQUEST in self._faults and self._rng.random() < TORN_FRAC:
                return False
            fresh = fields[_TYPE] if fields[0] == PLACE and not self._known(fields) else ""
            for kind, mishaps in self._mishaps.items():
                mishaps.before(placing=kind == fresh)
            self.sandbox.handle(session, fields, now_utc_ns)
            if fields[0] == START and self._back_utc_ns:
                session.out.append(complaint(-1, *_STILL_LOST))
        return True

    def advance(self, now_utc_ns: int) -> None:
        """Time passes."""
        for mishaps in self._mishaps.values():
            mishaps.before(placing=False)
        self.sandbox.advance(now_utc_ns)
        if self._back_utc_ns and now_utc_ns >= self._back_utc_ns:
            self._come_back()
        elif not self._back_utc_ns and Fault.OUTAGE in self._faults and self._rng.random() < OUTAGE_FRAC:
            self._back_utc_ns = now_utc_ns + round(self._rng.uniform(*OUTAGE_S) * NS)
            self.sandbox.tell_all(*_LOST)
        self._ring()

    def grow_calm(self) -> None:
        """Nothing goes wrong any more."""
        self._faults = frozenset()
        for mishaps in self._mishaps.values():
            mishaps.grow_calm()
        if self._back_utc_ns:
            self._come_back()
            self._ring()

    def _come_back(self) -> None:
        self._back_utc_ns = 0
        self.sandbox.tell_all(*_BACK)

    # What is told without being asked.

    def news(self, connection: int, at: int) -> bytes:
        """What is new, for one who has heard all before it."""
        open_now = self._connection
        if open_now is None or connection != self._newest or at != open_now.told:
            return b""
        out = open_now.session.taken()
        open_now.told += len(out)
        return out

    def hang_up(self, connection: int) -> None:
        """A client is gone; what it sent may still come, until it calls again."""
        if self._connection is not None and connection == self._newest:
            self.sandbox.leave(self._connection.session)

    def _ring(self) -> None:
        if self._line is not None:
            self._line.ring()

    # What it was.

    def aim(self, asked: Asked) -> Sent:
        """What a request is for; an order that is sent under the number that it has there is a change of it."""
        for fields in messages(asked.body):
            if fields[0] == PLACE and not self._known(fields):
                return Sent(aim=Aim.PLACE, client_order_id=fields[_REF])
            if fields[0] in (PLACE, CANCEL, CANCEL_ALL):
                return Sent(aim=Aim.CHANGE)
            if fields[0] in _SHOWING:
                return Sent(aim=Aim.ORDERS)
        return Sent(aim=Aim.READ)

    def _known(self, fields: Sequence[str]) -> bool:
        told = (fields[_ORDER_ID], fields[_REF])
        return any((str(order.order_id), order.ref) == told for order in self.sandbox.exchange.orders())

    def log(self) -> Sequence[Record]:
        """The orders of both floors, as an observer would have written them down."""
        structures = (r for ticket in self.sandbox.options.tickets.values() for r in _records_of(ticket))
        return in_order([*records_at(self.sandbox.floor, _NAMES), *structures])


def _records_of(ticket: Ticket) -> Iterator[Record]:
    """What happened to an order of a structure; each match is an execution."""
    perm_id = ticket.number * 10 + _STRUCTURE
    yield from (r for r in records_of(ticket, str(perm_id)) if not isinstance(r, Executed))
    side = 1 if ticket.notes["action"] == "BUY" else -1
    for n, each in enumerate(ticket.executions, 1):
        cost = sum((leg.ratio * p for leg, p in zip(ticket.legs, each.leg_points, strict=True)), Decimal(0))
        yield Executed(
            ts_utc_ns=each.ts_utc_ns,
            execution_id=_name(perm_id, n),
            order_id=str(perm_id),
            client_order_id=ticket.tag,
            market=ticket.underlying,
            side=side,
            lots=each.lots,
            price_ticks=int(side * cost * market(ticket.underlying).ticks_per_point),
            fee_microusd=int(each.fee_usd * MICRO),
        )

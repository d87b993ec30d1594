"""TWS in this process: sessions of clients, what they ask, and what they are told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, final

from brokers.ibkr import sandbox_answers as answers
from brokers.ibkr import sandbox_shapes as shapes
from brokers.ibkr.sandbox_contracts import Listed
from brokers.ibkr.sandbox_desk import Desk
from brokers.ibkr.sandbox_exchange import Exchange
from brokers.ibkr.sandbox_wire import SERVER_VERSION, Frames, Garbled, packed
from brokers.sandbox.floor import Floor
from brokers.sandbox.option_floor import OptionFloor
from brokers.sandbox.option_market import OptionMarket
from brokers.sandbox.orders import Journal
from brokers.sandbox.prices import Prices
from brokers.sandbox.tickets import Store
from gamma.clock import NS
from gamma.errors import InputInvalid
from gamma.markets import MICRO

ACCOUNT: Final = "DU0000001"
_FARMS: Final = (
    (2104, "Market data farm connection is OK:usfarm"),
    (2158, "Sec-def data farm connection is OK:secdef"),
)


@dataclass(eq=False, slots=True)
class Session:
    """One client's connection: what is still to be written to it, and whether it is to be closed then."""

    frames: Frames = field(default_factory=Frames)
    greeted: bool = False
    client_id: int = -1
    out: list[bytes] = field(default_factory=list)
    over: bool = False
    streams: dict[int, Listed] = field(default_factory=dict)

    def taken(self) -> bytes:
        """What is to be written now."""
        out, self.out = b"".join(self.out), []
        return out


@final
class IbkrSandbox:
    """One paper account at a TWS of its own: futures, option structures, and their prices.

    Nothing is answered to an order but what becomes of it. Executions and ended orders are those of the day.
    """

    def __init__(
        self,
        prices: Prices,
        quotes: OptionMarket,
        stores: tuple[Journal, Store],
        *,
        capital_usd: Decimal,
        commission_s: float = 0.2,
    ) -> None:
        self.floor = Floor(prices, stores[0], int(capital_usd * MICRO))
        self.options = OptionFloor(quotes, stores[1], capital_usd)
        self.account = ACCOUNT
        self.exchange = Exchange(self.floor, self.options, self.account, capital_usd)
        self.desk = Desk(self.exchange, self._tell, commission_s=commission_s)
        self.sessions: list[Session] = []

    def connect(self) -> Session:
        """A client calls."""
        session = Session()
        self.sessions.append(session)
        return session

    def leave(self, session: Session) -> None:
        """A client is gone."""
        if session in self.sessions:
            self.sessions.remove(session)

    def messages(self, session: Session, chunk: bytes, now_utc_ns: int) -> Iterator[Sequence[str]]:
        """What a client asks, message by message; the greeting is answered at once."""
        try:
            for fields in session.frames.take(chunk):
                self._greet(session, now_utc_ns)
                yield fields
            self._greet(session, now_utc_ns)
        except Garbled:
            session.over = True

    def handle(self, session: Session, fields: Sequence[str], now_utc_ns: int) -> None:
        """Carry out what a client asks."""
        try:
            kind = int(fields[0])
            if session.client_id < 0:
                self._start(session, fields, kind, now_utc_ns)
            elif len(fields) < answers.MOST_FIELDS.get(kind, 0):
                session.out.append(shapes.complaint(-1, 320, "Error reading request."))
            else:
                self._route(session, kind, fields, now_utc_ns)
        except (ValueError, IndexError):
            session.out.append(shapes.complaint(-1, 320, "Error reading request."))

    def advance(self, now_utc_ns: int) -> None:
        """Time passes."""
        self.desk.pass_time(now_utc_ns)
        for session in self.sessions:
            for request, listed in session.streams.items():
                session.out.extend(answers.ticks(self.exchange, request, listed, now_utc_ns))

    def tell_all(self, code: int, text: str) -> None:
        """A word to every client, about no request."""
        for session in self.sessions:
            if session.client_id >= 0:
                session.out.append(shapes.complaint(-1, code, text))

    def _tell(self, client_id: int, message: bytes) -> None:
        for session in self.sessions:
            if session.client_id == client_id and not session.over:
                session.out.append(message)

    def _greet(self, session: Session, now_utc_ns: int) -> None:
        versions = session.frames.versions
        if versions is None or session.greeted:
            return
        session.greeted = True
        if not versions[0] <= SERVER_VERSION <= versions[1]:
            session.over = True
            return
        session.out.append(packed(SERVER_VERSION, shapes.stamp(now_utc_ns)))

    def _start(self, session: Session, fields: Sequence[str], kind: int, now_utc_ns: int) -> None:
        client_id = int(fields[2])
        if kind != 71 or any(other.client_id == client_id for other in self.sessions):
            session.out.append(shapes.complaint(-1, 326, "Unable to connect as the client id is already in use."))
            session.over = True
            return
        session.client_id = client_id
        session.out.append(packed(15, 1, self.account))
        session.out.append(packed(9, 1, self.desk.next_id(client_id)))
        session.out.extend(shapes.complaint(-1, code, text) for code, text in _FARMS)
        self.desk.pass_time(now_utc_ns)

    def _route(self, session: Session, kind: int, fields: Sequence[str], now_utc_ns: int) -> None:
        match kind:
            case 3:
                self.desk.place(session.client_id, fields, now_utc_ns)
            case 4:
                self.desk.cancel(session.client_id, int(fields[2]), now_utc_ns)
            case 58:
                self.desk.cancel_all(now_utc_ns)
            case 2:
                session.streams.pop(int(fields[2]), None)
            case 1 | 9 | 20 | 78:
                self._ask_market(session, kind, fields, now_utc_ns)
            case _:
                self.desk.pass_time(now_utc_ns)
                session.out.extend(self._answer(session, kind, fields, now_utc_ns))

    def _answer(self, session: Session, kind: int, fields: Sequence[str], now_utc_ns: int) -> Iterator[bytes]:
        match kind:
            case 5 | 16:
                yield from self._working(session.client_id if kind == 5 else None)
            case 99:
                yield from self._ended(now_utc_ns)
            case 7:
                yield from self._executed(int(fields[2]), now_utc_ns)
            case 61:
                yield from answers.positions(self.exchange, now_utc_ns)
            case 6 if fields[2] == "1":
                yield from answers.account_values(self.exchange, now_utc_ns)
            case 62 | 76:
                yield from answers.account_rows(self.exchange, int(fields[2]), 63 if kind == 62 else 73, now_utc_ns)
            case 49:
                yield packed(49, 1, now_utc_ns // NS)
            case 8:
                yield packed(9, 1, self.desk.next_id(session.client_id))

    def _working(self, client_id: int | None) -> Iterator[bytes]:
        for order in self.exchange.orders():
            if not order.ended and client_id in (None, order.client_id):
                yield shapes.open_order(order)
                yield shapes.order_status(order)
        yield packed(53, 1)

    def _ended(self, now_utc_ns: int) -> Iterator[bytes]:
        for order in self.exchange.orders():
            if order.ended and answers.same_day(order.ts_updated_utc_ns, now_utc_ns):
                yield shapes.completed_order(order)
        yield packed(102)

    def _executed(self, request: int, now_utc_ns: int) -> Iterator[bytes]:
        for order in self.exchange.orders():
            for done in order.executions:
                if answers.same_day(done.ts_utc_ns, now_utc_ns):
                    yield shapes.exec_details(request, order, done)
                    if done.fee_usd is not None and not self.desk.due(done):
                        yield shapes.commission_report(done)
        yield packed(55, 1, request)

    def _ask_market(self, session: Session, kind: int, fields: Sequence[str], now_utc_ns: int) -> None:
        request = int(fields[1] if kind in (20, 78) else fields[2])
        try:
            if kind == 78:
                session.out.extend(answers.definitions(self.exchange, request, fields[2], now_utc_ns))
            elif kind == 20:
                session.out.append(answers.bars(self.exchange, fields, now_utc_ns))
            elif kind == 9:
                for listed in answers.found(self.exchange, fields[3:15], now_utc_ns):
                    session.out.append(shapes.contract_details(request, listed))
                session.out.append(packed(52, 1, request))
            else:
                self._quote(session, request, fields, now_utc_ns)
        except (InputInvalid, KeyError) as error:
            session.out.append(shapes.complaint(request, 162 if kind == 20 else 200, str(error)))

    def _quote(self, session: Session, request: int, fields: Sequence[str], now_utc_ns: int) -> None:
        [listed] = answers.found(self.exchange, fields[3:15], now_utc_ns)[:1]
        session.out.extend(answers.ticks(self.exchange, request, listed, now_utc_ns))
        if fields[-3] == "1":
            session.out.append(packed(57, 1, request))
        else:
            session.streams[request] = listed

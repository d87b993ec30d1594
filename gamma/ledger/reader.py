"""`Reader`: the ledger as rows, for the command line and the dashboard. It cannot write."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from types import TracebackType
from typing import Any, Final, Self, final

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Result,
    Row,
    Select,
    Table,
    case,
    func,
    literal_column,
    select,
    table,
)
from sqlalchemy import column as named

from gamma.codec import decode, decode_facts
from gamma.errors import ConfigInvalid, InputInvalid
from gamma.events import DecisionMade, EquityMarked, OrderKind, OrderState
from gamma.ledger import schema, tables
from gamma.ledger.connections import open_reader
from gamma.ledger.faults import reading
from gamma.ledger.records import KEPT, Kept
from gamma.notices import Severity

Record = dict[str, Any]

_IDS: Final = {
    "decisions": "decision_id",
    "trades": "trade_id",
    "fills": "execution_id",
    "intents": "client_order_id",
    "runs": "run_id",
}
# What the table keeps of a mark: all but the bar's close, which only the fold asks for.
_MARK: Final = tuple(f.name for f in fields(EquityMarked) if f.name in tables.equity.c)
_TIMES: Final = {"trades": "ts_close_utc_ns", "ticks": "slot_utc_ns"}
_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "halted": bool,
    "reduces": bool,
    "legs": json.loads,
    "evidence": decode_facts,
    "facts": decode_facts,
}
_ENDS: Final = {
    OrderState.FILLED,
    OrderState.CANCELED,
    OrderState.EXPIRED,
    OrderState.REJECTED,
    OrderState.ABSENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows: the newest `limit` of those from `since_utc_ns` on, oldest first; an empty word is any.

    Rows lie by the number of their event: `after_seq` and `before_seq` (0: none) leave out what need not be looked at.
    """

    since_utc_ns: int = 0
    after_seq: int = 0
    before_seq: int = 0
    strategy: str = ""
    market: str = ""
    limit: int = 100


# What may become of a signal, each as what is true of the decision's row.
OUTCOMES: Final[Mapping[str, Any]] = {
    "ordered": (tables.decisions.c.lots > 0) & (tables.decisions.c.lots == tables.decisions.c.sized_lots),
    "cut": (tables.decisions.c.lots > 0) & (tables.decisions.c.lots < tables.decisions.c.sized_lots),
    "refused": (tables.decisions.c.lots == 0) & (tables.decisions.c.fault == ""),
    "fault": tables.decisions.c.fault != "",
}

ANY: Final = Wanted()
EVERY: Final = Wanted(limit=2**63 - 1)
_PAGE: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    state: OrderState = OrderState.PENDING
    broker_order_id: str = ""
    price_ticks: int | None = None


@final
class Reader:
    """Opens the ledger read-only, beside a daemon that writes or without one.

    Rows are dicts: what names the row is `id`, units stand last in the other names.
    """

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._of_one_moment = False
        owner = self._run(select(tables.meta)).first()
        if owner is None:
            raise ConfigInvalid("database: no account has it yet; start the daemon once")
        self.account: str = owner.account
        self.mode: str = owner.mode
        self.created_utc_ns: int = owner.created_utc_ns

    @classmethod
    def open(cls, url: str) -> Self:
        """Open a ledger.

        Raises: ConfigInvalid when there is none, or its schema is not this gamma's.
        """
        db = open_reader(url)
        try:
            schema.check(schema.version(db))
            return cls(db)
        except BaseException:
            db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    @property
    def head(self) -> tuple[int, str]:
        """Where the chain ends: the last event's number and hash."""
        row = self._run(select(tables.head.c.seq, tables.head.c.sha256)).one()
        return row.seq, bytes(row.sha256).hex()

    def hash_at(self, seq: int) -> str:
        """The hash of one event; "" where there is none of this number."""
        found = self._run(select(tables.events.c.sha256).where(tables.events.c.seq == seq)).scalar()
        return "" if found is None else bytes(found).hex()

    def recorded_utc_ns(self) -> int:
        """When the newest event was written [ns of the machine's clock]; 0 where there is none."""
        events = tables.events.c
        return self._run(select(events.ts_recorded_utc_ns).order_by(events.seq.desc()).limit(1)).scalar() or 0

    def seq_at(self, ts_utc_ns: int) -> int:
        """The number of the last event before this time; event time does not run back, so a few looks find it."""
        events, (last, _) = tables.events.c, self.head
        low, high = 0, last
        while low < high:
            middle = (low + high + 1) // 2
            ts = self._run(select(events.ts_event_utc_ns).where(events.seq == middle)).scalar_one()
            low, high = (middle, high) if ts < ts_utc_ns else (low, middle - 1)
        return low

    def decisions(self, wanted: Wanted = ANY, *, bound_by: str = "", outcome: str = "") -> list[Record]:
        """Decisions, without their views and traces; `outcome` is one of `OUTCOMES`, or any."""
        where = _matching(tables.decisions, "bound_by", bound_by)
        return self._newest(tables.decisions, wanted, *where, *([OUTCOMES[outcome]] if outcome else []))

    def decision(self, decision_id: str) -> DecisionMade:
        """One decision with the whole view and the trace.

        Raises: InputInvalid when there is none of this id.
        """
        events, decisions = tables.events.c, tables.decisions.c
        query = select(events.payload).join(tables.decisions).where(decisions.decision_id == decision_id)
        payload = self._run(query).scalar()
        if payload is None:
            raise InputInvalid(f"no decision is called {decision_id!r}; list them with: gamma decisions")
        return decode(DecisionMade, payload)

    def trades(self, wanted: Wanted = ANY) -> list[Record]:
        """Round trips."""
        return self._newest(tables.trades, wanted)

    def fills(self, wanted: Wanted = ANY) -> list[Record]:
        """Executions."""
        return self._newest(tables.fills, wanted)

    def booked(self, execution_ids: Sequence[str]) -> set[str]:
        """Those of these executions that are in the ledger."""
        fills = tables.fills.c
        queries = (select(fills.execution_id).where(fills.execution_id.in_(some)) for some in _parts(execution_ids))
        return {row[0] for query in queries for row in self._run(query)}

    def positions(self) -> list[Record]:
        """What is held, added up from the fills; flat ones are left out."""
        names = ("strategy", "market", "lots", "fees_microusd", "fills", "ts_last_utc_ns")
        view = table("positions", *(named(name) for name in names))
        query = select(view).where(view.c.lots != 0).order_by(view.c.strategy, view.c.market)
        return [{"id": f"{row.strategy}:{row.market}", **row._asdict()} for row in self._run(query)]

    def orders(self, wanted: Wanted = ANY, *, open_only: bool = False) -> list[Record]:
        """Orders that can trade, each with its `state`, `filled_lots` and what the broker calls it.

        With `open_only` the `limit` counts before those that have ended are left out.
        """
        kinds = tables.intents.c.kind.not_in([OrderKind.CANCEL.value, OrderKind.REPLACE.value])
        found = self._newest(tables.intents, wanted, kinds)
        ids = [r["id"] for r in found] + [r["parent"] for r in found]
        told, filled, epoch = self._told(ids), self._filled(ids), self._epoch()
        stand = [order | _stand(order, told, filled, epoch) for order in found]
        return [order for order in stand if not (open_only and order["state"] in _ENDS)]

    def entry_of(self, decision_id: str) -> Record | None:
        """The order that a decision opened, as `orders` gives it; None where it opened none."""
        intents = tables.intents.c
        # As it stands in the index of entries, by which it is found at once.
        entry: ColumnElement[bool] = literal_column("kind = 'entry'", Boolean)
        query = select(tables.intents).where(intents.decision_id == decision_id, entry).limit(1)
        found = self._records(tables.intents, query)
        ids = [order["id"] for order in found]
        told, filled, epoch = self._told(ids), self._filled(ids), self._epoch()
        return next((order | _stand(order, told, filled, epoch) for order in found), None)

    def order_history(self, client_order_id: str) -> list[Record]:
        """All that was told of one order, oldest first."""
        query = select(tables.orders).where(tables.orders.c.client_order_id == client_order_id)
        return self._records(tables.orders, query.order_by(tables.orders.c.seq))

    def halts(self, wanted: Wanted = ANY) -> list[Record]:
        """Halts and resumes, as they came."""
        return self._newest(tables.halts, wanted)

    def standing_halts(self) -> list[Record]:
        """Halts that nobody lifted yet."""
        halts, lifted = tables.halts, tables.halts.alias()
        gone = select(lifted.c.halt_id).where(lifted.c.action == "resumed")
        query = select(halts).where(halts.c.action == "halted", halts.c.halt_id.not_in(gone))
        return self._records(halts, query.order_by(halts.c.seq))

    def equity(self, wanted: Wanted = ANY) -> list[Record]:
        """Equity over bars in which something was held."""
        return self._newest(tables.equity, wanted)

    def peaks(self, wanted: Wanted = ANY) -> list[Record]:
        """Peaks that a person set anew."""
        return self._newest(tables.peaks, wanted)

    def ticks(self, wanted: Wanted = ANY) -> list[Record]:
        """Slots that were decided on."""
        return self._newest(tables.ticks, wanted)

    def alerts(self, wanted: Wanted = ANY) -> list[Record]:
        """Notices, and where each stands on its way."""
        return self._newest(tables.alerts, wanted)

    def standing_alerts(self) -> list[Record]:
        """Critical alerts that nobody has acknowledged yet."""
        alerts = tables.alerts
        query = select(alerts).where(alerts.c.severity == Severity.CRITICAL.value, alerts.c.acked_utc_ns.is_(None))
        return self._records(alerts, query.order_by(alerts.c.seq))

    def boots(self, wanted: Wanted = ANY) -> list[Record]:
        """Starts of the daemon."""
        return self._newest(tables.boots, wanted)

    def runs(self, wanted: Wanted = ANY) -> list[Record]:
        """Registered runs."""
        return self._newest(tables.runs, wanted)

    def looks(self, wanted: Wanted = ANY) -> list[Record]:
        """Looks at test data."""
        return self._newest(tables.looks, wanted)

    def count(self, name: str) -> int:
        """How many rows a table has."""
        found: int = self._run(select(func.count()).select_from(tables.metadata.tables[name])).scalar_one()
        return found

    def events(self, after_seq: int = 0, *, kinds: Sequence[str] = (), limit: int = 1000) -> list[tuple[int, Kept]]:
        """The first `limit` events after `after_seq`, of some kinds or all, with their numbers."""
        events = tables.events.c
        query = select(events.seq, events.kind, events.payload).where(events.seq > after_seq)
        if kinds:
            query = query.where(events.kind.in_(kinds))
        found = self._run(query.order_by(events.seq).limit(limit))
        return [(row.seq, decode(KEPT[row.kind], row.payload)) for row in found]

    def marks(self, after_seq: int = 0, *, limit: int = 1000) -> list[tuple[int, EquityMarked]]:
        """As `events` gives them, of this kind alone, and several times as fast: from the columns of their index."""
        equity = tables.equity.c
        query = select(equity.seq, *(equity[name] for name in _MARK)).where(equity.seq > after_seq)
        found = self._run(query.order_by(equity.seq).limit(limit))
        return [(row[0], EquityMarked(**dict(zip(_MARK, row[1:], strict=True)))) for row in found]

    def every(self, *kinds: str, after_seq: int = 0) -> Iterator[tuple[int, Any]]:
        """All events of these kinds, or of any, as `events` gives them: read as they are asked for."""
        seq = after_seq
        while page := self.events(seq, kinds=kinds, limit=_PAGE):
            yield from page
            seq = page[-1][0]

    def every_mark(self, after_seq: int = 0) -> Iterator[tuple[int, EquityMarked]]:
        """All marks of equity, as `marks` gives them: read as they are asked for."""
        seq = after_seq
        while page := self.marks(seq, limit=_PAGE):
            yield from page
            seq = page[-1][0]

    def tally(self, name: str, *columns: str, after_seq: int = 0) -> dict[tuple[Any, ...], int]:
        """How many rows of a table share the same values in these columns, the most first."""
        source = tables.metadata.tables[name]
        shared = [source.c[column] for column in columns]
        number = func.count().label("number")
        query = select(*shared, number).where(source.c.seq > after_seq) if after_seq else select(*shared, number)
        found = self._run(query.group_by(*shared).order_by(number.desc(), *shared))
        return {tuple(row[:-1]): row[-1] for row in found}

    def trade_totals(self, after_seq: int = 0) -> Record:
        """All round trips together: how many, how many won, and what they brought, net of fees."""
        trades = tables.trades.c
        won = func.sum(case((trades.pnl_microusd > 0, 1), else_=0))
        sums: list[Any] = [func.count(), won, func.sum(trades.pnl_microusd)]
        row = self._run(select(*sums).where(trades.seq > after_seq)).one()
        return dict(zip(("trades", "wins", "pnl_microusd"), (int(value or 0) for value in row), strict=True))

    def fees_microusd(self, after_seq: int = 0) -> int:
        """What all executions cost."""
        fills = tables.fills.c
        return int(self._run(select(func.sum(fills.fee_microusd)).where(fills.seq > after_seq)).scalar() or 0)

    def ask(self, query: Select[Any]) -> list[Record]:
        """The rows of a query of the tables, each by its columns' names: for what one page alone wants to know."""
        return [row._asdict() for row in self._run(query)]

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """All that is read within is of one moment, whatever a daemon writes meanwhile; one within another is the same.

        What reads several things at one moment may so be asked by what reads more.
        """
        if self._of_one_moment:
            yield
            return
        level = "" if self._db.dialect.name == "sqlite" else " ISOLATION LEVEL REPEATABLE READ"
        self._db.exec_driver_sql(f"BEGIN{level}")
        self._of_one_moment = True
        try:
            yield
        finally:
            self._of_one_moment = False
            self._db.exec_driver_sql("ROLLBACK")

    def _run(self, query: Select[Any]) -> Result[Any]:
        with reading():
            return self._db.execute(query)

    def _newest(self, source: Table, wanted: Wanted, *where: Any) -> list[Record]:
        conditions = [source.c[_TIMES.get(source.name, "ts_event_utc_ns")] >= wanted.since_utc_ns, *where]
        if wanted.after_seq:
            conditions.append(source.c.seq > wanted.after_seq)
        if wanted.before_seq:
            conditions.append(source.c.seq < wanted.before_seq)
        conditions += _matching(source, "strategy", wanted.strategy) + _matching(source, "market", wanted.market)
        keys = [column.desc() for column in source.primary_key.columns]
        return self._records(source, select(source).where(*conditions).order_by(*keys).limit(wanted.limit))[::-1]

    def _records(self, source: Table, query: Select[Any]) -> list[Record]:
        return [_record(row, _IDS.get(source.name, "seq")) for row in self._run(query)]

    def _told(self, ids: Sequence[str]) -> Mapping[str, _Told]:
        """What was told of each order, the later over the earlier."""
        orders = tables.orders.c
        told: dict[str, _Told] = {}
        for some in _parts(ids):
            query = select(tables.orders).where(orders.client_order_id.in_(some)).order_by(orders.seq)
            for row in self._run(query):
                told[row.client_order_id] = _hear(told.get(row.client_order_id, _Told()), row)
        return told

    def _filled(self, ids: Sequence[str]) -> Mapping[str, int]:
        fills = tables.fills.c
        filled: dict[str, int] = {}
        for some in _parts(ids):
            query = select(fills.client_order_id, func.sum(fills.lots).label("lots")).where(
                fills.client_order_id.in_(some)
            )
            filled |= {row.client_order_id: int(row.lots) for row in self._run(query.group_by(fills.client_order_id))}
        return filled

    def _epoch(self) -> int:
        return int(self._run(select(func.max(tables.boots.c.epoch))).scalar() or 0)


def _matching(source: Table, name: str, word: str) -> list[Any]:
    column: Column[Any] | None = source.c.get(name)
    return [column == word] if word and column is not None else []


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """A statement takes only so many parameters."""
    for start in range(0, len(ids), 5_000):
        yield ids[start : start + 5_000]


def _record(row: Row[Any], key: str) -> Record:
    """A row as a dict, with its name first, flags as booleans and facts as dicts."""
    values = row._asdict()
    read: Record = {"id": values.pop(key)}
    for name, value in values.items():
        read[name] = _READ[name](value) if name in _READ else value
    return read


def _hear(told: _Told, row: Row[Any]) -> _Told:
    if row.told == "replaced":
        return replace(told, price_ticks=row.price_ticks)
    if row.told == "missed":
        return told
    return replace(told, state=OrderState(row.told), broker_order_id=row.broker_order_id or told.broker_order_id)


def _stand(order: Record, told: Mapping[str, _Told], filled: Mapping[str, int], epoch: int) -> Record:
    """Where an order stands: what was told of it, its fills, and what became of the entry whose bracket it is."""
    own, parent = told.get(order["id"], _Told()), told.get(order["parent"], _Told())
    state, lots = own.state, filled.get(order["id"], 0)
    if lots >= order["lots"]:
        state = OrderState.FILLED
    elif lots:
        state = state if state in (OrderState.CANCELED, OrderState.EXPIRED) else OrderState.PARTIAL
    elif state not in _ENDS and parent.state in (OrderState.REJECTED, OrderState.ABSENT):
        state = parent.state
    elif state is OrderState.PENDING and (parent.state is OrderState.UNKNOWN or order["boot_epoch"] < epoch):
        state = OrderState.UNKNOWN
    price = order["price_ticks"] if own.price_ticks is None else own.price_ticks
    return {
        "state": state.value,
        "filled_lots": lots,
        "price_ticks": price,
        "broker_order_id": own.broker_order_id,
    }

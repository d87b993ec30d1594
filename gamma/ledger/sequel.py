"""What followed upon one decision: every event from it to the end of the trade that it opened, in order."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, or_, select

from gamma.codec import decode
from gamma.errors import InputInvalid
from gamma.events import ExitWanted, OrderKind, PositionManaged
from gamma.ledger import tables
from gamma.ledger.reader import Reader
from gamma.ledger.records import KEPT, Kept
from gamma.ledger.trade_search import opened_by

EVENTS_MAX: Final = 2_000
_MANAGED: Final = (PositionManaged.__name__, ExitWanted.__name__)
_D, _I, _O, _F, _T, _A, _E = (
    one.c
    for one in (
        tables.decisions, tables.intents, tables.orders, tables.fills, tables.trades, tables.alerts, tables.events,
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event, by its number: when it happened, and when it was recorded."""

    seq: int
    ts_event_utc_ns: int
    ts_recorded_utc_ns: int
    event: Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequel:
    """What became of a decision, or of an order that no decision of ours opened; `steps` in the ledger's order.

    `trade_id` is empty while the trade is open, or where there is none. `more` events were left out past the limit.
    """

    decision_id: str
    orders: tuple[str, ...]
    trade_id: str
    steps: tuple[Step, ...]
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """The entry of a decision, and where its trade ends; `last_seq` 0: it has not ended."""

    seq: int
    strategy: str
    market: str
    trade_id: str = ""
    last_seq: int = 0


def sequel(reader: Reader, word: str) -> Sequel:
    """What belongs to a decision, an order, an execution, a trade or an event, by its id, or its number.

    Raises: InputInvalid when the ledger knows no such word.
    """
    with reader.at_once():
        decision_id, order_id, seq = _named(reader, word)
        orders = _orders(reader, decision_id, order_id)
        opened = _opened(reader, orders)
        if opened is not None:
            orders |= _later_orders(reader, opened, orders)
        numbers = {seq} if seq else set()
        numbers |= _numbers(reader, decision_id, orders, opened)
        kept = sorted(numbers)[:EVENTS_MAX]
        return Sequel(
            decision_id=decision_id,
            orders=tuple(sorted(orders)),
            trade_id=opened.trade_id if opened else "",
            steps=tuple(_steps(reader, kept)),
            more=len(numbers) - len(kept),
        )


def newest(reader: Reader, limit: int) -> tuple[Step, ...]:
    """The last events of all, the newest first."""
    numbers = _column(reader, select(_E.seq).order_by(_E.seq.desc()).limit(limit))
    return tuple(_steps(reader, numbers))[::-1]


def _named(reader: Reader, word: str) -> tuple[str, str, int]:
    """Whose events are asked for: a decision's id, or an order's where it has none; and the event that was named."""
    seq = int(word) if word.isdecimal() and len(word) < 19 else 0
    if seq and not _column(reader, select(_E.seq).where(_E.seq == seq)):
        raise InputInvalid(f"event {seq:,}: the ledger ends with event {reader.head[0]:,}")
    if seq:
        decision_id, order_id = _of_event(reader, seq)
        return decision_id, order_id, seq
    if _column(reader, select(_D.seq).where(_D.decision_id == word)):
        return word, "", 0
    if named := _order_of(reader, word):
        decision_id, order_id = _of_order(reader, named)
        return decision_id, order_id, 0
    if found := _column(reader, select(_T.seq).where(_T.trade_id == word)):
        decision_id, order_id = _of_event(reader, found[0])
        return decision_id, order_id, found[0]
    raise InputInvalid(f"{word!r} names no decision, order, execution, trade or event of this ledger")


def _of_event(reader: Reader, seq: int) -> tuple[str, str]:
    """A decision's id, or an order's, or neither: most events are of no decision."""
    if decided := _column(reader, select(_D.decision_id).where(_D.seq == seq)):
        return decided[0], ""
    for ordered in (
        select(_I.client_order_id).where(_I.seq == seq, _I.part == 0),
        select(_O.client_order_id).where(_O.seq == seq),
        select(_F.client_order_id).where(_F.seq == seq),
    ):
        if found := _column(reader, ordered):
            return _of_order(reader, found[0])
    for key in _column(reader, select(_A.key).where(_A.seq == seq)):
        if order_id := _order_of(reader, key.partition(":")[2]):
            return _of_order(reader, order_id)
    trades = reader.ask(select(tables.trades).where(_T.seq == seq))
    return next(iter(opened_by(reader, trades).values()), ""), ""


def _order_of(reader: Reader, word: str) -> str:
    """The order that an id, its own or that of an execution, names; "" where none."""
    for query in (
        select(_I.client_order_id).where(_I.client_order_id == word),
        select(_F.client_order_id).where(_F.execution_id == word),
    ):
        if found := _column(reader, query):
            return str(found[0])
    return ""


def _of_order(reader: Reader, order_id: str) -> tuple[str, str]:
    """The decision that an order is of, or the order itself where no decision was made; a stop is of its entry's."""
    rows = reader.ask(select(tables.intents).where(_I.client_order_id == order_id))
    if not rows:
        return "", order_id
    [order] = rows
    if order["parent"] or order["subject"]:
        return _of_order(reader, order["parent"] or order["subject"])
    if order["kind"] == OrderKind.EXIT.value:
        entry = select(_I.decision_id).where(
            _I.seq < order["seq"], _I.kind == OrderKind.ENTRY.value, _I.strategy == order["strategy"],
            _I.market == order["market"], _I.side == -order["side"],
        )  # fmt: skip
        if found := _column(reader, entry.order_by(_I.seq.desc()).limit(1)):
            return found[0], ""
    decided = _column(reader, select(_D.seq).where(_D.decision_id == order["decision_id"]))
    return (order["decision_id"], "") if decided else ("", order_id)


def _orders(reader: Reader, decision_id: str, order_id: str) -> set[str]:
    """The order that a decision opened, with its stop and target."""
    if not decision_id:
        return {order_id} - {""}
    entry = select(_I.seq).where(_I.decision_id == decision_id, _I.kind == OrderKind.ENTRY.value)
    return set(_column(reader, select(_I.client_order_id).where(_I.seq.in_(entry))))


def _opened(reader: Reader, orders: Collection[str]) -> _Opened | None:
    """The entry among these, and the first trade of its strategy and market that closed after it was filled."""
    entries = reader.ask(select(tables.intents).where(_I.client_order_id.in_(orders), _I.kind == OrderKind.ENTRY.value))
    if not entries:
        return None
    [entry] = entries
    where = _Opened(seq=entry["seq"], strategy=entry["strategy"], market=entry["market"])
    filled = _column(reader, select(_F.seq).where(_F.client_order_id == entry["client_order_id"]).order_by(_F.seq))
    if not filled:
        return where
    closed = select(tables.trades).where(_T.seq > filled[0], _T.strategy == where.strategy, _T.market == where.market)
    for trade in reader.ask(closed.order_by(_T.seq).limit(1)):
        return _Opened(
            seq=where.seq, strategy=where.strategy, market=where.market, trade_id=trade["trade_id"],
            last_seq=trade["seq"],
        )  # fmt: skip
    return where


def _later_orders(reader: Reader, opened: _Opened, orders: Collection[str]) -> set[str]:
    """What was moved, taken back or sent to close it while it was held."""
    within = _span(_I.seq, opened)
    query = select(_I.client_order_id).where(
        *within,
        _I.strategy == opened.strategy,
        _I.market == opened.market,
        or_(_I.subject.in_(orders), _I.kind == OrderKind.EXIT.value),
    )
    return set(_column(reader, query.limit(EVENTS_MAX)))


def _numbers(reader: Reader, decision_id: str, orders: Collection[str], opened: _Opened | None) -> set[int]:
    """The events' numbers, from the indexes of the ledger."""
    queries: list[Select[Any]] = [
        select(_D.seq).where(_D.decision_id == decision_id),
        select(_I.seq).where(_I.client_order_id.in_(orders)),
        select(_O.seq).where(_O.client_order_id.in_(orders)),
        select(_F.seq).where(_F.client_order_id.in_(orders)),
    ]
    numbers = {seq for query in queries for seq in _column(reader, query)}
    if opened is None:
        return numbers
    numbers |= {opened.last_seq} - {0}
    named = [f"fill:{one}" for one in _column(reader, select(_F.execution_id).where(_F.client_order_id.in_(orders)))]
    named += [f"order_{what}:{one}" for one in orders for what in ("unknown", "quarantined", "late", "unlisted")]
    numbers |= set(_column(reader, select(_A.seq).where(_A.seq > opened.seq, _A.key.in_(named))))
    return numbers | set(_managed(reader, opened))


def _managed(reader: Reader, opened: _Opened) -> Iterator[int]:
    """Of the facts between entry and exit those that say how this position was managed."""
    last_seq = opened.last_seq or reader.head[0]
    query = select(_E.seq, _E.kind, _E.payload).where(_E.seq > opened.seq, _E.seq <= last_seq, _E.kind.in_(_MANAGED))
    for row in reader.ask(query.order_by(_E.seq).limit(EVENTS_MAX)):
        event: Any = decode(KEPT[row["kind"]], row["payload"])
        if (event.strategy, event.market) == (opened.strategy, opened.market):
            yield row["seq"]


def _span(seq: Any, opened: _Opened) -> list[Any]:
    return [seq >= opened.seq, *([seq <= opened.last_seq] if opened.last_seq else [])]


def _steps(reader: Reader, numbers: list[int]) -> Iterator[Step]:
    columns = (_E.seq, _E.kind, _E.payload, _E.ts_event_utc_ns, _E.ts_recorded_utc_ns)
    query = select(*columns).where(_E.seq.in_(numbers)).order_by(_E.seq)
    for row in reader.ask(query):
        yield Step(
            seq=row["seq"],
            ts_event_utc_ns=row["ts_event_utc_ns"],
            ts_recorded_utc_ns=row["ts_recorded_utc_ns"],
            event=decode(KEPT[row["kind"]], row["payload"]),
        )


def _column(reader: Reader, query: Select[Any]) -> list[Any]:
    return [next(iter(row.values())) for row in reader.ask(query)]

"""What each event leaves in the other tables: a function of the event alone, so that `verify` can make it again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Table

from gamma.codec import write
from gamma.errors import InvariantBroken
from gamma.events import OrderState
from gamma.ledger import tables

Tree = Mapping[str, Any]
Row = tuple[Any, ...]
Rows = list[tuple[str, Row]]
Make = Callable[[Tree, "Context"], Rows]


@dataclass(slots=True, kw_only=True)
class Context:
    """What an index row holds that its own event does not tell: the account, and the boot it fell into."""

    account: str
    epoch: int = 0


def columns(table: Table) -> tuple[str, ...]:
    """The columns that are made from events, after `seq`: all but an alert's delivery."""
    return tuple(c.name for c in table.columns if c.name != "seq" and c.name not in tables.DELIVERY)


def index_rows(kind: str, tree: Tree, context: Context) -> Rows:
    """Table and row, without its `seq`, of each index entry of an event.

    Raises: KeyError when the event lacks a field that the index needs.
    """
    make = _MAKES.get(kind)
    return [] if make is None else make(tree, context)


def check_types(rows: Rows) -> None:
    """Refuse what a STRICT table would: a server that is not strict rounds 0.5 to whole, and takes NaN for a number.

    Raises: InvariantBroken naming table and column.
    """
    for name, row in rows:
        for column, kind, value in zip(*_KINDS[name], row, strict=True):
            if type(value) is not kind and not (kind is float and type(value) is int):
                raise InvariantBroken(f"the ledger refuses this: {name}.{column} cannot hold {value!r}")


def _copy(table: Table, part: str = "") -> Make:
    """The event's own fields, or those of its one part."""
    name, pick = table.name, _picker(columns(table))
    if part:
        return lambda tree, _: [(name, pick(tree[part]))]
    return lambda tree, _: [(name, pick(tree))]


def _picker(names: tuple[str, ...]) -> Callable[[Tree], Row]:
    pick = itemgetter(*names)
    return lambda tree: tuple([v if type(v) is int else _cell(v) for v in pick(tree)])


def _cell(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        return value if value.isascii() and "\x00" not in value else _clean(value)
    if kind is bool:
        return int(value)
    if isinstance(value, str):  # a word of a set: an event is made with the member, and read with its text
        return _clean(str(value))
    return write(value) if kind is dict or kind is list else value


def _clean(text: str) -> str:
    """Text that every database can hold: a broker may send anything; the event keeps it as it was."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def _boot(tree: Tree, context: Context) -> Rows:
    context.epoch = tree["epoch"]
    return _copy_boot(tree, context)


def _intents(tree: Tree, context: Context) -> Rows:
    extra = {"boot_epoch": context.epoch, "deadline_utc_ns": tree["deadline_utc_ns"]}
    parts = enumerate([tree["intent"], *tree["bracket"]])
    return [("intents", _pick_intent({**one, **extra, "part": part})) for part, one in parts]


def _fill(tree: Tree, context: Context) -> Rows:
    return [("fills", _pick_fill({**tree["fill"], "account": context.account}))]


def _order(told: str | Callable[[Tree], str]) -> Make:
    """What was told of an order; what the event does not say is empty."""

    def make(tree: Tree, _: Context) -> Rows:
        word = told if isinstance(told, str) else told(tree)
        return [("orders", _pick_order({**_NOTHING_TOLD, **tree, "told": word}))]

    return make


def _halted(tree: Tree, _: Context) -> Rows:
    return [("halts", _pick_halt({**tree["halt"], "action": "halted"}))]


def _resumed(tree: Tree, _: Context) -> Rows:
    return [("halts", _pick_halt({**_NO_HALT, **tree, "action": "resumed"}))]


def _end(tree: Tree) -> str:
    return OrderState.EXPIRED.value if tree["expired"] else OrderState.CANCELED.value


_KINDS: Final = {t.name: (columns(t), tuple(t.c[n].type.python_type for n in columns(t))) for t in tables.INDEXES}
_NOTHING_TOLD: Final = {"broker_order_id": "", "price_ticks": 0, "code": "", "text": "", "actor": ""}
_NO_HALT: Final = {"scope": "", "target": "", "level": "", "reason": "", "evidence": {}, "until_utc_ns": 0}
_copy_boot: Final = _copy(tables.boots)
_pick_intent: Final = _picker(columns(tables.intents))
_pick_fill: Final = _picker(columns(tables.fills))
_pick_order: Final = _picker(columns(tables.orders))
_pick_halt: Final = _picker(columns(tables.halts))

_MAKES: Final[Mapping[str, Make]] = {
    "BootStarted": _boot,
    "DecisionMade": _copy(tables.decisions),
    "OrderIntended": _intents,
    "OrderAccepted": _order(OrderState.ACKED.value),
    "OrderRejected": _order(OrderState.REJECTED.value),
    "OrderLost": _order(OrderState.UNKNOWN.value),
    "OrderMissed": _order("missed"),
    "OrderAbsent": _order(OrderState.ABSENT.value),
    "OrderQuarantined": _order(OrderState.QUARANTINED.value),
    "OrderCanceled": _order(_end),
    "OrderReplaced": _order("replaced"),
    "OrderFilled": _fill,
    "TradeClosed": _copy(tables.trades, "trade"),
    "EquityMarked": _copy(tables.equity),
    "Halted": _halted,
    "Resumed": _resumed,
    "PeakRebased": _copy(tables.peaks),
    "Tick": _copy(tables.ticks),
    "Notice": _copy(tables.alerts),
    "Run": _copy(tables.runs),
    "Look": _copy(tables.looks),
}

"""The tables. `events` is the truth, chained by SHA-256; every other table is an index of it.

An index row carries the `seq` of the event that it was made from, and `verify` makes it again. Money is
whole micro-dollars, time whole nanoseconds UTC. Rows are only ever added; what may change is where an
alert stands on its way (`alerts`' delivery columns) and where the chain ends (`head`): triggers see to
that, which the migrations make.
"""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.sqlite import REAL
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

from gamma.events import Level, OrderKind, OrderState, OrderType
from gamma.notices import Severity

# STRICT knows INTEGER, REAL, TEXT and BLOB alone; SQLite's INTEGER holds 64 bits.
Whole: Final[TypeEngine[int]] = BigInteger().with_variant(Integer(), "sqlite")
Real: Final[TypeEngine[float]] = Double().with_variant(REAL(), "sqlite")

metadata: Final = MetaData(
    naming_convention={
        "ck": "%(table_name)s_%(constraint_name)s",
        "uq": "%(table_name)s_%(column_0_N_name)s",
        "ix": "%(table_name)s_%(column_0_N_name)s",
        "fk": "%(table_name)s_%(column_0_name)s_of_%(referred_table_name)s",
        "pk": "%(table_name)s_key",
    }
)


def _whole(*names: str) -> list[Column[int]]:
    return [Column(name, Whole, nullable=False) for name in names]


def _text(*names: str) -> list[Column[str]]:
    return [Column(name, Text, nullable=False) for name in names]


def _real(*names: str) -> list[Column[float]]:
    return [Column(name, Real, nullable=False) for name in names]


def _check(name: str, rule: str) -> CheckConstraint:
    return CheckConstraint(rule, name=name)


def _of(name: str, words: Iterable[str]) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return _check(name, f"{name} IN ({listed})")


def _index(name: str, *parts: SchemaItem) -> Table:
    """A table with one row an event."""
    seq = Column("seq", Whole, ForeignKey("events.seq"), primary_key=True, autoincrement=False)
    return Table(name, metadata, seq, *parts, sqlite_strict=True)


events: Final = Table(
    "events",
    metadata,
    Column("seq", Whole, primary_key=True, autoincrement=False),
    *_whole("ts_event_utc_ns", "ts_recorded_utc_ns"),
    *_text("kind", "payload"),
    Column("sha256", LargeBinary, nullable=False),
    _check("seq", "seq > 0"),
    _check("sha256", "length(sha256) = 32"),
    sqlite_strict=True,
)

meta: Final = Table(
    "meta",
    metadata,
    Column("id", Whole, primary_key=True, autoincrement=False),
    *_text("account", "mode"),
    *_whole("created_utc_ns"),
    _check("id", "id = 1"),
    sqlite_strict=True,
)

head: Final = Table(
    "head",
    metadata,
    Column("id", Whole, primary_key=True, autoincrement=False),
    *_whole("seq"),
    Column("sha256", LargeBinary, nullable=False),
    _check("id", "id = 1"),
    sqlite_strict=True,
)

boots: Final = _index(
    "boots",
    *_whole("epoch"),
    *_text("config_hash", "code_hash"),
    *_whole("ts_event_utc_ns"),
    UniqueConstraint("epoch"),
)

decisions: Final = _index(
    "decisions",
    *_text("decision_id", "strategy", "market"),
    *_whole("slot_utc_ns"),
    *_text("signal_id"),
    *_whole("side", "lots", "sized_lots"),
    *_text("bound_by", "reason"),
    *_whole("halted"),
    *_text("standing", "fault", "config_hash"),
    *_whole("ts_event_utc_ns"),
    UniqueConstraint("decision_id"),
    _check("side", "side IN (-1, 0, 1)"),
    _check("lots", "0 <= lots AND lots <= sized_lots"),
    _check("halted", "halted IN (0, 1)"),
)

intents: Final = Table(
    "intents",
    metadata,
    Column("seq", Whole, ForeignKey("events.seq"), primary_key=True, autoincrement=False),
    # 0 is the order itself, 1 and on are the stop and target that the broker is to hold with it.
    Column("part", Whole, primary_key=True, autoincrement=False),
    *_text("client_order_id", "decision_id", "strategy", "market", "kind", "order_type"),
    *_whole("side", "lots", "price_ticks", "reduces"),
    *_text("signal_id", "parent", "subject", "reason", "legs"),
    *_whole("boot_epoch", "deadline_utc_ns", "ts_event_utc_ns"),
    UniqueConstraint("client_order_id"),
    _check("side", "side IN (-1, 1)"),
    _check("lots", "lots > 0 OR kind IN ('cancel', 'replace')"),
    _check("reduces", "reduces IN (0, 1)"),
    _of("kind", OrderKind),
    _of("order_type", OrderType),
    sqlite_strict=True,
)
# One decision opens one order in a market, ever; its exits and cancels are decisions of their own.
Index(
    "intents_one_entry",
    intents.c.decision_id,
    intents.c.market,
    unique=True,
    sqlite_where=text("kind = 'entry'"),
    postgresql_where=text("kind = 'entry'"),
)

# What was told of each order; its fills are in `fills`, and together with its intent they make its state.
TOLD: Final = (*(s.value for s in OrderState), "missed", "replaced")
orders: Final = _index(
    "orders",
    *_text("client_order_id", "told", "broker_order_id"),
    *_whole("price_ticks"),
    *_text("code", "text", "actor"),
    *_whole("ts_event_utc_ns"),
    _of("told", TOLD),
)
Index(None, orders.c.client_order_id)

fills: Final = _index(
    "fills",
    *_text("account", "execution_id", "client_order_id", "market"),
    *_whole("side", "lots", "price_ticks", "fee_microusd", "ts_event_utc_ns"),
    UniqueConstraint("account", "execution_id"),
    _check("side", "side IN (-1, 1)"),
    _check("lots", "lots > 0"),
)
Index(None, fills.c.client_order_id)

trades: Final = _index(
    "trades",
    *_text("trade_id", "strategy", "market"),
    *_whole("side", "lots_max", "ts_open_utc_ns", "ts_close_utc_ns"),
    *_real("entry_points", "exit_points"),
    *_whole("pnl_microusd", "fees_microusd", "risk_microusd"),
    *_text("exit_reason"),
    UniqueConstraint("trade_id"),
    _check("side", "side IN (-1, 1)"),
    _check("lots_max", "lots_max > 0"),
)

equity: Final = _index(
    "equity",
    *_text("market"),
    *_real("high_points", "low_points"),
    *_whole("high_microusd", "low_microusd", "close_microusd", "ts_event_utc_ns"),
)

halts: Final = _index(
    "halts",
    *_text("halt_id", "action", "scope", "target", "level", "reason", "actor", "evidence"),
    *_whole("until_utc_ns", "ts_event_utc_ns"),
    UniqueConstraint("halt_id", "action"),
    _check("action", "action IN ('halted', 'resumed')"),
    _of("level", (*Level, "")),
)

peaks: Final = _index("peaks", *_whole("equity_microusd"), *_text("actor"), *_whole("ts_event_utc_ns"))

ticks: Final = _index(
    "ticks",
    *_text("strategy"),
    *_whole("slot_utc_ns"),
    *_text("session", "outcome"),
    UniqueConstraint("strategy", "slot_utc_ns"),
)

DELIVERY: Final = ("attempts", "next_attempt_utc_ns", "delivered_utc_ns", "dropped_utc_ns", "acked_utc_ns", "error")
alerts: Final = _index(
    "alerts",
    *_text("key", "severity", "title", "text", "facts"),
    *_whole("ts_event_utc_ns"),
    Column("attempts", Whole, nullable=False, server_default=text("0")),
    Column("next_attempt_utc_ns", Whole, nullable=False, server_default=text("0")),
    Column("delivered_utc_ns", Whole),
    Column("dropped_utc_ns", Whole),
    Column("acked_utc_ns", Whole),
    Column("error", Text, nullable=False, server_default=text("''")),
    _of("severity", Severity),
)
# The sender asks every second what is due: only what is open is in this index.
Index(
    "alerts_open",
    alerts.c.next_attempt_utc_ns,
    sqlite_where=text("delivered_utc_ns IS NULL AND dropped_utc_ns IS NULL"),
    postgresql_where=text("delivered_utc_ns IS NULL AND dropped_utc_ns IS NULL"),
)
Index(
    "alerts_standing",
    alerts.c.seq,
    sqlite_where=text("severity = 'critical' AND acked_utc_ns IS NULL"),
    postgresql_where=text("severity = 'critical' AND acked_utc_ns IS NULL"),
)

runs: Final = _index(
    "runs",
    *_text("run_id", "run_kind", "config_hash"),
    *_whole("seed"),
    *_text("notes"),
    *_whole("ts_event_utc_ns"),
    UniqueConstraint("run_id"),
)

looks: Final = _index(
    "looks",
    *_text("run_id", "dataset", "family", "notes"),
    *_whole("ts_event_utc_ns"),
)

INDEXES: Final = (boots, decisions, intents, orders, fills, trades, equity, halts, peaks, ticks, alerts, runs, looks)

TABLES: Final = (events, meta, head, *INDEXES)

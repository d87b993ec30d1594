"""The tables. `events` is the truth, chained by SHA-256; every other table is an index of it.

An index row carries the `seq` of the event that it was made from, and `verify` makes it again. Money is
whole micro-dollars, time whole nanoseconds UTC. Rows are only ever added; what may change is where an
alert stands on its way (`alerts`' delivery columns) and where the chain ends (`head`).
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


def _whole(name: str) -> Column[int]:
    return Column(name, Whole, nullable=False)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _real(name: str) -> Column[float]:
    return Column(name, Real, nullable=False)


def _flag(name: str) -> tuple[Column[int], CheckConstraint]:
    return _whole(name), CheckConstraint(f"{name} IN (0, 1)", name=name)


def _of(name: str, words: Iterable[str]) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{name} IN ({listed})", name=name)


def _index(name: str, *parts: Column[int] | Column[str] | Column[float] | CheckConstraint | UniqueConstraint) -> Table:
    """A table with one row an event."""
    seq = Column("seq", Whole, ForeignKey("events.seq"), primary_key=True, autoincrement=False)
    return Table(name, metadata, seq, *parts, sqlite_strict=True)


events: Final = Table(
    "events",
    metadata,
    Column("seq", Whole, primary_key=True, autoincrement=False),
    _whole("ts_event_utc_ns"),
    _whole("ts_recorded_utc_ns"),
    _text("kind"),
    _text("payload"),
    Column("sha256", LargeBinary, nullable=False),
    CheckConstraint("seq > 0", name="seq"),
    CheckConstraint("length(sha256) = 32", name="sha256"),
    sqlite_strict=True,
)

meta: Final = Table(
    "meta",
    metadata,
    Column("id", Whole, primary_key=True, autoincrement=False),
    _text("account"),
    _text("mode"),
    _whole("created_utc_ns"),
    CheckConstraint("id = 1", name="id"),
    sqlite_strict=True,
)

head: Final = Table(
    "head",
    metadata,
    Column("id", Whole, primary_key=True, autoincrement=False),
    _whole("seq"),
    Column("sha256", LargeBinary, nullable=False),
    CheckConstraint("id = 1", name="id"),
    sqlite_strict=True,
)

boots: Final = _index(
    "boots",
    _whole("epoch"),
    _text("config_hash"),
    _text("code_hash"),
    _whole("ts_event_utc_ns"),
    UniqueConstraint("epoch"),
)

decisions: Final = _index(
    "decisions",
    _text("decision_id"),
    _text("strategy"),
    _text("market"),
    _whole("slot_utc_ns"),
    _text("signal_id"),
    _whole("side"),
    _whole("lots"),
    _whole("sized_lots"),
    _text("bound_by"),
    _text("reason"),
    *_flag("halted"),
    _text("standing"),
    _text("fault"),
    _text("config_hash"),
    _whole("ts_event_utc_ns"),
    UniqueConstraint("decision_id"),
    CheckConstraint("side IN (-1, 0, 1)", name="side"),
    CheckConstraint("0 <= lots AND lots <= sized_lots", name="lots"),
)

intents: Final = Table(
    "intents",
    metadata,
    Column("seq", Whole, ForeignKey("events.seq"), primary_key=True, autoincrement=False),
    # 0 is the order itself, 1 and on are the stop and target that the broker is to hold with it.
    Column("part", Whole, primary_key=True, autoincrement=False),
    _text("client_order_id"),
    _text("decision_id"),
    _text("strategy"),
    _text("market"),
    _text("kind"),
    _text("order_type"),
    _whole("side"),
    _whole("lots"),
    _whole("price_ticks"),
    *_flag("reduces"),
    _text("signal_id"),
    _text("parent"),
    _text("subject"),
    _text("reason"),
    _text("legs"),
    _whole("boot_epoch"),
    _whole("deadline_utc_ns"),
    _whole("ts_event_utc_ns"),
    UniqueConstraint("client_order_id"),
    CheckConstraint("side IN (-1, 1)", name="side"),
    CheckConstraint("lots > 0 OR kind IN ('cancel', 'replace')", name="lots"),
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
    _text("client_order_id"),
    _text("told"),
    _text("broker_order_id"),
    _whole("price_ticks"),
    _text("code"),
    _text("text"),
    _text("actor"),
    _whole("ts_event_utc_ns"),
    _of("told", TOLD),
)
Index(None, orders.c.client_order_id)

fills: Final = _index(
    "fills",
    _text("account"),
    _text("execution_id"),
    _text("client_order_id"),
    _text("market"),
    _whole("side"),
    _whole("lots"),
    _whole("price_ticks"),
    _whole("fee_microusd"),
    _whole("ts_event_utc_ns"),
    UniqueConstraint("account", "execution_id"),
    CheckConstraint("side IN (-1, 1)", name="side"),
    CheckConstraint("lots > 0", name="lots"),
)
Index(None, fills.c.client_order_id)

trades: Final = _index(
    "trades",
    _text("trade_id"),
    _text("strategy"),
    _text("market"),
    _whole("side"),
    _whole("lots_max"),
    _whole("ts_open_utc_ns"),
    _whole("ts_close_utc_ns"),
    _real("entry_points"),
    _real("exit_points"),
    _whole("pnl_microusd"),
    _whole("fees_microusd"),
    _whole("risk_microusd"),
    _text("exit_reason"),
    UniqueConstraint("trade_id"),
    CheckConstraint("side IN (-1, 1)", name="side"),
    CheckConstraint("lots_max > 0", name="lots_max"),
)

equity: Final = _index(
    "equity",
    _text("market"),
    _real("high_points"),
    _real("low_points"),
    _whole("high_microusd"),
    _whole("low_microusd"),
    _whole("close_microusd"),
    _whole("ts_event_utc_ns"),
)

halts: Final = _index(
    "halts",
    _text("halt_id"),
    _text("action"),
    _text("scope"),
    _text("target"),
    _text("level"),
    _text("reason"),
    _text("actor"),
    _text("evidence"),
    _whole("until_utc_ns"),
    _whole("ts_event_utc_ns"),
    UniqueConstraint("halt_id", "action"),
    CheckConstraint("action IN ('halted', 'resumed')", name="action"),
    _of("level", (*Level, "")),
)

peaks: Final = _index("peaks", _whole("equity_microusd"), _text("actor"), _whole("ts_event_utc_ns"))

ticks: Final = _index(
    "ticks",
    _text("strategy"),
    _whole("slot_utc_ns"),
    _text("session"),
    _text("outcome"),
    UniqueConstraint("strategy", "slot_utc_ns"),
)

DELIVERY: Final = ("attempts", "next_attempt_utc_ns", "delivered_utc_ns", "dropped_utc_ns", "acked_utc_ns", "error")
alerts: Final = _index(
    "alerts",
    _text("key"),
    _text("severity"),
    _text("title"),
    _text("text"),
    _text("facts"),
    _whole("ts_event_utc_ns"),
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
    _text("run_id"),
    _text("run_kind"),
    _text("config_hash"),
    _whole("seed"),
    _text("notes"),
    _whole("ts_event_utc_ns"),
    UniqueConstraint("run_id"),
)

looks: Final = _index(
    "looks",
    _text("run_id"),
    _text("dataset"),
    _text("family"),
    _text("notes"),
    _whole("ts_event_utc_ns"),
)

INDEXES: Final = (boots, decisions, intents, orders, fills, trades, equity, halts, peaks, ticks, alerts, runs, looks)

TABLES: Final = (events, meta, head, *INDEXES)


def _sqlite_guards(table: Table) -> tuple[str, ...]:
    name = table.name
    refuse = f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
    no_update = f"CREATE TRIGGER {name}_no_update BEFORE UPDATE{_of_columns(table)} ON {name}"
    when = " WHEN NEW.seq < OLD.seq" if table is head else ""
    return (f"{no_update}{when} {refuse}", f"CREATE TRIGGER {name}_no_delete BEFORE DELETE ON {name} {refuse}")


def _postgresql_guards(table: Table) -> tuple[str, ...]:
    name = table.name
    when = " WHEN (NEW.seq < OLD.seq)" if table is head else ""
    run = "EXECUTE FUNCTION gamma_append_only()"
    no_update = f"CREATE TRIGGER {name}_no_update BEFORE UPDATE{_of_columns(table)} ON {name} FOR EACH ROW"
    return (
        f"{no_update}{when} {run}",
        f"CREATE TRIGGER {name}_no_delete BEFORE DELETE ON {name} FOR EACH ROW {run}",
        f"CREATE TRIGGER {name}_no_truncate BEFORE TRUNCATE ON {name} FOR EACH STATEMENT {run}",
    )


def _of_columns(table: Table) -> str:
    """An alert's delivery may change; nothing else of it may."""
    fixed = [c.name for c in table.columns if c.name not in DELIVERY]
    return f" OF {', '.join(fixed)}" if table is alerts else ""


def positions_view() -> str:
    """Positions are added up from fills, never counted."""
    return """CREATE VIEW positions AS
        SELECT coalesce(i.strategy, '') AS strategy, f.market AS market,
            CAST(sum(f.side * f.lots) AS BIGINT) AS lots, CAST(sum(f.fee_microusd) AS BIGINT) AS fees_microusd,
            count(*) AS fills, max(f.ts_event_utc_ns) AS ts_last_utc_ns
        FROM fills f LEFT JOIN intents i ON i.client_order_id = f.client_order_id
        GROUP BY coalesce(i.strategy, ''), f.market"""


def guards(dialect: str) -> tuple[str, ...]:
    """What keeps rows as they were written: the triggers that refuse updates and deletes."""
    if dialect == "sqlite":
        return tuple(statement for table in TABLES for statement in _sqlite_guards(table))
    return (
        """CREATE FUNCTION gamma_append_only() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$""",
        *(statement for table in TABLES for statement in _postgresql_guards(table)),
    )

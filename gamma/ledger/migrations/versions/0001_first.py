import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.sqlite import REAL as SQLITE_REAL
from sqlalchemy.types import TypeEngine

from gamma.ledger.migrations.triggers import guard, prepare

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
REAL: TypeEngine[float] = sa.Double().with_variant(SQLITE_REAL(), "sqlite")
# Of an alert only where it stands on its way may change.
ALERT = ("seq", "key", "severity", "title", "text", "facts", "ts_event_utc_ns")
POSITIONS = """CREATE VIEW positions AS
    SELECT coalesce(i.strategy, '') AS strategy, f.market AS market,
        CAST(sum(f.side * f.lots) AS BIGINT) AS lots, CAST(sum(f.fee_microusd) AS BIGINT) AS fees_microusd,
        count(*) AS fills, max(f.ts_event_utc_ns) AS ts_last_utc_ns
    FROM fills f LEFT JOIN intents i ON i.client_order_id = f.client_order_id
    GROUP BY coalesce(i.strategy, ''), f.market"""


def upgrade() -> None:
    prepare()
    _tables()
    _orders()
    _records()
    _lookups()
    op.execute(POSITIONS)


def _whole(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, WHOLE, nullable=False, autoincrement=False) for name in names]


def _word(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _real(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, REAL, nullable=False) for name in names]


def _check(name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=name)


def _table(name: str, *parts: sa.schema.SchemaItem) -> None:
    op.create_table(name, *parts, sqlite_strict=True)


def _index(name: str, *parts: sa.schema.SchemaItem) -> None:
    """A table with one row an event."""
    key = sa.PrimaryKeyConstraint("seq", name=f"{name}_key")
    of_event = sa.ForeignKeyConstraint(["seq"], ["events.seq"], name=f"{name}_seq_of_events")
    _table(name, *_whole("seq"), *parts, key, of_event)
    if name != "alerts":
        guard(name)


def _tables() -> None:
    _table(
        "events",
        *_whole("seq", "ts_event_utc_ns", "ts_recorded_utc_ns"),
        *_word("kind", "payload"),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        _check("events_seq", "seq > 0"),
        _check("events_sha256", "length(sha256) = 32"),
        sa.PrimaryKeyConstraint("seq", name="events_key"),
    )
    guard("events")
    _table(
        "meta",
        *_whole("id"),
        *_word("account", "mode"),
        *_whole("created_utc_ns"),
        _check("meta_id", "id = 1"),
        sa.PrimaryKeyConstraint("id", name="meta_key"),
    )
    guard("meta")
    _table(
        "head",
        *_whole("id"),
        *_whole("seq"),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        _check("head_id", "id = 1"),
        sa.PrimaryKeyConstraint("id", name="head_key"),
    )
    guard("head", when="NEW.seq < OLD.seq")


def _orders() -> None:
    _index(
        "boots",
        *_whole("epoch"),
        *_word("config_hash", "code_hash"),
        *_whole("ts_event_utc_ns"),
        sa.UniqueConstraint("epoch", name="boots_epoch"),
    )
    _index(
        "decisions",
        *_word("decision_id", "strategy", "market"),
        *_whole("slot_utc_ns"),
        *_word("signal_id"),
        *_whole("side", "lots", "sized_lots"),
        *_word("bound_by", "reason"),
        *_whole("halted"),
        *_word("standing", "fault", "config_hash"),
        *_whole("ts_event_utc_ns"),
        _check("decisions_halted", "halted IN (0, 1)"),
        _check("decisions_lots", "0 <= lots AND lots <= sized_lots"),
        _check("decisions_side", "side IN (-1, 0, 1)"),
        sa.UniqueConstraint("decision_id", name="decisions_decision_id"),
    )
    _table(
        "intents",
        *_whole("seq", "part"),
        *_word("client_order_id", "decision_id", "strategy", "market", "kind", "order_type"),
        *_whole("side", "lots", "price_ticks", "reduces"),
        *_word("signal_id", "parent", "subject", "reason", "legs"),
        *_whole("boot_epoch", "deadline_utc_ns", "ts_event_utc_ns"),
        _check("intents_kind", "kind IN ('entry', 'exit', 'stop', 'target', 'cancel', 'replace')"),
        _check("intents_lots", "lots > 0 OR kind IN ('cancel', 'replace')"),
        _check("intents_order_type", "order_type IN ('market', 'limit', 'stop', 'none')"),
        _check("intents_reduces", "reduces IN (0, 1)"),
        _check("intents_side", "side IN (-1, 1)"),
        sa.UniqueConstraint("client_order_id", name="intents_client_order_id"),
        sa.PrimaryKeyConstraint("seq", "part", name="intents_key"),
        sa.ForeignKeyConstraint(["seq"], ["events.seq"], name="intents_seq_of_events"),
    )
    guard("intents")
    _index(
        "orders",
        *_word("client_order_id", "told", "broker_order_id"),
        *_whole("price_ticks"),
        *_word("code", "text", "actor"),
        *_whole("ts_event_utc_ns"),
        _check(
            "orders_told",
            "told IN ('pending', 'acked', 'partial', 'filled', 'canceled', 'expired', 'rejected', 'unknown', 'absent',"
            " 'quarantined', 'missed', 'replaced')",
        ),
    )
    _index(
        "fills",
        *_word("account", "execution_id", "client_order_id", "market"),
        *_whole("side", "lots", "price_ticks", "fee_microusd", "ts_event_utc_ns"),
        _check("fills_lots", "lots > 0"),
        _check("fills_side", "side IN (-1, 1)"),
        sa.UniqueConstraint("account", "execution_id", name="fills_account_execution_id"),
    )


def _records() -> None:
    _index(
        "trades",
        *_word("trade_id", "strategy", "market"),
        *_whole("side", "lots_max", "ts_open_utc_ns", "ts_close_utc_ns"),
        *_real("entry_points", "exit_points"),
        *_whole("pnl_microusd", "fees_microusd", "risk_microusd"),
        *_word("exit_reason"),
        _check("trades_lots_max", "lots_max > 0"),
        _check("trades_side", "side IN (-1, 1)"),
        sa.UniqueConstraint("trade_id", name="trades_trade_id"),
    )
    _index(
        "equity",
        *_word("market"),
        *_real("high_points", "low_points"),
        *_whole("high_microusd", "low_microusd", "close_microusd", "ts_event_utc_ns"),
    )
    _index(
        "halts",
        *_word("halt_id", "action", "scope", "target", "level", "reason", "actor", "evidence"),
        *_whole("until_utc_ns", "ts_event_utc_ns"),
        _check("halts_action", "action IN ('halted', 'resumed')"),
        _check("halts_level", "level IN ('paused', 'reducing', 'halted', '')"),
        sa.UniqueConstraint("halt_id", "action", name="halts_halt_id_action"),
    )
    _index(
        "peaks",
        *_whole("equity_microusd"),
        *_word("actor"),
        *_whole("ts_event_utc_ns"),
    )
    _index(
        "ticks",
        *_word("strategy"),
        *_whole("slot_utc_ns"),
        *_word("session", "outcome"),
        sa.UniqueConstraint("strategy", "slot_utc_ns", name="ticks_strategy_slot_utc_ns"),
    )
    _index(
        "alerts",
        *_word("key", "severity", "title", "text", "facts"),
        *_whole("ts_event_utc_ns"),
        sa.Column("attempts", WHOLE, nullable=False, server_default=sa.text("0")),
        sa.Column("next_attempt_utc_ns", WHOLE, nullable=False, server_default=sa.text("0")),
        sa.Column("delivered_utc_ns", WHOLE, nullable=True),
        sa.Column("dropped_utc_ns", WHOLE, nullable=True),
        sa.Column("acked_utc_ns", WHOLE, nullable=True),
        sa.Column("error", sa.Text, nullable=False, server_default=sa.text("''")),
        _check("alerts_severity", "severity IN ('info', 'warning', 'critical')"),
    )
    guard("alerts", columns=ALERT)
    _index(
        "runs",
        *_word("run_id", "run_kind", "config_hash"),
        *_whole("seed"),
        *_word("notes"),
        *_whole("ts_event_utc_ns"),
        sa.UniqueConstraint("run_id", name="runs_run_id"),
    )
    _index(
        "looks",
        *_word("run_id", "dataset", "family", "notes"),
        *_whole("ts_event_utc_ns"),
    )


def _lookups() -> None:
    entry = sa.text("kind = 'entry'")
    waiting = sa.text("delivered_utc_ns IS NULL AND dropped_utc_ns IS NULL")
    standing = sa.text("severity = 'critical' AND acked_utc_ns IS NULL")
    only = {"intents_one_entry": entry, "alerts_open": waiting, "alerts_standing": standing}
    for name, table, columns, unique in (
        ("intents_one_entry", "intents", ["decision_id", "market"], True),
        ("orders_client_order_id", "orders", ["client_order_id"], False),
        ("fills_client_order_id", "fills", ["client_order_id"], False),
        ("alerts_open", "alerts", ["next_attempt_utc_ns"], False),
        ("alerts_standing", "alerts", ["seq"], False),
    ):
        where = only.get(name)
        op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)

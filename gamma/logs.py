"""Logs: JSON lines, one canonical line a decision, secrets redacted. The ledger, not the log, is the record."""

import logging
import re
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, Final, TextIO, final

import structlog

from gamma.book import Book
from gamma.effects import Answer
from gamma.events import (
    DecisionMade,
    Halted,
    OrderCanceled,
    OrderFilled,
    OrderIntended,
    OrderLost,
    OrderQuarantined,
    OrderRejected,
    Recorded,
    Resumed,
    TradeClosed,
)
from gamma.markets import MICRO

# A key that names a secret, and the shapes in which one travels inside other text.
_SECRET_KEY: Final = re.compile(r"(secret|token|password|webhook|api_?key|authorization|credential)", re.IGNORECASE)
_SECRET_TEXT: Final = re.compile(
    r"(https?://[^\s\"']*(?:webhooks?|token|key)[^\s\"']*)|(bearer\s+[\w.\-~+/=]+)|(://[^/\s:@]+:[^/\s@]+@)",
    re.IGNORECASE,
)
REDACTED: Final = "[redacted]"


def redact(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take secrets out of a log line: values of keys that name one, and URLs and headers that carry one."""
    for key, value in line.items():
        if _SECRET_KEY.search(key):
            line[key] = REDACTED
        elif isinstance(value, str):
            line[key] = _SECRET_TEXT.sub(REDACTED, value)
    return line


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Write JSON lines to `stream` (standard error by default); httpx's own lines, which print URLs, stay out."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    for name in ("httpx", "httpcore", "apscheduler", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


@final
class Chronicle:
    """Writes what was recorded to the log: one line a decision, and one for each turn in the life of money."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("gamma")

    def recorded(self, fact: Recorded, book: Book) -> None:
        """One fact, one line; most facts have none."""
        line = _line(fact)
        if line is not None:
            event, keys = line
            self._log.info(event, ts_event_utc_ns=fact.ts_event_utc_ns, account=book.setup.account, **keys)

    def answered(self, answer: Answer) -> None:
        """What came of a person's request."""
        self._log.info("answered", command_id=answer.command_id, ok=answer.ok, text=answer.text)


def _line(fact: Recorded) -> tuple[str, dict[str, Any]] | None:
    told = _LINES.get(type(fact))
    return None if told is None else (told[0], told[1](fact))


def _decision(fact: DecisionMade) -> dict[str, Any]:
    """The canonical line: who decided what, how the size came about, what bound."""
    return {
        "decision_id": fact.decision_id,
        "strategy": fact.strategy,
        "market": fact.market,
        "side": fact.side,
        "lots": fact.lots,
        "sized_lots": fact.sized_lots,
        "bound_by": fact.bound_by,
        "reason": fact.reason,
        "chain": " > ".join(
            f"{s.name} {s.lots_after:g}" for s in fact.steps if s.reason != "ok" or s.lots_before is None
        ),
        "fault": fact.fault,
    }


def _intended(fact: OrderIntended) -> dict[str, Any]:
    intent = fact.intent
    return {
        "client_order_id": intent.client_order_id,
        "strategy": intent.strategy,
        "market": intent.market,
        "kind": intent.kind,
        "lots": intent.side * intent.lots,
        "reason": intent.reason,
    }


def _filled(fact: OrderFilled) -> dict[str, Any]:
    fill = fact.fill
    return {
        "client_order_id": fill.client_order_id,
        "market": fill.market,
        "lots": fill.side * fill.lots,
        "price_ticks": fill.price_ticks,
        "fee_usd": fill.fee_microusd / MICRO,
    }


def _closed(fact: TradeClosed) -> dict[str, Any]:
    trade = fact.trade
    return {
        "strategy": trade.strategy,
        "market": trade.market,
        "lots": trade.side * trade.lots_max,
        "pnl_usd": trade.pnl_microusd / MICRO,
        "exit": trade.exit_reason,
    }


def _halt(fact: Halted) -> dict[str, Any]:
    halt = fact.halt
    return {
        "halt_id": halt.halt_id,
        "scope": halt.scope,
        "target": halt.target,
        "level": halt.level,
        "reason": halt.reason,
        "actor": halt.actor,
    }


def _order(fact: Any) -> dict[str, Any]:
    return {"client_order_id": fact.client_order_id, "text": getattr(fact, "text", "")}


def _resumed(fact: Resumed) -> dict[str, Any]:
    return {"halt_id": fact.halt_id, "actor": fact.actor}


_LINES: Final[dict[type, tuple[str, Callable[[Any], dict[str, Any]]]]] = {
    DecisionMade: ("decision", _decision),
    OrderIntended: ("order_intended", _intended),
    OrderFilled: ("order_filled", _filled),
    OrderRejected: ("order_rejected", _order),
    OrderLost: ("order_unknown", _order),
    OrderCanceled: ("order_canceled", _order),
    OrderQuarantined: ("order_quarantined", _order),
    TradeClosed: ("trade_closed", _closed),
    Halted: ("halted", _halt),
    Resumed: ("resumed", _resumed),
}

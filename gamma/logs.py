"""Logs: JSON lines, one canonical line a decision, secrets redacted. The ledger, not the log, is the record."""

import atexit
import logging
import os
import queue
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
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
    PositionManaged,
    Recorded,
    Resumed,
    TradeClosed,
)
from gamma.markets import MICRO

# A key that names a secret, and the shapes in which one travels inside other text.
_SECRET_KEY: Final = re.compile(
    r"secret|token|passw|passphrase|webhook|api_?key|authorization|credential|dead_man_url|discord_", re.IGNORECASE
)
_SHAPE: Final = (
    r"https?://[^\s\"']*(?:webhooks?|token|key)[^\s\"']*|bearer\s+[\w.\-~+/=]+|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)
REDACTED: Final = "[redacted]"
# Shorter ones would blot out words that are no secrets; the last part of a URL this long is one by itself.
_HIDDEN_CHARS_MIN: Final = 6
_PART_CHARS_MIN: Final = 16
_OURS: Final = "gamma"
LINES_WAITING: Final = 10_000
DRAIN_S: Final = 1.0


@final
class Redact:
    """Takes secrets out of log lines: values of keys that name one, text that has the shape of one, and those known."""

    def __init__(self, hidden: Sequence[str] = ()) -> None:
        parts = [secret.rstrip("/").rpartition("/")[2] for secret in hidden if "://" in secret]
        known = {s for s in hidden if len(s) >= _HIDDEN_CHARS_MIN} | {p for p in parts if len(p) >= _PART_CHARS_MIN}
        exact = [re.escape(secret) for secret in sorted(known, key=len, reverse=True)]
        self._secret = re.compile("|".join([*exact, _SHAPE]), re.IGNORECASE)

    def __call__(self, _: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {key: self._clean(key, value) for key, value in line.items()}

    def _clean(self, key: str, value: Any) -> Any:
        if _SECRET_KEY.search(key):
            return REDACTED
        if isinstance(value, Mapping):
            return {str(k): self._clean(str(k), v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self._clean("", v) for v in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self._secret.sub(REDACTED, value if isinstance(value, str) else repr(value))


@final
class _Lines:
    """Lines on their way to a stream; a reader that is slow, or gone, is no reason to stop trading.

    A stream with a file behind it is written to by a thread; what it cannot take while `LINES_WAITING` wait is lost.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: queue.Queue[bytes] | None = None
        with suppress(OSError, ValueError, AttributeError):
            file = stream.fileno()
            self._waiting = queue.Queue(LINES_WAITING)
            threading.Thread(target=_write_out, args=(self._waiting, file), name="log", daemon=True).start()

    def write(self, text: str) -> None:
        if self._waiting is None:
            with suppress(OSError, ValueError):
                self._stream.write(text)
            return
        with suppress(queue.Full):
            self._waiting.put_nowait(text.encode())

    def flush(self) -> None:
        """Lines go out as they come."""

    def drain(self) -> None:
        """Wait a moment for what is still on its way."""
        waiting, until = self._waiting, time.monotonic() + DRAIN_S
        while waiting is not None and waiting.unfinished_tasks and time.monotonic() < until:
            time.sleep(0.001)


def _write_out(waiting: queue.Queue[bytes], file: int) -> None:
    """Past the buffers of the stream: a write that blocks must hold no lock that the end of the process waits for."""
    while True:
        left = memoryview(waiting.get())
        with suppress(OSError):
            while left:
                left = left[os.write(file, left) :]
        waiting.task_done()


def set_up(level: str, stream: TextIO | None = None, hidden: Sequence[str] = ()) -> Callable[[], None]:
    """Write JSON lines to `stream` (standard error by default), without the `hidden` secrets.

    What libraries log comes out the same way, from warnings up: httpx's own lines tell URLs. Gives what waits
    until the lines are out.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    written = _Lines(stream or sys.stderr)
    atexit.register(written.drain)
    lines: Any = written
    first: list[Any] = [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    last: list[Any] = [
        structlog.processors.format_exc_info,
        Redact(hidden),
        structlog.processors.JSONRenderer(sort_keys=True),
    ]
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *first, *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(lines),
        cache_logger_on_first_use=False,
    )
    _hear_libraries(lines, first, last)
    return written.drain


def _hear_libraries(lines: Any, first: list[Any], last: list[Any]) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=first, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
    )
    handler = logging.StreamHandler(lines)
    handler.set_name(_OURS)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in [h for h in root.handlers if h.get_name() == _OURS]:
        root.removeHandler(old)
    root.addHandler(handler)
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
        "settled": fill.settled,
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


def _managed(fact: PositionManaged) -> dict[str, Any]:
    return {"strategy": fact.strategy, "market": fact.market, "manage": fact.manage, "reason": fact.reason}


def _halt(fact: Halted) -> dict[str, Any]:
    halt = fact.halt
    return {
        "halt_id": halt.halt_id,
        "scope": halt.scope,
        "target": halt.target,
        "cut": halt.level,
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
    PositionManaged: ("position_managed", _managed),
    Halted: ("halted", _halt),
    Resumed: ("resumed", _resumed),
}

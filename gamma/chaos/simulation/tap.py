"""The ledger's connection, at which the process can die or the disk fail; and what is on disk, seen from outside."""

import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from gamma.chaos.simulation.network import Points

# What lies between them is not on disk: to die there is to die before the commit.
_POINTS: Final = ("BEGIN", "COMMIT")


@final
class Tap:
    """A database connection that can fail at any statement, and whose process can die around each begin and commit."""

    def __init__(self, raw: Any, points: Points, fails: Callable[[], bool]) -> None:
        self._raw = raw
        self._points = points
        self._fails = fails

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        """Run one statement, and die before it or after it."""
        verb = sql.split(maxsplit=1)[0]
        # A read changes nothing, and what a dying process leaves open is rolled back by whoever opens the file next.
        if verb in ("SELECT", "ROLLBACK"):
            return self._raw.execute(sql, parameters)
        self._points.see_alive(sql)
        if verb in _POINTS:
            self._points.touch(f"before {verb}")
        if self._fails():
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        done = self._raw.execute(sql, parameters)
        if verb in _POINTS:
            self._points.touch(f"after {verb}")
        return done


@dataclass(frozen=True, slots=True)
class Intended:
    """What the ledger's file says of an order that was to be sent."""

    kind: str
    strategy: str
    market: str
    decision_id: str
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A halt in the ledger's file that nobody has lifted."""

    halt_id: str
    scope: str
    target: str
    level: str
    reason: str


@final
class OnDisk:
    """Looks at the ledger's file as another process would: what is not committed is not there."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def intended(self, client_order_id: str) -> Intended | None:
        """The order's intent, where it would survive a crash now."""
        query = "SELECT kind, strategy, market, decision_id, ts_event_utc_ns FROM intents WHERE client_order_id = ?"
        found = self._db.execute(query, (client_order_id,)).fetchone()
        return None if found is None else Intended(*found)

    def last_seq(self) -> int:
        """The number of the last event."""
        return int(self._db.execute("SELECT COALESCE(MAX(seq), 0) FROM events").fetchone()[0])

    def untold(self) -> int:
        """How many alerts wait to be told."""
        query = "SELECT COUNT(*) FROM alerts WHERE delivered_utc_ns IS NULL AND dropped_utc_ns IS NULL"
        return int(self._db.execute(query).fetchone()[0])

    def standing(self) -> list[Standing]:
        """The halts that stand."""
        rows = self._db.execute(
            "SELECT action, halt_id, scope, target, level, reason FROM halts ORDER BY seq"
        ).fetchall()
        halted = {row[1]: Standing(*row[1:]) for row in rows if row[0] == "halted"}
        for row in rows:
            if row[0] == "resumed":
                halted.pop(row[1], None)
        return list(halted.values())


def one_in(rng: random.Random, count: int) -> Callable[[], bool]:
    """Something that happens once in so many times, on average, and once only."""
    left = [rng.randint(1, 2 * count)]

    def happens() -> bool:
        left[0] -= 1
        return left[0] == 0

    return happens

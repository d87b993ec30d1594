"""The outbox: notices lie here, written with the step that they tell of, until they are delivered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from gamma.codec import decode_facts
from gamma.notices import Notice, Severity

REPEAT_NS: Final = 600_000_000_000
ACKED_MAX: Final = 10_000
POSTPONED_MAX_NS: Final = 7_200_000_000_000
"""No attempt is put off for longer; one that lies further ahead tells of a clock that was set back."""

# Plain SQL with one mark for a value, for it is asked every few seconds for as long as the daemon runs.
_COLUMNS: Final = "seq, attempts, key, severity, title, text, facts, ts_event_utc_ns"
_RANK: Final = " ".join(f"WHEN '{s.value}' THEN {-s.rank}" for s in Severity)
_ORDER: Final = f"ORDER BY CASE severity {_RANK} END, seq LIMIT ?"
_WAITING: Final = "delivered_utc_ns IS NULL AND dropped_utc_ns IS NULL"
_ANY: Final = f"SELECT seq FROM alerts WHERE {_WAITING} LIMIT 1"  # noqa: S608  (our own)
_PUT_OFF: Final = f"{_WAITING} AND next_attempt_utc_ns > 0"
_STANDING: Final = f"severity = '{Severity.CRITICAL.value}' AND acked_utc_ns IS NULL"
_DUE: Final = f"{_WAITING} AND (next_attempt_utc_ns <= ? OR next_attempt_utc_ns > ?)"

Values = tuple[object, ...]
Read = Callable[[str, Values], Sequence[Any]]
Change = Callable[[str, Values], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A notice on its way: `id` is its number, `attempts` how often it was tried."""

    id: int
    notice: Notice
    attempts: int


@final
class Outbox:
    """Where each notice stands. A delivery that a crash forgets is made again: at least once, never none."""

    def __init__(self, read: Read, change: Change) -> None:
        self._read = read
        self._change = change
        self._empty = False

    def noted(self) -> None:
        """A notice was put here."""
        self._empty = False

    def anew(self) -> None:
        """Let everything that was postponed be tried at once."""
        if self._read(f"SELECT seq FROM alerts WHERE {_PUT_OFF} LIMIT 1", ()):  # noqa: S608  (our own)
            self._change(f"UPDATE alerts SET next_attempt_utc_ns = 0 WHERE {_PUT_OFF}", ())  # noqa: S608  (our own)

    def due(self, now_utc_ns: int, limit: int) -> tuple[Alert, ...]:
        """What is to be sent now, the gravest first, then the oldest."""
        if self._empty:  # most often there is nothing
            return ()
        found = self._alerts(_DUE, (now_utc_ns, now_utc_ns + POSTPONED_MAX_NS), limit)
        self._empty = not found and not self._read(_ANY, ())
        return found

    def waiting(self) -> int:
        """How many notices are not delivered yet, and not given up."""
        return int(self._read(f"SELECT COUNT(*) FROM alerts WHERE {_WAITING}", ())[0][0])  # noqa: S608  (our own)

    def repeats(self, now_utc_ns: int, limit: int = 100) -> tuple[Alert, ...]:
        """CRITICAL notices that were delivered ten minutes ago or more, and that nobody has acknowledged."""
        return self._alerts(f"{_STANDING} AND delivered_utc_ns <= ?", (now_utc_ns - REPEAT_NS,), limit)

    def delivered(self, ids: Sequence[int], now_utc_ns: int) -> None:
        """They have arrived."""
        self._note(ids, "delivered_utc_ns = ?, attempts = attempts + 1, error = ''", now_utc_ns)

    def postponed(self, ids: Sequence[int], next_attempt_utc_ns: int, error: str) -> None:
        """They could not be sent; try again then."""
        self._note(ids, "next_attempt_utc_ns = ?, attempts = attempts + 1, error = ?", next_attempt_utc_ns, error)

    def dropped(self, ids: Sequence[int], now_utc_ns: int, error: str) -> None:
        """They are given up."""
        self._note(ids, "dropped_utc_ns = ?, error = ?", now_utc_ns, error)

    def ack(self, name: str, now_utc_ns: int) -> tuple[Alert, ...]:
        """A person has seen it: the notices of this number or key, or all where `name` is empty; gives which."""
        number = int(name) if name.isdecimal() else 0
        found = (
            self._alerts(f"{_STANDING} AND (key = ? OR seq = ?)", (name, number), ACKED_MAX)
            if name
            else self._alerts(_STANDING, (), ACKED_MAX)
        )
        if found:
            self._note([a.id for a in found], "acked_utc_ns = ?", now_utc_ns)
        return found

    def _note(self, ids: Sequence[int], change: str, *values: object) -> None:
        marks = ", ".join("?" * len(ids))
        self._change(f"UPDATE alerts SET {change} WHERE seq IN ({marks})", (*values, *ids))  # noqa: S608  (our own)

    def _alerts(self, where: str, values: Values, limit: int) -> tuple[Alert, ...]:
        query = f"SELECT {_COLUMNS} FROM alerts WHERE {where} {_ORDER}"  # noqa: S608  (our own)
        return tuple(_alert(*row) for row in self._read(query, (*values, limit)))


def _alert(*row: Any) -> Alert:
    seq, attempts, key, severity, title, text, facts, ts_event_utc_ns = row
    return Alert(
        id=seq,
        attempts=attempts,
        notice=Notice(
            key=key,
            severity=Severity(severity),
            title=title,
            text=text,
            facts=decode_facts(facts),
            ts_event_utc_ns=ts_event_utc_ns,
        ),
    )

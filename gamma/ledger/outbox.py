"""The outbox: notices lie here, written with the step that they tell of, until they are delivered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from sqlalchemy import Connection, Update, case, or_, select, update

from gamma.codec import decode_facts
from gamma.ledger.faults import reading
from gamma.ledger.tables import alerts
from gamma.notices import Notice, Severity

REPEAT_NS: Final = 600_000_000_000
POSTPONED_MAX_NS: Final = 7_200_000_000_000
"""No attempt is put off for longer; one that lies further ahead tells of a clock that was set back."""
_RANK: Final = case({s.value: -s.rank for s in Severity}, value=alerts.c.severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A notice on its way: `id` is its number, `attempts` how often it was tried."""

    id: int
    notice: Notice
    attempts: int


@final
class Outbox:
    """Where each notice stands. A delivery that a crash forgets is made again: at least once, never none."""

    def __init__(self, db: Connection, change: Callable[[Update], None]) -> None:
        self._db = db
        self._change = change
        self._empty = False

    def noted(self) -> None:
        """A notice was put here."""
        self._empty = False

    def anew(self) -> None:
        """Let everything that was postponed be tried at once."""
        waiting = (alerts.c.delivered_utc_ns.is_(None), alerts.c.dropped_utc_ns.is_(None))
        put_off = (*waiting, alerts.c.next_attempt_utc_ns > 0)
        if self._db.execute(select(alerts.c.seq).where(*put_off).limit(1)).first() is not None:
            self._change(update(alerts).where(*put_off).values(next_attempt_utc_ns=0))

    def due(self, now_utc_ns: int, limit: int) -> tuple[Alert, ...]:
        """What is to be sent now, the gravest first, then the oldest."""
        if self._empty:  # it is asked every few seconds, and most often there is nothing
            return ()
        waiting = (alerts.c.delivered_utc_ns.is_(None), alerts.c.dropped_utc_ns.is_(None))
        when = alerts.c.next_attempt_utc_ns
        found = self._read(*waiting, or_(when <= now_utc_ns, when > now_utc_ns + POSTPONED_MAX_NS), limit=limit)
        self._empty = not found and self._db.execute(select(alerts.c.seq).where(*waiting).limit(1)).first() is None
        return found

    def repeats(self, now_utc_ns: int, limit: int = 100) -> tuple[Alert, ...]:
        """CRITICAL notices that were delivered ten minutes ago or more, and that nobody has acknowledged."""
        standing = (alerts.c.severity == Severity.CRITICAL.value, alerts.c.acked_utc_ns.is_(None))
        return self._read(*standing, alerts.c.delivered_utc_ns <= now_utc_ns - REPEAT_NS, limit=limit)

    def delivered(self, ids: Sequence[int], now_utc_ns: int) -> None:
        """They have arrived."""
        self._change(_at(ids).values(delivered_utc_ns=now_utc_ns, attempts=alerts.c.attempts + 1, error=""))

    def postponed(self, ids: Sequence[int], next_attempt_utc_ns: int, error: str) -> None:
        """They could not be sent; try again then."""
        later = {"next_attempt_utc_ns": next_attempt_utc_ns, "error": error}
        self._change(_at(ids).values(attempts=alerts.c.attempts + 1, **later))

    def dropped(self, ids: Sequence[int], now_utc_ns: int, error: str) -> None:
        """They are given up."""
        self._change(_at(ids).values(dropped_utc_ns=now_utc_ns, error=error))

    def ack(self, name: str, now_utc_ns: int) -> tuple[Alert, ...]:
        """A person has seen it: the notices of this number or key, or all where `name` is empty; gives which."""
        standing = (alerts.c.severity == Severity.CRITICAL.value, alerts.c.acked_utc_ns.is_(None))
        number = int(name) if name.isdecimal() else 0
        named = [or_(alerts.c.key == name, alerts.c.seq == number)] if name else []
        found = self._read(*standing, *named, limit=10_000)
        if found:
            self._change(_at([a.id for a in found]).values(acked_utc_ns=now_utc_ns))
        return found

    def _read(self, *where: Any, limit: int) -> tuple[Alert, ...]:
        with reading():
            query = select(alerts).where(*where).order_by(_RANK, alerts.c.seq).limit(limit)
            found = self._db.execute(query).fetchall()
        return tuple(
            Alert(
                id=row.seq,
                attempts=row.attempts,
                notice=Notice(
                    key=row.key,
                    severity=Severity(row.severity),
                    title=row.title,
                    text=row.text,
                    facts=decode_facts(row.facts),
                    ts_event_utc_ns=row.ts_event_utc_ns,
                ),
            )
            for row in found
        )


def _at(ids: Sequence[int]) -> Update:
    return update(alerts).where(alerts.c.seq.in_(list(ids)))

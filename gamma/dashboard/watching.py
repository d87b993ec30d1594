"""`Watcher`: follows one account's ledger. Folding a million events takes seconds, so it is done once, and then on."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Final, final

import numpy as np

from gamma.account import Standing, facts_after, opened, rules_seen
from gamma.assembly import setup_of
from gamma.book import Book, fold, marked, open_book
from gamma.clock import NS
from gamma.config import Config
from gamma.dashboard.aside import Aside
from gamma.dashboard.sight import Course, Pulse, Sight, empty_course
from gamma.errors import GammaError, InputMissing
from gamma.events import DayStarted, EquityMarked
from gamma.ledger import Reader
from gamma.ledger.lease import holder
from gamma.markets import MICRO
from gamma.stats import Floats
from gamma.vitals import boot_id, read_sign, sign_path

# How long a page waits while another one reads.
PATIENCE_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Followed:
    """How far the ledger was followed, and what came of it."""

    book: Book
    seq: int = 0
    sha256: str = ""
    day_seq: int = 0
    course: Course = field(default_factory=empty_course)


@final
class Watcher:
    """One account, watched; any thread may look."""

    def __init__(self, config: Config, accounts: Sequence[str] = ()) -> None:
        self.config = config
        self.accounts = tuple(accounts) or (config.account.name,)
        self._rules = rules_seen(config)
        self._new = _Followed(book=open_book(setup_of(config)))
        self._followed = self._new
        self._lock = threading.Lock()
        self.aside = Aside(config)

    @contextmanager
    def look(self) -> Iterator[Sight]:
        """All that there is to see now; the ledger is read until the context is left.

        Raises: ConfigInvalid when there is no ledger, or it is another account's or version's; InputMissing while a
        long one is being read for the first time; LedgerFailed, Corrupt when it cannot be read.
        """
        with opened(self.config) as reader, reader.at_once():
            followed = self._follow(reader)
            yield Sight(
                config=self.config,
                reader=reader,
                now=Standing(book=followed.book, rules=self._rules),
                course=followed.course,
                head_seq=followed.seq,
                day_seq=followed.day_seq,
                pulse=_pulse(self.config, reader),
                accounts=self.accounts,
                aside=self.aside,
            )

    def read_ahead(self, ready: Callable[[Sight], None]) -> None:
        """Begin to read, so that what is looked at first need not wait for it, and then make `ready` what takes long.

        What is wrong is told by the look of whoever looks.
        """

        def read() -> None:
            with suppress(GammaError), self.look() as sight:
                ready(sight)

        threading.Thread(target=read, daemon=True).start()

    def _follow(self, reader: Reader) -> _Followed:
        """What is known up to the ledger's end; from the beginning where another ledger lies there now."""
        head = reader.head
        if not self._lock.acquire(timeout=PATIENCE_S):
            raise InputMissing("The ledger is long, and is being read from its beginning. It is shown in a moment.")
        try:
            known = self._followed
            if known.seq and (known.seq > head[0] or reader.hash_at(known.seq) != known.sha256):
                known = self._new
            if known.seq < head[0]:
                known = replace(_grown(known, reader), seq=head[0], sha256=head[1])
            self._followed = known
            return known
        finally:
            self._lock.release()


def _pulse(config: Config, reader: Reader) -> Pulse:
    database, written = config.gamma.database, reader.recorded_utc_ns()
    sign = read_sign(sign_path(database, config.account.name))
    return Pulse(
        pid=holder(database),
        sign=sign,
        sign_age_s=sign.age_s(time.monotonic_ns(), boot_id()) if sign else None,
        written_age_s=max(0.0, (time.time_ns() - written) / NS) if written else None,
    )


def _grown(known: _Followed, reader: Reader) -> _Followed:
    """With every fact since; marks in a row are folded as one, and the floor is what it was after them."""
    book, day_seq, ts_last = known.book, known.day_seq, known.book.ts_event_utc_ns
    marks: list[EquityMarked] = []
    floors: list[float] = []
    for kind, run in groupby(facts_after(reader, known.seq), lambda fact: type(fact[1])):
        several = list(run)
        facts: list[Any] = [fact for _, fact in several]
        ts_last = max(ts_last, *(fact.ts_event_utc_ns for fact in facts))
        if kind is EquityMarked:
            book = marked(book, facts)
            marks += facts
            floors += [_floor_usd(book)] * len(facts)
            continue
        for fact in facts:
            book = fold(book, fact)
        if kind is DayStarted:
            day_seq = several[-1][0]
    return _Followed(book=book.at(ts_last), day_seq=day_seq, course=_longer(known.course, marks, floors))


def _floor_usd(book: Book) -> float:
    state = book.money.floor
    return state.floor_microusd / MICRO if state else float("nan")


def _longer(course: Course, marks: Sequence[EquityMarked], floors: Sequence[float]) -> Course:
    if not marks:
        return course
    rows = [(m.ts_event_utc_ns, m.high_microusd, m.low_microusd, m.close_microusd) for m in marks]
    columns = np.array(rows, dtype=np.int64).T

    def usd(before: Floats, column: int) -> Floats:
        return np.concatenate((before, columns[column] / MICRO))

    return Course(
        ts_utc_ns=np.concatenate((course.ts_utc_ns, columns[0])),
        high_usd=usd(course.high_usd, 1),
        low_usd=usd(course.low_usd, 2),
        close_usd=usd(course.close_usd, 3),
        floor_usd=np.concatenate((course.floor_usd, np.array(floors))),
    )

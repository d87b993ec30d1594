"""Following a ledger: a look costs what is new, and gives what a reading from the beginning would."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy.exc import OperationalError

from gamma import account
from gamma.config import Config, load
from gamma.dashboard import watching
from gamma.dashboard.watching import Watcher
from gamma.errors import ConfigInvalid, InputMissing
from gamma.ledger import Reader
from tests.dashboard.conftest import gamma, traded

pytestmark = pytest.mark.slow


@contextmanager
def at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Config]:
    monkeypatch.chdir(folder)
    yield load(Path("config.toml"), {})


def test_what_was_followed_is_what_is_read_from_the_beginning(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with at(own, monkeypatch) as config:
        watcher = Watcher(config)
        with watcher.look() as before:
            assert before.now == account.standing(config, before.reader)
        traded(own, 60)
        with watcher.look() as after, Watcher(config).look() as anew:
            assert after.head_seq > before.head_seq
            assert after.now.book == anew.now.book == account.standing(config, after.reader).book
            assert after.day_seq == anew.day_seq
            for name in ("ts_utc_ns", "high_usd", "low_usd", "close_usd", "floor_usd"):
                np.testing.assert_array_equal(getattr(after.course, name), getattr(anew.course, name))


def test_what_is_known_is_not_read_again(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    facts_after = account.facts_after

    def counted(reader: Reader, seq: int) -> Iterator[tuple[int, object]]:
        asked.append(seq)
        return facts_after(reader, seq)

    monkeypatch.setattr("gamma.dashboard.watching.facts_after", counted)
    with at(own, monkeypatch) as config:
        watcher, seen = Watcher(config), 0
        for _ in range(3):
            with watcher.look() as sight:
                seen = sight.head_seq
        gamma(own, "halt", "once more")
        with watcher.look() as sight:
            assert sight.head_seq > seen
    assert asked == [0, seen]


def test_the_ledger_cannot_be_written_through_it(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = pytest.raises(OperationalError, match="readonly")
    with at(own, monkeypatch) as config, Watcher(config).look() as sight, refused:
        sight.reader._db.exec_driver_sql("DELETE FROM alerts")


def test_another_accounts_ledger_is_refused(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with at(own, monkeypatch) as config:
        other = config.model_copy(update={"account": config.account.model_copy(update={"name": "other"})})
        with pytest.raises(ConfigInvalid, match="'paper'"), Watcher(other).look():
            pass


def test_while_a_long_ledger_is_read_a_page_does_not_wait_for_it(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "PATIENCE_S", 0.01)
    with at(own, monkeypatch) as config:
        watcher = Watcher(config)
        held, go_on = threading.Event(), threading.Event()
        grown = watching._grown

        def slow(known: watching._Followed, reader: Reader) -> watching._Followed:
            held.set()
            go_on.wait(30)
            return grown(known, reader)

        monkeypatch.setattr(watching, "_grown", slow)
        watcher.read_ahead(lambda _: None)
        assert held.wait(30)
        with pytest.raises(InputMissing, match="in a moment"), watcher.look():
            pass
        go_on.set()
        monkeypatch.setattr(watching, "PATIENCE_S", 30.0)
        with watcher.look() as sight:
            assert sight.head_seq > 0


def test_events_are_found_by_their_time(own: Path) -> None:
    with closing(sqlite3.connect(own / "gamma.db")) as db:
        events = db.execute("SELECT seq, ts_event_utc_ns FROM events ORDER BY seq").fetchall()
    with Reader.open(f"sqlite:///{own}/gamma.db") as reader:
        for ts in (0, events[0][1], events[len(events) // 2][1], events[-1][1], events[-1][1] + 1):
            before = [seq for seq, at_utc_ns in events if at_utc_ns < ts]
            assert reader.seq_at(ts) == max(before, default=0)

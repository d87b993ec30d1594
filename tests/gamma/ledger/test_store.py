"""What was committed is there, what failed is not there at all, and nothing is there twice."""

import dataclasses
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import pytest
from sqlalchemy import URL

from gamma.book import Setup, fold, open_book
from gamma.errors import AlreadyRecorded, ConfigInvalid, Corrupt, InvariantBroken, LedgerFailed
from gamma.events import DecisionMade, EquityMarked, PeakRebased, Recorded
from gamma.ledger import Ledger, Look, Run, free_bytes, verify
from gamma.ledger.connections import file_of, open_reader, open_writer
from gamma.markets import market
from gamma.reasons import Reason
from tests.gamma.ledger.facts import T0, closed, day, decision, entry, fill, halted, notice, tick


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with closing(open_reader(url)) as db:
        return [tuple(row) for row in db.exec_driver_sql(query)]


def test_a_day_holds_one_of_every_kind_of_fact() -> None:
    assert {type(f) for f in day()} == set(get_args(Recorded))


def test_the_first_to_open_it_makes_the_tables(empty_url: str) -> None:
    ledger = Ledger.open(empty_url, account="DU1234", mode="paper", clock_ns=lambda: T0)
    ledger.append(day())
    ledger.close()
    assert verify(empty_url).events == len(day())
    assert verify(empty_url).sound


def test_facts_come_back_as_they_were_appended(url: str, ledger: Ledger) -> None:
    ledger.append(day())
    ledger.close()
    again = Ledger.open(url, account="DU1234", mode="paper")
    assert repr(list(again.facts())) == repr(day())
    again.close()


@pytest.mark.parametrize("page", [1, 7, 30, 31])
def test_facts_are_read_in_pages(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    monkeypatch.setattr("gamma.ledger.store.PAGE", page)
    ledger.append(day(), [notice()], [tick(0)])
    ledger.append([closed(2)])
    assert repr(list(ledger.facts())) == repr([*day(), closed(2)])


def test_facts_can_begin_after_an_event_and_leave_kinds_out(ledger: Ledger) -> None:
    ledger.append(day(), [notice()], [tick(0)])
    assert repr(list(ledger.facts(after_seq=27))) == repr(day()[27:])
    assert DecisionMade not in {type(f) for f in ledger.facts(without={DecisionMade})}


def test_the_fold_of_the_ledger_is_the_book(ledger: Ledger) -> None:
    setup = Setup(
        account="DU1234", mode="paper", starting_capital_microusd=50_000_000_000, markets={"MNQ": market("MNQ")}
    )
    book = open_book(setup)
    for fact in day()[:17]:
        book = fold(book, fact)
        ledger.append([fact])
    again = open_book(setup)
    for fact in ledger.facts():
        again = fold(again, fact)
    assert again == book
    assert book.balance_microusd == 50_000_000_000 + 40_000_000 - 1_480_000


def test_what_was_not_committed_is_not_seen_by_others(url: str, ledger: Ledger) -> None:
    ledger.append([closed()])
    assert rows(url, "SELECT count(*) FROM trades") == [(0,)]
    ledger.commit()
    assert rows(url, "SELECT pnl_microusd FROM trades") == [(38_520_000,)]


def test_an_order_and_its_bracket_are_one_event_and_three_intents(url: str, ledger: Ledger) -> None:
    ledger.append(day()[:5])
    ledger.commit()
    assert rows(url, "SELECT client_order_id, kind, boot_epoch FROM intents ORDER BY part") == [
        ("g1a-1-0", "entry", 1),
        ("g1a-1-0s", "stop", 1),
        ("g1a-1-0t", "target", 1),
    ]


@pytest.mark.parametrize("twice", [decision(0), entry(0, 0), fill("x0", "g1a-1-0", 1, 80_000, 1), halted(1), closed()])
def test_what_happened_once_cannot_be_recorded_twice(url: str, ledger: Ledger, twice: Recorded) -> None:
    ledger.append([twice])
    with pytest.raises(AlreadyRecorded):
        ledger.append([decision(7), twice])
    ledger.commit()
    assert len(rows(url, "SELECT seq FROM events")) == 1
    assert rows(url, f"SELECT count(*) FROM decisions WHERE slot_utc_ns > {T0}") == [(0,)]


def test_a_slot_is_decided_on_once(url: str, ledger: Ledger) -> None:
    ledger.append([], [], [tick(0)])
    with pytest.raises(AlreadyRecorded, match="ticks"):
        ledger.append([decision(0), entry(0, 0)], [notice()], [tick(0)])
    ledger.append([], [], [tick(0, strategy="other")])
    ledger.commit()
    assert rows(url, "SELECT (SELECT count(*) FROM ticks), (SELECT count(*) FROM intents)") == [(2, 0)]
    assert ledger.last_tick("mnq") == T0
    assert ledger.last_tick("nobody") is None


def test_one_decision_opens_one_order(ledger: Ledger) -> None:
    ledger.append([entry(0, 0)])
    with pytest.raises(AlreadyRecorded, match="intents"):
        ledger.append([entry(1, 0)])


def test_a_refused_step_leaves_the_steps_before_it_standing(url: str, ledger: Ledger) -> None:
    ledger.append([], [], [tick(0)])
    with pytest.raises(AlreadyRecorded):
        ledger.append([], [], [tick(1), tick(0)])
    ledger.append([], [], [tick(2)])
    ledger.commit()
    assert rows(url, "SELECT seq FROM ticks") == [(1,), (2,)]


def test_an_execution_is_known_again(ledger: Ledger) -> None:
    assert not ledger.has_fill("x0")
    ledger.append([fill("x0", "g1a-1-0", 1, 80_000, 1)])
    assert ledger.has_fill("x0")


def test_a_word_of_a_set_is_kept_as_its_text(url: str, ledger: Ledger) -> None:
    ledger.append([dataclasses.replace(decision(0), reason=Reason.OK)])
    ledger.commit()
    assert rows(url, "SELECT reason FROM decisions") == [("ok",)]
    assert verify(url).sound


def test_a_number_that_is_not_there_breaks_a_rule_and_is_not_stored(ledger: Ledger) -> None:
    marked = next(f for f in day() if isinstance(f, EquityMarked))
    with pytest.raises(InvariantBroken, match="equity"):
        ledger.append([dataclasses.replace(marked, high_points=float("nan"))])
    with pytest.raises(InvariantBroken, match="equity"):
        ledger.append([dataclasses.replace(marked, high_microusd=0.5)])  # type: ignore[arg-type]
    with pytest.raises(InvariantBroken):
        ledger.append([dataclasses.replace(marked, high_microusd=2**63)])
    with pytest.raises(InvariantBroken, match="lots"):
        ledger.append([decision(0, lots=4)])
    assert ledger.head[0] == 0


def test_what_has_no_json_form_is_refused_and_not_stored(ledger: Ledger) -> None:
    with pytest.raises(InvariantBroken, match="cannot write this PeakRebased"):
        ledger.append([PeakRebased(equity_microusd="much", actor="ann", ts_event_utc_ns=T0)])  # type: ignore[arg-type]
    assert ledger.head[0] == 0


def test_a_step_that_is_interrupted_leaves_nothing_for_the_next_commit(url: str, ledger: Ledger) -> None:
    """What a signal does between two rows of one step, here between a decision and its order."""
    ledger.append([], [], [tick(0)])
    ledger._inserts = _Interrupted(ledger._inserts)
    with pytest.raises(KeyboardInterrupt):
        ledger.append([decision(1), entry(1, 1)])
    ledger.commit()
    assert rows(url, "SELECT kind FROM events") == [("Tick",)]
    assert verify(url).sound


def test_nothing_is_written_after_a_commit_that_was_interrupted(url: str, ledger: Ledger) -> None:
    """It is on disk, and the ledger cannot know: a step written now would lie behind the chain's end."""
    ledger.append([decision(1)])
    ledger._raw = _Interrupting(ledger._raw)
    with pytest.raises(KeyboardInterrupt):
        ledger.commit()
    with pytest.raises(Corrupt, match="restart"):
        ledger.append([decision(2)])
    ledger.abandon()
    assert rows(url, "SELECT kind FROM events") == [("DecisionMade",)]
    assert verify(url).sound


class _Interrupting:
    """A connection at which a signal comes right after the commit."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        done = self._raw.execute(sql, parameters)
        if sql == "COMMIT":
            raise KeyboardInterrupt
        return done


class _Interrupted(dict[str, str]):
    def __getitem__(self, table: str) -> str:
        if table == "intents":
            raise KeyboardInterrupt
        return super().__getitem__(table)


def test_a_ledger_belongs_to_one_account_and_one_mode(url: str, ledger: Ledger) -> None:
    ledger.close()
    with pytest.raises(ConfigInvalid, match="mode 'paper', not 'live'"):
        Ledger.open(url, account="DU1234", mode="live")
    with pytest.raises(ConfigInvalid, match="account 'DU1234', not 'U9'"):
        Ledger.open(url, account="U9", mode="paper")
    Ledger.open(url, account="DU1234", mode="paper").close()


def test_a_second_process_is_refused_and_told_who_holds_it(file_url: str, file_ledger: Ledger) -> None:
    code = f"from gamma.ledger import Ledger; Ledger.open({file_url!r}, account='DU1234', mode='paper')"
    second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert "LedgerInUse" in second.stderr
    assert f"in use by process {os.getpid()};" in second.stderr
    file_ledger.close()
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_full_disk_leaves_nothing_half_written_and_ends_the_ledger(file_url: str, file_ledger: Ledger) -> None:
    file_ledger.append(day()[:5])
    file_ledger.commit()
    pages = file_ledger._raw.execute("PRAGMA page_count").fetchone()[0]
    file_ledger._raw.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(LedgerFailed, match="full"):
        _fill_up(file_ledger)
    assert rows(file_url, "SELECT max(seq) FROM events") == [(5,)]
    file_ledger.close()
    again = Ledger.open(file_url, account="DU1234", mode="paper")
    assert repr(list(again.facts())) == repr(day()[:5])
    again.close()


def _fill_up(ledger: Ledger) -> None:
    for n in range(1, 10_000):
        ledger.append([decision(n), entry(n, n)], [], [tick(n)])


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("DELETE FROM head", "head is empty"),
        ("DELETE FROM events WHERE seq = 2", "events ends at 1, but head says 2"),
        ("DELETE FROM events", "events is empty, but head says 2"),
        ("UPDATE events SET sha256 = zeroblob(32) WHERE seq = 2", "events ends at 2"),
    ],
)
def test_a_chain_that_does_not_end_where_it_should_is_not_written_on(
    file_url: str, file_ledger: Ledger, script: str, said: str
) -> None:
    file_ledger.append(day()[:2])
    file_ledger.close()
    with closing(open_writer(file_url)) as db:
        for table in ("head", "events"):
            db.exec_driver_sql(f"DROP TRIGGER {table}_no_delete")
            db.exec_driver_sql(f"DROP TRIGGER {table}_no_update")
        db.exec_driver_sql("PRAGMA foreign_keys = OFF")
        db.exec_driver_sql(script)
    with pytest.raises(Corrupt, match=said):
        Ledger.open(file_url, account="DU1234", mode="paper")


def test_a_damaged_file_is_corrupt_to_whoever_reads_it(file_url: str, file_ledger: Ledger) -> None:
    file_ledger.append(day())
    file_ledger.close()
    path = file_of(file_url)
    assert path is not None
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + bytes(range(256)) * ((len(whole) - 4096) // 256))
    with pytest.raises(Corrupt):
        Ledger.open(file_url, account="DU1234", mode="paper")


def test_somebody_else_writing_is_found_by_the_next_append(file_url: str, file_ledger: Ledger) -> None:
    with closing(open_writer(file_url)) as db:
        db.exec_driver_sql("INSERT INTO events VALUES (1, 1, 1, 'ShutDown', '{}', zeroblob(32))")
    with pytest.raises(Corrupt, match="written to by somebody else"):
        file_ledger.append(day())


def test_a_ledger_that_is_locked_can_be_tried_again(file_url: str, file_ledger: Ledger) -> None:
    file_ledger._raw.execute("PRAGMA busy_timeout = 0")
    with closing(open_writer(file_url)) as db:
        db.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(LedgerFailed, match="locked"):
            file_ledger.append(day())
        db.exec_driver_sql("ROLLBACK")
    file_ledger.append(day())
    file_ledger.commit()
    assert verify(file_url).events == len(day())


@pytest.mark.parametrize("version", [None, "0000", "9999"])
def test_another_schema_is_refused_with_what_to_do(file_url: str, file_ledger: Ledger, version: str | None) -> None:
    file_ledger.close()
    with closing(open_writer(file_url)) as db:
        db.exec_driver_sql(
            "UPDATE alembic_version SET version_num = ?" if version else "DELETE FROM alembic_version",
            (version,) if version else (),
        )
    with pytest.raises(ConfigInvalid, match=r"gamma db upgrade|newer than this gamma|no ledger is in it"):
        Ledger.open(file_url, account="DU1234", mode="paper")


def test_a_server_that_is_down_may_be_up_at_the_next_start(tmp_path: Path) -> None:
    with pytest.raises(LedgerFailed, match="cannot be reached"):
        Ledger.open(f"postgresql+psycopg://gamma@/gamma?host={tmp_path}", account="DU1234", mode="paper")


@pytest.mark.parametrize(("user", "database"), [("nobody_here", "postgres"), ("", "nothing_here")])
def test_a_server_that_knows_no_such_name_is_asked_for_the_wrong_one(server: URL, user: str, database: str) -> None:
    wrong = server.set(username=user or server.username, database=database).render_as_string(hide_password=False)
    with pytest.raises(ConfigInvalid, match=r"cannot be opened.*does not exist"):
        Ledger.open(wrong, account="DU1234", mode="paper")


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="make its folder"):
        Ledger.open(f"sqlite:///{tmp_path}/nowhere/gamma.db", account="DU1234", mode="paper")


def test_the_room_that_is_left_is_told_for_a_file(file_url: str) -> None:
    free = free_bytes(file_url)
    assert free is not None
    assert free > 0
    assert free_bytes("sqlite://") is None


def test_the_pragmas_hold(file_ledger: Ledger) -> None:
    held = {name: file_ledger._raw.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert held == {"journal_mode": "wal", "synchronous": 2}
    for name, value in (("foreign_keys", 1), ("trusted_schema", 0), ("busy_timeout", 2000)):
        assert file_ledger._raw.execute(f"PRAGMA {name}").fetchone()[0] == value


def test_runs_and_looks_are_kept(url: str, ledger: Ledger) -> None:
    run = Run(run_id="r1", run_kind="train", config_hash="c", seed=7, notes="", ts_event_utc_ns=T0)
    ledger.register(run)
    ledger.register(Look(run_id="r1", dataset="mnq-2024", family="ppo", notes="", ts_event_utc_ns=T0))
    with pytest.raises(AlreadyRecorded):
        ledger.register(run)
    assert rows(url, "SELECT run_id, seed FROM runs") == [("r1", 7)]
    assert rows(url, "SELECT dataset FROM looks") == [("mnq-2024",)]
    assert list(ledger.facts()) == []


def test_a_ledger_in_memory_is_for_replays(tmp_path: Path) -> None:
    ledger = Ledger.open("sqlite://", account="replay", mode="paper")
    ledger.append(day())
    ledger.commit()
    assert len(list(ledger.facts())) == len(day())
    ledger.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["gamma.db", "gamma.db-wal"])
@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_a_ledger_whose_file_is_taken_away_takes_nothing_more(tmp_path: Path, name: str, how: str) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/gamma.db", account="DU1234", mode="paper")
    ledger.append(day()[:3])
    ledger.commit()
    path = tmp_path / name
    content = path.read_bytes()
    path.rename(tmp_path / "elsewhere")
    if how == "replaced":
        path.write_bytes(content)
    told = f"I6: .*{name} was {how} while the ledger was open"
    with closing(ledger):
        with pytest.raises(InvariantBroken, match=told):
            ledger.check_lease()
        ledger.append(day()[3:6])
        with pytest.raises(InvariantBroken, match=told):
            ledger.commit()
        (tmp_path / "elsewhere").rename(path)
    report = verify(f"sqlite:///{tmp_path}/gamma.db")
    assert (report.events, report.problems) == (3, ())

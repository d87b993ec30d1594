"""Whatever is done to the file behind the ledger's back is found, and named by its table and row."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial

import pytest

from gamma.errors import ConfigInvalid
from gamma.ledger import Ledger, Look, Run, schema, verify
from gamma.ledger.connections import file_of, open_writer
from gamma.ledger.tables import TABLES
from tests.gamma.ledger.facts import T0, day, decision, notice, tick

Tamper = Callable[[str], None]


@pytest.fixture
def tamper(url: str, ledger: Ledger) -> Tamper:
    """A day's ledger, and a way to change it as somebody would who knows SQL: triggers gone, no keys checked."""
    ledger.append(day(), [notice()], [tick(0)])
    ledger.register(Run(run_id="r1", run_kind="train", config_hash="c", seed=7, notes="", ts_event_utc_ns=T0))
    ledger.register(Look(run_id="r1", dataset="d", family="ppo", notes="", ts_event_utc_ns=T0))
    ledger.close()
    return partial(_tamper_file if file_of(url) else _tamper_server, url)


def _tamper_file(url: str, script: str) -> None:
    with closing(sqlite3.connect(str(file_of(url)))) as db:
        guards = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        db.executescript("".join(f"DROP TRIGGER {name};" for name, _ in guards))
        db.executescript(script)
        db.executescript("".join(f"{sql};" for _, sql in guards))


def _tamper_server(url: str, script: str) -> None:
    with closing(open_writer(url)) as db:
        for statement in ("SET session_replication_role = replica", *script.split(";")):
            if statement:
                db.exec_driver_sql(statement)


def test_an_untouched_ledger_is_sound(url: str, tamper: Tamper) -> None:
    tamper("")
    report = verify(url)
    assert report.problems == ()
    assert report.sound
    assert report.events == len(day()) + 4


def test_a_ledger_can_be_checked_while_it_is_written(url: str, ledger: Ledger) -> None:
    ledger.append(day())
    ledger.commit()
    ledger.append([decision(9)])
    assert verify(url).events == len(day())
    assert verify(url).sound


def test_tables_that_no_account_has_yet_are_no_damage(empty_url: str) -> None:
    with closing(open_writer(empty_url)) as db:
        schema.create(db)
    with pytest.raises(ConfigInvalid, match="no account has it yet; start the daemon once"):
        verify(empty_url)
    Ledger.open(empty_url, account="DU1234", mode="paper").close()
    assert verify(empty_url).sound


def test_a_writer_checks_its_own_ledger_piece_by_piece_whether_or_not_something_is_open(ledger: Ledger) -> None:
    ledger.append(day(), [notice()], [tick(0)])
    seen: list[int] = []
    reached, problems = ledger.check(None, 7, lambda seq, ts, kept: seen.append(seq))  # noqa: ARG005
    ledger.commit()
    while reached.seq < ledger.head[0]:
        reached, more = ledger.check(reached, 7, lambda seq, ts, kept: seen.append(seq))  # noqa: ARG005
        problems += more
    assert problems == []
    assert (reached.seq, reached.sha256.hex()) == ledger.head
    assert seen == list(range(1, ledger.head[0] + 1))


HASH = "its hash is not that of its columns"
FIRST = "SELECT sha256 FROM events WHERE seq = 1"
MOVED = "UPDATE events SET seq = 99 WHERE seq = 2; UPDATE events SET seq = 2 WHERE seq = 3; UPDATE events SET seq = 3"
COPY = "SELECT 37, ts_event_utc_ns, ts_recorded_utc_ns, kind, payload, sha256 FROM events WHERE seq = 2"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            "UPDATE events SET payload = replace(payload, '\"lots\":2', '\"lots\":3') WHERE seq = 4",
            [f"events 4: {HASH}", "decisions 4: lots is 2, the event says 3"],
        ),
        ("UPDATE events SET ts_recorded_utc_ns = ts_recorded_utc_ns + 1 WHERE seq = 2", [f"events 2: {HASH}"]),
        ("UPDATE events SET ts_event_utc_ns = 0 WHERE seq = 2", [f"events 2: {HASH}"]),
        ("UPDATE events SET kind = 'ShutDown' WHERE seq = 2", [f"events 2: {HASH}"]),
        (
            "UPDATE events SET sha256 = (SELECT sha256 FROM events WHERE seq = 1) WHERE seq = 2",
            [f"events 2: {HASH}", f"events 3: {HASH}"],
        ),
        (
            "UPDATE events SET payload = '{}' WHERE seq = 4",
            [f"events 4: {HASH}", "events 4: its payload cannot be read", "decisions 4: no event made this row"],
        ),
        (
            "UPDATE events SET payload = 'no' WHERE seq = 2",
            [f"events 2: {HASH}", "events 2: its payload cannot be read"],
        ),
        ("DELETE FROM events WHERE seq = 2", ["events 2: missing"]),
        (
            "DELETE FROM events WHERE seq IN (7, 8)",
            ["events 7 to 8: missing", "orders 7: no event made this row", "orders 8: no event made this row"],
        ),
        ("DELETE FROM events WHERE seq = 36; DELETE FROM looks", ["head 1: it says that event 36"]),
        ("DELETE FROM head", ["head 1: it says that nothing"]),
        (f"{MOVED} WHERE seq = 99", [f"events 2: {HASH}", f"events 3: {HASH}", f"events 4: {HASH}"]),
        (f"INSERT INTO events {COPY}", [f"events 37: {HASH}", "head 1: it says that event 36"]),
        ("UPDATE meta SET mode = 'live'", [f"events 1: {HASH}"]),
        ("UPDATE meta SET created_utc_ns = 1", [f"events 1: {HASH}"]),
        ("DELETE FROM meta", ["meta: the row is missing"]),
        ("UPDATE boots SET epoch = 2", ["boots 1: epoch is 2, the event says 1"]),
        ("UPDATE decisions SET lots = 1", ["decisions 4: lots is 1, the event says 2"]),
        (
            "UPDATE intents SET boot_epoch = 0 WHERE seq = 5 AND part = 2",
            ["intents 5, part 2: boot_epoch is 0, the event says 1"],
        ),
        (
            "DELETE FROM intents WHERE seq = 5 AND part = 1",
            ["intents 5, part 1: part is 2, the event says 1, client_order_id is", "intents 5: missing"],
        ),
        ("UPDATE orders SET told = 'filled' WHERE seq = 6", ["orders 6: told is 'filled', the event says 'unknown'"]),
        ("UPDATE fills SET fee_microusd = 0, lots = 9 WHERE seq = 11", ["fills 11: lots is 9, the event says 1, fee_"]),
        ("DELETE FROM fills WHERE seq = 12", ["fills 12: missing, though event 12 made it"]),
        ("UPDATE fills SET account = 'U1' WHERE seq = 12", ["fills 12: account is 'U1', the event says 'DU1234'"]),
        ("UPDATE trades SET entry_points = 20000.25", ["trades 18: entry_points is 20000.25, the event says 20000.0"]),
        ("UPDATE equity SET low_microusd = 0", ["equity 13: low_microusd is 0"]),
        ("UPDATE halts SET evidence = '{}' WHERE seq = 25", ["halts 25: evidence is '{}', the event says '{\"day_pnl"]),
        ("INSERT INTO peaks VALUES (1, 5, 'ann', 6)", ["peaks 1: no event made this row"]),
        ("INSERT INTO peaks VALUES (99, 5, 'ann', 6)", ["peaks 99: no event made this row"]),
        ("UPDATE ticks SET outcome = 'ok'", ["ticks 33: outcome is 'ok', the event says 'no_signal'"]),
        ("UPDATE alerts SET severity = 'info'", ["alerts 34: severity is 'info', the event says 'critical'"]),
        ("DELETE FROM runs", ["runs 35: missing"]),
        ("UPDATE looks SET family = 'none'", ["looks 36: family is 'none'"]),
    ],
)
def test_tampering_is_found_and_named(url: str, tamper: Tamper, script: str, said: list[str]) -> None:
    tamper(script)
    problems = verify(url).problems
    assert len(problems) == len(said), problems
    for start in said:
        assert any(p.startswith(start) for p in problems), problems


def test_a_missing_trigger_is_found(url: str, ledger: Ledger) -> None:
    ledger.close()
    with closing(open_writer(url)) as db:
        db.exec_driver_sql("DROP TRIGGER fills_no_update" + ("" if file_of(url) else " ON fills"))
    assert verify(url).problems == ("fills: its trigger fills_no_update is missing",)
    assert len(TABLES) == 16


def test_a_damaged_file_is_a_problem_not_a_crash(file_url: str, file_ledger: Ledger) -> None:
    file_ledger.append(day())
    file_ledger.close()
    path = file_of(file_url)
    assert path is not None
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(bytes(range(256)) * 64)
    report = verify(file_url)
    assert not report.sound
    assert report.problems[0].startswith("file: ")


def test_problems_are_told_up_to_a_hundred(url: str, tamper: Tamper) -> None:
    tamper(
        "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 900)"
        " INSERT INTO peaks SELECT i, 1, 'ann', 1 FROM n"
    )
    assert len(verify(url).problems) == 100


def test_what_is_no_ledger_is_refused(file_url: str) -> None:
    with pytest.raises(ConfigInvalid, match="there is no"):
        verify(file_url)
    path = file_of(file_url)
    assert path is not None
    path.write_bytes(b"not a database at all, but long enough to be read as one" * 100)
    with pytest.raises(ConfigInvalid, match="not a database"):
        verify(file_url)
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE songs (name TEXT)")
        db.commit()
    with pytest.raises(ConfigInvalid, match="no ledger is in it"):
        verify(file_url)

"""Several ledgers in one database of PostgreSQL's: a schema for each, and nothing of one touches another."""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url

from gamma.chaos.races import postgresql
from gamma.chaos.races.postgresql import database, session
from gamma.errors import ConfigInvalid, Corrupt, InputInvalid, LedgerFailed, LedgerInUse
from gamma.ledger import Ledger, Reader, backup, upgrade, verify
from gamma.ledger.connections import schema_of
from gamma.ledger.lease import holder
from tests.gamma.ledger.facts import T0, day

NAMES = ("apex-1", "topstep")


def opened(url: str, account: str) -> Ledger:
    return Ledger.open(url, account=account, mode="paper", clock_ns=lambda: T0)


def filled(url: str, account: str, facts: int = 36) -> None:
    with closing(opened(url, account)) as ledger:
        ledger.append(day()[:facts])


@pytest.fixture
def urls(empty_server_url: str) -> tuple[str, ...]:
    """An empty database, as two accounts see it."""
    return tuple(f"{empty_server_url}&schema={name}" for name in NAMES)


@pytest.fixture
def db(empty_server_url: str) -> "Iterator[psycopg.Connection[tuple[object, ...]]]":
    with session(make_url(empty_server_url)) as found:
        yield found


def test_two_daemons_write_to_one_database_at_once_each_to_its_own(urls: tuple[str, ...]) -> None:
    assert tuple(map(schema_of, urls)) == NAMES
    with ExitStack() as held:
        ledgers = [held.enter_context(closing(opened(url, name))) for url, name in zip(urls, NAMES, strict=True)]
        for fact in day():
            for ledger in ledgers:
                ledger.append([fact])
                ledger.commit()
                ledger.check_lease()
    for url, name in zip(urls, NAMES, strict=True):
        assert verify(url).problems == ()
        with Reader.open(url) as reader:
            assert (reader.account, reader.count("events")) == (name, len(day()))


def test_what_one_account_does_is_not_in_anothers_ledger(urls: tuple[str, ...]) -> None:
    filled(urls[0], NAMES[0])
    with pytest.raises(ConfigInvalid, match="no ledger is in it"):
        Reader.open(urls[1])
    filled(urls[1], NAMES[1], facts=3)
    with Reader.open(urls[0]) as one, Reader.open(urls[1]) as other:
        assert (one.count("events"), other.count("events")) == (len(day()), 3)


def test_one_account_has_one_writer_whoever_else_writes_beside_it(urls: tuple[str, ...]) -> None:
    with closing(opened(urls[0], NAMES[0])), closing(opened(urls[1], NAMES[1])):
        for url, name in zip(urls, NAMES, strict=True):
            with pytest.raises(LedgerInUse, match="two may not share a ledger"):
                opened(url, name)


def test_each_ledger_tells_which_process_of_this_machine_holds_it(urls: tuple[str, ...], empty_server_url: str) -> None:
    assert holder(urls[0]) is None
    with closing(opened(urls[0], NAMES[0])) as ledger:
        assert [holder(url) for url in (*urls, empty_server_url)] == [os.getpid(), None, None]
        ledger._raw.execute("SET application_name = 'gamma, process 1 on another machine'")
        assert holder(urls[0]) is None
        with pytest.raises(LedgerInUse, match="in use by gamma, process 1 on another machine"):
            opened(urls[0], NAMES[0])
    assert holder(urls[0]) is None


def test_of_many_that_want_one_accounts_lease_at_once_one_has_it(urls: tuple[str, ...]) -> None:
    upgrade(urls[0])
    start, won, lost = threading.Barrier(8), list[Ledger](), list[LedgerInUse]()

    def want() -> None:
        start.wait()
        try:
            won.append(opened(urls[0], NAMES[0]))
        except LedgerInUse as error:
            lost.append(error)

    with closing(opened(urls[1], NAMES[1])):
        threads = [threading.Thread(target=want) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (len(won), len(lost)) == (1, 7)
    won[0].check_lease()
    won[0].close()


def test_a_lost_session_of_one_account_leaves_the_other_trading(
    urls: tuple[str, ...], db: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    with closing(opened(urls[1], NAMES[1])) as other:
        cut = opened(urls[0], NAMES[0])
        db.execute("SELECT pg_terminate_backend(%s)", (cut._raw.info.backend_pid,))
        with pytest.raises((LedgerFailed, Corrupt)):
            cut.check_lease()
        cut.abandon()
        other.append(day())
        other.commit()
        other.check_lease()
    opened(urls[0], NAMES[0]).close()


def test_a_ledger_from_before_there_were_schemas_lies_beside_them(empty_server_url: str, urls: tuple[str, ...]) -> None:
    filled(empty_server_url, "old")
    filled(urls[0], NAMES[0], facts=2)
    with closing(opened(empty_server_url, "old")) as ledger, closing(opened(urls[0], NAMES[0])):
        ledger.append([], [])
        with pytest.raises(LedgerInUse):
            opened(f"{empty_server_url}&schema=public", "old")
    with Reader.open(f"{empty_server_url}&schema=public") as reader:
        assert (reader.account, reader.count("events")) == ("old", len(day()))
    assert verify(empty_server_url).problems == verify(urls[0]).problems == ()


def test_each_schema_has_its_own_version_and_triggers(
    urls: tuple[str, ...], db: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    done = [upgrade(url) for url in urls]
    assert {(one.before, one.after) for one in done} == {(None, "0001")}
    assert upgrade(urls[0]).before == "0001"
    for url, name in zip(urls, NAMES, strict=True):
        filled(url, name)
    for change in ("DROP TRIGGER fills_no_update ON topstep.fills", "ALTER TABLE topstep.events DISABLE TRIGGER ALL"):
        db.execute(change.encode())
    assert verify(urls[0]).problems == ()
    assert verify(urls[1]).problems == (
        "events: its trigger events_no_update is missing",
        "events: its trigger events_no_delete is missing",
        "fills: its trigger fills_no_update is missing",
    )
    with pytest.raises(psycopg.errors.RaiseException, match="fills is append-only"):
        db.execute('DELETE FROM "apex-1".fills')


def test_a_role_that_may_only_read_reads_every_account_and_writes_to_none(
    urls: tuple[str, ...], empty_server_url: str, db: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    page = (Path(__file__).parents[3] / "docs/accounts.md").read_text()
    script = page.partition("```sql\n")[2].partition("```")[0]
    upgrade(urls[0])
    upgrade(urls[1])
    for statement in (
        script.replace("apex1", '"apex-1"').replace("trading", str(make_url(empty_server_url).database)).split(";")
    ):
        db.execute(statement.encode())
    try:
        for url, name in zip(urls, NAMES, strict=True):
            filled(url, name)
            reading = make_url(url).set(username="gamma_reader").render_as_string(hide_password=False)
            assert verify(reading).problems == ()
            with Reader.open(reading) as reader:
                assert (reader.account, len(reader.trades())) == (name, 1)
            with pytest.raises(LedgerFailed, match="permission denied for table"):
                filled(reading, name)
            with closing(opened(url, name)), pytest.raises(LedgerInUse):  # so that what it asks goes to the daemon
                opened(reading, name)
            assert verify(url).problems == ()
    finally:
        db.execute("DROP OWNED BY gamma_reader")
        db.execute("DROP ROLE gamma_reader")


def test_a_daemon_with_a_user_of_its_own_reaches_its_own_schema_alone(
    urls: tuple[str, ...], db: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    db.execute("CREATE ROLE gamma_apex1 LOGIN")
    try:
        own = [make_url(url).set(username="gamma_apex1").render_as_string(hide_password=False) for url in urls]
        with pytest.raises(LedgerFailed, match="permission denied for database"):
            filled(own[0], NAMES[0])
        db.execute('CREATE SCHEMA "apex-1" AUTHORIZATION gamma_apex1')
        filled(own[0], NAMES[0])
        assert verify(own[0]).problems == ()
        filled(urls[1], NAMES[1])
        for reach in (Reader.open, verify, lambda url: filled(url, NAMES[1])):
            with pytest.raises(ConfigInvalid, match="may not use the schema topstep; as its owner run: GRANT USAGE"):
                reach(own[1])
        assert verify(urls[1]).problems == ()
    finally:
        db.execute("DROP OWNED BY gamma_apex1 CASCADE")
        db.execute("DROP ROLE gamma_apex1")


def test_an_account_is_backed_up_alone_with_the_servers_own_tools(
    urls: tuple[str, ...], server: URL, tmp_path: Path
) -> None:
    for url, name in zip(urls, NAMES, strict=True):
        filled(url, name)
    with pytest.raises(InputInvalid, match="pg_dump --schema='\"apex-1\"'"):
        backup(urls[0], tmp_path / "copy.db")
    programs = postgresql.binaries()
    assert programs is not None
    plain = make_url(urls[0]).set(drivername="postgresql").difference_update_query(["schema"])
    dump = [str(programs / "pg_dump"), '--schema="apex-1"', plain.render_as_string(hide_password=False)]
    told = subprocess.run(dump, capture_output=True, check=True).stdout
    with database(server, "gamma_put_back") as there:
        with_driver = make_url(there).set(drivername="postgresql").render_as_string(hide_password=False)
        subprocess.run([programs / "psql", "--quiet", with_driver], input=told, check=True, stdout=subprocess.DEVNULL)
        assert verify(f"{there}&schema=apex-1").problems == ()
        with closing(opened(f"{there}&schema=apex-1", NAMES[0])) as ledger:
            assert ledger.head[0] == len(day())

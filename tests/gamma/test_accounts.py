"""Two accounts of one configuration, each traded by a daemon in a process of its own, and what one is spared."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from sqlalchemy import URL

from gamma.chaos.races.postgresql import database
from gamma.config import load
from gamma.dashboard.accounts import glances
from gamma.dashboard.watching import Watcher
from gamma.events import BootStarted, Halted, Resumed
from gamma.ledger import Reader, verify
from gamma.overview import overview
from tests.daemon_case import await_line, gamma, start, write_config

pytestmark = pytest.mark.slow
ONE, OTHER = "apex1", "topstep"
TWO = f"""
[gamma]
database = "{{database}}"

[accounts.{ONE}.account]
starting_capital_usd = 25_000

[accounts.{OTHER}.feed]
seed = 2
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder with the configuration of two accounts: a file each, and then a schema each."""
    with ExitStack() as held:
        where = "sqlite:///gamma.db"
        if request.param == "postgresql":
            server: URL = request.getfixturevalue("server")
            where = held.enter_context(database(server, f"gamma_accounts_{os.getpid()}"))
        write_config(tmp_path, speed=6_000, guards=["safety_halt", "kill_switch"], more=TWO.format(database=where))
        yield tmp_path


@pytest.fixture
def started(folder: Path) -> Iterator[Callable[[str], Popen[str]]]:
    """Start the daemon of an account, and wait until it trades; killed afterwards, if it still is there."""
    with ExitStack() as held:

        def ready(account: str) -> Popen[str]:
            process = start(folder, "--account", account)
            held.callback(process.communicate)
            held.callback(process.kill)
            assert await_line(process, "ready")["account"] == account
            return process

        yield ready


@contextmanager
def reading(folder: Path, account: str) -> Iterator[Reader]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with Reader.open(load(folder / "config.toml", {}, account=account).gamma.database) as reader:
            yield reader


def facts(folder: Path, account: str, *kinds: type) -> list[Any]:
    with reading(folder, account) as reader:
        return [fact for _, fact in reader.events(limit=10**9, kinds=[kind.__name__ for kind in kinds])]


def asked(folder: Path, account: str, *words: str) -> str:
    done = gamma(folder, *words, "--account", account)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_halt_of_one_account_never_touches_the_other(folder: Path, started: Callable[[str], Popen[str]]) -> None:
    one, other = started(ONE), started(OTHER)
    assert "the account is reducing" in asked(folder, ONE, "halt", "news")
    assert "apex1" in gamma(folder, "halt", "news").stderr
    await_line(other, "decision")
    (halted,) = facts(folder, ONE, Halted)
    assert facts(folder, OTHER, Halted) == []
    asked(folder, ONE, "resume", "--ack", halted.halt.halt_id)
    assert [fact.halt_id for fact in facts(folder, ONE, Resumed)] == [halted.halt.halt_id]
    asked(folder, OTHER, "halt", "--kill", "fire")
    await_line(other, "halted")
    await_line(one, "decision")
    assert len(facts(folder, ONE, Halted)) == 1
    for process in (one, other):
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        assert process.returncode == 0
    assert (folder / f"gamma-{OTHER}.kill").exists()
    assert not (folder / f"gamma-{ONE}.kill").exists()


@pytest.mark.parametrize("folder", ["postgresql"], indirect=True)
def test_a_process_that_dies_takes_its_own_account_alone(folder: Path, started: Callable[[str], Popen[str]]) -> None:
    one, other = started(ONE), started(OTHER)
    one.kill()
    one.communicate()
    await_line(other, "decision")
    second = gamma(folder, "run", "--plain", "--account", OTHER)
    assert (second.returncode, "is in use by" in " ".join(second.stderr.split())) == (78, True)
    assert other.poll() is None
    again = started(ONE)
    await_line(again, "decision")
    assert len(facts(folder, ONE, BootStarted)) == 2
    assert len(facts(folder, OTHER, BootStarted)) == 1
    with reading(folder, ONE) as ours, reading(folder, OTHER) as theirs:
        assert (ours.account, theirs.account) == (ONE, OTHER)
        assert not {row["id"] for row in ours.orders()} & {row["id"] for row in theirs.orders()}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        seen = overview(folder / "config.toml", {})
        running = [(ONE, "", again.pid), (OTHER, "", other.pid)]
        assert [(glance.account, glance.problem, glance.daemon_pid) for glance in seen] == running
        watchers = {name: Watcher(load(folder / "config.toml", {}, account=name)) for name in (ONE, OTHER)}
        shown = glances(watchers, {})
        assert [(glance.account, glance.problem, glance.daemon_pid) for glance in shown] == running
        assert all(glance.standing and glance.standing.state == "ACTIVE" for glance in shown)
        for name in (ONE, OTHER):
            assert verify(load(folder / "config.toml", {}, account=name).gamma.database).sound

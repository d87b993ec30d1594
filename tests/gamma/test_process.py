"""The shipped daemon in a process of its own, and the commands that a person gives beside it."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from gamma.events import BootStarted, Halted, OrderIntended, Resumed, ShutDown
from tests.daemon_case import await_line, facts, gamma, start, ticks, write_config
from tests.gamma.test_daemon import told

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_config(tmp_path, speed=6_000)
    return tmp_path


@pytest.fixture
def daemon(folder: Path) -> Iterator[Popen[str]]:
    """A daemon that trades twenty bars a second of each market; killed afterwards, if it still is there."""
    process = start(folder)
    await_line(process, "ready")
    yield process
    process.kill()
    process.communicate()


def ended(process: Popen[str]) -> int:
    process.communicate(timeout=20)
    return process.returncode


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly_and_the_next_start_goes_on(
    folder: Path, daemon: Popen[str], number: signal.Signals
) -> None:
    await_line(daemon, "decision")
    daemon.send_signal(number)
    assert ended(daemon) == 0
    (last,) = facts(folder, ShutDown)
    assert last.reason == "asked to"
    before = ticks(folder)
    assert gamma(folder, "run", "--plain", "--speed", "max", "--bars", "50").returncode == 0
    after = ticks(folder)
    assert len(after) == len(before) + 50
    assert len({(name, slot) for name, slot, _ in after}) == len(after)
    first, second = (b.epoch for b in facts(folder, BootStarted))
    assert first < second


def test_a_second_daemon_is_refused_with_the_number_of_the_first(folder: Path, daemon: Popen[str]) -> None:
    second = gamma(folder, "run", "--plain")
    assert second.returncode == 78
    assert f"in use by process {daemon.pid}" in " ".join(second.stderr.split())
    assert daemon.poll() is None


def test_what_a_person_asks_is_done_and_answered(folder: Path, daemon: Popen[str]) -> None:
    def ask(*arguments: str) -> dict[str, Any]:
        done = gamma(folder, *arguments, "--json")
        return {"code": done.returncode, **json.loads(done.stdout)}

    assert ask("halt", "news") == {"code": 0, "ok": True, "text": "the account is reducing"}
    (halted,) = facts(folder, Halted)
    assert halted.halt.evidence["text"] == "news"
    assert ask("reconcile")["ok"]
    assert ask("flatten", "--yes")["ok"]
    assert ask("ack", "halted:the account:news")["text"] == "acknowledged: halted:the account:news"
    refused = ask("resume", "--ack", "h7")
    assert (refused["code"], refused["ok"]) == (1, False)
    entries = sum(f.intent.kind == "entry" for f in facts(folder, OrderIntended))
    assert ask("resume", "--ack", halted.halt.halt_id)["ok"]
    assert [r.halt_id for r in facts(folder, Resumed)] == ["h1"]
    until = time.monotonic() + 20
    while sum(f.intent.kind == "entry" for f in facts(folder, OrderIntended)) == entries:
        assert time.monotonic() < until
    assert daemon.poll() is None
    assert list((folder / "gamma.db.requests").iterdir()) == []


def test_the_kill_switch_works_in_seconds_from_another_process(folder: Path, daemon: Popen[str]) -> None:
    assert gamma(folder, "halt", "--kill", "fire").returncode == 0
    began = time.monotonic()
    assert await_line(daemon, "halted")["cut"] == "halted"
    assert time.monotonic() - began < 5
    refused = gamma(folder, "resume", "--ack", "h1")
    assert refused.returncode == 1
    assert "gamma.kill" in refused.stdout
    (folder / "gamma.kill").unlink()
    assert gamma(folder, "resume", "--ack", "h1").returncode == 0


def test_a_request_to_a_daemon_that_hangs_is_withdrawn(folder: Path, daemon: Popen[str]) -> None:
    daemon.send_signal(signal.SIGSTOP)
    try:
        from gamma import requests
        from gamma.errors import InputInvalid
        from gamma.events import FlattenRequested

        command = FlattenRequested(command_id="f1", actor="ann", market="", ts_event_utc_ns=time.time_ns())
        where = folder / "gamma.db.requests"
        requests.submit(where, command)
        with pytest.raises(InputInvalid, match="withdrawn"):
            requests.await_answer(where, "f1", 1.0)
    finally:
        daemon.send_signal(signal.SIGCONT)
    await_line(daemon, "decision")
    assert "operator" not in [f.intent.reason for f in facts(folder, OrderIntended)]


def test_a_config_that_cannot_be_traded_with_ends_with_78_and_the_reason(tmp_path: Path) -> None:
    write_config(tmp_path, guards=["trailing_drawdown"])
    done = gamma(tmp_path, "run", "--plain")
    assert done.returncode == 78
    assert "account.floor_usd" in " ".join(done.stderr.split())
    assert "stopped_unclean" in told(tmp_path)


def test_nobody_who_reads_the_log_can_stop_it_by_leaving(folder: Path, daemon: Popen[str]) -> None:
    assert daemon.stdout is not None
    daemon.stdout.close()
    count = len(ticks(folder))
    until = time.monotonic() + 20
    while len(ticks(folder)) < count + 40:
        assert time.monotonic() < until
        assert daemon.poll() is None
    daemon.stdout = None
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(20) in (0, 1, 120)
    assert len(facts(folder, ShutDown)) == 1

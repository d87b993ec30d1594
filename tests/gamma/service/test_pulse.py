"""What a service manager hears of the shipped daemon, at a real $NOTIFY_SOCKET."""

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gamma.daemon import Daemon
from gamma.events import BootStarted, ShutDown
from gamma.service.manager import ServiceManager
from gamma.service.pulse import alive, attended, status
from tests.daemon_case import GAMMA, facts, trade, write_config
from tests.gamma.test_daemon import told

QUICK = "\n[schedule]\nheartbeat_s = 0.05\n"


async def until(happened: Callable[[], bool]) -> None:
    """Let the daemon go on until it has happened."""
    async with asyncio.timeout(20):
        while not happened():  # noqa: ASYNC110  (what is looked at sets no event)
            await asyncio.sleep(0.01)


class Listener:
    """The manager's end of the socket; what it hears, word by word."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self.address = address
        self.heard: list[str] = []

    def await_word(self, word: str, within_s: float = 30.0) -> None:
        """Listen until the word comes."""
        until = time.monotonic() + within_s
        while word not in self.heard:
            self.socket.settimeout(max(0.01, until - time.monotonic()))
            self.heard += self.socket.recv(4096).decode().split("\n")

    def drain(self) -> list[str]:
        """What has come in meanwhile."""
        self.socket.setblocking(False)
        fresh: list[str] = []
        while True:
            try:
                fresh += self.socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                self.heard += fresh
                return fresh


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    made = Listener(f"@gamma-test-{os.getpid()}-{tmp_path.name}")
    yield made
    made.socket.close()


def started(folder: Path, listener: Listener, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [GAMMA, "run", "--plain"],
        cwd=folder,
        env=os.environ | {"NO_COLOR": "1", "NOTIFY_SOCKET": listener.address} | env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_it_is_ready_after_reconcile_then_alive_and_tells_that_it_stops(tmp_path: Path, listener: Listener) -> None:
    write_config(tmp_path, speed=300, more=QUICK)
    process = started(tmp_path, listener, WATCHDOG_USEC="600000")
    try:
        listener.await_word("READY=1")
        assert "WATCHDOG=1" not in listener.heard
        assert len(facts(tmp_path, BootStarted)) == 1
        assert "started" in told(tmp_path)  # recovered, reconciled and trading
        listener.heard.clear()
        listener.await_word("WATCHDOG=1")
        listener.heard.clear()
        listener.await_word("WATCHDOG=1")
        process.send_signal(signal.SIGTERM)
        listener.await_word("STOPPING=1")
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()
    assert len(facts(tmp_path, ShutDown)) == 1


@pytest.mark.slow
def test_what_cannot_start_is_never_ready(tmp_path: Path, listener: Listener) -> None:
    write_config(tmp_path, guards=["trailing_drawdown"])
    process = started(tmp_path, listener)
    process.communicate(timeout=30)
    assert process.returncode == 78
    assert "READY=1" not in listener.drain()


def test_a_daemon_whose_turn_does_not_end_is_fed_no_more_until_it_does(tmp_path: Path, listener: Listener) -> None:
    write_config(tmp_path, speed=300, more=QUICK)

    async def look(daemon: Daemon) -> None:
        manager = ServiceManager(listener.address, 0.06)
        async with attended(daemon, manager):
            await until(lambda: "WATCHDOG=1" in listener.drain())
            ready_s = daemon.elapsed_s()
            async with daemon.turnstile.turn():
                await until(lambda: not alive(daemon, ready_s))
                listener.drain()
                listener.heard.clear()
                await until(lambda: len(listener.drain() + listener.heard) > 3)
                assert "WATCHDOG=1" not in listener.heard
            await until(lambda: "WATCHDOG=1" in listener.drain())
            daemon.stop()
            await until(lambda: "STOPPING=1" in listener.drain())

    trade(tmp_path, meddle=look)


def test_a_broker_that_is_away_leaves_the_daemon_alive_and_the_status_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gamma.errors import Transient

    write_config(tmp_path, speed=300, more=QUICK)

    async def away(_: object) -> None:
        raise Transient("no line")

    async def look(daemon: Daemon) -> None:
        await until(lambda: daemon.ready)
        monkeypatch.setattr(type(daemon.assembly.broker), "fills_since", lambda *_: away(None))
        await until(lambda: "silent" in status(daemon))
        beaten_s = daemon.housekeeping.beaten_s
        await until(lambda: daemon.housekeeping.beaten_s > beaten_s)
        assert alive(daemon, 0.0)
        monkeypatch.undo()
        daemon.stop()

    trade(tmp_path, meddle=look)


def test_a_manager_that_has_gone_stops_nobody(tmp_path: Path) -> None:
    manager = ServiceManager(str(tmp_path / "gone"), None)
    manager.tell("READY=1")
    manager.close()


@pytest.mark.parametrize(
    ("env", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_the_watchdog_is_fed_only_where_this_process_is_watched(env: dict[str, str], watchdog_s: float | None) -> None:
    manager = ServiceManager.listening({"NOTIFY_SOCKET": "@nobody", **env})
    assert manager is not None
    assert manager.watchdog_s == watchdog_s
    manager.close()


@pytest.mark.parametrize("address", ["", "vsock:2:1234"])
def test_where_nobody_listens_nothing_is_told(address: str) -> None:
    assert ServiceManager.listening({"NOTIFY_SOCKET": address}) is None

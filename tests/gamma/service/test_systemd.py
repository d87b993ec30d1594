"""The units under systemd itself, on a machine of their own; skipped where none can be had."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.daemon_case import GAMMA, write_config
from tests.gamma.service.machine import Machine, NotHere

pytestmark = pytest.mark.slow

FOLDER = "/var/lib/gamma"
# The watchdog's minute and the half minute between starts would only be waited for.
QUICK = "[Service]\nWatchdogSec=3\nRestartSec=1\n"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which gamma was installed as docs/service.md says."""
    folder = tmp_path_factory.mktemp("machine")
    try:
        made = Machine(folder)
    except NotHere as why:
        pytest.skip(f"no machine of its own can be had here: {why}")
    with made:
        config = write_config(tmp_path_factory.mktemp("config"), speed=300)
        put(made, f"{FOLDER}/config.toml", config.read_text())
        told = made.run(GAMMA, "service", "install", folder=FOLDER)
        assert told.returncode == 0, told.stderr
        steps = [line.strip() for line in told.stdout.partition("Next, as root:\n")[2].splitlines()]
        for step in steps[:-1]:
            assert made.run("sh", "-c", step).returncode == 0, step
        made.run("mkdir", "-p", "/etc/systemd/system/gamma.service.d")
        put(made, "/etc/systemd/system/gamma.service.d/quick.conf", QUICK)
        made.run("systemctl", "daemon-reload")
        started = made.run("sh", "-c", steps[-1])
        assert started.returncode == 0, started.stderr + log(made)
        yield made


def put(machine: Machine, path: str, text: str) -> None:
    assert machine.run("sh", "-c", f"umask 077; cat > {path}", given=text).returncode == 0


def log(machine: Machine, unit: str = "gamma") -> str:
    return machine.run("journalctl", "-u", unit, "-o", "cat", "--no-pager").stdout


def pid(machine: Machine) -> str:
    return machine.property("gamma", "MainPID")


def until(happened: Callable[[], bool], machine: Machine) -> None:
    deadline_s = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline_s, log(machine)
        time.sleep(0.1)


def test_the_units_do_under_systemd_what_their_page_says(machine: Machine, tmp_path: Path) -> None:
    # It was started by `systemctl enable --now`, which came back when it was ready.
    assert machine.property("gamma", "SubState") == "running"
    assert '"event": "ready"' in log(machine)
    assert "is ACTIVE" in machine.property("gamma", "StatusText")

    # A daemon that stands still is killed by the watchdog, and started again.
    before = pid(machine)
    machine.run("kill", "-STOP", before)
    until(lambda: pid(machine) not in (before, "0") and machine.property("gamma", "SubState") == "running", machine)
    assert "watchdog" in log(machine).lower()
    assert machine.property("gamma", "NRestarts") == "1"

    # A crash is told of, though systemd starts it again.
    before = pid(machine)
    machine.run("kill", "-KILL", before)
    until(lambda: "names no webhook" in log(machine, "gamma-alert@gamma.service.service"), machine)
    until(lambda: pid(machine) not in (before, "0") and machine.property("gamma", "SubState") == "running", machine)

    # A backup beside it; then a clean stop.
    assert machine.run("systemctl", "start", "gamma-backup.service").returncode == 0
    assert machine.run("sh", "-c", f"ls {FOLDER}/backups").stdout.strip()
    assert machine.run("systemctl", "stop", "gamma").returncode == 0
    assert [machine.property("gamma", name) for name in ("SubState", "Result", "ExecMainStatus")] == [
        "dead",
        "success",
        "0",
    ]

    # A configuration that cannot be traded with ends it for good.
    wrong = write_config(tmp_path, guards=["trailing_drawdown"])
    put(machine, f"{FOLDER}/config.toml", wrong.read_text())
    assert machine.run("systemctl", "start", "gamma").returncode != 0
    assert [machine.property("gamma", name) for name in ("SubState", "Result", "ExecMainStatus", "NRestarts")] == [
        "failed",
        "exit-code",
        "78",
        "0",
    ]

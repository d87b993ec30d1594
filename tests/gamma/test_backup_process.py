"""Backup and restore rehearsed as a person does them: the shipped daemon writes meanwhile, and the broker goes on."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from brokers.paper import paper_truth
from gamma.events import BootStarted, OrderFilled, OrderIntended
from gamma.ledger import Reader, verify
from tests.daemon_case import await_line, facts, gamma, start, trade, write_config

pytestmark = pytest.mark.slow


def fills(folder: Path) -> int:
    with Reader.open(f"sqlite:///{folder}/gamma.db") as reader:
        return reader.count("fills")


def told(folder: Path, *arguments: str) -> dict[str, Any]:
    done = gamma(folder, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def ids(folder: Path) -> set[str]:
    return {i.client_order_id for f in facts(folder, OrderIntended) for i in (f.intent, *f.bracket)}


def test_a_backup_of_a_running_daemon_is_put_back_and_the_brokers_fills_come_home_once(tmp_path: Path) -> None:
    write_config(tmp_path, speed=120_000, more="\n[paths]\nbackups_kept = 1\n")
    url = f"sqlite:///{tmp_path}/gamma.db"
    daemon = start(tmp_path)
    try:
        await_line(daemon, "decision")
        first, second = (told(tmp_path, "db", "backup") for _ in range(2))
        assert second["removed"] == [first["target"]]
        before = fills(tmp_path)
        while fills(tmp_path) < before + 4:
            time.sleep(0.05)
        refused = gamma(tmp_path, "db", "restore", second["target"])
        assert refused.returncode == 78
        assert f"in use by process {daemon.pid}" in " ".join(refused.stderr.split())
    finally:
        daemon.kill()  # as a machine ends it: what it did not say at the end must come home too
        daemon.communicate()
    issued, known = ids(tmp_path), fills(tmp_path)

    restored = told(tmp_path, "db", "restore", second["target"])
    assert restored["events"] == second["events"]
    assert {order["id"] for order in restored["since"]["orders"]} <= issued
    assert fills(tmp_path) == known - restored["since"]["fills"] < known - 3
    assert verify(f"sqlite:///{restored['aside']}").sound

    told(tmp_path, "reconcile")
    executed = paper_truth(tmp_path / "gamma.paper.db")[1]
    booked = [f.fill.execution_id for f in facts(tmp_path, OrderFilled)]
    assert sorted(booked) == sorted({fill.execution_id for fill in executed})
    daemon_again = trade(tmp_path, bars=20)
    held = paper_truth(tmp_path / "gamma.paper.db")[0]
    assert held == {m: lots for m in ("MNQ", "MES") if (lots := daemon_again.shell.book.lots(m))}
    assert verify(url).sound
    again = [i for f in facts(tmp_path, OrderIntended) for i in (f.intent, *f.bracket)]
    assert len({i.client_order_id for i in again}) == len(again)
    epochs = [boot.epoch for boot in facts(tmp_path, BootStarted)]
    assert epochs == sorted(set(epochs))

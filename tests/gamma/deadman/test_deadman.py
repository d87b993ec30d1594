"""The dead-man beside a real daemon at a real broker's protocol: stopped, killed, stopped on purpose, started again."""

import signal
from pathlib import Path

import pytest

from tests.gamma.deadman.rig import rig

pytestmark = pytest.mark.slow


def test_a_daemon_that_stands_still_near_the_close_is_closed_and_sends_nothing_when_it_wakes(tmp_path: Path) -> None:
    with rig(tmp_path) as desk:
        daemon = desk.trade()
        desk.watch()
        daemon.send_signal(signal.SIGSTOP)
        desk.until(lambda: desk.told("Dead-man: flat"))
        assert (desk.held(), desk.working()) == ({}, [])
        assert desk.told("stands still (SIGSTOP)")
        executed = len(desk.fills())
        daemon.send_signal(signal.SIGCONT)
        desk.until(lambda: desk.ledger_lots() == 0)
        desk.until(lambda: "dead_man" in {h["reason"] for h in desk.status()["halts"]})
        told = desk.status()
        assert told["state"] == "HALTED"
        assert round(told["balance_usd"] * 1e6) == desk.balance_microusd()
        assert len(desk.fills()) == executed
        assert desk.held() == {}

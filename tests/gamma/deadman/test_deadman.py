"""The dead-man beside a real daemon at a real broker's protocol: stopped, killed, stopped on purpose, started again."""

import json
import signal
from pathlib import Path

import pytest

from gamma.vitals import TAKEN
from tests.gamma.deadman.rig import Rig, rig

pytestmark = pytest.mark.slow


def agree(desk: Rig) -> None:
    """The ledger is the account, to the cent; the trade says who closed it."""
    assert (desk.held(), desk.working(), desk.ledger_lots()) == ({}, [], 0)
    told = desk.status()
    assert round(told["balance_usd"] * 1e6) == desk.balance_microusd()
    assert {"dead_man"} <= {halt["reason"] for halt in told["halts"]}
    code, text = desk.done("trades", "--json")
    assert (code, [trade["exit_reason"] for trade in json.loads(text)]) == (0, ["dead_man"])


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
        desk.until(lambda: desk.status()["state"] == "HALTED")
        agree(desk)
        assert len(desk.fills()) == executed
        (tmp_path / "gamma.kill").unlink()
        desk.until(lambda: desk.told("took the account back"))
        for halt in desk.status()["halts"]:
            assert desk.done("resume", "--ack", halt["id"])[0] == 0
        assert desk.status()["state"] == "ACTIVE"


def test_a_dead_man_that_is_killed_in_the_middle_goes_on_and_sends_nothing_twice(tmp_path: Path) -> None:
    with rig(tmp_path) as desk:
        desk.trade().kill()
        journal = tmp_path / "gamma.db.deadman" / "journal.jsonl"
        for word in ('"cancel"', '"told"'):
            dead_man = desk.watch()
            desk.until(lambda word=word: journal.exists() and word in journal.read_text())  # type: ignore[misc]
            dead_man.kill()
            dead_man.wait()
        desk.watch()
        desk.until(lambda: desk.told("Dead-man: flat"))
        assert [(fill.side, fill.lots) for fill in desk.fills()] == [(1, 2), (-1, 2)]
        desk.run("run", "--plain")
        desk.until(lambda: desk.ledger_lots() == 0)
        desk.until(lambda: desk.status()["state"] == "HALTED")
        agree(desk)


def test_a_clean_stop_flat_pages_nobody_and_one_that_leaves_something_open_is_closed_before_the_close(
    tmp_path: Path,
) -> None:
    with rig(tmp_path, before_close_s=200.0) as desk:
        daemon = desk.trade()
        dead_man = desk.watch()
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(20) == 0
        desk.until(lambda: desk.told("person stopped the daemon"))
        code, text = desk.done("deadman", "--dry-run", "--json")
        assert json.loads(text)["cause"] == "stopped"
        desk.until(lambda: desk.told("Dead-man: flat"))
        assert (desk.held(), desk.working()) == ({}, [])
        assert (tmp_path / "gamma.kill").read_text().startswith(TAKEN)
        dead_man.send_signal(signal.SIGTERM)
        assert dead_man.wait(20) == 0
        (tmp_path / "gamma.kill").unlink()
        assert desk.done("deadman", "--once")[0] == 0
        assert desk.told("took the account back")
        posts = len(desk.discord.posts)
        code, text = desk.done("deadman", "--once", "--json")
        assert (code, json.loads(text)["acts"], json.loads(text)["why"]) == (0, False, "")
        assert len(desk.discord.posts) == posts

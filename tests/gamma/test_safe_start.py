"""A daemon that something starts again and again: after three starts without a clean stop it takes no new risk."""

import asyncio
import json
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from gamma.daemon import Daemon
from gamma.events import BootStarted, Halted, Level, OrderIntended, ResumeRequested, ShutDown
from gamma.ledger import Ledger
from gamma.offline import carry_out
from tests.daemon_case import await_line, config_in, facts, gamma, start, trade, write_config
from tests.gamma.test_daemon import told

NS = 1_000_000_000


def opened(folder: Path, clock: list[int] | None = None) -> Ledger:
    config = config_in(folder)
    if clock is None:
        return Ledger.open(config.gamma.database, account=config.account.name, mode="paper")
    return Ledger.open(config.gamma.database, account=config.account.name, mode="paper", clock_ns=lambda: clock[0])


def boot(ledger: Ledger, epoch: int) -> None:
    ledger.append([BootStarted(epoch=epoch, config_hash="", code_hash="", ts_event_utc_ns=epoch)])
    ledger.commit()


def supervised(daemon: Daemon) -> None:
    daemon.supervised = True


def crash(folder: Path, times: int) -> None:
    """Lives of which the ledger keeps nothing but their start."""
    begin = max([0, *(b.epoch for b in facts(folder, BootStarted))]) if (folder / "gamma.db").exists() else 0
    with closing(opened(folder)) as ledger:
        for epoch in range(begin + 1, begin + 1 + times):
            boot(ledger, epoch)


def test_starts_without_a_clean_stop_are_counted_back_to_the_last_clean_one(tmp_path: Path) -> None:
    write_config(tmp_path)
    clock, epochs = [1_000 * NS], count(1)
    with closing(opened(tmp_path, clock)) as ledger:
        assert ledger.unclean_starts(0) == 0
        boot(ledger, next(epochs))
        clock[0] += 10 * NS
        boot(ledger, next(epochs))
        assert ledger.unclean_starts(0) == 2
        assert ledger.unclean_starts(clock[0]) == 1
        ledger.append([ShutDown(reason="asked to", ts_event_utc_ns=1)])
        ledger.commit()
        assert ledger.unclean_starts(0) == 0
        boot(ledger, next(epochs))
        assert ledger.unclean_starts(0) == 1


@pytest.mark.parametrize(("crashes", "safe"), [(2, False), (3, True), (5, True)])
def test_the_start_after_three_crashes_is_safe(tmp_path: Path, crashes: int, safe: bool) -> None:
    write_config(tmp_path)
    crash(tmp_path, crashes)
    trade(tmp_path, bars=300, meddle=supervised)
    halts = [(h.halt.reason, h.halt.level, h.halt.actor) for h in facts(tmp_path, Halted)]
    assert halts == ([("unclean_starts", Level.REDUCING, "daemon")] if safe else [])
    assert bool(facts(tmp_path, OrderIntended)) is not safe
    assert ("started_safe" in told(tmp_path)) is safe


def test_who_starts_it_by_hand_is_not_held_back(tmp_path: Path) -> None:
    write_config(tmp_path)
    crash(tmp_path, 5)
    trade(tmp_path, bars=50)
    assert not facts(tmp_path, Halted)


def test_a_safe_start_stands_until_a_person_resumes_and_is_over_after_a_clean_stop(tmp_path: Path) -> None:
    write_config(tmp_path)
    crash(tmp_path, 3)
    trade(tmp_path, bars=50, meddle=supervised)
    trade(tmp_path, bars=50, meddle=supervised)
    (halted,) = facts(tmp_path, Halted)
    resume = ResumeRequested(command_id="r", actor="ann", halt_id=halted.halt.halt_id, ts_event_utc_ns=0)
    assert asyncio.run(carry_out(config_in(tmp_path), resume)).ok
    trade(tmp_path, bars=300, meddle=supervised)
    assert len(facts(tmp_path, Halted)) == 1
    assert facts(tmp_path, OrderIntended)


@pytest.mark.slow
def test_the_shipped_daemon_killed_three_times_starts_safe_and_status_says_so(tmp_path: Path) -> None:
    write_config(tmp_path, speed=6_000)
    for _ in range(3):
        process = start(tmp_path, "--supervised")
        await_line(process, "ready")
        process.kill()
        process.communicate()
    process = start(tmp_path, "--supervised")
    await_line(process, "ready")
    process.terminate()
    process.communicate()
    status = json.loads(gamma(tmp_path, "status", "--json").stdout)
    assert status["state"] == "REDUCING"
    assert [halt["reason"] for halt in status["halts"]] == ["unclean_starts"]
    shown = gamma(tmp_path, "status").stdout
    assert "unclean starts" in shown

"""Somebody sets the wall clock while the daemon trades."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gamma.assembly import assemble, paper_state_path
from gamma.clock import MACHINE, NS
from gamma.daemon import Daemon
from gamma.events import DecisionMade, Halted, OrderIntended, OrderKind, OrderQuarantined, ShutDown
from gamma.ledger import Ledger
from gamma.notices import Notice, Severity
from gamma.reasons import Reason
from tests.chaos.truth import violations
from tests.daemon_case import config_in, facts, ticks, write_config
from tests.gamma.test_daemon import until

HOUR = 3_600.0


class Clocks:
    """The machine's, of which somebody sets the wall clock."""

    def __init__(self) -> None:
        self.set_s = 0.0

    def wall_ns(self) -> int:
        return MACHINE.wall_ns() + round(self.set_s * NS)

    def monotonic_ns(self) -> int:
        return MACHINE.monotonic_ns()


def trade(folder: Path, *jumps: tuple[int, float]) -> None:
    """Trade 200 bars; at each of these bars the clock is set to so many seconds off."""
    write_config(folder)
    config, clocks = config_in(folder), Clocks()

    async def work() -> None:
        opened = Ledger.open(config.gamma.database, account="paper", mode="paper")
        with closing(opened) as ledger:
            daemon = Daemon(assemble(config, state_path=paper_state_path(config)), ledger, clock=clocks)
            task = asyncio.ensure_future(daemon.run(float("inf"), bars_max=200))
            for bar, seconds in jumps:
                await until(reached(daemon, bar))
                clocks.set_s = seconds
            await task

    asyncio.run(work())


def reached(daemon: Daemon, bar: int) -> Callable[[], bool]:
    return lambda: daemon.desk.bars >= bar


def told(folder: Path) -> list[tuple[str, Severity]]:
    return [(n.text, n.severity) for n in facts(folder, Notice) if n.key == "clock_off"]


def wanted(folder: Path) -> tuple[list[DecisionMade], int]:
    """The decisions, and how many of them came first, while the clock was right."""
    made = [d for d in facts(folder, DecisionMade) if d.standing in (Reason.OK, Reason.STALE_DATA)]
    first = next((n for n, d in enumerate(made) if d.standing == Reason.STALE_DATA), len(made))
    return made, first


@pytest.mark.parametrize("seconds", [-HOUR, -30.0, 30.0, HOUR])
def test_a_jump_stops_entries_at_once_and_is_told_once_and_nothing_else_goes_wrong(
    tmp_path: Path, seconds: float
) -> None:
    trade(tmp_path, (60, seconds))
    [(text, severity)] = told(tmp_path)
    assert severity is Severity.WARNING
    assert "No new orders" in text
    made, first = wanted(tmp_path)
    assert 0 < first < len(made)
    assert {d.standing for d in made[first:]} == {Reason.STALE_DATA}
    assert all(d.lots == 0 for d in made[first:])
    entries = [f.intent.decision_id for f in facts(tmp_path, OrderIntended) if f.intent.kind is OrderKind.ENTRY]
    assert set(entries) <= {d.decision_id for d in made[:first]}
    assert facts(tmp_path, Halted, OrderQuarantined) == []
    assert len(ticks(tmp_path)) == 200
    assert len(facts(tmp_path, ShutDown)) == 1
    assert violations(tmp_path) == []


def test_entries_go_on_when_the_clock_is_right_again(tmp_path: Path) -> None:
    trade(tmp_path, (40, HOUR), (100, 0.0))
    made, first = wanted(tmp_path)
    after = [d.standing for d in made[first:]]
    assert after.index(Reason.OK) > 0
    assert set(after[after.index(Reason.OK) :]) == {Reason.OK}
    assert len(told(tmp_path)) == 1
    assert violations(tmp_path) == []


def test_a_clock_that_is_set_to_and_fro_is_told_once(tmp_path: Path) -> None:
    trade(tmp_path, (40, 30.0), (60, 0.0), (80, -30.0), (100, 0.0), (120, 2.0))
    assert len(told(tmp_path)) == 1


def test_a_small_jump_is_told_and_trading_goes_on(tmp_path: Path) -> None:
    trade(tmp_path, (60, -2.0))
    [(text, _)] = told(tmp_path)
    assert "Trading goes on" in text
    assert {d.standing for d in wanted(tmp_path)[0]} == {Reason.OK}
    assert violations(tmp_path) == []


def test_less_than_a_second_is_nothing(tmp_path: Path) -> None:
    trade(tmp_path, (60, 0.9))
    assert told(tmp_path) == []
    assert {d.standing for d in wanted(tmp_path)[0]} == {Reason.OK}

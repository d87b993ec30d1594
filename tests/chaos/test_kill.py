"""kill -9 of the shipped daemon, at any moment, again and again: at the paper broker, and over loopback HTTP.

GAMMA_KILLS sets how often; 12 fits a CI run. `gamma chaos --kill -n 1000` does it a thousand times.
"""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from gamma.chaos.kill.chain import chain
from gamma.events import BootStarted, OrderIntended, TradeClosed
from gamma.feeds.sim import SimFeed
from tests.chaos.truth import violations
from tests.daemon_case import await_line, facts, gamma, start, ticks, write_config

KILLS = int(os.environ.get("GAMMA_KILLS", "12"))


def live_and_die(folder: Path, rng: random.Random) -> None:
    """Start the daemon, and kill it: every fourth time while it starts, else while it trades."""
    process = start(folder)
    try:
        if rng.random() < 0.25:
            time.sleep(rng.uniform(0.0, 1.5))
        else:
            await_line(process, "ready")
            time.sleep(rng.uniform(0.0, 0.8))
        assert process.poll() is None, process.stderr and process.stderr.read()
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def bars_between(first_utc_ns: int, last_utc_ns: int) -> list[int]:
    """Closes of the bars that the feed gave in that time; MNQ and MES trade in the same hours."""
    closes = []
    for bar in SimFeed.model_validate({"markets": ("MNQ",)}).bars(first_utc_ns - 1):
        if bar.ts_close_utc_ns >= last_utc_ns:  # of the last one only MES may have been let through
            break
        closes.append(bar.ts_close_utc_ns)
    return closes


@pytest.mark.slow
def test_after_any_number_of_kills_the_ledger_is_what_the_broker_says(tmp_path: Path) -> None:
    write_config(tmp_path, speed=60_000)
    rng = random.Random(20260302)
    for _ in range(KILLS):
        live_and_die(tmp_path, rng)
    done = gamma(tmp_path, "run", "--plain", "--speed", "max", "--bars", "200")
    assert done.returncode == 0, done.stderr
    decided = ticks(tmp_path)
    assert violations(tmp_path, bars_between(decided[0][1], decided[-1][1])) == []
    epochs = [b.epoch for b in facts(tmp_path, BootStarted)]
    assert epochs == sorted(set(epochs))
    assert len(epochs) > KILLS / 2
    assert len(facts(tmp_path, OrderIntended)) > KILLS
    assert len(facts(tmp_path, TradeClosed)) > KILLS
    assert gamma(tmp_path, "db", "verify").returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(600)  # it kills and starts processes: on a busy machine each takes its time
def test_over_http_nothing_is_doubled_and_nothing_lost_wherever_it_is_killed() -> None:
    outcome = chain(seed=20260302, kills=KILLS)
    assert outcome.violations == []
    assert outcome.kills == KILLS
    assert outcome.points > KILLS

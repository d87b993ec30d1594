"""A ledger that is cut off at any moment holds all that it said was on disk, and nothing by halves."""

import random
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from gamma.ledger import Reader, verify

ROOT = Path(__file__).parents[3]
WRITER = [sys.executable, "-m", "tests.gamma.ledger.writer"]


@pytest.mark.parametrize(("seed", "kills"), [(0, 3), pytest.param(1, 12, marks=pytest.mark.slow)])
def test_a_killed_daemon_leaves_a_sound_ledger_with_its_last_commit(url: str, seed: int, kills: int) -> None:
    chance = random.Random(seed)
    for _ in range(kills):
        told = _kill_after(url, chance.randrange(1, 200))
        report = verify(url)
        assert report.problems == ()
        assert report.events >= told
        assert report.events % 5 == 0, "the five events of a commit are there as a whole or not at all"


def _kill_after(url: str, commits: int) -> int:
    """Kill the writer while it works, some commits in; gives the last number that it had told."""
    with subprocess.Popen([*WRITER, url], cwd=ROOT, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        told = [daemon.stdout.readline() for _ in range(commits + 1)]
        daemon.kill()
        told += daemon.stdout.readlines()
    whole = [int(line) for line in told[1:] if line.endswith("\n")]
    return whole[-1]


def test_a_write_that_fails_at_commit_loses_that_step_and_stops_the_ledger(file_url: str) -> None:
    """The kernel refuses to let a file grow past a limit: what a full disk does to a write in the middle."""
    code = f"""
import resource, signal
from gamma.errors import Corrupt, LedgerFailed
from gamma.ledger import Ledger
from tests.gamma.ledger.facts import *
ledger = Ledger.open({file_url!r}, account="DU1234", mode="paper")
ledger.append(day())
ledger.commit()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (800_000, resource.RLIM_INFINITY))
for n in range(100, 10_000):
    try:
        ledger.append([decision(n), entry(n, n)])
        ledger.commit()
    except (Corrupt, LedgerFailed) as error:
        print(n)
        break
for act in (ledger.commit, lambda: ledger.append([decision(1)]), lambda: ledger.outbox.delivered([1], 1)):
    try:
        act()
    except Corrupt as error:
        print("restart" in str(error))
"""
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    failed, *refused = told.stdout.split()
    assert refused == ["True", "True", "True"]
    assert verify(file_url).problems == ()
    with Reader.open(file_url) as reader:
        assert reader.decisions()[-1]["signal_id"] == f"s{int(failed) - 1}"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY

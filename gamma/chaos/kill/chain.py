"""A chain of lives that end with SIGKILL, and one that does not; then everything must be as the observer saw it."""

import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Final, final

from gamma.chaos import Trial
from gamma.chaos.broker.observed import read
from gamma.chaos.broker.quirks import SETS
from gamma.chaos.kill import setting
from gamma.chaos.kill.lives import KILLED, Death, died_at, installed, is_ready, outlive
from gamma.chaos.kill.nursery import Nursery
from gamma.chaos.kill.person import Person
from gamma.chaos.kill.points import CREATIONS, FILES, SENDS, WRITES
from gamma.chaos.simulation import judge

KILLS: Final = 25
START_MAX_S: Final = 300.0
REST_MAX_S: Final = 120.0
_LOOK_S: Final = 0.5
_INSTALLED_SHARE: Final = 0.25
_POINT_SHARE: Final = 2 / 3  # of those that are forked
_STARTING_SHARE: Final = 0.4  # of those that are killed from outside
_WAIT_FOR_POINT_S: Final = 1.5
_OFTEN: Final = {
    "CREATE": 110,
    "INSERT": 250,
    "SAVEPOINT": 70,
    "RELEASE": 70,
    "BEGIN": 30,
    "UPDATE": 30,
    "COMMIT": 30,
    "GET": 70,
    "POST": 8,
    "DELETE": 3,
    "PUT": 2,
    "written": 400,
    "synced": 30,
}


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of a chain; `deaths` counts how its lives ended."""

    seed: int
    quirks: str
    kills: int = 0
    points: int = 0
    deaths: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)


def trial(seed: int, kills: int = KILLS) -> Trial:
    """One chain."""
    outcome = chain(seed, kills)
    return Trial(
        seed=seed,
        crashes=outcome.kills,
        crash_points=outcome.points,
        violations=tuple(f"{outcome.quirks}: {text}" for text in outcome.violations),
        counts=outcome.deaths,
    )


def chain(seed: int, kills: int = KILLS) -> Outcome:
    """Kill the daemon so often, let it come to rest, and say what is wrong; the folder stays where something is."""
    quirks = tuple(SETS)[seed % len(SETS)]
    outcome = Outcome(seed=seed, quirks=quirks)
    with _folder(outcome) as folder, setting.broker(folder, seed=seed, quirks=quirks) as port:
        setting.furnish(folder, seed=seed, quirks=quirks, port=port)
        run = _Chain(folder, outcome)
        with Nursery(folder) as nursery:
            for number in range(kills):
                run.kill(number, nursery)
        run.rest()
    return outcome


def death(rng: random.Random, *, first: bool) -> Death:
    """How the next life ends; only the first one makes the ledger's tables."""
    forked = rng.random() >= _INSTALLED_SHARE
    if forked and rng.random() < _POINT_SHARE:
        point = rng.choice(rng.choice((CREATIONS if first else WRITES, FILES, SENDS)))
        return Death(
            forked=True, starting=False, after_s=_WAIT_FOR_POINT_S, point=point, nth=rng.randint(1, often(point))
        )
    starting = rng.random() < _STARTING_SHARE
    after_s = rng.uniform(0.0, (0.6 if forked else 1.8) if starting else 0.8)
    return Death(forked=forked, starting=starting, after_s=after_s)


def often(point: str) -> int:
    """How often a life passes the point in about a second of trading."""
    return next(times for word, times in _OFTEN.items() if word in point)


@final
class _Chain:
    """A chain at work in its folder."""

    def __init__(self, folder: Path, outcome: Outcome) -> None:
        self._folder = folder
        self._outcome = outcome
        self._person = Person(folder)
        self._environment = setting.environment(folder)
        self._rng = random.Random(f"kill {outcome.seed}")

    def kill(self, number: int, nursery: Nursery) -> None:
        """One life, and its end."""
        planned = death(self._rng, first=number == 0)
        log = self._folder / f"life-{number:03d}.log"
        self._person.lift()
        if planned.forked:
            code = nursery.live(log, planned)
        else:
            process = installed(self._folder, log, self._environment)
            try:
                code = outlive(process, log, planned)
            finally:
                process.kill()
        if code != KILLED:
            self._wrong(f"life {number} ended by itself with {code}: {_last_words(log)}")
            return
        where, passed = died_at(log)
        when = "while it started" if planned.starting else "while it ran"
        how = "from a parent" if planned.forked else "as installed"
        self._outcome.kills += 1
        self._outcome.points += passed
        self._outcome.deaths[where or f"{how}, {when}"] += 1

    def rest(self) -> None:
        """Leave the daemon alone until all is closed and known, stop it, and look at everything."""
        log = self._folder / "life-last.log"
        self._person.lift()
        process = installed(self._folder, log, self._environment)
        try:
            wrong = self._await_rest(process, log)
        finally:
            process.terminate()
            code = process.wait()
        if code:
            self._wrong(f"the last life ended with {code}: {_last_words(log)}")
        for text in wrong:
            self._wrong(text)
        for command in (("db", "verify"), ("doctor",)):
            self._expect_fine(*command)

    def _await_rest(self, process: subprocess.Popen[bytes], log: Path) -> Sequence[str]:
        """What is wrong once nothing moves any more, or after long enough."""
        deadline_s = time.monotonic() + START_MAX_S
        while not is_ready(log) and process.poll() is None and time.monotonic() < deadline_s:
            time.sleep(_LOOK_S)
        self._person.halt()
        deadline_s = time.monotonic() + REST_MAX_S
        while True:
            time.sleep(_LOOK_S)
            observed = read(self._folder / setting.OBSERVED)
            wrong = judge.at_the_end(observed, self._folder / setting.DATABASE, setting.caps(), told=False)
            if not wrong or time.monotonic() > deadline_s or process.poll() is not None:
                return wrong
            self._person.settle(observed)

    def _expect_fine(self, *arguments: str) -> None:
        command = [str(Path(sys.executable).with_name("gamma")), *arguments]
        done = subprocess.run(
            command, cwd=self._folder, env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            self._wrong(f"gamma {' '.join(arguments)} ended with {done.returncode}: {done.stdout}{done.stderr}")

    def _wrong(self, text: str) -> None:
        self._outcome.violations.append(text)


@contextmanager
def _folder(outcome: Outcome) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="gamma-kill-"))
    yield folder
    if outcome.violations:
        outcome.violations.append(f"what is left of it lies in {folder}")
    else:
        rmtree(folder, ignore_errors=True)


def _last_words(log: Path) -> str:
    return log.read_text(errors="replace")[-1000:]

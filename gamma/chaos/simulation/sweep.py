"""The sweep: one short session, and a death at every point of I/O that it has, at every kind of broker."""

from functools import lru_cache

from gamma.chaos import Trial
from gamma.chaos.broker.quirks import SETS
from gamma.chaos.simulation.faults import Fault, Plan
from gamma.chaos.simulation.trials import run

SEED = 46


def session(quirks: str, *deaths: int) -> Plan:
    """A minute in which nothing goes wrong but that the process dies."""
    return Plan(seed=SEED, quirks=quirks, faults=frozenset({Fault.CRASH}), deaths=deaths, minutes=1)


@lru_cache(maxsize=1)
def points() -> tuple[tuple[str, int], ...]:
    """Every point at which the session can die: the broker's kind, and how many points come before."""
    return tuple((name, n) for name in SETS for n in range(1, run(session(name)).crash_points + 1))


def trial(seed: int) -> Trial:
    """The death of this number; after the last it begins again with the first."""
    every = points()
    quirks, die_at = every[(seed - 1) % len(every)]
    outcome = run(session(quirks, die_at))
    found = outcome.violations or ([] if outcome.crashes == 1 else [f"it did not die at point {die_at} of {quirks}"])
    return Trial(seed=seed, crashes=outcome.crashes, crash_points=outcome.crash_points, violations=tuple(found))

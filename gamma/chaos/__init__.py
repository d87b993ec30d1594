"""Chaos: the means to prove that a crash, a lost answer or a bad network never changes exposure.

Each trial is made from its seed alone, so that what was found once is found again.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from typing import Final

AT_A_TIME: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of one seed: how often it crashed, how many points it could have crashed at, what was broken.

    `counts` may tell how often it crashed in which way.
    """

    seed: int
    crashes: int = 0
    crash_points: int = 0
    violations: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


def trials(
    one: Callable[[int], Trial], seeds: Iterable[int], jobs: int = 1, *, at_a_time: int = AT_A_TIME
) -> Iterable[Trial]:
    """Make a trial of each seed, in `jobs` processes; they come in the order of their seeds.

    A process takes so many `at_a_time`: few where one takes long.

    `one` must be found by its name in a new process, or be a `partial` of such a function.
    """
    if jobs <= 1:
        yield from map(one, seeds)
        return
    with get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(partial(_tried, one), seeds, chunksize=at_a_time)
        pool.close()
        pool.join()  # a process that ends by itself clears its folders away


def _tried(one: Callable[[int], Trial], seed: int) -> Trial:
    return one(seed)

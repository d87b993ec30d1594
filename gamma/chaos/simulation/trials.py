"""Schedules by their seeds: each in a folder of its own, step by step where it is asked for."""

import gc
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Final

import structlog

from gamma.chaos import Trial
from gamma.chaos.broker.drill import ChaosDrill
from gamma.chaos.broker.quirks import SETS
from gamma.chaos.drill import ACCOUNT, drill_of
from gamma.chaos.places import kept_folder
from gamma.chaos.simulation.faults import Plan, plan
from gamma.chaos.simulation.schedule import Outcome, Schedule
from gamma.chaos.simulation.shrink import shortest
from gamma.chaos.simulation.world import START_UTC_NS
from gamma.ledger import Ledger

_SWEEP_EVERY: Final = 40

_made = count(1)


def run(plan: Plan, *, traced: bool = False) -> Outcome:
    """Run a schedule in a folder of its own, on a memory disk where there is one.

    Its broker is a fake one, where the plan names a set of quirks; else the one whose name it has.
    """
    quirks = SETS.get(plan.quirks)
    drill = ChaosDrill(quirks) if quirks is not None else drill_of(plan.quirks)
    with in_a_folder() as folder:
        outcome = Schedule(plan, folder, drill, closes=quirks is None, traced=traced).run()
    if next(_made) % _SWEEP_EVERY == 0:  # the daemon freezes what lives when it starts; here many daemons start
        gc.unfreeze()
        gc.collect()
        gc.freeze()
    return outcome


@lru_cache(maxsize=1)
def _quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    gc.disable()


@contextmanager
def in_a_folder() -> Iterator[Path]:
    """A folder with a ledger in which nothing has happened yet, for as long as it is needed."""
    _quiet()
    template, folder = _places()
    folder.mkdir()
    try:
        shutil.copyfile(template, folder / "gamma.db")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@lru_cache(maxsize=1)
def _places() -> tuple[Path, Path]:
    """A ledger in which nothing has happened yet, and the one folder in which all schedules of this process run."""
    home = kept_folder()
    path = home / "new.db"
    Ledger.open(f"sqlite:///{path}", account=ACCOUNT, mode="paper", clock_ns=lambda: START_UTC_NS).close()
    return path, home / "schedule"


def trial(seed: int, broker: str = "") -> Trial:
    """One seed of `gamma chaos`; with a broker's name, at that broker's sandbox."""
    outcome = run(_plan(seed, broker))
    return Trial(
        seed=seed,
        crashes=outcome.crashes,
        crash_points=outcome.crash_points,
        violations=tuple(outcome.violations),
        counts={"orders at the broker": outcome.orders, "executions": outcome.fills} if broker else {},
    )


def replay(seed: int, broker: str = "") -> tuple[Outcome, Outcome | None]:
    """A seed step by step; and where it broke something, the shortest schedule of it that still does."""
    whole = run(_plan(seed, broker), traced=True)
    if not whole.violations:
        return whole, None
    kinds = {_kind(text) for text in whole.violations}

    def breaks(less: Plan) -> bool:
        return any(_kind(text) in kinds for text in run(less).violations)

    return whole, run(shortest(whole.plan, breaks), traced=True)


def _plan(seed: int, broker: str) -> Plan:
    return plan(seed, (broker,) if broker else tuple(SETS))


def _kind(violation: str) -> str:
    return violation.partition(":")[0]

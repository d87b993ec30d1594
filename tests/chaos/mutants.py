"""Bugs put in on purpose: each breaks one rule of the protocol, and the simulation must find every one.

    python -m tests.chaos.mutants               all of them, each from seed 1 on, as the table of the docs
    python -m tests.chaos.mutants NAME ...      some of them

A mutant changes gamma's code for the time of a schedule, from outside: in production no switch of it exists.
"""

import argparse
import itertools
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from typing import Any, Final

from pytest import MonkeyPatch  # noqa: PT013  (it is used outside of pytest too)

from gamma import answers, engine
from gamma.chaos.adapter import ChaosBroker
from gamma.chaos.quirks import SETS
from gamma.chaos.simulation.faults import plan
from gamma.chaos.simulation.schedule import run
from gamma.events import Fill, OrderMissed
from gamma.ports import Lost, Placed, Rejected
from gamma.shell import Shell
from gamma.turn import Turn

SCHEDULES_MAX: Final = 500


def post_before_persist(patch: MonkeyPatch) -> None:
    keep = Shell._keep

    def unsynced(self: Shell, effects: Any, *, durable: bool) -> None:  # noqa: ARG001
        keep(self, effects, durable=False)

    patch.setattr(Shell, "_keep", unsynced)


def timeout_means_failed(patch: MonkeyPatch) -> None:
    call = Shell._call

    async def judged(self: Shell, sending: Any) -> Placed:
        placed = await call(self, sending)
        return Rejected(code="timeout", text=placed.text) if isinstance(placed, Lost) else placed

    patch.setattr(Shell, "_call", judged)


def repost_on_unknown(patch: MonkeyPatch) -> None:
    call = Shell._call

    async def again(self: Shell, sending: Any) -> Placed:
        placed = await call(self, sending)
        return await call(self, sending) if isinstance(placed, Lost) else placed

    patch.setattr(Shell, "_call", again)


def absent_too_soon(patch: MonkeyPatch) -> None:
    def at_once(turn: Turn, event: OrderMissed) -> None:
        answers.on_missed(turn, replace(event, final=True))

    patch.setitem(engine._STEPS, OrderMissed, at_once)


def fills_without_unique_id(patch: MonkeyPatch) -> None:
    read, told = ChaosBroker._fill, itertools.count()

    async def numbered(self: ChaosBroker, row: Any) -> Fill:
        fill = await read(self, row)
        return replace(fill, execution_id=f"{fill.execution_id}.{next(told)}")

    patch.setattr(ChaosBroker, "_fill", numbered)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A bug: what it does wrong, and the change that does it."""

    name: str
    breaks: str
    change: Callable[[MonkeyPatch], None]


def _mutant(change: Callable[[MonkeyPatch], None], breaks: str) -> Mutant:
    return Mutant(name=change.__name__, breaks=breaks, change=change)


MUTANTS: Final = {
    m.name: m
    for m in (
        _mutant(post_before_persist, "an order is sent before its intent is on disk"),
        _mutant(timeout_means_failed, "an order without an answer is taken for refused"),
        _mutant(repost_on_unknown, "an order without an answer is sent again"),
        _mutant(absent_too_soon, "one list that does not show an order proves it absent"),
        _mutant(fills_without_unique_id, "an execution that is told twice is booked twice"),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Catch:
    """How a mutant was found out: in which schedule, and by what the simulation said."""

    seed: int
    violations: tuple[str, ...]

    @property
    def caught_by(self) -> str:
        """Which invariants spoke, the first first."""
        return ", ".join(dict.fromkeys(text.partition(":")[0] for text in self.violations))


def hunt(mutant: Mutant, seeds: Iterable[int]) -> Catch | None:
    """Run schedules of the mutant until one breaks something; None where none does."""
    for seed in seeds:
        with MonkeyPatch.context() as patch:
            mutant.change(patch)
            violations = run(plan(seed, tuple(SETS))).violations
        if violations:
            return Catch(seed=seed, violations=tuple(violations))
    return None


def _hunted(name: str, schedules_max: int) -> tuple[str, Catch | None]:
    return name, hunt(MUTANTS[name], range(1, schedules_max + 1))


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 where a mutant was not caught."""
    asked = argparse.ArgumentParser(description="Put bugs in, one by one, until the simulation finds each.")
    asked.add_argument("names", nargs="*", choices=[[], *MUTANTS], metavar="NAME", help="which; all by default")
    asked.add_argument("--schedules", type=int, default=SCHEDULES_MAX, help="how many each may have")
    asked.add_argument("--jobs", type=int, default=1, help="how many processes")
    asked.add_argument("--verbose", action="store_true", help="print what the simulation said, too")
    given = asked.parse_args(arguments)
    tell("| mutant | what it does wrong | schedules | caught by |\n|---|---|---:|---|")
    missed = 0
    with get_context("spawn").Pool(given.jobs) as pool:
        hunts = pool.imap(partial(_hunted, schedules_max=given.schedules), given.names or MUTANTS)
        for name, catch in hunts:
            missed += catch is None
            found = f"{catch.seed} | {catch.caught_by}" if catch else f"over {given.schedules} | nothing"
            tell(f"| `{name}` | {MUTANTS[name].breaks} | {found} |")
            if catch and given.verbose:
                tell("".join(f"    {text}\n" for text in catch.violations))
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())

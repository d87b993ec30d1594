"""Walking forward: choose on some sessions, leave a gap, look at the next ones, and go on. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import final

from gamma.errors import InputInvalid


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How the sessions are cut, in sessions; `anchored` training begins with the first session every time.

    `purge` are dropped from the end of the training, for what a label or an indicator there reaches beyond it;
    `embargo` more are dropped before the test begins.
    """

    folds: int
    train: int
    purge: int
    embargo: int
    anchored: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Rows of sessions: `train` is chosen on, `test` is looked at; first and one past the last."""

    train: tuple[int, int]
    test: tuple[int, int]


def folds(sessions: int, plan: Plan) -> list[Fold]:
    """Tests that follow one another without a gap, each after its training; the earliest have one session more.

    Raises: InputInvalid when there are too few sessions.
    """
    gap = plan.purge + plan.embargo
    tested = sessions - plan.train - gap
    if plan.folds < 1 or plan.train < 2 or min(plan.purge, plan.embargo) < 0:
        raise InputInvalid(f"{plan.folds} folds on {plan.train} sessions: one fold and two sessions are the fewest")
    if tested < plan.folds:
        raise InputInvalid(
            f"{sessions} sessions are too few for {plan.folds} folds: {plan.train} to choose on and {gap} between "
            f"leave {max(tested, 0)}; give a longer span, fewer folds or fewer training sessions"
        )
    edges = [plan.train + gap + sum(_sizes(tested, plan.folds)[:n]) for n in range(plan.folds + 1)]
    return [
        Fold(train=(0 if plan.anchored else first - gap - plan.train, first - gap), test=(first, last))
        for first, last in pairwise(edges)
    ]


def _sizes(sessions: int, parts: int) -> Sequence[int]:
    size, more = divmod(sessions, parts)
    return [size + (n < more) for n in range(parts)]

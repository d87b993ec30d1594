"""What may go wrong in a schedule, drawn from its seed: each class is on or off, and may be taken out one by one."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """A class of faults."""

    CRASH = "crash"
    """The process dies at a point of I/O."""
    REFUSED = "refused"
    """No connection: no byte leaves."""
    LOST_REQUEST = "lost request"
    LOST_ANSWER = "lost answer"
    """The request was carried out, and the answer never comes, or the connection breaks."""
    LATE = "late arrival"
    """The request is carried out up to 30 s later, when nobody waits for it any more."""
    ERROR_BEFORE = "error before"
    """5xx, and nothing was done."""
    ERROR_AFTER = "error after"
    """5xx, and it was done."""
    GARBLED = "garbled"
    """The answer breaks off, or is no JSON."""
    BUSY = "busy"
    """429."""
    SLOW = "slow"
    """The answer takes seconds, and sometimes too many."""
    OUTAGE = "outage"
    """For some time nothing gets through."""
    CLOCK = "clock jump"
    DISK = "disk full"
    """One write to the ledger fails."""
    ALERTS = "alerts fail"
    OPERATOR = "operator"
    """A person halts, flattens or throws the kill switch."""
    FILLS = "partial fills"
    """The broker fills in parts, tells executions twice and out of order."""
    REJECTS = "rejects"
    """The broker refuses some orders."""
    FEED = "late bars"
    """Bars are missing, or come late."""
    NUMBERS = "no numbers"
    """A sizer of a stranger's answers now and then with NaN, with infinity, or with less than nothing."""
    RIVAL = "second daemon"
    """Somebody starts a second daemon on the account, or first takes the lock away from under the one that runs."""
    SLUGGISH = "sluggish broker"
    """A cancel takes effect seconds after it was taken, and lists come in pages of a few rows."""
    BLIND = "orders not shown"
    """The answer to an order is lost, and for some minutes no order can be asked for; all else can."""


NETWORK: Final = (
    Fault.REFUSED,
    Fault.LOST_REQUEST,
    Fault.LOST_ANSWER,
    Fault.LATE,
    Fault.ERROR_BEFORE,
    Fault.ERROR_AFTER,
    Fault.GARBLED,
    Fault.BUSY,
    Fault.SLOW,
)
# Drawn by themselves, so that the seeds have the other classes that they always had.
_APART: Final = (Fault.NUMBERS, Fault.RIVAL, Fault.SLUGGISH, Fault.BLIND)
CRASHES_MAX: Final = 4
CALLS_MAX: Final = 160
MINUTES: Final = (1, 1, 1, 1, 2, 2, 2, 4)
SHARE_ON: Final = 0.45
SHARE_APART: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A schedule before it runs: all that chance decides, but for what the faults themselves draw.

    `deaths` are the points of I/O at which each life of the daemon ends, in their order; `share` is the
    part of all writes that the network's faults hit; of the reads it is less.
    """

    seed: int
    quirks: str
    faults: frozenset[Fault]
    deaths: tuple[int, ...] = ()
    share: float = 0.15
    minutes: int = 3

    def without(self, fault: Fault) -> "Plan":
        """The same schedule, in which this cannot go wrong."""
        deaths = () if fault is Fault.CRASH else self.deaths
        return replace(self, faults=self.faults - {fault}, deaths=deaths)


def plan(seed: int, quirks: Sequence[str]) -> Plan:
    """Draw a schedule."""
    rng = random.Random(f"plan {seed}")
    faults = frozenset(fault for fault in Fault if fault not in _APART and rng.random() < SHARE_ON)
    if rng.random() < 0.75:
        faults |= {Fault.CRASH}
    crashes = rng.randint(1, CRASHES_MAX) if Fault.CRASH in faults else 0
    apart = random.Random(f"plan {seed} apart")
    return Plan(
        seed=seed,
        quirks=quirks[rng.randrange(len(quirks))],
        faults=faults | {fault for fault in _APART if apart.random() < SHARE_APART},
        deaths=tuple(_death(rng) for _ in range(crashes)),
        share=rng.choice((0.05, 0.15, 0.3)),
        minutes=rng.choice(MINUTES),
    )


def _death(rng: random.Random) -> int:
    """Some die while they start, most in the middle of their work."""
    return rng.randint(1, 30) if rng.random() < 0.4 else rng.randint(1, CALLS_MAX)

"""Guards: each looks at one order, and between orders at the account, and may only say less.

A guard's class states its scope, the base it measures, when it resets and what it latches, and
`gamma status` prints that. One guard, one file, found by entry point like a stranger's.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from operator import attrgetter
from typing import Any, ClassVar, Final, Protocol, runtime_checkable

from gamma.reasons import Fact, Reason
from gamma.views import OrderView, View

NS_PER_S: Final = 1_000_000_000
S_PER_HOUR: Final = 3_600

# The sizing chain's tolerance at exact whole lots; guards may not import the chain.
_TOLERANCE: Final = 1e-9


class Scope(StrEnum):
    """Which orders a guard sees; exits pass all but the guards of scope `all`."""

    ENTRIES = "entries"
    ALL = "all"


class Action(StrEnum):
    """What a trip asks of the engine, from mild to hard."""

    PAUSE = "pause"
    """No entries of the strategy until `until_utc_ns`; lifts by itself."""
    REDUCING = "reducing"
    """No new risk on the account until `until_utc_ns`, or a person resumes where that is 0."""
    STRATEGY_OFF = "strategy_off"
    """No new risk by this strategy until a person resumes."""
    LOCK_MARKET = "lock_market"
    """No new risk in this market until a person resumes or the cause is gone."""
    CANCEL_ENTRIES = "cancel_entries"
    """Cancel working entries; nothing latches."""
    FLATTEN = "flatten"
    """Cancel all, close all positions; nothing latches by this alone."""
    FLATTEN_AND_HALT = "flatten_and_halt"
    """Cancel all, close all, no new risk until `until_utc_ns`, or a person resumes where that is 0."""
    HALT = "halt"
    """No new risk until a person resumes; open positions stay managed."""

    @property
    def hardness(self) -> int:
        """Its place in the list above."""
        return list(Action).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """A guard's finding between orders.

    `realised` tells that money has really gone, or that the finding is no reading that could be wrong
    (a person's act, the time of day, a count of our own orders): it acts and latches at once. Else the
    first reading only cuts new risk, and the second in a row latches; two looks at one event are one
    reading.
    """

    action: Action
    reason: Reason
    facts: Mapping[str, Fact] = field(default_factory=dict)
    realised: bool = False
    until_utc_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A guard's answer on one order: the lots it lets through, why, and what else should happen."""

    lots: int
    reason: Reason = Reason.OK
    facts: Mapping[str, Fact] = field(default_factory=dict)
    trip: Trip | None = None


@runtime_checkable
class Guard(Protocol):
    """On an order. `needs` names the inputs of the view (as `account.floor_usd`) without which the guard is inert."""

    id: ClassVar[str]
    scope: ClassVar[Scope]
    measures: ClassVar[str]
    resets: ClassVar[str]
    latches: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]

    def __call__(self, view: View, order: OrderView) -> Verdict: ...


@runtime_checkable
class Watch(Protocol):
    """A guard that also looks between orders, on each bar, fill and timer; `view.signal.side` is 0 then."""

    def watch(self, view: View) -> Trip | None: ...


@runtime_checkable
class Gauge(Protocol):
    """A guard with a dial: `limit`, `now` and what else `gamma status` shows beside them; unknown is NaN."""

    def reading(self, view: View) -> Mapping[str, Fact]: ...


@runtime_checkable
class Leeway(Protocol):
    """A gauge that tells itself how much of the way to its limit is left [1], from 1 to 0; unknown is NaN.

    Of any other the way is taken to lead from 0 up to `limit`.
    """

    def leeway(self, view: View) -> float: ...


@runtime_checkable
class Punctual(Protocol):
    """A guard that must act before a moment, and so must be asked at least once in so long [s]."""

    @property
    def looks_every_max_s(self) -> float: ...


def passed(order: OrderView, facts: Mapping[str, Fact] | None = None) -> Verdict:
    """The whole order goes through."""
    return Verdict(lots=order.lots, facts=facts or {})


def denied(reason: Reason, facts: Mapping[str, Fact], trip: Trip | None = None) -> Verdict:
    """Nothing of the order goes through."""
    return Verdict(lots=0, reason=reason, facts=facts, trip=trip)


def shrunk(order: OrderView, lots: int, reason: Reason, facts: Mapping[str, Fact]) -> Verdict:
    """At most `lots` go through; the reason is named only where that is less than the order."""
    allowed = max(0, min(order.lots, lots))
    return Verdict(lots=allowed, reason=reason if allowed < order.lots else Reason.OK, facts=facts)


def missing(view: View, names: Sequence[str]) -> str:
    """The first of `names` that the view does not know, or the empty string.

    Unknown is NaN or infinite for a number, empty for a text, 0 for a time.
    """
    for name, read, is_time in _readers(tuple(names)):
        value = read(view)
        if isinstance(value, str):
            known = value != ""
        else:
            number = float(value)
            known = number > 0 if is_time else math.isfinite(number)
        if not known:
            return name
    return ""


def inert(guard: Guard, view: View) -> tuple[str, ...]:
    """The inputs that `guard` needs and `view` does not have: not empty means that it guards nothing."""
    return tuple(name for name in guard.needs if missing(view, (name,)))


def floor_lots(lots: float) -> int:
    """Whole lots in `lots`, kind to quotients a hair below a whole; NaN, infinity and less than 1 give 0."""
    if not 0 < lots < math.inf:
        return 0
    return math.floor(lots + _TOLERANCE * max(lots, 1.0))


@cache
def _readers(names: tuple[str, ...]) -> tuple[tuple[str, Callable[[View], Any], bool], ...]:
    """How each input is read, and whether it is a time."""
    return tuple((name, attrgetter(name), name.endswith("_utc_ns")) for name in names)

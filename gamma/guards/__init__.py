"""Guards: each looks at one order, and between orders at the account, and may only say less.

A guard's class states its scope, the base it measures, when it resets and what it latches, and
`gamma status` prints that. One guard, one file, found by entry point like a stranger's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Protocol, runtime_checkable

from gamma.reasons import Fact, Reason
from gamma.views import OrderView, View


class Scope(StrEnum):
    """Which orders a guard sees; exits pass all but the guards of scope `all`."""

    ENTRIES = "entries"
    ALL = "all"


class Action(StrEnum):
    """What a trip asks of the engine, from mild to hard."""

    PAUSE = "pause"
    """No entries of the strategy until `until_utc_ns`; lifts by itself."""
    REDUCING = "reducing"
    """No new risk on the account until a person resumes."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """A guard's finding between orders.

    `realised` tells that money has really gone (or a person acted): it latches at once. Else the first
    reading only cuts new risk, and the second in a row latches.
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

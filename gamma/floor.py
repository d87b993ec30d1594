"""The floor of a prop account: the equity at which it is breached, as a small state machine.

    floor = min(max over time of the reference - drawdown, lock)    [micro-dollars], never falling

The reference is equity with open P&L (intraday) or the closing balance (end of day). Equity at the
floor is a breach, and a breach is for good.
Source: the trailing drawdown rules of Apex Trader Funding and Topstep, as the profiles cite them.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from gamma.errors import InputInvalid


class TrailsOn(StrEnum):
    """What pulls the floor up."""

    INTRADAY = "intraday"
    """Each new peak of equity, open P&L included."""
    END_OF_DAY = "end_of_day"
    """Each new peak of the balance at the day's close."""
    NONE = "none"
    """Nothing: the floor stays where it was set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorRule:
    """How far below its reference the floor lies, what pulls it up, and where it stops (`None`: nowhere)."""

    drawdown_microusd: int
    trails_on: TrailsOn
    lock_microusd: int | None = None

    def __post_init__(self) -> None:
        if self.drawdown_microusd <= 0:
            raise InputInvalid(f"drawdown_microusd is {self.drawdown_microusd}; a floor lies below its reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorState:
    """The highest reference so far, the floor under it, and whether equity ever touched the floor."""

    reference_microusd: int
    floor_microusd: int
    breached: bool = False

    def room_microusd(self, equity_microusd: int) -> int:
        """Equity above the floor [micro-dollars]."""
        return equity_microusd - self.floor_microusd


def start(rule: FloorRule, balance_microusd: int) -> FloorState:
    """The floor of an account that opens with `balance_microusd`."""
    return FloorState(reference_microusd=balance_microusd, floor_microusd=_below(rule, balance_microusd))


def mark(rule: FloorRule, state: FloorState, equity_microusd: int) -> FloorState:
    """Look at equity, open P&L included: an intraday floor rises with it, and any floor is tested."""
    risen = _rise(rule, state, equity_microusd) if rule.trails_on is TrailsOn.INTRADAY else state
    return _tested(risen, equity_microusd)


def close_day(rule: FloorRule, state: FloorState, balance_microusd: int) -> FloorState:
    """Close the trading day: an end-of-day floor rises with the closing balance; others do not move."""
    if rule.trails_on is not TrailsOn.END_OF_DAY:
        return state
    return _tested(_rise(rule, state, balance_microusd), balance_microusd)


def _below(rule: FloorRule, reference_microusd: int) -> int:
    trailing = reference_microusd - rule.drawdown_microusd
    return trailing if rule.lock_microusd is None else min(trailing, rule.lock_microusd)


def _rise(rule: FloorRule, state: FloorState, reference_microusd: int) -> FloorState:
    reference = max(state.reference_microusd, reference_microusd)
    # A rule that was loosened (a wider drawdown after a change of phase) must not lower a floor that stood.
    floor = max(state.floor_microusd, _below(rule, reference))
    if (reference, floor) == (state.reference_microusd, state.floor_microusd):
        return state
    return replace(state, reference_microusd=reference, floor_microusd=floor)


def _tested(state: FloorState, equity_microusd: int) -> FloorState:
    if state.breached or equity_microusd > state.floor_microusd:
        return state
    return replace(state, breached=True)

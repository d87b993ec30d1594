"""The rule of the floor: equity with open P&L against it, in each bar in the worse order and the kinder. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from gamma import floor as floors
from gamma.compliance.findings import Case, Finding, Outcome
from gamma.floor import FloorRule, FloorState
from gamma.history import History
from gamma.markets import MICRO
from gamma.profiles import Profile

OPEN_UNKNOWN: Final = "open P&L between the trades is not known: give trades with mae_usd and mfe_usd, or a ledger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A floor's way along a path of equity: where it ended, the least room, and the mark that touched it (-1: none)."""

    floor_usd: float
    room_min_usd: float
    touched: int


def floor(case: Case) -> Finding:
    """Equity stays above the floor; within a bar the order is unknown, and the worse one counts."""
    profile, conduct = case.profile, case.conduct
    worse, kinder = (walk(profile.floor_rule, conduct.history, high_first=first) for first in (True, False))
    outcome, found = _outcome(worse, conduct.history), _told(worse)
    return Finding(
        rule="floor",
        outcome=outcome,
        asked=_asked(profile),
        found=f"{OPEN_UNKNOWN}; by their ends alone {found}" if outcome is Outcome.NOT_EVALUABLE else found,
        where=conduct.mark(worse.touched),
        fields=(
            "start_balance_usd",
            "drawdown_usd",
            "trails_on",
            "lock_funded_usd" if profile.phase == "funded" else "lock_evaluation_usd",
        ),
        optimistic=_outcome(kinder, conduct.history),
        optimistic_found=_told(kinder),
        margin="" if worse.touched >= 0 else f"{worse.room_min_usd:,.2f} usd",
    )


def walk(rule: FloorRule, history: History, *, high_first: bool) -> Walk:
    """Move the floor along the history; of each bar its highest equity first, or its lowest."""
    start = round(history.start_usd * MICRO)
    state = floors.start(rule, start)
    room, touched = state.room_microusd(start), -1
    for at, seen in _steps(history, high_first=high_first):
        state = _after(rule, state, at, seen)
        room = min(room, *(state.room_microusd(equity) for equity in seen)) if at >= 0 else room
        if state.breached and touched < 0:
            touched = max(at, 0)
            break
    return Walk(floor_usd=state.floor_microusd / MICRO, room_min_usd=room / MICRO, touched=touched)


def _after(rule: FloorRule, state: FloorState, at: int, seen: tuple[int, ...]) -> FloorState:
    if at < 0:
        return floors.close_day(rule, state, seen[0])
    for equity in seen:
        state = floors.mark(rule, state, equity)
        if state.breached:
            break
    return state


def _steps(history: History, *, high_first: bool) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The marks in order with their numbers, and at each session's end (-1) its balance [micro-dollars]."""
    first, second = (history.high_usd, history.low_usd) if high_first else (history.low_usd, history.high_usd)
    marks = np.rint(np.stack((first, second, history.close_usd), axis=1) * MICRO).astype(np.int64)
    ends = np.searchsorted(history.ts_mark_utc_ns, history.ts_session_close_utc_ns, side="right")
    begin = 0
    for end, balance_usd in zip(ends.tolist(), history.session_close_usd.tolist(), strict=True):
        for at in range(begin, end):
            yield at, tuple(marks[at].tolist())
        begin = max(begin, end)
        yield -1, (round(balance_usd * MICRO),)
    for at in range(begin, len(marks)):
        yield at, tuple(marks[at].tolist())


def _outcome(walked: Walk, history: History) -> Outcome:
    if walked.touched >= 0:
        return Outcome.FAIL
    return Outcome.PASS if history.open_pnl_known else Outcome.NOT_EVALUABLE


def _told(walked: Walk) -> str:
    if walked.touched >= 0:
        return f"equity touched the floor of {walked.floor_usd:,.2f} usd"
    return f"the least room was {walked.room_min_usd:,.2f} usd; the floor ends at {walked.floor_usd:,.2f}"


def _asked(profile: Profile) -> str:
    rule = profile.floor_rule
    trails = {
        floors.TrailsOn.INTRADAY: "below the highest equity with open P&L",
        floors.TrailsOn.END_OF_DAY: "below the highest closing balance",
        floors.TrailsOn.NONE: "below the start",
    }[rule.trails_on]
    stops = "" if rule.lock_microusd is None else f", up to {rule.lock_microusd / MICRO:,.0f}"
    return f"equity above a floor {rule.drawdown_microusd / MICRO:,.0f} usd {trails}{stops}"

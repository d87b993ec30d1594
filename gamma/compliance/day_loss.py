"""The rule of the day's loss: a soft one ends the day, a hard one the account. Pure."""

from dataclasses import replace
from typing import Final

import numpy as np

from gamma.compliance.conduct import NOWHERE, Conduct, Stand, Where
from gamma.compliance.findings import Case, Finding, Outcome
from gamma.compliance.trailing import OPEN_UNKNOWN
from gamma.history import History
from gamma.markets import MICRO
from gamma.stats import Floats, Ints

FIELDS: Final = ("daily_loss_usd", "daily_loss_effect")


def daily_loss(case: Case) -> Finding:
    """Measured from the session's start, open P&L included; after a soft loss nothing is opened or held that day."""
    limit, effect = case.profile.daily_loss_usd.value, case.profile.daily_loss_effect.value
    if isinstance(limit, str) or effect in ("optional", "none"):
        chosen = effect == "optional"
        found = "the limit is the trader's to choose, and was not" if chosen else "there is no such limit"
        return _finding(Outcome.PASS, "optional" if chosen else "none", found)
    asked = f"a loss of {limit:,.0f} usd in a day ends {'the day' if effect == 'soft' else 'the account'}"
    history = case.conduct.history
    touches = day_touches(history, limit)
    for at, day in touches:
        if effect == "hard":
            return _finding(Outcome.FAIL, asked, f"reached on {day}", case.conduct.mark(at))
        if broken := _went_on(case.conduct, at):
            where = Where(ts_utc_ns=broken[0].ts_utc_ns, row=broken[0].row)
            return _finding(Outcome.FAIL, asked, f"reached on {day}, and {broken[1]}", where)
    days = f"reached on {len(touches)} days, which ended there" if touches else "never reached"
    if not history.open_pnl_known:
        return _finding(Outcome.NOT_EVALUABLE, asked, f"{OPEN_UNKNOWN}; by their ends alone {days}")
    return replace(_finding(Outcome.PASS, asked, days), margin=_left(history, limit))


def _left(history: History, limit_usd: float) -> str:
    """What was left of the limit at the worst mark of all days."""
    lost = _lost_microusd(history)
    worst = int(np.argmax(lost)) if len(lost) else -1
    if worst < 0 or lost[worst] <= 0:
        return f"{limit_usd:,.2f} usd"
    which = int(_sessions_of(history)[worst])
    day = history.sessions[which] if which < len(history.sessions) else "the last day"
    return f"{max(0.0, limit_usd - lost[worst] / MICRO):,.2f} usd on {day}"


def day_touches(history: History, limit_usd: float) -> list[tuple[int, str]]:
    """For each session whose loss reached the limit, the first mark that did, and the day."""
    which = _sessions_of(history)
    first: dict[int, int] = {}
    for at in np.flatnonzero(_lost_microusd(history) >= round(limit_usd * MICRO)).tolist():
        first.setdefault(int(which[at]), at)
    days = (*history.sessions, "the last day")
    return [(at, days[day]) for day, at in first.items()]


def _sessions_of(history: History) -> Ints:
    """The session that each mark lies in. Shapes: [E]."""
    return np.searchsorted(history.ts_session_close_utc_ns, history.ts_mark_utc_ns)


def _lost_microusd(history: History) -> Floats:
    """The loss of each mark's lowest equity from its session's start. Shapes: [E]."""
    starts = np.concatenate(([history.start_usd], history.session_close_usd))
    return np.rint((starts[_sessions_of(history)] - history.low_usd) * MICRO)


def _went_on(conduct: Conduct, at: int) -> tuple[Stand, str] | None:
    """What was done in the session after the mark at which it should have ended."""
    history = conduct.history
    ts_touch = int(history.ts_mark_utc_ns[at])
    later = history.ts_session_close_utc_ns[history.ts_session_close_utc_ns >= ts_touch]
    ts_close = int(later[0]) if len(later) else conduct.ts_end_utc_ns
    # What the firm closes at the touch is closed here at the next bar, which ends with the next mark.
    marks = history.ts_mark_utc_ns[history.ts_mark_utc_ns > ts_touch]
    ts_closed = int(marks[0]) if len(marks) else ts_close
    before: Stand | None = None
    for stand, ts_end in conduct.spans:
        if ts_touch <= stand.ts_utc_ns <= ts_close and _grew(before, stand):
            return stand, "a position was opened after it"
        if any(stand.held.values()) and stand.ts_utc_ns <= ts_closed < min(ts_end, ts_close):
            return stand, "a position was held on"
        before = stand
    return None


def _grew(before: Stand | None, now: Stand) -> bool:
    return any(abs(lots) > abs(before.held.get(market, 0) if before else 0) for market, lots in now.held.items())


def _finding(outcome: Outcome, asked: str, found: str, where: Where = NOWHERE) -> Finding:
    return Finding(rule="daily_loss", outcome=outcome, asked=asked, found=found, where=where, fields=FIELDS)

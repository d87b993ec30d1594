"""What is to be said of rehearsals: the figures of a history, with what was answered and halted beside. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gamma import stats
from gamma.history.figures import SESSIONS_A_YEAR, Figure, deepest, session_returns
from gamma.history.figures import figures as of_histories
from gamma.rehearsal.play import HOLD, Rehearsal
from gamma.stats import Moments


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Rehearsals of one strategy, reduced to what it is judged by; drawdown is the deepest of any.

    Daily returns are changes of equity from one session's end to the next's, over the starting capital.
    """

    seen: Moments
    trades: int
    net_pnl_usd: float
    drawdown_usd: float

    @property
    def sharpe_annual(self) -> float:
        """The Sharpe ratio of daily returns, by 252 sessions a year."""
        return self.seen.sharpe * math.sqrt(SESSIONS_A_YEAR)


def outcome(played: Sequence[Rehearsal]) -> Outcome:
    """Several spans as one record, each begun anew."""
    told = [one.history for one in played]
    return Outcome(
        seen=stats.moments(session_returns(told)),
        trades=sum(len(one.trades) for one in told),
        net_pnl_usd=sum(one.end_usd - one.start_usd for one in told),
        drawdown_usd=max(deepest(one).depth_usd for one in told),
    )


def figures(played: Sequence[Rehearsal]) -> list[Figure]:
    """All figures of the rehearsals but those that compare; one that is not defined is left out."""
    halts = Figure(name="halts", value=sum(len(one.halts) for one in played))
    return [*of_histories([one.history for one in played]), halts, *_acts(played)]


def _acts(played: Sequence[Rehearsal]) -> list[Figure]:
    """The share of each answer among the bars of the cash session without a position, and among those with one."""
    found: list[Figure] = []
    for where, counts in (("flat", [one.acts_flat for one in played]), ("held", [one.acts_held for one in played])):
        total = sum(sum(each.values()) for each in counts)
        names = sorted({name for each in counts for name in each} | {HOLD}) if total else []
        found += [
            Figure(name=f"{where}_{name.lower()}_frac", value=sum(each.get(name, 0) for each in counts) / total)
            for name in names
        ]
    return found

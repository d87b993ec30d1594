"""The rule by which one checkpoint of a run is chosen, or none. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from gamma import stats
from gamma.history.figures import SESSIONS_A_YEAR
from gamma.rehearsal.figures import Outcome

TRADES_MIN: Final = 100
DSR_MIN: Final = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One candidate: its result, its deflated Sharpe ratio [1], and why it may not be chosen; "" where it may."""

    name: str
    outcome: Outcome
    dsr: float
    against: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """All candidates, the best Sharpe ratio first; `chosen` is the one that qualifies, if any does.

    `trials` is the N, `sharpe_std` the standard deviation of the trials' Sharpe ratios (per session) by which
    they were deflated; `luck_sharpe_annual` is what the best of N without skill is expected to show.
    `overfitting_prob` is how likely the best of one half of the days stands in the lower half on the other; NaN for
    one candidate, or fewer than 32 sessions.
    """

    ranked: tuple[Judged, ...]
    trials: int
    sharpe_std: float
    luck_sharpe_annual: float
    overfitting_prob: float = math.nan

    @property
    def best(self) -> Judged:
        """The first in rank, whether it qualifies or not."""
        return self.ranked[0]

    @property
    def chosen(self) -> Judged | None:
        """The best, where nothing is against it."""
        return self.best if not self.best.against else None


def choose(outcomes: Mapping[str, Outcome], *, drawdown_max_usd: float, trials: int) -> Choice:
    """Apply the rule: within the drawdown limit and over 100 trades, the best Sharpe ratio, and DSR >= 0.95.

        DSR = PSR(sqrt(V) * E[max of N]),  V = max(variance of the candidates' Sharpe ratios, 1 / T)

    1 / T is the variance that ratios of no skill have: checkpoints of one run resemble each other, and their own
    variance alone would make light of luck. N is `trials`, and the number of candidates at least.
    """
    known = np.array([one.seen.sharpe for one in outcomes.values() if math.isfinite(one.seen.sharpe)])
    sessions = max((one.seen.observations for one in outcomes.values()), default=0)
    variance = max(float(known.var(ddof=1)) if len(known) > 1 else 0.0, 1.0 / sessions if sessions else 0.0)
    counted = max(trials, len(outcomes), 1)
    judged = []
    for name, one in outcomes.items():
        dsr = stats.deflated_sharpe(one.seen, counted, variance)
        judged.append(Judged(name=name, outcome=one, dsr=dsr, against=_against(one, dsr, drawdown_max_usd)))
    luck = math.sqrt(variance) * stats.expected_max(counted)
    return Choice(
        ranked=tuple(sorted(judged, key=_rank)),
        trials=counted,
        sharpe_std=math.sqrt(variance),
        luck_sharpe_annual=luck * math.sqrt(SESSIONS_A_YEAR),
    )


def _against(one: Outcome, dsr: float, drawdown_max_usd: float) -> str:
    if not one.drawdown_usd < drawdown_max_usd:
        return f"drawdown {one.drawdown_usd:,.0f} usd, and {drawdown_max_usd:,.0f} is the limit"
    if one.trades <= TRADES_MIN:
        return f"{one.trades} trades, and more than {TRADES_MIN} are needed"
    if not dsr >= DSR_MIN:
        return f"deflated Sharpe ratio {dsr:.2f}, and {DSR_MIN} is needed: it may well be luck"
    return ""


def _rank(judged: Judged) -> tuple[bool, float]:
    """Those that hold the limits come first, the best Sharpe ratio before others; one that is not known is last."""
    sharpe = judged.outcome.seen.sharpe
    held = not judged.against or judged.against.startswith("deflated")
    return not held, -sharpe if math.isfinite(sharpe) else math.inf

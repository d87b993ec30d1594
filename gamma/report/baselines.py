"""What simpler rules would have made of the same bars, at the same costs."""

import math
from typing import Final

import numpy as np

from gamma import stats
from gamma.history.figures import SESSIONS_A_YEAR, deepest
from gamma.markets import MICRO
from gamma.report.form import Section, Table
from gamma.report.regimes import uncovered
from gamma.report.subject import Baseline, Subject
from gamma.report.wording import NONE, number, signed_usd, usd

WORDS: Final = (
    "Buy and hold has the mean lots of the account's own trades, over every night.",
    "Random entries keep each trade's session hours, side, lots and holding time, and begin elsewhere.",
    "Of them are told the mean of 1,000 drawings, and the interval of one.",
    "Trend following is the breakout with its default settings, through the strategy's own sizers and guards.",
)


def section(subject: Subject) -> Section:
    """A table of them beside the account's own; without bars there are none."""
    title = "Baselines"
    if subject.baselines is None:
        words = ["Not told: they need the market's bars. Give them with --bars FILE."]
        return Section(name="baselines", title=title, words=words)
    rows = [_row(one) for one in (*_own(subject), *subject.baselines)]
    columns = ("who", "market", "P&L [usd]", "95 % interval [usd]", "Sharpe [a year]", "drawdown [usd]")
    table = Table(caption="The account beside baselines", columns=columns, rows=rows, numbers=(2, 3, 4, 5))
    return Section(name="baselines", title=title, words=[*WORDS, *uncovered(subject)], tables=[table])


def _own(subject: Subject) -> list[Baseline]:
    """The account in all, then its trades in each market that baselines are told of."""
    told = subject.history
    found = [
        Baseline(
            name="this account",
            market="all",
            net_pnl_usd=told.end_usd - told.start_usd,
            sharpe_annual=stats.sharpe_annual(told.session_returns, SESSIONS_A_YEAR),
            drawdown_usd=deepest(told).depth_usd,
        )
    ]
    markets = list(dict.fromkeys(one.market for one in subject.baselines or ()))
    if len({trade.market for trade in told.trades}) > 1:
        for market in markets:
            pnl = np.array([trade.pnl_microusd for trade in told.trades if trade.market == market]) / MICRO
            found.append(Baseline(name="its trades", market=market, net_pnl_usd=float(pnl.sum())))
    return found


def _row(one: Baseline) -> tuple[str, ...]:
    known = math.isfinite(one.low_usd)
    spread = f"{signed_usd(one.low_usd)} to {signed_usd(one.high_usd)}" if known else NONE
    return one.name, one.market, signed_usd(one.net_pnl_usd), spread, number(one.sharpe_annual), usd(one.drawdown_usd)

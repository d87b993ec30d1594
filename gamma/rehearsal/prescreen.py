"""Many settings looked at in columns before a search, so that it begins with the best of them; each is a try."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gamma import calendar, stats
from gamma.feeds.series import Series
from gamma.markets import MICRO
from gamma.rehearsal.backtest import on_paper
from gamma.rehearsal.evaluation import subject_of
from gamma.rehearsal.open_loop import OpenLoop, reckon, rule_of
from gamma.rehearsal.space import Setting, Vary
from gamma.rehearsal.tuning import Search
from gamma.stats import Floats


def prescreened(plan: Search, count: int) -> Search:
    """The search, to begin with the best Sharpe ratios of `count` settings, drawn by its seed, as many as it has tries.

    Raises: InputInvalid naming what cannot be reckoned in columns; ConfigInvalid when settings cannot be traded with.
    """
    chance = np.random.default_rng([plan.seed, count])
    drawn = [{one.path: _drawn(chance, one) for one in plan.varies} for _ in range(count)]
    settings = list({tuple(one.items()): one for one in drawn}.values())
    configs = [on_paper(plan.configured(one), [plan.folds[0].series.market]) for one in settings]
    rules = [rule_of(config, plan.strategy) for config in configs]
    plan.counted([subject_of(config, plan.strategy).sha256 for config in configs])
    folds = [[session_returns(fold.series, one) for one in reckon(fold.series, rules)] for fold in plan.folds]
    sharpe = [stats.moments(np.concatenate([fold[number] for fold in folds])).sharpe for number in range(len(rules))]
    ranked = sorted(
        range(len(rules)), key=lambda number: -sharpe[number] if math.isfinite(sharpe[number]) else math.inf
    )
    first: tuple[Mapping[str, Setting], ...] = tuple(settings[number] for number in ranked[: plan.trials])
    return replace(plan, first=first)


def session_returns(series: Series, found: OpenLoop) -> Floats:
    """Changes of equity from session to session, over the starting capital; a trade that never ended is left out.

    Shapes: [S] of the sessions that have bars.
    """
    rule = found.rule
    rows = _last_rows(series)
    fee, value = rule.market.fee_microusd(rule.lots, 1), rule.lots * rule.market.tick_value_microusd
    settled = np.concatenate(([0], np.cumsum(found.pnl_microusd)))
    ended = np.searchsorted(found.exit_row, rows, side="right")
    equity = rule.start_microusd + settled[ended].astype(np.float64)
    if len(found.side):
        now = np.minimum(ended, len(found.side) - 1)
        holds = (ended < len(found.side)) & (found.entry_row[now] <= rows)
        ticks = series.close_points[rows] * rule.market.ticks_per_point
        equity += holds * (np.rint(found.side[now] * (ticks - found.entry_ticks[now]) * value) - fee)
    return np.diff(equity / MICRO, prepend=rule.start_microusd / MICRO) / (rule.start_microusd / MICRO)


def _last_rows(series: Series) -> "np.typing.NDArray[np.int64]":
    """The last bar of each session."""
    opens, closes = calendar.bounds(series.market)
    ends = series.ts_close_utc_ns - 1
    at = np.searchsorted(opens, ends, side="right") - 1
    inside = np.flatnonzero((at >= 0) & (ends < closes[at]))
    return inside[np.append(np.diff(at[inside]) != 0, True)] if len(inside) else inside


def _drawn(chance: np.random.Generator, vary: Vary) -> Setting:
    if vary.choices:
        return vary.choices[int(chance.integers(len(vary.choices)))]
    if vary.step:
        return vary.values[int(chance.integers(len(vary.values)))]
    if vary.log:
        value = math.exp(chance.uniform(math.log(vary.low), math.log(vary.high)))
    else:
        value = float(chance.uniform(vary.low, vary.high))
    return round(value) if vary.whole else value

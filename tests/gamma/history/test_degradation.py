"""Earlier days against later ones, where the answer is known."""

import math
from dataclasses import replace

import numpy as np
import pytest

from gamma.history import History
from gamma.history.degradation import Change, degradation
from tests.gamma.history.case import traded
from tests.gamma.history.test_windows import lived


def record(mean_usd: float, seed: int, sessions: int = 120) -> History:
    """A trade a session, with a spread of 100 usd around the mean."""
    pnl = np.random.default_rng(seed).normal(mean_usd, 100.0, sessions).round(2)
    return replace(lived(*(1_000.0 + np.cumsum(pnl))), trades=tuple(traded(float(one)) for one in pnl))


def told(earlier: History, later: History) -> dict[str, Change]:
    return {one.name: one for one in degradation([earlier], [later])}


def test_an_edge_that_is_gone_is_significant_in_every_figure() -> None:
    found = told(record(60.0, 1), record(-20.0, 2))
    assert set(found) == {"pnl_per_session_usd", "sharpe_annual", "pnl_per_trade_usd", "win_rate_frac", "profit_factor"}
    for one in found.values():
        assert one.significant
        assert one.difference < 0
        assert one.low < one.difference < one.high < 0
        assert one.p_value < 0.01


def test_the_same_again_is_not() -> None:
    found = told(record(10.0, 1), record(10.0, 2))
    assert not any(one.significant for one in found.values())
    assert all(one.p_value > 0.05 for one in found.values())


def test_the_p_value_is_about_that_of_the_normal_law() -> None:
    earlier, later = record(30.0, 3, 400), record(12.0, 4, 400)
    one = told(earlier, later)["pnl_per_session_usd"]
    spread = math.sqrt(sum(np.diff(x.session_close_usd).var(ddof=1) / 399 for x in (earlier, later)))
    by_law = math.erfc(abs(one.difference) / spread / math.sqrt(2))
    assert one.p_value == pytest.approx(by_law, abs=0.03)
    assert (one.high - one.low) == pytest.approx(2 * 1.96 * spread, rel=0.15)


def test_what_is_too_short_has_no_interval_and_no_p_value() -> None:
    found = told(record(10.0, 1), record(10.0, 2, 1))
    for one in found.values():
        assert math.isnan(one.low)
        assert math.isnan(one.p_value)
        assert not one.significant
    assert math.isfinite(found["pnl_per_session_usd"].later)

"""What the daemon trades from a checkpoint is what the environment trades that trained it."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gamma.feeds.series import Series
from tests.models.futures.market_case import simulated
from tests.models.policy_case import Case, by_engine, by_environment, differ

BARS = 3_000
NAMES = {"BREAK_EVEN": "SL_TO_BE"}


def bars_of(market: str, bars: int = BARS) -> Series:
    """Simulated bars without a quoted spread: the broker's own counts then."""
    series = simulated(market, bars)
    return replace(series, spread_points=np.full(len(series), np.nan))


@pytest.mark.parametrize(
    "case",
    [
        Case(market="MNQ", phase=1, seed=1, floor=False),
        Case(market="MNQ", phase=2, seed=2, floor=False),
        Case(market="NQ", phase=1, seed=3, floor=True),
        Case(market="NQ", phase=2, seed=4, floor=True),
        Case(market="MNQ", phase=2, seed=5, floor=True),
    ],
    ids=str,
)
def test_the_daemon_trades_what_the_environment_trades(case: Case, tmp_path: Path) -> None:
    series = bars_of(case.market)
    expected, taken = by_environment(case, series)
    found, told = by_engine(case, series, tmp_path)
    assert not differ(expected, found)
    assert len(found) > 20
    assert not told.halts
    other = Counter({NAMES.get(name, name): count for name, count in told.acts.items()})
    assert (other - taken).total() == 1  # on the last bar nothing is decided in the environment
    assert not taken - other

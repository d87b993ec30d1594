"""What others published of their trades and returns, made again from the same numbers; see docs/validation.md."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from gamma import stats

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "../shared/data/reference"
sys.path.insert(0, str(ROOT))
from benchmarks._published import Row, column, table  # noqa: E402
from benchmarks.published import rows  # noqa: E402

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the published trade lists are not beside the project")


def found() -> Sequence[Row]:
    return rows(FOLDER)


def test_every_published_figure_comes_out_or_differs_for_a_reason_that_is_told() -> None:
    told = found()
    assert len(told) > 250
    unexplained = [(row.source, row.figure, row.published, row.ours) for row in told if not row.same and not row.reason]
    assert unexplained == []
    assert sum(row.same for row in told) >= 241


def test_each_source_is_there() -> None:
    names = {row.source.split(" ")[0] for row in found()}
    assert names == {"backtesting.py", "empyrical", "TradingView", "iron", "eta", "fund"}


@pytest.mark.parametrize("manager", ["HAM1", "HAM3", "HAM4", "EDHEC LS EQ", "SP500 TR"])
def test_managers_returns_give_what_empyrical_makes_of_them(manager: str) -> None:
    empyrical = pytest.importorskip("empyrical")
    path = table(FOLDER / "PerformanceAnalytics/managers.csv")
    returns = column([row for row in path if row[manager]], manager)
    rate = column([row for row in path if row[manager]], "US 3m TR")
    theirs = (
        empyrical.sharpe_ratio(returns, rate, period="monthly"),
        empyrical.sortino_ratio(returns, 0.0, period="monthly"),
        empyrical.calmar_ratio(returns, period="monthly"),
        -empyrical.value_at_risk(returns),
        -empyrical.conditional_value_at_risk(returns),
    )
    ours = (
        stats.information_ratio_annual(returns, rate, 12),
        stats.sortino_annual(returns, 12),
        stats.calmar(returns, 12),
        stats.value_at_risk(returns),
        stats.conditional_value_at_risk(returns),
    )
    assert ours == pytest.approx([float(value) for value in theirs])
    assert bool(np.isfinite(ours).all())

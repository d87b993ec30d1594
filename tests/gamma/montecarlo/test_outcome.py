"""What is told of a simulation, worked out by hand on a few paths."""

import numpy as np
import pytest

from gamma.montecarlo.outcome import outcome_of
from gamma.montecarlo.simulation import Simulated
from gamma.stats import wilson


def ended(final_usd: list[float], drawdown_usd: list[float]) -> Simulated:
    count = len(final_usd)
    return Simulated(
        start_usd=100.0,
        final_usd=np.array(final_usd),
        drawdown_usd=np.array(drawdown_usd),
        drawdown_frac=np.array(drawdown_usd) / 100,
        halted=np.arange(count) < 1,
        ruined=np.arange(count) < 2,
        trades=np.full(count, 4),
        lots_total=np.full(count, 6.0),
    )


def test_every_share_percentile_and_rank_is_that_of_the_paths() -> None:
    paths = ended([50.0, 100.0, 150.0, 200.0, 300.0], [60.0, 5.0, 20.0, 10.0, 15.0])
    found = outcome_of("independent", 1.0, paths, ended([150.0], [12.0]))
    assert found.final_usd[50] == 150.0
    assert found.final_usd[25] == 100.0
    assert found.final_mean_usd == 160.0
    assert {what: one.prob for what, one in found.chances.items()} == {
        "profit": 0.6,
        "double": 0.4,
        "triple": 0.2,
        "halt": 0.2,
        "ruin": 0.4,
    }
    assert (found.chances["profit"].low, found.chances["profit"].high) == wilson(3, 5)
    falls = found.drawdown_usd
    assert (falls.mean, falls.median, falls.worst) == (22.0, 15.0, 60.0)
    assert falls.p95 == pytest.approx(20.0 + 0.8 * 40.0)
    assert found.lots_mean == 1.5
    assert (found.realised.rank_frac, found.realised.drawdown_rank_frac) == (0.4, 0.4)
    assert list(found.final_usd) == [1, 5, 10, 25, 50, 75, 90, 95, 99]

"""The promise of the conformal layer, kept by the broker: bars, trades, bound, choice, and every bar again."""

from dataclasses import replace

import numpy as np
import pytest

from gamma.curves import chosen
from gamma.stats.proportions import clopper_pearson
from models.size_picker import conformal, cutting, form
from models.size_picker.broker import Terms, simulated
from models.size_picker.market import shape_of
from models.size_picker.outcomes import outcomes
from models.size_picker.simulator import simulate
from tests.models.size_picker.broker_case import seen_by_broker
from tests.models.size_picker.drawn import Reckless

TERMS = Terms()
HELD_OUT = 3_000


@pytest.fixture(scope="module")
def found() -> cutting.Found:
    """Trades of 12 wild markets over 40 weeks, of accounts so small that leverage is what limits most sizes."""
    rng = np.random.default_rng(31)
    wild = replace(shape_of(), vol_frac=3 * shape_of().vol_frac)
    made = cutting.found(simulate(wild, rng, 40, np.exp(rng.uniform(7.1, 8.5, 12))), rng, TERMS)
    placed = replace(made.placed, equity_usd=made.placed.equity_usd / 8)
    return replace(made, placed=placed, outcome=outcomes(seen_by_broker(made.bars), placed, TERMS))


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.10, 0.05, 0.01])
def test_a_picker_that_fears_nothing_is_liquidated_at_most_as_often_as_asked(
    found: cutting.Found, alpha: float
) -> None:
    # In an order by chance any trade is as likely to be held out as another: they are exchangeable.
    rows = np.random.default_rng(round(1_000 * alpha)).permutation(len(found.cuts))
    held_out, calibration = rows[:HELD_OUT], found.trades(rows[HELD_OUT:])
    assert len(calibration) > 1_000
    seen = form.shown(found.trades(held_out))
    lots = np.asarray(chosen(conformal.over(Reckless(), calibration).curve(seen), ruin_max=alpha))
    assert (lots > 0).mean() > 0.1
    bars = seen_by_broker(found.bars)
    without = np.asarray(chosen(Reckless().curve(seen), ruin_max=alpha))
    assert found.outcome.ruined[held_out, without].mean() > alpha
    ends = [
        simulated(bars, found.placed.one(int(row)), int(size), TERMS) for row, size in zip(held_out, lots, strict=True)
    ]
    count = sum(end.liquidated for end in ends)
    assert count == found.outcome.ruined[held_out, lots].sum()
    assert clopper_pearson(count, HELD_OUT, 0.99)[0] <= alpha


def test_the_same_sizes_at_twice_the_price_and_equity_are_chosen_and_ruined_alike(found: cutting.Found) -> None:
    rows = np.arange(0, len(found.cuts), 7)
    trades = found.trades(rows)
    layer = conformal.over(Reckless(), found.trades(np.arange(3, len(found.cuts), 7)))
    scaled = replace(trades, price_usd=2 * trades.price_usd, equity_usd=2 * trades.equity_usd)
    one, two = (np.asarray(chosen(layer.curve(form.shown(each)), ruin_max=0.05)) for each in (trades, scaled))
    np.testing.assert_array_equal(one, two)

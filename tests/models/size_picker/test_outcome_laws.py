"""What holds of any trade in any market: more size, more leverage and less equity never make a trade safer."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.size_picker.broker import Reading, Terms, lots_allowed, ruin_frac
from models.size_picker.outcomes import Entries, Outcomes, entries, outcomes
from tests.models.size_picker.broker_case import bars_of, wild_bars, wild_entries

BAR = st.tuples(st.floats(50, 5_000), st.floats(0, 0.3), st.floats(0, 0.3)).map(
    lambda told: (told[0], told[0] * (1 + told[1]), told[0] * (1 - told[2]))
)
PATH = st.lists(BAR, min_size=2, max_size=12)
EQUITY = st.floats(1, 20_000)
SIDE = st.sampled_from([-1, 1])


@st.composite
def terms(draw: st.DrawFn, readings: tuple[Reading, ...] = ("A", "B")) -> Terms:
    return Terms(
        reading=draw(st.sampled_from(readings)),
        leverage=draw(st.floats(1, 100)),
        spread_frac=draw(st.floats(0, 0.01)),
        slippage_frac=draw(st.floats(0, 0.01)),
        swap_long_frac=draw(st.floats(-0.001, 0.001)),
        swap_short_frac=draw(st.floats(-0.001, 0.001)),
    )


def held(path: list[tuple[float, float, float]], side: int, equity_usd: float, told: Terms) -> Outcomes:
    """One trade from the first bar of the path to the last, a night at every other bar."""
    bars = bars_of(*path, charged=tuple(n // 2 for n in range(len(path))))
    return outcomes(bars, entries([side], [0], [len(path) - 1], [equity_usd], told), told)


@given(PATH, SIDE, EQUITY, terms())
def test_no_size_is_safer_than_a_smaller_one(
    path: list[tuple[float, float, float]], side: int, equity_usd: float, told: Terms
) -> None:
    found = held(path, side, equity_usd, told)
    assert (np.diff(found.ruin_frac[0]) <= 0).all()
    assert (np.diff(found.ruined[0].astype(int)) >= 0).all()
    assert not found.ruined[0, 0]
    assert found.returns[0, 0] == 0


@given(PATH, SIDE, EQUITY, EQUITY, terms())
def test_more_equity_never_ruins_a_size_that_less_would_save(
    path: list[tuple[float, float, float]], side: int, one_usd: float, two_usd: float, told: Terms
) -> None:
    less, more = (held(path, side, equity, told) for equity in sorted((one_usd, two_usd)))
    assert not (more.ruined & ~less.ruined).any()
    assert (np.isfinite(more.returns) >= np.isfinite(less.returns)).all()
    assert more.adverse_frac == less.adverse_frac


@given(st.floats(1, 20_000), st.floats(50, 5_000), st.floats(1, 100), st.floats(1, 100), st.sampled_from(["A", "B"]))
def test_a_broker_with_more_leverage_allows_no_fewer_lots(
    equity_usd: float, price_usd: float, one: float, two: float, reading: Reading
) -> None:
    less, more = (Terms(reading=reading, leverage=leverage) for leverage in sorted((one, two)))
    assert lots_allowed(equity_usd, price_usd, less) <= lots_allowed(equity_usd, price_usd, more)


@given(EQUITY, EQUITY, st.floats(50, 5_000), st.floats(50, 5_000), terms())
def test_the_level_falls_with_effective_leverage_whatever_it_comes_from(
    one_usd: float, two_usd: float, price_usd: float, other_usd: float, told: Terms
) -> None:
    leverage = [told.ounces * price / equity for equity, price in ((one_usd, price_usd), (two_usd, other_usd))]
    level = [ruin_frac(one_usd, price_usd, told), ruin_frac(two_usd, other_usd, told)]
    for size in range(1, told.lots_max + 1):
        first, last = np.argsort([each[size] for each in leverage])
        assert level[last][size] <= level[first][size] * (1 + 1e-12) + 1e-12


@given(PATH, SIDE, EQUITY, terms(readings=("A", "B", "floor")))
def test_while_it_lives_a_size_comes_to_so_many_times_one_lot(
    path: list[tuple[float, float, float]], side: int, equity_usd: float, told: Terms
) -> None:
    found = held(path, side, equity_usd, told)
    lives = np.isfinite(found.returns[0]) & ~found.ruined[0]
    one = told.ounces_per_lot * found.price_usd[0] / equity_usd * found.move_frac[0]
    np.testing.assert_allclose(found.returns[0][lives], np.arange(31)[lives] * one, rtol=1e-9, atol=1e-12)


@given(PATH, SIDE, EQUITY, terms())
def test_a_ruined_trade_loses_at_least_what_its_level_says(
    path: list[tuple[float, float, float]], side: int, equity_usd: float, told: Terms
) -> None:
    found = held(path, side, equity_usd, told)
    gone = np.isfinite(found.returns[0]) & found.ruined[0]
    leverage = told.ounces * found.price_usd[0] / equity_usd
    assert (found.returns[0][gone] <= -leverage[gone] * found.ruin_frac[0][gone] * (1 - 1e-9)).all()


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100))
def test_in_another_currency_the_same_trades_come_to_the_same(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    bars, told = wild_bars(rng, 300), Terms()
    made = wild_entries(rng, bars, 40, 50, told)
    scaled = replace(
        bars, open_usd=bars.open_usd * factor, high_usd=bars.high_usd * factor, low_usd=bars.low_usd * factor
    )
    richer: Entries = replace(made, equity_usd=made.equity_usd * factor)
    one, two = outcomes(bars, made, told), outcomes(scaled, richer, told)
    np.testing.assert_allclose(one.adverse_frac, two.adverse_frac, rtol=1e-9)
    clear = np.abs(one.adverse_frac[:, None] / one.ruin_frac - 1) > 1e-8
    np.testing.assert_array_equal(one.ruined[clear], two.ruined[clear])


def test_a_longer_trade_never_falls_less_far() -> None:
    rng = np.random.default_rng(5)
    bars, told = wild_bars(rng, 3_000), Terms()
    made = wild_entries(rng, bars, 500, 200, told)
    longer = replace(made, exit_bar=np.minimum(made.exit_bar + 50, len(bars) - 1))
    assert (outcomes(bars, longer, told).adverse_frac >= outcomes(bars, made, told).adverse_frac).all()

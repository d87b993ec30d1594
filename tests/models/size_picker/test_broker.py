"""The broker's terms, by the numbers of its specification, and one trade bar by bar. Expected numbers are by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from pydantic import ValidationError

from gamma.errors import InputInvalid
from models.size_picker.broker import (
    Placed,
    Terms,
    largest_safe,
    liquidation_usd,
    lots_allowed,
    nights,
    ruin_frac,
    ruin_usd,
    simulated,
)
from tests.models.size_picker.broker_case import bars_of, free

A, B = free(reading="A"), free(reading="B")


def placed(
    side: int = 1, exit_bar: int = 2, equity_usd: float = 1_000.0, spread_frac: float = 0.0, floor_usd: float = 0.0
) -> Placed:
    return Placed(
        side=side, entry_bar=0, exit_bar=exit_bar, equity_usd=equity_usd, spread_frac=spread_frac, floor_usd=floor_usd
    )


@pytest.mark.parametrize(
    ("terms", "side", "expected"), [(A, 1, 1_844.444), (B, 1, 1_807.778), (A, -1, 2_155.556), (B, -1, 2_192.222)]
)
def test_4_5_ounces_of_1000_usd_at_2000_are_liquidated_at(terms: Terms, side: int, expected: float) -> None:
    assert liquidation_usd(side, 1_000, 2_000, 30, terms) == pytest.approx(expected, abs=0.0005)


def test_the_level_is_a_share_of_price_over_leverage() -> None:
    assert ruin_frac(1_000, 2_000, A)[30] == pytest.approx(0.7 / 9, rel=2e-9)
    assert ruin_frac(1_000, 2_000, B)[30] == pytest.approx(1 / 9 - 0.015, rel=2e-9)
    assert ruin_frac(1_000, 2_000, A)[0] == np.inf


@pytest.mark.parametrize(
    ("equity_usd", "move_usd", "lots", "ounces"),
    [(1_000, 140, 30, 4.50), (1_000, 200, 23, 3.45), (1_000, 5_000, 0, 0), (300, 200, 6, 0.90)],
)
def test_the_largest_size_that_lives_through_a_move(
    equity_usd: float, move_usd: float, lots: int, ounces: float
) -> None:
    assert largest_safe(move_usd / 2_000, equity_usd, 2_000, A) == lots
    assert A.ounces[lots] == pytest.approx(ounces)


def test_a_level_that_is_touched_liquidates() -> None:
    path = bars_of((2_000, 2_000, 1_800), (1_900, 1_900, 1_900))
    found = [simulated(path, placed(exit_bar=1, equity_usd=300.0), lots, A) for lots in (6, 7)]
    assert [each.liquidated for each in found] == [False, True]


@pytest.mark.parametrize(
    ("equity_usd", "price_usd", "lots"),
    [(200, 2_000, 13), (450, 2_000, 30), (449.99, 2_000, 29), (10**9, 2_000, 30), (15, 2_000, 1), (14.99, 2_000, 0)],
)
def test_leverage_allows_so_many_whole_lots(equity_usd: float, price_usd: float, lots: int) -> None:
    assert lots_allowed(equity_usd, price_usd, A) == lots


def test_every_exact_boundary_of_leverage_gives_its_lot() -> None:
    lots = np.arange(31)
    for price in (1_234.56, 2_000.0, 3_333.33):
        assert lots_allowed(lots * 0.15 * price / 20, price, A).tolist() == lots.tolist()


def test_no_equity_and_no_price_allow_nothing() -> None:
    assert lots_allowed([0.0, -5.0, np.nan, 1_000.0, 1_000.0], [2_000.0, 2_000.0, 2_000.0, 0.0, np.nan], A).sum() == 0


def test_a_size_beyond_leverage_is_refused_by_name() -> None:
    with pytest.raises(InputInvalid, match=r"14 lots: leverage allows 13 at 2,000\.00"):
        simulated(bars_of((2_000, 2_000, 2_000), (2_000, 2_000, 2_000)), placed(exit_bar=1, equity_usd=200.0), 14, A)


@pytest.mark.parametrize("bad", [{"leverage": 0}, {"lots_max": 0}, {"reading": "C"}, {"spread_frac": -0.1}, {"x": 1}])
def test_terms_that_no_broker_has_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Terms.model_validate(bad)


def test_a_trade_that_lives_comes_to_its_move_times_its_leverage() -> None:
    path = bars_of((2_000, 2_010, 1_990), (2_000, 2_100, 1_995), (2_080, 2_080, 2_080))
    assert simulated(path, placed(), 30, A).return_frac == pytest.approx(4.5 * 80 / 1_000)
    assert simulated(path, placed(side=-1), 30, A).return_frac == pytest.approx(-4.5 * 80 / 1_000)
    assert simulated(path, placed(), 0, A).return_frac == 0


def test_a_bar_that_reaches_the_level_is_closed_at_the_level() -> None:
    found = simulated(bars_of((2_000, 2_000, 1_990), (1_990, 1_990, 1_700), (1_990, 2_000, 1_990)), placed(), 30, A)
    assert (found.liquidated, found.bar) == (True, 1)
    assert found.return_frac == pytest.approx(-0.70)


def test_a_gap_through_the_level_is_closed_at_the_open_and_loses_more() -> None:
    found = simulated(bars_of((2_000, 2_000, 1_990), (1_700, 1_990, 1_600), (1_990, 2_000, 1_990)), placed(), 30, A)
    assert (found.liquidated, found.bar) == (True, 1)
    assert found.return_frac == pytest.approx(-4.5 * 300 / 1_000)


def test_a_gap_at_the_exit_loses_what_the_open_says_and_no_more() -> None:
    found = simulated(bars_of((2_000, 2_000, 1_990), (1_990, 1_990, 1_990), (1_700, 1_700, 1_000)), placed(), 30, A)
    assert found.liquidated
    assert found.return_frac == pytest.approx(-1.35)


def test_spread_and_slippage_are_paid_on_both_sides() -> None:
    flat = bars_of((2_000, 2_000, 2_000), (2_000, 2_000, 2_000), (2_000, 2_000, 2_000))
    terms = free(slippage_frac=0.0001)
    for side in (1, -1):
        found = simulated(flat, placed(side=side, spread_frac=0.0002), 10, terms)
        # 1.5 oz * 2,000 usd * (0.0002 of spread + 2 * 0.0001 of slippage) of 1,000 usd
        assert found.return_frac == pytest.approx(-1.5 * 0.80 / 1_000)


def test_each_night_costs_its_swap_and_a_credit_is_paid_out() -> None:
    flat = bars_of((2_000, 2_000, 2_000), (2_000, 2_000, 2_000), (2_000, 2_000, 2_000), charged=(5, 6, 9))
    terms = free(swap_long_frac=0.0002, swap_short_frac=-0.0001)
    assert simulated(flat, placed(), 10, terms).return_frac == pytest.approx(-1.5 * 4 * 0.40 / 1_000)
    assert simulated(flat, placed(side=-1), 10, terms).return_frac == pytest.approx(1.5 * 4 * 0.20 / 1_000)


def test_swap_alone_can_liquidate() -> None:
    flat = bars_of(*[(2_000, 2_000, 2_000)] * 3, charged=(0, 399, 401))
    terms = free(swap_long_frac=0.0002)  # 0.40 usd an ounce a night: 160 usd in 400
    found = simulated(flat, placed(equity_usd=1_000.0), 30, terms)
    assert (found.liquidated, found.bar) == (True, 1)
    assert not simulated(flat, placed(side=-1), 30, terms).liquidated


def test_a_floor_ruins_at_an_equity_of_its_own() -> None:
    micro = free(reading="floor", ounces_per_lot=2.0, leverage=np.inf, lots_max=5)
    assert ruin_usd(50_000, 20_000, micro, 48_000).tolist() == [2_000.0] * 6
    assert ruin_frac(50_000, 20_000, micro, 48_000)[5] == pytest.approx(2_000 / (5 * 2 * 20_000))
    path = bars_of((20_000, 20_000, 19_900), (19_900, 19_900, 19_800), (19_900, 19_900, 19_900))
    ends = [simulated(path, placed(equity_usd=50_000.0, floor_usd=48_000.0), lots, micro) for lots in (4, 5)]
    assert [each.liquidated for each in ends] == [False, True]
    assert ends[1].return_frac == pytest.approx(-2_000 / 50_000)


def moment(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("first", "last", "charged"),
    [
        ("2025-03-03 21:00-05:00", "2025-03-04 16:00-05:00", 0),
        ("2025-03-03 16:00-05:00", "2025-03-03 17:00-05:00", 1),  # the roll itself is charged
        ("2025-03-05 16:00-05:00", "2025-03-05 18:00-05:00", 3),  # Wednesday
        ("2025-03-07 16:00-05:00", "2025-03-09 18:00-04:00", 1),  # a weekend, with the clock's change in it
        ("2025-07-14 16:00-04:00", "2025-07-14 17:00-04:00", 1),  # the roll follows New York's summer
        ("2025-07-14 17:00-04:00", "2025-07-14 23:00-04:00", 0),
        ("2025-01-06 12:00-05:00", "2025-01-13 12:00-05:00", 7),
    ],
)
def test_nights_are_charged_at_17_new_york_and_three_on_wednesday(first: str, last: str, charged: int) -> None:
    found = nights([moment(first), moment(last)])
    assert found[1] - found[0] == charged


def test_a_year_of_hours_is_charged_for_365_nights_or_so_and_never_goes_back() -> None:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    hours = [round((start + timedelta(hours=n)).timestamp()) * 10**9 for n in range(365 * 24)]
    found = nights(hours)
    assert set(np.diff(found).tolist()) == {0, 1, 3}
    assert 363 <= found[-1] - found[0] <= 367

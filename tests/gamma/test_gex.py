"""Gamma exposure by hand, and against the profiles that were published with real chains."""

import csv
import math
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from gamma.feeds.chain_file import ChainWanted, cboe_time_utc_ns, load_chains
from gamma.gex import Reading, exposure_usd, profile
from gamma.options import Chain, Option, Terms, black_scholes, chain_of, settlement_utc_ns
from gamma.structures import Right

RECORDED = Path(__file__).parents[2] / "../shared/data/options"
recorded = pytest.mark.skipif(
    not RECORDED.exists(), reason="needs the recorded chains, which are not part of the repository"
)
EXPIRES = date(2023, 5, 26)
MORNING = settlement_utc_ns("SPXW", EXPIRES) - 6 * 3600 * 10**9
YEARS = 6 / 24 / 365


def option(strike: float, right: Right, interest: float, **told: float) -> Option:
    return Option(root="SPXW", expires=EXPIRES, right=right, strike_points=strike, open_interest=interest, **told)


def call(strike: float, interest: float, **told: float) -> Option:
    return option(strike, Right.CALL, interest, **told)


def put(strike: float, interest: float, **told: float) -> Option:
    return option(strike, Right.PUT, interest, **told)


def chain(*options: Option, spot: float = 4200.0) -> Chain:
    return chain_of("SPX", spot, MORNING, options)


# A gamma with more than six decimals, so that it counts as one that is not rounded.
FINE = 0.0012345678


def test_a_hundred_calls_are_worth_what_the_formula_says() -> None:
    """0.01 * 100 contracts * 100 usd * 100^2 * 1 % = 10,000 usd."""
    assert exposure_usd(100.0, np.array([0.01]), np.array([100.0])) == pytest.approx([10_000.0])


def test_calls_count_for_dealers_and_puts_against_them() -> None:
    found = profile(chain(call(4200, 100, gamma=FINE), put(4200, 300, gamma=FINE), put(4100, 10, gamma=FINE)))
    unit = FINE * 100 * 4200**2 * 0.01
    assert found.strikes_points.tolist() == [4100, 4200]
    assert found.call_usd == pytest.approx([0, 100 * unit])
    assert found.put_usd == pytest.approx([-10 * unit, -300 * unit])
    assert found.net_usd == pytest.approx([-10 * unit, -200 * unit])
    assert found.sum_usd == pytest.approx(-210 * unit)


def test_the_pin_is_the_largest_exposure_weighed_by_its_distance() -> None:
    """1 % of 4,200 is 42 points: there exposure weighs half, and 200 contracts count as 100."""
    near, far = call(4200, 101, gamma=FINE), call(4242, 200, gamma=FINE)
    assert profile(chain(near, far)).pin_points == 4200
    assert profile(chain(replace(near, open_interest=99.0), far)).pin_points == 4242


def test_no_strike_out_of_reach_or_below_0_is_a_pin() -> None:
    far, against = call(4300, 10_000, gamma=FINE), put(4200, 50, gamma=FINE)
    assert math.isnan(profile(chain(far, against)).pin_points)
    assert profile(chain(far, against), Reading(pin_reach_frac=0.03)).pin_points == 4300


def test_the_walls_lie_on_their_sides_of_the_spot() -> None:
    found = profile(
        chain(
            call(4100, 900, gamma=FINE), call(4250, 20, gamma=FINE), call(4300, 30, gamma=FINE),
            put(4300, 900, gamma=FINE), put(4150, 20, gamma=FINE), put(4100, 30, gamma=FINE),
        )
    )  # fmt: skip
    assert (found.call_wall_points, found.put_wall_points) == (4300, 4100)
    bare = profile(chain(call(4100, 900, gamma=FINE)))
    assert math.isnan(bare.call_wall_points)
    assert math.isnan(bare.put_wall_points)


def test_the_flip_lies_where_calls_above_and_puts_below_are_even() -> None:
    """Equal interest and volatility at 4,100 and 4,300: even halfway, but for the fourth digit of ln(S/K)."""
    found = profile(chain(call(4300, 100, iv=0.2), put(4100, 100, iv=0.2), spot=4190.0), Reading(level_span_frac=0.03))
    assert found.flip_points == pytest.approx(math.sqrt(4100 * 4300), abs=0.5)
    assert found.total_usd[0] < 0 < found.total_usd[-1]


def test_without_a_change_of_sign_there_is_no_flip() -> None:
    assert math.isnan(profile(chain(call(4300, 100, iv=0.2))).flip_points)
    assert math.isnan(profile(chain(call(4300, 100, gamma=FINE))).flip_points)


def own_gamma(strike: float, iv: float) -> float:
    terms = Terms(call=True, spot_points=4200.0, strike_points=strike, years=YEARS)
    return float(black_scholes(terms, iv).gamma)


def test_a_missing_or_rounded_gamma_is_reckoned_from_the_volatility() -> None:
    rounded = call(4200, 1, gamma=0.0012, iv=0.15)
    for one in (rounded, replace(rounded, gamma=math.nan), replace(rounded, gamma=0.0)):
        found = profile(chain(one))
        assert found.sum_usd == pytest.approx(own_gamma(4200, 0.15) * 4200**2)
        assert (found.counted.own, found.counted.feed) == (1, 0)


def test_a_gamma_that_is_large_for_its_last_decimal_is_taken_as_it_is() -> None:
    """Half of 0.0001 is less than 1 % of 0.0123, and more than 1 % of 0.0012."""
    found = profile(chain(call(4200, 1, gamma=0.0123, iv=0.15), call(4205, 1, gamma=0.0012, iv=0.15)))
    assert (found.counted.feed, found.counted.own) == (1, 1)
    assert found.call_usd[0] == pytest.approx(0.0123 * 4200**2)


def test_without_a_volatility_the_mid_implies_one() -> None:
    terms = Terms(call=True, spot_points=4200.0, strike_points=4210.0, years=YEARS)
    worth = float(black_scholes(terms, 0.18).price_points)
    quoted = call(4210, 1, iv=0.0, bid_points=worth - 0.05, ask_points=worth + 0.05)
    found = profile(chain(quoted))
    assert found.counted.implied == 1
    assert found.sum_usd == pytest.approx(own_gamma(4210, 0.18) * 4200**2)


def test_without_any_of_these_a_rounded_gamma_counts_and_one_of_0_is_left_out() -> None:
    found = profile(
        chain(call(4200, 7, gamma=0.0012, iv=0.0, bid_points=0.0, ask_points=0.05), call(4300, 9, gamma=0.0))
    )
    assert (found.counted.rounded, found.counted.blind, found.counted.blind_contracts) == (1, 1, 9)
    assert found.sum_usd == pytest.approx(7 * 0.0012 * 4200**2)


def test_what_is_over_settles_later_or_is_held_by_nobody_is_left_out_and_counted() -> None:
    over = replace(call(4200, 5, gamma=FINE), expires=date(2023, 5, 25))
    late = replace(call(4200, 5, gamma=FINE), expires=date(2023, 6, 30))
    given = chain(call(4200, 5, gamma=FINE), over, late, call(4200, 0, gamma=FINE), call(4200, math.nan, gamma=FINE))
    counted = profile(given, Reading(days_max=1)).counted
    assert (counted.rows, counted.feed) == (5, 1)
    assert (counted.expired, counted.later, counted.unheld) == (1, 1, 2)
    assert profile(given).counted.feed == 2


def test_a_chain_of_which_nothing_counts_has_no_levels() -> None:
    found = profile(chain(call(4200, 0)))
    assert found.sum_usd == 0
    assert math.isnan(found.pin_points)
    assert not len(found.strikes_points)


def snapshot(name: str) -> Chain:
    with (RECORDED / "chains_index.csv").open(encoding="utf-8", newline="") as file:
        told = {row["snapshot_id"]: row["header_date"] for row in csv.DictReader(file)}
    at = cboe_time_utc_ns(told[name])
    return load_chains(RECORDED / "chains.parquet", ChainWanted(snapshot=name, ts_utc_ns=at))[0]


@recorded
def test_the_published_total_of_february_2022_comes_out_of_the_feeds_gamma() -> None:
    """-31.70 bn usd per 1 % move, as the title of the published picture has it; ours differs by the rounding."""
    spx = snapshot("SPX_060")
    side = np.where(spx.call, 1.0, -1.0)
    feed = float(np.nansum(side * exposure_usd(spx.spot_points, spx.gamma, spx.open_interest)))
    assert feed / 1e9 == pytest.approx(-31.70, abs=0.005)
    assert profile(spx).sum_usd == pytest.approx(feed, rel=0.03)


@recorded
def test_the_published_flip_of_february_2022_comes_out_with_its_authors_days() -> None:
    """14,686 with working days of 262 a year, 60 levels, and only options whose volatility the feed tells."""
    ndx = snapshot("NDX_048")
    days = np.busday_count(np.datetime64("2022-02-05"), ndx.expires) / 262
    told = ndx.iv > 0
    found = profile(ndx.rows(told), Reading(levels=60), days[told])
    assert found.flip_points == pytest.approx(14_686, abs=0.5)
    assert found.total_usd.min() / 1e9 == pytest.approx(-1.13, abs=0.01)


@recorded
def test_with_the_interest_of_2023_the_total_is_the_feeds_within_its_rounding() -> None:
    """Cboe reckons with the interest rate and without dividends: without the rate the total is off by a third."""
    spx = snapshot("SPX_010")
    side = np.where(spx.call, 1.0, -1.0)
    feed = float(np.nansum(side * exposure_usd(spx.spot_points, spx.gamma, spx.open_interest)))
    assert profile(spx, Reading(rate=0.05)).sum_usd == pytest.approx(feed, rel=0.05)
    assert profile(spx).sum_usd < 0.7 * feed

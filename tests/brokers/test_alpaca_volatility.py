"""The volatility index of SPY's options against chains that are priced by Black and Scholes at one volatility."""

import math
from datetime import date, timedelta

import pytest

from brokers.alpaca.volatility import around, index_points, variance
from gamma.options import Chain, Option, Terms, black_scholes, chain_of, settlement_utc_ns
from gamma.structures import Right

DAY_NS = 86_400 * 10**9
EXPIRES = date(2026, 12, 18)


def flat(iv: float, days: float, *, spot: float = 625.4) -> Chain:
    """Options a point apart, half a cent around what they are worth."""
    ts_utc_ns = settlement_utc_ns("SPY", EXPIRES) - round(days * DAY_NS)
    options = []
    for strike in range(400, 900):
        for right in Right:
            terms = Terms(call=right is Right.CALL, spot_points=spot, strike_points=float(strike), years=days / 365)
            worth = float(black_scholes(terms, iv).price_points)
            bid = worth - 0.005 if worth > 0.005 else 0.0
            options.append(
                Option(
                    root="SPY",
                    expires=EXPIRES,
                    right=right,
                    strike_points=float(strike),
                    bid_points=bid,
                    ask_points=worth + 0.005,
                )
            )
    return chain_of("SPY", spot, ts_utc_ns, options)


@pytest.mark.parametrize(("iv", "days"), [(0.14, 7), (0.14, 30), (0.25, 37), (0.40, 23)])
def test_one_volatility_of_all_options_is_the_index(iv: float, days: float) -> None:
    assert index_points([variance(flat(iv, days))]) == pytest.approx(100 * iv, abs=0.1)


def test_two_days_are_weighed_by_how_near_they_are_to_30() -> None:
    # Variances a year of 0.04 for 20 days and 0.09 for 40: half of 20 * 0.04 + 40 * 0.09, over 30 days.
    found = index_points([(20 / 365, 0.04), (40 / 365, 0.09)])
    assert found == pytest.approx(100 * math.sqrt((20 * 0.04 + 40 * 0.09) / 2 / 30))


def test_what_is_not_quoted_makes_no_index() -> None:
    chain = flat(0.2, 30)
    assert math.isnan(index_points([variance(chain.rows(chain.strike_points > 700))]))
    assert math.isnan(index_points([]))


def test_the_days_next_to_30_are_taken() -> None:
    today = date(2026, 11, 20)
    days = [today + timedelta(days=n) for n in (0, 1, 7, 28, 31, 35)]
    assert around(days, today) == [days[3], days[4]]
    assert around(days[:3], today) == [days[2]]
    assert around([], today) == []

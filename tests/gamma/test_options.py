"""Option chains, and Black and Scholes against a published table and values by hand."""

import json
import math
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from gamma import calendar
from gamma.errors import InputInvalid
from gamma.options import (
    Option,
    Terms,
    black_scholes,
    chain_of,
    gamma_of,
    implied_vol,
    settlement_utc_ns,
    settles_utc_ns,
)
from gamma.structures import Right

TABLE = Path(__file__).parents[2] / "../shared/data/reference/py_vollib/test_data.json"
ATM = Terms(call=True, spot_points=100.0, strike_points=100.0, years=1.0)


def test_hulls_example_of_a_stock_at_42_comes_out() -> None:
    """Hull, example 15.6: S 42, K 40, r 10 %, volatility 20 %, half a year: call 4.76, put 0.81."""
    terms = Terms(call=np.array([True, False]), spot_points=42.0, strike_points=40.0, years=0.5, rate=0.1)
    assert black_scholes(terms, 0.2).price_points == pytest.approx([4.759422, 0.808599], abs=1e-6)


def test_at_the_money_without_rates_is_what_the_normal_table_says() -> None:
    """d1 = 0.1, d2 = -0.1: N(0.1) = 0.5398278, n(0.1) = 0.3969525."""
    found = black_scholes(ATM, 0.2)
    assert found.price_points == pytest.approx(100 * (2 * 0.5398278373 - 1), abs=1e-7)
    assert found.delta == pytest.approx(0.5398278373, abs=1e-9)
    assert found.gamma == pytest.approx(0.3969525475 / 20, abs=1e-9)
    assert found.vega == pytest.approx(39.69525475, abs=1e-7)
    assert found.theta == pytest.approx(-39.69525475 * 0.2 / 2, abs=1e-7)


def test_puts_and_calls_keep_their_parity_with_rates_and_dividends() -> None:
    terms = Terms(
        call=np.array([True, False]), spot_points=4200.0, strike_points=4300.0, years=0.3, rate=0.05, dividend=0.016
    )
    call, put = black_scholes(terms, 0.17).price_points
    assert call - put == pytest.approx(4200 * math.exp(-0.016 * 0.3) - 4300 * math.exp(-0.05 * 0.3), abs=1e-9)


def test_greeks_are_the_slopes_of_the_price() -> None:
    def worth(spot: float = 4200.0, years: float = 0.3, rate: float = 0.05, iv: float = 0.17) -> float:
        terms = Terms(call=False, spot_points=spot, strike_points=4300.0, years=years, rate=rate, dividend=0.016)
        return float(black_scholes(terms, iv).price_points)

    terms = Terms(call=False, spot_points=4200.0, strike_points=4300.0, years=0.3, rate=0.05, dividend=0.016)
    found = black_scholes(terms, 0.17)
    assert found.delta == pytest.approx((worth(4201) - worth(4199)) / 2, rel=1e-5)
    assert found.gamma == pytest.approx(worth(4201) - 2 * worth() + worth(4199), rel=1e-4)
    assert found.theta == pytest.approx(-(worth(years=0.3001) - worth(years=0.2999)) / 2e-4, rel=1e-5)
    assert found.vega == pytest.approx((worth(iv=0.1701) - worth(iv=0.1699)) / 2e-4, rel=1e-5)
    assert found.rho == pytest.approx((worth(rate=0.0501) - worth(rate=0.0499)) / 2e-4, rel=1e-5)
    assert gamma_of(terms, 0.17) == pytest.approx(found.gamma, rel=1e-14)


@pytest.mark.skipif(not TABLE.exists(), reason="needs the recorded table, which is not part of the repository")
def test_the_table_of_py_vollib_comes_out_whole() -> None:
    """Calls and puts, all greeks and the volatility that gives the price back, in every row of the table."""
    table = json.loads(TABLE.read_text())
    told = {
        name: np.array(column) for name, column in zip(table["columns"], zip(*table["data"], strict=True), strict=True)
    }
    for call, price, letter in ((True, "bs_call", "C"), (False, "bs_put", "P")):
        for row in range(len(told["S"])):
            terms = Terms(
                call=call,
                spot_points=told["S"][row],
                strike_points=told["K"][row],
                years=told["t"][row],
                rate=told["R"][row],
            )
            found = black_scholes(terms, told["v"][row])
            assert found.price_points == pytest.approx(told[price][row], abs=2e-6, rel=1e-6)
            for name, value in (
                *(("D", found.delta), ("G", found.gamma), ("T", found.theta)),
                *(("V", found.vega), ("R", found.rho)),
            ):
                assert value == pytest.approx(told[letter + name][row], abs=2e-6, rel=1e-6), (row, letter + name)
            if found.vega > 1e-3:
                again = implied_vol(terms, found.price_points)
                assert again == pytest.approx(told["v"][row], abs=1e-8)


@pytest.mark.parametrize("iv", [0.01, 0.08, 0.2, 0.9, 3.0, 12.0])
@pytest.mark.parametrize("strike", [80.0, 99.0, 100.0, 103.0, 140.0])
def test_implied_volatility_gives_the_price_back(iv: float, strike: float) -> None:
    terms = Terms(call=strike >= 100, spot_points=100.0, strike_points=strike, years=0.1, rate=0.04)
    worth = black_scholes(terms, iv)
    if worth.vega > 1e-6:
        assert implied_vol(terms, worth.price_points) == pytest.approx(iv, rel=1e-7)


@pytest.mark.parametrize("price", [0.0, -1.0, 100.0, 101.0, math.nan])
def test_a_price_that_no_volatility_explains_has_none(price: float) -> None:
    assert math.isnan(implied_vol(ATM, price))


def test_implied_volatility_takes_columns_with_bad_rows_among_good() -> None:
    terms = Terms(call=np.array([True, True, False]), spot_points=100.0, strike_points=100.0, years=0.25)
    worth = black_scholes(terms, np.array([0.1, 0.2, 0.3])).price_points
    found = implied_vol(terms, np.array([worth[0], -1.0, worth[2]]))
    assert found == pytest.approx([0.1, math.nan, 0.3], nan_ok=True)


@pytest.mark.parametrize(("years", "iv"), [(0.0, 0.2), (-0.1, 0.2), (0.1, 0.0), (0.1, -0.2), (0.1, math.nan)])
def test_without_time_or_volatility_there_is_no_greek(years: float, iv: float) -> None:
    terms = Terms(call=True, spot_points=100.0, strike_points=100.0, years=years)
    assert math.isnan(black_scholes(terms, iv).gamma)
    assert math.isnan(gamma_of(terms, iv))


def test_monthly_index_options_settle_in_the_morning_and_weeklies_in_the_afternoon() -> None:
    """19 May 2023 is a third Friday in summer time: 09:30 is 13:30 UTC, 16:00 is 20:00 UTC."""
    day = date(2023, 5, 19)
    midnight = 1_684_454_400 * 10**9
    assert settlement_utc_ns("SPX", day) - midnight == 48_600 * 10**9
    assert settlement_utc_ns("SPXW", day) - midnight == 72_000 * 10**9
    assert settlement_utc_ns("XSP", day) - midnight == 72_000 * 10**9


def option(strike: float = 4200.0, right: Right = Right.CALL, **told: float) -> Option:
    return Option(root="SPXW", expires=date(2023, 5, 26), right=right, strike_points=strike, **told)


def test_where_the_exchange_closes_early_options_settle_then() -> None:
    """The rule against the calendar of the exchange, day by day."""
    found = calendar.sessions("SPX", date(2013, 1, 1), date(2027, 12, 31))
    assert sum(session.early_close for session in found) > 30
    for session in found:
        day = date.fromisoformat(session.date)
        assert settlement_utc_ns("SPXW", day) == session.ts_cash_close_utc_ns, session.date


def test_an_option_is_named_as_the_clearing_house_names_it() -> None:
    assert option().symbol == "SPXW230526C04200000"
    assert option(4197.5, Right.PUT).symbol == "SPXW230526P04197500"


def test_a_mid_needs_somebody_who_bids() -> None:
    assert option(bid_points=1.0, ask_points=1.5).mid_points == 1.25
    assert math.isnan(option(bid_points=0.0, ask_points=0.05).mid_points)
    assert math.isnan(option(bid_points=2.0, ask_points=1.0).mid_points)
    assert math.isnan(option().mid_points)


def test_a_chain_gives_back_the_options_that_it_was_made_of() -> None:
    options = [option(iv=0.15, gamma=0.01, open_interest=7.0), option(4100.0, Right.PUT, bid_points=1.0)]
    chain = chain_of("SPX", 4150.0, settlement_utc_ns("SPXW", date(2023, 5, 25)), options)
    assert len(chain) == 2
    assert repr([chain.option(row) for row in range(2)]) == repr(options)
    assert chain.years == pytest.approx([1 / 365, 1 / 365])
    assert repr(chain.rows(~chain.call).option(0)) == repr(options[1])


def test_a_chain_needs_a_spot_and_columns_of_one_length() -> None:
    with pytest.raises(InputInvalid, match="spot_points = nan"):
        chain_of("SPX", math.nan, 0, [option()])
    chain = chain_of("SPX", 4150.0, 0, [option()])
    columns = {name: getattr(chain, name) for name in chain.__slots__}
    with pytest.raises(InputInvalid, match="iv has 0 rows, and strike_points has 1"):
        type(chain)(**(columns | {"iv": np.array([])}))


def test_a_chain_finds_an_option_by_its_symbol() -> None:
    chain = chain_of("SPX", 4150.0, 0, [option(), option(4197.5, Right.PUT), option(4200.0, Right.PUT)])
    assert chain.row("SPXW230526P04197500") == 1
    assert chain.row("SPXW230526P04200000") == 2
    assert [chain.row(name) for name in ("SPX230526P04200000", "SPXW230527P04200000", "SPXW230526P04205000")] == [
        None
    ] * 3
    with pytest.raises(InputInvalid, match="'SPXW' is no option's symbol"):
        chain.row("SPXW")


def test_a_symbol_tells_when_its_option_settles() -> None:
    assert settles_utc_ns("SPXW230519P04200000") == settlement_utc_ns("SPXW", date(2023, 5, 19))
    with pytest.raises(InputInvalid, match="is no option's symbol"):
        settles_utc_ns("SPXW230519")

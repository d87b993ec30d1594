"""The table of markets against the contract specifications, typed out by hand."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma.errors import InputInvalid
from gamma.markets import TABLE, Kind, Market, event_ask_cents, event_fee_cents, event_market, market

# symbol, exchange, usd/point, tick, usd/tick, commission usd/side, slippage ticks, most lots
FUTURES = [
    ("ES", "CME", "50", "0.25", "12.50", "2.50", 1, 1),
    ("NQ", "CME", "20", "0.25", "5.00", "2.50", 1, 1),
    ("YM", "CBOT", "5", "1.00", "5.00", "2.50", 1, 1),
    ("RTY", "CME", "50", "0.10", "5.00", "2.50", 1, 1),
    ("MES", "CME", "5", "0.25", "1.25", "0.60", 1, 12),
    ("MNQ", "CME", "2", "0.25", "0.50", "0.60", 1, 12),
    ("MYM", "CBOT", "0.50", "1.00", "0.50", "0.60", 1, 12),
    ("M2K", "CME", "5", "0.10", "0.50", "0.60", 1, 12),
]
# contracts, price in cents, fee in cents
EVENT_FEES = [
    (1, 50, 2),
    (5, 50, 9),
    (10, 50, 18),
    (10, 7, 5),
    (20, 95, 7),
    (50, 25, 66),
    (100, 50, 175),
    (100, 1, 7),
    (1, 1, 1),
]
symbols = st.sampled_from(sorted(TABLE))


def usd(microusd: int) -> Decimal:
    return Decimal(microusd).scaleb(-6)


@pytest.mark.parametrize("row", FUTURES, ids=lambda row: row[0])
def test_a_future_is_as_its_exchange_specifies_it(row: tuple[str, str, str, str, str, str, int, int]) -> None:
    symbol, exchange, usd_per_point, tick, usd_per_tick, commission, slippage, lots_max = row
    found = market(symbol)
    assert found.exchange == exchange
    assert found.multiplier_usd_per_point == float(usd_per_point)
    assert found.tick_points == Decimal(tick)
    assert usd(found.tick_value_microusd) == Decimal(usd_per_tick)
    assert usd(found.commission_microusd) == Decimal(commission)
    assert (found.slippage_ticks, found.lots_max) == (slippage, lots_max)


@pytest.mark.parametrize("row", FUTURES, ids=lambda row: row[0])
def test_tick_times_multiplier_is_the_worth_of_a_tick(row: tuple[str, str, str, str, str, str, int, int]) -> None:
    symbol, _, usd_per_point, tick, usd_per_tick, *_ = row
    assert Decimal(tick) * Decimal(usd_per_point) == Decimal(usd_per_tick)
    assert market(symbol).tick_points * Decimal(usd_per_point) == usd(market(symbol).tick_value_microusd)


@pytest.mark.parametrize("symbol", ["SPX", "NDX", "XSP", "RUT"])
def test_a_spread_is_worth_100_usd_a_point_in_ticks_of_5_cents(symbol: str) -> None:
    found = market(symbol)
    assert (found.kind, found.multiplier_usd_per_point, found.lots_max) == (Kind.OPTION_SPREAD, 100.0, 3)
    assert found.tick_points == Decimal("0.05")
    assert usd(found.tick_value_microusd) == Decimal(5)


@pytest.mark.parametrize("symbol", ["SPY", "QQQ", "IWM"])
def test_a_spread_on_a_fund_is_worth_100_usd_a_point_in_ticks_of_a_cent(symbol: str) -> None:
    found = market(symbol)
    assert (found.kind, found.multiplier_usd_per_point, found.lots_max) == (Kind.OPTION_SPREAD, 100.0, 30)
    assert found.tick_points == Decimal("0.01")
    assert usd(found.tick_value_microusd) == Decimal(1)


def test_a_lot_of_gold_is_015_oz_and_thirty_are_the_most() -> None:
    gold = market("XAU_USD")
    assert gold.multiplier_usd_per_point == 0.15
    assert gold.tick_points == Decimal("0.01")
    assert Decimal(gold.lot_units) * gold.lots_max == Decimal("4.50")
    assert gold.margin_usd_per_lot(2000.0) == pytest.approx(2000 * 0.15 / 20)


def test_an_event_contract_pays_1_usd_in_ticks_of_1_cent() -> None:
    event = market("KXBTCD-26NOV21-T90000")
    assert event == event_market("KXBTCD-26NOV21-T90000")
    assert (event.kind, event.family) == (Kind.EVENT, "kxbtcd")
    assert usd(event.value_microusd(100, 1)) == Decimal(1)
    assert event.margin_usd_per_lot(25.0) == 0.25


@pytest.mark.parametrize(("micro", "mini"), [("MES", "ES"), ("MNQ", "NQ"), ("MYM", "YM"), ("M2K", "RTY")])
def test_a_micro_is_exactly_a_tenth_of_its_e_mini(micro: str, mini: str) -> None:
    small, large = market(micro), market(mini)
    assert small.tick_value_microusd * 10 == large.tick_value_microusd
    assert (small.ticks_per_point, small.kind, large.kind) == (large.ticks_per_point, Kind.MICRO, Kind.EMINI)
    assert small.mini_equivalent * 10 == large.mini_equivalent == 1.0
    assert small.mini_equivalent * 12 == pytest.approx(1.2)
    assert small.margin_usd_per_lot(5000.0) * 10 == large.margin_usd_per_lot(5000.0)


@given(symbols, st.integers(-10_000_000, 10_000_000))
def test_a_price_survives_the_way_from_ticks_to_points_and_back(symbol: str, ticks: int) -> None:
    found = market(symbol)
    assert found.ticks(found.points(ticks)) == ticks
    assert found.exact_ticks(ticks * found.tick_points) == ticks


def test_ticks_of_a_tenth_stay_whole_where_floats_would_drift() -> None:
    m2k = market("M2K")
    assert sum([0.1] * 3) != 0.3
    assert m2k.ticks(2100.3) == 21_003
    assert m2k.points(21_003) == 2100.3
    assert m2k.exact_ticks(Decimal("2100.3")) == 21_003
    assert usd(m2k.value_microusd(3, 2)) == Decimal("3.00")


@pytest.mark.parametrize("points", ["2100.35", "NaN", "Infinity", "-Infinity"])
def test_an_exact_price_off_its_tick_is_refused(points: str) -> None:
    with pytest.raises(InputInvalid, match=r"M2K: price .* is not on a tick of 0\.1"):
        market("M2K").exact_ticks(Decimal(points))


@pytest.mark.parametrize("points", [math.nan, math.inf, -math.inf, 1e300])
def test_a_price_that_is_no_number_is_refused(points: float) -> None:
    with pytest.raises(InputInvalid, match=r"MNQ: .* is no price"):
        market("MNQ").ticks(points)


@given(symbols, st.integers(0, 500), st.integers(1, 100_000))
def test_a_round_trip_of_n_lots_costs_2_n_commissions(symbol: str, lots: int, price_ticks: int) -> None:
    found = market(symbol)
    bought, sold = found.fee_microusd(lots, price_ticks), found.fee_microusd(-lots, price_ticks)
    assert bought + sold == 2 * lots * found.commission_microusd


def test_the_round_trip_of_a_micro_costs_commissions_and_slippage_once() -> None:
    # 2 * 0.60 commission + 2 * 1 tick of 0.50
    assert market("MNQ").cost_usd_per_lot() == 2.20


@given(symbols, st.integers(-100_000, 100_000), st.integers(-100, 100))
def test_a_move_is_worth_the_same_in_ticks_and_in_points(symbol: str, ticks: int, lots: int) -> None:
    found = market(symbol)
    exact = ticks * found.tick_points * lots * Decimal(str(found.multiplier_usd_per_point))
    assert usd(found.value_microusd(ticks, lots)) == exact


@pytest.mark.parametrize(("contracts", "price_cents", "fee_cents"), EVENT_FEES)
def test_the_event_fee_is_exact_and_rounded_up_once(contracts: int, price_cents: int, fee_cents: int) -> None:
    assert event_fee_cents(contracts, price_cents) == fee_cents
    assert event_market("KXTEST").fee_microusd(contracts, price_cents) == fee_cents * 10_000


def test_the_event_fee_in_floats_would_be_a_cent_too_much() -> None:
    assert math.ceil(0.07 * 100 * 0.5 * 0.5 * 100) == 176
    assert event_fee_cents(100, 50) == 175


@given(st.integers(0, 1000), st.integers(0, 100))
def test_buying_no_costs_the_fee_of_selling_yes(contracts: int, price_cents: int) -> None:
    assert event_fee_cents(contracts, price_cents) == event_fee_cents(contracts, 100 - price_cents)


@pytest.mark.parametrize(("contracts", "price_cents"), [(-1, 50), (1, -1), (1, 101)])
def test_the_fee_of_an_impossible_order_is_refused(contracts: int, price_cents: int) -> None:
    with pytest.raises(InputInvalid, match=rf"{contracts} contracts at {price_cents} cents"):
        event_fee_cents(contracts, price_cents)


@pytest.mark.parametrize(("bid", "ask"), [(1, 99), (37, 63), (50, 50), (99, 1)])
def test_an_ask_is_100_less_the_other_sides_best_bid(bid: int, ask: int) -> None:
    assert event_ask_cents(bid) == ask


@pytest.mark.parametrize("bid", [-1, 0, 100])
def test_there_is_no_ask_without_a_bid_on_the_other_side(bid: int) -> None:
    with pytest.raises(InputInvalid, match=f"best bid of {bid} cents"):
        event_ask_cents(bid)


def test_an_unknown_symbol_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputInvalid) as refused:
        market("MQN")
    assert "'MQN'" in str(refused.value)
    assert all(symbol in str(refused.value) for symbol in TABLE)
    assert "KX" in str(refused.value)


def test_a_market_can_be_looked_up_with_its_own_commission() -> None:
    own = market("MNQ", commission_microusd=370_000)
    assert isinstance(own, Market)
    assert own.fee_microusd(3, 80_000) == 1_110_000
    assert TABLE["MNQ"].commission_microusd == 600_000

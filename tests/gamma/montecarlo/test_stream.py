"""What a simulation draws from: trades by the lot, and what was seen of each."""

import math

import numpy as np
import pytest

from gamma.errors import InputInvalid
from gamma.montecarlo.rules import Account
from gamma.montecarlo.stream import Excursions, stream_of
from tests.gamma.montecarlo.case import MNQ, trade


def test_profit_and_risk_are_those_of_one_lot() -> None:
    stream = stream_of([trade(0, 100.0, lots_max=3, risk_microusd=600_000_000), trade(1, -50.0)], MNQ)
    assert stream.pnl_microusd.tolist() == [33_333_333, -50_000_000]
    assert stream.risk_usd.tolist() == [200.0, 250.0]
    assert stream.r_multiples.tolist() == [33.333333 / 200.0, -0.2]


def test_a_stop_is_what_the_risk_leaves_after_costs() -> None:
    # A lot of MNQ risks 250 usd: 2 usd a point, and what a round trip costs.
    stream = stream_of([trade(0, 1.0), trade(1, 1.0)], MNQ)
    assert stream.scene.signal.stop_points == (250 - MNQ.cost_usd_per_lot()) / 2


def test_what_is_alike_in_all_trades_is_no_column() -> None:
    stream = stream_of([trade(1, 1.0), trade(2, 2.0)], MNQ)
    assert set(stream.seen) == {"market.price_points"}
    assert stream.scene.signal.risk_usd_per_lot == 250.0


def test_what_was_seen_goes_before_what_a_trade_tells_and_what_is_given_before_both() -> None:
    trades = [trade(0, 1.0), trade(1, 1.0)]
    seen = [{"signal.risk_usd_per_lot": 120.0, "market.atr_points": 40.0}, {}]
    stream = stream_of(trades, MNQ, seen=seen)
    assert stream.risk_usd.tolist() == [120.0, 250.0]
    assert stream.seen["market.atr_points"][0] == 40.0
    assert math.isnan(stream.seen["market.atr_points"][1])
    assert stream_of(trades, MNQ, seen=seen, risk_usd=99.0).risk_usd.tolist() == [99.0, 99.0]


def test_a_risk_that_nobody_knows_is_nan() -> None:
    stream = stream_of([trade(0, 1.0, risk_microusd=0)], MNQ)
    assert math.isnan(stream.risk_usd[0])
    assert math.isnan(stream.r_multiples[0])


def test_slippage_is_lost_of_every_lot() -> None:
    stream = stream_of([trade(0, 10.0), trade(1, -10.0)], MNQ).slipped(1.5)
    assert stream.pnl_usd.tolist() == [8.5, -11.5]
    assert not stream.open_known
    with pytest.raises(InputInvalid, match="slippage"):
        stream.slipped(-1.0)


def test_open_profit_reaches_at_least_as_far_as_the_close() -> None:
    went = Excursions(best_usd=np.array([5.0, 30.0]), worst_usd=np.array([-20.0, 3.0]))
    stream = stream_of([trade(0, 10.0), trade(1, -10.0)], MNQ, excursions=went)
    assert stream.best_microusd.tolist() == [10e6, 30e6]
    assert stream.worst_microusd.tolist() == [-20e6, -10e6]
    assert stream.open_known


def test_days_end_with_their_last_trade() -> None:
    stream = stream_of([trade(i, 1.0) for i in range(5)], MNQ)
    assert stream.day_ends.tolist() == [0, 0, 1, 0, 1]


def test_trades_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(InputInvalid, match="no trade of MNQ"):
        stream_of([], MNQ)
    with pytest.raises(InputInvalid, match="one strategy in one market"):
        stream_of([trade(0, 1.0), trade(1, 1.0, strategy="other")], MNQ)
    with pytest.raises(InputInvalid, match="one strategy in one market"):
        stream_of([trade(0, 1.0), trade(1, 1.0, market="MES")], MNQ)
    with pytest.raises(InputInvalid, match=r"risk is -1"):
        stream_of([trade(0, 1.0)], MNQ, risk_usd=-1.0)


@pytest.mark.parametrize("usd", [0.0, -5.0, math.nan, math.inf])
def test_an_account_begins_with_money(usd: float) -> None:
    with pytest.raises(InputInvalid, match="start_usd"):
        Account(start_usd=usd, capital_usd=1_000.0)

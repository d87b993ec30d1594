"""An order that nobody takes, at the sandbox of every kind of broker: placed, seen, cancelled."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gamma.cli import trial_order
from gamma.cli.brokers_check import Trial, examine
from gamma.cli.findings import Finding
from gamma.cli.trial_order import far_bid
from gamma.errors import InputInvalid
from gamma.markets import market
from tests.brokers.hand_series import SERIES, SeriesRig, ticker
from tests.contract.kalshi import TICKER, KalshiRig
from tests.contract.tradovate import TradovateRig


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_order, "LOOK_EVERY_S", 0.0)


class Priceless:
    """A broker as it is, but that it tells no prices."""

    def __init__(self, broker: Any) -> None:
        for name in ("capabilities", "connect", "place", "cancel", "orders", "open_orders"):
            setattr(self, name, getattr(broker, name))


def found(rig: Any, trial: Trial, broker: Any = None) -> dict[str, Finding]:
    async def collect() -> Sequence[Finding]:
        return [finding async for finding in examine(broker or rig.broker, trial)]

    return {finding.check: finding for finding in rig.run(collect())}


def test_a_future_is_bid_for_at_the_price_that_is_said(tmp_path: Path) -> None:
    rig = TradovateRig(tmp_path)
    order = found(rig, Trial(market="MNQ", price_points=18_000.25), Priceless(rig.broker))["order"]
    assert (order.ok, order.text) == (True, "bid for MNQ at 18,000.25: taken, seen, cancelled")
    assert rig.run(rig.broker.open_orders()) == []


def test_where_no_prices_are_told_no_order_is_tried(tmp_path: Path) -> None:
    rig = TradovateRig(tmp_path)
    order = found(rig, Trial(market="MNQ"), Priceless(rig.broker))["order"]
    assert (order.ok, "--market MNQ --price POINTS" in order.text, rig.sent()) == (True, True, 0)


def test_an_event_is_bid_for_at_a_cent(tmp_path: Path) -> None:
    rig = KalshiRig(tmp_path)
    rig.sandbox.lag_s = 0.0  # it shows at once what it did
    order = found(rig, Trial(market=TICKER))["order"]
    assert (order.ok, order.text) == (True, f"bid for {TICKER} at 1: taken, seen, cancelled")


def test_a_series_is_bid_for_in_the_question_that_is_open(tmp_path: Path) -> None:
    rig = SeriesRig(tmp_path)
    rig.sandbox.lag_s = 0.0
    rig.ready()
    told = found(rig, Trial(market=SERIES))
    assert told["data"].ok
    assert told["order"].text == f"bid for {SERIES} at 1: taken, seen, cancelled"
    assert rig.sent() == [ticker(0)]


@pytest.mark.parametrize(
    ("symbol", "bid", "side", "ticks"),
    [
        ("MNQ", 20_000.0, 1, 77_600),  # 3 % below, in quarters of a point
        ("XAU_USD", 4_000.0, 1, round(3_880 * market("XAU_USD").ticks_per_point)),
        ("KXA-1-T1", 46.0, 1, 1),
        ("KXA-1-T1", 2.0, -1, 99),
        ("KXA-1-T1", 0.0, -1, 99),
    ],
)
def test_the_price_is_far_from_where_anybody_trades(symbol: str, bid: float, side: int, ticks: int) -> None:
    intent = far_bid(market(symbol), bid)
    assert (intent.side, intent.price_ticks, intent.lots) == (side, ticks, 1)


@pytest.mark.parametrize("bid", [0.0, math.nan, 0.00001])
def test_without_a_price_there_is_none_to_stay_below(bid: float) -> None:
    with pytest.raises(InputInvalid, match="no price to stay below; give one with --price"):
        far_bid(market("MNQ"), bid)

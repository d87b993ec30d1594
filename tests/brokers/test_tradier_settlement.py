"""Options that end in cash at Tradier: they are gone, and the adapter tells what they came to. Numbers by hand.

The put spread 5,800 / 5,790 of Friday, 20 November 2026 settles at 16:00 in New York; the tests begin at 10:00.
"""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from brokers.tradier.marker import marker_of
from brokers.tradier.settlement import Held, left
from gamma.clock import NS
from gamma.errors import MarkerUnknown
from gamma.events import Fill
from gamma.markets import MICRO
from tests.brokers.option_quotes import CONDOR, PUT_SPREAD, sold
from tests.brokers.test_tradier import back, place
from tests.contract.tradier import START_UTC_NS, TradierRig

HOUR_S = 3_600
CLOSE_UTC_NS = START_UTC_NS + 6 * HOUR_S * NS
CALL_SPREAD = CONDOR[2:]


@pytest.fixture
def rig(tmp_path: Path) -> TradierRig:
    return TradierRig(tmp_path)


def read(rig: TradierRig, marker: str = "") -> tuple[list[Fill], str]:
    page = rig.run(rig.broker.fills_since(marker))
    return list(page.fills), page.marker


def opened(rig: TradierRig, lots: int = 2) -> str:
    """A put spread is sold at the morning's quotes; gives the marker after its fills."""
    place(rig, sold("g-1-1", lots, 12))
    fills, marker = read(rig)
    assert len(fills) == lots
    return marker


def test_half_an_hour_after_the_end_the_settlement_is_told_to_the_cent(rig: TradierRig) -> None:
    marker = opened(rig)
    rig.quotes.index = Decimal("5796.63")
    rig.network.wait(6 * HOUR_S + 60)
    assert read(rig, marker) == ([], marker)
    assert rig.run(rig.broker.positions()) == {"SPX": -2}  # gone there, and not told yet
    rig.network.wait(HOUR_S)
    [fill], after = read(rig, marker)
    # 5,800 less 5,796.63 are 3.37 points: 337 usd a lot; the nearest tick of 0.05 is 3.35.
    assert (fill.side, fill.lots, fill.settled_microusd_per_lot, fill.price_ticks) == (1, 2, 337 * MICRO, 67)
    assert (fill.opened_by, fill.client_order_id, fill.ts_event_utc_ns) == ("g-1-1", "", CLOSE_UTC_NS)
    assert rig.run(rig.broker.positions()) == {}
    assert read(rig, after)[0] == []
    # Sold for 0.60 points each, less 1.30 usd a lot.
    balance = 50_000 * MICRO + 2 * (60 * MICRO - 1_300_000) - 2 * 337 * MICRO
    assert rig.run(rig.broker.account()).balance_microusd == balance


def test_it_is_told_after_a_restart_days_later(rig: TradierRig) -> None:
    marker = opened(rig)
    rig.quotes.index = Decimal(5_700)
    rig.restart()
    rig.network.wait(3 * 24 * HOUR_S)
    [fill], _ = read(rig, marker)
    assert fill.settled_microusd_per_lot == 1_000 * MICRO  # the width
    assert rig.run(rig.broker.positions()) == {}


def test_what_was_bought_back_does_not_settle(rig: TradierRig) -> None:
    opening = sold("g-1-1", 2, 12)
    marker = opened(rig)
    place(rig, back("g-1-2", 1, opening))
    [closing], marker = read(rig, marker)
    assert not closing.settled
    rig.network.wait(7 * HOUR_S)
    [fill], _ = read(rig, marker)
    assert (fill.lots, fill.opened_by, fill.settled_microusd_per_lot) == (1, "g-1-1", 0)


def test_two_structures_settle_apart(rig: TradierRig) -> None:
    place(rig, sold("g-1-1", 1, 12))
    place(rig, sold("g-1-2", 2, 12, CALL_SPREAD))
    _, marker = read(rig)
    rig.quotes.index = Decimal("6104.5")
    rig.network.wait(7 * HOUR_S)
    fills, _ = read(rig, marker)
    assert [(f.opened_by, f.lots, f.settled_microusd_per_lot) for f in fills] == [
        ("g-1-1", 1, 0),
        ("g-1-2", 2, 450 * MICRO),
    ]


def test_spreads_sold_apart_on_an_earlier_day_stay_two(rig: TradierRig) -> None:
    legs = tuple(replace(leg, symbol=leg.symbol.replace("261120", "261123")) for leg in CONDOR)
    for leg, near in zip(legs, CONDOR, strict=True):
        rig.quotes.quotes[leg.symbol] = rig.quotes.quotes[near.symbol]
    place(rig, sold("g-1-1", 1, 12, legs[:2]))
    place(rig, sold("g-1-2", 1, 12, legs[2:]))
    _, marker = read(rig)
    rig.network.wait(20 * HOUR_S)
    rig.restart()  # Saturday: the session's list is empty, and what was read is in the marker
    read(rig, marker)
    assert rig.run(rig.broker.positions()) == {"SPX": -2}
    read(rig, "")  # and read from the first, it is not forgotten
    assert rig.run(rig.broker.positions()) == {"SPX": -2}


def test_while_the_close_is_not_told_nothing_is(rig: TradierRig) -> None:
    marker = opened(rig)
    rig.network.wait(7 * HOUR_S)
    rig.network.change = lambda body: b'{"history": null}' if b'"history"' in body else body
    assert read(rig, marker)[0] == []
    assert rig.run(rig.broker.positions()) == {"SPX": -2}
    rig.network.change = lambda body: b"<html>" if b'"history"' in body else body
    assert read(rig, marker)[0] == []
    rig.network.change = lambda body: body
    assert len(read(rig, marker)[0]) == 1


def test_what_settles_by_an_opening_price_is_left_to_the_broker(rig: TradierRig) -> None:
    legs = tuple(replace(leg, symbol=leg.symbol.replace("SPXW", "SPX")) for leg in PUT_SPREAD)
    for leg, near in zip(legs, PUT_SPREAD, strict=True):
        rig.quotes.quotes[leg.symbol] = rig.quotes.quotes[near.symbol]
    rig.network.wait(-HOUR_S)  # its morning is over at 09:30
    place(rig, sold("g-1-1", 1, 12, legs))
    _, marker = read(rig)
    rig.network.wait(8 * HOUR_S)
    assert read(rig, marker)[0] == []
    assert rig.run(rig.broker.positions()) == {}


def test_a_marker_from_before_is_read_and_one_that_makes_no_sense_is_not() -> None:
    assert marker_of('[7, {"8": [1, 25]}]').held == {}
    for wrong in ('[7, {}, {"8": ["g", "SPX", 1, {"SPX": 1}, true]}, 0]', '[7, {}, {"8": 1}, 0]', "[7, {}, {}]"):
        with pytest.raises(MarkerUnknown):
            marker_of(wrong)


def test_a_marker_comes_back_as_it_was_written(rig: TradierRig) -> None:
    marker = opened(rig)
    assert marker_of(marker).text() == marker
    assert json.loads(marker)[2]["100001"][2] == -2


def held(lots: int, *, opens: bool = True, ratios: dict[str, int] | None = None) -> Held:
    legs = ratios or {leg.symbol: leg.ratio for leg in PUT_SPREAD}
    return Held(client_order_id="g", market="SPX", lots=lots, ratios=legs, opens=opens)


def test_what_closes_takes_the_oldest_first_and_never_opens() -> None:
    orders = {1: held(-2), 2: held(-1), 3: held(1, opens=False), 4: held(2, opens=False), 5: held(1, opens=False)}
    assert {n: one.lots for n, one in left({n: orders[n] for n in (1, 2, 3)}).items()} == {1: -1, 2: -1}
    assert left(orders) == {}


def test_options_without_one_common_end_do_not_settle() -> None:
    assert held(1, ratios={"SPXW261120P05800000": 1, "SPXW261123P05790000": -1}).ends_utc_ns == 0
    assert held(1, ratios={"SPY261120P00580000": 1}).ends_utc_ns == 0
    assert held(1).ends_utc_ns == CLOSE_UTC_NS

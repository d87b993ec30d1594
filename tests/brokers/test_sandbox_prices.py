"""Prices of the sandboxes: with one seed those that the daemon's feed shows, and recorded ones as they were."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.sandbox.prices import BarPrices
from gamma import calendar
from gamma.errors import InputInvalid
from gamma.feeds.sim import SimFeed

NS = 10**9
START_UTC_NS = 1_795_186_800 * NS  # Friday 2026-11-20, 10:00 in New York
SIMULATED = BarPrices.simulated(7, ("MNQ", "XAU_USD"))


@pytest.mark.parametrize("symbol", ["MNQ", "XAU_USD"])
@pytest.mark.parametrize("bar_s", [60, 300])
def test_the_daemons_feed_shows_the_same_bars(symbol: str, bar_s: int) -> None:
    fed = SimFeed(markets=(symbol,), seed=7, bar_s=bar_s).history(symbol, START_UTC_NS, 50)
    assert SIMULATED.bars(symbol, bar_s, fed[0].ts_close_utc_ns - 1, START_UTC_NS) == fed


@settings(max_examples=60, deadline=None)
@given(minute=st.integers(0, 389), symbol=st.sampled_from(["MNQ", "XAU_USD"]))
def test_the_path_inside_of_a_bar_reaches_its_ends_and_no_further(minute: int, symbol: str) -> None:
    opened = START_UTC_NS + minute * 60 * NS
    [bar] = SIMULATED.bars(symbol, 60, opened, opened + 60 * NS)
    per_point = SIMULATED.market(symbol).ticks_per_point
    path = SIMULATED.path(symbol, opened - 1, opened + 60 * NS - 1)
    lasts = [touch.last_ticks for touch in path]
    assert (lasts[0], lasts[-1]) == (round(bar.open_points * per_point), round(bar.close_points * per_point))
    assert (min(lasts), max(lasts)) == (round(bar.low_points * per_point), round(bar.high_points * per_point))
    for touch in path:
        assert touch.bid_ticks <= touch.last_ticks <= touch.ask_ticks
        assert touch.ask_ticks - touch.bid_ticks == max(1, round(bar.spread_points * per_point))


def test_a_price_between_two_corners_lies_between_them() -> None:
    path = SIMULATED.path("MNQ", START_UTC_NS, START_UTC_NS + 600 * NS)
    for before, after in pairwise(path):
        middle = SIMULATED.touch("MNQ", (before.ts_utc_ns + after.ts_utc_ns) // 2)
        low, high = sorted((before.last_ticks, after.last_ticks))
        assert low - 1 <= middle.last_ticks <= high + 1


def test_out_of_hours_the_price_stays_as_it_was() -> None:
    session = calendar.session_at("MNQ", START_UTC_NS)
    assert session is not None
    closed = session.ts_close_utc_ns
    before, after = SIMULATED.touch("MNQ", closed - 1), SIMULATED.touch("MNQ", closed + 3600 * NS)
    assert (before.traded, after.traded) == (True, False)
    assert (before.bid_ticks, before.ask_ticks) == (after.bid_ticks, after.ask_ticks)
    assert SIMULATED.closes_utc_ns("MNQ", START_UTC_NS) == closed
    monday = calendar.next_session("MNQ", closed)
    assert SIMULATED.closes_utc_ns("MNQ", closed) == monday.ts_close_utc_ns
    [opening] = SIMULATED.path("MNQ", closed, monday.ts_open_utc_ns)
    assert opening.jump


def test_what_is_not_quoted_is_said_to_be_so() -> None:
    with pytest.raises(InputInvalid, match="known: MNQ, XAU_USD"):
        SIMULATED.touch("ES", START_UTC_NS)


def test_recorded_bars_are_prices_too(tmp_path: Path) -> None:
    rows = ["time,open,high,low,close,volume"]
    rows += [f"2026-11-20T15:0{n}:00Z,{20_000 + n},{20_004 + n},{19_998 + n},{20_001 + n},10" for n in range(4)]
    path = tmp_path / "MNQ.csv"
    path.write_text("\n".join(rows))
    prices = BarPrices.recorded({"MNQ": path})
    assert prices.touch("MNQ", START_UTC_NS).last_ticks == 80_000
    assert min(t.last_ticks for t in prices.path("MNQ", START_UTC_NS, START_UTC_NS + 59 * NS)) == 79_992
    assert [bar.close_points for bar in prices.bars("MNQ", 60, START_UTC_NS, START_UTC_NS + 120 * NS)] == [
        20_001,
        20_002,
    ]
    with pytest.raises(InputInvalid, match="no bars"):
        prices.touch("MNQ", START_UTC_NS - 7 * 86_400 * NS)

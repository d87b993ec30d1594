"""What a market's mark knows after bars and quotes. Numbers by hand."""

import math

import pytest

from gamma.bars import Bar
from gamma.marks import ATR_BARS, SPREADS_KEPT, Mark, mark_bar, mark_quote

NAN = float("nan")
MINUTE = 60_000_000_000


def bar(
    close: float,
    *,
    high: float | None = None,
    low: float | None = None,
    n: int = 1,
    minutes: int = 5,
    volume: float = 10.0,
    spread: float = 0.25,
) -> Bar:
    return Bar(
        market="MNQ",
        ts_open_utc_ns=(n - 1) * minutes * MINUTE,
        ts_close_utc_ns=n * minutes * MINUTE,
        open_points=close,
        high_points=close if high is None else high,
        low_points=close if low is None else low,
        close_points=close,
        volume_lots=volume,
        spread_points=spread,
    )


def after(*bars: Bar) -> Mark:
    mark = Mark()
    for one in bars:
        mark = mark_bar(mark, one)
    return mark


def test_a_market_without_bars_is_all_unknown() -> None:
    mark = Mark()
    assert math.isnan(mark.price_points)
    assert math.isnan(mark.atr_points)
    assert math.isnan(mark.vol_daily_points)
    assert math.isnan(mark.volume_10min_lots)
    assert math.isnan(mark.spread_median_points)


def test_the_first_true_range_is_the_bars_own() -> None:
    assert after(bar(100, high=103, low=98)).atr_points == 5


def test_a_gap_counts_in_the_true_range() -> None:
    # 4 at first; then from the close at 100 up to 112: 12. Their mean is 8.
    assert after(bar(100, high=102, low=98), bar(111, high=112, low=110, n=2)).atr_points == 8
    assert after(bar(100, high=102, low=98), bar(89, high=90, low=88, n=2)).atr_points == 8


def test_after_fourteen_bars_the_range_is_wilders_average() -> None:
    # Fourteen bars of 2, then one of 16: 2 + (16 - 2) / 14 = 3.
    bars = [bar(100, high=101, low=99, n=n) for n in range(1, ATR_BARS + 1)]
    assert after(*bars).atr_points == 2
    assert after(*bars, bar(100, high=108, low=92, n=15)).atr_points == pytest.approx(3)


def test_daily_volatility_waits_for_fifteen_bars() -> None:
    # Changes of +1 and -1 in turn: variance 1 a bar; 276 bars of 5 minutes in a day of 23 hours.
    bars = [bar(100 + n % 2, n=n) for n in range(1, 17)]
    assert math.isnan(after(*bars[:14]).vol_daily_points)
    assert after(*bars).vol_daily_points == pytest.approx(math.sqrt(276))


def test_ten_minutes_of_volume_are_two_bars_of_five() -> None:
    assert math.isnan(after(bar(100)).volume_10min_lots)
    assert after(bar(100, volume=5), bar(100, n=2, volume=7), bar(100, n=3, volume=11)).volume_10min_lots == 18


def test_of_an_hours_volume_ten_minutes_are_a_sixth() -> None:
    assert after(bar(100, minutes=60, volume=60)).volume_10min_lots == 10


def test_volume_that_the_source_does_not_have_is_unknown() -> None:
    assert math.isnan(after(bar(100, minutes=60, volume=NAN)).volume_10min_lots)
    assert math.isnan(Mark(bar_s=3600).volume_10min_lots)


def test_the_spread_is_kept_with_its_median() -> None:
    mark = after(bar(100, spread=1), bar(100, n=2, spread=3), bar(100, n=3, spread=2))
    assert (mark.bid_points, mark.ask_points, mark.spread_median_points) == (99, 101, 2)


def test_only_so_many_spreads_are_kept() -> None:
    mark = after(*(bar(100, n=n, spread=float(n)) for n in range(1, SPREADS_KEPT + 3)))
    assert len(mark.spreads_points) == SPREADS_KEPT
    assert mark.spreads_points[-1] == SPREADS_KEPT + 2


def test_a_bar_without_a_spread_leaves_the_median_and_no_quote() -> None:
    mark = after(bar(100, spread=1), bar(101, n=2, spread=NAN))
    assert mark.spread_median_points == 1
    assert math.isnan(mark.bid_points)
    assert math.isnan(mark.ask_points)


def test_a_quote_makes_its_middle_the_price() -> None:
    mark = mark_quote(after(bar(100)), 103.0, 104.0, 25.0, 7 * MINUTE)
    assert (mark.price_points, mark.bid_points, mark.ask_points, mark.depth_top5_lots) == (103.5, 103, 104, 25)
    assert (mark.ts_quote_utc_ns, mark.ts_bar_utc_ns) == (7 * MINUTE, 5 * MINUTE)

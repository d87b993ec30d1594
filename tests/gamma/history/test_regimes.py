"""Labels of bars: by hand, by Wilder's own loop, and blind to what comes later."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from gamma.feeds.contracts import cut
from gamma.feeds.series import NS, Series
from gamma.history.regimes import DIMENSIONS, UNKNOWN, adx, atr, regimes
from gamma.stats import Floats
from tests.gamma.feeds.series_case import made, simulated

SERIES = simulated("MNQ", "2026-01-05", "2026-02-20", 1_800)


def loops(series: Series, bars: int) -> tuple[list[float], list[float]]:
    """ATR and ADX as Wilder tells them: sums that lose a part and gain the new value, one bar after another."""
    high, low, close = series.high_points, series.low_points, series.close_points
    found_atr, found_adx = [np.nan], [np.nan]
    sums, ranges, moves, index = [0.0, 0.0, 0.0], [], [], []
    average = np.nan
    for n in range(1, len(series)):
        true_range = max(high[n] - low[n], abs(high[n] - close[n - 1]), abs(low[n] - close[n - 1]))
        up, down = high[n] - high[n - 1], low[n - 1] - low[n]
        row = [true_range, up if up > max(down, 0) else 0.0, down if down > max(up, 0) else 0.0]
        if n <= bars:
            ranges.append(true_range)
            moves.append(row)
            sums = [sum(column) for column in zip(*moves, strict=True)]
        else:
            sums = [total - total / bars + new for total, new in zip(sums, row, strict=True)]
        if n < bars:
            found_atr.append(np.nan)
            found_adx.append(np.nan)
            continue
        found_atr.append(sums[0] / bars)
        plus, minus = 100 * sums[1] / sums[0], 100 * sums[2] / sums[0]
        index.append(100 * abs(plus - minus) / (plus + minus) if plus + minus else 0.0)
        if len(index) == bars:
            average = sum(index) / bars
        elif len(index) > bars:
            average = (average * (bars - 1) + index[-1]) / bars
        found_adx.append(average)
    return found_atr, found_adx


def test_atr_and_adx_are_those_of_wilders_loop() -> None:
    own_atr, own_adx = loops(SERIES, 14)
    np.testing.assert_allclose(atr(SERIES), own_atr, rtol=1e-10)
    np.testing.assert_allclose(adx(SERIES), own_adx, rtol=1e-9)
    assert int(np.flatnonzero(np.isfinite(adx(SERIES)))[0]) == 2 * 14 - 1


def test_a_line_upwards_has_an_adx_of_100_and_a_standing_price_one_of_0() -> None:
    rising = shaped(np.arange(100, dtype=np.float64))
    assert adx(rising)[27:] == pytest.approx(np.full(73, 100.0))
    assert adx(shaped(np.zeros(100)))[27:] == pytest.approx(np.zeros(73))


def shaped(closes: Floats) -> Series:
    """The first bars of a week, with these closes, each bar as wide as any other."""
    week = made("MNQ", "2026-03-02", "2026-03-06", 300).rows(slice(0, len(closes)))
    price = 20_000.0 + closes
    return replace(week, open_points=price, high_points=price + 1, low_points=price - 1, close_points=price)


def test_a_label_does_not_change_with_what_comes_later() -> None:
    whole = regimes(SERIES)
    for share in (0.4, 0.55, 0.9):
        ts = int(SERIES.ts_open_utc_ns[int(share * len(SERIES))])
        part = regimes(cut(SERIES, 0, ts))
        for dimension in DIMENSIONS:
            assert (part.of(dimension) == whole.of(dimension)[: len(part.ts_close_utc_ns)]).all(), dimension


def test_every_label_is_one_of_its_dimension_and_each_is_met() -> None:
    found = regimes(SERIES)
    for dimension, names in DIMENSIONS.items():
        assert set(found.of(dimension)) - {UNKNOWN} == set(names)
        assert len(found.of(dimension)) == len(SERIES)


def test_volatile_is_above_the_75th_percentile_of_what_came_before() -> None:
    share = atr(SERIES) / SERIES.close_points
    found = regimes(SERIES).volatility
    row = len(SERIES) - 3
    window = 20 * 23 * 2
    line = np.quantile(share[max(14, row - window) : row], 0.75)
    assert found[row] == ("volatile" if share[row] > line else "calm")
    assert (found[: 14 + window // 4] == UNKNOWN).all()


def test_a_bull_stands_above_the_mean_of_twenty_sessions_before() -> None:
    found = regimes(SERIES).direction
    closes: dict[str, float] = {}
    from gamma import calendar

    for n in range(len(SERIES)):
        session = calendar.session_at("MNQ", int(SERIES.ts_open_utc_ns[n]))
        assert session is not None
        before = [close for day, close in closes.items() if day < session.date][-20:]
        closes[session.date] = float(SERIES.close_points[n])
        said = UNKNOWN if len(before) < 20 else "bull" if SERIES.close_points[n] > np.mean(before) else "bear"
        assert found[n] == said


@pytest.mark.parametrize(
    ("time", "label"),
    [("14:25", "night"), ("14:30", "morning"), ("16:55", "morning"), ("17:00", "afternoon"), ("20:55", "afternoon"),
     ("21:00", "night")],
)  # fmt: skip
def test_hours_are_those_of_new_york_and_of_the_bars_close(time: str, label: str) -> None:
    week = made("MNQ", "2026-03-02", "2026-03-03", 300)  # five hours behind UTC
    ts = int(datetime.fromisoformat(f"2026-03-03T{time}").replace(tzinfo=UTC).timestamp()) * NS
    assert regimes(week).at("hours", np.array([ts])).tolist() == [label]


def test_the_morning_of_gold_is_not_the_evening_before() -> None:
    found = regimes(made("XAU_USD", "2026-03-02", "2026-03-03", 3_600))
    assert found.hours[:12].tolist() == ["night"] * 11 + ["morning"]


def test_before_the_first_close_nothing_is_known() -> None:
    week = made("MNQ", "2026-03-02", "2026-03-03", 300)
    early = np.array([int(week.ts_close_utc_ns[0]) - 1])
    assert regimes(week).at("hours", early).tolist() == [UNKNOWN]


def test_few_bars_and_none_have_labels_too() -> None:
    week = made("MNQ", "2026-03-02", "2026-03-03", 300)
    for rows in (0, 1, 2, 13, 14, 15, 28):
        found = regimes(week.rows(slice(0, rows)))
        assert all(len(found.of(dimension)) == rows for dimension in DIMENSIONS)
        assert len(found.at("trend", np.array([5], dtype=np.int64))) == 1

"""The market simulator: repeatable, in the calendar's hours, on tick, and with the facts of real markets.

The bounds of the stylised facts were set from real five-minute bars of NQ in 2023: kurtosis 20,
autocorrelation of absolute returns 0.35, 0.26 and 0.06 at 1, 12 and 60 bars, of returns 0.01.
"""

from datetime import date
from itertools import islice, pairwise, takewhile

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from gamma import calendar, markets
from gamma.bars import Bar
from gamma.calendar import FIRST_DATE, LAST_DATE, NS, utc_ns
from gamma.errors import InputInvalid
from gamma.feeds import Feed
from gamma.feeds.shapes import FAMILIES, FOLLOWERS
from gamma.feeds.sim import SimFeed
from gamma.feeds.simulator import Simulator

Floats = NDArray[np.float64]
MONDAY = date(2026, 11, 23)
ALL = tuple(FOLLOWERS)


def bars_of(feed: SimFeed, first: date, last: date) -> dict[str, list[Bar]]:
    """Every bar whose trading days lie in `first..last`, by market."""
    found: dict[str, list[Bar]] = {market: [] for market in feed.markets}
    end = utc_ns(last, "17:59")
    for bar in takewhile(lambda one: one.ts_close_utc_ns <= end, feed.bars(utc_ns(first, "17:59", days=-1))):
        found[bar.market].append(bar)
    return found


def column(bars: list[Bar], name: str) -> Floats:
    return np.array([getattr(bar, name) for bar in bars])


def returns(bars: list[Bar]) -> Floats:
    moves: Floats = np.log(column(bars, "close_points") / column(bars, "open_points"))
    return moves


def autocorrelation(series: Floats, lag: int) -> float:
    deviation = series - series.mean()
    return float((deviation[lag:] * deviation[:-lag]).mean() / deviation.var())


@pytest.fixture(scope="module")
def year() -> dict[str, list[Bar]]:
    return bars_of(SimFeed(markets=("ES", "NQ", "YM", "RTY", "XAU_USD"), seed=7), date(2026, 1, 2), date(2026, 12, 31))


def test_the_same_seed_gives_the_same_bars_and_another_gives_others() -> None:
    once, again, other = (
        list(islice(SimFeed(markets=ALL, seed=seed).bars(utc_ns(MONDAY, "09:00")), 300)) for seed in (5, 5, 6)
    )
    assert [repr(bar) for bar in once] == [repr(bar) for bar in again]
    assert [bar.close_points for bar in once] != [bar.close_points for bar in other]


def test_any_stretch_can_be_had_without_those_before_it() -> None:
    feed = SimFeed(markets=("MNQ", "MES", "XAU_USD"), seed=3)
    long = list(islice(feed.bars(utc_ns(date(2026, 11, 12), "12:00")), 5_000))
    middle = long[3_000].ts_close_utc_ns
    expected = [bar for bar in long if bar.ts_close_utc_ns > middle]
    fresh = list(islice(SimFeed(markets=("MNQ", "MES", "XAU_USD"), seed=3).bars(middle), len(expected)))
    assert fresh == expected
    nq = [bar for bar in long if bar.market == "MNQ" and bar.ts_close_utc_ns <= middle]
    assert SimFeed(markets=("MNQ",), seed=3).history("MNQ", middle, 700) == nq[-700:]


def test_bars_come_by_close_and_market_in_the_hours_of_each_calendar() -> None:
    feed = SimFeed(markets=("MNQ", "SPX", "XAU_USD"), seed=2)
    seen = list(islice(feed.bars(utc_ns(date(2026, 11, 24), "12:00")), 2_000))
    order = [(bar.ts_close_utc_ns, bar.market) for bar in seen]
    assert order == sorted(order)
    assert len(set(order)) == len(order)
    for bar in seen:
        session = calendar.session_at(bar.market, bar.ts_open_utc_ns)
        assert session is not None
        assert bar.ts_close_utc_ns <= session.ts_close_utc_ns
    closes = {bar.ts_close_utc_ns for bar in seen if bar.market == "MNQ"}
    assert utc_ns(date(2026, 11, 26), "13:00") in closes  # Thanksgiving
    assert utc_ns(date(2026, 11, 26), "13:05") not in closes
    assert utc_ns(date(2026, 11, 27), "13:15") in closes
    assert utc_ns(date(2026, 11, 26), "18:05") in closes


@pytest.mark.parametrize("bar_s", [5, 60, 300, 1800, 3600, 14_400, 86_400])
def test_bars_of_any_length_fill_the_session_without_a_hole(bar_s: int) -> None:
    feed = SimFeed(markets=("MES",), seed=2, bar_s=bar_s)
    (session,) = calendar.sessions("MES", "2026-11-27", "2026-11-27")
    bars = feed.history("MES", session.ts_close_utc_ns, 20_000 if bar_s == 5 else 1_500)
    day = [bar for bar in bars if bar.ts_open_utc_ns >= session.ts_open_utc_ns]
    assert day[0].ts_open_utc_ns == session.ts_open_utc_ns
    assert day[-1].ts_close_utc_ns == session.ts_close_utc_ns
    assert all(one.ts_close_utc_ns == other.ts_open_utc_ns for one, other in pairwise(day))
    assert len(day) == -(-(session.ts_close_utc_ns - session.ts_open_utc_ns) // (bar_s * NS))


def test_longer_bars_are_made_of_the_same_minutes() -> None:
    until = utc_ns(MONDAY, "16:00")
    five = SimFeed(markets=("MNQ",), seed=4, bar_s=300).history("MNQ", until, 12)
    (hour,) = SimFeed(markets=("MNQ",), seed=4, bar_s=3600).history("MNQ", until, 1)
    assert hour.open_points == five[0].open_points
    assert hour.high_points == max(bar.high_points for bar in five)
    assert hour.low_points == min(bar.low_points for bar in five)
    assert hour.close_points == five[-1].close_points
    assert hour.volume_lots == sum(bar.volume_lots for bar in five)
    assert hour.spread_points == five[-1].spread_points


def test_a_micro_trades_at_its_eminis_very_prices() -> None:
    day = bars_of(SimFeed(markets=ALL, seed=1), MONDAY, MONDAY)
    for micro, emini in (("MES", "ES"), ("MNQ", "NQ"), ("MYM", "YM"), ("M2K", "RTY")):
        for name in ("open_points", "high_points", "low_points", "close_points"):
            assert (column(day[micro], name) == column(day[emini], name)).all()
    spx, xsp = column(day["SPX"], "close_points"), column(day["XSP"], "close_points")
    assert np.abs(spx / 10 - xsp).max() <= 0.025 + 1e-9
    assert len(spx) == 81  # 09:30 to 16:15


def test_every_price_is_on_tick_and_every_bar_holds_together() -> None:
    for market, bars in bars_of(SimFeed(markets=ALL, seed=1), date(2026, 11, 18), date(2026, 11, 27)).items():
        tick = markets.market(market)
        opened, high, low, closed = (column(bars, f"{name}_points") for name in ("open", "high", "low", "close"))
        for prices in (opened, high, low, closed):
            ticks = prices * tick.ticks_per_point
            assert np.abs(ticks - np.rint(ticks)).max() < 1e-6
        assert (high >= np.maximum(opened, closed)).all()
        assert (low <= np.minimum(opened, closed)).all()
        assert (low > 0).all()
        volume, spread = column(bars, "volume_lots"), column(bars, "spread_points")
        if np.isnan(FOLLOWERS[market].lots_daily):
            assert np.isnan(volume).all()
            assert np.isnan(spread).all()
        else:
            assert (volume >= 0).all()
            assert (volume == np.rint(volume)).all()
            assert (spread >= 1 / tick.ticks_per_point).all()


def test_a_session_ends_where_its_day_was_drawn_and_the_next_opens_with_a_gap() -> None:
    simulator = Simulator(11)
    family = FAMILIES[0]
    days = simulator.days(family)
    gaps = []
    for session in calendar.sessions("ES", "2026-11-02", "2026-11-20"):
        day = date.fromisoformat(session.date)
        steps = simulator.steps(family, day, 60)
        drawn = np.exp(days.close_log[(day - FIRST_DATE).days]) * [4, 4, 1, 10]
        assert np.abs(steps.close_ticks[-1] - drawn).max() <= 0.5 + 1e-6
        before = np.exp(days.close_log[(day - FIRST_DATE).days - 1]) * [4, 4, 1, 10]
        gaps.append(np.abs(steps.open_ticks[0] / before - 1).max())
    assert max(gaps) > 0.001
    assert max(gaps) < 0.03


def test_tails_are_fat_and_volatility_comes_in_clusters(year: dict[str, list[Bar]]) -> None:
    for market, bars in year.items():
        moves = returns(bars)
        standard = (moves - moves.mean()) / moves.std()
        assert 10 < (standard**4).mean() < 60, market
        assert abs(autocorrelation(moves, 1)) < 0.03, market
        size = np.abs(moves)
        assert 0.2 < autocorrelation(size, 1) < 0.5, market
        assert 0.1 < autocorrelation(size, 12) < 0.4, market
        assert 0.02 < autocorrelation(size, 60) < 0.25, market
        assert autocorrelation(moves**2, 1) > 0.08, market


def test_days_have_fat_tails_and_clusters_too() -> None:
    days = Simulator(7).days(FAMILIES[0])
    open_days = days.vol > 0
    moves = np.diff(days.close_log[open_days], axis=0)
    standard = (moves - moves.mean(axis=0)) / moves.std(axis=0)
    assert ((standard**4).mean(axis=0) > 4).all()
    assert np.abs(moves).max() < 0.08
    assert autocorrelation(np.abs(moves[:, 0]), 1) > 0.05
    shares = np.bincount(days.regime[open_days], minlength=3) / open_days.sum()
    assert (shares > 0.05).all()
    assert days.vol[open_days & (days.regime == 2)].mean() > 1.5 * days.vol[open_days & (days.regime == 0)].mean()


def test_indices_move_together_and_gold_by_itself(year: dict[str, list[Bar]]) -> None:
    by_time = {market: {bar.ts_close_utc_ns: bar for bar in bars} for market, bars in year.items()}
    common = sorted(set.intersection(*(set(bars) for bars in by_time.values())))
    moves = {market: returns([bars[ts] for ts in common]) for market, bars in by_time.items()}
    indices = np.corrcoef([moves[market] for market in ("ES", "NQ", "YM", "RTY")])
    assert indices.min() > 0.7
    assert indices[0, 1] > 0.85
    assert indices[np.triu_indices(4, 1)].max() < 0.97
    assert abs(np.corrcoef(moves["ES"], moves["XAU_USD"])[0, 1]) < 0.05


def test_the_day_is_shaped_like_a_u_with_a_burst_at_half_past_nine(year: dict[str, list[Bar]]) -> None:
    def mean(clock: str, name: str) -> float:
        opens = {
            utc_ns(date.fromisoformat(day.date), clock) for day in calendar.sessions("NQ", "2026-01-05", "2026-12-30")
        }
        there = [bar for bar in year["NQ"] if bar.ts_open_utc_ns in opens]
        assert len(there) > 200
        return float(np.mean(column(there, name) if name == "volume_lots" else np.abs(returns(there))))

    for name, burst, afternoon in (("move", 1.6, 1.1), ("volume_lots", 2.0, 1.5)):
        opening, lunch, closing, night = (mean(clock, name) for clock in ("09:30", "12:30", "15:45", "23:00"))
        assert opening > burst * lunch
        assert closing > afternoon * lunch
        assert lunch > 2 * night
        assert mean("09:25", name) < opening / 1.8


def test_prices_stay_near_the_levels_that_people_know() -> None:
    for family in FAMILIES:
        levels = np.array([leader.level_points for leader in family.leaders])
        closes = np.exp(Simulator(1).days(family).close_log)
        assert (np.abs(closes[-300:] / levels - 1) < 0.4).all()
        assert (np.median(np.abs(closes / levels - 1), axis=0) < 0.15).all()


def test_the_feed_says_what_it_has() -> None:
    feed = SimFeed(markets=("NQ", "MNQ", "MNQ"))
    assert isinstance(feed, Feed)
    assert (feed.markets, feed.bar_s) == (("MNQ", "NQ"), 300)
    assert feed.provides == {"bar", "volume", "spread"}
    assert SimFeed(markets=("SPX",)).provides == {"bar"}
    with pytest.raises(InputInvalid, match="ES is not simulated; the feed has MNQ, NQ"):
        feed.history("ES", utc_ns(MONDAY, "10:00"), 1)


def test_what_cannot_be_simulated_is_refused() -> None:
    with pytest.raises(ValidationError, match="KXBTC cannot be simulated; known: ES, MES"):
        SimFeed(markets=("KXBTC",))
    with pytest.raises(ValidationError, match="bars of 90 s do not fit into minutes"):
        SimFeed(bar_s=90)
    with pytest.raises(ValidationError, match="seed"):
        SimFeed(seed=-1)
    with pytest.raises(InputInvalid, match="seed -1 is negative"):
        Simulator(-1)


def test_the_simulation_begins_and_ends_with_the_calendar() -> None:
    feed = SimFeed(markets=("MNQ",), seed=1)
    first = next(feed.bars(0))
    assert first.ts_open_utc_ns == utc_ns(date(2013, 1, 1), "18:00")
    assert len(feed.history("MNQ", first.ts_close_utc_ns, 10)) == 1
    last = list(feed.bars(utc_ns(LAST_DATE, "16:00")))
    assert last[-1].ts_close_utc_ns == utc_ns(LAST_DATE, "17:00")
    assert len(last) == 12

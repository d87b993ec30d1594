"""The breakout: by hand on a few bars, and against a reckoning from scratch over all of them."""

import dataclasses
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma.bars import Bar
from gamma.errors import ConfigInvalid
from gamma.events import SignalMade
from gamma.markets import market
from gamma.ports import SignalSource
from gamma.signals.breakout import Breakout

MNQ = market("MNQ")
HISTORY = Path(__file__).parents[3] / "../shared/data/cme/NQ_5m_202301_202302.parquet"


def bar(minute: int, low: float, high: float, close: float) -> Bar:
    return Bar(
        market="MNQ",
        ts_open_utc_ns=minute * 60_000_000_000,
        ts_close_utc_ns=(minute + 1) * 60_000_000_000,
        open_points=low,
        high_points=high,
        low_points=low,
        close_points=close,
    )


def breakout(**params: Any) -> Breakout:
    return Breakout.open({"entry_bars": 3, "atr_bars": 2, **params}, strategy="mnq", market=MNQ)


def run(source: Breakout, bars: Sequence[Bar]) -> list[SignalMade]:
    return [signal for each in bars if (signal := source.on_bar(each)) is not None]


CALM = [bar(i, 100, 104, 102) for i in range(3)]


def test_a_close_above_the_channel_buys_on_the_bar_that_crosses() -> None:
    source = breakout()
    assert isinstance(source, SignalSource)
    assert run(source, CALM) == []
    signal = source.on_bar(bar(3, 102, 107.25, 105))
    # True ranges are 4, 4, 4, 5.25; of two bars the average goes 4, 4, 4, 4.625. A stop of 1.5 of it is 6.9375
    # points, 27.75 ticks, so 28; the target is three stops.
    assert signal == SignalMade(
        strategy="mnq",
        market="MNQ",
        signal_id="mnq-240000000000",
        slot_utc_ns=240_000_000_000,
        side=1,
        stop_ticks=28,
        target_ticks=84,
        ts_event_utc_ns=240_000_000_000,
        notes={"close_points": 105, "channel_high_points": 104, "channel_low_points": 100, "atr_points": 4.625},
    )


def test_a_close_below_the_channel_sells() -> None:
    (signal,) = run(breakout(target_r=0), [*CALM, bar(3, 98, 102, 99.75)])
    assert (signal.side, signal.stop_ticks, signal.target_ticks) == (-1, 24, 0)


def test_a_close_at_the_edge_of_the_channel_is_no_breakout() -> None:
    assert run(breakout(), [*CALM, bar(3, 100, 110, 104), bar(4, 90, 104, 100)]) == []


def test_nothing_is_repeated_while_closes_stay_beyond() -> None:
    above = [bar(3 + i, 104 + 2 * i, 108 + 2 * i, 108 + 2 * i) for i in range(4)]
    inside = bar(7, 110, 114, 111)
    again = bar(8, 110, 120, 119)
    assert [s.slot_utc_ns // 60_000_000_000 for s in run(breakout(), [*CALM, *above, inside, again])] == [4, 9]


def test_a_turn_from_above_to_below_is_a_crossing() -> None:
    assert [s.side for s in run(breakout(), [*CALM, bar(3, 102, 106, 105), bar(4, 90, 105, 91)])] == [1, -1]


def test_a_crossing_in_the_cooldown_is_let_go() -> None:
    bars = [*CALM, bar(3, 102, 106, 105), bar(4, 90, 105, 91), bar(5, 80, 120, 100), bar(6, 100, 130, 125)]
    assert [s.side for s in run(breakout(), bars)] == [1, -1, 1]
    assert [s.side for s in run(breakout(cooldown_bars=2), bars)] == [1, 1]
    assert [s.side for s in run(breakout(cooldown_bars=3), bars)] == [1]


def test_history_warms_up_without_an_answer() -> None:
    source = breakout()
    source.warm_up(CALM)
    assert source.on_bar(bar(3, 102, 107.25, 105)) is not None
    assert (source.bars_needed, breakout(entry_bars=55).bars_needed) == (20, 56)


def test_the_average_range_is_waited_for() -> None:
    bars = [bar(0, 100, 104, 102), bar(1, 102, 106, 105), bar(2, 100, 104, 102), bar(3, 102, 110, 109)]
    assert [s.slot_utc_ns // 60_000_000_000 for s in run(breakout(entry_bars=1, atr_bars=3), bars)] == [4]


@pytest.mark.parametrize(
    "odd",
    [
        dataclasses.replace(bar(3, 102, 106, 105), market="MES"),
        dataclasses.replace(bar(3, 102, 106, 105), close_points=math.nan),
        dataclasses.replace(bar(3, 102, 106, 105), high_points=math.inf),
        bar(2, 102, 106, 105),
    ],
)
def test_a_bar_that_is_none_of_its_own_changes_nothing(odd: Bar) -> None:
    source = breakout()
    assert run(source, [*CALM, odd]) == []
    assert source.on_bar(bar(4, 102, 107.25, 105)) is not None


@pytest.mark.parametrize(("close", "side", "risk_microusd"), [(55, 1, 550_000), (30, -1, 700_000)])
def test_without_a_stop_an_event_contract_risks_what_it_costs(close: float, side: int, risk_microusd: int) -> None:
    traded = market("KXTEST-1")
    params = {"entry_bars": 3, "atr_bars": 2, "stop_atr": 0, "target_r": 3}
    source = Breakout.open(params, strategy="events", market=traded)
    bars = [*(bar(n, 40, 44, 42) for n in range(3)), bar(3, min(40, close), max(44, close), close)]
    [signal] = run(source, [dataclasses.replace(one, market=traded.symbol) for one in bars])
    assert (signal.side, signal.stop_ticks, signal.target_ticks) == (side, 0, 0)
    assert signal.risk_microusd_per_lot == risk_microusd


@pytest.mark.parametrize(("symbol", "close", "price_ticks"), [("MNQ", 105, 422), ("KXTEST-1", 98, 99)])
def test_an_entry_by_limit_is_so_far_beyond_the_close(symbol: str, close: float, price_ticks: int) -> None:
    params = {"entry_bars": 3, "atr_bars": 2, "limit_ticks": 2}
    source = Breakout.open(params, strategy="by limit", market=market(symbol))
    bars = [*(bar(n, 90, 94, 92) for n in range(3)), bar(3, 90, close, close)]
    [signal] = run(source, [dataclasses.replace(one, market=symbol) for one in bars])
    assert signal.price_ticks == price_ticks


def test_a_wrong_parameter_is_named() -> None:
    with pytest.raises(
        ConfigInvalid, match=r"\[strategies\.mnq\.signal\] entry_bar: unknown key; .* known: entry_bars, atr_bars"
    ):
        breakout(entry_bar=20)


def from_scratch(bars: Sequence[Bar], *, entry_bars: int, atr_bars: int, cooldown_bars: int) -> list[tuple[int, ...]]:
    """The same rule for all bars at once, each from its own past alone: (bar, side, stop, target)."""
    ranges = [bars[0].high_points - bars[0].low_points] + [
        max(b.high_points, a.close_points) - min(b.low_points, a.close_points) for a, b in pairwise(bars)
    ]
    beyond = []
    for i, each in enumerate(bars):
        past = bars[i - entry_bars : i] if i >= entry_bars else []
        up = bool(past) and each.close_points > max(p.high_points for p in past)
        down = bool(past) and each.close_points < min(p.low_points for p in past)
        beyond.append(int(up) - int(down))
    signals: list[tuple[int, ...]] = []
    for i in range(1, len(bars)):
        fresh = beyond[i] != 0 and beyond[i] != beyond[i - 1]
        rested = not signals or i - signals[-1][0] > cooldown_bars
        if fresh and rested and i + 1 >= atr_bars:
            atr = sum(ranges[:atr_bars]) / atr_bars
            for true_range in ranges[atr_bars : i + 1]:
                atr = (atr * (atr_bars - 1) + true_range) / atr_bars
            stop = max(1, math.ceil(1.5 * atr * 4 - 1e-6))
            signals.append((i, beyond[i], stop, 3 * stop))
    return signals


@given(
    steps=st.lists(
        st.tuples(st.integers(-9, 9), st.integers(0, 6), st.integers(0, 6), st.integers(0, 12)), min_size=1, max_size=60
    ),
    entry_bars=st.integers(1, 8),
    atr_bars=st.integers(1, 8),
    cooldown_bars=st.integers(0, 5),
)
def test_bar_by_bar_is_the_same_as_from_scratch(
    steps: list[tuple[int, int, int, int]], entry_bars: int, atr_bars: int, cooldown_bars: int
) -> None:
    bars, price = [], 1_000.0
    for i, (step, above, below, where) in enumerate(steps):
        price += step / 4
        high, low = price + above / 4, price - below / 4
        bars.append(bar(i, low, high, min(high, low + where / 4)))
    params = {"entry_bars": entry_bars, "atr_bars": atr_bars, "cooldown_bars": cooldown_bars}
    source = Breakout.open(params, strategy="mnq", market=MNQ)
    told = [
        (i, s.side, s.stop_ticks, s.target_ticks)
        for i, each in enumerate(bars)
        if (s := source.on_bar(each)) is not None
    ]
    assert told == from_scratch(bars, entry_bars=entry_bars, atr_bars=atr_bars, cooldown_bars=cooldown_bars)


@pytest.mark.skipif(not HISTORY.exists(), reason="the shared bars are not beside the project")
def test_on_real_bars_it_is_the_same_as_from_scratch() -> None:
    polars = pytest.importorskip("polars")
    rows = polars.read_parquet(HISTORY).head(3_000)
    bars = [bar(i, row["low"], row["high"], row["close"]) for i, row in enumerate(rows.iter_rows(named=True))]
    source = Breakout.open({}, strategy="mnq", market=MNQ)
    told = [
        (i, s.side, s.stop_ticks, s.target_ticks)
        for i, each in enumerate(bars)
        if (s := source.on_bar(each)) is not None
    ]
    assert len(told) > 20
    assert told == from_scratch(bars, entry_bars=55, atr_bars=14, cooldown_bars=0)

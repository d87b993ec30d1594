"""Chains and VIX from a broker: fetched before each bar closes, known from their time on, kept. Time is made."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from gamma.assembly import Hours
from gamma.chaos.simulation.loop import Stuck, Time, live
from gamma.clock import NS
from gamma.errors import Transient
from gamma.feeds.chain_record import ChainRecord
from gamma.feeds.chain_tape import ChainTape
from gamma.feeds.live_chains import ChainPlan, LiveChains, fetched
from gamma.options import Chain
from gamma.ports import MarketClock, Quote
from tests.option_case import DAY, OPEN, chain_at

MINUTE = 60 * NS


class Desk:
    """A broker that quotes chains of now."""

    def __init__(self, time: Time) -> None:
        self.time = time
        self.days = [DAY, DAY + timedelta(days=1), DAY + timedelta(days=3)]
        self.vix_age_s = 15.0
        self.silent: Callable[[int], bool] = lambda _: False
        self.change: Callable[[Chain], Chain] = lambda chain: chain
        self.asked: list[int] = []

    async def clock(self) -> MarketClock:
        if self.silent(self.time.now):
            raise Transient("no way there")
        return MarketClock(ts_utc_ns=self.time.now, is_open=True)

    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        ts = self.time.now - round(self.vix_age_s * NS)
        nan = math.nan
        told = {"VIX": Quote(symbol="VIX", bid_points=nan, ask_points=nan, last_points=17.5, ts_event_utc_ns=ts)}
        return {symbol: told[symbol] for symbol in symbols if symbol in told}

    async def expirations(self, underlying: str) -> Sequence[date]:  # noqa: ARG002
        return self.days

    async def chain(self, underlying: str, expires: date) -> Chain:  # noqa: ARG002
        self.asked.append(self.time.now)
        made = chain_at(self.time.now, 6_000.0, vix=math.nan)
        return self.change(replace(made, expires=np.full(len(made), np.datetime64(expires))))


def chains_of(time: Time, desk: Desk, record: ChainRecord | None = None) -> LiveChains:
    plan = ChainPlan(underlyings=("SPX",), bar_s=300)
    return LiveChains(plan, source=desk, hours=Hours(), wall_utc_ns=time.wall_ns, record=record)


def keep_for(time: Time, chains: LiveChains, seconds: float) -> None:
    with pytest.raises(Stuck):
        live(time, time.now + round(seconds * NS), chains.keep())


def test_a_chain_is_fetched_at_once_and_then_before_each_bar_closes() -> None:
    time = Time(OPEN + MINUTE)
    desk = Desk(time)
    keep_for(time, chains_of(time, desk), 600)
    assert [(ts - OPEN) / NS for ts in desk.asked] == pytest.approx([60, 290, 590])


def test_it_is_known_from_its_time_on_and_not_before() -> None:
    time = Time(OPEN + MINUTE)
    chains = chains_of(time, Desk(time))
    assert chains.known("SPX", time.now) is None
    keep_for(time, chains, 300)
    first, second = chains.known("SPX", OPEN + 289 * NS), chains.known("SPX", OPEN + 300 * NS)
    assert first is not None
    assert second is not None
    assert (first.ts_utc_ns, (second.ts_utc_ns - OPEN) // NS) == (OPEN + MINUTE, 290)
    assert chains.known("NDX", OPEN + 300 * NS) is None


def test_the_volatility_index_is_in_it_unless_it_is_old() -> None:
    time = Time(OPEN)
    desk = Desk(time)
    assert live(time, OPEN + MINUTE, fetched(desk, "SPX", 1.0, "VIX")).vix_points == 17.5
    desk.vix_age_s = 301
    assert math.isnan(live(time, OPEN + MINUTE, fetched(desk, "SPX", 1.0, "VIX")).vix_points)
    assert math.isnan(live(time, OPEN + MINUTE, fetched(desk, "SPX", 1.0, "")).vix_points)


def test_as_many_days_as_are_asked_for_and_the_first_in_any_case() -> None:
    time = Time(OPEN)
    desk = Desk(time)
    assert len(live(time, OPEN + MINUTE, fetched(desk, "SPX", 1.0, ""))) == 162
    assert len(live(time, OPEN + MINUTE, fetched(desk, "SPX", 4.0, ""))) == 3 * 162
    desk.days = [DAY - timedelta(days=1), DAY + timedelta(days=5)]
    assert live(time, OPEN + MINUTE, fetched(desk, "SPX", 1.0, "")).expires[0] == np.datetime64(desk.days[1])
    desk.days = []
    with pytest.raises(Transient, match="no options"):
        live(time, OPEN + MINUTE, fetched(desk, "SPX", 1.0, ""))


@pytest.mark.parametrize(
    "change",
    [
        lambda chain: chain.rows(chain.call),
        lambda chain: chain.rows(chain.strike_points > 5_970),
        lambda chain: replace(chain, ask_points=np.full(len(chain), math.nan)),
        lambda chain: replace(chain, bid_points=chain.ask_points + 1),
    ],
)
def test_half_a_chain_is_none(change: Callable[[Chain], Chain]) -> None:
    time = Time(OPEN)
    desk = Desk(time)
    desk.change = change
    with pytest.raises(Transient, match="not whole"):
        live(time, OPEN + MINUTE, fetched(desk, "SPX", 1.0, "VIX"))


def test_a_broker_that_is_silent_leaves_the_chain_before_to_grow_old() -> None:
    time = Time(OPEN)
    desk = Desk(time)
    chains = chains_of(time, desk)
    desk.silent = lambda now: OPEN + MINUTE < now < OPEN + 15 * MINUTE
    keep_for(time, chains, 900)
    known = chains.known("SPX", time.now)
    assert known is not None
    assert known.ts_utc_ns == OPEN
    keep_for(time, chains, 600)
    assert (chains.known("SPX", time.now) or known).ts_utc_ns > OPEN + 15 * MINUTE


def test_nothing_is_fetched_while_the_market_is_shut() -> None:
    time = Time(OPEN - 3_600 * NS)
    desk = Desk(time)
    keep_for(time, chains_of(time, desk), 3_000)
    assert desk.asked == []


def test_what_was_seen_is_kept_as_a_tape(tmp_path: Path) -> None:
    time = Time(OPEN)
    chains = chains_of(time, Desk(time), ChainRecord(tmp_path / "chains"))
    keep_for(time, chains, 600)
    [path] = (tmp_path / "chains").iterdir()
    assert path.name == "SPX-2026-03-03.parquet"
    tape = ChainTape.open([path])
    for ts in (OPEN, OPEN + 295 * NS, OPEN + 600 * NS):
        seen, taped = chains.known("SPX", ts), tape.known("SPX", ts)
        assert seen is not None
        assert taped is not None
        assert (seen.ts_utc_ns, seen.vix_points, len(seen)) == (taped.ts_utc_ns, taped.vix_points, len(taped))
        np.testing.assert_array_equal(seen.bid_points, taped.bid_points)
        np.testing.assert_array_equal(seen.gamma, taped.gamma)


def test_a_start_knows_what_the_one_before_kept(tmp_path: Path) -> None:
    time = Time(OPEN)
    keep_for(time, chains_of(time, Desk(time), ChainRecord(tmp_path)), 300)
    again = chains_of(time, Desk(time), ChainRecord(tmp_path))
    known = [again.known("SPX", ts) for ts in (OPEN, time.now)]
    assert [chain.ts_utc_ns for chain in known if chain is not None] == [OPEN, OPEN + 290 * NS]

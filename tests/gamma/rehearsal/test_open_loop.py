"""What is reckoned in columns is what the engine trades, trade for trade, for each setting of a sweep."""

import os
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from gamma.config import Config, load
from gamma.errors import InputInvalid
from gamma.feeds.bar_file import load_bars
from gamma.feeds.series import Series
from gamma.history.figures import trades_sha256
from gamma.rehearsal.open_loop import OpenLoop, reckon, rule_of
from gamma.rehearsal.play import rehearse
from tests.gamma.feeds.series_case import made, simulated

REAL = Path(os.environ.get("GAMMA_TEST_BARS", "../shared/data")) / "cme/NQ_1m_2021.parquet"
CONFIG = """
[account]
starting_capital_usd = {capital}

[brokers.paper]
participation_frac = 1.0
spread_ticks = {spread}
limit_needs_through = {through}

[[strategies]]
name = "one"
market = "{market}"
signal = {{ use = "breakout", {signal} }}
sizers = ["fixed"]
guards = [{guards}]

[sizers.fixed]
lots = {lots}

[guards.kill_switch]
flatten = true

[guards.heartbeat]
silence_max_s = 15
silence_halt_s = 60

[guards.position_match]
mismatches_halt = 2

[guards.balance_match]
gap_max_usd = 1

[guards.safety_halt]
halt_frac = 0.5
drawdown_half_frac = 0.1
drawdown_halt_frac = 0.2
"""
IDLE = '"kill_switch", "armed", "heartbeat", "position_match", "balance_match"'


def config_of(folder: Path, signal: str, *, market: str = "MNQ", lots: int = 1, **more: object) -> Config:
    given = {"capital": 500_000, "spread": 1, "through": "true", "guards": IDLE} | more
    path = folder / "config.toml"
    path.write_text(CONFIG.format(signal=signal, market=market, lots=lots, **given))
    return load(path, {})


def assert_the_same(config: Config, series: Series, found: OpenLoop) -> int:
    played = rehearse(config, "one", series).history.trades
    mine = found.trades(series)
    assert tuple(mine) == played, next((a, b) for a, b in zip(mine, played, strict=False) if a != b)
    assert trades_sha256(mine) == trades_sha256(played)
    return len(mine)


SIMULATED = simulated("MNQ", "2026-03-02", "2026-03-05", bar_s=60)


@pytest.mark.parametrize(
    "signal",
    [
        "entry_bars = 5, stop_atr = 1.0, target_r = 2.0",
        "entry_bars = 1, atr_bars = 1, stop_atr = 0.3, target_r = 0.5",
        "entry_bars = 20, stop_atr = 2.5, target_r = 0.0",
        "entry_bars = 8, atr_bars = 30, stop_atr = 1.5, target_r = 1.1, cooldown_bars = 7",
        "entry_bars = 55, stop_atr = 40.0, target_r = 3.0",
    ],
)
def test_each_setting_trades_what_the_engine_trades(tmp_path: Path, signal: str) -> None:
    config = config_of(tmp_path, signal)
    (found,) = reckon(SIMULATED, [rule_of(config, "one")])
    assert found.against == ""
    assert assert_the_same(config, SIMULATED, found) >= (1 if "40.0" in signal or "0.0" in signal else 20)


@pytest.mark.parametrize(("spread", "through", "lots"), [(0, "false", 3), (5, "true", 2)])
def test_costs_and_lots_are_the_brokers(tmp_path: Path, spread: int, through: str, lots: int) -> None:
    signal = "entry_bars = 6, stop_atr = 1.0, target_r = 1.0"
    config = config_of(tmp_path, signal, spread=spread, through=through, lots=lots)
    (found,) = reckon(SIMULATED, [rule_of(config, "one")])
    assert assert_the_same(config, SIMULATED, found) > 50


def test_gaps_and_prices_beside_the_tick_are_the_brokers(tmp_path: Path) -> None:
    chance = np.random.default_rng(3)
    walk = 15_000 + np.cumsum(chance.normal(0, 9.0, len(SIMULATED)))
    opened = walk + chance.normal(0, 4.0, len(walk))
    jumpy = replace(
        SIMULATED,
        open_points=opened,
        close_points=walk,
        high_points=np.maximum(opened, walk) + chance.exponential(3.0, len(walk)),
        low_points=np.minimum(opened, walk) - chance.exponential(3.0, len(walk)),
        volume_lots=np.full(len(walk), np.nan),
        spread_points=np.full(len(walk), np.nan),
    )
    for signal in ("entry_bars = 3, stop_atr = 0.4, target_r = 1.0", "entry_bars = 4, stop_atr = 1.2, target_r = 0.3"):
        config = config_of(tmp_path, signal)
        (found,) = reckon(jumpy, [rule_of(config, "one")])
        assert assert_the_same(config, jumpy, found) > 100


def test_a_sweep_is_what_each_setting_is_alone(tmp_path: Path) -> None:
    rules = [
        rule_of(
            config_of(tmp_path, f"entry_bars = {bars}, stop_atr = {stop}, target_r = {reach}, cooldown_bars = {calm}"),
            "one",
        )
        for bars, stop, reach, calm in product((3, 9), (0.7, 1.9), (0.0, 1.5), (0, 4))
    ]
    together = reckon(SIMULATED, rules)
    for rule, one in zip(rules, together, strict=True):
        (alone,) = reckon(SIMULATED, [rule])
        assert one.trades(SIMULATED) == alone.trades(SIMULATED)


@pytest.mark.skipif(not REAL.exists(), reason=f"there are no real bars at {REAL}; GAMMA_TEST_BARS names their folder")
@pytest.mark.slow
def test_on_real_bars_too(tmp_path: Path) -> None:
    series = load_bars(REAL, "MNQ").series.rows(slice(0, 20_000))
    for signal in (
        "entry_bars = 30, stop_atr = 2.0, target_r = 2.0",
        "entry_bars = 120, stop_atr = 3.0, target_r = 0.0",
    ):
        config = config_of(tmp_path, signal)
        (found,) = reckon(series, [rule_of(config, "one")])
        assert assert_the_same(config, series, found) > 10


def test_where_the_safety_halt_could_act_it_says_so(tmp_path: Path) -> None:
    signal = "entry_bars = 3, stop_atr = 1.0, target_r = 2.0"
    far, near = (config_of(tmp_path, signal, capital=capital, guards='"safety_halt"') for capital in (5_000_000, 6_000))
    (safe,) = reckon(SIMULATED, [rule_of(far, "one")])
    if not safe.against:
        assert_the_same(far, SIMULATED, safe)
    assert "near" not in safe.against
    (unsafe,) = reckon(SIMULATED, [rule_of(near, "one")])
    assert unsafe.against


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ('use = "breakout"', 'use = "webhook"', "signal webhook"),
        ("entry_bars = 5", "entry_bars = 5, stop_atr = 0", "it has no stop"),
        ("entry_bars = 5", "entry_bars = 5, limit_ticks = 2", "by limit"),
        ('sizers = ["fixed"]', 'sizers = ["atr_risk"]', "sizers atr_risk"),
        ('"armed"', '"loss_streak"', "guards loss_streak"),
        ('sizers = ["fixed"]', 'sizers = ["fixed"]\nexits = { time_bars = 5 }', "exits"),
        ('sizers = ["fixed"]', 'sizers = ["fixed"]\nadds = true', "adds"),
        ("spread_ticks = 1", 'spread_ticks = 1\nfill_at = "last"', "fill_at"),
        ("starting_capital_usd = 500000", 'starting_capital_usd = 50000\nprofile = "own_50k"', "profile"),
    ],
)
def test_what_cannot_be_reckoned_in_columns_is_refused_by_name(
    tmp_path: Path, was: str, becomes: str, told: str
) -> None:
    config_of(tmp_path, "entry_bars = 5")
    path = tmp_path / "config.toml"
    text = path.read_text()
    assert was in text
    path.write_text(text.replace(was, becomes))
    with pytest.raises(InputInvalid, match=told):
        rule_of(load(path, {}), "one")


def test_bars_of_another_market_or_that_fill_in_parts_are_refused(tmp_path: Path) -> None:
    rule = rule_of(config_of(tmp_path, "entry_bars = 5", lots=30), "one")
    with pytest.raises(InputInvalid, match="too little for 30 lots"):
        reckon(made("MNQ", "2026-03-02", "2026-03-02"), [rule])
    with pytest.raises(InputInvalid, match="trades MNQ, and the bars are of MES"):
        reckon(made("MES", "2026-03-02", "2026-03-02"), [rule])

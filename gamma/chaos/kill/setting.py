"""What the daemon trades by while it is killed: a folder with its config and a plugin of its own, and its broker."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from gamma.chaos.places import kept_folder

ACCOUNT: Final = "kill"
CONFIG: Final = "config.toml"
DATABASE: Final = "gamma.db"
OBSERVED: Final = "observed.jsonl"
LOTS: Final = 2
# So many times faster than markets trade: three markets with five bars a second each, and a broker at the same pace.
SPEED: Final = 100
BAR_S: Final = 20
START: Final = "2026-03-02"
# The broker's calendar is behind ours, so that none of its times is of our future: ours stands still between two lives.
BROKER_BEGIN_UTC_NS: Final = 1_767_225_600_000_000_000
STRATEGIES: Final[Mapping[str, tuple[str, str, str]]] = {
    "swing": ("MNQ", "stop_ticks = 120, target_ticks = 180", "{ trail_from_r = 0.0, trail_atr = 4.0, time_bars = 6 }"),
    "scalp": ("MNQ", "limit = true", "{ time_bars = 2 }"),
    "index": ("MES", "stop_ticks = 24, target_ticks = 30, limit = true", "{ break_even_r = 0.5, time_bars = 4 }"),
    "small": ("M2K", "stop_ticks = 300", "{ trail_from_r = 0.0, trail_atr = 15.0, time_bars = 4 }"),
}
_HEAD: Final = """
[gamma]
database = "sqlite:///{database}"

[account]
name = "{account}"
starting_capital_usd = 1_000_000

[feed]
seed = {seed}
start = "{start}"
bar_s = {bar_s}
speed = {speed}

[brokers.chaos]
url = "http://127.0.0.1:{port}"
quirks = "{quirks}"

[schedule]
reconcile_s = 0.4
heartbeat_s = 0.5
listen_s = 0.1

[sizers.fixed]
lots = {lots}

[guards]
kill_switch = {{ flatten = false }}
stale_data = {{ quote_age_max_s = 5, bar_age_max_bars = 3, clock_offset_max_s = 10 }}
order_size = {{ lots_max = {{ micro = 12 }} }}
position_limit = {{ lots_max = {{ micro = 12 }}, minis_max = 9.0 }}
order_rate = {{ minute_max = 40, day_max = 9000, exits_minute_max = 90, exits_day_max = 9000, cancels_max = 60 }}
safety_halt = {{ halt_frac = 0.5, drawdown_half_frac = 0.3, drawdown_halt_frac = 0.4 }}
position_match = {{ mismatches_halt = 2 }}
"""
_STRATEGY: Final = """
[[strategies]]
name = "{name}"
market = "{market}"
broker = "chaos"
signal = {{ use = "coin", seed = {seed}, {signal} }}
sizers = ["fixed"]
guards = [
    "kill_switch", "stale_data", "order_sanity", "order_size", "position_limit", "order_rate", "safety_halt",
    "position_match",
]
exits = {exits}
"""
_PLUGIN: Final = "[gamma.signals]\ncoin = gamma.chaos.kill.coin:Coin\n"
_METADATA: Final = "Metadata-Version: 2.1\nName: gamma-coin\nVersion: 1.0\n"


def caps() -> dict[str, int]:
    """The most lots that all strategies of a market may hold together."""
    held: dict[str, int] = {}
    for market, _, _ in STRATEGIES.values():
        held[market] = held.get(market, 0) + LOTS
    return held


def furnish(folder: Path, *, seed: int, quirks: str, port: int) -> None:
    """Write the config into the folder, and install the strategy's plugin there."""
    head = _HEAD.format(
        account=ACCOUNT,
        database=DATABASE,
        seed=seed,
        start=START,
        bar_s=BAR_S,
        speed=SPEED,
        port=port,
        quirks=quirks,
        lots=LOTS,
    )
    body = "".join(
        _STRATEGY.format(name=name, market=market, seed=seed, signal=signal, exits=exits)
        for name, (market, signal, exits) in STRATEGIES.items()
    )
    (folder / CONFIG).write_text(head + body)
    metadata = folder / "gamma_coin-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(_METADATA)
    (metadata / "entry_points.txt").write_text(_PLUGIN)


def environment(folder: Path) -> dict[str, str]:
    """The environment of a process that is to find the plugin, and bytecode as an installed daemon does."""
    found = os.environ | {"PYTHONPATH": str(folder), "NO_COLOR": "1"}
    if sys.dont_write_bytecode:  # else each process would compile all of it again, which takes longer than it lives
        found |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(_bytecode())}
    return found


@cache
def _bytecode() -> Path:
    return kept_folder()


@contextmanager
def broker(folder: Path, *, seed: int, quirks: str) -> Iterator[int]:
    """The fake broker in a process of its own; gives its port."""
    options = {
        "--log": folder / OBSERVED,
        "--pace": SPEED,
        "--quirks": quirks,
        "--seed": seed,
        "--capital-usd": 1_000_000,
        "--begin-utc-ns": BROKER_BEGIN_UTC_NS,
    }
    given = [str(one) for pair in options.items() for one in pair]
    # A start ends where an order of ours is in a state that nobody knows; a service manager would start it again.
    command = [sys.executable, "-m", "gamma.chaos.broker.server", "--known-words", *given]
    with (folder / "broker.log").open("w") as errors:
        process = subprocess.Popen(command, env=environment(folder), stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdout is not None  # noqa: S101  (a pipe was asked for)
        with process.stdout as told:
            try:
                yield json.loads(told.readline())
            finally:
                process.terminate()
                process.wait()

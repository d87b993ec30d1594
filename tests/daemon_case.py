"""The daemon of the tests: a small config on the simulator from Monday, 2026-03-02 on, in this process or its own.

Two breakout strategies that trade often, one lot each. All files lie in the folder that the daemon runs in.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from gamma.assembly import assemble, paper_state_path
from gamma.config import Config, load
from gamma.daemon import Daemon
from gamma.effects import Tick
from gamma.ledger import Ledger
from gamma.ledger.reader import Reader

GAMMA = Path(sys.executable).with_name("gamma")
STRATEGY = """
[[strategies]]
name = "{name}"
market = "{market}"
signal = {{ use = "breakout", entry_bars = 6, stop_atr = 1.0, target_r = 2.0 }}
sizers = ["fixed"]
guards = [{guards}]
exits = {{ break_even_r = 0.5, trail_from_r = 1.0, trail_atr = 1.0 }}
"""
HEAD = """
[account]
starting_capital_usd = {capital}

[feed]
seed = {seed}
start = "2026-03-02"
speed = {speed}

[sizers.fixed]
lots = {lots}

[guards.safety_halt]
halt_frac = {halt_frac}
drawdown_half_frac = 0.97
drawdown_halt_frac = 0.98

[guards.kill_switch]
flatten = true

[guards.trailing_drawdown]
half_room_frac = 0.25
flatten_room_frac = 0.10
"""


def write_config(
    folder: Path,
    *,
    capital: int = 50_000,
    seed: int = 1,
    speed: float | str = "max",
    lots: int = 1,
    halt_frac: float = 0.5,
    guards: Sequence[str] = ("safety_halt",),
    strategies: Mapping[str, str] | None = None,
    more: str = "",
) -> Path:
    """Write the config of a daemon that runs in this folder."""
    head = HEAD.format(capital=capital, seed=seed, speed=json.dumps(speed), lots=lots, halt_frac=halt_frac)
    listed = ", ".join(f'"{guard}"' for guard in guards)
    traded = strategies if strategies is not None else {"mnq": "MNQ", "mes": "MES"}
    body = "".join(STRATEGY.format(name=name, market=market, guards=listed) for name, market in traded.items())
    path = folder / "config.toml"
    path.write_text(head + body + more)
    return path


def ledger_in(folder: Path) -> str:
    """Where this folder's ledger is: on the server that a file names, or else a file itself."""
    named = folder / "database.url"
    return named.read_text() if named.exists() else f"sqlite:///{folder}/gamma.db"


def config_in(folder: Path) -> Config:
    """The config, with its files in the folder, wherever this process runs."""
    given = {"gamma.database": ledger_in(folder), "paths.kill_switch": f"{folder}/gamma.kill"}
    return load(folder / "config.toml", {}, given)


def trade(
    folder: Path, *, bars: int = 0, once: bool = False, meddle: Callable[[Daemon], Any] = lambda _: None
) -> Daemon:
    """Run the daemon in this process; `meddle` gets it before it starts, and may give a task to run beside it."""
    config = config_in(folder)

    async def work() -> Daemon:
        opened = Ledger.open(config.gamma.database, account=config.account.name, mode="paper")
        with closing(opened) as ledger:
            daemon = Daemon(assemble(config, state_path=paper_state_path(config)), ledger)
            beside = meddle(daemon)
            task = asyncio.ensure_future(beside) if asyncio.iscoroutine(beside) else None
            times = float("inf") if config.feed.speed == "max" else float(config.feed.speed)
            try:
                await daemon.run(times, bars_max=bars, once=once)
            finally:
                if task is not None:
                    await task
            return daemon

    return asyncio.run(work())


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    """Start `gamma run --plain` in a process of its own."""
    return subprocess.Popen(
        [GAMMA, "run", "--plain", *options],
        cwd=folder,
        env=os.environ | {"NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def await_line(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    """Read the process's log up to the line of this event; its end is a failure."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{") and (told := json.loads(line))["event"] == event:
            return dict(told)
    assert process.stderr is not None
    raise AssertionError(f"the daemon ended before {event!r}: {process.stderr.read()}")


def gamma(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command beside it."""
    return subprocess.run(
        [GAMMA, *arguments], cwd=folder, env=os.environ | {"NO_COLOR": "1"}, capture_output=True, text=True, check=False
    )


def facts(folder: Path, *kinds: type) -> list[Any]:
    """All that stands in the ledger, or all of some kinds."""
    with Reader.open(ledger_in(folder)) as reader:
        return [f for _, f in reader.events(limit=10**9) if not kinds or isinstance(f, kinds)]


def ticks(folder: Path) -> list[tuple[str, int, str]]:
    """Who decided on which bar, and what came of it."""
    return [(t.strategy, t.slot_utc_ns, t.outcome) for t in facts(folder, Tick)]

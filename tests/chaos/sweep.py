"""A crash at every point at which the daemon touches the ledger or the broker, each followed by a new start.

A crash leaves what is on disk and nothing else, so that the state after one call is the state before the
next: to die before each call in turn is to die at every point.
"""

import asyncio
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from gamma.assembly import assemble
from gamma.bars import Bar
from gamma.daemon import Daemon
from gamma.ledger import Ledger
from tests.daemon_case import config_in
from tests.engine_case import MINUTE, PRICE, T0, bar_of

BARS: Final = 22
STORE: Final = ("append", "commit")
BROKER: Final = (
    "connect", "account", "trade_through", "place", "cancel", "replace", "find", "orders", "open_orders", "fills_since",
    "positions",
)  # fmt: skip


class Crash(BaseException):
    """The process is gone."""


@dataclass
class Points:
    """Counts the calls that are watched, and dies before one of them; `posted` are the orders that went out."""

    die_at: int = 0
    calls: list[str] = field(default_factory=list)
    posted: list[str] = field(default_factory=list)

    def touch(self, name: str, arguments: Sequence[Any]) -> None:
        self.calls.append(name)
        if len(self.calls) == self.die_at:
            raise Crash(name)
        if name == "place":
            self.posted.append(arguments[1].client_order_id)

    def watch(self, real: Any, names: Sequence[str]) -> Any:
        """The real thing, of which these calls are counted."""

        def counted(name: str) -> Callable[..., Any]:
            def call(*arguments: Any, **named: Any) -> Any:
                self.touch(name, arguments)
                return getattr(real, name)(*arguments, **named)

            return call

        return stand_in(real, {name: counted(name) for name in names})


def stand_in(real: Any, instead: dict[str, Any]) -> Any:
    """An object that looks like the real one, in which some names are others."""

    def forward(name: str) -> property:
        return property(lambda _: instead[name] if name in instead else getattr(real, name))

    public = {name: forward(name) for name in dir(real) if not name.startswith("_")}
    return type(type(real).__name__, (), public)()


@dataclass(frozen=True)
class Walk:
    """A feed of a few bars that wander, the same each time."""

    traded: tuple[Bar, ...]
    markets: tuple[str, ...] = ("MNQ",)
    provides: frozenset[str] = frozenset({"bar", "volume", "spread"})
    bar_s: int = 300

    def history(self, market: str, until_utc_ns: int, bars: int) -> list[Bar]:  # noqa: ARG002
        return [bar for bar in self.traded if bar.ts_close_utc_ns <= until_utc_ns][-bars:]

    def bars(self, after_utc_ns: int) -> Iterator[Bar]:
        return (bar for bar in self.traded if bar.ts_close_utc_ns > after_utc_ns)


def walk(seed: int, bars: int = BARS) -> Walk:
    """Bars that move by some 60 ticks each."""
    rng = np.random.default_rng(seed)
    closes = PRICE + np.cumsum(rng.integers(-60, 61, bars))
    made = []
    for n, close in enumerate(closes.tolist()):
        before = PRICE if n == 0 else int(closes[n - 1])
        up, down = (int(x) for x in rng.integers(0, 30, 2))
        bar = bar_of(close, high=max(before, close) + up, low=min(before, close) - down, at=T0 + (n + 1) * 5 * MINUTE)
        made.append(replace(bar, open_points=before / 4))
    return Walk(tuple(made))


def run(
    folder: Path, feed: Walk, points: Points | None = None, *, times: float = math.inf, faults: Sequence[str] = ()
) -> None:
    """Trade the bars that are left; a crash leaves what is on disk, and goes on to the caller."""
    points = points or Points()
    config = config_in(folder)
    if faults:
        config = config.model_copy(update={"brokers": {"paper": {"faults": list(faults)}}})

    async def work() -> None:
        ledger = Ledger.open(config.gamma.database, account="paper", mode="paper")
        try:
            assembly = assemble(config, state_path=folder / "gamma.paper.db", feed=feed)
            watched = replace(assembly, broker=points.watch(assembly.broker, BROKER), start_utc_ns=0)
            daemon = Daemon(watched, points.watch(ledger, STORE))
            await daemon.run(times)
        except BaseException:
            ledger.abandon()
            raise
        ledger.close()

    asyncio.run(work())

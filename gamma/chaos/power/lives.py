"""Lives of a daemon: one start after the other on the same files, each up to a clean stop or its end."""

import asyncio
import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count, islice
from pathlib import Path
from typing import Any, Final, final

from structlog.testing import capture_logs

from gamma.assembly import assemble, paper_state_path
from gamma.bars import Bar
from gamma.config import Config
from gamma.daemon import Daemon
from gamma.ledger import Ledger

ACCOUNT: Final = "paper"
PACED: Final = 1e12
TAPE_BARS: Final = 600
# SQLite takes the WAL over into the database every thousand pages, in months of trading a great many times. Here it
# does so sooner, that a short session has it too.
CHECKPOINT_PAGES: Final = 120

_ended = count(1)

Marked = Callable[[str], None]


def config_of(folder: Path, seed: int) -> Config:
    """Two strategies that trade often, one lot each, on a simulated market of this seed."""
    strategies = [
        {
            "name": name,
            "market": name.upper(),
            "signal": {"use": "breakout", "entry_bars": 4, "stop_atr": 1.0, "target_r": 1.5},
            "sizers": ["fixed"],
            "guards": ["safety_halt"],
            "exits": {"break_even_r": 0.5, "trail_from_r": 1.0, "trail_atr": 1.0},
        }
        for name in ("mnq", "mes")
    ]
    return Config.model_validate(
        {
            "gamma": {"database": f"sqlite:///{folder}/gamma.db"},
            "account": {"name": ACCOUNT, "starting_capital_usd": 1_000_000},
            "feed": {"seed": seed, "start": "2026-03-02", "speed": "max"},
            "strategies": strategies,
            "sizers": {"fixed": {"lots": 1}},
            "guards": {"safety_halt": {"halt_frac": 0.5, "drawdown_half_frac": 0.97, "drawdown_halt_frac": 0.98}},
            "paths": {"kill_switch": f"{folder}/gamma.kill"},
        }
    )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """A feed of bars that were made once, for many lives."""

    traded: Sequence[Bar]
    markets: tuple[str, ...]
    provides: frozenset[str]
    bar_s: int

    def history(self, market: str, until_utc_ns: int, bars: int) -> list[Bar]:
        """What was on the tape up to then."""
        return [b for b in self.traded if b.market == market and b.ts_close_utc_ns <= until_utc_ns][-bars:]

    def bars(self, after_utc_ns: int) -> Iterator[Bar]:
        """What is on the tape after it."""
        return (bar for bar in self.traded if bar.ts_close_utc_ns > after_utc_ns)


@lru_cache(maxsize=2)
def tape_of(seed: int) -> Tape:
    """The bars of the simulated market of this seed, from the first session on."""
    assembly = assemble(config_of(Path(), seed), state_path=None)
    feed = assembly.feed
    traded = tuple(islice(feed.bars(assembly.start_utc_ns), TAPE_BARS))
    return Tape(traded=traded, markets=feed.markets, provides=feed.provides, bar_s=feed.bar_s)


def live(config: Config, bars: int, times: float, marked: Marked = lambda _: None) -> None:
    """Start the daemon on what is in its folder, let it work off so many bars, and stop it.

    `marked` is told of each acknowledged commit, "commit SEQ SHA256", and of each order before its first byte
    goes out: "place ID", "cancel ID", "replace ID".
    """

    async def work() -> None:
        ticking = count(1)
        opened = Ledger.open(
            config.gamma.database, account=ACCOUNT, mode="paper", clock_ns=lambda: next(ticking) * 1_000
        )
        with closing(opened) as ledger:
            ledger._raw.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")  # noqa: SLF001  (no user sets it)
            marked("commit {} {}".format(*ledger.head))
            assembly = assemble(config, state_path=paper_state_path(config), feed=tape_of(config.feed.seed))
            watched: Any = Overheard(assembly.broker, marked)
            kept: Any = Acknowledged(ledger, marked)
            await Daemon(replace(assembly, broker=watched), kept).run(times, bars_max=bars)
        marked("commit {} {}".format(*ledger.head))

    try:
        with capture_logs():
            asyncio.run(work())
    finally:
        # A daemon keeps what it has at its start for good. Here many live in one process; to look through all of it
        # after each would take as long as the life itself.
        if next(_ended) % 20 == 0:
            gc.unfreeze()


@final
class Acknowledged:
    """A ledger of which each commit is told when it has been answered."""

    def __init__(self, ledger: Ledger, marked: Marked) -> None:
        self._ledger, self._marked = ledger, marked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def commit(self) -> None:
        """Commit, and tell."""
        self._ledger.commit()
        self._marked("commit {} {}".format(*self._ledger.head))


@final
class Overheard:
    """A broker that tells what goes out to it, the moment before."""

    def __init__(self, broker: Any, marked: Marked) -> None:
        self._broker, self._marked = broker, marked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    @property
    def ts_last_bar_utc_ns(self) -> int:
        """By name, as `trade_through`: a broker that lives on bars is known by having both."""
        return int(self._broker.ts_last_bar_utc_ns)

    def trade_through(self, bar: Bar) -> None:
        """Trade its working orders through a bar."""
        self._broker.trade_through(bar)

    async def place(self, approved: Any, intent: Any, bracket: Any) -> Any:
        """Tell of the order and its bracket."""
        for one in (intent, *bracket):
            self._marked(f"place {one.client_order_id}")
        return await self._broker.place(approved, intent, bracket)

    async def cancel(self, client_order_id: str) -> Any:
        """Tell whose cancel it is."""
        self._marked(f"cancel {client_order_id}")
        return await self._broker.cancel(client_order_id)

    async def replace(self, client_order_id: str, price_ticks: int) -> Any:
        """Tell whose move it is."""
        self._marked(f"replace {client_order_id}")
        return await self._broker.replace(client_order_id, price_ticks)

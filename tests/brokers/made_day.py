"""A day of `gamma run` in time that is made, in one process with a broker's sandbox: what the days have in common."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from brokers.sandbox.floor import Floor
from brokers.sandbox.prices import BarPrices
from gamma.assembly import assemble
from gamma.bars import Bar
from gamma.book import Book
from gamma.chaos.simulation.loop import Time, live
from gamma.clock import NS
from gamma.config import load
from gamma.daemon import Daemon
from gamma.feeds import Feed
from gamma.ledger import Ledger

HOUR_NS: Final = 3_600 * NS
Told = tuple[Mapping[str, int], Sequence[str]]


@final
@dataclass(frozen=True)
class Bars:
    """The bars of a sandbox's prices in one market, each as it closes."""

    prices: BarPrices
    time: Time
    market: str
    bar_s: int = 300
    provides: frozenset[str] = frozenset({"bar", "volume", "spread"})

    @property
    def markets(self) -> tuple[str, ...]:
        return (self.market,)

    def history(self, market: str, until_utc_ns: int, bars: int) -> list[Bar]:
        return list(self.prices.bars(market, self.bar_s, until_utc_ns - 4 * 24 * HOUR_NS, until_utc_ns))[-bars:]

    def bars(self, after_utc_ns: int) -> Iterator[Bar]:
        return iter(self.prices.bars(self.market, self.bar_s, after_utc_ns, self.time.now))

    async def closing(self, after_utc_ns: int) -> AsyncIterator[Bar]:
        while True:
            for bar in self.bars(after_utc_ns):
                after_utc_ns = bar.ts_close_utc_ns
                yield bar
            step_ns = self.bar_s * NS
            await asyncio.sleep((step_ns - self.time.now % step_ns) / NS)


async def no_hints(_: object) -> AsyncIterator[None]:
    """Nothing: there is no stream in time that is made, and all is read with the next bar."""
    await asyncio.Event().wait()
    yield None


def configured(folder: Path, text: str) -> None:
    """Write the configuration, for its owner alone to read."""
    path = folder / "config.toml"
    path.touch(mode=0o600)
    path.write_text(text)


def traded(
    folder: Path, time: Time, hours: float, *, feed: Feed | None = None, meddle: Callable[[Daemon], None] | None = None
) -> Daemon:
    """Trade for so many hours by the folder's configuration, on bars of the broker or of a feed."""
    config = load(folder / "config.toml", {})
    until = time.now + round(hours * HOUR_NS)

    async def work() -> Daemon:
        opened = Ledger.open(config.gamma.database, account=config.account.name, mode="paper", clock_ns=time.wall_ns)
        with closing(opened) as ledger:
            daemon = Daemon(assemble(config, state_path=None, feed=feed, clock=time), ledger, clock=time)
            time.at(until, daemon.stop)
            if meddle is not None:
                meddle(daemon)
            await daemon.run(1.0)
            return daemon

    return live(time, until + HOUR_NS, work())


def compared(daemon: Daemon, floor: Floor, market: str) -> Told:
    """What a day in futures came to, in figures; and where ledger and account differ."""
    book = daemon.shell.book
    figures = {
        "bars": daemon.desk.bars,
        "orders": len(floor.orders),
        "executions": len(floor.executions),
        "lots": sum(done.lots for done in floor.executions),
        "trades": len(book.trades),
        "moved": sum(change.what == "changed" for change in floor.changes),
        "fees_microusd": sum(done.fee_microusd for done in floor.executions),
        "balance_microusd": book.balance_microusd,
    }
    differ = [f"halt: {halt.reason}" for halt in book.halts.values()]
    if book.balance_microusd != floor.account.balance_microusd:
        differ.append(f"the ledger has {book.balance_microusd}, the account {floor.account.balance_microusd}")
    if book.lots(market) != floor.positions().get(market, 0):
        differ.append(f"the ledger holds {book.lots(market)} lots, the account {floor.positions()}")
    return figures, differ


def by_hours(doc: str | None, hours: float, told: Callable[[Path, float, int], Told]) -> int:
    """The command of a day: trade so many hours of a seed, print what came of it, and fail where ledgers differ."""
    asked = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("hours", type=float, nargs="?", default=hours)
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures, differ = told(Path(folder), given.hours, given.seed)
    sys.stdout.write("".join(f"{name:<18} {value:>15,}\n" for name, value in figures.items()))
    sys.stdout.write("\n".join(differ or ["ledger and account agree"]) + "\n")
    return bool(differ)


def by_seeds(count: int, one: Callable[[Path, int], tuple[Book, int]]) -> int:
    """The command of whole days: each seed's ledger against the cash of the sandbox's account [micro-usd]."""
    wrong = 0
    for seed in range(1, count + 1):
        with tempfile.TemporaryDirectory() as folder:
            book, cash_microusd = one(Path(folder), seed)
        agrees = book.balance_microusd == cash_microusd and not book.positions and not book.halts
        wrong += not agrees
        trades = sum(track.trades for track in book.tracks.values())
        sys.stdout.write(
            f"seed {seed}: {trades} trades, the ledger {book.balance_microusd / 1e6:,.2f}, "
            f"it {cash_microusd / 1e6:,.2f}{'' if agrees else ', which is WRONG'}\n"
        )
    return bool(wrong)

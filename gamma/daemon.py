"""The daemon: recover, reconcile, trade; the one process that runs for months.

Start-up is recovery, and there is no other start: take the lock, fold the ledger, warm up on history,
begin a new epoch, ask the broker, prove that every guard sees, then trade. Bars come from the feed;
housekeeping does the rest. One thing at a time goes through the desk, and what fails there ends the
process: the next start finds out what became of all that was under way.
"""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import Final, final

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from gamma import notices, requests
from gamma.assembly import Assembly
from gamma.bars import Bar
from gamma.bookmark import find
from gamma.clock import MACHINE, NS, Clock
from gamma.desk import Desk
from gamma.errors import InvariantBroken
from gamma.events import BootStarted, HaltRequested, Level, ShutDown
from gamma.feeds import FetchedFeed, LiveFeed
from gamma.feeds.live_chains import LiveChains
from gamma.feeds.pace import MAX, paced
from gamma.heeding import Heeding
from gamma.housekeeping import Housekeeping
from gamma.ledger import Ledger
from gamma.messengers import Messengers
from gamma.ports import BarDriven, SignalStream
from gamma.proof import prove_guards
from gamma.reasons import Reason
from gamma.recovery import recover
from gamma.shell import Observer, Shell
from gamma.turnstile import Turnstile
from gamma.vitals import Vital, taken

WARM_BARS: Final = 400
COMMIT_BARS: Final = 500
RETRY_S: Final = 1.0
UNCLEAN_STARTS_MAX: Final = 3
UNCLEAN_WITHIN_S: Final = 600
_NS_PER_MS: Final = 1_000_000
# 2020-01-01: 12 digits last until 2051, and with 13 an id is still shorter than any broker allows.
_EPOCHS_FROM_UTC_NS: Final = 1_577_836_800 * NS

log = structlog.get_logger("gamma.daemon")


@final
class Daemon:
    """One account, traded from one ledger until the feed ends or a person stops it."""

    def __init__(
        self,
        assembly: Assembly,
        ledger: Ledger,
        *,
        code_hash: str = "",
        observers: Sequence[Observer] = (),
        messengers: Messengers | None = None,
        clock: Clock = MACHINE,
        supervised: bool = False,
    ) -> None:
        self.assembly = assembly
        self.ledger = ledger
        self.code_hash = code_hash
        self.messengers = messengers
        self.supervised = supervised
        self.live = isinstance(assembly.feed, LiveFeed)
        self.ts_event_utc_ns = 0
        self.ready = False
        # Whether it ended because a contract rolled, and is to be started again.
        self.rolled = False
        self._months: dict[str, int] = {}
        self.turnstile = Turnstile()
        bookmark = find(assembly.config.gamma.database, assembly.setup, ledger.hash_at)
        self.shell = Shell(
            recover(assembly.setup, assembly.rules, ledger, bookmark),
            assembly.rules,
            store=ledger,
            broker=assembly.broker,
            now=self.now,
            stopped=Path(assembly.config.paths.kill_switch).exists,
            elapsed_s=self.elapsed_s if self.live else None,
            observers=observers,
        )
        self.shell.taken = partial(taken, Path(assembly.config.paths.kill_switch))
        self.housekeeping = Housekeeping(
            assembly.config, ledger, self.shell, self.turnstile, bookmark, messengers=messengers, clock=clock
        )
        self.heeding = Heeding(self.shell, self.turnstile, ask=self.housekeeping.ask_broker, commit=self.ledger.commit)
        self.desk = Desk(
            self.shell,
            assembly.seats,
            assembly.hours,
            pickings=assembly.pickings,
            chains=assembly.chains,
            late_max_s=self._late_max_s() if self.live else None,
        )

    async def run(self, times: float, *, once: bool = False, bars_max: int = 0) -> None:
        """Trade until the feed ends, `bars_max` bars were worked off, or `stop` was called.

        `once` ends with the feed, or with the first session of a feed that has no end.

        Raises: ConfigInvalid when a guard cannot see; whatever failed in a turn, for after it nothing goes on.
        """
        schedule = self.housekeeping.schedule()
        hearing: list[asyncio.Task[None]] = []
        times = 1.0 if self.live else times
        try:
            after_utc_ns = await self._start()
            schedule.start()
            if isinstance(self.assembly.chains, LiveChains):
                hearing.append(asyncio.create_task(self.assembly.chains.keep()))
            hearing += [asyncio.create_task(self._hear(stream)) for stream in self.assembly.streams]
            hearing.append(asyncio.create_task(self.housekeeping.watch_clock(schedule)))
            hearing.append(asyncio.create_task(self.heeding.run()))
            await self._trade(self._bars(after_utc_ns, times), times, once=once, bars_max=bars_max)
            await self._finish(schedule)
        except Exception as error:
            await self._give_up(error)
            raise
        finally:
            for task in hearing:
                task.cancel()
            await asyncio.gather(*hearing, return_exceptions=True)
            if schedule.running:
                schedule.shutdown(wait=False)
            await self._deliver()
            for broker in (self.assembly.broker, *self.assembly.others):
                await broker.close()

    def now(self) -> int:
        """Event time [ns]: that of the bars where they are replayed, else our own time, which never jumps."""
        if self.live:
            self.ts_event_utc_ns = max(self.ts_event_utc_ns, self.housekeeping.time.now_ns())
        return self.ts_event_utc_ns

    def elapsed_s(self) -> float:
        """How long the daemon has run [s], whatever becomes of the wall clock."""
        return self.housekeeping.time.elapsed_s()

    def _know_past(self, ts_utc_ns: int) -> None:
        """Something happened then; a clock that is behind it is wrong, and its guards hear of that."""
        self.ts_event_utc_ns = max(self.ts_event_utc_ns, ts_utc_ns)
        if self.live:
            self.housekeeping.time.know_past(ts_utc_ns)

    def stop(self) -> None:
        """Ask for a clean stop: the bar in hand is finished, then the book is closed."""
        self.turnstile.stopping.set()

    def watch_signals(self) -> None:
        """SIGTERM and SIGINT stop cleanly."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)

    # Start-up, in its order.

    async def _start(self) -> int:
        """Up to the first bar; gives the time after which bars are wanted."""
        self.housekeeping.look_over_all()
        rules, worked = self.assembly.rules, self._worked()
        self._know_past(max(self.shell.book.ts_event_utc_ns, *worked.values()))
        connected = await self.assembly.broker.connect()
        self.shell.read_on(connected.account)
        await self._fetch()
        for market, until_utc_ns in worked.items():
            self._warm_up(market, until_utc_ns)
        unclean = self._unclean_starts()
        async with self.turnstile.turn():
            await self.shell.feed(
                BootStarted(
                    epoch=next_epoch(self.shell.book.epoch, self.housekeeping.clock.wall_ns()),
                    config_hash=rules.config_hash,
                    code_hash=self.code_hash,
                    ts_event_utc_ns=self.now(),
                )
            )
            if unclean >= UNCLEAN_STARTS_MAX:
                await self._hold_back(unclean)
            differ = self.shell.book.control.mismatches
            await (self.shell.reconcile_all() if differ else self.shell.reconcile())
            await self.shell.compare_balance()
            await self.housekeeping.see_health()
            prove_guards(self.assembly, self.shell.book)
            started = notices.started(self.now(), version=_version(), config_hash=rules.config_hash)
            self.ledger.append([], [started])
            self.ledger.commit()
        requests.clear(self.housekeeping.requests, self.housekeeping.clock.wall_ns())
        gc.collect()
        gc.freeze()
        self.ready = True
        self.housekeeping.pulse.tell(Vital.ALIVE)
        log.info("ready", account=self.ledger.account, epoch=self.shell.book.epoch, ts_event_utc_ns=self.now())
        return min(worked.values())

    def _worked(self) -> dict[str, int]:
        """Up to when each market's bars were worked off: the last slot on which every strategy there decided.

        A bar of which one strategy has decided and another has not comes again, for the other. A new ledger
        begins with the account, or where a broker that lives on bars has come to without it.
        """
        book, broker = self.shell.book, self.assembly.broker
        seen = broker.ts_last_bar_utc_ns if isinstance(broker, BarDriven) else 0
        begin = book.ts_event_utc_ns - 1 if book.epoch else max(seen, self.assembly.start_utc_ns)
        if self.live:  # what was recorded under a clock that was ahead must not hide the bars that come now
            now = self.housekeeping.clock.wall_ns()
            begin = min(begin, now) if book.epoch else now
        worked: dict[str, int] = {}
        for market, seats in self.assembly.seats.items():
            ticks = [self.ledger.last_tick(seat.strategy) for seat in seats]
            decided = [tick for tick in ticks if tick is not None]
            last = max(decided, default=begin)
            worked[market] = last if all(tick == last for tick in decided) else last - 1
        return worked

    def _unclean_starts(self) -> int:
        """How many lives in a row of the last ten minutes ended without a clean stop, where something starts the next.

        A person who starts it by hand sees what happens, and does not need to be asked.
        """
        if not self.supervised:
            return 0
        return self.ledger.unclean_starts(self.housekeeping.clock.wall_ns() - UNCLEAN_WITHIN_S * NS)

    async def _hold_back(self, unclean: int) -> None:
        """Start SAFE: whatever ends it again and again may be what it trades; what is open goes on being managed."""
        halt = HaltRequested(
            command_id="",
            actor="daemon",
            text=f"{unclean} starts in ten minutes came to no clean stop",
            level=Level.REDUCING,
            ts_event_utc_ns=self.now(),
            reason=Reason.UNCLEAN_STARTS,
        )
        await self.shell.feed(halt)

    async def _fetch(self) -> None:
        """Ask for the history, where it has to be asked for.

        Raises: Transient when it is not told: without it nobody could be warmed up.
        """
        for other in self.assembly.others:
            await other.connect()
        feed = self.assembly.feed
        if isinstance(feed, FetchedFeed):
            wanted = [bars for market in self.assembly.seats for _, bars in self._bars_needed(market)]
            await feed.fetch(self.housekeeping.clock.wall_ns(), max([WARM_BARS, *wanted]))

    def _late_max_s(self) -> float:
        """How late a bar may come and be decided on [s]: as long as it is, and by what its data is delayed."""
        feed = self.assembly.config.feed
        return self.assembly.feed.bar_s + (feed.delay_s if feed.use == "broker" else 0.0)

    def _warm_up(self, market: str, until_utc_ns: int) -> None:
        """Show the history; who needs more of it than there is holds until it has come."""
        history = self._history(market, until_utc_ns)
        self.desk.warm_up(market, history, until_utc_ns)
        for strategy, bars_needed in self._bars_needed(market):
            if len(history) < bars_needed:
                missing = bars_needed - len(history)
                log.warning("holds_until_warm", strategy=strategy, bars=len(history), bars_missing=missing)

    def _history(self, market: str, until_utc_ns: int) -> list[Bar]:
        wanted = max([WARM_BARS, *(bars for _, bars in self._bars_needed(market))])
        return self.assembly.feed.history(market, until_utc_ns, wanted)

    def _bars_needed(self, market: str) -> list[tuple[str, int]]:
        """How many bars of a market each strategy there wants, for its signals or for its sizes."""
        seats = [(seat.strategy, seat.source.bars_needed) for seat in self.assembly.seats[market]]
        pickings = self.assembly.pickings.items()
        return seats + [(name, picking.bars_needed) for name, picking in pickings if picking.market.symbol == market]

    # Trading.

    def _bars(self, after_utc_ns: int, times: float) -> AsyncIterator[Bar]:
        feed = self.assembly.feed
        return feed.closing(after_utc_ns) if isinstance(feed, LiveFeed) else paced(feed.bars(after_utc_ns), times)

    async def _trade(self, bars: AsyncIterator[Bar], times: float, *, once: bool, bars_max: int) -> None:
        ends = self._once_ends() if once else 0
        open_since = partial(self.assembly.hours.open_since, tuple(self.assembly.seats)) if self.live else None
        self.housekeeping.expect_bars(self.assembly.feed.bar_s / times, open_since)
        while (bar := await self._next(bars)) is not None:
            if ends and bar.ts_open_utc_ns >= ends:
                return
            if self.live and self._rolls(bar):
                self.rolled = True
                return
            await self._work_off(bar, times)
            if self.turnstile.stopping.is_set() or 0 < bars_max <= self.desk.bars:
                return

    def _rolls(self, bar: Bar) -> bool:
        """Whether a bar is of another month than those before it: whoever remembers these must not compare it to them.

        All begins again then, with the new month's history, by the one start that there is.
        """
        session = self.assembly.hours.session(bar.market, bar.ts_open_utc_ns)
        ts_roll_utc_ns = 0 if session is None else session.ts_roll_utc_ns
        before = self._months.setdefault(bar.market, ts_roll_utc_ns)
        return 0 < before < ts_roll_utc_ns

    async def _work_off(self, bar: Bar, times: float) -> None:
        """Let the bar through the desk; while the broker is silent it waits, and nothing is decided."""
        stopping = self.turnstile.stopping
        while not stopping.is_set():
            async with self.turnstile.turn():
                self._know_past(bar.ts_close_utc_ns)
                await self.housekeeping.see_clock()
                if await self.housekeeping.ask_broker(lambda: self.desk.bar(bar)):
                    self.housekeeping.hear_bar()
                    if times != MAX or self._at_risk() or self.desk.bars % COMMIT_BARS == 0:
                        self.ledger.commit()
                    return
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), RETRY_S)

    def _at_risk(self) -> bool:
        """Whether the last bar left something that a start after a crash could not find out again."""
        book = self.shell.book
        return bool(book.positions) or any(not order.ended for order in book.orders.values())

    async def _hear(self, stream: SignalStream) -> None:
        """Take signals from outside as they come; they count from when they are taken up."""
        async for heard in stream.signals():
            async with self.turnstile.turn():
                await self.housekeeping.see_clock()
                await self.desk.hear(replace(heard, ts_event_utc_ns=self.now()))
                self.ledger.commit()

    async def _next(self, bars: AsyncIterator[Bar]) -> Bar | None:
        """The next bar; None when the feed has ended, or as soon as a stop is asked for."""
        coming = asyncio.ensure_future(anext(bars, None))
        stop = asyncio.ensure_future(self.turnstile.stopping.wait())
        await asyncio.wait((coming, stop), return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if coming.done():
            return coming.result()
        coming.cancel()
        return None

    def _once_ends(self) -> int:
        """Recorded bars end by themselves; of a feed without an end one session is traded."""
        if self.assembly.config.feed.use == "file":
            return 0
        symbol, ts = self.assembly.rules.day_market, self.ts_event_utc_ns
        session = self.assembly.hours.session(symbol, ts) or self.assembly.hours.next(symbol, ts)
        return session.ts_close_utc_ns

    # The end.

    async def _finish(self, schedule: AsyncIOScheduler) -> None:
        """Close the book: jobs that wait for their turn do not get it any more."""
        ended = "a contract rolled" if self.rolled else "all bars were worked off"
        reason = "asked to" if self.turnstile.stopping.is_set() else ended
        async with self.turnstile.turn():
            schedule.shutdown(wait=False)
            await asyncio.sleep(0)  # it shuts down in the loop's next round
            await self.shell.feed(ShutDown(reason=reason, ts_event_utc_ns=self.now()))
            self.ledger.append([], [notices.stopped(self.now(), cause=reason, clean=True)])
            self.ledger.commit()
        self.housekeeping.pulse.tell(Vital.STOPPED, reason)
        log.info("stopped", reason=reason, bars=self.desk.bars)

    async def _give_up(self, error: Exception) -> None:
        """Tell of a failure as far as the ledger still takes it; a broken invariant halts until a person looks."""
        cause = f"{type(error).__name__}: {error}"
        log.error("failed", cause=cause, bars=self.desk.bars)
        self.housekeeping.pulse.tell(Vital.FAILED, cause)
        recorded = False
        with suppress(Exception):  # the ledger may be what failed
            if isinstance(error, InvariantBroken):
                halt = HaltRequested(
                    command_id="",
                    actor="daemon",
                    text=str(error),
                    level=Level.HALTED,
                    ts_event_utc_ns=self.now(),
                    reason=Reason.INVARIANT,
                )
                await self.shell.feed(halt)
            self.ledger.append([], [notices.stopped(self.now(), cause=cause, clean=False)])
            self.ledger.commit()
            recorded = True
        if not recorded and self.messengers is not None:
            with suppress(Exception):
                async with asyncio.timeout(self.assembly.config.schedule.drain_s):
                    await self.messengers.cry(notices.unrecorded(self.now(), cause=str(error)))

    async def _deliver(self) -> None:
        """Send what waits in the outbox, for there is no later time; what does not arrive waits for the next start."""
        if self.messengers is not None:
            with suppress(Exception):
                async with asyncio.timeout(self.assembly.config.schedule.drain_s):
                    await self.messengers.deliver(final=True)


def next_epoch(last: int, wall_utc_ns: int) -> int:
    """The number of this start: the milliseconds since 2020, and in any case above the last start's.

    It goes into every client order id. A ledger that was restored from a backup does not know what was issued since;
    time does not come back, so that no id is given a second time.
    """
    return max(last + 1, (wall_utc_ns - _EPOCHS_FROM_UTC_NS) // _NS_PER_MS)


@cache
def _version() -> str:
    return metadata.version("gamma-daemon")

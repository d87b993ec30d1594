"""The daemon: recover, reconcile, trade; the one process that runs for months.

Start-up is recovery, and there is no other start: take the lock, fold the ledger, begin a new epoch,
ask the broker, warm up on history, prove that every guard sees, then trade. Bars come from the feed;
the jobs of the schedule do the rest. One thing at a time goes through the desk.
"""

import asyncio
import gc
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Final, final

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from gamma import notices, requests
from gamma.assembly import Assembly
from gamma.bars import Bar
from gamma.book import Book, fold
from gamma.desk import Desk
from gamma.effects import Answer
from gamma.errors import ConfigInvalid, Transient
from gamma.events import (
    AckRequested,
    BarClosed,
    BootStarted,
    Command,
    HaltRequested,
    HealthSeen,
    Level,
    ReconcileRequested,
    Recorded,
    SessionOpened,
    ShutDown,
    SignalMade,
)
from gamma.feeds.pace import MAX, paced
from gamma.guards import inert
from gamma.ledger import Ledger, free_bytes
from gamma.messengers import Messengers
from gamma.offline import acknowledge
from gamma.outlook import look
from gamma.ports import BarDriven, SignalStream
from gamma.recovery import recover
from gamma.rules import StrategyRules
from gamma.shell import Observer, Shell

WARM_BARS: Final = 400
PROBE_BARS: Final = 60
COMMIT_BARS: Final = 500
DISK_MIN_BYTES: Final = 1 << 30
LISTEN_S: Final = 0.5
DELIVER_S: Final = 5.0
PING_S: Final = 60.0
NS: Final = 1_000_000_000

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
    ) -> None:
        config = assembly.config
        self.assembly = assembly
        self.ledger = ledger
        self.code_hash = code_hash
        self.requests = requests.folder_of(config.gamma.database, config.account.name)
        self.kill_switch = Path(config.paths.kill_switch)
        self.stopping = asyncio.Event()
        self.messengers = messengers
        self.missed = 0
        self.ts_event_utc_ns = 0
        self.shell = Shell(
            recover(assembly.setup, assembly.rules, ledger),
            assembly.rules,
            store=ledger,
            broker=assembly.broker,
            now=lambda: self.ts_event_utc_ns,
            stopped=self.kill_switch.exists,
            observers=(*observers, _Answerer(self.requests)),
        )
        self.desk = Desk(self.shell, assembly.seats, assembly.hours)
        self._one = asyncio.Lock()
        self._started = (time.time_ns(), time.monotonic_ns())
        self._broker_heard = time.monotonic()
        self._bar_heard = time.monotonic()
        self.ready = False

    async def run(self, times: float, *, once: bool = False, bars_max: int = 0) -> None:
        """Trade until the feed ends, `bars_max` bars were worked off, or `stop` was called.

        `once` ends with the feed, or with the first session of a feed that has no end.

        Raises: ConfigInvalid when a guard cannot see; whatever the ledger raises, for without it nothing goes on.
        """
        await self._start()
        schedule = self._schedule()
        schedule.start()
        hearing = [asyncio.create_task(self._hear(stream)) for stream in self.assembly.streams]
        try:
            await self._trade(times, once=once, bars_max=bars_max)
        finally:
            for task in hearing:
                task.cancel()
            await asyncio.gather(*hearing, return_exceptions=True)
            schedule.shutdown(wait=False)
            await self._finish()

    def stop(self) -> None:
        """Ask for a clean stop: the bar in hand is finished, then the book is closed."""
        self.stopping.set()

    def watch_signals(self) -> None:
        """SIGTERM and SIGINT stop cleanly."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)

    # Start-up, in its order.

    async def _start(self) -> None:
        book, broker = self.shell.book, self.assembly.broker
        self.ts_event_utc_ns = self._resume_ns()
        await broker.connect()
        await self.shell.feed(
            BootStarted(
                epoch=book.epoch + 1,
                config_hash=self.assembly.rules.config_hash,
                code_hash=self.code_hash,
                ts_event_utc_ns=self.ts_event_utc_ns,
            )
        )
        await self._health()
        for market in self.assembly.seats:
            self.desk.warm_up(market, self.assembly.feed.history(market, self.ts_event_utc_ns, WARM_BARS))
        await self.shell.reconcile()
        await self.shell.compare_balance()
        self._prove_guards()
        started = notices.started(self.ts_event_utc_ns, version=_version(), config_hash=self.assembly.rules.config_hash)
        self.ledger.append([], [started])
        self.ledger.commit()
        gc.collect()
        gc.freeze()
        self.ready = True
        log.info("ready", epoch=self.shell.book.epoch, ts_event_utc_ns=self.ts_event_utc_ns)

    def _resume_ns(self) -> int:
        """Where the feed goes on: after all that was decided, and after all that the broker has traded through."""
        ticks = [self.ledger.last_tick(name) or 0 for name in self.assembly.rules.strategies]
        broker = self.assembly.broker
        seen = broker.ts_last_bar_utc_ns if isinstance(broker, BarDriven) else 0
        return max(*ticks, seen, self.shell.book.ts_event_utc_ns, self.assembly.start_utc_ns)

    def _prove_guards(self) -> None:
        """A guard that does not see what it needs guards nothing: refuse to start, and name it."""
        for strategy in self.assembly.rules.strategies.values():
            view = look(self._probe(strategy), self.assembly.rules, strategy, _probe_signal(strategy))
            for name, guard in strategy.guards:
                if gaps := inert(guard, view):
                    raise ConfigInvalid(
                        f"[guards.{name}] of strategy {strategy.name} is inert: it needs {', '.join(gaps)}, which "
                        "this account, broker or feed does not give; supply it, or take the guard out of `guards`"
                    )

    def _probe(self, strategy: StrategyRules) -> Book:
        """A scratch book that has seen some bars and a session of the market; nothing is decided on it."""
        symbol, book = strategy.market.symbol, self.shell.book
        mark = book.marks.get(symbol)
        bars = [] if mark is not None and mark.bars >= PROBE_BARS else self._first_bars(symbol)
        for bar in bars:
            book = fold(book, BarClosed(bar=bar, ts_event_utc_ns=bar.ts_close_utc_ns))
        ts = bars[-1].ts_close_utc_ns if bars else self.ts_event_utc_ns
        session = self.assembly.hours.session(symbol, ts - 1) or self.assembly.hours.next(symbol, ts)
        book = fold(book, SessionOpened(session=session, ts_event_utc_ns=ts))
        return book.at(ts)

    def _first_bars(self, symbol: str) -> list[Bar]:
        found: list[Bar] = []
        for bar in self.assembly.feed.bars(self.ts_event_utc_ns):
            if bar.market == symbol:
                found.append(bar)
                if len(found) == PROBE_BARS:
                    break
        return found

    # Trading.

    async def _trade(self, times: float, *, once: bool, bars_max: int) -> None:
        bars = paced(self.assembly.feed.bars(self.ts_event_utc_ns), times)
        ends = self._once_ends() if once else 0
        while (bar := await self._next(bars)) is not None:
            if ends and bar.ts_open_utc_ns >= ends:
                return
            async with self._one:
                self.ts_event_utc_ns = bar.ts_close_utc_ns
                await self.desk.bar(bar)
                if times != MAX or self.desk.bars % COMMIT_BARS == 0:
                    self.ledger.commit()
            if self.stopping.is_set() or self.desk.bars == bars_max:
                return

    async def _hear(self, stream: SignalStream) -> None:
        """Take signals from outside as they come; they count from when they are taken up."""
        async for heard in stream.signals():
            async with self._one:
                await self.shell.feed(replace(heard, ts_event_utc_ns=self.ts_event_utc_ns))
                self.ledger.commit()

    async def _next(self, bars: AsyncIterator[Bar]) -> Bar | None:
        """The next bar; None when the feed has ended, or as soon as a stop is asked for."""
        coming = asyncio.ensure_future(anext(bars, None))
        if self.stopping.is_set() or coming.done():
            coming.cancel()
            return None
        stop = asyncio.ensure_future(self.stopping.wait())
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

    async def _finish(self) -> None:
        reason = "asked to" if self.stopping.is_set() else "all bars were worked off"
        async with self._one:
            await self.shell.feed(ShutDown(reason=reason, ts_event_utc_ns=self.ts_event_utc_ns))
            self.ledger.append([], [notices.stopped(self.ts_event_utc_ns, cause=reason, clean=True)])
            self.ledger.commit()
        if self.messengers is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.assembly.config.schedule.drain_s):
                    await self.messengers.deliver(final=True)
        await self.assembly.broker.close()
        log.info("stopped", reason=reason, bars=self.desk.bars)

    # The schedule.

    def _schedule(self) -> AsyncIOScheduler:
        plan = self.assembly.config.schedule
        schedule = AsyncIOScheduler(
            timezone="UTC",
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": round(plan.misfire_grace_s)},
        )
        jobs: list[tuple[Callable[[], Awaitable[None]], float]] = [
            (self._reconcile, plan.reconcile_s),
            (self._beat, plan.heartbeat_s),
            (self._listen, LISTEN_S),
        ]
        if self.messengers is not None:
            jobs += [(self.messengers.deliver, DELIVER_S), (self.messengers.ping, PING_S)]
        for job, every_s in jobs:
            schedule.add_job(job, "interval", seconds=every_s, id=job.__name__)
        schedule.add_listener(self._job_failed, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
        return schedule

    def _job_failed(self, event: JobEvent) -> None:
        self.missed += 1
        log.warning("job_missed", job=event.job_id, error=repr(getattr(event, "exception", None)))

    async def _reconcile(self) -> None:
        async with self._one:
            try:
                await self.shell.reconcile()
                self._broker_heard = time.monotonic()
            except Transient as error:
                log.warning("reconcile_failed", error=str(error))

    async def _beat(self) -> None:
        async with self._one:
            await self._health()
            await self._watch_disk()
            self.ledger.commit()

    async def _watch_disk(self) -> None:
        """A full disk takes no intent; halt while there is room for what is still to be written."""
        free = free_bytes(self.assembly.config.gamma.database)
        if free is not None and free < DISK_MIN_BYTES:
            request = HaltRequested(
                command_id=f"disk-{self.ts_event_utc_ns}",
                actor="daemon",
                text=f"disk: {free / 2**20:.0f} MiB free, below {DISK_MIN_BYTES / 2**20:.0f}",
                level=Level.REDUCING,
                ts_event_utc_ns=self.ts_event_utc_ns,
            )
            await self.shell.feed(request)

    async def _health(self) -> None:
        wall, mono = time.time_ns() - self._started[0], time.monotonic_ns() - self._started[1]
        await self.shell.feed(
            HealthSeen(
                broker_age_s=0.0 if not self.ready else time.monotonic() - self._broker_heard,
                data_age_s=0.0,
                strategy_age_s=0.0,
                clock_offset_s=(wall - mono) / NS,
                kill_switch=self.kill_switch.exists(),
                ts_event_utc_ns=self.ts_event_utc_ns,
            )
        )

    async def _listen(self) -> None:
        """Take up what a person asked, and look for the kill switch."""
        commands = requests.take(self.requests)
        switched = self.kill_switch.exists()
        health = self.shell.book.control.health
        if not commands and (health is None or health.kill_switch == switched):
            return
        async with self._one:
            await self._health()
            for command in commands:
                await self._carry_out(command)
            await self.shell.poll()
            self.ledger.commit()

    async def _carry_out(self, command: Command) -> None:
        if isinstance(command, AckRequested):
            requests.answer(self.requests, acknowledge(self.ledger, command))
        elif isinstance(command, ReconcileRequested):
            await self.shell.reconcile()
            text = "reconciled: the book is the broker's"
            requests.answer(self.requests, Answer(command_id=command.command_id, ok=True, text=text))
        else:
            await self.shell.feed(replace(command, ts_event_utc_ns=self.ts_event_utc_ns))


@final
class _Answerer:
    """Answers requests where they were put down."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def recorded(self, fact: Recorded, book: Book) -> None:
        """Facts are not for it."""

    def answered(self, answer: Answer) -> None:
        """Put the answer beside the request."""
        requests.answer(self.folder, answer)


def _probe_signal(strategy: StrategyRules) -> SignalMade:
    """A signal that nobody made, so that a guard's inputs that come with one are there."""
    return SignalMade(
        strategy=strategy.name,
        market=strategy.market.symbol,
        signal_id="probe",
        slot_utc_ns=0,
        side=1,
        stop_ticks=10,
        target_ticks=0,
        ts_event_utc_ns=0,
    )


def _version() -> str:
    return metadata.version("gamma-daemon")

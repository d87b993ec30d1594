"""Housekeeping: what the daemon does beside the bars. It listens, shows signs of life, and asks the broker."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, final

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from gamma import notices, requests
from gamma.bookmark import Bookmark, put
from gamma.clock import NS, Clock, Steady
from gamma.config import Config
from gamma.effects import Answer
from gamma.entries import CLOCK_OFF_MAX_S
from gamma.errors import Transient
from gamma.events import (
    AckRequested,
    Command,
    HaltRequested,
    HealthSeen,
    Level,
    ReconcileRequested,
)
from gamma.invariants.patrol import Patrol, refuse
from gamma.ledger import Ledger, free_bytes
from gamma.mends import mend
from gamma.messengers import Messengers
from gamma.offline import RECONCILED, Answers, acknowledge, refuse_switched
from gamma.reasons import Reason
from gamma.shell import Shell
from gamma.turnstile import Turnstile
from gamma.vitals import Pulse, Vital, taken

DISK_MIN_BYTES: Final = 1 << 30
CLOCK_LOOK_S: Final = 5.0
CLOCK_SET_S: Final = 1.0
CLOCK_TOLD_S: Final = 1.0
CLOCK_RIGHT_S: Final = 600.0
PING_S: Final = 60.0
SILENCE_MAX_S: Final = 60.0

log = structlog.get_logger("gamma.housekeeping")


@final
class Housekeeping:
    """The jobs of the schedule; each takes its turn at the turnstile."""

    def __init__(
        self,
        config: Config,
        ledger: Ledger,
        shell: Shell,
        turnstile: Turnstile,
        bookmark: Bookmark | None = None,
        *,
        messengers: Messengers | None,
        clock: Clock,
    ) -> None:
        self.config = config
        self.patrol = Patrol(ledger, shell.book.setup, shell.rules, bookmark)
        self._behind = self.patrol.behind()
        self.ledger = ledger
        self.shell = shell
        self.turnstile = turnstile
        self.messengers = messengers
        self.kill_switch = Path(config.paths.kill_switch)
        self.pulse = Pulse(config.gamma.database, config.account.name, self.kill_switch, clock)
        self.requests = requests.folder_of(config.gamma.database, config.account.name)
        self.inbox = requests.Inbox(self.requests)
        self.answers = Answers()
        shell.observers = (*shell.observers, self.answers)
        self.missed = 0
        self.clock = clock
        # One time for both: a notice is due by the time that it was written at.
        self.time = Steady(clock) if messengers is None else messengers.time
        self.beaten_s = 0.0  # when the last beat was done
        self._broker_heard_s = 0.0
        self._broker_silent = False
        self._clock_off, self._clock_off_s = 0, 0.0
        self._deaf = False
        self._bar_every_s = math.inf
        self._bar_heard_s = 0.0
        self._open_since: Callable[[int], int | None] | None = None

    def expect_bars(self, every_s: float, open_since: Callable[[int], int | None] | None = None) -> None:
        """Say how often the feed is to give a bar [s of wall time].

        `open_since` tells since when a market has been open at some time [ns], None while all are shut; without it a
        shut market is passed over, as where bars are replayed.
        """
        self._bar_every_s, self._bar_heard_s = every_s, self.time.elapsed_s()
        self._open_since = open_since

    def hear_bar(self) -> None:
        """A bar came, and every strategy of its market has looked at it."""
        self._bar_heard_s = self.time.elapsed_s()

    def schedule(self) -> AsyncIOScheduler:
        """All jobs with their intervals, not started yet; one that is missed or fails is counted and told."""
        plan = self.config.schedule
        schedule = AsyncIOScheduler(
            timezone="UTC",
            job_defaults={
                "coalesce": True,
                "max_instances": 1,
                "misfire_grace_time": max(1, round(plan.misfire_grace_s)),
            },
        )
        jobs: list[tuple[Callable[[], Awaitable[None]], float]] = [
            (self.reconcile, plan.reconcile_s),
            (self.beat, plan.heartbeat_s),
            (self.listen, plan.listen_s),
            (self.look_over, plan.invariants_s),
        ]
        if self.messengers is not None:
            jobs += [(self.messengers.deliver, self.messengers.deliver_s), (self.ping, PING_S)]
        for job, every_s in jobs:
            schedule.add_job(job, "interval", seconds=every_s, id=job.__name__)
        schedule.add_listener(self._missed, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
        return schedule

    async def watch_clock(self, schedule: AsyncIOScheduler) -> None:
        """Have jobs run anew when somebody sets the wall clock, for the scheduler waits by it.

        Set back by an hour, it would otherwise do nothing for that hour; so it would where the clock was wrong for
        a moment only, between two looks, but in which the scheduler planned.
        """
        seen_s = 0.0  # as it was when the jobs were planned
        while True:
            await asyncio.sleep(CLOCK_LOOK_S)
            set_s = self.time.set_s()
            moved = abs(set_s - seen_s) > CLOCK_SET_S
            if moved:
                log.warning("clock_set", moved_s=round(set_s - seen_s, 1))
            seen_s = set_s
            now = datetime.fromtimestamp(self.clock.wall_ns() / NS, UTC)
            overdue = False
            for job in schedule.get_jobs():
                if moved or job.next_run_time - now > job.trigger.interval:
                    job.modify(next_run_time=now)
                overdue = overdue or job.next_run_time < now - timedelta(seconds=CLOCK_SET_S)
            if overdue:
                schedule.wakeup()

    def _missed(self, event: JobEvent) -> None:
        error = getattr(event, "exception", None)
        if isinstance(error, asyncio.CancelledError):
            return  # it waited for its turn when the daemon stopped
        self.missed += 1
        cause = f"{type(error).__name__}: {error}" if error is not None else "it came too late"
        log.warning("job_missed", job=event.job_id, cause=cause)
        if self.turnstile.failure is None:
            self.ledger.append([], [notices.job_missed(self.shell.now(), job=event.job_id, cause=cause)])

    # The jobs.

    async def reconcile(self) -> None:
        """Ask the broker for everything."""
        async with self.turnstile.turn():
            await self.ask_broker(self.shell.reconcile)

    async def beat(self) -> None:
        """Show signs of life: hear the broker, look at the clock, the switch and the disk."""
        async with self.turnstile.turn():
            heard = await self.ask_broker(self.shell.poll)
            await self.see_health()
            await self._see_disk()
            self.ledger.commit()
        self.beaten_s = self.time.elapsed_s()
        self.pulse.tell(Vital.ALIVE if heard else Vital.ILL, "" if heard else "the broker gives no answer")

    async def listen(self) -> None:
        """Take up what a person asked, and look for the kill switch."""
        health = self.shell.book.control.health
        switched = health is not None and health.kill_switch != self.kill_switch.exists()
        commands = self._asked()
        if not commands and not switched:
            return
        async with self.turnstile.turn():
            await self.see_health()
            for command in commands:
                await self._carry_out(command)
            await self.ask_broker(self.shell.poll)
            self.ledger.commit()
        for command in commands:
            self.inbox.reply(self.answers.given.pop(command.command_id))
        self.answers.given.clear()

    def _asked(self) -> list[Command]:
        """What people asked for; that nothing can be read is told once, and the kill switch works all the same."""
        try:
            commands = self.inbox.take(self.clock.wall_ns())
        except OSError as error:
            if not self._deaf and self.turnstile.failure is None:
                log.warning("deaf", cause=mend(error))
                self._tell(notices.job_missed(self.shell.now(), job="listen", cause=mend(error)))
            self._deaf = True
            return []
        self._deaf = False
        return commands

    def look_over_all(self) -> None:
        """Look whether all that must always hold does, before anything is traded.

        Raises: InvariantBroken when something does not; Corrupt where the file is damaged.
        """
        refuse(self.patrol.whole(self.config.gamma.database, self.shell.book))
        self._keep_bookmark(self.patrol)

    async def look_over(self) -> None:
        """Look whether all that must always hold does, a piece at a time: whatever else there is goes on in between.

        The first time, where the start went on from a bookmark, what lies before it too.
        Raises: InvariantBroken when something does not; it ends the daemon.
        """
        for patrol in (self.patrol, self._behind):
            while patrol is not None:
                async with self.turnstile.turn():
                    if patrol.advance():
                        refuse(patrol.found(self.shell.book))
                        self._keep_bookmark(patrol)
                        break
                await asyncio.sleep(0)
        self._behind = None

    def _keep_bookmark(self, patrol: Patrol) -> None:
        """Let the next start go on from here; what is not on disk yet is in no bookmark."""
        bookmark = patrol.bookmark()
        if bookmark is not None:
            self.ledger.commit()
            put(self.config.gamma.database, bookmark)

    async def ping(self) -> None:
        """Say that all is well, while it is: it is the silence that calls somebody."""
        if self.messengers is not None and self.healthy:
            await self.messengers.ping()

    @property
    def healthy(self) -> bool:
        """Whether nothing failed or stops, there is room to record, and broker and feed are heard.

        A halt is no illness: the daemon does what it should.
        """
        free = free_bytes(self.config.gamma.database)
        return (
            self.turnstile.failure is None
            and not self.turnstile.stopping.is_set()
            and (free is None or free >= DISK_MIN_BYTES)
            and self.broker_age_s() <= SILENCE_MAX_S
            and self.feed_overdue_s() <= SILENCE_MAX_S
        )

    # Parts of them, which the start of the daemon needs too; the caller has the turn.

    async def ask_broker(self, ask: Callable[[], Awaitable[None]]) -> bool:
        """Whether the broker gave an answer; its silence is told once, and so is its end."""
        try:
            await ask()
        except Transient as error:
            log.warning("broker_silent", cause=str(error))
            if not self._broker_silent:
                self._tell(notices.connection_lost(self.shell.now(), source="the broker", cause=str(error)))
            self._broker_silent = True
            return False
        if self._broker_silent:
            away_s = self.broker_age_s()
            self._tell(notices.connection_back(self.shell.now(), source="the broker", away_s=away_s))
        self._broker_heard_s, self._broker_silent = self.time.elapsed_s(), False
        return True

    async def see_health(self) -> None:
        """Tell the guards how the daemon does; where no guard knows the kill switch, it halts by itself.

        The strategies look at a bar in the turn in which it comes, so that one age serves both loops: how
        long the next bar is overdue.
        """
        overdue_s, offset_s = self.feed_overdue_s(), self.time.offset_s()
        switched = self.kill_switch.exists()
        self._tell_clock(offset_s)
        if switched and not self._given_up() and taken(self.kill_switch):
            await self._halt("deadman", f"{self.kill_switch.absolute()} stands", Level.HALTED, Reason.DEAD_MAN)
        await self.shell.feed(
            HealthSeen(
                broker_age_s=self.broker_age_s(),
                data_age_s=overdue_s,
                strategy_age_s=overdue_s,
                clock_offset_s=offset_s,
                kill_switch=switched,
                ts_event_utc_ns=self.shell.now(),
            )
        )
        if switched and not any(_is_off(h.reason, h.level) for h in self.shell.book.halts.values()):
            await self._halt("kill_switch", f"the kill switch {self.kill_switch} is on", Level.HALTED)

    def _given_up(self) -> bool:
        """Whether the account is known to be in the dead-man's hands."""
        halts = self.shell.book.halts.values()
        return any(halt.reason == Reason.DEAD_MAN and halt.level is Level.HALTED for halt in halts)

    async def see_clock(self) -> None:
        """Before anything is decided: when the clock was set since the guards heard of it last, they hear of it now."""
        health = self.shell.book.control.health
        if health is not None and abs(self.time.offset_s() - health.clock_offset_s) > CLOCK_SET_S:
            await self.see_health()

    def _tell_clock(self, offset_s: float) -> None:
        """Tell once that the clock is off, once more when that stops entries, and again after it was right for long."""
        off = sum(abs(offset_s) > limit_s for limit_s in (CLOCK_TOLD_S, CLOCK_OFF_MAX_S))
        now_s = self.time.elapsed_s()
        if not off and now_s - self._clock_off_s > CLOCK_RIGHT_S:
            self._clock_off = 0
        if off > self._clock_off:
            self._tell(notices.clock_off(self.shell.now(), offset_s=round(offset_s, 3), entries_stopped=off > 1))
            self._clock_off = off
        if off:
            self._clock_off_s = now_s

    def broker_age_s(self) -> float:
        """How long the broker has been silent [s]; 0 while it answers."""
        return self.time.elapsed_s() - self._broker_heard_s if self._broker_silent else 0.0

    def feed_overdue_s(self) -> float:
        """How long the next bar is overdue: none while all are shut; the first is due a bar after one opens."""
        silent_s = self.time.elapsed_s() - self._bar_heard_s
        if self._open_since is not None:
            now_utc_ns = self.time.now_ns()
            opened_utc_ns = self._open_since(now_utc_ns)
            open_s = 0.0 if opened_utc_ns is None else (now_utc_ns - opened_utc_ns) / NS
            silent_s = min(silent_s, open_s)
        return max(0.0, silent_s - self._bar_every_s)

    async def _see_disk(self) -> None:
        """A full disk takes no intent; halt while there is room for what is still to be written."""
        free = free_bytes(self.config.gamma.database)
        if free is not None and free < DISK_MIN_BYTES:
            text = f"disk: {free / 2**20:.0f} MiB free, below {DISK_MIN_BYTES / 2**20:.0f}"
            await self._halt("daemon", text, Level.REDUCING)

    async def _halt(self, actor: str, text: str, level: Level, reason: str = Reason.OPERATOR) -> None:
        now = self.shell.now()
        await self.shell.feed(
            HaltRequested(command_id="", actor=actor, text=text, level=level, ts_event_utc_ns=now, reason=reason)
        )

    async def _carry_out(self, command: Command) -> None:
        """Every command gets an answer, whatever comes of it."""
        answer: Answer | None = None
        if isinstance(command, AckRequested):
            answer = acknowledge(self.ledger, command)
        elif isinstance(command, ReconcileRequested):
            heard = await self.ask_broker(self.shell.reconcile_all)
            text = RECONCILED if heard else "the broker gave no answer; the log says why"
            answer = Answer(command_id=command.command_id, ok=heard, text=text)
        elif (answer := refuse_switched(self.config, command)) is None:
            await self.shell.feed(replace(command, ts_event_utc_ns=self.shell.now()))
        if answer is not None:
            self.answers.answered(answer)

    def _tell(self, notice: notices.Notice) -> None:
        self.ledger.append([], [notice])


def _is_off(reason: str, level: Level) -> bool:
    """Whether a halt of this reason and level already does what the kill switch asks for."""
    return reason == Reason.KILL_SWITCH or level is Level.HALTED

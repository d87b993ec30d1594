"""The dead-man's process: it looks, takes the account when that is due, clears it, and keeps it until a person comes.

It takes the account by throwing the kill switch, in words of its own: from then on the daemon, should it wake, sends
nothing. It holds it for as long as that file stands, and acts again when anything opens meanwhile.
"""

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, final

import structlog

from gamma.clock import NS, Clock
from gamma.deadman import pages
from gamma.deadman.clearing import Clearing, Left
from gamma.deadman.journal import Incident, Journal
from gamma.deadman.judgement import Judgement, judge, told
from gamma.deadman.pager import Pager
from gamma.deadman.sight import Sight, exposed
from gamma.deadman.watch import Cause, Silence, Watch
from gamma.errors import GammaError, Transient
from gamma.markets import TABLE
from gamma.vitals import taken, throw

ACT_S: Final = 1.0
PROBE_S: Final = 300.0
WIDEN_S: Final = 15.0
SEE_S: Final = 10.0
HELD_S: Final = 5.0
TELL_S: Final = 0.5
LAST_WORDS_S: Final = 15.0

log = structlog.get_logger("gamma.deadman")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look found, and did; lots by market are those of the broker."""

    silent_s: float
    cause: str
    acts: bool
    why: str
    lots: dict[str, int] = field(default_factory=dict)
    waits: tuple[str, ...] = ()
    flat: bool = False


@final
class Deadman:
    """Watches over one account; without a journal it only says what it would do."""

    def __init__(self, sight: Sight, watch: Watch, journal: Journal | None, pager: Pager, *, clock: Clock) -> None:
        self._sight = sight
        self._watch = watch
        self._journal = journal
        self._pager = pager
        self._clock = clock
        self._plan = sight.config.deadman
        self._connected = False
        self._silent = False
        self._flat_before = False
        self._due_s = {"probe": 0.0, "act": 0.0, "widen": 0.0, "see": 0.0}
        self._last: Look | None = None
        self._switch = Path(sight.config.paths.kill_switch).absolute()
        self._clearing = None if journal is None else self._opened(journal)

    def _opened(self, journal: Journal) -> Clearing:
        return Clearing(
            self._sight.broker,
            journal,
            {**TABLE, **self._sight.setup.markets},
            mine=self._sight.mine,
            now_s=self._now_s,
            now_utc_ns=self._now_ns,
            may=lambda: taken(self._switch),
        )

    async def run(
        self, stopping: asyncio.Event, seen: Callable[[Look], None] = lambda _: None, *, once: bool = False
    ) -> None:
        """Look until it is stopped, or `once` until nothing is to be done; the next start goes on with what it took."""
        telling = asyncio.create_task(self._tell())
        try:
            while not stopping.is_set():
                look = await self._safely()
                seen(look)
                if once and (look.flat or not look.acts):
                    break
                with suppress(TimeoutError):
                    await asyncio.wait_for(stopping.wait(), self._pause_s(look))
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS_S):
                    await self._pager.deliver()

    def _pause_s(self, look: Look) -> float:
        """While it closes it looks often; what it only holds it looks at as often as a broker bears for days."""
        if not look.acts:
            return self._plan.look_s
        return max(HELD_S, self._plan.look_s) if look.flat else ACT_S

    async def _tell(self) -> None:
        while True:
            await self._pager.deliver()
            await asyncio.sleep(TELL_S)

    async def _safely(self) -> Look:
        """One look; a fault of ours is told, and looked at again: a dead-man that ends helps nobody."""
        try:
            return await self.look()
        except Exception as error:
            log.exception("dead_man_failed")
            cause = f"{type(error).__name__}: {error}"
            self._pager.say(pages.stuck(self._now_ns(), "the dead-man failed", cause))
            return Look(silent_s=0.0, cause=Cause.UNKNOWN, acts=False, why=cause)

    async def look(self) -> Look:
        """One look at the daemon and, where it is silent or was taken over, at the account."""
        silence = self._watch.look()
        self._switch = silence.kill_switch or self._switch
        if self._journal is not None and self._journal.standing is not None and self._clearing is not None:
            return await self._hold(self._journal, self._clearing, silence)
        if silence.silent_s <= self._plan.silence_s:
            self._last = None
            return await self._watch_on(silence)
        if self._last is None or self._is_due("see", SEE_S):
            self._last = await self._judge(silence)
        return self._last

    async def _watch_on(self, silence: Silence) -> Look:
        """The daemon lives; now and then our own session is tried, so that it is there when it is needed."""
        if self._silent:
            self._silent = False
            self._pager.settle(pages.SILENT, pages.GRAVE, pages.STUCK, *pages.BLIND)
            self._pager.say(pages.back(self._now_ns()))
        if self._is_due("probe", PROBE_S):
            try:
                await self._connect()
                await self._sight.hear(self._sight.broker.account())
                self._pager.settle(*pages.BLIND)
            except GammaError as error:
                self._pager.say(pages.blind(self._now_ns(), str(error), grave=False))
        known = silence.cause is not Cause.UNKNOWN
        sign = (
            f"the daemon's last sign of life is {silence.silent_s:,.0f} s old" if known else "no daemon was heard yet"
        )
        return _look(silence, why=sign)

    async def _judge(self, silence: Silence) -> Look:
        self._silent = True
        try:
            await self._connect()
            seen = await self._sight.see(silence)
        except GammaError as error:
            self._connected = False
            book = self._sight.book()
            grave = book is None or any(position.lots for position in book.positions.values())
            self._pager.say(pages.blind(self._now_ns(), str(error), grave=grave))
            return _look(silence, why=f"{told(silence)}; the account cannot be seen: {error}")
        self._pager.settle(*pages.BLIND)
        plan, lots = self._plan, exposed(seen.exposures)
        judgement = judge(
            seen, silence_s=plan.silence_s, before_close_s=plan.before_close_s, limit_frac=plan.limit_frac
        )
        if not judgement.acts:
            self._pager.settle(pages.SILENT if judgement.grave else pages.GRAVE)
            if judgement.why:
                self._pager.say(pages.silent(self._now_ns(), judgement.why, grave=judgement.grave))
            return replace(_look(silence, why=judgement.why), lots=lots)
        if self._journal is not None and (cause := self._take(self._journal, judgement, silence)):
            self._pager.say(pages.stuck(self._now_ns(), judgement.why, cause))
            return replace(_look(silence, why=f"{judgement.why}; it does nothing: {cause}"), lots=lots)
        return replace(_look(silence, why=judgement.why), lots=lots, acts=True)

    def _take(self, journal: Journal, judgement: Judgement, silence: Silence) -> str:
        """Take the account: journal first, then the switch; "" when it is ours, else why not."""
        try:
            journal.take(judgement.why, self._now_ns())
            for market in judgement.markets:
                journal.widen(market)
        except OSError as error:
            return f"its journal cannot be written ({error})"
        try:
            throw(self._switch, judgement.why)
        except OSError as error:
            journal.end()
            return f"the kill switch {self._switch} cannot be thrown ({error})"
        log.warning("dead_man_takes", why=judgement.why, markets=judgement.markets)
        self._pager.settle(pages.SILENT, pages.GRAVE, pages.STUCK)
        self._pager.say(pages.acts(self._now_ns(), judgement.why, {}, ""))
        if silence.cause in (Cause.HUNG, Cause.ILL):  # what it began to send before it heard of the switch is let pass
            self._due_s["act"] = self._now_s() + self._sight.broker.capabilities.place_timeout_s
        return ""

    async def _hold(self, journal: Journal, clearing: Clearing, silence: Silence) -> Look:
        """Clear what is to be flat, and keep the account until a person takes the switch away."""
        incident = journal.standing
        assert incident is not None  # noqa: S101  (it was looked for)
        if not taken(self._switch):
            journal.end()
            self._flat_before, self._last = False, None
            self._pager.settle(pages.ACTS, pages.FLAT, pages.STUCK)
            if incident.exits or incident.flat:  # else it died before the switch was thrown
                self._pager.say(pages.released(self._now_ns()))
            return _look(silence, why="a person took the account back")
        self._silent = True
        look = replace(_look(silence, why=incident.why), acts=True)
        if self._now_s() < self._due_s["act"]:
            return replace(look, waits=("what the daemon sent last",))
        try:
            await self._connect()
            left = await self._cleared(journal, clearing, incident)
            if self._is_due("widen", WIDEN_S):
                await self._widen(journal, silence)
        except (GammaError, OSError) as error:
            self._connected = self._connected and not isinstance(error, Transient)
            self._pager.say(pages.stuck(self._now_ns(), incident.why, str(error)))
            return replace(look, waits=(str(error),))
        self._pager.settle(pages.STUCK)
        self._report(journal, left)
        return replace(look, lots=dict(left.lots), waits=left.waits, flat=left.flat and self._flat_before)

    async def _cleared(self, journal: Journal, clearing: Clearing, incident: Incident) -> Left:
        now_utc_ns = await self._sight.now_utc_ns()
        shut = [market for market in incident.markets if self._sight.session(market, now_utc_ns) is None]
        left = await clearing.look(incident.markets, self._sight.book(), shut)
        if left.flat and self._flat_before and not incident.flat:
            journal.cleared()
        return left

    async def _widen(self, journal: Journal, silence: Silence) -> None:
        """What comes due later, while we hold the account, is cleared too."""
        seen = await self._sight.see(replace(silence, silent_s=math.inf))
        plan, incident = self._plan, journal.standing
        found = judge(seen, silence_s=0.0, before_close_s=plan.before_close_s, limit_frac=plan.limit_frac)
        for market in set(found.markets) - set(incident.markets if incident is not None else ()):
            journal.widen(market)

    def _report(self, journal: Journal, left: Left) -> None:
        """Tell how far it is; what is flat must be so in two looks."""
        incident = journal.standing
        assert incident is not None  # noqa: S101  (it is held)
        if left.flat and self._flat_before:
            self._pager.settle(pages.ACTS)
            self._pager.say(pages.flat(self._now_ns(), incident.why, str(self._switch), len(incident.exits)))
        elif not left.flat:
            self._pager.settle(pages.FLAT)
            self._pager.say(pages.acts(self._now_ns(), incident.why, left.lots, "; ".join(left.waits)))
        self._flat_before = left.flat

    async def _connect(self) -> None:
        if not self._connected:
            await self._sight.hear(self._sight.broker.connect())
            self._connected = True

    def _is_due(self, what: str, every_s: float) -> bool:
        due = self._now_s() >= self._due_s[what]
        if due:
            self._due_s[what] = self._now_s() + every_s
        return due

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / NS

    def _now_ns(self) -> int:
        return self._sight.time.now_ns()


def _look(silence: Silence, why: str) -> Look:
    return Look(silent_s=round(silence.silent_s, 1), cause=silence.cause, acts=False, why=why)

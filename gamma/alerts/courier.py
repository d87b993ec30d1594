"""The courier: takes what is due from the outbox, sends it by severity, and notes what became of it."""

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol, final

import structlog

from gamma.alerts.embeds import FIELDS_MAX, Group, Message, Sign, compose
from gamma.alerts.webhooks import Answer, Discord, Outcome
from gamma.notices import Notice, Severity

NS: Final = 1_000_000_000
HOUR_S: Final = 3600.0
DUE_MAX: Final = 500
SINGLES_MAX: Final = 5
REPEAT_PAUSE_S: Final = 60.0
LIFETIME_S: Final = {Severity.INFO: HOUR_S, Severity.WARNING: 6 * HOUR_S, Severity.CRITICAL: 48 * HOUR_S}

log = structlog.get_logger("gamma.alerts")


class Queued(Protocol):
    """A notice in the outbox, under its number there."""

    @property
    def id(self) -> int: ...
    @property
    def notice(self) -> Notice: ...


class Outbox(Protocol):
    """Where notices wait.

    `anew` lets all that was postponed be tried at once. `due` gives what is neither delivered nor dropped nor
    postponed past now, the gravest first, then the oldest; `repeats` gives CRITICAL notices whose last delivery
    is ten minutes old and that nobody has acknowledged.
    """

    def anew(self) -> None: ...
    def due(self, now_utc_ns: int, limit: int) -> Sequence[Queued]: ...
    def repeats(self, now_utc_ns: int) -> Sequence[Queued]: ...
    def delivered(self, ids: Sequence[int], now_utc_ns: int) -> None: ...
    def postponed(self, ids: Sequence[int], next_attempt_utc_ns: int, error: str) -> None: ...
    def dropped(self, ids: Sequence[int], now_utc_ns: int, error: str) -> None: ...


@final
class Courier:
    """Empties the outbox, pass by pass.

    Notices of one key go as one with a count. CRITICAL and WARNING go at once, INFO in digests. What
    cannot be delivered within its lifetime, counted from when this process first saw it, is dropped:
    a jump of the clock or a replayed day cannot age a notice.
    """

    def __init__(
        self,
        outbox: Outbox,
        sender: Discord,
        sign: Sign,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbox = outbox
        self._sender = sender
        self._sign = sign
        self._clock_ns = clock_ns
        self._monotonic_s = monotonic_s
        self._first = True
        self._seen_s: dict[int, float] = {}
        self._digest_s = -math.inf
        self._repeat_s = -math.inf
        self._one = asyncio.Lock()

    async def drain(self, *, final: bool = False) -> None:
        """One pass over what is due; `final` sends waiting INFO at once, for there is no later pass."""
        async with self._one:
            if self._first:  # what an earlier process put off may have been reckoned by a clock that was wrong
                self._outbox.anew()
                self._first = False
            due = self._outbox.due(self._clock_ns(), DUE_MAX)
            if not self._sender.configured:
                self._leave(due)
                return
            waiting = self._living(due)
            await self._send(waiting, Severity.CRITICAL, SINGLES_MAX)
            await self._repeat()
            await self._send(waiting, Severity.WARNING, SINGLES_MAX)
            if final or self._monotonic_s() >= self._digest_s:
                await self._send(waiting, Severity.INFO, 1)

    async def cry(self, notice: Notice) -> None:
        """Send a notice past the outbox, once: where the ledger takes nothing more, nothing can wait in it."""
        answer = await self._sender.send(cried(notice, self._sign))
        if answer.outcome is not Outcome.SENT:
            log.error("alert_dropped", key=notice.key, error=answer.error)

    async def _send(self, waiting: Sequence[Queued], severity: Severity, singles_max: int) -> None:
        groups = _groups(queued for queued in waiting if queued.notice.severity is severity)
        for message in _messages(groups, self._sign, singles_max):
            answer = await self._sender.send(message)
            if severity is Severity.INFO and answer.outcome is not Outcome.HELD:
                self._digest_s = self._monotonic_s() + self._sender.pace.digest_every_s
            self._note(message, answer)

    async def _repeat(self) -> None:
        if self._monotonic_s() < self._repeat_s:
            return
        self._repeat_s = self._monotonic_s() + REPEAT_PAUSE_S
        groups = _groups(self._outbox.repeats(self._clock_ns()))
        for message in _messages(groups, self._sign, 1, again=True):
            answer = await self._sender.send(message)
            if answer.outcome is not Outcome.SENT:
                return
            self._outbox.delivered(message.ids, self._clock_ns())

    def _note(self, message: Message, answer: Answer) -> None:
        now = self._clock_ns()
        match answer.outcome:
            case Outcome.SENT:
                self._outbox.delivered(message.ids, now)
                self._forget(message.ids)
            case Outcome.LATER | Outcome.DEAD:
                log.warning("alert_postponed", ids=message.ids, error=answer.error, wait_s=round(answer.wait_s, 1))
                self._outbox.postponed(message.ids, now + round(answer.wait_s * NS), answer.error)
            case Outcome.REFUSED:
                self._drop(message.ids, f"refused by Discord: {answer.error}")
            case Outcome.HELD:
                pass

    def _living(self, due: Sequence[Queued]) -> list[Queued]:
        """What is still worth sending; the rest is dropped."""
        now_s = self._monotonic_s()
        living: list[Queued] = []
        old: list[Queued] = []
        for queued in due:
            age_s = now_s - self._seen_s.setdefault(queued.id, now_s)
            (living if age_s <= LIFETIME_S[queued.notice.severity] else old).append(queued)
        for severity, hours_s in LIFETIME_S.items():
            if ids := [queued.id for queued in old if queued.notice.severity is severity]:
                self._drop(ids, f"not delivered within {hours_s / HOUR_S:g} h")
        return living

    def _leave(self, due: Sequence[Queued]) -> None:
        """Without a webhook the log is all there is; the outbox keeps that it was so."""
        for queued in due:
            notice = queued.notice
            write = log.warning if notice.severity is Severity.CRITICAL else log.info
            write("alert", key=notice.key, severity=str(notice.severity), title=notice.title, text=notice.text)
        if due:
            self._outbox.dropped([q.id for q in due], self._clock_ns(), "not sent: no webhook configured")

    def _drop(self, ids: Sequence[int], error: str) -> None:
        log.error("alert_dropped", ids=tuple(ids), error=error)
        self._outbox.dropped(ids, self._clock_ns(), error)
        self._forget(ids)

    def _forget(self, ids: Iterable[int]) -> None:
        for id_ in ids:
            self._seen_s.pop(id_, None)


def cried(notice: Notice, sign: Sign) -> Message:
    """The message of a notice that no ledger keeps."""
    return compose([Group(ids=(), newest=notice)], sign)


def _groups(queue: Iterable[Queued]) -> list[Group]:
    """One group a key, in the order of the queue; a later notice is the newer one."""
    keyed: dict[str, list[Queued]] = {}
    for queued in queue:
        keyed.setdefault(queued.notice.key, []).append(queued)
    return [Group(ids=tuple(q.id for q in same), newest=same[-1].notice) for same in keyed.values()]


def _messages(groups: Sequence[Group], sign: Sign, singles_max: int, *, again: bool = False) -> Iterator[Message]:
    """Each group by itself while they are few; else up to 25 in one message."""
    size = 1 if len(groups) <= singles_max else FIELDS_MAX
    for start in range(0, len(groups), size):
        yield compose(groups[start : start + size], sign, again=again)

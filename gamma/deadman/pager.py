"""The dead-man's own way to people: past the ledger's outbox, which is the daemon's. What fails is tried again."""

import math
from dataclasses import dataclass
from typing import Final, final

import structlog

from gamma.alerts import Discord, Outcome, Sign
from gamma.alerts.embeds import Group, compose
from gamma.clock import NS, Clock
from gamma.notices import Notice, Severity

REPEAT_S: Final = 600.0
WAITING_MAX: Final = 20

log = structlog.get_logger("gamma.deadman")


@dataclass(slots=True)
class _Standing:
    notice: Notice
    due_s: float
    sent: int = 0
    settled: bool = False


@final
class Pager:
    """Says each thing once, and what is CRITICAL again every ten minutes until it is settled."""

    def __init__(self, sender: Discord | None, sign: Sign, clock: Clock) -> None:
        self._sender = sender
        self._sign = sign
        self._clock = clock
        self._standing: dict[str, _Standing] = {}

    def say(self, notice: Notice) -> None:
        """Have it told; what says the same as a notice that stands is that notice, in newer words."""
        standing = self._standing.get(notice.key)
        if standing is not None:
            standing.notice, standing.settled = notice, False
            return
        write = log.info if notice.severity is Severity.INFO else log.warning
        write("dead_man_tells", key=notice.key, severity=str(notice.severity), text=notice.text)
        if len(self._standing) < WAITING_MAX:
            self._standing[notice.key] = _Standing(notice, self._now_s())

    def settle(self, *keys: str) -> None:
        """These need not be said again; what nobody has heard yet still is, once."""
        for key in keys:
            standing = self._standing.get(key)
            if standing is not None and standing.sent:
                del self._standing[key]
            elif standing is not None:
                standing.settled = True

    async def deliver(self) -> None:
        """Send what is due."""
        for key, standing in list(self._standing.items()):
            if self._now_s() < standing.due_s:
                continue
            if self._sender is None or not self._sender.configured:
                standing.due_s, standing.sent = math.inf, 1
                continue
            message = compose([Group(ids=(), newest=standing.notice)], self._sign, again=standing.sent > 0)
            answer = await self._sender.send(message)
            if answer.outcome not in (Outcome.SENT, Outcome.REFUSED):
                log.warning("dead_man_not_heard", key=key, error=answer.error)
                standing.due_s = self._now_s() + max(1.0, answer.wait_s)
                continue
            standing.sent += 1
            standing.due_s = self._now_s() + REPEAT_S if standing.notice.severity is Severity.CRITICAL else math.inf
            if standing.settled or standing.notice.severity is Severity.INFO:
                self._standing.pop(key, None)

    @property
    def waiting(self) -> bool:
        """Whether something was never sent yet."""
        return any(not standing.sent for standing in self._standing.values())

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / NS

"""Requests to Tradier, no more of them a minute than it takes: they are counted here, and the rest is not sent."""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, final

from gamma.errors import Transient
from gamma.ports import Rejected
from gamma.wire import Wire, Written

WINDOW_S: Final = 60.0
PER_MINUTE: Final = {
    "paper": {"account": 60, "market": 60, "trading": 60},
    "live": {"account": 120, "market": 120, "trading": 60},
}


@final
class Requests:
    """One token's way to Tradier; what it may ask in a minute is counted by the kind of request."""

    def __init__(self, wire: Wire, environment: str) -> None:
        self.wire = wire
        self._most = PER_MINUTE[environment]
        self._sent: dict[str, deque[float]] = {kind: deque() for kind in self._most}

    async def read(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The JSON of a complete answer.

        Raises: Transient.
        """
        self._spend(path)
        return await self.wire.read(path, params)

    async def hear(self, path: str) -> Written:
        """Whatever is answered, in plain text too.

        Raises: Transient.
        """
        self._spend(path)
        return await self.wire.write("GET", path)

    async def write(self, method: str, path: str, form: Mapping[str, str] | None = None) -> Written | Rejected:
        """One attempt to change something; refused here where there were too many."""
        wait_s = self._wait_s("trading")
        if wait_s:
            text = f"as many orders a minute as Tradier takes; again in {wait_s:.0f} s"
            return Rejected(code="rate_limited", text=text)
        return await self.wire.write(method, path, form, form=True)

    def _spend(self, path: str) -> None:
        wait_s = self._wait_s("market" if path.startswith("/markets/") else "account")
        if wait_s:
            raise Transient(f"GET {path}: as many requests a minute as Tradier takes; again in {wait_s:.0f} s")

    def _wait_s(self, kind: str) -> float:
        """Count one request and answer 0; or, where there are too many, how long to wait [s]."""
        now, sent = asyncio.get_running_loop().time(), self._sent[kind]
        while sent and not 0 <= now - sent[0] < WINDOW_S:
            sent.popleft()
        if len(sent) >= self._most[kind]:
            return WINDOW_S - (now - sent[0])
        sent.append(now)
        return 0.0

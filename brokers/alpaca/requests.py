"""Requests to Alpaca, no more of them a minute than it takes: they are counted here, and the rest is not sent."""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, final

from gamma.errors import Transient
from gamma.ports import Rejected
from gamma.wire import Reply, Wire, Written

WINDOW_S: Final = 60.0
PER_MINUTE: Final = 200
FOR_ORDERS: Final = 40
"""Of them so many are kept for orders: reads may not use them up."""


@final
class Requests:
    """One key's way to one of Alpaca's hosts; a host counts by itself what it is asked in a minute."""

    def __init__(self, wire: Wire, *, kept: int = 0) -> None:
        self.wire = wire
        self._kept = kept
        self._sent: deque[float] = deque()

    async def read(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The JSON of a complete answer.

        Raises: Transient.
        """
        self._spend(path)
        return await self.wire.read(path, params)

    async def look(self, path: str, params: Mapping[str, str] | None = None) -> Reply:
        """A complete answer, or a complete refusal.

        Raises: Transient.
        """
        self._spend(path)
        return await self.wire.look(path, params)

    async def hear(self, path: str) -> Written:
        """Whatever is answered, in plain text too.

        Raises: Transient.
        """
        self._spend(path)
        return await self.wire.write("GET", path)

    async def write(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Written | Rejected:
        """One attempt to change something; refused here where there were too many."""
        wait_s = self._wait_s(PER_MINUTE)
        if wait_s:
            text = f"as many requests a minute as Alpaca takes; again in {wait_s:.0f} s"
            return Rejected(code="rate_limited", text=text)
        return await self.wire.write(method, path, body)

    def _spend(self, path: str) -> None:
        wait_s = self._wait_s(PER_MINUTE - self._kept)
        if wait_s:
            raise Transient(f"GET {path}: as many requests a minute as Alpaca takes; again in {wait_s:.0f} s")

    def _wait_s(self, most: int) -> float:
        """Count one request and answer 0; or, where there are too many, how long to wait [s]."""
        now, sent = asyncio.get_running_loop().time(), self._sent
        while sent and not 0 <= now - sent[0] < WINDOW_S:
            sent.popleft()
        if len(sent) >= most:
            return WINDOW_S - (now - sent[len(sent) - most])
        sent.append(now)
        return 0.0

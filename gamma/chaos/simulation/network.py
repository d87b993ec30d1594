"""The network between the daemon and the world, beneath httpx: every way in which a request can go wrong."""

import asyncio
import random
from collections.abc import Callable
from typing import Final, Protocol, final

import httpx

from gamma.chaos.drill import Aim, Asked, Sent, Served
from gamma.chaos.simulation.faults import NETWORK, Fault, Plan
from gamma.chaos.simulation.loop import Crash, Time
from gamma.clock import NS

LATE_MAX_S: Final = 30.0
SLOW_MAX_S: Final = 12.0
# A read that fails says nothing, a write that fails may have done something. A start takes half a dozen reads
# in a row: where they fail as often as writes the daemon hardly ever comes to trade.
READS_FAIL: Final = 0.2
LATENCY_MAX_S: Final = 0.08
BLIND_FRAC: Final = 0.5
BLIND_S: Final = (60.0, 150.0)


class Server(Protocol):
    """The other end: it answers a request when it arrives, and tells of one that leaves what it is for."""

    def serve(self, asked: Asked) -> Served: ...
    def aim(self, asked: Asked) -> Sent: ...


@final
class Points:
    """Counts the points at which the process could die, and kills it at one of them."""

    def __init__(self, time: Time, die_at: int = 0, told: Callable[[str], None] = lambda _: None) -> None:
        self.time = time
        self.die_at = die_at
        self.passed = 0
        self.dead = False
        self._told = told

    def touch(self, where: str) -> None:
        """Pass one point.

        Raises: Crash at the last, and at all that a dead process would still come to.
        """
        self.see_alive(where)
        self.passed += 1
        if self.passed == self.die_at:
            self.dead = True
            self._told(f"the process dies, {where}")
            self.time.die(where)

    def see_alive(self, where: str) -> None:
        """See that the process lives: a dead one does nothing more, also while its frames are cleared.

        Raises: Crash.
        """
        if self.dead:
            raise Crash(where)


@final
class Network(httpx.AsyncBaseTransport):
    """Carries requests to the server, or not, or late; `leaving` is told of each that leaves.

    Faults are drawn in the order of the requests, so that the same seed gives the same ones.
    """

    def __init__(
        self,
        time: Time,
        points: Points,
        server: Server,
        plan: Plan,
        *,
        faulty: Callable[[], bool],
        rng: random.Random,
        leaving: Callable[[Asked, Sent], None] = lambda *_: None,
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._time = time
        self._points = points
        self._leaving = leaving
        self._server = server
        self._faulty = faulty
        self._rng = rng
        self._told = told
        self._share = plan.share
        self._faults = tuple(f for f in NETWORK if f in plan.faults)
        self._outages = Fault.OUTAGE in plan.faults
        self._blinds = Fault.BLIND in plan.faults
        self._out_until = self._blind_until = 0

    def go_out(self, until_utc_ns: int) -> None:
        """Let nothing through until then, or until all is calm."""
        self._out_until = until_utc_ns

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request, with what may become of it."""
        asked = Asked(
            method=request.method,
            host=request.url.host,
            target=request.url.raw_path.decode(),
            headers=request.headers,
            body=request.content,
        )
        sent = self._server.aim(asked)
        fault = self._draw(asked.method, sent.aim)
        what = f"{asked.method} {asked.target}"
        self._told(what + (f": {fault}" if fault else ""))
        self._points.touch(f"before {what} is sent")
        self._leaving(asked, sent)
        if fault is Fault.REFUSED:
            raise httpx.ConnectError("refused")
        await asyncio.sleep(self._rng.uniform(0.0, LATENCY_MAX_S))
        answer = await self._carry(fault, asked)
        await asyncio.sleep(self._rng.uniform(0.0, LATENCY_MAX_S))
        self._points.touch(f"after the answer to {what}")
        status, headers, body = answer
        return httpx.Response(status, headers=dict(headers), content=body)

    async def _carry(self, fault: Fault | None, asked: Asked) -> Served:
        if fault is Fault.LOST_REQUEST:
            await self._silence()
        if fault is Fault.LATE:
            due = self._time.now + round(self._rng.uniform(1.0, LATE_MAX_S) * NS)
            self._time.at(due, lambda: self._arrive(asked))
            await self._silence()
        if fault is Fault.ERROR_BEFORE:
            return 503, {}, b'{"error": "unavailable"}'
        if fault is Fault.BUSY:
            return 429, {"retry-after": "2"}, b"{}"
        if fault is Fault.SLOW:
            await asyncio.sleep(self._rng.uniform(0.0, SLOW_MAX_S))
        answer = self._server.serve(asked)
        self._points.touch(f"after {asked.method} {asked.target} arrived, before its answer")
        if fault is Fault.LOST_ANSWER:
            await self._silence()
        if fault is Fault.ERROR_AFTER:
            return 502, {}, b"<html>Bad Gateway</html>"
        if fault is Fault.GARBLED:
            return answer[0], answer[1], answer[2][: len(answer[2]) // 2]
        return answer

    def _arrive(self, asked: Asked) -> None:
        self._told(f"{asked.method} {asked.target} arrives late")
        self._server.serve(asked)

    async def _silence(self) -> None:
        """Nothing comes: the connection breaks, or nobody says so."""
        if self._rng.random() < 0.3:
            raise httpx.ReadError("reset")
        await asyncio.Event().wait()

    def _draw(self, method: str, aim: Aim) -> Fault | None:
        """What goes wrong with the next request."""
        if not self._faulty():
            return None
        if self._time.now < self._out_until:
            return Fault.LOST_REQUEST
        if self._time.now < self._blind_until and aim is Aim.ORDERS:
            return Fault.ERROR_BEFORE
        if self._outages and self._rng.random() < 0.02:
            self._out_until = self._time.now + round(self._rng.uniform(5.0, 90.0) * NS)
        if self._blinds and aim is Aim.PLACE and self._rng.random() < BLIND_FRAC:
            self._blind_until = self._time.now + round(self._rng.uniform(*BLIND_S) * NS)
            return Fault.LOST_ANSWER
        share = self._share * (READS_FAIL if method == "GET" else 1.0)
        if not self._faults or self._rng.random() >= share:
            return None
        return self._rng.choice(self._faults)

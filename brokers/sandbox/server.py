"""A sandbox as an HTTP server on this machine. It needs aiohttp, which the extra `sandboxes` installs."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, final

from aiohttp import web

from brokers.sandbox.answers import Answer, Request, Sandbox
from brokers.sandbox.faults import LATE_MAX_S, NOT_CARRIED_OUT, Fault, Faults, instead

TICK_S: Final = 1.0
BODY_MAX: Final = 1024 * 1024
LOOPBACK: Final = "127.0.0.1"


def _silent(_: Request, __: Answer | None, ___: Fault | None) -> None:
    """Tell nobody."""


@final
@dataclass(kw_only=True)
class Server:
    """Serves one sandbox; `told` hears of each request, what was answered (None: nothing), and what went wrong."""

    sandbox: Sandbox
    faults: Faults = field(default_factory=lambda: Faults({}))
    seed: int = 1
    now_utc_ns: Callable[[], int] = time.time_ns
    told: Callable[[Request, Answer | None, Fault | None], None] = _silent

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311  (of faults)

    @asynccontextmanager
    async def listening(self, port: int = 0) -> AsyncIterator[int]:
        """Serve on loopback; gives the port. The sandbox's time passes meanwhile."""
        app = web.Application(client_max_size=BODY_MAX)
        app.router.add_route("*", "/{path:.*}", self._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, LOOPBACK, port)
            await site.start()
            passing = asyncio.create_task(self._pass_time())
            try:
                yield int(runner.addresses[0][1])
            finally:
                passing.cancel()
        finally:
            await runner.cleanup()

    async def _pass_time(self) -> None:
        while True:
            self.sandbox.advance(self.now_utc_ns())
            await asyncio.sleep(TICK_S)

    async def _serve(self, asked: web.Request) -> web.StreamResponse:
        request = Request(
            method=asked.method,
            path=asked.path,
            params=dict(asked.query),
            headers={name.lower(): value for name, value in asked.headers.items()},
            body=await asked.read(),
        )
        fault = self.faults.draw(self._chance)
        if fault is Fault.LATE:
            await asyncio.sleep(self._chance.uniform(0, LATE_MAX_S))
        answer = None if fault in NOT_CARRIED_OUT else self.sandbox.handle(request, self.now_utc_ns())
        if fault is Fault.SLOW:
            await asyncio.sleep(self._chance.uniform(0, LATE_MAX_S))
        if fault is not None:
            answer = instead(fault) or answer
        gone = fault in (Fault.LOSE_REQUEST, Fault.LOSE_ANSWER)
        self.told(request, None if gone else answer, fault)
        if gone or answer is None:
            return _break_off(asked)
        if fault is Fault.CUT_ANSWER:
            return await _cut(asked, answer)
        return web.Response(status=answer.status, body=answer.body, headers=dict(answer.headers))


def _break_off(asked: web.Request) -> web.StreamResponse:
    if asked.transport is not None:
        asked.transport.abort()
    return web.Response()


async def _cut(asked: web.Request, answer: Answer) -> web.StreamResponse:
    """Half of an answer, and then the connection breaks."""
    headers = {**answer.headers, "Content-Length": str(len(answer.body))}
    response = web.StreamResponse(status=answer.status, headers=headers)
    await response.prepare(asked)
    await response.write(answer.body[: len(answer.body) // 2])
    return _break_off(asked)

"""The way from an adapter to a sandbox in this process, in time that is made."""

import asyncio
from typing import final

import httpx

from brokers.sandbox.answers import Request, Sandbox
from gamma.chaos.simulation.loop import Time

TAKES_S = 0.05


@final
class Carried(httpx.AsyncBaseTransport):
    """Carries requests to the sandbox, in a twentieth of a second; none while it is `silent`. `count` is of all."""

    def __init__(self, sandbox: Sandbox, time: Time) -> None:
        self.sandbox = sandbox
        self.time = time
        self.silent = False
        self.count = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(TAKES_S)
        if self.silent:
            raise httpx.ConnectError("no way there")
        self.count += 1
        asked = Request(
            method=request.method,
            path=request.url.path,
            params=dict(request.url.params),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request.content,
        )
        answer = self.sandbox.handle(asked, self.time.now)
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)

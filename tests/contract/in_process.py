"""A sandbox in this process, its time in the hands of a test, and a network between it and an adapter."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar, final

import httpx

from brokers.sandbox.answers import Answer, Request, Sandbox
from gamma.clock import NS

T = TypeVar("T")


@dataclass(frozen=True)
class Instead:
    """What becomes of one request: `answer` comes back for it, or nothing where it is None."""

    answer: Answer | None
    carried_out: bool


@final
class InProcess(httpx.AsyncBaseTransport):
    """Carries requests to the sandbox; `writes` and `reads` say in turn what becomes of them instead."""

    def __init__(self, sandbox: Sandbox, now_utc_ns: int) -> None:
        self.sandbox = sandbox
        self.now_utc_ns = now_utc_ns
        self.writes: deque[Instead] = deque()
        self.reads: deque[Instead] = deque()
        self.requests: list[Request] = []
        self.change: Callable[[bytes], bytes] = lambda body: body

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asked = Request(
            method=request.method,
            path=request.url.path,
            params=dict(request.url.params),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request.content,
        )
        self.requests.append(asked)
        queue = self.reads if request.method == "GET" else self.writes
        instead = queue.popleft() if queue else None
        if instead is None:
            answer = self.sandbox.handle(asked, self.now_utc_ns)
            return _response(Answer(status=answer.status, body=self.change(answer.body), headers=answer.headers))
        if instead.carried_out:
            self.sandbox.handle(asked, self.now_utc_ns)
        if instead.answer is None:
            raise httpx.ReadTimeout("no answer")
        return _response(instead.answer)

    def wait(self, seconds: float) -> None:
        """Let the sandbox's time pass."""
        self.now_utc_ns += round(seconds * NS)
        self.sandbox.advance(self.now_utc_ns)

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        """Run in the sandbox's time."""
        loop = asyncio.new_event_loop()
        loop.time = lambda: self.now_utc_ns / NS  # type: ignore[method-assign]
        try:
            return loop.run_until_complete(doing)
        finally:
            loop.close()


def _response(answer: Answer) -> httpx.Response:
    return httpx.Response(answer.status, headers=dict(answer.headers), stream=_Body(answer.body))


class _Body(httpx.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> Any:
        yield self._content

"""A sandbox as a server on this machine, by HTTP and by sockets. It needs aiohttp, which `sandboxes` installs."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Final, final

from aiohttp import web

from brokers.sandbox.answers import Answer, Request, Sandbox
from brokers.sandbox.faults import LATE_MAX_S, NOT_CARRIED_OUT, Fault, Faults, instead
from brokers.sandbox.lines import Line, LineOfText, WebSocketLine, break_off
from brokers.sandbox.sockets import Said, Sockets
from gamma.errors import InputInvalid

TICK_S: Final = 1.0
BODY_MAX: Final = 1024 * 1024
LOOPBACK: Final = "127.0.0.1"


def _silent(_: Request, __: Answer | None, ___: Fault | None) -> None:
    """Tell nobody."""


@final
@dataclass(kw_only=True)
class Server:
    """Serves one sandbox; `told` hears of each request, what was answered (None: nothing), and what went wrong.

    Of a socket it hears of each message that came as SEND, and of news as PUSH.
    """

    sandbox: Sandbox
    faults: Faults = field(default_factory=lambda: Faults({}))
    seed: int = 1
    now_utc_ns: Callable[[], int] = time.time_ns
    told: Callable[[Request, Answer | None, Fault | None], None] = _silent

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311  (of faults)
        self._numbers = count(1)
        self._waiting: set[asyncio.Event] = set()

    @asynccontextmanager
    async def listening(self, port: int = 0) -> AsyncIterator[int]:
        """Serve on loopback; gives the port. The sandbox's time passes meanwhile.

        Raises: InputInvalid when the port cannot be had.
        """
        app = web.Application(client_max_size=BODY_MAX)
        app.router.add_route("*", "/{path:.*}", self._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, LOOPBACK, port).start()
            except OSError as error:
                why = f"cannot be listened at ({error.strerror})"
                raise InputInvalid(f"--port {port}: {why}; name another one, or 0 for any that is free") from error
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
            self._wake()
            await asyncio.sleep(TICK_S)

    def _wake(self) -> None:
        for waiting in self._waiting:
            waiting.set()

    async def _serve(self, asked: web.Request) -> web.StreamResponse:
        request = Request(
            method=asked.method,
            path=asked.path,
            params=dict(asked.query),
            headers={name.lower(): value for name, value in asked.headers.items()},
            body=await asked.read(),
        )
        fault = self.faults.draw(self._chance)
        await self._delay(fault, Fault.LATE)
        number, opened, answer = next(self._numbers), None, None
        if fault not in NOT_CARRIED_OUT:
            found = self._handled(number, request)
            opened, answer = (found, None) if isinstance(found, Said) else (None, found)
            self._wake()
        await self._delay(fault, Fault.SLOW)
        if fault is not None:
            answer = instead(fault) or answer
        gone = fault in (Fault.LOSE_REQUEST, Fault.LOSE_ANSWER) or (opened is not None and fault is Fault.CUT_ANSWER)
        if opened is not None and answer is None and not gone:
            self.told(request, Answer(status=101, body=_text(opened)), fault)
            return await self._talk(asked, request, number, opened)
        if opened is not None and isinstance(self.sandbox, Sockets):
            self.sandbox.close_socket(number)
        self.told(request, None if gone else answer, fault)
        if gone or answer is None:
            return break_off(asked)
        if fault is Fault.CUT_ANSWER:
            return await _cut(asked, answer)
        return web.Response(status=answer.status, body=answer.body, headers=dict(answer.headers))

    def _handled(self, number: int, request: Request) -> Answer | Said:
        now = self.now_utc_ns()
        opened = self.sandbox.open_socket(number, request, now) if isinstance(self.sandbox, Sockets) else None
        return self.sandbox.handle(request, now) if opened is None else opened

    async def _delay(self, fault: Fault | None, when: Fault) -> None:
        if fault is when:
            await asyncio.sleep(self._chance.uniform(0, LATE_MAX_S))

    # Sockets.

    async def _talk(self, asked: web.Request, request: Request, number: int, opened: Said) -> web.StreamResponse:
        """Keep a socket until either side closes it, or a fault breaks it."""
        assert isinstance(self.sandbox, Sockets)  # noqa: S101  (it has opened one)
        line: Line = WebSocketLine() if request.headers.get("upgrade", "").lower() == "websocket" else LineOfText()
        response = await line.open(asked)
        news = asyncio.Event()
        self._waiting.add(news)
        try:
            if await line.say(opened):
                await self._take_turns(line, request, number, news)
        except (ConnectionError, _Broken):
            break_off(asked)
        finally:
            self._waiting.discard(news)
            self.sandbox.close_socket(number)
        return response

    async def _take_turns(self, line: Line, request: Request, number: int, news: asyncio.Event) -> None:
        """Messages that come, and news, one after the other as they come."""
        heard = asyncio.ensure_future(line.hear())
        woken = asyncio.ensure_future(news.wait())
        try:
            while True:
                await asyncio.wait((heard, woken), return_when=asyncio.FIRST_COMPLETED)
                if woken.done():
                    news.clear()
                    woken = asyncio.ensure_future(news.wait())
                    if not await self._tell(line, request, number):
                        return
                if heard.done():
                    message = heard.result()
                    if message is None or not await self._answer(line, request, number, message):
                        return
                    heard = asyncio.ensure_future(line.hear())
        finally:
            heard.cancel()
            woken.cancel()
            await asyncio.gather(heard, woken, return_exceptions=True)

    async def _answer(self, line: Line, request: Request, number: int, message: str) -> bool:
        """Answer a message; whether the socket goes on."""
        assert isinstance(self.sandbox, Sockets)  # noqa: S101  (it has opened one)
        fault = self.faults.draw(self._chance)
        await self._delay(fault, Fault.LATE)
        said = None
        if fault not in NOT_CARRIED_OUT:
            said = self.sandbox.hear(number, message, self.now_utc_ns())
            self._wake()
        asked = Request(method="SEND", path=request.path, headers=request.headers, body=message.encode())
        return await self._say(line, asked, said, fault)

    async def _tell(self, line: Line, request: Request, number: int) -> bool:
        """Tell what is new; whether the socket goes on."""
        assert isinstance(self.sandbox, Sockets)  # noqa: S101  (it has opened one)
        said = self.sandbox.news(number, self.now_utc_ns())
        if said == Said():
            return True
        fault = self.faults.draw(self._chance)
        await self._delay(fault, Fault.LATE)
        return await self._say(line, Request(method="PUSH", path=request.path), said, fault)

    async def _say(self, line: Line, asked: Request, said: Said | None, fault: Fault | None) -> bool:
        await self._delay(fault, Fault.SLOW)
        whole = fault in (None, Fault.SLOW, Fault.LATE)
        if said is not None and fault is Fault.CUT_ANSWER:
            said = Said(messages=tuple(message[: len(message) // 2] for message in said.messages[:1]))
        shown = said if whole or fault is Fault.CUT_ANSWER else None
        self.told(asked, None if shown is None else Answer(status=200, body=_text(shown)), fault)
        goes_on = await line.say(shown) if shown is not None else False
        if not whole:
            raise _Broken
        return goes_on


class _Broken(Exception):
    """A fault breaks the socket."""


def _text(said: Said | None) -> bytes:
    messages = () if said is None else said.messages
    return b"\n".join(message if isinstance(message, bytes) else message.encode() for message in messages)


async def _cut(asked: web.Request, answer: Answer) -> web.StreamResponse:
    """Half of an answer, and then the connection breaks."""
    headers = {**answer.headers, "Content-Length": str(len(answer.body))}
    response = web.StreamResponse(status=answer.status, headers=headers)
    await response.prepare(asked)
    await response.write(answer.body[: len(answer.body) // 2])
    return break_off(asked)

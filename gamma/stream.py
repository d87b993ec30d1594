"""A stream of messages from a broker: one WebSocket, or the lines of an answer that has no end.

What it tells is a hint and never the truth: where it breaks, is silent, floods or talks nonsense, nothing is lost but
time. So nothing here is an error of the daemon: the stream is opened again, later and later, and goes on.
"""

import asyncio
import logging
import math
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Protocol, final

import httpx
import structlog
from websockets.asyncio.client import ClientConnection, connect

from gamma.wire import address_of, parse, plain_transport, trusted

MESSAGE_MAX: Final = 1024 * 1024
QUEUE_MAX: Final = 16
REFUSED_S: Final = 60.0
CLOSE_S: Final = 1.0
_SCHEMES: Final = {"ws": "http", "wss": "https", "http": "http", "https": "https"}

log = structlog.get_logger("gamma.stream")
# It would write down headers and messages.
_MUTE: Final = logging.getLogger("gamma.stream.mute")
_MUTE.propagate = False
_MUTE.setLevel(logging.CRITICAL + 1)


class Sign(Enum):
    """What a stream tells of itself."""

    OPENED = "opened"
    """It is open, for the first time or again; what happened before was not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How to open a stream: ws or wss for a WebSocket, http or https for lines; `hello` is sent when it is open.

    `pulse` is sent every `pulse_s` seconds from then on.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    hello: Sequence[str] = ()
    pulse: str = ""
    pulse_s: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Tempo:
    """How long a stream waits, and how fast it reads.

    A stream is given up when it did not open within `open_s`, when a ping stays unanswered for `ping_s`, or when
    nothing came for `silent_s`. It is opened again after `again_s` at first, then twice as long each time up to
    `again_max_s`, each less up to a half by chance. More than `messages_max` a second are read in the next.
    """

    open_s: float = 10.0
    ping_s: float = 15.0
    silent_s: float = math.inf
    again_s: float = 0.5
    again_max_s: float = 60.0
    messages_max: int = 500


async def for_good(listen: Callable[[], AsyncGenerator[None]]) -> AsyncIterator[None]:
    """Hints without an end: where the broker lets nobody in, and listening ends, it begins again after a minute."""
    while True:
        async with aclosing(listen()) as heard:
            async for hint in heard:
                yield hint
        await asyncio.sleep(REFUSED_S)


class _Connection(Protocol):
    async def receive(self) -> str: ...
    async def send(self, text: str) -> None: ...
    async def close(self) -> None: ...


@final
class Stream:
    """Messages of one broker, for as long as somebody listens; `opening` is asked before each connection.

    One that is opened anew for every question is `brief`: that it opened is no news. Neither addresses nor headers nor
    messages are ever told in a log.
    """

    def __init__(
        self,
        name: str,
        opening: Callable[[], Awaitable[Opening]],
        *,
        tempo: Tempo | None = None,
        chance: random.Random | None = None,
        brief: bool = False,
    ) -> None:
        self._brief = brief
        self._name = name
        self._opening = opening
        self._tempo = tempo or Tempo()
        self._chance = chance or random.Random()  # noqa: S311  (of waiting)
        self._connection: _Connection | None = None

    @property
    def open(self) -> bool:
        """Whether it is connected now."""
        return self._connection is not None

    async def send(self, text: str) -> bool:
        """Send a message; whether there was a connection to send it by."""
        connection = self._connection
        if connection is None:
            return False
        try:
            async with asyncio.timeout(self._tempo.open_s):
                await connection.send(text)
        except Exception:  # whoever receives will see that it is broken
            return False
        return True

    async def messages(self) -> AsyncGenerator[Any]:
        """What comes, as JSON with decimals, and `Sign.OPENED`; what is no JSON is left out. It never ends."""
        async with aclosing(self.texts()) as texts:
            async for text in texts:
                if isinstance(text, Sign):
                    yield text
                    continue
                try:
                    message = parse(text.encode())
                except (ValueError, ArithmeticError, RecursionError):
                    continue
                yield message

    async def texts(self) -> AsyncGenerator[str | Sign]:
        """What comes, as it is, and `Sign.OPENED`. It never ends."""
        loop, told, wait_s = asyncio.get_running_loop(), False, self._tempo.again_s
        while True:
            began_s = loop.time()
            try:
                async with aclosing(self._connected()) as connected:
                    async for text in connected:
                        yield text
            except Exception as error:
                if not told:  # the message may hold an address
                    log.warning("stream_lost", stream=self._name, cause=type(error).__name__)
                told = True
            if loop.time() - began_s > self._tempo.again_max_s:
                told, wait_s = False, self._tempo.again_s
            await asyncio.sleep(wait_s * self._chance.uniform(0.5, 1.0))
            wait_s = min(2 * wait_s, self._tempo.again_max_s)

    async def _connected(self) -> AsyncGenerator[str | Sign]:
        """The messages of one connection, until it breaks."""
        loop, tempo = asyncio.get_running_loop(), self._tempo
        async with asyncio.timeout(tempo.open_s):
            opening = await self._opening()
            connection = await _connect(opening, tempo)
        pulsing = asyncio.create_task(_pulse(connection, opening))
        try:
            async with asyncio.timeout(tempo.open_s):
                for text in opening.hello:
                    await connection.send(text)
            self._connection = connection
            if not self._brief:
                log.info("stream_open", stream=self._name)
            yield Sign.OPENED
            second_s, count = loop.time(), 0
            while True:
                async with asyncio.timeout(None if math.isinf(tempo.silent_s) else tempo.silent_s):
                    text = await connection.receive()
                yield text
                count += 1
                if loop.time() - second_s >= 1.0:
                    second_s, count = loop.time(), 0
                elif count >= tempo.messages_max:
                    await asyncio.sleep(1.0 - (loop.time() - second_s))
        finally:
            self._connection = None
            pulsing.cancel()
            await connection.close()


async def _pulse(connection: _Connection, opening: Opening) -> None:
    while opening.pulse and not math.isinf(opening.pulse_s):
        await asyncio.sleep(opening.pulse_s)
        with suppress(Exception):  # whoever receives will see that it is broken
            await connection.send(opening.pulse)


async def _connect(opening: Opening, tempo: Tempo) -> _Connection:
    """Connect to this address, and to no other.

    Raises: ConfigInvalid when it is neither encrypted nor of this machine; whatever goes wrong on the way.
    """
    scheme, _, rest = opening.url.strip().partition("://")
    url = httpx.URL(address_of(f"{_SCHEMES.get(scheme, scheme)}://{rest}"))
    if scheme in ("http", "https"):
        return await _Lines.opened(url, opening.headers)
    connecting = connect(
        f"{scheme}://{rest}",
        additional_headers=dict(opening.headers),
        user_agent_header="gamma",
        compression=None,
        proxy=None,
        open_timeout=tempo.open_s,
        ping_interval=tempo.ping_s,
        ping_timeout=tempo.ping_s,
        close_timeout=CLOSE_S,
        max_size=MESSAGE_MAX,
        max_queue=QUEUE_MAX,
        logger=_MUTE,
        ssl=trusted() if url.scheme == "https" else None,
        host=url.host,  # named, so that no redirect leads to another host with our headers
        port=url.port or (443 if url.scheme == "https" else 80),
    )
    return _Socket(await connecting)


class _Refused(Exception):
    """There is no stream at this address, or none for us."""


@final
class _Socket:
    """A WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def receive(self) -> str:
        message = await self._connection.recv()
        return message if isinstance(message, str) else message.decode(errors="replace")

    async def send(self, text: str) -> None:
        await self._connection.send(text)

    async def close(self) -> None:
        """Hang up; a farewell would have to wait for what we do not read any more."""
        self._connection.transport.abort()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._connection.wait_closed()


@final
class _Lines:
    """The lines of an answer that has no end."""

    def __init__(self, transport: httpx.AsyncBaseTransport, response: httpx.Response) -> None:
        self._transport = transport
        self._response = response
        self._lines = self._split()

    @classmethod
    async def opened(cls, url: httpx.URL, headers: Mapping[str, str]) -> "_Lines":
        transport = plain_transport()
        asked = {"Accept-Encoding": "identity", "User-Agent": "gamma", "Host": url.netloc.decode(), **headers}
        try:
            response = await transport.handle_async_request(httpx.Request("GET", url, headers=asked))
        except BaseException:
            await transport.aclose()
            raise
        lines = cls(transport, response)
        if response.status_code != 200:
            await lines.close()
            raise _Refused
        return lines

    async def receive(self) -> str:
        return await anext(self._lines)

    async def send(self, text: str) -> None:
        """Nobody hears us."""

    async def close(self) -> None:
        with suppress(Exception):
            await self._response.aclose()
        await self._transport.aclose()

    async def _split(self) -> AsyncIterator[str]:
        left = b""
        async for chunk in self._response.stream:  # type: ignore[union-attr]
            *lines, left = (left + chunk).split(b"\n")
            if len(left) > MESSAGE_MAX:
                raise OSError(f"a line of more than {MESSAGE_MAX:,} bytes")
            for line in lines:
                if line.strip():
                    yield line.decode(errors="replace")
        raise OSError("it ended")

"""A connection to the sandbox whose bytes go as requests, in made time: what is sent comes in its order, or not at all.

Each write leaves at once. What is lost on the way leaves a gap, behind which nothing is heard, until the connection is
given up; what comes late lets all behind it in.
"""

import asyncio
import struct
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Final, Protocol, final

import httpx

from brokers.ibkr.sandbox_server import NAMES
from brokers.ibkr.sandbox_wire import PREFIX

URL: Final = "http://127.0.0.1"
CONNECT: Final = "connect"
PLACE, CANCEL, CANCEL_ALL, START = "3", "4", "58", "71"
AT, LENGTH, OVER = "at", "length", "over"
_WRITES: Final = (PLACE, CANCEL, CANCEL_ALL)
_PARENT: Final = 28


def messages(chunk: bytes) -> Iterator[Sequence[str]]:
    """The messages of a chunk, field by field; a greeting is none."""
    while chunk and not chunk.startswith(PREFIX):
        [length] = struct.unpack(">I", chunk[:4])
        yield chunk[4 : 4 + length].decode().split("\0")[:-1]
        chunk = chunk[4 + length :]


class Far(Protocol):
    """The other end, which tells by itself what is new: from where in all that it told, and what."""

    def news(self, connection: int, at: int) -> bytes: ...
    def hang_up(self, connection: int) -> None: ...


@final
class DrillLine:
    """Connects, in the place of a loop's `create_connection`; connections are numbered by `number`."""

    def __init__(self, transport: httpx.AsyncBaseTransport, far: Far, number: Callable[[], int]) -> None:
        self._transport = transport
        self._far = far
        self._number = number
        self._end: DrillEnd | None = None

    async def dial(self, protocol: Callable[[], asyncio.Protocol], _: str, __: int) -> tuple[Any, Any]:
        """Connect.

        Raises: ConnectionRefusedError.
        """
        number = self._number()
        try:
            answer = await self._transport.handle_async_request(httpx.Request("GET", f"{URL}/{CONNECT}/{number}"))
        except httpx.TransportError as error:
            raise ConnectionRefusedError(str(error)) from None
        if answer.status_code != 200:
            raise ConnectionRefusedError(f"status {answer.status_code}")
        self._end = DrillEnd(self._transport, self._far, number, protocol())
        return self._end, self._end.protocol

    def ring(self) -> None:
        """The other end has something to tell."""
        if self._end is not None:
            self._end.hear_soon()


@final
class DrillEnd:
    """The adapter's end of one connection: what it needs of a transport."""

    def __init__(self, transport: httpx.AsyncBaseTransport, far: Far, number: int, protocol: asyncio.Protocol) -> None:
        self.protocol = protocol
        self._transport = transport
        self._far = far
        self._number = number
        self._loop = asyncio.get_running_loop()
        self._over = False
        self._sent = self._heard = 0
        self._leaving: list[bytes] = []
        self._early: dict[int, tuple[bytes, bool]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def write(self, chunk: bytes) -> None:
        """Send; the orders of a bracket leave together with their entry, in one go."""
        if self._over:
            return
        first = next(messages(chunk), ("",))
        if self._leaving and first[0] == PLACE and first[_PARENT] not in ("", "0"):
            self._leaving.append(chunk)
            return
        self._leaving = [chunk]
        name = NAMES.get(first[0], first[0] or "hello")
        method = "POST" if first[0] in _WRITES else "GET"
        self._start(self._carry(method, f"{URL}/{self._number}/{self._sent}/{name}", self._leaving))
        self._sent += 1

    def write_eof(self) -> None:
        """Nothing more is sent."""

    def close(self) -> None:
        """End the connection; what was sent is under way."""
        if not self._over:
            self._over = True
            self._far.hang_up(self._number)
            self._loop.call_soon(self.protocol.connection_lost, None)

    def hear_soon(self) -> None:
        """Let what is new arrive."""
        if not self._over and not self._loop.is_closed():
            self._loop.call_soon(self._hear)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, method: str, url: str, chunks: list[bytes]) -> None:
        if self._leaving is chunks:
            self._leaving = []
        try:
            request = httpx.Request(method, url, content=b"".join(chunks))
            answer = await self._transport.handle_async_request(request)
        except httpx.TransportError as error:
            self._break(error)
            return
        if answer.status_code != 200:
            self._break(ConnectionResetError(f"status {answer.status_code}"))
            return
        self._early[int(answer.headers[AT])] = (answer.content, answer.headers[OVER] == "1")
        self._hear()
        if len(answer.content) < int(answer.headers[LENGTH]):
            self._break(ConnectionResetError("it broke off"))

    def _hear(self) -> None:
        """Hand on what came, in its order; then what is new at the other end, if nothing of before is under way."""
        while not self._over and self._heard in self._early:
            content, over = self._early.pop(self._heard)
            self._take(content)
            if over:
                self._break(None)
            if not content:
                break
        if not self._over:
            self._take(self._far.news(self._number, self._heard))

    def _take(self, content: bytes) -> None:
        self._heard += len(content)
        if content:
            self.protocol.data_received(content)

    def _break(self, why: Exception | None) -> None:
        if not self._over:
            self._over = True
            self._far.hang_up(self._number)
            self.protocol.connection_lost(why)

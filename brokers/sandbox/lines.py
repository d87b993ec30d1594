"""The two ways in which a sandbox's sockets travel: as a WebSocket, and as lines of an answer that has no end."""

import asyncio
from typing import Final, Protocol, final

from aiohttp import WSMsgType, web

from brokers.sandbox.sockets import Said

MESSAGE_MAX: Final = 1024 * 1024


class Line(Protocol):
    """One connection. `hear` gives the next message, None when the other side has gone; `say` whether it goes on."""

    async def open(self, asked: web.Request) -> web.StreamResponse: ...
    async def hear(self) -> str | None: ...
    async def say(self, said: Said) -> bool: ...


@final
class WebSocketLine:
    """A WebSocket."""

    def __init__(self) -> None:
        self._socket = web.WebSocketResponse(max_msg_size=MESSAGE_MAX)

    async def open(self, asked: web.Request) -> web.StreamResponse:
        """Shake hands."""
        await self._socket.prepare(asked)
        return self._socket

    async def hear(self) -> str | None:
        """The next message as text."""
        message = await self._socket.receive()
        if message.type is WSMsgType.TEXT:
            return str(message.data)
        if message.type is WSMsgType.BINARY:
            return bytes(message.data).decode(errors="replace")
        return None

    async def say(self, said: Said) -> bool:
        """Send all messages, and close where that is said."""
        for message in said.messages:
            if isinstance(message, bytes):
                await self._socket.send_bytes(message)
            else:
                await self._socket.send_str(message)
        if said.close_code:
            await self._socket.close(code=said.close_code)
        return not said.close_code


@final
class LineOfText:
    """An answer that has no end; nothing is heard by it."""

    def __init__(self) -> None:
        self._response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})

    async def open(self, asked: web.Request) -> web.StreamResponse:
        """Begin to answer."""
        await self._response.prepare(asked)
        return self._response

    async def hear(self) -> str | None:
        """Wait for ever: the server ends it when the other side has gone."""
        await asyncio.Event().wait()
        return None

    async def say(self, said: Said) -> bool:
        """Write all messages, a line each."""
        for message in said.messages:
            text = message if isinstance(message, bytes) else message.encode()
            await self._response.write(text + b"\n")
        if said.close_code:
            await self._response.write_eof()
        return not said.close_code


def break_off(asked: web.Request) -> web.StreamResponse:
    """Break the connection."""
    if asked.transport is not None:
        asked.transport.abort()
    return web.Response()

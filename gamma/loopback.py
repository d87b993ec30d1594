"""A small, strict HTTP/1.1 server on loopback: one request a connection, everything limited."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

BODY_MAX_BYTES: Final = 65_536
_HEAD_MAX_BYTES: Final = 8_192
_HEADERS_MAX: Final = 32
_CONNECTIONS_MAX: Final = 16
_DRAIN_MAX_BYTES: Final = 1_048_576
_REQUEST: Final = re.compile(r"([A-Z]{1,16}) (/[\x21-\x7e]*) HTTP/1\.[01]", re.ASCII)
_HEADER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[\x21-\x7e]+(?:[ \t]+[\x21-\x7e]+)*)?)[ \t]*")
_LENGTH: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A whole request; names of headers are in lower case, and none stands twice."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A status, and a JSON object or, where there is one, a `text` of some other kind."""

    status: HTTPStatus
    body: Mapping[str, Any] = field(default_factory=dict)
    text: bytes = b""
    kind: str = "application/json"


class Refused(Exception):
    """The request is not answered as it was meant; the reply says why."""

    def __init__(self, status: HTTPStatus, error: str, **more: str) -> None:
        super().__init__(error)
        self.reply = Reply(status=status, body={"error": error, **more})


Answer = Callable[[Request], Reply]
_TOO_BUSY: Final = Reply(status=HTTPStatus.SERVICE_UNAVAILABLE, body={"error": "too many connections"})


@asynccontextmanager
async def serve(port: int, answer: Answer, timeout_s: float) -> AsyncIterator[int]:
    """Listen on 127.0.0.1 and give the port; 0 takes a free one. `timeout_s` bounds a connection from first to last.

    Raises: OSError when the port is taken.
    """
    talks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        full = len(talks) >= _CONNECTIONS_MAX
        talk = asyncio.ensure_future(_talk(reader, writer, None if full else answer, timeout_s))
        talks.add(talk)
        talk.add_done_callback(talks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", port, limit=_HEAD_MAX_BYTES)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await server.wait_closed()


async def _talk(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer | None, timeout_s: float
) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            if answer is None:
                await _reply(writer, _TOO_BUSY)
            else:
                await _converse(reader, writer, answer)
    except (TimeoutError, OSError, asyncio.IncompleteReadError):
        pass  # the other side went away or dawdled: there is nobody to tell
    finally:
        writer.close()


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
    try:
        reply = answer(await read(reader))
    except Refused as refused:
        reply = refused.reply
    await _reply(writer, reply)
    if writer.can_write_eof():
        writer.write_eof()
    # A socket closed over unread bytes resets the connection, and the reply with it.
    drained = 0
    while drained < _DRAIN_MAX_BYTES and (rest := await reader.read(_HEAD_MAX_BYTES)):
        drained += len(rest)


async def _reply(writer: asyncio.StreamWriter, reply: Reply) -> None:
    body = reply.text or json.dumps(dict(reply.body)).encode()
    head = (
        f"HTTP/1.1 {reply.status} {reply.status.phrase}\r\nContent-Type: {reply.kind}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()


async def read(reader: asyncio.StreamReader) -> Request:
    """Read one whole request.

    Raises: Refused when it is too large or can be read in two ways, IncompleteReadError when it ends early.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the head is above 8 KiB") from None
    method, path, headers = _parse_head(head)
    if "transfer-encoding" in headers:
        raise Refused(HTTPStatus.NOT_IMPLEMENTED, "send a Content-Length, and the body as it is")
    length = headers.get("content-length", "0" if method == "GET" else "")
    if not _LENGTH.fullmatch(length):
        raise Refused(HTTPStatus.LENGTH_REQUIRED, "a Content-Length is needed")
    if int(length) > BODY_MAX_BYTES:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is above 64 KiB")
    return Request(method=method, path=path, headers=headers, body=await reader.readexactly(int(length)))


def _parse_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    request = _REQUEST.fullmatch(lines[0])
    fields = [_HEADER.fullmatch(line) for line in lines[1:]]
    headers = {found[1].lower(): found[2] for found in fields if found}
    if request is None or len(headers) != len(fields) or len(headers) > _HEADERS_MAX:
        raise Refused(HTTPStatus.BAD_REQUEST, "this is no request that a well-kept client sends")
    return request[1], request[2], headers

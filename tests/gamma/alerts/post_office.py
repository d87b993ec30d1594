"""For the tests: a Discord on loopback that answers by script, an outbox in memory, clocks moved by hand."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from pydantic import SecretStr

from gamma.alerts import Discord, Pace, open_client
from gamma.notices import Notice, Severity

TS = 1_767_367_800_000_000_000  # 2026-01-02 15:30:00 UTC
TOKEN = "canary-b3f9c2"
MINUTE_S = 60.0
NS = 1_000_000_000

Script = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


def reply(status: int, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


OK = reply(204)


async def drip(writer: asyncio.StreamWriter) -> None:
    """A byte now and then, so that no single read ever times out."""
    for byte in b"HTTP/1.1 204 No Content\r\n" + b"X-Drip: " + b"x" * 10_000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.004)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Closes with a reset, not with a goodbye."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@dataclass
class Request:
    method: str
    target: str
    body: Any


@dataclass
class Server:
    """Answers by script, and 204 when the script is at its end."""

    script: list[Script] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def url(self, name: str = "critical") -> SecretStr:
        return SecretStr(f"http://127.0.0.1:{self.port}/api/webhooks/{name}/{TOKEN}")

    @property
    def bodies(self) -> list[Any]:
        return [request.body for request in self.requests]

    @property
    def titles(self) -> list[str]:
        return [body["embeds"][0]["title"] for body in self.bodies]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the other side went away, or the test is over
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        raw = await reader.readexactly(int(headers.get("content-length", 0)))
        self.requests.append(Request(method, target, json.loads(raw) if raw else None))
        answer = self.script.pop(0) if self.script else OK
        if callable(answer):
            await answer(writer)
        else:
            writer.write(answer)
            await writer.drain()


@dataclass
class Clock:
    """Both clocks, moved by hand."""

    s: float = 1_000.0

    def monotonic_s(self) -> float:
        return self.s

    def ns(self) -> int:
        return TS + round((self.s - 1_000.0) * NS)


def notice(key: str = "k", severity: Severity = Severity.WARNING, **changes: Any) -> Notice:
    made = Notice(key=key, severity=severity, title=f"Title {key}", text=f"Text {key}", ts_event_utc_ns=TS)
    return replace(made, **changes)


@dataclass
class Row:
    id: int
    notice: Notice
    next_ns: int = 0
    attempts: int = 0
    delivered_ns: int | None = None
    dropped_ns: int | None = None
    acked: bool = False
    error: str = ""


class Shelf:
    """The outbox of `gamma.alerts.Outbox`, in memory."""

    def __init__(self, *notices: Notice) -> None:
        self.rows = [Row(number, told) for number, told in enumerate(notices, 1)]

    def add(self, *notices: Notice) -> None:
        self.rows += [Row(len(self.rows) + number, told) for number, told in enumerate(notices, 1)]

    def anew(self) -> None:
        for row in self.rows:
            row.next_ns = 0

    def due(self, now_utc_ns: int, limit: int) -> Sequence[Row]:
        rows = [r for r in self.rows if r.delivered_ns is None and r.dropped_ns is None and r.next_ns <= now_utc_ns]
        return sorted(rows, key=lambda r: (-r.notice.severity.rank, r.id))[:limit]

    def repeats(self, now_utc_ns: int) -> Sequence[Row]:
        standing = [r for r in self.rows if r.notice.severity is Severity.CRITICAL and not r.acked]
        return [r for r in standing if r.delivered_ns is not None and r.delivered_ns <= now_utc_ns - 600 * NS]

    def delivered(self, ids: Sequence[int], now_utc_ns: int) -> None:
        for row in self._rows(ids):
            row.delivered_ns, row.error = now_utc_ns, ""

    def postponed(self, ids: Sequence[int], next_attempt_utc_ns: int, error: str) -> None:
        for row in self._rows(ids):
            row.next_ns, row.error, row.attempts = next_attempt_utc_ns, error, row.attempts + 1

    def dropped(self, ids: Sequence[int], now_utc_ns: int, error: str) -> None:
        for row in self._rows(ids):
            row.dropped_ns, row.error = now_utc_ns, error

    def _rows(self, ids: Sequence[int]) -> list[Row]:
        return [row for row in self.rows if row.id in ids]


def run(server: Server, work: Callable[[Any], Awaitable[None]], **options: Any) -> None:
    """Open the server and a sender of its two webhooks, and do the work with a `Desk` of them all."""

    async def inside() -> None:
        async with server, open_client() as client:
            clock = Clock()
            critical = options.pop("critical", server.url("critical"))
            routine = options.pop("routine", server.url("routine"))
            pace = options.pop("pace", Pace(timeout_s=2.0))
            sender = Discord(
                client,
                critical=critical,
                routine=routine,
                pace=pace,
                monotonic_s=clock.monotonic_s,
                jitter=options.pop("jitter", lambda: 0.5),
            )
            await work(Desk(server, clock, sender))

    asyncio.run(inside())


@dataclass
class Desk:
    server: Server
    clock: Clock
    sender: Discord

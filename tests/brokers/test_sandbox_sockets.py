"""A sandbox's sockets over loopback: messages in and out, news by themselves, and every fault."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, final

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from brokers.sandbox.answers import Answer, Request, in_text
from brokers.sandbox.faults import Fault, Faults
from brokers.sandbox.server import Server
from brokers.sandbox.sockets import Said


@final
class Parrot:
    """Says what it hears, twice; tells every socket of each POST; a socket at /lines hears nothing."""

    def __init__(self) -> None:
        self.open: set[int] = set()
        self.posted: list[str] = []
        self.told: dict[int, int] = {}
        self.heard: list[str] = []
        self.idle = asyncio.Event()
        self.idle.set()

    def handle(self, request: Request, now_utc_ns: int) -> Answer:  # noqa: ARG002
        if request.method == "POST":
            self.posted.append(request.body.decode())
        return in_text("ok", 200)

    def advance(self, now_utc_ns: int) -> None:
        pass

    def open_socket(self, number: int, request: Request, now_utc_ns: int) -> Said | Answer | None:  # noqa: ARG002
        if request.path not in ("/socket", "/lines"):
            return None
        if request.headers.get("authorization") != "Bearer me":
            return in_text("who are you?", 401)
        self.open.add(number)
        self.idle.clear()
        self.told[number] = len(self.posted)
        return Said(messages=("hello",))

    def hear(self, number: int, message: str, now_utc_ns: int) -> Said:  # noqa: ARG002
        self.heard.append(message)
        if message == "bye":
            return Said(messages=("so long",), close_code=4000)
        return Said(messages=(message, message.encode()))

    def news(self, number: int, now_utc_ns: int) -> Said:  # noqa: ARG002
        new, self.told[number] = self.posted[self.told[number] :], len(self.posted)
        return Said(messages=tuple(new))

    def close_socket(self, number: int) -> None:
        self.open.discard(number)
        if not self.open:
            self.idle.set()


def run(talk: Callable[[str, Parrot], Awaitable[object]], fault: Fault | None = None) -> list[tuple[str, int]]:
    """Let a client talk to it at its address; gives what the server was told of, and with which status."""
    parrot, told = Parrot(), []

    def tell(request: Request, answer: Answer | None, _: Fault | None) -> None:
        told.append((request.method, answer.status if answer else 0))

    async def both() -> None:
        server = Server(sandbox=parrot, told=tell)
        async with server.listening() as port:
            if fault is not None:
                server.faults = Faults({fault: 1.0})
            await talk(f"127.0.0.1:{port}", parrot)
            await parrot.idle.wait()

    asyncio.run(both())
    return told


def socket(address: str, token: str = "me") -> Any:
    return connect(f"ws://{address}/socket", additional_headers={"Authorization": f"Bearer {token}"}, proxy=None)


async def post(address: str, text: str) -> None:
    async with httpx.AsyncClient() as client:
        await client.post(f"http://{address}/", content=text)


def test_a_message_is_answered_and_news_come_by_themselves() -> None:
    async def talk(address: str, parrot: Parrot) -> None:
        async with socket(address) as line:
            assert await line.recv() == "hello"
            await line.send("a")
            assert [await line.recv(), await line.recv()] == ["a", b"a"]
            await post(address, "news")
            assert await line.recv() == "news"
        assert parrot.heard == ["a"]

    assert run(talk) == [("GET", 101), ("SEND", 200), ("POST", 200), ("PUSH", 200)]


def test_lines_of_an_answer_that_has_no_end_are_news_too() -> None:
    async def talk(address: str, _: Parrot) -> None:
        async with (
            httpx.AsyncClient(timeout=5) as client,
            client.stream("GET", f"http://{address}/lines", headers={"Authorization": "Bearer me"}) as answer,
        ):
            lines = answer.aiter_lines()
            assert await anext(lines) == "hello"
            await post(address, "news")
            assert await anext(lines) == "news"
            await answer.aclose()
        await post(address, "to nobody")

    run(talk)


def test_a_socket_may_be_refused_or_closed() -> None:
    async def talk(address: str, _: Parrot) -> None:
        with pytest.raises(InvalidStatus, match="401"):
            await socket(address, "another").__aenter__()
        async with socket(address) as line:
            await line.recv()
            await line.send("bye")
            assert await line.recv() == "so long"
            with pytest.raises(ConnectionClosed) as closed:
                await line.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4000

    run(talk)


@pytest.mark.parametrize("fault", sorted(set(Fault) - {Fault.SLOW, Fault.LATE}))
def test_a_fault_keeps_a_socket_from_opening(fault: Fault) -> None:
    async def talk(address: str, parrot: Parrot) -> None:
        with pytest.raises((WebSocketException, EOFError, ConnectionError)):
            await socket(address).__aenter__()
        assert not parrot.open

    run(talk, fault)


@pytest.mark.parametrize(
    ("fault", "heard"),
    [
        (Fault.LOSE_REQUEST, False),
        (Fault.ERROR_BEFORE, False),
        (Fault.BUSY, False),
        (Fault.LOSE_ANSWER, True),
        (Fault.ERROR_AFTER, True),
        (Fault.CUT_ANSWER, True),
    ],
)
def test_a_fault_breaks_a_socket_that_talks(fault: Fault, heard: bool) -> None:
    parrot, came = Parrot(), []

    async def both() -> None:
        server = Server(sandbox=parrot)
        async with server.listening() as port, socket(f"127.0.0.1:{port}") as line:
            await line.recv()
            server.faults = Faults({fault: 1.0})
            await line.send("abcd")
            with pytest.raises(ConnectionClosed):
                came.extend([await line.recv(), await line.recv()])
            await parrot.idle.wait()

    asyncio.run(both())
    assert parrot.heard == (["abcd"] if heard else [])

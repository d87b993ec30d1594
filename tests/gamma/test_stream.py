"""Streams over loopback: what comes, what breaks, and that nothing of it is ever an error, or a secret told."""

import asyncio
import json
import logging
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from websockets.asyncio.server import ServerConnection, serve

from gamma.stream import MESSAGE_MAX, Opening, Sign, Stream, Tempo

SECRET = "canary-4711"
QUICK = Tempo(open_s=5.0, ping_s=0.2, again_s=0.01, again_max_s=0.05)
Serve = Callable[[ServerConnection], Awaitable[None]]


async def stay(line: ServerConnection) -> None:
    with suppress(Exception):
        await line.wait_closed()


@asynccontextmanager
async def serving(talk: Serve) -> AsyncIterator[str]:
    silent = logging.getLogger("test_stream.server")
    silent.disabled = True
    async with serve(talk, "127.0.0.1", 0, close_timeout=0.1, logger=silent) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/{SECRET}"


def stream(url: str, tempo: Tempo = QUICK, **more: Any) -> Stream:
    async def opening() -> Opening:
        return Opening(url=url, headers={"Authorization": SECRET}, **more)

    return Stream("test", opening, tempo=tempo, chance=random.Random(1))


async def first(count: int, made: Stream) -> list[Any]:
    found: list[Any] = []
    async with aclosing(made.messages()) as messages:
        while len(found) < count:
            found.append(await anext(messages))
    return found


def heard(talk: Serve, count: int, tempo: Tempo = QUICK, **more: Any) -> list[Any]:
    """The first that a stream tells of a server."""

    async def both() -> list[Any]:
        async with serving(talk) as url, asyncio.timeout(20):
            return await first(count, stream(url, tempo, **more))

    return asyncio.run(both())


def saying(*messages: str | bytes) -> Serve:
    async def talk(line: ServerConnection) -> None:
        for message in messages:
            await line.send(message)
        await stay(line)

    return talk


def test_messages_come_as_json_with_decimals_and_nonsense_is_left_out() -> None:
    came = heard(saying('{"price": 1.10}', "<html>", "[NaN]", "[" * 5_000, b'{"n": 1}', b"\xff"), 3)
    assert came == [Sign.OPENED, {"price": Decimal("1.10")}, {"n": 1}]


def test_what_is_to_be_said_first_is_said_on_every_connection() -> None:
    said: list[list[str]] = []

    async def talk(line: ServerConnection) -> None:
        said.append([str(await line.recv()), str(await line.recv())])
        await line.send("1")

    assert heard(talk, 4, hello=("auth", "listen")) == [Sign.OPENED, 1, Sign.OPENED, 1]
    assert said == [["auth", "listen"]] * 2


def test_a_pulse_goes_out_again_and_again() -> None:
    async def talk(line: ServerConnection) -> None:
        for _ in range(3):
            assert await line.recv() == "[]"
        await line.send('"alive"')
        await stay(line)

    assert heard(talk, 2, pulse="[]", pulse_s=0.01) == [Sign.OPENED, "alive"]


def test_a_broken_stream_is_opened_again_and_tells_so() -> None:
    lives = 0

    async def talk(line: ServerConnection) -> None:
        nonlocal lives
        lives += 1
        await line.send(str(lives))
        line.transport.abort()

    assert heard(talk, 6) == [Sign.OPENED, 1, Sign.OPENED, 2, Sign.OPENED, 3]


def test_a_silent_stream_is_given_up() -> None:
    assert heard(stay, 3, Tempo(silent_s=0.05, again_s=0.01)) == [Sign.OPENED] * 3


def test_a_message_that_is_too_long_breaks_the_stream_and_nothing_else() -> None:
    came = heard(saying('"before"', '"' + "x" * MESSAGE_MAX + '"'), 4)
    assert came == [Sign.OPENED, "before", Sign.OPENED, "before"]


def test_a_flood_is_read_at_a_measured_pace_and_leaves_room_for_others() -> None:
    async def flood(line: ServerConnection) -> None:
        with suppress(Exception):
            while True:
                await line.send("1")
                await asyncio.sleep(0)

    async def both() -> int:
        count, paused = 0, asyncio.Event()

        async def read(made: Stream) -> None:
            nonlocal count
            async for _ in made.messages():
                count += 1
                if count == 21:
                    paused.set()

        async with serving(flood) as url:
            reading = asyncio.create_task(read(stream(url, Tempo(messages_max=20))))
            await paused.wait()
            for _ in range(20):
                await asyncio.sleep(0)
            reading.cancel()
            await asyncio.wait([reading])
        return count

    assert asyncio.run(both()) == 21  # with the sign that it is open


def test_it_is_sent_to_while_it_is_open_and_not_before() -> None:
    async def echo(line: ServerConnection) -> None:
        async for message in line:
            await line.send(message)

    async def both() -> list[Any]:
        async with serving(echo) as url, asyncio.timeout(20):
            made = stream(url)
            assert not await made.send("0")
            async with aclosing(made.messages()) as messages:
                opened = await anext(messages)
                assert await made.send('"once"')
                return [opened, await anext(messages)]

    assert asyncio.run(both()) == [Sign.OPENED, "once"]


def test_an_opening_that_fails_is_tried_again() -> None:
    tries = 0

    async def both() -> list[Any]:
        async with serving(saying("1")) as url, asyncio.timeout(20):

            async def opening() -> Opening:
                nonlocal tries
                tries += 1
                if tries < 3:
                    raise RuntimeError(SECRET)
                return Opening(url=url)

            return await first(2, Stream("test", opening, tempo=QUICK))

    assert asyncio.run(both()) == [Sign.OPENED, 1]
    assert tries == 3


@pytest.mark.parametrize(
    "url",
    [
        "ws://example.com/stream",
        "http://example.com/stream",
        "wss://me:secret@example.com",
        "wss://example.com/?token=1",
        "ftp://127.0.0.1/",
        "nonsense",
    ],
)
def test_an_address_that_is_not_safe_is_never_connected_to(url: str) -> None:
    tries = 0

    async def both() -> None:
        tried = asyncio.Event()

        async def opening() -> Opening:
            nonlocal tries
            tries += 1
            if tries > 2:
                tried.set()
            return Opening(url=url, headers={"Authorization": SECRET})

        reading = asyncio.create_task(first(1, Stream("test", opening, tempo=QUICK)))
        await asyncio.wait_for(tried.wait(), 20)
        assert not reading.done()
        reading.cancel()

    asyncio.run(both())
    assert tries > 2


def test_headers_follow_no_redirect_to_another_host() -> None:
    elsewhere: list[bytes] = []

    async def both() -> None:
        moved = asyncio.Event()

        async def theirs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            elsewhere.append(await reader.read(1_000))
            writer.close()

        other = await asyncio.start_server(theirs, "127.0.0.1", 0)
        location = f"ws://127.0.0.1:{other.sockets[0].getsockname()[1]}/"
        redirects = 0

        async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal redirects
            await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
            writer.close()
            redirects += 1
            if redirects > 2:
                moved.set()

        server = await asyncio.start_server(redirect, "127.0.0.1", 0)
        async with other, server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            reading = asyncio.create_task(first(1, stream(url)))
            await asyncio.wait_for(moved.wait(), 20)
            reading.cancel()

    asyncio.run(both())
    assert elsewhere == []


def lines_of(answers: Sequence[bytes], count: int) -> list[Any]:
    """What a stream of lines tells of a server that gives these answers in turn, and the last again and again."""
    left = list(answers)

    async def both() -> list[Any]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked = await reader.readuntil(b"\r\n\r\n")
            assert SECRET.encode() in asked
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server, asyncio.timeout(20):
            return await first(count, stream(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/stream"))

    return asyncio.run(both())


def test_lines_of_an_answer_that_has_no_end_are_a_stream_too() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    whole = head + b'8\r\n{"n": 1}\r\n1\r\n\n\r\n2\r\n\n2\r\n1\r\n\n\r\n'
    assert lines_of([whole], 3) == [Sign.OPENED, {"n": 1}, 2]
    assert lines_of([b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", whole], 2) == [Sign.OPENED, {"n": 1}]


def test_neither_address_nor_header_nor_message_is_ever_written_down(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[Any] = []

    def keep(_: object, __: str, event: Any) -> Any:
        told.append(event)
        raise structlog.DropEvent

    structlog.configure(processors=[keep])
    try:
        heard(saying(json.dumps(SECRET), "x" * (MESSAGE_MAX + 1)), 4)
    finally:
        structlog.reset_defaults()
    assert told
    captured = capfd.readouterr()
    assert SECRET not in f"{told}{caplog.text}{captured.out}{captured.err}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path


@pytest.mark.parametrize("vouched", [True, False])
def test_only_a_certificate_that_somebody_vouches_for_is_believed(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, vouched: bool
) -> None:
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate)
    if vouched:
        ours = ssl.create_default_context(cafile=str(certificate))
        monkeypatch.setattr("gamma.stream.trusted", lambda: ours)
    tries = 0

    async def both() -> list[Any]:
        tried = asyncio.Event()

        async def opening() -> Opening:
            nonlocal tries
            tries += 1
            if tries > 2:
                tried.set()
            return Opening(url=f"wss://127.0.0.1:{port}/", headers={"Authorization": SECRET})

        silent = logging.getLogger("test_stream.tls")
        silent.disabled = True
        async with serve(saying("1"), "127.0.0.1", 0, ssl=theirs, logger=silent) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            reading = asyncio.create_task(first(2, Stream("test", opening, tempo=QUICK)))
            done, _ = await asyncio.wait(
                [reading, asyncio.create_task(tried.wait())], return_when=asyncio.FIRST_COMPLETED, timeout=20
            )
            found = reading.result() if reading in done else []
            reading.cancel()
            return found

    assert asyncio.run(both()) == ([Sign.OPENED, 1] if vouched else [])
    assert tries == (1 if vouched else 3)

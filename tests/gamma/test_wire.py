"""Over a real connection to a server that misbehaves: what is an answer, what is none, and what was never sent."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal

import httpx
import pytest

from gamma.errors import ConfigInvalid, Transient
from gamma.wire import BODY_MAX, DEPTH_MAX, NotSent, Patience, Reply, Unsure, Wire, Written

SECRET = "canary-4711"
Answer = bytes | None  # None says nothing until the other side gives up


def whole(status: str, body: str, *more: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *more, "", body]
    return "\r\n".join(lines).encode()


def run(ask: Callable[[Wire], object], answer: Answer, patience: Patience | None = None) -> tuple[object, list[bytes]]:
    """What `ask` gets from a server that says `answer` to everything, and what that server heard."""

    async def both() -> tuple[object, list[bytes]]:
        async with serving(answer) as (port, heard):
            wire = Wire(f"http://127.0.0.1:{port}/v1", headers={"Authorization": SECRET}, patience=patience)
            try:
                return await ask(wire), heard  # type: ignore[misc]
            finally:
                await wire.close()

    return asyncio.run(both())


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[tuple[int, list[bytes]]]:
    heard: list[bytes] = []
    served = asyncio.Semaphore(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = [int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        heard.append(head + await reader.readexactly(length[0] if length else 0))
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        served.release()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard
        for _ in heard:
            await served.acquire()


def post(answer: Answer, patience: Patience | None = None) -> Written:
    got, heard = run(lambda wire: wire.write("POST", "/orders", {"lots": 2}), answer, patience)
    assert len(heard) == 1  # one attempt, whatever came of it
    assert SECRET not in repr(got)
    assert isinstance(got, Reply | NotSent | Unsure)
    return got


def read(answer: Answer) -> object:
    return run(lambda wire: wire.read("/orders", {"page": "1"}), answer)[0]


def test_a_whole_answer_is_a_reply_whatever_its_status() -> None:
    assert post(whole("201 Created", '{"id": 1}')) == Reply(status=201, json={"id": 1})
    assert post(whole("422 Unprocessable", '{"code": 7}')) == Reply(status=422, json={"code": 7})
    assert post(whole("503 Busy", "{}", "Retry-After: 7")) == Reply(status=503, json={}, retry_after_s=7.0)
    assert post(whole("204 No Content", "")) == Reply(status=204, json=None)


@pytest.mark.parametrize(
    ("status", "more", "wait_s"),
    [
        ("429 Busy", ("X-RateLimit-Reset: 1795186812", "Date: Fri, 20 Nov 2026 15:00:00 GMT"), 12.0),
        ("429 Busy", ("X-RateLimit-Reset: 1795186700", "Date: Fri, 20 Nov 2026 15:00:00 GMT"), 0.0),
        ("429 Busy", ("X-RateLimit-Reset: 1795186812",), 0.0),
        ("429 Busy", ("X-RateLimit-Reset: soon", "Date: Fri, 20 Nov 2026 15:00:00 GMT"), 0.0),
        ("429 Busy", ("Retry-After: 3", "X-RateLimit-Reset: 1795186812", "Date: Fri, 20 Nov 2026 15:00:00 GMT"), 3.0),
        ("200 OK", ("X-RateLimit-Reset: 1795186812", "Date: Fri, 20 Nov 2026 15:00:00 GMT"), 0.0),
    ],
)
def test_a_pause_is_told_by_the_moment_at_which_a_limit_begins_anew(
    status: str, more: tuple[str, ...], wait_s: float
) -> None:
    got = post(whole(status, "{}", *more))
    assert isinstance(got, Reply)
    assert got.retry_after_s == wait_s


@pytest.mark.parametrize(
    ("date", "ts_utc_ns"),
    [("Fri, 20 Nov 2026 15:00:00 GMT", 1_795_186_800 * 10**9), ("yesterday", 0), ("", 0)],
)
def test_when_an_answer_was_made_is_told_where_it_says_so(date: str, ts_utc_ns: int) -> None:
    got = post(whole("200 OK", "{}", f"Date: {date}"))
    assert isinstance(got, Reply)
    assert got.ts_utc_ns == ts_utc_ns


def test_decimals_stay_exact_both_ways() -> None:
    assert read(whole("200 OK", '{"price": 0.1, "lots": 3}')) == {"price": Decimal("0.1"), "lots": 3}
    _, heard = run(lambda wire: wire.write("POST", "/o", {"price": Decimal("0.10")}), whole("200 OK", "{}"))
    assert heard[0].endswith(b'{"price": "0.10"}')


def test_a_form_is_sent_as_one() -> None:
    _, heard = run(lambda wire: wire.write("POST", "/o", {"side[0]": "a b"}, form=True), whole("200 OK", "{}"))
    assert heard[0].endswith(b"side%5B0%5D=a+b")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b'HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"id": 1}',
        whole("200 OK", '{"id": 1'),
        whole("200 OK", ""),
        whole("200 OK", '{"price": NaN}'),
        whole("200 OK", '{"price": -Infinity}'),
        whole("200 OK", "[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1)),
        whole("200 OK", "[" * 100_000),
        whole("200 OK", '"' + "x" * (BODY_MAX + 1) + '"'),
        whole("200 OK", "{}", "Content-Encoding: gzip"),
        whole("502 Bad Gateway", "<html>"),
        b"no http at all\r\n\r\n",
    ],
)
def test_half_an_answer_leaves_a_write_unsure_and_tells_a_read_nothing(answer: bytes) -> None:
    assert isinstance(post(answer), Unsure)
    with pytest.raises(Transient):
        read(answer)


def test_what_is_nested_as_deep_as_allowed_is_read() -> None:
    assert read(whole("200 OK", "[" * DEPTH_MAX + "]" * DEPTH_MAX)) is not None
    assert read(whole("200 OK", "[" + ",".join(["{}"] * 100) + "]")) == [{}] * 100


def test_a_plain_text_answer_is_there_for_an_adapter_that_knows_it() -> None:
    got = post(whole("400 Bad Request", "order already in finalized state: filled"))
    assert isinstance(got, Unsure)
    assert (got.status, got.body) == (400, "order already in finalized state: filled")


def test_silence_is_unsure() -> None:
    assert isinstance(post(None, Patience(read_s=0.05)), Unsure)
    assert isinstance(post(None, Patience(total_s=0.05)), Unsure)


def test_where_nobody_listens_nothing_was_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening

        async def both() -> Written:
            wire = Wire(f"http://127.0.0.1:{taken.getsockname()[1]}")
            with pytest.raises(Transient):
                await wire.read("/orders")
            return await wire.write("POST", "/orders", {})

        assert isinstance(asyncio.run(both()), NotSent)


def test_a_read_wants_success_and_a_look_takes_a_refusal() -> None:
    missing = whole("404 Not Found", '{"code": "unknown_order"}')
    with pytest.raises(Transient, match="HTTP 404"):
        read(missing)
    reply, _ = run(lambda wire: wire.look("/orders/1"), missing)
    assert reply == Reply(status=404, json={"code": "unknown_order"})
    for status in ("302 Found", "429 Too Many", "500 Error"):
        with pytest.raises(Transient):
            run(lambda wire: wire.look("/orders/1"), whole(status, "{}", "Location: http://127.0.0.1/"))


def test_a_broker_that_asks_for_a_pause_gets_it_from_reads_and_not_from_writes() -> None:
    async def ask(wire: Wire) -> object:
        for _ in range(3):
            with pytest.raises(Transient):
                await wire.read("/orders")
        return await wire.write("POST", "/orders", {})

    got, heard = run(ask, whole("429 Too Many", "slow down", "Retry-After: 30"))
    assert [line.split()[0] for line in heard] == [b"GET", b"POST"]
    assert got == Reply(status=429, json=None, retry_after_s=30.0)


def test_headers_may_be_made_for_each_request() -> None:
    signed: list[str] = []

    def sign(method: str, path: str) -> dict[str, str]:
        signed.append(f"{method} {path}")
        return {"Signature": f"s{len(signed)}"}

    async def both() -> list[bytes]:
        async with serving(whole("200 OK", "{}")) as (port, heard):
            wire = Wire(f"http://127.0.0.1:{port}/v1", headers=sign)
            await wire.read("/orders", {"page": "1"})
            await wire.write("DELETE", "/orders/7")
            await wire.close()
            return heard

    heard = asyncio.run(both())
    assert signed == ["GET /v1/orders?page=1", "DELETE /v1/orders/7"]
    assert b"Signature: s2" in heard[1]


def test_neither_errors_nor_the_log_tell_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.INFO)

    async def both() -> str:
        wire = Wire("http://127.0.0.1:9", headers={"Authorization": f"{SECRET}\n"})
        told = repr(wire) + repr(await wire.write("POST", "/orders", {}))
        try:
            await wire.read("/orders")
        except Transient as error:
            told += repr(error)
        return told

    assert SECRET not in asyncio.run(both()) + caplog.text


@pytest.mark.parametrize(
    "url", ["http://example.com", "ftp://127.0.0.1", "https://user:pw@example.com", "https://a?token=1", "", "https://"]
)
def test_an_address_that_is_not_safe_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        Wire(url)
    assert "pw" not in str(caught.value)


def test_a_transport_may_be_given() -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={"path": request.url.path}))

    async def both() -> object:
        return await Wire("https://broker.example/v2", transport=transport).read("/account")

    assert asyncio.run(both()) == {"path": "/v2/account"}

"""The webhook over real loopback HTTP, and forged messages at its verifier."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType
from typing import Any

import httpx
import pytest

from gamma.errors import ConfigInvalid
from gamma.events import SignalMade
from gamma.loopback import Refused
from gamma.markets import market
from gamma.ports import SignalStream
from gamma.signals.signature import MemoryNonces, Signed, sign, verify
from gamma.signals.webhook import Webhook, WebhookParams, parse_message

SECRET = "a secret of thirty-two characters"
NOW_S = 1_750_000_000
MESSAGE = {
    "id": "b-17",
    "market": "MNQ",
    "side": "long",
    "stop_points": 20.25,
    "target_points": 60.75,
    "price": 21000.5,
}


class Clock:
    def __init__(self) -> None:
        self.now_s = float(NOW_S)

    def ns(self) -> int:
        return round(self.now_s * 1e9)


class Nonces:
    """Nonces that a restart does not lose."""

    def __init__(self) -> None:
        self.claimed: set[str] = set()

    def claim(self, nonce: str, ts_utc_ns: int) -> bool:  # noqa: ARG002
        fresh = nonce not in self.claimed
        self.claimed.add(nonce)
        return fresh


class Sender:
    """Posts to the webhook as its owner would, with what a test wants otherwise."""

    def __init__(self, webhook: Webhook, clock: Clock, client: httpx.AsyncClient) -> None:
        self.webhook, self.clock, self.client = webhook, clock, client
        self.count = 0

    async def post(
        self,
        body: Mapping[str, Any] | bytes = MESSAGE,
        *,
        timestamp: str = "",
        nonce: str = "",
        secret: str = SECRET,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> httpx.Response:
        self.count += 1
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        timestamp = timestamp or str(int(self.clock.now_s))
        nonce = nonce or f"nonce-number-{self.count:06d}"
        signed = {
            "X-Gamma-Timestamp": timestamp,
            "X-Gamma-Nonce": nonce,
            "X-Gamma-Signature": sign(secret.encode(), timestamp, nonce, content),
        }
        return await self.client.post("/signal", content=content, headers={**signed, **headers})


@asynccontextmanager
async def running(**params: Any) -> AsyncIterator[tuple[Sender, AsyncIterator[SignalMade]]]:
    clock = Clock()
    webhook = Webhook(
        WebhookParams.model_validate({"port": 0, "secret": SECRET, "per_minute": 60, "burst_max": 100, **params}),
        strategy="hook",
        market=market("MNQ"),
        nonces=Nonces(),
        now_utc_ns=clock.ns,
        monotonic_ns=clock.ns,
    )
    assert isinstance(webhook, SignalStream)
    made: asyncio.Queue[SignalMade] = asyncio.Queue()

    async def listen() -> None:
        async for signal in webhook.signals():
            made.put_nowait(signal)

    async def taken() -> AsyncIterator[SignalMade]:
        while True:
            yield await made.get()

    task = asyncio.create_task(listen())
    await webhook.listening.wait()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{webhook.port}", trust_env=False) as client:
        yield Sender(webhook, clock, client), taken()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def on_the_wire(story: Callable[[Sender, AsyncIterator[SignalMade]], Awaitable[None]], **params: Any) -> None:
    async def tell() -> None:
        async with running(**params) as (sender, signals):
            await story(sender, signals)

    asyncio.run(tell())


def test_a_signed_signal_is_accepted_and_comes_out() -> None:
    async def story(sender: Sender, signals: AsyncIterator[SignalMade]) -> None:
        reply = await sender.post()
        assert (reply.status_code, reply.json()) == (202, {"signal_id": "hook-b-17"})
        assert await anext(signals) == SignalMade(
            strategy="hook",
            market="MNQ",
            signal_id="hook-b-17",
            slot_utc_ns=NOW_S * 10**9,
            side=1,
            stop_ticks=81,
            target_ticks=243,
            price_ticks=84_002,
            ts_event_utc_ns=NOW_S * 10**9,
            notes={"source": "webhook", "id": "b-17"},
        )
        await sender.post({"id": "b-18", "market": "MNQ", "side": "short", "stop_points": 1})
        signal = await anext(signals)
        assert (signal.side, signal.stop_ticks, signal.target_ticks, signal.price_ticks) == (-1, 4, 0, 0)

    on_the_wire(story)


def test_who_does_not_know_the_secret_is_turned_away() -> None:
    async def story(sender: Sender, _signals: AsyncIterator[SignalMade]) -> None:
        assert (await sender.post(secret="another secret of 32 characters!!")).status_code == 401
        assert (await sender.post(headers={"X-Gamma-Signature": ""})).status_code == 401
        assert (await sender.client.post("/signal", json=MESSAGE)).status_code == 401
        for seconds in (-31, 31):
            assert (await sender.post(timestamp=str(NOW_S + seconds))).status_code == 401
        for timestamp in (f"+{NOW_S}", f"0{NOW_S}", f"{NOW_S}.0", "-1"):
            assert (await sender.post(timestamp=timestamp)).status_code == 401
        for nonce in ("short", "n" * 65, "a.nonce.with.dots"):
            assert (await sender.post(nonce=nonce)).status_code == 401
        for seconds in (-30, 30):
            assert (await sender.post(timestamp=str(NOW_S + seconds))).status_code == 202

    on_the_wire(story)


def test_a_replayed_nonce_is_a_conflict() -> None:
    async def story(sender: Sender, _signals: AsyncIterator[SignalMade]) -> None:
        assert (await sender.post(nonce="one-nonce-and-one-only")).status_code == 202
        assert (await sender.post(nonce="one-nonce-and-one-only")).status_code == 409

    on_the_wire(story)


def test_a_refused_message_may_be_mended_and_sent_with_its_nonce() -> None:
    async def story(sender: Sender, _signals: AsyncIterator[SignalMade]) -> None:
        assert (await sender.post({**MESSAGE, "side": "up"}, nonce="one-nonce-and-one-only")).status_code == 400
        assert (await sender.post(nonce="one-nonce-and-one-only")).status_code == 202

    on_the_wire(story)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"side": "up"}, "side"),
        ({"side": 1}, "side"),
        ({"market": "MES"}, "market"),
        ({"stop_points": 20.3}, "stop_points"),
        ({"stop_points": 0}, "stop_points"),
        ({"stop_points": -1}, "stop_points"),
        ({"stop_points": "20.25"}, "stop_points"),
        ({"stop_points": 20.2500000001}, "stop_points"),
        ({"stop_points": 1e30}, "stop_points"),
        ({"target_points": 0.1}, "target_points"),
        ({"price": 21000.6}, "price"),
        ({"price": True}, "price"),
        ({"id": ""}, "id"),
        ({"id": "a b"}, "id"),
        ({"id": "a\n"}, "id"),
        ({"lots": 3}, "lots"),
    ],
)
def test_a_wrong_field_is_named(change: Mapping[str, Any], name: str) -> None:
    async def story(sender: Sender, _signals: AsyncIterator[SignalMade]) -> None:
        reply = await sender.post({**MESSAGE, **change})
        assert (reply.status_code, reply.json()["field"]) == (400, name)

    on_the_wire(story)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"id": NaN}',
        b'{"id": "a", "id": "b"}',
        b'{"stop_points": 1e99999999999999999999}',
        b"[" * 60_000,
        b"9" * 60_000,
    ],
)
def test_what_is_no_message_is_named_as_the_body(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        parse_message(body)
    assert refused.value.reply.body["field"] == "body"
    assert refused.value.reply.status == 400


def test_numbers_are_taken_as_they_are_written() -> None:
    message = parse_message(b'{"id": "a", "market": "MNQ", "side": "long", "stop_points": 0.1, "price": 12345678.25}')
    assert (str(message.stop_points), str(message.price)) == ("0.1", "12345678.25")


def test_too_many_at_once_wait_for_their_turn() -> None:
    async def story(sender: Sender, signals: AsyncIterator[SignalMade]) -> None:
        assert [(await sender.post()).status_code for _ in range(3)] == [202, 202, 429]
        # A forger does not use up the owner's rate.
        assert (await sender.post(secret="another secret of 32 characters!!")).status_code == 401
        sender.clock.now_s += 1
        assert [(await sender.post()).status_code for _ in range(2)] == [202, 429]
        for _ in range(3):
            await anext(signals)

    on_the_wire(story, burst_max=2)


def test_a_full_queue_takes_no_more() -> None:
    clock = Clock()
    webhook = Webhook(
        WebhookParams.model_validate({"port": 0, "secret": SECRET, "burst_max": 100}),
        strategy="hook",
        market=market("MNQ"),
        nonces=Nonces(),
        now_utc_ns=clock.ns,
    )

    async def story() -> None:
        # Its signals are asked for once, so that it listens, and then no more.
        signals = webhook.signals()
        first = asyncio.ensure_future(anext(signals))
        await webhook.listening.wait()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{webhook.port}", trust_env=False) as client:
            sender = Sender(webhook, clock, client)
            assert (await sender.post()).status_code == 202
            await first
            assert [(await sender.post()).status_code for _ in range(17)] == [202] * 16 + [503]
        await signals.aclose()  # type: ignore[attr-defined]

    asyncio.run(story())


def test_other_doors_are_closed() -> None:
    async def story(sender: Sender, _signals: AsyncIterator[SignalMade]) -> None:
        assert (await sender.client.get("/")).status_code == 404
        assert (await sender.client.get("/signal")).status_code == 405
        assert (await sender.post(b"x" * 65_536)).status_code == 400
        assert (await sender.post(b"x" * 65_537)).status_code == 413
        assert (await sender.post(b"x" * 900_000)).status_code == 413
        assert (await sender.post(headers={"X-Padding": "x" * 9_000})).status_code == 431
        assert (await sender.post(headers={f"X-{i}": "x" for i in range(40)})).status_code == 400

        async def pieces() -> AsyncIterator[bytes]:
            yield b"{}"

        assert (await sender.client.post("/signal", content=pieces())).status_code == 501

    on_the_wire(story)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /signal HTTP/1.1\r\n\r\n", b"411"),
        (b"POST /signal HTTP/1.1\r\nContent-Length: +5\r\n\r\n", b"411"),
        (b"POST /signal HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", b"400"),
        (b"POST /signal HTTP/1.1\r\nContent-Length : 5\r\n\r\nhello", b"400"),
        (b"POST /signal HTTP/1.1\r\nHost: a\r\n  folded\r\n\r\n", b"400"),
        (b"POST /signal HTTP/1.1\nHost: a\r\n\r\n", b"400"),
        (b"POST /signal HTTP/2\r\n\r\n", b"400"),
        (b"GET http://elsewhere/ HTTP/1.1\r\n\r\n", b"400"),
        (b"POST /signal HTTP/1.1\r\nX: \xff\r\n\r\n", b"400"),
        (b"\r\n\r\n", b"400"),
    ],
)
def test_a_request_that_can_be_read_in_two_ways_is_refused(sent: bytes, status: bytes) -> None:
    async def story(sender: Sender, _signals: AsyncIterator[SignalMade]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", sender.webhook.port)
        writer.write(sent)
        writer.write_eof()
        assert (await reader.readline()).split()[1] == status
        writer.close()

    on_the_wire(story)


def test_who_dawdles_is_hung_up_on_and_a_crowd_is_turned_away() -> None:
    async def story(sender: Sender, _signals: AsyncIterator[SignalMade]) -> None:
        crowd = [await asyncio.open_connection("127.0.0.1", sender.webhook.port) for _ in range(17)]
        turned_away = await crowd[-1][0].read()
        assert turned_away.startswith(b"HTTP/1.1 503 ")
        for reader, writer in crowd[:-1]:
            writer.write(b"POST /sig")
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
        for _, writer in crowd:
            writer.close()
        assert (await sender.post()).status_code == 202

    on_the_wire(story, timeout_s=0.2)


def test_who_hangs_up_disturbs_nobody() -> None:
    async def story(sender: Sender, _signals: AsyncIterator[SignalMade]) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", sender.webhook.port)
        writer.write(b"POST /signal HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
        writer.close()
        assert (await sender.post()).status_code == 202

    on_the_wire(story)


def test_no_mutation_of_a_signed_message_is_accepted() -> None:
    """One genuine message, five thousand with a byte changed, dropped, doubled or moved between its parts."""
    chance = random.Random(17)
    body = json.dumps(MESSAGE).encode()
    timestamp, nonce, secret = str(NOW_S), "nonce-number-000001", SECRET.encode()
    parts = [timestamp.encode(), nonce.encode(), sign(secret, timestamp, nonce, body).encode(), body]

    def accepted(of: list[bytes]) -> bool:
        message = Signed(
            timestamp=of[0].decode("latin-1"),
            nonce=of[1].decode("latin-1"),
            signature=of[2].decode("latin-1"),
            body=of[3],
        )
        return verify(secret, message, NOW_S * 10**9, 30)

    assert accepted(parts)
    tried = 0
    while tried < 5_000:
        forged, which = list(parts), chance.randrange(4)
        at = chance.randrange(len(forged[which]))
        old = forged[which]
        forged[which] = [
            old[:at] + bytes([old[at] ^ (1 << chance.randrange(8))]) + old[at + 1 :],
            old[:at] + old[at + 1 :],
            old[:at] + old[at : at + 1] + old[at:],
            old + b"\n",
            old.upper(),
        ][chance.randrange(5)]
        if chance.random() < 0.1:  # the same bytes in all, cut differently
            forged = [parts[0] + parts[1][:1], parts[1][1:], parts[2], parts[3]]
        if forged != parts:
            tried += 1
            assert not accepted(forged), forged


def test_nonces_in_memory_refuse_what_may_have_been_before_the_start() -> None:
    start = 1_000 * 10**9
    nonces = MemoryNonces(start, 30)
    assert not nonces.claim("a", start)
    assert not nonces.claim("a", start + 30 * 10**9)
    assert nonces.claim("a", start + 31 * 10**9)
    assert not nonces.claim("a", start + 31 * 10**9)
    assert nonces.claim("b", start + 91 * 10**9)
    assert not nonces.claim("a", start + 91 * 10**9)
    # 61 s on, nothing that was signed with "a" is within any window, and "a" is forgotten.
    assert nonces.claim("c", start + 92 * 10**9)
    assert nonces.claim("a", start + 92 * 10**9)


def test_what_is_forgotten_is_refused_should_the_clock_be_set_back() -> None:
    nonces = MemoryNonces(0, 30)
    assert nonces.claim("a", 31 * 10**9)
    assert nonces.claim("b", 92 * 10**9)
    assert not nonces.claim("a", 31 * 10**9)
    assert nonces.claim("never used", 32 * 10**9)


def test_a_short_secret_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigInvalid, match=r"\[strategies\.hook\.signal\] secret = \*+: ") as error:
        Webhook.open({"port": 1, "secret": "too short"}, strategy="hook", market=market("MNQ"))
    assert "too short" not in str(error.value)


def test_it_opens_from_its_table_and_hides_its_secret() -> None:
    webhook = Webhook.open({"port": 0, "secret": SECRET}, strategy="hook", market=market("MNQ"))
    assert SECRET not in repr(vars(webhook))

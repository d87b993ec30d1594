"""Forged webhook messages: none is taken, and the owner's own are taken once each, before it and after it.

A forger knows every message that was ever sent, the form of them all, and the time; not the secret. What the
owner signed too late, too early or in another form counts as forged too. One seed is one forgery; every
twentieth goes over a real loopback connection.
"""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from gamma.chaos import Trial
from gamma.chaos.fuzz.forging import FORGERIES, SECRET, Message, genuine
from gamma.loopback import Refused, read
from gamma.markets import market
from gamma.signals.webhook import WINDOW_S, Webhook, WebhookParams

_WIRE_EVERY: Final = 20
_TAKEN: Final = 202
_NS: Final = 1_000_000_000


class Clock:
    """The time of one trial."""

    def __init__(self, now_s: int) -> None:
        self.now_s = now_s

    def ns(self) -> int:
        """Now [ns]."""
        return self.now_s * _NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One message of a trial: what it is, its bytes, and whether it is to be taken."""

    what: str
    wire: bytes
    taken: bool


def trial(seed: int) -> Trial:
    """One forgery among the owner's own messages."""
    rng = random.Random(seed)
    story = _on_the_wire if seed % _WIRE_EVERY == 0 else _direct
    return Trial(seed=seed, violations=tuple(asyncio.run(story(rng))))


@cache
def _params() -> WebhookParams:
    return WebhookParams.model_validate({"port": 0, "secret": SECRET, "per_minute": 600, "burst_max": 100})


def opened(clock: Clock) -> Webhook:
    """A webhook that has been up for two windows, at the trial's time."""
    clock.now_s -= 2 * WINDOW_S + 1
    webhook = Webhook(_params(), strategy="hook", market=market("MNQ"), now_utc_ns=clock.ns, monotonic_ns=clock.ns)
    clock.now_s += 2 * WINDOW_S + 1
    return webhook


def told(rng: random.Random, clock: Clock) -> Iterator[Sent]:
    """The messages of one trial, in turn; the clock goes on between them."""
    first = genuine(rng, clock.now_s + rng.randint(-WINDOW_S, WINDOW_S))
    yield Sent(what="the first genuine message", wire=first.wire(), taken=True)
    clock.now_s += rng.choice((0, 0, 1, 10, WINDOW_S, 2 * WINDOW_S))
    name = rng.choice(list(FORGERIES))
    yield Sent(what=name, wire=FORGERIES[name](rng, first, clock.now_s), taken=False)
    clock.now_s += rng.choice((0, 1))
    later = genuine(rng, clock.now_s)
    yield Sent(what="a later genuine message", wire=later.wire(), taken=True)
    yield Sent(what="its replay", wire=_again(rng, later), taken=False)


def _again(rng: random.Random, message: Message) -> bytes:
    return message.wire() if rng.random() < 0.5 else message.recased(rng).wire()


async def _direct(rng: random.Random) -> list[str]:
    """Bytes to the parser, and what it read to the webhook; half the time it is then another process's webhook."""
    clock = Clock(rng.randint(1_500_000_000, 1_900_000_000))
    webhook, wrong, expected = opened(clock), [], 0
    once: list[bytes] = []
    for sent in told(rng, clock):
        taken = await _taken(webhook, sent.wire)
        once += [sent.wire] if taken else []
        expected += sent.taken
        if taken != sent.taken or webhook.waiting != expected:
            wrong.append(f"{sent.what}: {'taken' if taken else 'refused'}; {webhook.waiting} wait: {sent.wire[:400]!r}")
    clock.now_s += rng.choice((0, 0, 1, 5, 20, WINDOW_S))
    restarted = Webhook(_params(), strategy="hook", market=market("MNQ"), now_utc_ns=clock.ns, monotonic_ns=clock.ns)
    for _ in range(2):
        clock.now_s += rng.choice((0, 1, 10, WINDOW_S - 1, WINDOW_S, WINDOW_S + 1))
        if any([await _taken(restarted, wire) for wire in once]) or restarted.waiting:
            wrong.append("a replay was taken after a restart")
    return wrong


async def _taken(webhook: Webhook, wire: bytes) -> bool:
    reader = asyncio.StreamReader(limit=8_192)
    reader.feed_data(wire)
    reader.feed_eof()
    try:
        return webhook.answer(await read(reader)).status == _TAKEN
    except (Refused, asyncio.IncompleteReadError):
        return False


async def _on_the_wire(rng: random.Random) -> list[str]:
    """The same over real connections."""
    clock = Clock(rng.randint(1_500_000_000, 1_900_000_000))
    webhook, came = opened(clock), 0

    async def listen() -> None:
        nonlocal came
        async for _ in webhook.signals():
            came += 1

    listening = asyncio.create_task(listen())
    await webhook.listening.wait()
    wrong, expected = [], 0
    for sent in told(rng, clock):
        reply = await _replied(webhook.port, sent.wire)
        await asyncio.sleep(0)
        expected += sent.taken
        if reply.startswith(b"HTTP/1.1 202 ") != sent.taken or came != expected:
            wrong.append(f"{sent.what}: {reply[:200]!r}; {came} came: {sent.wire[:400]!r}")
        if SECRET.encode() in reply:
            wrong.append(f"{sent.what}: the reply tells the secret")
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    return wrong


async def _replied(port: int, wire: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(wire)
        writer.write_eof()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()

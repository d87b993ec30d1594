"""The stream of transactions at OANDA's sandbox: as hints to the adapter, and as oandapyV20 reads it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from brokers.oanda.adapter import OandaBroker
from brokers.oanda.params import OandaParams
from brokers.oanda.sandbox import ACCOUNT, TOKEN
from brokers.sandbox.answers import Request
from brokers.sandbox.server import Server
from brokers.sandbox.sockets import Said
from gamma.clock import NS
from gamma.events import OrderType
from gamma.ports import Accepted, Hinting
from tests.brokers.desk import approve, entry
from tests.brokers.hand_prices import HandPrices
from tests.brokers.oandapy import importing, speaking_to
from tests.brokers.test_oanda_sandbox import Wall
from tests.contract.loopback import listening
from tests.contract.oanda import ASK, BID, GOLD, MARKETS, PARAMS, START_UTC_NS, served

STREAM = Request(
    method="GET",
    path=f"/v3/accounts/{ACCOUNT}/transactions/stream",
    headers={"authorization": f"Bearer {TOKEN}"},
)


@dataclass
class Scene:
    """An adapter at a sandbox over loopback, from 10:00 in New York on; `pushed` once the stream said something."""

    broker: OandaBroker
    prices: HandPrices
    wall: Wall
    pushed: asyncio.Event


def at_sandbox(doing: Callable[[Scene], Awaitable[object]]) -> None:
    """Let the adapter speak to a sandbox."""

    async def both() -> None:
        prices, wall, pushed = HandPrices({GOLD: (BID, ASK)}), Wall(), asyncio.Event()

        def told(asked: Request, *_: object) -> None:
            if asked.method == "PUSH":
                pushed.set()

        async with Server(sandbox=served(prices, None), now_utc_ns=wall, told=told).listening() as port:
            broker = OandaBroker(OandaParams.model_validate({**PARAMS, "url": f"http://127.0.0.1:{port}/v3"}), MARKETS)
            try:
                await asyncio.wait_for(doing(Scene(broker, prices, wall, pushed)), 20)
            finally:
                await broker.close()

    asyncio.run(both())


async def place(broker: OandaBroker, client_order_id: str) -> None:
    intent = entry(client_order_id, 1, 2, GOLD, order_type=OrderType.LIMIT, price_ticks=264_500)
    assert isinstance(await broker.place(approve(intent), intent, ()), Accepted)


def kinds(said: Said) -> list[str]:
    return [json.loads(message)["type"] for message in said.messages]


def test_it_hints_when_it_begins_and_whenever_something_happens() -> None:
    async def hear(scene: Scene) -> None:
        broker, prices = scene.broker, scene.prices
        assert isinstance(broker, Hinting)
        hints: AsyncIterator[None] = broker.hints()
        await anext(hints)  # it listens
        await anext(hints)  # the heartbeat that comes first tells a transaction that it did not know
        await place(broker, "g-1-1")
        await anext(hints)
        prices.set(GOLD, 264_400, 264_430)
        await anext(hints)
        assert len((await broker.fills_since("")).fills) == 1
        await hints.aclose()  # type: ignore[attr-defined]

    at_sandbox(hear)


def test_a_heartbeat_that_tells_nothing_new_is_no_hint() -> None:
    async def hear(scene: Scene) -> None:
        broker = scene.broker
        hints = broker.hints()
        await anext(hints)
        await anext(hints)
        waiting = asyncio.ensure_future(anext(hints))
        scene.wall.wait(6)
        await scene.pushed.wait()
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await place(broker, "g-1-1")
        await waiting
        await hints.aclose()  # type: ignore[attr-defined]

    at_sandbox(hear)


def test_a_stream_begins_with_a_heartbeat_and_has_one_every_five_seconds(tmp_path: Path) -> None:
    sandbox = served(HandPrices({GOLD: (BID, ASK)}), tmp_path / "oanda.db")
    opened = sandbox.open_socket(1, STREAM, START_UTC_NS)
    assert opened is not None
    assert kinds(opened) == ["HEARTBEAT"]
    assert sandbox.news(1, START_UTC_NS + 4 * NS) == Said()
    assert kinds(sandbox.news(1, START_UTC_NS + 5 * NS)) == ["HEARTBEAT"]
    assert sandbox.news(1, START_UTC_NS + 6 * NS) == Said()


def test_without_the_token_there_is_no_stream() -> None:
    sandbox = served(HandPrices({GOLD: (BID, ASK)}), None)
    stranger = Request(method="GET", path=STREAM.path, headers={"authorization": "Bearer other"})
    assert sandbox.open_socket(1, stranger, START_UTC_NS) is None
    assert sandbox.handle(stranger, START_UTC_NS).status == 401


def test_anothers_client_reads_each_transaction() -> None:
    sandbox = served(HandPrices({GOLD: (BID, ASK)}), None)
    with listening(Server(sandbox=sandbox, now_utc_ns=lambda: START_UTC_NS)) as (url, _):
        with importing():
            from oandapyV20.contrib import requests as made
            from oandapyV20.endpoints import orders, transactions
        with speaking_to(url, TOKEN) as api:
            heard: Any = api.request(transactions.TransactionsStream(ACCOUNT))
            assert next(heard)["type"] == "HEARTBEAT"
            waits = made.LimitOrderRequest(GOLD, "0.15", price="1500", clientExtensions={"id": "g-1-1"})
            created = api.request(orders.OrderCreate(ACCOUNT, waits.data))["orderCreateTransaction"]
            [row] = islice(heard, 1)
            assert (row["type"], row["id"]) == ("LIMIT_ORDER", created["id"])
            assert row["clientExtensions"]["id"] == "g-1-1"

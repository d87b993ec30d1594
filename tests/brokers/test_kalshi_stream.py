"""Hints by Kalshi's WebSocket at its sandbox over loopback, and what another's client makes of it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pykalshi import KalshiClient
from pykalshi.feed import Feed, FillMessage, UserOrderMessage
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from brokers.kalshi.adapter import KalshiBroker
from brokers.kalshi.sandbox import PREFIX, KalshiSandbox
from brokers.kalshi.sandbox_floor import ENTRIES, key_of
from brokers.kalshi.sandbox_keys import Gate, pem_of
from brokers.kalshi.sandbox_stream import PATH
from brokers.kalshi.stream import CHANNELS
from brokers.sandbox.server import Server
from brokers.sandbox.store import EntryStore
from gamma.clock import NS
from gamma.ports import Accepted, Hinting
from tests.brokers.desk import approve
from tests.contract.kalshi import (
    CAPITAL_USD,
    MARKETS,
    START_UTC_NS,
    TICKER,
    HandEvents,
    bought,
    key,
    params_of,
)


def sandbox() -> KalshiSandbox:
    store = EntryStore(None, "demo", ENTRIES, key_of)
    gate = Gate(key().public_key(), skew_s=None)
    return KalshiSandbox(HandEvents(), store, gate, capital_usd=CAPITAL_USD, lag_s=0)


@asynccontextmanager
async def trading() -> AsyncIterator[tuple[KalshiBroker, int]]:
    """The adapter at a sandbox that listens, and its port."""
    served = sandbox()
    async with Server(sandbox=served, now_utc_ns=lambda: START_UTC_NS).listening() as port:
        params = params_of(served.gate, f"http://127.0.0.1:{port}{PREFIX}")
        broker = KalshiBroker(params, MARKETS, now_utc_ns=lambda: START_UTC_NS)
        try:
            yield broker, port
        finally:
            await broker.close()


def run(work: Callable[[KalshiBroker, int], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with trading() as (broker, port), asyncio.timeout(30):
            await work(broker, port)

    asyncio.run(whole())


def test_it_hints_when_it_begins_and_whenever_something_happens() -> None:
    async def work(broker: KalshiBroker, port: int) -> None:  # noqa: ARG001
        assert isinstance(broker, Hinting)
        hints = broker.hints()
        await anext(hints)
        for number, price in enumerate((50, 60)):
            # One that rests is news of an order, one that trades of its fill and of what is held too.
            intent = bought(f"g-1-{number}", 1, price)
            assert isinstance(await broker.place(approve(intent), intent, ()), Accepted)
            for _ in range((1, 3)[number]):
                await anext(hints)
        await hints.aclose()  # type: ignore[attr-defined]

    run(work)


def test_who_has_not_signed_is_not_let_in_and_what_is_unknown_is_said_to_be() -> None:
    async def work(broker: KalshiBroker, port: int) -> None:
        url = f"ws://127.0.0.1:{port}{PATH}"
        with pytest.raises(InvalidStatus):
            await connect(url)
        headers = broker._signer.headers("GET", PATH)
        async with connect(url, additional_headers=dict(headers)) as socket:
            await socket.send("nonsense")
            assert json.loads(await socket.recv())["type"] == "error"
            await socket.send(json.dumps({"id": 3, "cmd": "subscribe", "params": {"channels": ["weather"]}}))
            assert json.loads(await socket.recv())["id"] == 3
            await socket.send(json.dumps({"id": 4, "cmd": "subscribe", "params": {"channels": CHANNELS}}))
            told = [json.loads(await socket.recv()) for _ in CHANNELS]
            assert [(one["type"], one["msg"]["sid"]) for one in told] == [("subscribed", n) for n in (1, 2, 3)]

    run(work)


def test_pykalshis_feed_takes_what_is_told(tmp_path: Path) -> None:
    from tests.contract.loopback import listening

    served = sandbox()
    path = tmp_path / "key.pem"
    path.write_bytes(pem_of(key()))
    seen: list[Any] = []
    with (
        listening(Server(sandbox=served, now_utc_ns=lambda: START_UTC_NS)) as (url, _),
        KalshiClient(served.gate.key_id, str(path), api_base=f"{url}{PREFIX}", max_retries=0) as client,
    ):
        feed = Feed(client)
        feed._ws_url = f"ws{url.removeprefix('http')}{PATH}"
        for channel in ("user_orders", "fill"):
            feed.on(channel, seen.append)
            feed.subscribe(channel)
        feed.start()
        try:
            until_s = time.monotonic() + 20
            while not feed.is_connected or len(feed._sids) < 2:
                assert time.monotonic() < until_s
                time.sleep(0.01)
            client.portfolio.place_order(TICKER, book_side="bid", count_fp="3", price_dollars="0.57")
            while len(seen) < 2:
                assert time.monotonic() < until_s
                time.sleep(0.01)
        finally:
            feed.stop()
    order = next(one for one in seen if isinstance(one, UserOrderMessage))
    fill = next(one for one in seen if isinstance(one, FillMessage))
    assert (order.ticker, order.status, order.fill_count_fp) == (TICKER, "executed", "3.00")
    assert (fill.market_ticker, fill.order_id, fill.post_position_fp) == (TICKER, order.order_id, "3.00")
    assert fill.ts_ms == START_UTC_NS * 1_000 // NS

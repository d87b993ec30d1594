"""Trade updates of Alpaca's sandbox: as hints to the adapter, and as alpaca-py reads them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from brokers.alpaca.adapter import AlpacaBroker
from brokers.alpaca.params import AlpacaParams
from brokers.alpaca.sandbox import ACCOUNT, KEY_ID, SECRET, AlpacaSandbox
from brokers.alpaca.sandbox_talk import CLOSED, DEAF_NS
from brokers.sandbox.answers import Request
from brokers.sandbox.server import Server
from brokers.sandbox.sockets import Said
from brokers.sandbox.tickets import Store
from gamma.ports import Accepted, Hinting
from tests.brokers.desk import approve
from tests.brokers.option_quotes import HandQuotes
from tests.contract.alpaca import CAPITAL_USD, MARKETS, PARAMS, RESTING, SHORT, START_UTC_NS, sold

AUTHENTICATE = json.dumps({"action": "authenticate", "data": {"key_id": KEY_ID, "secret_key": SECRET}})
LISTEN = json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}})
STREAM = Request(method="GET", path="/stream", headers={"upgrade": "websocket"})
Scene = tuple[AlpacaBroker, HandQuotes, str]


def at_sandbox(doing: Callable[[Scene], Awaitable[object]]) -> None:
    """Let the adapter speak to a sandbox over loopback, at 10:00 in New York."""

    async def both() -> None:
        quotes = HandQuotes("SPY", RESTING)
        sandbox = AlpacaSandbox(quotes, Store(None, ACCOUNT), capital_usd=CAPITAL_USD)
        async with Server(sandbox=sandbox, now_utc_ns=lambda: START_UTC_NS).listening() as port:
            url = f"http://127.0.0.1:{port}"
            broker = AlpacaBroker(AlpacaParams.model_validate({**PARAMS, "url": url}), MARKETS)
            try:
                await asyncio.wait_for(doing((broker, quotes, url)), 20)
            finally:
                await broker.close()

    asyncio.run(both())


async def place(broker: AlpacaBroker, client_order_id: str) -> None:
    intent = sold(client_order_id)
    assert isinstance(await broker.place(approve(intent), intent, ()), Accepted)


def test_it_hints_when_it_begins_and_whenever_something_happens() -> None:
    async def hear(scene: Scene) -> None:
        broker, quotes, _ = scene
        assert isinstance(broker, Hinting)
        hints = broker.hints()
        await anext(hints)
        await place(broker, "g-1-1")
        await anext(hints)
        quotes.set(SHORT, "0.51", "0.53")
        await anext(hints)
        assert len((await broker.fills_since("")).fills) == 1
        await hints.aclose()  # type: ignore[attr-defined]

    at_sandbox(hear)


def test_anothers_client_hears_of_an_order_until_it_is_filled() -> None:
    from alpaca.trading.stream import TradingStream

    async def hear(scene: Scene) -> None:
        broker, quotes, url = scene
        stream: Any = TradingStream(KEY_ID, SECRET, paper=True, url_override=f"{url.replace('http', 'ws')}/stream")
        heard: asyncio.Queue[Any] = asyncio.Queue()
        listening = asyncio.Event()

        async def told(update: Any) -> None:
            await heard.put(update)

        async def listens() -> None:  # it tells nobody that it does
            while not listening.is_set():
                await broker.clock()
                listening.set() if stream._running else await asyncio.sleep(0.01)

        stream.subscribe_trade_updates(told)
        running = asyncio.create_task(stream._run_forever())
        await listens()
        await asyncio.sleep(0)
        await place(broker, "g-1-1")
        first = await heard.get()
        quotes.set(SHORT, "0.51", "0.53")
        updates = [first]
        while updates[-1].event != "fill":
            updates.append(await heard.get())
        assert {update.order.client_order_id for update in updates} == {"g-1-1"}
        assert (updates[-1].qty, updates[-1].price) == (1.0, -0.25)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await stream._ws.close()

    at_sandbox(hear)


@pytest.fixture
def sandbox() -> AlpacaSandbox:
    made = AlpacaSandbox(HandQuotes("SPY", RESTING), Store(None, ACCOUNT), capital_usd=CAPITAL_USD)
    assert made.open_socket(1, STREAM, START_UTC_NS) == Said()
    return made


def test_nothing_is_told_before_the_keys_are_shown(sandbox: AlpacaSandbox) -> None:
    assert sandbox.news(1, START_UTC_NS) == Said()
    assert sandbox.news(1, START_UTC_NS + DEAF_NS + 1).close_code == CLOSED
    assert sandbox.hear(1, LISTEN, START_UTC_NS).close_code == CLOSED


def test_the_wrong_keys_end_the_conversation(sandbox: AlpacaSandbox) -> None:
    said = sandbox.hear(1, AUTHENTICATE.replace(SECRET, "another"), START_UTC_NS)
    assert json.loads(said.messages[0])["data"]["status"] == "unauthorized"
    assert said.close_code == CLOSED


@pytest.mark.parametrize("message", ["", "[]", "{", '{"action": "dance"}', '{"action": "listen", "data": 7}'])
def test_what_is_no_message_ends_the_conversation(sandbox: AlpacaSandbox, message: str) -> None:
    assert sandbox.hear(1, message, START_UTC_NS).close_code == CLOSED


def test_the_keys_let_it_listen(sandbox: AlpacaSandbox) -> None:
    assert json.loads(sandbox.hear(1, AUTHENTICATE, START_UTC_NS).messages[0])["data"]["status"] == "authorized"
    assert json.loads(sandbox.hear(1, LISTEN, START_UTC_NS).messages[0])["data"] == {"streams": ["trade_updates"]}
    assert sandbox.news(1, START_UTC_NS) == Said()


def test_what_is_no_upgrade_opens_nothing(sandbox: AlpacaSandbox) -> None:
    assert sandbox.open_socket(2, Request(method="GET", path="/stream"), START_UTC_NS) is None
    assert sandbox.open_socket(2, Request(method="GET", path="/v2/clock"), START_UTC_NS) is None

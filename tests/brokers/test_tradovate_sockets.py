"""Prices and hints by Tradovate's WebSocket, at its sandbox over loopback."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from brokers.sandbox.answers import Request
from brokers.sandbox.floor import Floor
from brokers.sandbox.orders import journal
from brokers.sandbox.prices import BarPrices
from brokers.sandbox.server import Server
from brokers.sandbox.sockets import Said
from brokers.tradovate.adapter import TradovateBroker
from brokers.tradovate.frames import OPENED, asked, messages
from brokers.tradovate.params import TradovateParams
from brokers.tradovate.sandbox import ACCOUNT, TradovateSandbox
from brokers.tradovate.sandbox_talk import DEAF_NS, HEARTBEAT_NS, Talks
from gamma.errors import InputInvalid, Transient
from gamma.ports import Accepted, Candles, Hinting, MarketData
from tests.brokers.desk import approve, entry
from tests.brokers.tradovate_spec import against
from tests.contract.tradovate import CAPITAL_MICROUSD, MARKETS, PARAMS, START_UTC_NS

NS = 10**9
HEADERS = {"upgrade": "websocket"}


def made() -> TradovateSandbox:
    return TradovateSandbox(Floor(BarPrices.simulated(1, ("MNQ", "ES")), journal(None, ACCOUNT), CAPITAL_MICROUSD))


def at_sandbox(talk: Callable[[TradovateBroker, TradovateSandbox], Awaitable[object]]) -> None:
    """Let the adapter speak to a sandbox over loopback, at 10:00 in New York."""

    async def both() -> None:
        sandbox = made()
        async with Server(sandbox=sandbox, now_utc_ns=lambda: START_UTC_NS).listening() as port:
            params = TradovateParams.model_validate(PARAMS | {"url": f"http://127.0.0.1:{port}/v1"})
            broker = TradovateBroker(params, MARKETS, now_utc_ns=lambda: START_UTC_NS)
            await broker.connect()
            try:
                await talk(broker, sandbox)
            finally:
                await broker.close()

    asyncio.run(both())


def test_quotes_are_those_of_the_month_in_front() -> None:
    async def talk(broker: TradovateBroker, sandbox: TradovateSandbox) -> None:
        assert isinstance(broker, MarketData)
        told = await broker.quotes(["MNQ", "ES", "SPX"])
        assert set(told) == {"MNQ", "ES"}
        touch = sandbox.floor.prices.touch("MNQ", START_UTC_NS)
        quote = told["MNQ"]
        assert (quote.bid_points, quote.ask_points, quote.last_points) == (
            touch.bid_ticks / 4,
            touch.ask_ticks / 4,
            touch.last_ticks / 4,
        )
        assert quote.ts_event_utc_ns == START_UTC_NS

    at_sandbox(talk)


def test_bars_are_the_closed_ones_of_the_simulator() -> None:
    async def talk(broker: TradovateBroker, sandbox: TradovateSandbox) -> None:
        assert isinstance(broker, Candles)
        since = START_UTC_NS - 3_600 * NS
        told = await broker.bars("MNQ", 300, since)
        wanted = sandbox.floor.prices.bars("MNQ", 300, since, START_UTC_NS)
        assert [bar.ts_close_utc_ns for bar in told] == [since + n * 300 * NS for n in range(1, 13)]
        for bar, other in zip(told, wanted, strict=True):
            assert (bar.open_points, bar.high_points, bar.low_points, bar.close_points, bar.volume_lots) == (
                other.open_points,
                other.high_points,
                other.low_points,
                other.close_points,
                other.volume_lots,
            )
        assert await broker.bars("MNQ", 300, START_UTC_NS) == []
        for market, bar_s in (("MNQ", 45), ("SPX", 300)):
            with pytest.raises(InputInvalid):
                await broker.bars(market, bar_s, since)

    at_sandbox(talk)


def test_a_contract_that_is_not_quoted_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk(broker: TradovateBroker, sandbox: TradovateSandbox) -> None:
        for ask in (broker.quotes(["MNQ"]), broker.bars("MNQ", 300, START_UTC_NS - 3_600 * NS)):
            with pytest.raises(Transient, match="Symbol is not found"):
                await ask
        assert sandbox.floor.orders == {}

    monkeypatch.setattr("brokers.tradovate.sandbox_talk.traded", lambda *_: None)
    at_sandbox(talk)


@pytest.mark.parametrize(
    "told",
    [
        {"s": 200, "i": 1, "d": None},
        {"s": 200, "i": 1, "d": {"historicalId": "1"}},
        {"s": 429, "i": 1, "d": ""},
        {"s": {}, "i": 1},
        {"e": "md", "d": {"quotes": [{"entries": {"Bid": {"price": -1}}, "timestamp": "2026-11-20T15:00:00Z"}]}},
        {"e": "md", "d": {"quotes": [{"entries": {"Bid": {"price": 1}}, "timestamp": "yesterday"}]}},
        {"e": "md", "d": {"quotes": [7]}},
        {"e": "chart", "d": 7},
    ],
)
def test_nonsense_for_a_price_is_no_price(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brokers.tradovate.sockets.TALK_S", 0.2)

    async def talk(broker: TradovateBroker, _: TradovateSandbox) -> None:
        for ask in (broker.quotes(["MNQ"]), broker.bars("MNQ", 300, START_UTC_NS - 3_600 * NS)):
            with pytest.raises(Transient):
                await ask

    said = Said(messages=(f"a{json.dumps([told])}",))
    monkeypatch.setattr("brokers.tradovate.sandbox_talk.Talks._prices", lambda *_: said)
    at_sandbox(talk)


def test_a_bar_beside_its_time_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk(broker: TradovateBroker, _: TradovateSandbox) -> None:
        with pytest.raises(Transient, match="a bar of 300 s at"):
            await broker.bars("MNQ", 300, START_UTC_NS - 3_600 * NS)

    true = Talks._bars
    monkeypatch.setattr(
        Talks, "_bars", lambda *asked: [row | {"timestamp": "2026-11-20T14:31:00Z"} for row in true(*asked)]
    )
    at_sandbox(talk)


def test_the_time_is_that_of_the_answer() -> None:
    async def talk(broker: TradovateBroker, _: TradovateSandbox) -> None:
        clock = await broker.clock()
        assert clock.is_open
        assert clock.ts_utc_ns % NS == 0
        assert clock.ts_utc_ns > START_UTC_NS - 10**18

    at_sandbox(talk)


def test_it_hints_when_it_begins_and_whenever_something_happens() -> None:
    async def talk(broker: TradovateBroker, _: TradovateSandbox) -> None:
        assert isinstance(broker, Hinting)
        hints = broker.hints()
        await anext(hints)
        intent = entry("g-1-1", 1, 1)
        assert isinstance(await broker.place(approve(intent), intent, ()), Accepted)
        await anext(hints)
        await broker.positions()  # time passes at the sandbox, and the order trades
        await anext(hints)
        await hints.aclose()  # type: ignore[attr-defined]

    at_sandbox(talk)


def test_a_token_that_ended_makes_a_new_one_before_it_listens_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gamma.stream.REFUSED_S", 0.01)
    monkeypatch.setattr("brokers.tradovate.tokens.RETRY_S", 0.0)

    async def talk(broker: TradovateBroker, sandbox: TradovateSandbox) -> None:
        sandbox.sessions.ends_utc_ns.clear()
        hints = broker.hints()
        await anext(hints)
        assert sandbox.sessions.logins == 2
        await hints.aclose()  # type: ignore[attr-defined]

    at_sandbox(talk)


# The conversation by itself.


class Talk:
    """Says frames to a sandbox, and reads what comes back."""

    def __init__(self) -> None:
        self.sandbox = made()
        self.now_utc_ns = START_UTC_NS
        login = Request(
            method="POST",
            path="/v1/auth/accesstokenrequest",
            body=json.dumps({"name": PARAMS["username"], "password": PARAMS["password"]}).encode(),
        )
        self.token = json.loads(self.sandbox.handle(login, START_UTC_NS).body)["accessToken"]
        opened = self.sandbox.open_socket(1, Request(method="GET", path="/v1/websocket", headers=HEADERS), START_UTC_NS)
        assert isinstance(opened, Said)
        assert messages(str(opened.messages[0])) == [OPENED]

    def say(self, operation: str, body: Any = None) -> Any:
        said = self.sandbox.hear(1, asked(operation, 7, body), self.now_utc_ns)
        return [one for text in said.messages for one in messages(str(text))]

    def news(self, seconds: float = 0.0) -> list[Any]:
        self.now_utc_ns += round(seconds * NS)
        self.sandbox.advance(self.now_utc_ns)
        return [one for text in self.sandbox.news(1, self.now_utc_ns).messages for one in messages(str(text))]


@pytest.fixture
def talk() -> Talk:
    return Talk()


def test_nothing_is_told_before_the_token(talk: Talk) -> None:
    for operation in ("order/list", "user/syncrequest", "md/getchart"):
        assert talk.say(operation, {})[0]["s"] == 401
    assert talk.say("authorize", "wrong")[0]["s"] == 401
    assert talk.say("authorize", talk.token) == [{"s": 200, "i": 7}]
    assert talk.say("order/list")[0] == {"s": 200, "i": 7, "d": []}


def test_what_happens_is_told_as_the_description_says(talk: Talk) -> None:
    talk.say("authorize", talk.token)
    body = {"users": [11_001], "splitResponses": False, "entityTypes": ["order", "fill", "position"]}
    assert against("SyncRequest", body) == []
    assert talk.say("user/syncrequest", body)[0]["d"] == {"orders": [], "fills": [], "positions": []}
    assert talk.say("user/syncrequest", {"users": [11_001]})[0]["d"] == {}
    order = {"accountSpec": ACCOUNT, "accountId": 21_001, "action": "Buy", "symbol": "MNQZ6", "orderQty": 1}
    assert talk.say("order/placeOrder", order | {"orderType": "Market"})[0]["d"]["orderId"] > 0
    told = [message["d"] for message in talk.news(1.0)]
    kinds = {"order": "Order", "fill": "Fill"}
    assert [(one["entityType"], one["eventType"]) for one in told] == [
        ("order", "Created"),
        ("order", "Updated"),
        ("order", "Updated"),
        ("fill", "Created"),
    ]
    assert all(against(kinds[one["entityType"]], one["entity"]) == [] for one in told)
    assert talk.news() == []


def test_quotes_go_on_until_they_are_not_wanted_any_more(talk: Talk) -> None:
    talk.say("authorize", talk.token)
    first = talk.say("md/subscribeQuote", {"symbol": "MNQZ6"})
    assert set(first[1]["d"]["quotes"][0]["entries"]) == {"Bid", "Offer", "Trade"}
    talk.say("nothing", {})
    assert [message["e"] for message in talk.news(10.0)] == ["md"]
    talk.say("md/unsubscribequote", {"symbol": "MNQZ6"})
    assert talk.news(10.0) == []
    assert "errorText" in talk.say("md/subscribequote", {"symbol": "MNQZ5"})[0]["d"]
    assert talk.say("md/teleport", {"symbol": "MNQZ6"})[0]["s"] == 404


@pytest.mark.parametrize(
    "changes", [{"chartDescription": {}}, {"timeRange": None}, {"timeRange": {"asFarAsTimestamp": "yesterday"}}]
)
def test_a_chart_that_cannot_be_drawn_says_so(talk: Talk, changes: dict[str, Any]) -> None:
    talk.say("authorize", talk.token)
    asks = {
        "symbol": "MNQZ6",
        "chartDescription": {"underlyingType": "MinuteBar", "elementSize": 5},
        "timeRange": {"asMuchAsElements": 3},
    }
    told = talk.say("md/getchart", asks)
    assert len(told[1]["d"]["charts"][0]["bars"]) == 3
    assert "errorText" in talk.say("md/getchart", asks | changes)[0]["d"]


def test_a_heart_beats_both_ways(talk: Talk) -> None:
    talk.now_utc_ns += HEARTBEAT_NS
    assert talk.sandbox.news(1, talk.now_utc_ns).messages == ("h",)
    assert talk.sandbox.hear(1, "[]", talk.now_utc_ns) == Said()
    talk.now_utc_ns += DEAF_NS + 1
    said = talk.sandbox.news(1, talk.now_utc_ns)
    assert said.close_code
    assert str(said.messages[0]).startswith("c[")
    talk.sandbox.close_socket(1)


def test_a_frame_that_is_none_ends_the_conversation(talk: Talk) -> None:
    assert talk.sandbox.hear(1, "authorize", talk.now_utc_ns).close_code
    talk.say("authorize", talk.token)
    assert talk.say("order/list", "{")[0]["s"] == 400


@pytest.mark.parametrize("text", ["", "h", 'c[1000,"bye"]', "a", "a{", "a{}", "a[7]", "x[]", "[]"])
def test_what_holds_no_message_is_passed_over(text: str) -> None:
    assert messages(text) == []


def test_what_is_no_upgrade_opens_nothing(talk: Talk) -> None:
    for path, headers in (("/v1/websocket", {}), ("/v1/order/list", HEADERS)):
        assert talk.sandbox.open_socket(2, Request(method="GET", path=path, headers=headers), START_UTC_NS) is None

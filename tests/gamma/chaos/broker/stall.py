"""What the tests of the fake broker share: an exchange without a network, and an adapter that trades at it."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import httpx

from gamma.chaos.broker.adapter import ChaosBroker
from gamma.chaos.broker.exchange import Exchange
from gamma.chaos.broker.quirks import Quirks
from gamma.chaos.broker.terms import contracts_of
from gamma.events import Fill, Intent, OrderState
from gamma.markets import MICRO
from gamma.ports import Accepted, BrokerOrder, Found, Placed
from gamma.wire import Wire
from tests.brokers.desk import MARKETS, approve

T = TypeVar("T")
SECOND_NS = 1_000_000_000
START_NS = 1_800_000_000 * SECOND_NS
CAPITAL = 50_000 * MICRO
CALM = {"partial_frac": 0.0, "at_once_frac": 1.0, "odd_status_frac": 0.0}


class Body(httpx.AsyncByteStream):
    def __init__(self, content: bytes, *, cut: bool) -> None:
        self.content = content
        self.cut = cut

    async def __aiter__(self) -> Any:
        yield self.content[: len(self.content) // 2] if self.cut else self.content
        if self.cut:
            raise httpx.ReadError("cut off")


class Inside(httpx.AsyncBaseTransport):
    """Hands requests to the exchange; `faults` say in turn what goes wrong with the writes."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.now_utc_ns = START_NS
        self.faults: deque[str] = deque()
        self.requests: list[tuple[str, str]] = []
        self.late: list[httpx.Request] = []
        self.change: Callable[[bytes], bytes] = lambda body: body

    def answer(self, request: httpx.Request) -> tuple[int, Any, bytes]:
        url = request.url
        return self.exchange.handle(
            request.method,
            url.path,
            url.query.decode(),
            request.read() if request.method != "GET" else b"",
            self.now_utc_ns,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append((request.method, request.url.path))
        fault = self.faults.popleft() if self.faults and request.method != "GET" else ""
        match fault:
            case "refused":
                raise httpx.ConnectError("refused")
            case "lost_request":
                raise httpx.ReadTimeout("no answer")
            case "late":
                self.late.append(request)
                raise httpx.ReadTimeout("no answer")
            case "gateway":
                return httpx.Response(502, stream=Body(b"<html>", cut=False))
            case "twice":
                self.answer(request)
        status, headers, content = self.answer(request)
        match fault:
            case "lost_answer":
                raise httpx.ReadTimeout("no answer")
            case "gateway_after":
                return httpx.Response(502, stream=Body(b"<html>", cut=False))
        return httpx.Response(status, headers=headers, stream=Body(self.change(content), cut=fault == "cut"))

    def deliver_late(self) -> None:
        for request in self.late:
            self.answer(request)
        self.late.clear()


class Stall:
    """A broker with these quirks, spoken to without `await`, and its clock."""

    def __init__(self, quirks: Quirks, seed: int = 1, **changes: Any) -> None:
        self.quirks = replace(quirks, **(CALM | changes))
        self.exchange = Exchange(self.quirks, contracts_of(MARKETS), seed, start_microusd=CAPITAL)
        self.network = Inside(self.exchange)
        self.broker = self.adapter()

    def adapter(self) -> ChaosBroker:
        """A new one, that knows nothing."""
        wire = Wire("http://127.0.0.1", transport=self.network)
        return ChaosBroker(wire, self.quirks, account="chaos", markets=MARKETS)

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        """Run in the stall's own time."""
        loop = asyncio.new_event_loop()
        loop.time = lambda: self.network.now_utc_ns / SECOND_NS  # type: ignore[method-assign]
        try:
            return loop.run_until_complete(doing)
        finally:
            loop.close()

    def restart(self) -> None:
        self.broker = self.adapter()

    def wait(self, seconds: float) -> None:
        self.network.now_utc_ns += round(seconds * SECOND_NS)
        self.exchange.advance(self.network.now_utc_ns)

    def trade(self, low: int, high: int | None = None, close: int | None = None, symbol: str = "MNQ") -> None:
        high = low if high is None else high
        self.exchange.trade(symbol, low, high, low if close is None else close, self.network.now_utc_ns)

    def place(self, intent: Intent, children: Sequence[Intent] = ()) -> Placed:
        return self.run(self.broker.place(approve(intent), intent, children))

    def accept(self, intent: Intent, children: Sequence[Intent] = ()) -> None:
        placed = self.place(intent, children)
        assert isinstance(placed, Accepted), placed
        self.settle()

    def settle(self) -> None:
        """Let everything show that was late."""
        self.wait(self.quirks.decides_s + self.quirks.cancel_s + 0.001)
        self.wait(self.quirks.lag_s + 0.001)

    def fills(self) -> list[Fill]:
        found: dict[str, Fill] = {}
        marker = ""
        while True:
            page = self.run(self.broker.fills_since(marker))
            found |= {fill.execution_id: fill for fill in page.fills}
            if not page.fills or page.marker == marker:
                return list(found.values())
            marker = page.marker

    def order(self, client_order_id: str) -> BrokerOrder:
        found = self.run(self.broker.find(client_order_id))
        assert isinstance(found, Found), (client_order_id, found)
        return found.order

    def state(self, client_order_id: str) -> OrderState:
        return self.order(client_order_id).state

    def cancel(self, client_order_id: str) -> Placed:
        return self.run(self.broker.cancel(client_order_id))

    def move(self, client_order_id: str, price_ticks: int) -> Placed:
        return self.run(self.broker.replace(client_order_id, price_ticks))

    def recorded(self, kind: type[T]) -> list[T]:
        return [record for record in self.exchange.log if isinstance(record, kind)]

"""OANDA in the suite: spot gold by limit at its sandbox, and quotes that are set by hand."""

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, final

from brokers.oanda.adapter import OandaBroker
from brokers.oanda.params import OandaParams
from brokers.oanda.sandbox import ACCOUNT, TOKEN, OandaSandbox
from brokers.oanda.sandbox_transactions import notes
from brokers.sandbox.answers import Answer, Request
from brokers.sandbox.orders import journal
from brokers.sandbox.prices import Prices
from brokers.sandbox.server import Server
from gamma.events import Intent, OrderState, OrderType
from gamma.markets import market
from gamma.ports import Broker
from tests.brokers.desk import approve, bracket, entry, leave
from tests.brokers.hand_prices import HandPrices
from tests.brokers.oandapy import importing, speaking_to
from tests.contract.in_process import InProcess, Instead
from tests.contract.loopback import listening
from tests.contract.points import Point
from tests.contract.rig import Case, Fault

T = TypeVar("T")
START_UTC_NS = 1_795_186_800 * 10**9  # Friday 2026-11-20, 10:00 in New York
CAPITAL_USD = Decimal(50_000)
GOLD = "XAU_USD"
MARKETS = {GOLD: market(GOLD)}
PARAMS = {"environment": "paper", "account_id": ACCOUNT, "token": TOKEN, "url": "http://127.0.0.1/v3"}
BID, ASK = 265_010, 265_040  # 2650.10 and 2650.40
# Of an order of which nothing has filled; the words are those of OANDA's own library.
_WORDS = {
    "PENDING": OrderState.ACKED,
    "TRIGGERED": OrderState.ACKED,
    "FILLED": OrderState.ACKED,
    "CANCELLED": OrderState.CANCELED,
}


@final
class OandaRig:
    """A practice account at a sandbox in this process."""

    def __init__(self, folder: Path) -> None:
        self.prices = HandPrices({GOLD: (BID, ASK)})
        self._path = folder / "oanda.db"
        self.sandbox = self._served()
        self.network = InProcess(self.sandbox, START_UTC_NS)
        self._broker = self._opened()

    @property
    def broker(self) -> Broker:
        return self._broker

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        return self.network.run(doing)

    def restart(self) -> None:
        """Both of them: what the sandbox keeps must be enough."""
        self.sandbox = self.network.sandbox = self._served()
        self._broker = self._opened()

    def resting(self, client_order_id: str, lots: int) -> Intent:
        return entry(client_order_id, 1, lots, GOLD, order_type=OrderType.LIMIT, price_ticks=264_500)

    def trade(self, lots: int) -> None:
        self.prices.set(GOLD, 264_400, 264_430)
        self.sandbox.floor.depth_lots = lots
        self.network.wait(0)
        self.prices.set(GOLD, BID, ASK)
        self.sandbox.floor.depth_lots = None

    def expire(self) -> None:
        self.network.wait(7 * 3600)

    def settle(self) -> None:
        self.network.wait(1)

    def fault(self, fault: Fault) -> None:
        if fault is Fault.REJECT:
            self.sandbox.refuse_next.append("INSUFFICIENT_MARGIN")
        else:
            self.network.writes.append(Instead(None, carried_out=fault is Fault.LOST_ANSWER))

    def there(self, client_order_id: str) -> int:
        named = self.sandbox.log.named(client_order_id)
        return sum("replacesOrderID" not in place.row for place in named)

    def answer(self, status: int, body: bytes, *, carried_out: bool) -> None:
        self.network.writes.append(Instead(Answer(status=status, body=body), carried_out=carried_out))

    def answer_reads(self, status: int, body: bytes) -> None:
        self.network.reads.append(Instead(Answer(status=status, body=body), carried_out=False))

    def sent(self) -> int:
        return sum(request.method == "POST" for request in self.network.requests)

    def bodies(self) -> Sequence[tuple[Mapping[str, str], Mapping[str, str]]]:
        bought = entry("g-1-1", 1, 2, GOLD)
        self.run(self._broker.place(approve(bought), bought, bracket(bought, 264_000, 267_000)))
        self.settle()
        self.run(self._broker.replace("g-1-1s", 264_250))
        waits = self.resting("g-1-2", 1)
        self.run(self._broker.place(approve(waits), waits, bracket(waits, 264_000)))
        out = leave("g-1-3", -1, 2, GOLD)
        self.run(self._broker.place(approve(out), out, ()))
        self.run(self._broker.cancel("g-1-2"))
        ours = [_flat(request) for request in self.network.requests if request.method != "GET"]
        theirs = _of_oandapy(self._path.with_name("theirs.db"))
        assert len(ours) == len(theirs) == 5
        return list(zip(ours, theirs, strict=True))

    def headers(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        intent = self.resting("g-1-1", 1)
        self.run(self._broker.place(approve(intent), intent, ()))
        wanted = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
        return self.network.requests[-1].headers, wanted

    def words(self) -> Mapping[str, OrderState]:
        return _WORDS

    def known_words(self) -> frozenset[str]:
        with importing():
            from oandapyV20.definitions.orders import OrderStateFilter

        return frozenset(OrderStateFilter().definitions) - {"ALL"}

    def show_word(self, client_order_id: str, word: str) -> None:  # noqa: ARG002
        self.network.change = lambda body: body.replace(b'"state": "PENDING"', b'"state": "%s"' % word.encode())

    def mixed(self) -> Sequence[Callable[[], object]]:
        def opened(**params: str) -> Callable[[], object]:
            return lambda: _open(PARAMS | params)

        def connected(**params: str) -> Callable[[], object]:
            checked = OandaParams.model_validate(PARAMS | params)
            return lambda: self.run(OandaBroker(checked, MARKETS, self.network).connect())

        return [
            opened(environment="live"),
            opened(account_id="001-001-1234567-001"),
            opened(environment="live", account_id="001-001-1234567-001"),
            opened(url="https://api-fxtrade.oanda.com/v3"),
            opened(account_id="1234567"),
            opened(token=""),
            connected(token="of the other environment"),
            connected(account_id="101-001-7654321-001"),
        ]

    def _opened(self) -> OandaBroker:
        return OandaBroker(OandaParams.model_validate(PARAMS), MARKETS, self.network)

    def _served(self) -> OandaSandbox:
        return served(self.prices, self._path)


def served(prices: Prices, path: Path | None, capital_usd: Decimal = CAPITAL_USD) -> OandaSandbox:
    """A sandbox whose account is in this file, or in memory."""
    return OandaSandbox(prices, journal(path, ACCOUNT), notes(path, ACCOUNT), capital_usd=capital_usd)


def _open(params: Mapping[str, str]) -> OandaBroker:
    return OandaBroker.open(params, account="gold", starting_capital_microusd=0, markets=MARKETS, state_path=None)


def _flat(request: Request) -> dict[str, str]:
    """Method, path and every value of the body by its place in it; numbers as they are written shortest."""
    found = {"method": request.method, "path": request.path}
    left: list[tuple[str, Any]] = [("", json.loads(request.body))] if request.body else []
    while left:
        at, value = left.pop()
        if isinstance(value, dict):
            left += [(f"{at}.{name}", inner) for name, inner in value.items()]
        else:
            assert isinstance(value, str), f"{at} is {value!r}, and everything is text there"
            found[at] = _shortest(value)
    return found


def _shortest(text: str) -> str:
    return str(float(text)) if text.lstrip("-").replace(".", "", 1).isdecimal() else text


def _of_oandapy(path: Path) -> list[dict[str, str]]:
    """The same five requests as PyPI's oandapyV20 sends them."""
    with importing():
        from oandapyV20.contrib import requests as made
        from oandapyV20.endpoints import orders

    def named(client_order_id: str) -> dict[str, str]:
        return {"id": client_order_id}

    def stop(price: str, client_order_id: str) -> dict[str, Any]:
        details: dict[str, Any] = made.StopLossDetails(price=price, clientExtensions=named(client_order_id)).data
        return details

    bought = made.MarketOrderRequest(
        GOLD,
        "0.30",
        stopLossOnFill=stop("2640", "g-1-1s"),
        takeProfitOnFill=made.TakeProfitDetails(price="2670", clientExtensions=named("g-1-1t")).data,
        clientExtensions=named("g-1-1"),
    )
    waits = made.LimitOrderRequest(
        GOLD,
        "0.15",
        price="2645",
        timeInForce="GFD",
        stopLossOnFill=stop("2640", "g-1-2s"),
        clientExtensions=named("g-1-2"),
    )
    out = made.MarketOrderRequest(GOLD, "-0.30", positionFill="REDUCE_ONLY", clientExtensions=named("g-1-3"))
    now_utc_ns = [START_UTC_NS]
    sandbox = served(HandPrices({GOLD: (BID, ASK)}), path)
    server = Server(sandbox=sandbox, now_utc_ns=lambda: now_utc_ns[0])
    with listening(server) as (url, came), speaking_to(url, TOKEN) as api:
        opened = api.request(orders.OrderCreate(ACCOUNT, bought.data))
        trade = opened["orderFillTransaction"]["tradeOpened"]["tradeID"]
        moved = made.StopLossOrderRequest(trade, "2642.50", clientExtensions=named("g-1-1s"))
        stop_id = str(sandbox.log.named("g-1-1s")[-1].row["id"])
        now_utc_ns[0] += 10**9
        api.request(orders.OrderReplace(ACCOUNT, stop_id, moved.data))
        api.request(orders.OrderCreate(ACCOUNT, waits.data))
        api.request(orders.OrderCreate(ACCOUNT, out.data))
        api.request(orders.OrderCancel(ACCOUNT, "@g-1-2"))
    return [_flat(request) for request in came if request.method != "GET"]


CASE = Case(
    name="oanda",
    open=OandaRig,
    lacks={Point.TOKENS: "its token does not end by itself"},
)

"""Alpaca in the suite: a credit spread on SPY by limit at its sandbox, and quotes that are set by hand."""

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, final

from brokers.alpaca.adapter import AlpacaBroker
from brokers.alpaca.params import NO_FEES, AlpacaParams, FeeRates
from brokers.alpaca.sandbox import ACCOUNT, KEY_ID, SECRET, AlpacaSandbox
from brokers.sandbox.answers import Answer, Request
from brokers.sandbox.server import Server
from brokers.sandbox.tickets import Store
from gamma.events import Intent, Leg, OrderKind, OrderState, OrderType
from gamma.markets import market
from gamma.ports import Broker
from tests.brokers.desk import approve, entry
from tests.brokers.option_quotes import HandQuotes
from tests.contract.in_process import InProcess, Instead
from tests.contract.loopback import listening
from tests.contract.points import Point
from tests.contract.rig import Case, Fault

T = TypeVar("T")
START_UTC_NS = 1_795_186_800 * 10**9  # Friday 2026-11-20, 10:00 in New York
CAPITAL_USD = Decimal(50_000)
MARKETS = {"SPY": market("SPY")}
PARAMS: Mapping[str, Any] = {
    "environment": "paper",
    "account_id": ACCOUNT,
    "key_id": KEY_ID,
    "secret": SECRET,
    "url": "http://127.0.0.1",
}
SHORT, LONG = "SPY261120P00620000", "SPY261120P00619000"
SHORT_CALL, LONG_CALL = "SPY261120C00630000", "SPY261120C00631000"
# Sold at the bid and bought at the ask they bring in 0.14.
RESTING = {SHORT: ("0.40", "0.42"), LONG: ("0.25", "0.26"), SHORT_CALL: ("0.40", "0.42"), LONG_CALL: ("0.25", "0.26")}
PUT_SPREAD = (Leg(symbol=SHORT, ratio=1), Leg(symbol=LONG, ratio=-1))
CONDOR = (*PUT_SPREAD, Leg(symbol=SHORT_CALL, ratio=1), Leg(symbol=LONG_CALL, ratio=-1))
_REFUSED = Answer(status=403, body=b'{"code": 40310000, "message": "insufficient options buying power"}')
# Of an order of which nothing has filled.
_WORDS = {
    "pending_new": OrderState.ACKED,
    "pending_review": OrderState.ACKED,
    "accepted_for_bidding": OrderState.ACKED,
    "accepted": OrderState.ACKED,
    "new": OrderState.ACKED,
    "held": OrderState.ACKED,
    "pending_cancel": OrderState.ACKED,
    "pending_replace": OrderState.ACKED,
    "stopped": OrderState.ACKED,
    "suspended": OrderState.ACKED,
    "calculated": OrderState.ACKED,
    "done_for_day": OrderState.ACKED,
    "partially_filled": OrderState.ACKED,
    "filled": OrderState.ACKED,
    "canceled": OrderState.CANCELED,
    "replaced": OrderState.CANCELED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
}


def sold(client_order_id: str, lots: int = 1, price_ticks: int = 25, legs: tuple[Leg, ...] = PUT_SPREAD) -> Intent:
    """A structure sold for a credit by limit: 25 ticks are 0.25 points."""
    return entry(client_order_id, -1, lots, "SPY", order_type=OrderType.LIMIT, price_ticks=price_ticks, legs=legs)


def bought_back(client_order_id: str, lots: int, opened: Intent) -> Intent:
    """The same structure bought at market, which closes it."""
    changes: dict[str, Any] = {"kind": OrderKind.EXIT, "order_type": OrderType.MARKET, "price_ticks": 0}
    return replace(opened, client_order_id=client_order_id, side=1, lots=lots, reduces=True, **changes)


@final
class AlpacaRig:
    """A paper account at a sandbox in this process."""

    def __init__(self, folder: Path, rates: FeeRates = NO_FEES) -> None:
        self.quotes = HandQuotes("SPY", RESTING)
        self.quotes.index = Decimal(625)
        store = Store(folder / "alpaca.db", ACCOUNT)
        self.sandbox = AlpacaSandbox(self.quotes, store, capital_usd=CAPITAL_USD, rates=rates)
        self.sandbox.unlimited = True
        self.network = InProcess(self.sandbox, START_UTC_NS)
        self.params = AlpacaParams.model_validate({**PARAMS, "fees": rates})
        self._broker = self._opened()

    @property
    def broker(self) -> Broker:
        return self._broker

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        return self.network.run(doing)

    def restart(self) -> None:
        self._broker = self._opened()

    def resting(self, client_order_id: str, lots: int) -> Intent:
        return sold(client_order_id, lots)

    def trade(self, lots: int) -> None:
        self.quotes.set(SHORT, "0.51", "0.53")
        self.sandbox.floor.depth_lots = lots
        self.network.wait(0)
        self.quotes.set(SHORT, "0.40", "0.42")
        self.sandbox.floor.depth_lots = None

    def expire(self) -> None:
        self.network.wait(7 * 3600)

    def settle(self) -> None:
        self.network.wait(61)

    def fault(self, fault: Fault) -> None:
        answer = _REFUSED if fault is Fault.REJECT else None
        self.network.writes.append(Instead(answer, carried_out=fault is Fault.LOST_ANSWER))

    def there(self, client_order_id: str) -> int:
        return sum(ticket.tag == client_order_id for ticket in self.sandbox.floor.tickets.values())

    def answer(self, status: int, body: bytes, *, carried_out: bool) -> None:
        self.network.writes.append(Instead(Answer(status=status, body=body), carried_out=carried_out))

    def answer_reads(self, status: int, body: bytes) -> None:
        self.network.reads.append(Instead(Answer(status=status, body=body), carried_out=False))

    def sent(self) -> int:
        return sum(request.method == "POST" for request in self.network.requests)

    def bodies(self) -> Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        intents = (sold("g-1-1"), sold("g-1-2", 2, 30, CONDOR), bought_back("g-1-3", 2, sold("g-1-3")))
        for intent in intents:
            self.run(self._broker.place(approve(intent), intent, ()))
        ours = [_plain(request.body) for request in self.network.requests if request.method == "POST"]
        theirs = _of_alpaca_py(AlpacaSandbox(self.quotes, Store(None, ACCOUNT), capital_usd=CAPITAL_USD))
        assert len(ours) == len(theirs) == len(intents)
        return list(zip(ours, theirs, strict=True))

    def headers(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        intent = sold("g-1-1")
        self.run(self._broker.place(approve(intent), intent, ()))
        wanted = {
            "apca-api-key-id": KEY_ID,
            "apca-api-secret-key": SECRET,
            "accept": "application/json",
            "content-type": "application/json",
        }
        return self.network.requests[-1].headers, wanted

    def words(self) -> Mapping[str, OrderState]:
        return _WORDS

    def known_words(self) -> frozenset[str]:
        from alpaca.trading.enums import OrderStatus

        return frozenset(status.value for status in OrderStatus)

    def show_word(self, client_order_id: str, word: str) -> None:  # noqa: ARG002
        self.network.change = lambda body: body.replace(b'"status": "new"', b'"status": "%s"' % word.encode())

    def mixed(self) -> Sequence[Callable[[], object]]:
        def opened(**params: Any) -> Callable[[], object]:
            return lambda: _open({**PARAMS, **params})

        def connected(**params: Any) -> Callable[[], object]:
            checked = AlpacaParams.model_validate({**PARAMS, **params})
            return lambda: self.run(AlpacaBroker(checked, MARKETS, self.network).connect())

        return [
            opened(environment="live"),
            opened(environment="live", url=""),
            opened(environment="live", key_id="AKLIVE"),
            opened(key_id="AKLIVE"),
            opened(key_id="AKLIVE", url=""),
            opened(url="https://api.alpaca.markets"),
            opened(secret=""),
            connected(key_id="PKOTHER"),
            connected(secret="of the other environment"),
            connected(account_id="PA9999999999"),
        ]

    def run_raw(self, path: str, **params: str) -> bytes:
        """What the sandbox answers to a read, as it stands there."""
        headers = {"apca-api-key-id": KEY_ID, "apca-api-secret-key": SECRET}
        request = Request(method="GET", path=path, params=params, headers=headers)
        return self.sandbox.handle(request, self.network.now_utc_ns).body

    def _opened(self) -> AlpacaBroker:
        return AlpacaBroker(self.params, MARKETS, self.network)


def _open(params: Mapping[str, Any]) -> AlpacaBroker:
    return AlpacaBroker.open(params, account="spreads", starting_capital_microusd=0, markets=MARKETS, state_path=None)


def _plain(body: bytes) -> dict[str, Any]:
    """An order's JSON, with its numbers in one form: they may be texts or numbers."""
    told: dict[str, Any] = json.loads(body)
    numbers = {name: float(told[name]) for name in ("qty", "limit_price") if told.get(name) is not None}
    legs = [{**leg, "ratio_qty": float(leg["ratio_qty"])} for leg in told["legs"]]
    return {**told, **numbers, "legs": legs}


def _of_alpaca_py(sandbox: AlpacaSandbox) -> list[dict[str, Any]]:
    """The same three orders as PyPI's alpaca-py sends them."""
    from alpaca.common.exceptions import APIError
    from alpaca.trading.client import TradingClient
    from alpaca.trading.enums import OrderClass, OrderSide, PositionIntent, TimeInForce
    from alpaca.trading.requests import LimitOrderRequest, MarketOrderRequest, OptionLegRequest

    def legs(count: int, *, closes: bool = False) -> list[OptionLegRequest]:
        words = ("buy_to_close", "sell_to_close") if closes else ("sell_to_open", "buy_to_open")
        sides = [words[leg.ratio < 0] for leg in CONDOR[:count]]
        return [
            OptionLegRequest(
                symbol=leg.symbol,
                ratio_qty=1,
                side=OrderSide(word.partition("_")[0]),
                position_intent=PositionIntent(word),
            )
            for leg, word in zip(CONDOR[:count], sides, strict=True)
        ]

    fixed: dict[str, Any] = {"order_class": OrderClass.MLEG, "time_in_force": TimeInForce.DAY}
    orders = [
        LimitOrderRequest(qty=1, limit_price=-0.25, client_order_id="g-1-1", legs=legs(2), **fixed),
        LimitOrderRequest(qty=2, limit_price=-0.30, client_order_id="g-1-2", legs=legs(4), **fixed),
        MarketOrderRequest(qty=2, client_order_id="g-1-3", legs=legs(2, closes=True), **fixed),
    ]
    with listening(Server(sandbox=sandbox, now_utc_ns=lambda: START_UTC_NS)) as (url, came):
        client = TradingClient(KEY_ID, SECRET, paper=True, url_override=url)
        for order in orders:
            with suppress(APIError):  # there is nothing to close: what is sent is what counts
                client.submit_order(order)
    return [_plain(request.body) for request in came]


CASE = Case(
    name="alpaca",
    open=AlpacaRig,
    lacks={Point.TOKENS: "its key does not end by itself"},
)

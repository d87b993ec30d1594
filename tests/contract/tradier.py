"""Tradier in the suite: a credit spread by limit at its sandbox, and quotes that are set by hand."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, final

from brokers.sandbox.answers import Answer, Request
from brokers.sandbox.server import Server
from brokers.sandbox.tickets import Store
from brokers.tradier.adapter import TradierBroker
from brokers.tradier.params import TradierParams
from brokers.tradier.sandbox import ACCOUNT, TOKEN, TradierSandbox
from gamma.events import Intent, OrderKind, OrderState, OrderType
from gamma.markets import market
from gamma.ports import Broker
from tests.brokers.desk import approve
from tests.brokers.option_quotes import CONDOR, SHORT, HandQuotes, sold
from tests.contract.in_process import InProcess, Instead
from tests.contract.loopback import listening
from tests.contract.points import Point
from tests.contract.rig import Case, Fault

T = TypeVar("T")
START_UTC_NS = 1_795_186_800 * 10**9  # Friday 2026-11-20, 10:00 in New York
CAPITAL_USD = Decimal(50_000)
MARKETS = {"SPX": market("SPX")}
PARAMS = {"environment": "paper", "account_id": ACCOUNT, "token": TOKEN, "url": "http://127.0.0.1/v1"}
_REFUSED = Answer(status=200, body=b'{"errors":{"error":["Backoffice rejected override of the order"]}}')
# Of an order of which nothing has filled; the words are those of the broker's pages and of QuantConnect's Lean.
_WORDS = {
    "pending": OrderState.ACKED,
    "submitted": OrderState.ACKED,
    "held": OrderState.ACKED,
    "accepted_for_bidding": OrderState.ACKED,
    "open": OrderState.ACKED,
    "pending_cancel": OrderState.ACKED,
    "calculated": OrderState.ACKED,
    "partially_filled": OrderState.ACKED,
    "filled": OrderState.ACKED,
    "canceled": OrderState.CANCELED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
    "error": OrderState.REJECTED,
}
_LEAN = frozenset({"filled", "canceled", "open", "expired", "rejected", "pending", "partially_filled", "submitted"})


@final
class TradierRig:
    """A paper account at a sandbox in this process."""

    def __init__(self, folder: Path) -> None:
        self.quotes = HandQuotes()
        store = Store(folder / "tradier.db", ACCOUNT)
        self.sandbox = TradierSandbox(self.quotes, store, capital_usd=CAPITAL_USD, unlimited=True)
        self.network = InProcess(self.sandbox, START_UTC_NS)
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
        self.quotes.set(SHORT, "1.65", "1.75")
        self.sandbox.floor.depth_lots = lots
        self.network.wait(0)
        self.quotes.set(SHORT, "1.00", "1.10")
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

    def bodies(self) -> Sequence[tuple[Mapping[str, str], Mapping[str, str]]]:
        intents = (sold("g-1-1"), sold("g-1-2", 2, 30, CONDOR), _bought_back("g-1-3"))
        for intent in intents:
            self.run(self._broker.place(approve(intent), intent, ()))
        ours = [_form(request) for request in self.network.requests if request.method == "POST"]
        theirs = _of_lumiwealth(self.sandbox)
        assert len(ours) == len(theirs) == len(intents)
        return list(zip(ours, theirs, strict=True))

    def headers(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        intent = sold("g-1-1")
        self.run(self._broker.place(approve(intent), intent, ()))
        wanted = {
            "authorization": f"Bearer {TOKEN}",
            "accept": "application/json",
            "content-type": "application/x-www-form-urlencoded",
        }
        return self.network.requests[-1].headers, wanted

    def words(self) -> Mapping[str, OrderState]:
        return _WORDS

    def known_words(self) -> frozenset[str]:
        return _LEAN

    def show_word(self, client_order_id: str, word: str) -> None:  # noqa: ARG002
        self.network.change = lambda body: body.replace(b'"status": "open"', b'"status": "%s"' % word.encode())

    def mixed(self) -> Sequence[Callable[[], object]]:
        def opened(**params: str) -> Callable[[], object]:
            return lambda: _open(PARAMS | params)

        def connected(**params: str) -> Callable[[], object]:
            checked = TradierParams.model_validate(PARAMS | params)
            return lambda: self.run(TradierBroker(checked, MARKETS, self.network).connect())

        return [
            opened(environment="live"),
            opened(account_id="6YA00000"),
            opened(environment="live", account_id="6YA00000"),
            opened(url="https://api.tradier.com/v1"),
            opened(account_id="VA-1"),
            opened(token=""),
            connected(token="of the other environment"),
            connected(account_id="VA99999999"),
        ]

    def _opened(self) -> TradierBroker:
        return TradierBroker(TradierParams.model_validate(PARAMS), MARKETS, self.network)


def _open(params: Mapping[str, str]) -> TradierBroker:
    return TradierBroker.open(params, account="spreads", starting_capital_microusd=0, markets=MARKETS, state_path=None)


def _bought_back(client_order_id: str) -> Intent:
    intent = sold(client_order_id, 2)
    return Intent(
        client_order_id=client_order_id,
        decision_id="exit",
        strategy=intent.strategy,
        market=intent.market,
        kind=OrderKind.EXIT,
        order_type=OrderType.MARKET,
        side=1,
        lots=2,
        reduces=True,
        legs=intent.legs,
    )


def _form(request: Request) -> dict[str, str]:
    """The form that was sent, with its price as a number is written shortest."""
    form = request.form
    return form | ({"price": str(float(form["price"]))} if "price" in form else {})


def _of_lumiwealth(sandbox: TradierSandbox) -> list[dict[str, str]]:
    """The same three orders as PyPI's lumiwealth-tradier sends them."""
    from lumiwealth_tradier import Tradier, base
    from lumiwealth_tradier.orders import OrderLeg

    def legs(count: int, words: Sequence[str], many: int) -> list[OrderLeg]:
        named = [leg.symbol for leg in CONDOR[:count]]
        return [OrderLeg(option_symbol=s, side=w, quantity=many) for s, w in zip(named, words, strict=True)]

    opens, closes = ("sell_to_open", "buy_to_open"), ("buy_to_close", "sell_to_close")
    with listening(Server(sandbox=sandbox, now_utc_ns=lambda: START_UTC_NS)) as (url, came):
        before, base.TRADIER_SANDBOX_URL = base.TRADIER_SANDBOX_URL, url
        try:
            orders = Tradier(ACCOUNT, TOKEN, is_paper=True).orders
            orders.multileg_order("SPX", "credit", "day", legs(2, opens, 1), price=1.25, tag="g-1-1")
            orders.multileg_order("SPX", "credit", "day", legs(4, opens * 2, 2), price=1.5, tag="g-1-2")
            orders.multileg_order("SPX", "market", "day", legs(2, closes, 2), tag="g-1-3")
        finally:
            base.TRADIER_SANDBOX_URL = before
    return [_form(request) for request in came]


CASE = Case(
    name="tradier",
    open=TradierRig,
    lacks={Point.TOKENS: "its token does not end by itself"},
)

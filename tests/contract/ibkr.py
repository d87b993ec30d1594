"""Interactive Brokers in the suite: MNQ by limit at its sandbox, and quotes that are set by hand."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar, final

from ib_async import IB, LimitOrder, MarketOrder, OrderStatus, StopOrder
from ib_async.contract import Contract

from brokers.ibkr import Ibkr
from brokers.ibkr.adapter import IbkrBroker
from brokers.ibkr.params import IbkrParams
from brokers.ibkr.sandbox import ACCOUNT, IbkrSandbox
from brokers.ibkr.sandbox_wire import packed
from brokers.sandbox.orders import journal
from brokers.sandbox.tickets import Store
from gamma.events import Intent, OrderState, OrderType
from gamma.markets import market
from gamma.ports import Broker
from tests.brokers.desk import approve, bracket, entry
from tests.brokers.hand_prices import HandPrices
from tests.brokers.memory_line import MemoryLine
from tests.brokers.option_quotes import HandQuotes
from tests.contract.points import Point
from tests.contract.rig import Case, Fault

T = TypeVar("T")
START_UTC_NS: Final = 1_795_186_800 * 10**9  # Friday 2026-11-20, 10:00 in New York
CAPITAL_USD: Final = Decimal(50_000)
BID, ASK, LIMIT = 79_999, 80_000, 79_000  # ticks: quotes about 20,000 points, and a limit far below
MARKETS: Final = {symbol: market(symbol) for symbol in ("MNQ", "ES", "SPX")}
PARAMS: Final = {"environment": "paper", "account_id": ACCOUNT, "port": 7497}
# Of an order that is listed as working, of which nothing has filled.
_WORDS: Final = {
    "ApiPending": OrderState.ACKED,
    "PendingSubmit": OrderState.ACKED,
    "PreSubmitted": OrderState.ACKED,
    "Submitted": OrderState.ACKED,
    "PendingCancel": OrderState.ACKED,
    "Inactive": OrderState.ACKED,
    "Filled": OrderState.ACKED,
    "ValidationError": OrderState.ACKED,
    "ApiUpdate": OrderState.ACKED,
    "ApiCancelled": OrderState.CANCELED,
    "Cancelled": OrderState.CANCELED,
}


@final
class IbkrRig:
    """A paper account at a sandbox in this process, and a socket in memory."""

    def __init__(self, folder: Path) -> None:
        self.prices = HandPrices({"MNQ": (BID, ASK), "ES": (24_000, 24_001)})
        self.quotes = HandQuotes()
        stores = (journal(folder / "ibkr.db", ACCOUNT), Store(folder / "ibkr.db", ACCOUNT))
        self.sandbox = IbkrSandbox(self.prices, self.quotes, stores, capital_usd=CAPITAL_USD)
        self.line = MemoryLine(self.sandbox, START_UTC_NS)
        self._broker = self.opened()

    @property
    def broker(self) -> Broker:
        return self._broker

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        return self.line.run(doing)

    def restart(self) -> None:
        self.line.hang_up()
        self._broker = self.opened()

    def resting(self, client_order_id: str, lots: int) -> Intent:
        return entry(client_order_id, 1, lots, order_type=OrderType.LIMIT, price_ticks=LIMIT)

    def trade(self, lots: int) -> None:
        self.prices.set("MNQ", LIMIT - 1, LIMIT)
        self.sandbox.floor.depth_lots = lots
        self.line.wait(0)
        self.prices.set("MNQ", BID, ASK)
        self.sandbox.floor.depth_lots = None

    def expire(self) -> None:
        self.line.wait(7 * 3600)

    def settle(self) -> None:
        self.line.wait(1)

    def fault(self, fault: Fault) -> None:
        if fault is Fault.REJECT:
            self.sandbox.floor.refuse_next.append("YOUR ACCOUNT HAS INSUFFICIENT MARGIN")
        else:
            self.line.fates.append((b"", fault is Fault.LOST_ANSWER))

    def there(self, client_order_id: str) -> int:
        return sum(order.state != "rejected" for order in self.sandbox.floor.named(client_order_id))

    def answer(self, status: int, body: bytes, *, carried_out: bool) -> None:  # noqa: ARG002  (there is no status)
        self.line.fates.append((packed(body.decode()), carried_out))

    def answer_reads(self, status: int, body: bytes) -> None:  # noqa: ARG002
        self.line.reads.append(packed(body.decode()))

    def sent(self) -> int:
        return sum(fields[0] == "3" for fields in self.line.came)

    def bodies(self) -> Sequence[tuple[Mapping[str, str], Mapping[str, str]]]:
        whole = entry("g-1-3", 1, 3)
        orders = [(self.resting("g-1-1", 2), ()), (entry("g-1-2", -1, 1), ()), (whole, bracket(whole, 79_600, 80_400))]
        for intent, children in orders:
            self.run(self._broker.place(approve(intent), intent, children))
        ours = [fields for fields in self.line.came if fields[0] == "3"]
        self.restart()
        self.line.came.clear()
        self.run(_of_ib_async(self.line, ours[0][2]))
        theirs = [fields for fields in self.line.came if fields[0] == "3"]
        assert len(ours) == len(theirs) == 5
        return [(_named(mine, ours[0]), _named(other, theirs[0])) for mine, other in zip(ours, theirs, strict=True)]

    def headers(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        return {}, {}

    def words(self) -> Mapping[str, OrderState]:
        return _WORDS

    def known_words(self) -> frozenset[str]:
        names = (getattr(OrderStatus, name) for name in dir(OrderStatus) if name[0].isupper())
        return frozenset(name for name in names if isinstance(name, str))

    def show_word(self, client_order_id: str, word: str) -> None:  # noqa: ARG002
        def changed(message: bytes) -> bytes:
            fields = message[4:].decode().split("\0")[:-1]
            if fields[0] not in ("3", "5"):
                return message
            return packed(*(word if text == "Submitted" else text for text in fields))

        self.line.change = changed

    def mixed(self) -> Sequence[Callable[[], object]]:
        def opened(**params: object) -> Callable[[], object]:
            return lambda: Ibkr.open(
                PARAMS | params, account="futures", starting_capital_microusd=0, markets=MARKETS, state_path=None
            )

        def connected(**params: object) -> Callable[[], object]:
            return lambda: self.run(self.opened(**params).connect())

        return [
            opened(environment="live"),
            opened(environment="live", port=7496),
            opened(environment="live", port=7496, account_id="DU0000001"),
            opened(environment="live", account_id="U0000001"),
            opened(port=7496),
            opened(port=4001),
            opened(account_id="U0000001"),
            opened(account_id=""),
            opened(host="192.0.2.1"),
            connected(account_id="DU7777777"),
            connected(environment="live", account_id="U0000001", port=4001),
        ]

    def opened(self, **params: object) -> IbkrBroker:
        checked = IbkrParams.model_validate(PARAMS | params)
        return IbkrBroker(checked, MARKETS, dial=self.line.dial, now_utc_ns=lambda: self.line.now_utc_ns)


async def _of_ib_async(line: MemoryLine, con_id: str) -> None:
    """The same orders as ib_async's own user would send them."""
    ib = IB()
    ib.client.conn.connectAsync = _dialled(ib, line)  # type: ignore[method-assign]
    await ib.connectAsync("127.0.0.1", 7497, clientId=11)
    future = Contract(conId=int(con_id), secType="FUT", symbol="MNQ", exchange="CME", currency="USD")
    common: dict[str, Any] = {"account": ACCOUNT, "outsideRth": True, "tif": "DAY"}
    ib.placeOrder(future, LimitOrder("BUY", 2, 19_750.0, orderRef="g-1-1", **common))
    ib.placeOrder(future, MarketOrder("SELL", 1, orderRef="g-1-2", **common))
    parent = MarketOrder("BUY", 3, orderRef="g-1-3", transmit=False, **common)
    head = ib.placeOrder(future, parent).order.orderId
    common |= {"parentId": head, "tif": "GTC"}
    ib.placeOrder(future, LimitOrder("SELL", 3, 20_100.0, orderRef="g-1-3t", transmit=False, **common))
    ib.placeOrder(future, StopOrder("SELL", 3, 19_900.0, orderRef="g-1-3s", **common))
    ib.disconnect()


def _dialled(ib: IB, line: MemoryLine) -> Callable[[str, int], Coroutine[Any, Any, None]]:
    async def connect(host: str, port: int) -> None:
        connection: Any = ib.client.conn
        connection.reset()
        connection.transport, _ = await line.dial(lambda: connection, host, port)

    return connect


def _named(fields: Sequence[str], first: Sequence[str]) -> dict[str, str]:
    """Fields by their places; numbers of orders count from the first of them."""
    named = {str(n): text for n, text in enumerate(fields)}
    for n in ("1", "28"):
        if named[n] not in ("", "0"):
            named[n] = str(int(named[n]) - int(first[1]))
    return named


CASE = Case(
    name="ibkr",
    open=IbkrRig,
    lacks={
        Point.HEADERS: "a socket has none, and no key: TWS holds the login",
        Point.LIMITS: "beyond 45 messages a second ib_async's client waits, and an order meanwhile is refused, unsent",
        Point.TOKENS: "it has none: TWS holds the login",
    },
)

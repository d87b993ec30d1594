"""Kalshi in the suite: a bid for YES by limit at its sandbox, and bids of others that are set by hand."""

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from brokers.kalshi.adapter import KalshiBroker
from brokers.kalshi.params import KalshiParams
from brokers.kalshi.sandbox import PREFIX, KalshiSandbox
from brokers.kalshi.sandbox_events import Level, Listed
from brokers.kalshi.sandbox_floor import ENTRIES, key_of
from brokers.kalshi.sandbox_keys import SHORT_BITS, Gate, made_key, pem_of
from brokers.sandbox.answers import Answer, Request
from brokers.sandbox.server import Server
from brokers.sandbox.store import EntryStore
from gamma.bars import Bar
from gamma.clock import NS
from gamma.events import Intent, OrderKind, OrderState, OrderType
from gamma.markets import market
from gamma.ports import Broker
from tests.brokers.desk import approve, entry
from tests.contract.in_process import InProcess, Instead
from tests.contract.loopback import listening
from tests.contract.points import Point
from tests.contract.rig import Case, Fault

T = TypeVar("T")
START_UTC_NS = 1_795_186_800 * NS  # Friday 2026-11-20, 10:00 in New York
CLOSE_UTC_NS = START_UTC_NS + 6 * 3_600 * NS
CAPITAL_USD = Decimal(1_000)
TICKER = "KXINXU-26NOV20H1600-T6800"
MARKETS = {TICKER: market(TICKER)}
LISTED = Listed(
    ticker=TICKER,
    event=TICKER.rpartition("-")[0],
    series="KXINXU",
    title="Will it end above 6,800?",
    open_utc_ns=START_UTC_NS - 3_600 * NS,
    close_utc_ns=CLOSE_UTC_NS,
    settle_utc_ns=CLOSE_UTC_NS + 3_600 * NS,
)
_REFUSED = Answer(status=400, body=b'{"error": {"code": "insufficient_balance", "message": "not enough"}}')
# Of an order of which nothing has filled; the words are those of the broker's pages and of pykalshi.
_WORDS = {"resting": OrderState.ACKED, "canceled": OrderState.CANCELED, "executed": OrderState.ACKED}


@final
class HandEvents:
    """Bids of others that stay until they are set again, in one market that ends as it is told to."""

    def __init__(self) -> None:
        self.yes: list[Level] = [(54, 100), (53, 200)]
        self.no: list[Level] = [(44, 100), (43, 200)]  # YES is offered at 56 and 57
        self.ends = "yes"
        self.volume = 0
        self.told: list[Bar] = []

    def find(self, ticker: str) -> Listed | None:
        return LISTED if ticker == TICKER else None

    def listed(self, now_utc_ns: int, since_utc_ns: int = 0) -> Sequence[Listed]:  # noqa: ARG002
        return [LISTED]

    def bids(self, ticker: str, now_utc_ns: int) -> tuple[Sequence[Level], Sequence[Level]]:
        opened = ticker == TICKER and LISTED.open_utc_ns <= now_utc_ns < LISTED.close_utc_ns
        return (self.yes, self.no) if opened else ([], [])

    def bars(self, ticker: str, bar_s: int, after_utc_ns: int, until_utc_ns: int) -> Sequence[Bar]:  # noqa: ARG002
        return [bar for bar in self.told if after_utc_ns < bar.ts_close_utc_ns <= until_utc_ns]

    def traded(self, ticker: str, now_utc_ns: int) -> int:  # noqa: ARG002
        return self.volume

    def result(self, ticker: str) -> str:  # noqa: ARG002
        return self.ends


@cache
def key() -> RSAPrivateKey:
    """One for all tests: to make it takes a while."""
    return made_key(SHORT_BITS)


def bought(client_order_id: str, lots: int = 1, price_ticks: int = 50, **fields: Any) -> Intent:
    """A bid for YES by limit."""
    given: dict[str, Any] = {"order_type": OrderType.LIMIT, "price_ticks": price_ticks} | fields
    return entry(client_order_id, given.pop("side", 1), lots, TICKER, **given)


@final
class KalshiRig:
    """A demo account at a sandbox in this process."""

    def __init__(self, folder: Path) -> None:
        self.events = HandEvents()
        self.gate = Gate(key().public_key())
        store = EntryStore(folder / "kalshi.db", "demo", ENTRIES, key_of)
        self.sandbox = KalshiSandbox(self.events, store, self.gate, capital_usd=CAPITAL_USD, unlimited=True)
        self.network = InProcess(self.sandbox, START_UTC_NS)
        self.params = params_of(self.gate)
        self._broker = self.opened()

    @property
    def broker(self) -> Broker:
        return self._broker

    @property
    def adapter(self) -> KalshiBroker:
        return self._broker

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        return self.network.run(doing)

    def restart(self) -> None:
        self._broker = self.opened()

    def resting(self, client_order_id: str, lots: int) -> Intent:
        return bought(client_order_id, lots)

    def trade(self, lots: int) -> None:
        self.sandbox.floor.depth_lots = lots
        before, self.events.no = self.events.no, [(50, 10_000)]
        self.network.wait(0)
        self.events.no = before
        self.sandbox.floor.depth_lots = None

    def expire(self) -> None:
        self.network.wait((CLOSE_UTC_NS - self.network.now_utc_ns) / NS + 60)

    def settle(self) -> None:
        self.network.wait(61)

    def fault(self, fault: Fault) -> None:
        answer = _REFUSED if fault is Fault.REJECT else None
        self.network.writes.append(Instead(answer, carried_out=fault is Fault.LOST_ANSWER))

    def there(self, client_order_id: str) -> int:
        return sum(t.client_order_id == client_order_id for t in self.sandbox.floor.tickets.values())

    def answer(self, status: int, body: bytes, *, carried_out: bool) -> None:
        self.network.writes.append(Instead(Answer(status=status, body=body), carried_out=carried_out))

    def answer_reads(self, status: int, body: bytes) -> None:
        self.network.reads.append(Instead(Answer(status=status, body=body), carried_out=False))

    def sent(self) -> int:
        return sum(request.method == "POST" for request in self.network.requests)

    def bodies(self) -> Sequence[tuple[Mapping[str, str], Mapping[str, str]]]:
        self.run(self.broker.place(approve(bought("g-1-0", 5, 60)), bought("g-1-0", 5, 60), ()))
        out = {"kind": OrderKind.EXIT, "reduces": True, "reduce_only": True}
        intents = (
            bought("g-1-1", 2),
            bought("g-1-2", 3, 61, side=-1),
            bought("g-1-3", 5, 0, side=-1, order_type=OrderType.MARKET, **out),
        )
        self.network.requests.clear()
        for intent in intents:
            self.run(self.broker.place(approve(intent), intent, ()))
        ours = [json.loads(request.body) for request in self.network.requests if request.method == "POST"]
        theirs = of_pykalshi(self)
        assert len(ours) == len(theirs) == len(intents)
        return list(zip(ours, theirs, strict=True))

    def headers(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        intent = bought("g-1-1")
        self.run(self._broker.place(approve(intent), intent, ()))
        sent = self.network.requests[-1].headers
        verdict = self.gate.refusal("POST", f"{PREFIX}/portfolio/events/orders", sent, self.network.now_utc_ns)
        wanted = {
            "kalshi-access-key": self.gate.key_id,
            "kalshi-access-timestamp": str(START_UTC_NS // 1_000_000),
            "content-type": "application/json",
            "verdict": "",
        }
        return {**sent, "verdict": verdict}, wanted

    def words(self) -> Mapping[str, OrderState]:
        return _WORDS

    def known_words(self) -> frozenset[str]:
        from pykalshi.enums import OrderStatus

        return frozenset(status.value for status in OrderStatus)

    def show_word(self, client_order_id: str, word: str) -> None:  # noqa: ARG002
        self.network.change = lambda body: body.replace(b'"status": "resting"', b'"status": "%s"' % word.encode())

    def mixed(self) -> Sequence[Callable[[], object]]:
        given = {**self.params.model_dump(mode="json"), "private_key": pem_of(key()).decode()}

        def opened(**params: str) -> Callable[[], object]:
            return lambda: _open(given | params)

        def connected(**params: str) -> Callable[[], object]:
            checked = KalshiParams.model_validate(given | params)
            broker = KalshiBroker(checked, MARKETS, self.network, lambda: self.network.now_utc_ns)
            return lambda: self.run(broker.connect())

        other = pem_of(made_key(SHORT_BITS)).decode()
        return [
            opened(environment="live"),
            opened(url="https://external-api.kalshi.com/trade-api/v2"),
            opened(url="https://external-api.demo.kalshi.co/trade-api/v2"),
            opened(key_id=""),
            opened(private_key="no key"),
            opened(key_path="/etc/hostname"),
            connected(private_key=other),
            connected(key_id="another-key"),
        ]

    def opened(self) -> KalshiBroker:
        return KalshiBroker(self.params, MARKETS, self.network, lambda: self.network.now_utc_ns)


def params_of(gate: Gate, url: str = f"http://127.0.0.1{PREFIX}") -> KalshiParams:
    """What is configured to trade at a sandbox with the tests' key."""
    pem = pem_of(key()).decode()
    given = {"environment": "paper", "key_id": gate.key_id, "private_key": pem, "tier": "prime", "url": url}
    return KalshiParams.model_validate(given)


def _open(params: Mapping[str, Any]) -> KalshiBroker:
    return KalshiBroker.open(params, account="events", starting_capital_microusd=0, markets=MARKETS, state_path=None)


def of_pykalshi(rig: KalshiRig) -> list[dict[str, Any]]:
    """The same three orders as PyPI's pykalshi sends them."""
    import tempfile

    from pykalshi import KalshiClient
    from pykalshi.enums import Action, Side, TimeInForce

    gate = Gate(key().public_key(), skew_s=None)
    store = EntryStore(None, "theirs", ENTRIES, key_of)
    sandbox = KalshiSandbox(rig.events, store, gate, capital_usd=CAPITAL_USD, unlimited=True)
    with (
        tempfile.NamedTemporaryFile() as file,
        listening(Server(sandbox=sandbox, now_utc_ns=lambda: START_UTC_NS)) as (
            url,
            came,
        ),
    ):
        file.write(pem_of(key()))
        file.flush()
        with KalshiClient(gate.key_id, file.name, api_base=f"{url}{PREFIX}", max_retries=0) as client:
            place = client.portfolio.place_order
            place(TICKER, Action.BUY, Side.YES, "5", yes_price_dollars="0.60")
            place(TICKER, Action.BUY, Side.YES, "2", yes_price_dollars="0.50", client_order_id="g-1-1")
            place(TICKER, Action.BUY, Side.NO, "3", no_price_dollars="0.39", client_order_id="g-1-2")
            leave: dict[str, Any] = {"time_in_force": TimeInForce.IOC, "reduce_only": True}
            place(TICKER, Action.SELL, Side.YES, "5", yes_price_dollars="0.01", client_order_id="g-1-3", **leave)
    return [json.loads(request.body) for request in came if request.method == "POST"][1:]


def asked(request: Request) -> tuple[str, str]:
    """Method and path below the prefix."""
    return request.method, request.path.removeprefix(PREFIX)


CASE = Case(
    name="kalshi",
    open=KalshiRig,
    lacks={Point.TOKENS: "each request is signed anew, and its key does not end by itself"},
)

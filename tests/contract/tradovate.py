"""Tradovate in the suite: MNQ by limit at its sandbox, and quotes that are set by hand."""

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, final

from brokers.sandbox.answers import Answer, Request
from brokers.sandbox.floor import Floor
from brokers.sandbox.orders import journal
from brokers.tradovate.adapter import TradovateBroker
from brokers.tradovate.params import TradovateParams
from brokers.tradovate.sandbox import ACCOUNT, TradovateSandbox
from brokers.tradovate.sandbox_sessions import PASSWORD, USERNAME
from gamma.events import Intent, OrderState, OrderType
from gamma.markets import MICRO, market
from gamma.ports import Broker
from tests.brokers.desk import approve, bracket, entry, leave
from tests.brokers.hand_prices import HandPrices
from tests.brokers.tradovate_spec import WORDS, against
from tests.contract.in_process import InProcess, Instead
from tests.contract.rig import Case, Fault

T = TypeVar("T")
START_UTC_NS: Final = 1_795_186_800 * 10**9  # Friday 2026-11-20, 10:00 in New York
CAPITAL_MICROUSD: Final = 50_000 * MICRO
BID, ASK, LIMIT = 79_999, 80_000, 79_000  # ticks: quotes about 20,000 points, and a limit far below
MARKETS: Final = {symbol: market(symbol) for symbol in ("MNQ", "ES", "M2K")}
PARAMS: Final = {
    "environment": "paper",
    "account_id": ACCOUNT,
    "username": USERNAME,
    "password": PASSWORD,
    "url": "http://127.0.0.1/v1",
}
_REFUSED = Answer(status=200, body=b'{"failureReason":"MaxPosLimitReached","failureText":"no more"}')
# Of an order of which nothing has filled. "Unknown" says that nobody knows: it is no word for a state.
_WORDS: Final = {
    "PendingNew": OrderState.ACKED,
    "Working": OrderState.ACKED,
    "Suspended": OrderState.ACKED,
    "PendingCancel": OrderState.ACKED,
    "PendingReplace": OrderState.ACKED,
    "Filled": OrderState.ACKED,
    "Completed": OrderState.CANCELED,
    "Canceled": OrderState.CANCELED,
    "Expired": OrderState.EXPIRED,
    "Rejected": OrderState.REJECTED,
}
_MESSAGES: Final = {
    "/v1/auth/accesstokenrequest": "AccessTokenRequest",
    "/v1/order/placeorder": "PlaceOrder",
    "/v1/order/placeoso": "PlaceOSO",
    "/v1/order/cancelorder": "CancelOrder",
    "/v1/order/modifyorder": "ModifyOrder",
    "/v1/cashBalance/getcashbalancesnapshot": "GetCashBalanceSnapshot",
}


@final
class TradovateRig:
    """A demo account at a sandbox in this process; the adapter has logged in, and knows the account."""

    def __init__(self, folder: Path) -> None:
        self.prices = HandPrices({"MNQ": (BID, ASK), "ES": (24_000, 24_001), "M2K": (20_000, 20_001)})
        store = journal(None, ACCOUNT)
        self.sandbox = TradovateSandbox(Floor(self.prices, store, CAPITAL_MICROUSD), unlimited=True)
        self.network = InProcess(self.sandbox, START_UTC_NS)
        self.token_path = folder / "token"
        self.ahead_s = 0.0
        self._broker = self._opened()

    @property
    def broker(self) -> Broker:
        return self._broker

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        return self.network.run(doing)

    def restart(self) -> None:
        self._broker = self._opened()

    def resting(self, client_order_id: str, lots: int) -> Intent:
        return entry(client_order_id, 1, lots, order_type=OrderType.LIMIT, price_ticks=LIMIT)

    def trade(self, lots: int) -> None:
        self.prices.set("MNQ", LIMIT - 1, LIMIT)
        self.sandbox.floor.depth_lots = lots
        self.network.wait(0)
        self.prices.set("MNQ", BID, ASK)
        self.sandbox.floor.depth_lots = None

    def expire(self) -> None:
        self.network.wait(7 * 3600)

    def settle(self) -> None:
        self.network.wait(1)

    def fault(self, fault: Fault) -> None:
        answer = _REFUSED if fault is Fault.REJECT else None
        self.network.writes.append(Instead(answer, carried_out=fault is Fault.LOST_ANSWER))

    def there(self, client_order_id: str) -> int:
        return len(self.sandbox.floor.named(client_order_id))

    def answer(self, status: int, body: bytes, *, carried_out: bool) -> None:
        self.network.writes.append(Instead(Answer(status=status, body=body), carried_out=carried_out))

    def answer_reads(self, status: int, body: bytes) -> None:
        self.network.reads.append(Instead(Answer(status=status, body=body), carried_out=False))

    def sent(self) -> int:
        return sum(request.path.startswith("/v1/order/place") for request in self.network.requests)

    def bodies(self) -> Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """Each request beside what is left of it where what Tradovate's description does not allow is taken out."""
        orders = [self.resting("g-1-1", 2), entry("g-1-2", -1, 1), leave("g-1-3", 1, 1)]
        whole = entry("g-1-4", 1, 3)
        for intent, children in [*((order, ()) for order in orders), (whole, bracket(whole, 79_600, 80_400))]:
            self.run(self._broker.place(approve(intent), intent, children))
        self.run(self._broker.replace("g-1-4s", 79_700))
        self.run(self._broker.cancel("g-1-1"))
        self.run(self._broker.account())
        posted = [request for request in self.network.requests if request.method == "POST"]
        assert {request.path for request in posted} == set(_MESSAGES)
        return [
            (_json(r), _json(r) if not (bad := against(_MESSAGES[r.path], _json(r))) else {"not so": bad})
            for r in posted
        ]

    def headers(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        intent = self.resting("g-1-1", 1)
        self.run(self._broker.place(approve(intent), intent, ()))
        [token] = self.sandbox.sessions.ends_utc_ns
        wanted = {"authorization": f"Bearer {token}", "accept": "application/json", "content-type": "application/json"}
        return self.network.requests[-1].headers, wanted

    def words(self) -> Mapping[str, OrderState]:
        return _WORDS

    def known_words(self) -> frozenset[str]:
        return WORDS["OrdStatus"] - {"Unknown"}

    def show_word(self, client_order_id: str, word: str) -> None:  # noqa: ARG002
        told = b'"ordStatus": "%s"' % word.encode()
        self.network.change = lambda body: body.replace(b'"ordStatus": "Working"', told)

    def mixed(self) -> Sequence[Callable[[], object]]:
        def opened(**params: str) -> Callable[[], object]:
            return lambda: _open(PARAMS | params)

        def connected(**params: str) -> Callable[[], object]:
            return lambda: self.run(self._made(**params).connect())

        return [
            opened(environment="live"),
            opened(environment="live", url=""),
            opened(url="https://live.tradovateapi.com/v1"),
            opened(url="https://demo.tradovateapi.com/v1"),
            opened(account_id=""),
            opened(password=""),
            opened(cid="8"),
            connected(password="of somebody else"),
            connected(account_id="DEMO9999999"),
        ]

    def let_pass(self, seconds: float) -> None:
        self.network.wait(seconds)

    def set_clock(self, ahead_s: float) -> None:
        self.ahead_s = ahead_s
        self.token_path.unlink()
        self.restart()

    def lose_renewals(self, count: int) -> None:
        self.sandbox.sessions.lose_renewals = count

    def logins(self) -> int:
        return self.sandbox.sessions.logins

    def _opened(self) -> TradovateBroker:
        made = self._made()
        self.run(made.connect())
        return made

    def _made(self, **params: str) -> TradovateBroker:
        return TradovateBroker(
            TradovateParams.model_validate(PARAMS | params),
            MARKETS,
            self.network,
            now_utc_ns=lambda: self.network.now_utc_ns + round(self.ahead_s * 1e9),
            token_path=self.token_path if not params else None,
        )


def _open(params: Mapping[str, str]) -> TradovateBroker:
    return TradovateBroker.open(
        params, account="futures", starting_capital_microusd=0, markets=MARKETS, state_path=None
    )


def _json(request: Request) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(request.body)
    return told


CASE = Case(name="tradovate", open=TradovateRig, lacks={})

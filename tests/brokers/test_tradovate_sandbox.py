"""Tradovate's sandbox, held against Tradovate's own description of its API; and the account that it keeps."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from brokers.sandbox.answers import Answer, Request
from brokers.sandbox.floor import Floor
from brokers.sandbox.orders import journal
from brokers.sandbox.prices import BarPrices
from brokers.sandbox.server import Server
from brokers.tradovate.adapter import TradovateBroker
from brokers.tradovate.params import TradovateParams
from brokers.tradovate.sandbox import ACCOUNT, TradovateSandbox
from brokers.tradovate.sandbox_contracts import PRODUCTS, contract_of, months, number_of
from brokers.tradovate.sandbox_server import TradovateSandboxServer
from brokers.tradovate.sandbox_sessions import LIFE_S, PASSWORD, USERNAME
from gamma.errors import ConfigInvalid, InputInvalid
from gamma.markets import MICRO
from gamma.ports import Accepted, BrokerSandbox, SandboxAnswered, SandboxOpened, SandboxOrder
from tests.brokers.desk import approve, bracket, entry
from tests.brokers.hand_prices import HandPrices
from tests.brokers.tradovate_spec import against
from tests.contract.loopback import listening
from tests.contract.tradovate import CAPITAL_MICROUSD, MARKETS, PARAMS, START_UTC_NS

NS = 10**9
LOGIN = {"name": USERNAME, "password": PASSWORD}


class Client:
    """Speaks to a sandbox by itself, and holds each answer against the description."""

    def __init__(self, sandbox: TradovateSandbox) -> None:
        self.sandbox = sandbox
        self.now_utc_ns = START_UTC_NS
        self.token = ""

    def ask(self, path: str, body: Any = None, **params: str) -> Answer:
        return self.sandbox.handle(
            Request(
                method="GET" if body is None else "POST",
                path=f"/v1{path}",
                params=params,
                headers={"authorization": f"Bearer {self.token}"},
                body=json.dumps(body).encode() if body is not None else b"",
            ),
            self.now_utc_ns,
        )

    def tell(self, path: str, message: str, body: Any = None, **params: str) -> Any:
        answer = self.ask(path, body, **params)
        told = json.loads(answer.body)
        for one in told if isinstance(told, list) else [told]:
            assert against(message, one) == []
        return told

    def log_in(self, **changes: str) -> Any:
        told = json.loads(self.ask("/auth/accesstokenrequest", LOGIN | changes).body)
        self.token = told.get("accessToken", "")
        return told


@pytest.fixture
def prices() -> HandPrices:
    return HandPrices({"MNQ": (79_999, 80_000)})


@pytest.fixture
def client(prices: HandPrices) -> Client:
    made = Client(TradovateSandbox(Floor(prices, journal(None, ACCOUNT), CAPITAL_MICROUSD)))
    made.log_in()
    return made


def order(**changes: Any) -> dict[str, Any]:
    body = {"accountSpec": ACCOUNT, "accountId": 21_001, "action": "Buy", "symbol": "MNQZ6", "orderQty": 2}
    return body | {"orderType": "Market", "isAutomated": True} | changes


def leg(kind: str, **price: float) -> dict[str, Any]:
    return {"action": "Sell", "orderType": kind, "timeInForce": "GTC", **price}


def test_all_that_it_tells_of_a_trade_is_as_the_description_says(client: Client, prices: HandPrices) -> None:
    body = order(clOrdId="a", bracket1=leg("Stop", stopPrice=19_900.25), bracket2=leg("Limit", price=20_100.0))
    told = client.tell("/order/placeOSO", "PlaceOsoResult", body)
    assert set(told) == {"orderId", "oso1Id", "oso2Id"}
    client.now_utc_ns += NS
    client.tell(
        "/order/modifyorder",
        "CommandResult",
        {"orderId": told["oso1Id"], "orderQty": 2, "orderType": "Stop", "stopPrice": 19_950},
    )
    held = client.tell("/position/list", "Position")
    assert (held[0]["netPos"], held[0]["netPrice"]) == (2, 20_000.0)
    prices.set("MNQ", 79_799, 79_800)
    client.now_utc_ns += NS
    states = {row["id"]: row["ordStatus"] for row in client.tell("/order/list", "Order")}
    assert list(states.values()) == ["Filled", "Filled", "Canceled"]
    assert [row["qty"] for row in client.tell("/fill/list", "Fill")] == [2, 2]
    assert sum(
        v for k, v in client.tell("/fillFee/list", "FillFee")[0].items() if "Currency" not in k and k != "id"
    ) == (pytest.approx(1.20))
    assert len(client.tell("/orderVersion/list", "OrderVersion")) == 4
    assert [row["commandType"] for row in client.tell("/command/list", "Command")] == ["New"] * 3 + ["Modify"]
    kinds = [row["execType"] for row in client.tell("/executionReport/list", "ExecutionReport")]
    assert kinds.count("Trade") == 2
    assert client.tell("/position/list", "Position")[0]["netPos"] == 0
    client.tell("/account/list", "Account")
    # Stopped out at 79,799: 201 ticks of 0.50 usd on 2 lots lost, and 2.40 usd paid.
    cash = client.tell("/cashBalance/getcashbalancesnapshot", "CashBalanceSnapshot", {"accountId": 21_001})
    assert cash["totalCashValue"] == cash["netLiq"] == 50_000 - 201 - 2.40


def test_contracts_and_products_are_as_the_description_says(client: Client) -> None:
    found = client.tell("/contract/find", "Contract", name="MNQZ6")
    assert client.tell("/contract/items", "Contract", ids=f"{found['id']},1") == [found]
    assert client.tell("/contract/item", "Contract", id=str(found["id"])) == found
    ends = client.tell("/contractMaturity/item", "ContractMaturity", id=str(found["contractMaturityId"]))
    assert (ends["expirationMonth"], ends["isFront"]) == (202_612, True)
    product = client.tell("/product/item", "Product", id=str(ends["productId"]))
    assert (product["name"], product["tickSize"], product["valuePerPoint"]) == ("MNQ", 0.25, 2.0)
    assert client.ask("/contract/find", name="MNQZ5").status == 404
    assert client.ask("/contract/find", name="MNQM7").status == 404  # too far off


def test_every_contract_has_a_number_of_its_own() -> None:
    for product in PRODUCTS:
        found = months(product, START_UTC_NS)
        assert [contract_of(number_of(contract)) for contract in found] == found
    with pytest.raises(InputInvalid):
        contract_of(1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"symbol": "MNQZ5"}, "InvalidContract"),
        ({"accountId": 1}, "UnknownReason"),
        ({"accountSpec": "DEMO1"}, "UnknownReason"),
        ({"orderQty": 501}, "MaxOrderQtyLimitReached"),
        ({"orderType": "Limit", "price": 20_000.1}, "InvalidPrice"),
        ({"orderType": "Stop", "price": 20_000.0}, "InvalidPrice"),
    ],
)
def test_a_refusal_is_a_200_with_a_reason(client: Client, changes: dict[str, Any], reason: str) -> None:
    answer = client.ask("/order/placeorder", order(**changes))
    told = json.loads(answer.body)
    assert against("PlaceOrderResult", told) == []
    assert (answer.status, told["failureReason"], client.sandbox.floor.orders) == (200, reason, {})


@pytest.mark.parametrize(
    "changes", [{"action": "Hold"}, {"orderQty": "2"}, {"orderType": None}, {"symbol": 7}, {"clOrdId": "x" * 65}]
)
def test_what_is_no_order_is_a_400(client: Client, changes: dict[str, Any]) -> None:
    assert client.ask("/order/placeorder", order(**changes)).status == 400
    assert client.ask("/order/placeoso", order(**changes)).status == 400


def test_nothing_is_taken_while_the_market_is_closed(client: Client) -> None:
    client.now_utc_ns += 12 * 3600 * NS  # Friday evening
    client.log_in()
    told = client.tell("/order/placeorder", "PlaceOrderResult", order())
    assert told["failureReason"] == "SessionClosed"


def test_what_is_over_is_too_late_to_cancel(client: Client) -> None:
    told = client.tell("/order/placeorder", "PlaceOrderResult", order())
    client.now_utc_ns += NS
    for path in ("/order/cancelorder", "/order/modifyorder"):
        body = {"orderId": told["orderId"], "orderQty": 2, "orderType": "Market"}
        assert client.tell(path, "CommandResult", body)["failureReason"] == "TooLate"


def test_a_liquidation_cancels_and_closes(client: Client) -> None:
    client.ask("/order/placeorder", order())
    client.ask("/order/placeorder", order(orderType="Limit", price=19_000.0))
    client.now_utc_ns += NS
    [held] = client.tell("/position/list", "Position")
    client.tell(
        "/order/liquidateposition",
        "PlaceOrderResult",
        {"accountId": 21_001, "contractId": held["contractId"], "admin": False},
    )
    client.now_utc_ns += NS
    assert client.tell("/position/list", "Position")[0]["netPos"] == 0
    assert all(row["ordStatus"] in ("Filled", "Canceled") for row in client.tell("/order/list", "Order"))


def test_names_are_taken_in_any_case_and_others_are_not_found(client: Client) -> None:
    assert client.ask("/ORDER/LIST").status == 200
    assert client.ask("/order/teleport").status == client.ask("/nothing/list").status == 404
    assert client.ask("/order/teleport", {}).status == 404
    assert client.ask("/order/placeorder", [7]).status == 400


def test_a_token_ends_and_a_third_session_ends_the_first(client: Client) -> None:
    first = client.token
    client.log_in()
    client.log_in()
    client.token, last = first, client.token
    assert client.ask("/account/list").status == 401
    client.token = last
    client.now_utc_ns += (LIFE_S - 1) * NS
    assert client.ask("/account/list").status == 200
    told = json.loads(client.ask("/auth/renewaccesstoken").body)
    assert client.ask("/account/list").status == 401
    client.token = told["accessToken"]
    client.now_utc_ns += (LIFE_S - 1) * NS
    assert client.ask("/account/list").status == 200
    client.now_utc_ns += NS
    assert client.ask("/account/list").status == 401


def test_logins_that_come_too_often_get_a_ticket_and_wrong_ones_a_captcha(client: Client) -> None:
    for _ in range(9):
        client.log_in()
    told = client.log_in()
    assert (told["p-time"], told["p-captcha"]) == (15, False)
    assert "accessToken" in client.log_in(**{"p-ticket": told["p-ticket"]})
    for _ in range(5):
        client.now_utc_ns += 60 * NS
        assert "errorText" in client.log_in(password="no")
    assert client.log_in()["p-captcha"] is True


def test_an_hour_takes_so_many_requests_and_no_more(client: Client) -> None:
    client.sandbox.sessions._sent.extend([START_UTC_NS] * 5_000)
    answer = client.ask("/account/list")
    assert (answer.status, answer.body) == (429, b"")
    client.now_utc_ns += 3_600 * NS
    assert client.ask("/account/list").status == 200


def test_an_account_goes_on_where_it_was(tmp_path: Path, prices: HandPrices) -> None:
    path = tmp_path / "sandbox.db"
    told: list[Any] = []
    for _ in range(2):
        store = journal(path, ACCOUNT)
        client = Client(TradovateSandbox(Floor(prices, store, CAPITAL_MICROUSD)))
        client.now_utc_ns += 3 * NS
        client.log_in()
        if not told:
            client.ask("/order/placeoso", order(clOrdId="a", bracket1=leg("Stop", stopPrice=19_000.0)))
            client.now_utc_ns += NS
        names = ("order", "orderVersion", "command", "fill", "fillFee", "position", "executionReport")
        told.append([json.loads(client.ask(f"/{name}/list").body) for name in names])
        store.close()
    assert told[0] == told[1]
    with pytest.raises(ConfigInvalid, match="is of the account"):
        journal(path, "another")


def test_the_adapter_trades_the_simulated_market_over_a_socket(tmp_path: Path) -> None:
    floor = Floor(BarPrices.simulated(1, ("MNQ",)), journal(None, ACCOUNT), CAPITAL_MICROUSD)
    with listening(Server(sandbox=TradovateSandbox(floor), now_utc_ns=lambda: START_UTC_NS)) as (url, came):

        async def session() -> None:
            params = TradovateParams.model_validate(PARAMS | {"url": f"{url}/v1"})
            broker = TradovateBroker(params, MARKETS, now_utc_ns=lambda: START_UTC_NS, token_path=tmp_path / "token")
            assert (await broker.connect()).equity_microusd == 50_000 * MICRO
            intent = entry("g-1-1", 1, 1)
            last = floor.prices.touch("MNQ", START_UTC_NS).last_ticks
            placed = await broker.place(approve(intent), intent, bracket(intent, last - 400, last + 400))
            assert isinstance(placed, Accepted)
            assert await broker.positions() == {"MNQ": 1}
            assert [order.client_order_id for order in await broker.open_orders()] == ["g-1-1s", "g-1-1t"]
            await broker.close()

        asyncio.run(session())
    assert all(request.headers["user-agent"] == "gamma" for request in came)


def test_it_is_served_with_what_to_put_into_the_configuration() -> None:
    opened: list[SandboxOpened] = []
    answered: list[SandboxAnswered] = []
    order = SandboxOrder(port=0, seed=1, capital_usd=50_000, faults="", state_path=None)
    assert isinstance(TradovateSandboxServer(), BrokerSandbox)

    async def trial() -> None:
        ready = asyncio.Event()

        def hear(told: SandboxOpened) -> None:
            opened.append(told)
            ready.set()

        serving = asyncio.create_task(TradovateSandboxServer().serve(order, hear, answered.append))
        await ready.wait()
        settings = dict(opened[0].settings)
        TradovateParams.model_validate(settings)
        broker = TradovateBroker.open(
            settings, account="futures", starting_capital_microusd=0, markets=MARKETS, state_path=None
        )
        await broker.connect()
        await broker.close()
        async with httpx.AsyncClient() as client:
            await client.post(f"{opened[0].url}/auth/accesstokenrequest", json=LOGIN | {"password": "no"})
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving

    asyncio.run(trial())
    assert [told.path for told in answered][:2] == ["/v1/auth/accesstokenrequest", "/v1/account/list"]
    assert answered[-1].text.startswith("Incorrect username")
    assert PASSWORD not in {word for told in answered for word in told.asked.split()}

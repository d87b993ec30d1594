"""OANDA's sandbox on loopback: driven by clients that are not ours, and it goes on where it was."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brokers.oanda.adapter import OandaBroker
from brokers.oanda.params import OandaParams
from brokers.oanda.sandbox import ACCOUNT, TOKEN, OandaSandbox
from brokers.oanda.sandbox_server import OandaSandboxServer
from brokers.sandbox.faults import NOT_CARRIED_OUT, Fault, Faults
from brokers.sandbox.prices import BarPrices
from brokers.sandbox.server import Server
from gamma.clock import NS
from gamma.events import OrderType
from gamma.feeds.sim import SimFeed
from gamma.ports import Accepted, Found, Lost, Placed, Rejected, SandboxOpened, SandboxOrder
from tests.brokers.desk import approve, entry
from tests.brokers.hand_prices import HandPrices
from tests.brokers.oandapy import importing, speaking_to
from tests.contract.loopback import listening
from tests.contract.oanda import ASK, BID, GOLD, MARKETS, PARAMS, START_UTC_NS, served


class Wall:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now_utc_ns = START_UTC_NS

    def __call__(self) -> int:
        return self.now_utc_ns

    def wait(self, seconds: float) -> None:
        self.now_utc_ns += round(seconds * NS)


@pytest.fixture
def loopback() -> Iterator[tuple[str, OandaSandbox, Wall]]:
    """A sandbox that trades the simulated market at 10:00 in New York."""
    wall, sandbox = Wall(), served(BarPrices.simulated(1, (GOLD,)), None)
    with listening(Server(sandbox=sandbox, now_utc_ns=wall)) as (url, _):
        yield url, sandbox, wall


def test_anothers_client_trades_a_whole_session(loopback: tuple[str, OandaSandbox, Wall]) -> None:
    url, _, wall = loopback
    with importing():
        from oandapyV20.contrib import requests as made
        from oandapyV20.endpoints import accounts, instruments, orders, positions, pricing, trades, transactions
    with speaking_to(url, TOKEN) as api:
        assert api.request(accounts.AccountList())["accounts"][0]["id"] == ACCOUNT
        [gold] = api.request(accounts.AccountInstruments(ACCOUNT, {"instruments": GOLD}))["instruments"]
        assert gold["tradeUnitsPrecision"] == 2
        candles = api.request(instruments.InstrumentsCandles(GOLD, {"granularity": "M5", "count": 10}))["candles"]
        assert len(candles) == 10
        assert all(candle["complete"] for candle in candles[:-1])

        waits = made.LimitOrderRequest(GOLD, "0.15", price="1500", clientExtensions={"id": "g-1-1"})
        answer = api.request(orders.OrderCreate(ACCOUNT, waits.data))
        assert set(answer) == {"orderCreateTransaction", "relatedTransactionIDs", "lastTransactionID"}
        wall.wait(1)
        [listed] = api.request(orders.OrdersPending(ACCOUNT))["orders"]
        assert (listed["state"], listed["clientExtensions"]["id"]) == ("PENDING", "g-1-1")
        api.request(orders.OrderCancel(ACCOUNT, "@g-1-1"))
        assert api.request(orders.OrderDetails(ACCOUNT, "@g-1-1"))["order"]["state"] == "CANCELLED"

        [price] = api.request(pricing.PricingInfo(ACCOUNT, {"instruments": GOLD}))["prices"]
        bid, ask = price["bids"][0]["price"], price["asks"][0]["price"]
        assert float(bid) < float(ask)
        stop = made.StopLossDetails(price="1500", clientExtensions={"id": "g-1-2s"}).data
        bought = made.MarketOrderRequest(GOLD, "0.30", stopLossOnFill=stop, clientExtensions={"id": "g-1-2"})
        filled = api.request(orders.OrderCreate(ACCOUNT, bought.data))["orderFillTransaction"]
        assert (filled["price"], filled["units"], filled["clientOrderID"]) == (ask, "0.30", "g-1-2")
        [trade] = api.request(trades.OpenTrades(ACCOUNT))["trades"]
        assert trade["stopLossOrder"]["price"] == "1500.00000"
        [position] = api.request(positions.OpenPositions(ACCOUNT))["positions"]
        assert (position["long"]["units"], position["short"]["units"]) == ("0.30", "0")
        out = made.MarketOrderRequest(GOLD, "-0.30", positionFill="REDUCE_ONLY")
        closed = api.request(orders.OrderCreate(ACCOUNT, out.data))["orderFillTransaction"]
        [part] = closed["tradesClosed"]
        assert (part["tradeID"], part["realizedPL"]) == (trade["id"], closed["pl"])
        assert api.request(positions.OpenPositions(ACCOUNT))["positions"] == []
        since = api.request(transactions.TransactionsSinceID(ACCOUNT, {"id": filled["id"]}))["transactions"]
        assert [row["type"] for row in since] == ["STOP_LOSS_ORDER", "MARKET_ORDER", "ORDER_FILL", "ORDER_CANCEL"]
        assert since[-1]["reason"] == "LINKED_TRADE_CLOSED"
        told = api.request(accounts.AccountSummary(ACCOUNT))["account"]
        # 0.30 oz bought at the ask and sold at the bid
        assert float(told["balance"]) == pytest.approx(50_000 + 0.30 * (float(bid) - float(ask)), abs=1e-4)


def test_anothers_client_is_told_what_is_wrong(loopback: tuple[str, OandaSandbox, Wall]) -> None:
    url, sandbox, _ = loopback
    with importing():
        from oandapyV20.endpoints import accounts, orders
        from oandapyV20.exceptions import V20Error

    def order(**fields: Any) -> Any:
        return orders.OrderCreate(ACCOUNT, {"order": {"type": "MARKET", "instrument": GOLD, "units": "0.15", **fields}})

    waits = {"type": "LIMIT", "price": "1500", "clientExtensions": {"id": "g-1-1"}}
    wrong: dict[str, dict[str, Any]] = {
        "CLIENT_ORDER_ID_ALREADY_EXISTS": waits,
        "UNITS_PRECISION_EXCEEDED": {"units": "0.123"},
        "UNITS_MIMIMUM_NOT_MET": {"units": "0.10"},
        "UNITS_INVALID": {"units": "many"},
        "PRICE_PRECISION_EXCEEDED": {"type": "LIMIT", "price": "1500.123"},
        "PRICE_MISSING": {"type": "STOP"},
        "TIME_IN_FORCE_INVALID": {"timeInForce": "GTC"},
        "INSTRUMENT_UNKNOWN": {"instrument": "EUR_USD"},
        "STOP_LOSS_ON_FILL_PRICE_PRECISION_EXCEEDED": {"stopLossOnFill": {"price": "1.001"}},
    }
    with speaking_to(url, TOKEN) as api:
        api.request(order(**waits))
        for reason, fields in wrong.items():
            before = sandbox.log.last
            with pytest.raises(V20Error, match=reason) as told:
                api.request(order(**fields))
            assert told.value.code == 400
            assert sandbox.log.rows[before]["rejectReason"] == reason
        for request, code in ((orders.OrderCancel(ACCOUNT, "99"), 404), (orders.OrderDetails(ACCOUNT, "@no"), 404)):
            with pytest.raises(V20Error) as told:
                api.request(request)
            assert told.value.code == code
        with pytest.raises(V20Error, match=r"order\.units"):
            api.request(order(units=1))
    with speaking_to(url, "of nobody") as api, pytest.raises(V20Error, match="Insufficient authorization"):
        api.request(accounts.AccountList())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_brokers_own_client_understands_every_answer(loopback: tuple[str, OandaSandbox, Wall]) -> None:
    v20 = pytest.importorskip("v20", reason="v20 has no wheel: pip install v20", exc_type=ImportError)
    url, _, wall = loopback
    host, _, port = url.removeprefix("http://").partition(":")
    context = v20.Context(host, int(port), ssl=False, token=TOKEN)
    stop = v20.transaction.StopLossDetails(price="1500", clientExtensions={"id": "g-1-1s"})
    placed = context.order.market(
        ACCOUNT,
        instrument=GOLD,
        units="0.30",
        timeInForce="FOK",
        clientExtensions=v20.transaction.ClientExtensions(id="g-1-1"),
        stopLossOnFill=stop,
    )
    assert placed.status == 201
    made, filled = placed.get("orderCreateTransaction"), placed.get("orderFillTransaction")
    assert isinstance(made, v20.transaction.MarketOrderTransaction)
    assert isinstance(filled, v20.transaction.OrderFillTransaction)
    assert (filled.orderID, filled.clientOrderID, filled.tradeOpened.units) == (made.id, "g-1-1", 0.30)
    wall.wait(1)
    assert isinstance(context.order.get(ACCOUNT, "@g-1-1").get("order"), v20.order.MarketOrder)
    stop_order = context.order.get(ACCOUNT, "@g-1-1s").get("order")
    assert isinstance(stop_order, v20.order.StopLossOrder)
    moved = context.order.stop_loss_replace(ACCOUNT, stop_order.id, tradeID=stop_order.tradeID, price="1501")
    assert moved.get("orderCancelTransaction").replacedByOrderID == moved.get("orderCreateTransaction").id
    refused = context.order.limit(ACCOUNT, instrument=GOLD, units="0.15", price="1500.123")
    assert refused.status == 400
    assert isinstance(refused.get("orderRejectTransaction"), v20.transaction.LimitOrderRejectTransaction)
    lacking = context.order.market(ACCOUNT, instrument=GOLD, units="6000")
    assert lacking.get("orderCancelTransaction").reason == "INSUFFICIENT_MARGIN"
    wall.wait(24 * 3600)
    told = context.transaction.since(ACCOUNT, id="0").get("transactions")
    kinds = {type(row).__name__ for row in told}
    assert kinds >= {"TransferFundsTransaction", "DailyFinancingTransaction", "OrderCancelTransaction"}
    assert "Transaction" not in kinds, "each is of a kind that it knows"
    account = context.account.get(ACCOUNT).get("account")
    assert (account.currency, account.openTradeCount, len(account.trades)) == ("USD", 1, 1)
    [price] = context.pricing.get(ACCOUNT, instruments=GOLD).get("prices")
    assert price.status == "non-tradeable"
    assert context.instrument.candles(GOLD, granularity="H1", count=5).get("candles")[0].complete
    [position] = context.position.list_open(ACCOUNT).get("positions")
    assert position.long.units == 0.30


def test_candles_are_the_bars_that_the_daemon_sees_under_the_same_seed(
    loopback: tuple[str, OandaSandbox, Wall],
) -> None:
    url, *_ = loopback
    broker = OandaBroker(OandaParams.model_validate(PARAMS | {"url": f"{url}/v3"}), MARKETS)
    since = START_UTC_NS - 3600 * NS

    async def asked() -> Any:
        try:
            return await broker.bars(GOLD, 300, since)
        finally:
            await broker.close()

    bars = asyncio.run(asked())
    wanted = SimFeed(markets=(GOLD,), seed=1, bar_s=300).history(GOLD, START_UTC_NS, 12)
    columns = ("ts_open_utc_ns", "ts_close_utc_ns", "open_points", "high_points", "low_points", "close_points")
    assert [[getattr(b, c) for c in columns] for b in bars] == [[getattr(b, c) for c in columns] for b in wanted]


KINDS = {
    Fault.LOSE_REQUEST: Lost,
    Fault.LOSE_ANSWER: Lost,
    Fault.CUT_ANSWER: Lost,
    Fault.ERROR_BEFORE: Lost,
    Fault.ERROR_AFTER: Lost,
    Fault.BUSY: Rejected,
}


@pytest.mark.parametrize(("fault", "kind"), KINDS.items(), ids=str)
def test_a_fault_on_the_wire_is_told_as_it_is(fault: Fault, kind: type[Placed]) -> None:
    sandbox = served(HandPrices({GOLD: (BID, ASK)}), None)
    server = Server(sandbox=sandbox, now_utc_ns=(wall := Wall()), faults=Faults({fault: 1.0}))

    async def placed(url: str) -> tuple[Placed, Any]:
        broker = OandaBroker(OandaParams.model_validate(PARAMS | {"url": f"{url}/v3"}), MARKETS)
        intent = entry("g-1-1", 1, 1, GOLD)
        first = await broker.place(approve(intent), intent, ())
        server.faults = Faults({})
        wall.wait(1)
        found = await broker.find("g-1-1")
        await broker.close()
        return first, found

    with listening(server) as (url, _):
        first, found = asyncio.run(placed(url))
    assert isinstance(first, kind)
    assert len(sandbox.log.orders) == (fault not in NOT_CARRIED_OUT)
    assert isinstance(found, Found) == (fault not in NOT_CARRIED_OUT)


def test_the_account_goes_on_where_it_was(tmp_path: Path) -> None:
    async def session(expect: int) -> None:
        opened: asyncio.Queue[SandboxOpened] = asyncio.Queue()
        order = SandboxOrder(port=0, seed=1, capital_usd=25_000.0, faults="", state_path=tmp_path / "account.db")
        serving = asyncio.create_task(OandaSandboxServer().serve(order, opened.put_nowait, lambda _: None))
        broker = OandaBroker(OandaParams.model_validate((await opened.get()).settings), MARKETS)
        assert (await broker.connect()).equity_microusd == 25_000_000_000
        assert len((await broker.fills_since("")).fills) == 0
        intent = entry(f"g-1-{expect}", 1, 1, GOLD, order_type=OrderType.LIMIT, price_ticks=100_000)
        assert isinstance(await broker.place(approve(intent), intent, ()), Accepted)
        orders = await broker.open_orders()
        while len(orders) < expect:  # it shows after 0.4 s
            await asyncio.sleep(0.05)
            orders = await broker.open_orders()
        assert [o.client_order_id for o in orders] == [f"g-1-{n + 1}" for n in range(expect)]
        await broker.close()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    for expect in (1, 2):
        asyncio.run(session(expect))

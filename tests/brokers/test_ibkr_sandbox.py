"""The sandbox is taken for real: ib_async's own `IB`, which knows nothing of the adapter, trades a whole session."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ib_async import IB, Bag, ComboLeg, Future, Index, LimitOrder, MarketOrder, Option, StopOrder, Trade

from brokers.ibkr.sandbox import ACCOUNT, IbkrSandbox
from brokers.ibkr.sandbox_server import IbkrSandboxServer, SocketServer
from brokers.sandbox.faults import faults_of
from brokers.sandbox.option_market import SimulatedOptions
from brokers.sandbox.orders import journal
from brokers.sandbox.prices import BarPrices
from brokers.sandbox.tickets import Store
from gamma.errors import ConfigInvalid, InputInvalid
from gamma.ports import BrokerSandbox, SandboxAnswered, SandboxOpened, SandboxOrder
from tests.brokers.hand_prices import HandPrices
from tests.brokers.option_quotes import SHORT, HandQuotes
from tests.contract.ibkr import ASK, BID, CAPITAL_USD, LIMIT, START_UTC_NS

_BAG: Any = Bag
Session = Callable[[Any, "Place"], Coroutine[Any, Any, None]]


class Place:
    """A sandbox that listens, and its markets in the hands of a test."""

    def __init__(self, path: Path | None = None, *, commission_s: float = 0.0) -> None:
        self.prices = HandPrices({"MNQ": (BID, ASK)})
        self.quotes = HandQuotes()
        stores = (journal(path, ACCOUNT), Store(path, ACCOUNT))
        self.sandbox = IbkrSandbox(self.prices, self.quotes, stores, capital_usd=CAPITAL_USD, commission_s=commission_s)
        self.server = SocketServer(sandbox=self.sandbox, now_utc_ns=lambda: START_UTC_NS, tick_s=0.01)


def trade(session: Session, place: Place | None = None) -> None:
    """Let a client trade a session."""

    async def run() -> None:
        where = place or Place()
        async with where.server.listening() as port:
            ib = IB()
            ib.RaiseRequestErrors = True
            await ib.connectAsync("127.0.0.1", port, clientId=3, raiseSyncErrors=True)
            try:
                await session(ib, where)
            finally:
                ib.disconnect()

    asyncio.run(run())


async def until(so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(5):
        while not so():  # noqa: ASYNC110  (a client's state, which tells nobody)
            await asyncio.sleep(0.005)


async def mnq(ib: Any) -> Future:
    [found] = await ib.qualifyContractsAsync(Future("MNQ", "202612", "CME"))
    assert isinstance(found, Future)
    return found


def status(trade: Trade) -> tuple[str, float, float]:
    return trade.orderStatus.status, trade.orderStatus.filled, trade.orderStatus.remaining


def test_anothers_client_is_told_everything_that_it_asks_when_it_connects() -> None:
    async def session(ib: Any, _: Place) -> None:
        assert ib.managedAccounts() == [ACCOUNT]
        assert ib.positions() == [] == ib.openTrades()
        values = {row.tag: row.value for row in ib.accountValues(ACCOUNT) if row.currency == "USD"}
        assert values["NetLiquidation"] == "50000.00"
        summary = {row.tag: row.value for row in await ib.accountSummaryAsync(ACCOUNT)}
        assert summary["AvailableFunds"] == "50000.00"
        assert (await ib.reqCurrentTimeAsync()).timestamp() * 10**9 == START_UTC_NS

    trade(session)


def test_anothers_client_trades_a_future() -> None:
    async def session(ib: Any, place: Place) -> None:
        contract = await mnq(ib)
        assert (contract.localSymbol, contract.multiplier) == ("MNQZ6", "2")
        order = ib.placeOrder(contract, LimitOrder("BUY", 3, LIMIT / 4, orderRef="mine"))
        await until(lambda: order.orderStatus.status == "Submitted")
        place.sandbox.floor.depth_lots = 2
        place.prices.set("MNQ", LIMIT - 1, LIMIT)
        await until(lambda: order.orderStatus.filled >= 2)
        place.sandbox.floor.depth_lots = None
        await until(order.isDone)
        assert status(order) == ("Filled", 3, 0)
        assert [fill.execution.cumQty for fill in order.fills] == [2, 3]
        await until(lambda: all(fill.commissionReport.execId for fill in order.fills))
        assert [fill.commissionReport.commission for fill in order.fills] == [1.2, 0.6]
        [held] = await ib.reqPositionsAsync()
        assert (held.contract.conId, held.position, held.avgCost) == (contract.conId, 3, LIMIT / 4 * 2)
        [ended] = await ib.reqCompletedOrdersAsync(False)
        assert (ended.order.orderRef, ended.orderStatus.status) == ("mine", "Filled")
        assert len(await ib.reqExecutionsAsync()) == 2

    trade(session)


def test_anothers_client_changes_and_cancels_an_order() -> None:
    async def session(ib: Any, place: Place) -> None:
        order = ib.placeOrder(await mnq(ib), LimitOrder("BUY", 1, LIMIT / 4))
        await until(lambda: order.orderStatus.status == "Submitted")
        order.order.lmtPrice = (LIMIT + 4) / 4
        ib.placeOrder(order.contract, order.order)
        await until(lambda: place.sandbox.exchange.orders()[0].limit_points == Decimal(LIMIT + 4) / 4)
        assert {shown.order.lmtPrice for shown in await ib.reqAllOpenOrdersAsync()} == {(LIMIT + 4) / 4}
        ib.cancelOrder(order.order)
        await until(lambda: order.orderStatus.status == "Cancelled")
        assert place.sandbox.exchange.orders()[0].word == "Cancelled"

    trade(session)


def test_a_bracket_of_anothers_client_is_let_go_by_its_last_order_and_one_half_ends_the_other() -> None:
    async def session(ib: Any, place: Place) -> None:
        contract, orders = await mnq(ib), ib.bracketOrder("BUY", 1, ASK / 4, (ASK + 400) / 4, (ASK - 400) / 4)
        trades = [ib.placeOrder(contract, each) for each in orders[:2]]
        await asyncio.sleep(0.05)
        assert place.sandbox.exchange.orders() == []
        trades.append(ib.placeOrder(contract, orders[2]))
        await until(trades[0].isDone)
        place.prices.set("MNQ", ASK + 400, ASK + 401)
        await until(lambda: all(each.isDone() for each in trades))
        assert [each.orderStatus.status for each in trades] == ["Filled", "Filled", "Cancelled"]

    trade(session)


@pytest.mark.parametrize("bought", [True, False])
def test_anothers_client_sells_a_spread_for_a_credit_whichever_way_round_it_is_written(*, bought: bool) -> None:
    async def session(ib: Any, place: Place) -> None:
        legs = [Option("SPX", "20261120", strike, "P", "SMART", tradingClass="SPXW") for strike in (5800, 5790)]
        short, long = await ib.qualifyContractsAsync(*legs)
        assert isinstance(short, Option)
        assert isinstance(long, Option)
        assert short.localSymbol == "SPXW  261120P05800000"
        ratio = ("SELL", "BUY") if bought else ("BUY", "SELL")
        parts = [
            ComboLeg(conId=leg.conId, ratio=1, action=side, exchange="SMART")
            for leg, side in zip((short, long), ratio, strict=True)
        ]
        bag = _BAG(symbol="SPX", exchange="SMART", currency="USD", comboLegs=parts)
        sent = LimitOrder("BUY", 2, -1.25) if bought else LimitOrder("SELL", 2, 1.25)
        order = ib.placeOrder(bag, sent)
        await until(lambda: order.orderStatus.status == "Submitted")
        place.quotes.set(SHORT, "1.65", "1.75")
        await until(order.isDone)
        whole = [fill.execution for fill in order.fills if fill.contract.secType == "BAG"]
        assert [(e.side, e.shares, e.price) for e in whole] == [("BOT", 2, -1.25) if bought else ("SLD", 2, 1.25)]
        assert {h.contract.conId: h.position for h in await ib.reqPositionsAsync()} == {short.conId: -2, long.conId: 2}
        await until(lambda: sum(f.commissionReport.commission for f in order.fills) == 2.6)

    trade(session)


def test_what_is_refused_is_refused_with_the_code_that_it_has_there() -> None:
    async def session(ib: Any, place: Place) -> None:
        contract = await mnq(ib)
        codes: list[int] = []
        ib.errorEvent += lambda _, code, *__: codes.append(code)
        ib.placeOrder(contract, LimitOrder("BUY", 1, 19_750.1))
        ib.placeOrder(contract, LimitOrder("BUY", 1, 19_750.0, account="DU7777777"))
        ib.client.cancelOrder(999)
        ib.placeOrder(contract, StopOrder("SELL", 1, 0))
        place.sandbox.floor.refuse_next.append("INSUFFICIENT MARGIN")
        order = ib.placeOrder(contract, MarketOrder("BUY", 1))
        await until(order.isDone)
        assert codes == [110, 321, 10147, 109, 201]
        filled = ib.placeOrder(contract, MarketOrder("BUY", 1))
        await until(filled.isDone)
        ib.client.cancelOrder(filled.order.orderId)
        await until(lambda: codes[-1] == 10148)
        ib.client.placeOrder(filled.order.orderId, contract, filled.order)
        await until(lambda: codes[-1] == 104)

    trade(session)


def test_one_client_cannot_take_anothers_number_and_sees_its_orders() -> None:
    async def session(ib: Any, place: Place) -> None:
        order = ib.placeOrder(await mnq(ib), LimitOrder("BUY", 1, LIMIT / 4, orderRef="of three"))
        await until(lambda: order.orderStatus.status == "Submitted")
        second, third = IB(), IB()
        with pytest.raises((ConnectionError, TimeoutError)):
            await second.connectAsync("127.0.0.1", ib.client.port, clientId=3, timeout=0.2)
        await third.connectAsync("127.0.0.1", ib.client.port, clientId=4)
        assert third.openOrders() == []
        [seen] = await third.reqAllOpenOrdersAsync()
        assert (seen.order.clientId, seen.order.orderRef) == (3, "of three")
        third.disconnect()
        assert len(place.sandbox.exchange.orders()) == 1

    trade(session)


def test_markets_are_quoted_listed_and_kept_in_bars() -> None:
    place = Place()
    sandbox = IbkrSandbox(
        BarPrices.simulated(7, ("MNQ",)),
        SimulatedOptions(7, ("SPX",)),
        (journal(None, ACCOUNT), Store(None, ACCOUNT)),
        capital_usd=CAPITAL_USD,
    )
    place.sandbox = place.server.sandbox = sandbox

    async def session(ib: Any, _: Place) -> None:
        contract = await mnq(ib)
        [ticker] = await ib.reqTickersAsync(contract)
        assert 0 < ticker.bid < ticker.ask
        bars = await ib.reqHistoricalDataAsync(
            contract, "", "1800 S", "1 min", "TRADES", useRTH=False, formatDate=2, timeout=5
        )
        assert len(bars) == 30
        assert bars[-1].date.timestamp() == START_UTC_NS / 10**9 - 60
        [index] = await ib.qualifyContractsAsync(Index("SPX", "CBOE"))
        assert isinstance(index, Index)
        [listed] = await ib.reqSecDefOptParamsAsync("SPX", "", "IND", index.conId)
        assert (listed.tradingClass, listed.expirations[0]) == ("SPXW", "20261120")
        [option] = await ib.qualifyContractsAsync(
            Option("SPX", listed.expirations[0], listed.strikes[60], "P", "SMART", tradingClass="SPXW")
        )
        [ticker] = await ib.reqTickersAsync(option)
        assert ticker.modelGreeks is not None
        assert -1 < (ticker.modelGreeks.delta or 0) < 0 < (ticker.modelGreeks.impliedVol or 0) < 1

    trade(session, place)


def test_an_account_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "ibkr.db"

    async def buy(ib: Any, _: Place) -> None:
        order = ib.placeOrder(await mnq(ib), MarketOrder("BUY", 2, orderRef="before"))
        await until(order.isDone)

    async def look(ib: Any, _: Place) -> None:
        [held] = ib.positions()
        assert held.position == 2
        assert [fill.execution.orderRef for fill in ib.fills()] == ["before"]
        assert ib.client.getReqId() > 1

    trade(buy, Place(path))
    trade(look, Place(path))


@pytest.mark.parametrize(
    ("faults", "carried_out"), [("lose_request=1", False), ("lose_answer=1", True), ("cut_answer=1", True)]
)
def test_a_message_is_lost_with_the_connection_before_or_after_it_was_carried_out(
    faults: str, *, carried_out: bool
) -> None:
    async def session(ib: Any, place: Place) -> None:
        contract = await mnq(ib)
        place.server.faults = faults_of(faults)
        ib.placeOrder(contract, LimitOrder("BUY", 1, LIMIT / 4))
        await until(lambda: not ib.isConnected())
        assert len(place.sandbox.exchange.orders()) == carried_out

    trade(session)


def test_an_outage_behind_tws_is_told() -> None:
    async def session(ib: Any, place: Place) -> None:
        codes: list[int] = []
        ib.errorEvent += lambda _, code, *__: codes.append(code)
        place.server.faults = faults_of("error_before=1")
        ib.client.reqCurrentTime()
        await until(lambda: codes == [1100])

    trade(session)


def test_the_sandbox_serves_and_says_how_to_trade_there(tmp_path: Path) -> None:
    served = IbkrSandboxServer()
    assert isinstance(served, BrokerSandbox)
    opened: list[SandboxOpened] = []
    answered: list[SandboxAnswered] = []

    def order(**fields: Any) -> SandboxOrder:
        given: dict[str, Any] = {
            "port": 0,
            "seed": 7,
            "capital_usd": 50_000.0,
            "faults": "",
            "state_path": tmp_path / "state.db",
        }
        return SandboxOrder(**(given | fields))

    async def run() -> None:
        serving: Awaitable[None] = asyncio.create_task(served.serve(order(), opened.append, answered.append))
        await until(lambda: bool(opened))
        ib = IB()
        await ib.connectAsync("127.0.0.1", int(str(opened[0].settings["port"])), clientId=1)
        ib.disconnect()
        serving.cancel()  # type: ignore[attr-defined]
        with pytest.raises(asyncio.CancelledError):
            await serving

    asyncio.run(run())
    assert opened[0].settings["account_id"] == ACCOUNT
    assert {"startApi", "reqExecutions"} <= {told.path for told in answered}
    with pytest.raises(InputInvalid, match="known"):
        asyncio.run(served.serve(order(faults="nonsense=1"), opened.append, answered.append))
    with pytest.raises(ConfigInvalid, match="another"):
        asyncio.run(served.serve(order(capital_usd=1.0), opened.append, answered.append))


def test_a_port_that_is_taken_is_told() -> None:
    async def run() -> None:
        async with Place().server.listening() as port:
            with pytest.raises(InputInvalid, match=f"--port {port}"):
                async with Place().server.listening(port):
                    pass

    asyncio.run(run())

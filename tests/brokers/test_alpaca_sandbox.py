"""Alpaca's sandbox on loopback: driven by alpaca-py, whose models read every answer; and the command that starts it."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from brokers.alpaca.adapter import AlpacaBroker
from brokers.alpaca.params import AlpacaParams, FeeRates
from brokers.alpaca.sandbox import ACCOUNT, KEY_ID, SECRET, AlpacaSandbox
from brokers.sandbox.option_market import SimulatedOptions
from brokers.sandbox.prices import BarPrices
from brokers.sandbox.server import Server
from brokers.sandbox.tickets import Store
from gamma.errors import InputInvalid
from gamma.events import Leg, OrderState
from gamma.ports import Accepted, BrokerAccount, Found
from tests.brokers.desk import approve
from tests.contract.alpaca import CAPITAL_USD, MARKETS, START_UTC_NS, sold
from tests.contract.loopback import listening

FUNDS = ("SPY", "QQQ", "IWM")


@pytest.fixture(scope="module")
def sandbox_url() -> Iterator[tuple[AlpacaSandbox, str]]:
    """A sandbox that trades a simulated market at 10:00 in New York, and charges what live does."""
    quotes, prices = SimulatedOptions(1, FUNDS), BarPrices.simulated(1, FUNDS)
    store = Store(None, ACCOUNT)
    sandbox = AlpacaSandbox(quotes, store, capital_usd=CAPITAL_USD, rates=FeeRates(), prices=prices)
    with listening(Server(sandbox=sandbox, now_utc_ns=lambda: START_UTC_NS)) as (url, _):
        yield sandbox, url


@pytest.fixture
def trading(sandbox_url: tuple[AlpacaSandbox, str]) -> Any:
    from alpaca.trading.client import TradingClient

    return TradingClient(KEY_ID, SECRET, paper=True, url_override=sandbox_url[1])


def spread(trading: Any, url: str) -> tuple[str, str, float]:
    """A spread of puts below the price as its client finds it, and what it brings in."""
    from alpaca.data.historical import OptionHistoricalDataClient, StockHistoricalDataClient
    from alpaca.data.requests import OptionChainRequest, StockLatestTradeRequest
    from alpaca.trading.requests import GetOptionContractsRequest

    stocks = StockHistoricalDataClient(KEY_ID, SECRET, url_override=url)
    options = OptionHistoricalDataClient(KEY_ID, SECRET, url_override=url)
    spot = stocks.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols="SPY"))["SPY"].price
    monday = date(2026, 11, 23)  # without a last day, contracts are told until the next weekend alone
    asked = GetOptionContractsRequest(underlying_symbols=["SPY"], expiration_date=monday, limit=500)
    contracts = trading.get_option_contracts(asked).option_contracts
    assert {one.style.value for one in contracts} == {"american"}
    day = min(one.expiration_date for one in contracts)
    chain: Any = options.get_option_chain(OptionChainRequest(underlying_symbol="SPY", expiration_date=day))
    strikes = {one.symbol: one.strike_price for one in contracts if one.type.value == "put"}
    below = sorted((strike, symbol) for symbol, strike in strikes.items() if strike < spot - 3 and symbol in chain)
    (_, long), (_, short) = below[-2:]
    assert -1 < chain[short].greeks.delta < 0 < chain[short].implied_volatility
    return short, long, round(chain[short].latest_quote.bid_price - chain[long].latest_quote.ask_price, 2)


def ordered(symbols: tuple[str, str], client_order_id: str, *, price: float | None, closes: bool = False) -> Any:
    from alpaca.trading.enums import OrderClass, OrderSide, PositionIntent, TimeInForce
    from alpaca.trading.requests import LimitOrderRequest, MarketOrderRequest, OptionLegRequest

    words = ("buy_to_close", "sell_to_close") if closes else ("sell_to_open", "buy_to_open")
    legs = [
        OptionLegRequest(
            symbol=s, ratio_qty=1, side=OrderSide(word.partition("_")[0]), position_intent=PositionIntent(word)
        )
        for s, word in zip(symbols, words, strict=True)
    ]
    fixed: dict[str, Any] = {"order_class": OrderClass.MLEG, "time_in_force": TimeInForce.DAY, "qty": 2, "legs": legs}
    if price is None:
        return MarketOrderRequest(client_order_id=client_order_id, **fixed)
    return LimitOrderRequest(client_order_id=client_order_id, limit_price=price, **fixed)


def test_anothers_client_trades_a_whole_session(trading: Any, sandbox_url: tuple[AlpacaSandbox, str]) -> None:
    from alpaca.trading.enums import OrderStatus, QueryOrderStatus
    from alpaca.trading.models import NonTradeActivity, TradeActivity
    from alpaca.trading.requests import GetCalendarRequest, GetOrdersRequest

    _, url = sandbox_url
    account = trading.get_account()
    assert (account.account_number, account.cash, account.options_trading_level) == (ACCOUNT, "50000", 3)
    assert trading.get_clock().is_open
    [day] = trading.get_calendar(GetCalendarRequest(start=date(2026, 11, 20), end=date(2026, 11, 20)))
    assert (day.open.hour, day.close.hour) == (9, 16)
    short, long, natural = spread(trading, url)
    assert natural > 0

    resting = trading.submit_order(ordered((short, long), "g-1-1", price=-(natural + 0.5)))
    assert (resting.status, resting.legs[0].symbol) == (OrderStatus.PENDING_NEW, short)
    assert trading.get_order_by_id(resting.id).status is OrderStatus.NEW
    trading.cancel_order_by_id(resting.id)
    assert trading.get_order_by_client_id("g-1-1").status is OrderStatus.CANCELED

    entered = trading.submit_order(ordered((short, long), "g-1-2", price=-natural))
    done = trading.get_order_by_id(entered.id)
    assert (done.status, done.filled_qty, float(done.filled_avg_price)) == (OrderStatus.FILLED, "2", -natural)
    orders = trading.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL, nested=True))
    assert {order.client_order_id for order in orders} == {"g-1-1", "g-1-2"}
    assert {p.symbol: p.qty for p in trading.get_all_positions()} == {short: "-2", long: "2"}
    assert trading.get_open_position(short).side.value == "short"

    fills = [TradeActivity(**row) for row in trading.get("/account/activities/FILL")]
    assert {(fill.symbol, fill.qty) for fill in fills} == {(short, 2.0), (long, 2.0)}
    assert {str(fill.order_id) for fill in fills} == {str(leg.id) for leg in done.legs}
    fees = [NonTradeActivity(**row) for row in trading.get("/account/activities/FEE")]
    cash = float(trading.get_account().cash)
    assert cash == pytest.approx(50_000 + 200 * natural + sum(fee.net_amount for fee in fees))
    trading.submit_order(ordered((short, long), "g-1-3", price=None, closes=True))
    trading.get_clock()
    assert trading.get_all_positions() == []


def test_anothers_client_is_told_what_is_wrong(trading: Any, sandbox_url: tuple[AlpacaSandbox, str]) -> None:
    from alpaca.common.exceptions import APIError
    from alpaca.trading.client import TradingClient

    short, long, natural = spread(trading, sandbox_url[1])
    trading.submit_order(ordered((short, long), "g-2-1", price=-5.0))
    with pytest.raises(APIError, match="client_order_id must be unique") as twice:
        trading.submit_order(ordered((short, long), "g-2-1", price=-5.0))
    assert (twice.value.status_code, twice.value.code) == (422, 40010001)
    with pytest.raises(APIError, match="sub-penny"):
        trading.submit_order(ordered((short, long), "g-2-2", price=-natural - 0.001))
    with pytest.raises(APIError, match="not found"):
        trading.submit_order(ordered(("SPXW261120P06200000", long), "g-2-3", price=-1.0))
    with pytest.raises(APIError, match="no position to close"):
        trading.submit_order(ordered((short, long), "g-2-4", price=None, closes=True))
    with pytest.raises(APIError, match="not found"):
        trading.get_order_by_client_id("g-2-9")
    with pytest.raises(APIError, match="not authorized"):
        TradingClient("PKOTHER", SECRET, paper=True, url_override=sandbox_url[1]).get_account()
    with pytest.raises(APIError, match="insufficient qty"):
        trading.replace_order_by_id(trading.get_order_by_client_id("g-2-1").id)
    [canceled] = trading.cancel_orders()
    assert canceled.status == 200
    with pytest.raises(APIError, match="already in") as late:
        trading.cancel_order_by_id(canceled.id)
    assert late.value.status_code == 422


def test_bars_are_read_by_anothers_client(sandbox_url: tuple[AlpacaSandbox, str]) -> None:
    from datetime import UTC, datetime

    from alpaca.data.historical import StockHistoricalDataClient
    from alpaca.data.requests import StockBarsRequest
    from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

    client = StockHistoricalDataClient(KEY_ID, SECRET, url_override=sandbox_url[1])
    start = datetime.fromtimestamp(START_UTC_NS / 1e9 - 900, UTC)
    minute: Any = TimeFrameUnit.Minute
    frame = TimeFrame(5, minute)
    bars = client.get_stock_bars(StockBarsRequest(symbol_or_symbols="SPY", timeframe=frame, start=start))
    assert len(bars["SPY"]) == 3
    assert all(bar.low <= bar.close <= bar.high for bar in bars["SPY"])


def test_a_port_that_is_taken_is_named(sandbox_url: tuple[AlpacaSandbox, str]) -> None:
    sandbox, url = sandbox_url

    async def serve_there_too() -> None:
        async with Server(sandbox=sandbox).listening(int(url.rpartition(":")[2])):
            pass

    with pytest.raises(InputInvalid, match=r"--port .* another one, or 0"):
        asyncio.run(serve_there_too())


@pytest.mark.slow
def test_the_command_serves_until_it_is_stopped_and_goes_on_where_it_was(tmp_path: Path) -> None:
    async def session(settings: dict[str, str], expect: int) -> BrokerAccount:
        broker = AlpacaBroker(AlpacaParams.model_validate(settings), MARKETS)
        account = await broker.connect()
        assert len(await broker.open_orders()) == expect
        if not expect:
            [day, *_] = await broker.expirations("SPY")
            names = [f"SPY{day:%y%m%d}P{strike:08d}" for strike in (400_000, 399_000)]
            intent = sold("g-1-1", legs=(Leg(symbol=names[0], ratio=1), Leg(symbol=names[1], ratio=-1)))
            assert isinstance(await broker.place(approve(intent), intent, ()), Accepted)
            found = await broker.find("g-1-1")
            assert isinstance(found, Found)
            assert found.order.state is OrderState.ACKED
        await broker.close()
        return account

    command = [str(Path(sys.executable).with_name("gamma")), "brokers", "sandbox", "alpaca", "--port", "0", "--json"]
    command += ["--state", str(tmp_path / "account.db"), "--capital-usd", "25000"]
    for expect in (0, 1):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            opened = json.loads(process.stdout.readline())
            account = asyncio.run(session(opened["settings"], expect))
            process.send_signal(signal.SIGINT)
            lines = [json.loads(line) for line in process.stdout]
        assert process.returncode == 0
        assert account.equity_microusd == 25_000_000_000
        assert {"GET", "POST"} >= {line["method"] for line in lines} >= {"GET"}

"""Tradier's sandbox on loopback: driven by a client that is not ours, and every fault is told as it is."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brokers.sandbox.faults import NOT_CARRIED_OUT, Fault, Faults, faults_of
from brokers.sandbox.option_market import SimulatedOptions
from brokers.sandbox.server import Server
from brokers.sandbox.tickets import Store
from brokers.tradier.adapter import TradierBroker
from brokers.tradier.params import TradierParams
from brokers.tradier.sandbox import ACCOUNT, TOKEN, TradierSandbox
from gamma.errors import ConfigInvalid, InputInvalid
from gamma.events import OrderState
from gamma.ports import Accepted, Found, Lost, Placed, Rejected
from tests.brokers.desk import approve
from tests.brokers.option_quotes import HandQuotes, sold
from tests.contract.loopback import listening
from tests.contract.tradier import CAPITAL_USD, MARKETS, PARAMS, START_UTC_NS


def made(quotes: Any = None) -> TradierSandbox:
    return TradierSandbox(quotes or HandQuotes(), Store(None, ACCOUNT), capital_usd=CAPITAL_USD, lag_s=0)


@pytest.fixture
def client() -> Iterator[tuple[Any, TradierSandbox]]:
    """PyPI's lumiwealth-tradier, at a sandbox that trades a simulated market at 10:00 in New York."""
    from lumiwealth_tradier import Tradier, base

    sandbox = made(SimulatedOptions(1, ("SPX",)))
    with listening(Server(sandbox=sandbox, now_utc_ns=lambda: START_UTC_NS)) as (url, _):
        before, base.TRADIER_SANDBOX_URL = base.TRADIER_SANDBOX_URL, url
        yield Tradier(ACCOUNT, TOKEN, is_paper=True), sandbox
        base.TRADIER_SANDBOX_URL = before


def test_anothers_client_trades_a_whole_session(client: tuple[Any, TradierSandbox]) -> None:
    from lumiwealth_tradier.orders import OrderLeg

    tradier, sandbox = client
    profile = tradier.account.get_user_profile()
    assert profile["account.account_number"][0] == ACCOUNT
    assert tradier.market.get_clock()["state"] == "open"
    spot = tradier.market.get_last_price("SPX")
    assert spot == float(sandbox.floor.quotes.spot("SPX", START_UTC_NS))
    days = tradier.market.get_option_expirations("SPX", strikes=False)
    chain = tradier.market.get_option_chains("SPX", days.index[0], greeks=True).set_index("symbol")
    puts = chain[(chain.option_type == "put") & (chain.strike < spot - 20)].sort_values("strike")
    short, long = puts.index[-1], puts.index[-2]
    natural = round(puts.bid[short] - puts.ask[long], 2)
    assert natural > 0
    assert chain["greeks.delta"].between(-1, 1).all()

    def legs(short_side: str, long_side: str) -> list[OrderLeg]:
        return [
            OrderLeg(option_symbol=short, side=short_side, quantity=2),
            OrderLeg(option_symbol=long, side=long_side, quantity=2),
        ]

    assert tradier.orders.get_orders().empty
    resting = tradier.orders.multileg_order(
        "SPX", "credit", "day", legs("sell_to_open", "buy_to_open"), price=natural + 3, tag="g-1-1"
    )
    assert resting["status"] == "ok"
    assert tradier.orders.get_order(resting["id"])["status"][0] == "open"
    assert tradier.orders.cancel(resting["id"])["status"] == "ok"
    assert tradier.orders.get_order(resting["id"])["status"][0] == "canceled"
    assert tradier.orders.cancel(resting["id"])["status"] == "ok"  # it takes "already in finalized state" for that
    entered = tradier.orders.multileg_order(
        "SPX", "credit", "day", legs("sell_to_open", "buy_to_open"), price=natural, tag="g-1-2"
    )
    orders = tradier.orders.get_orders().set_index("id")
    assert list(orders.status) == ["canceled", "filled"]
    assert (orders.tag[entered["id"]], orders.exec_quantity[entered["id"]]) == ("g-1-2", 2.0)
    assert orders.avg_fill_price[entered["id"]] == natural
    positions = tradier.account.get_positions().set_index("symbol")
    assert dict(positions.quantity) == {short: -2.0, long: 2.0}
    balance = tradier.account.get_account_balance()
    assert balance["total_cash"][0] == pytest.approx(50_000 + 200 * natural - 2.60)
    tradier.orders.multileg_order("SPX", "market", "day", legs("buy_to_close", "sell_to_close"), tag="g-1-3")
    assert tradier.account.get_positions().empty


def test_anothers_client_is_told_what_is_wrong(client: tuple[Any, TradierSandbox]) -> None:
    from lumiwealth_tradier import Tradier
    from lumiwealth_tradier.base import TradierApiError
    from lumiwealth_tradier.orders import OrderLeg

    tradier, _ = client
    legs = [OrderLeg(option_symbol=s, side="sell_to_open", quantity=1) for s in ("SPXW261120P0", "SPXW261120P1")]
    with pytest.raises(TradierApiError, match="no option's symbol"):
        tradier.orders.multileg_order("SPX", "credit", "day", legs, price=1.0, tag="g-1-1")
    with pytest.raises(TradierApiError, match="400 - Invalid parameter, tag"):
        tradier.orders.multileg_order("SPX", "credit", "day", legs, price=1.0, tag="g_1")
    with pytest.raises(TradierApiError, match="401 - Invalid Access Token"):
        Tradier(ACCOUNT, "of nobody", is_paper=True).orders.multileg_order("SPX", "market", "day", legs)


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
    import asyncio

    sandbox = made()
    server = Server(sandbox=sandbox, now_utc_ns=lambda: START_UTC_NS, faults=Faults({fault: 1.0}))

    async def placed(url: str) -> tuple[Placed, Any]:
        broker = TradierBroker(TradierParams.model_validate(PARAMS | {"url": f"{url}/v1"}), MARKETS)
        intent = sold("g-1-1")
        first = await broker.place(approve(intent), intent, ())
        server.faults = Faults({})
        found = await broker.find("g-1-1")
        await broker.close()
        return first, found

    with listening(server) as (url, _):
        first, found = asyncio.run(placed(url))
    assert isinstance(first, kind)
    assert len(sandbox.floor.tickets) == (fault not in NOT_CARRIED_OUT)
    assert isinstance(found, Found) == (fault not in NOT_CARRIED_OUT)


@pytest.mark.parametrize(
    "text", ["lose", "lose_answer", "lose_answer=2", "lose_answer=x", "busy=0.6,late=0.6", "nan=1"]
)
def test_faults_that_are_none_are_refused_by_name(text: str) -> None:
    with pytest.raises(InputInvalid, match="--faults"):
        faults_of(text)


def test_a_file_of_another_account_or_of_nothing_is_refused(tmp_path: Path) -> None:
    Store(tmp_path / "a.db", "one").close()
    with pytest.raises(ConfigInvalid, match="of the account one"):
        Store(tmp_path / "a.db", "another")
    (tmp_path / "b.db").write_text("no database, but a text that is long enough to be seen as none" * 20)
    with pytest.raises(ConfigInvalid, match="no sandbox's file"):
        Store(tmp_path / "b.db", "one")


@pytest.mark.slow
def test_the_command_serves_until_it_is_stopped_and_goes_on_where_it_was(tmp_path: Path) -> None:
    import asyncio

    async def session(settings: dict[str, str], expect: int) -> Any:
        broker = TradierBroker(TradierParams.model_validate(settings), MARKETS)
        account = await broker.connect()
        [day, *_] = await broker.expirations("SPX")
        assert len(await broker.chain("SPX", day)) > 100
        orders = await broker.open_orders()
        assert len(orders) == expect
        if not expect:
            option = (await broker.chain("SPX", day)).option
            intent = sold("g-1-1", legs=_far(option(60).root, day))
            assert isinstance(await broker.place(approve(intent), intent, ()), Accepted)
            await asyncio.sleep(0.6)
            found = await broker.find("g-1-1")
            assert isinstance(found, Found)
            assert found.order.state is OrderState.ACKED
        await broker.close()
        return account

    for expect in (0, 1):
        command = [
            str(Path(sys.executable).with_name("gamma")),
            "brokers",
            "sandbox",
            "tradier",
            "--port",
            "0",
            "--json",
        ]
        command += ["--state", str(tmp_path / "account.db"), "--capital-usd", "25000"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            opened = json.loads(process.stdout.readline())
            account = asyncio.run(session(opened["settings"], expect))
            process.send_signal(signal.SIGINT)
            lines = [json.loads(line) for line in process.stdout]
        assert process.returncode == 0
        assert account.equity_microusd == 25_000_000_000
        assert {"GET", "POST"} >= {line["method"] for line in lines} >= {"GET"}


def _far(root: str, day: Any) -> Any:
    from gamma.events import Leg

    names = [f"{root}{day:%y%m%d}P{strike:08d}" for strike in (4_000_000, 3_995_000)]
    return (Leg(symbol=names[0], ratio=1), Leg(symbol=names[1], ratio=-1))

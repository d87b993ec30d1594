"""Tradier's adapter at its sandbox: fills, positions and money by hand, and what no other broker does."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from brokers.sandbox.option_market import SimulatedOptions
from brokers.sandbox.tickets import Store
from brokers.tradier.adapter import TradierBroker
from brokers.tradier.params import TradierParams
from brokers.tradier.sandbox import ACCOUNT, TradierSandbox
from gamma.errors import MarkerUnknown, Transient
from gamma.events import Intent, Leg, OrderKind, OrderState, OrderType
from gamma.markets import MICRO
from gamma.ports import Accepted, Chains, Found, Lost, MarketData, Placed, Rejected
from tests.brokers.desk import approve, bracket
from tests.brokers.option_quotes import CONDOR, PUT_SPREAD, SHORT, sold
from tests.contract.in_process import InProcess
from tests.contract.rig import Trader
from tests.contract.tradier import CAPITAL_USD, MARKETS, PARAMS, START_UTC_NS, TradierRig


@pytest.fixture
def rig(tmp_path: Path) -> TradierRig:
    return TradierRig(tmp_path)


def place(rig: TradierRig, intent: Intent) -> Placed:
    placed = rig.run(rig.broker.place(approve(intent), intent, ()))
    rig.settle()
    return placed


def back(client_order_id: str, lots: int, opened: Intent) -> Intent:
    return replace(
        opened,
        client_order_id=client_order_id,
        kind=OrderKind.EXIT,
        order_type=OrderType.MARKET,
        side=1,
        lots=lots,
        price_ticks=0,
        reduces=True,
    )


def test_a_credit_is_booked_at_what_the_legs_brought_in(rig: TradierRig) -> None:
    assert isinstance(place(rig, sold("g-1-1", 2)), Accepted)
    rig.trade(2)
    fills = rig.run(rig.broker.fills_since("")).fills
    # Sold at 1.65 and bought at 0.40: 1.25 points are 25 ticks; 1.30 usd of commission a lot.
    assert [(f.side, f.lots, f.price_ticks, f.fee_microusd) for f in fills] == [(-1, 1, 25, 1_300_000)] * 2
    account = rig.run(rig.broker.account())
    assert account.balance_microusd == 50_000 * MICRO - 2_600_000
    # Worth between bid and ask 1.05 - 0.35 = 0.70 points: 0.55 points ahead on 2 lots of 100 usd a point.
    assert account.equity_microusd == account.balance_microusd + 110 * MICRO


def test_a_round_trip_leaves_its_money_in_the_balance(rig: TradierRig) -> None:
    opened = sold("g-1-1", 2)
    place(rig, opened)
    rig.trade(2)
    place(rig, back("g-1-2", 2, opened))
    assert rig.run(rig.broker.positions()) == {}
    page = rig.run(rig.broker.fills_since(""))
    # Bought back at the ask of 1.10, and sold at the bid of 0.30: 16 ticks.
    assert [(f.side, f.price_ticks) for f in page.fills] == [(-1, 25), (-1, 25), (1, 16), (1, 16)]
    # 9 ticks of 5 usd on 2 lots, less 4 sides of 1.30 usd
    assert rig.run(rig.broker.account()).balance_microusd == 50_000 * MICRO + 90 * MICRO - 5_200_000


def test_an_iron_condor_is_one_position(rig: TradierRig) -> None:
    place(rig, sold("g-1-1", 2, 60, CONDOR))
    rig.quotes.set(SHORT, "3.00", "3.10")
    rig.settle()
    assert rig.run(rig.broker.positions()) == {"SPX": -2}
    assert {f.price_ticks for f in rig.run(rig.broker.fills_since("")).fills} == {64}


def test_two_spreads_of_one_day_are_two_positions_while_their_orders_are_listed(rig: TradierRig) -> None:
    calls = (CONDOR[2], CONDOR[3])
    for number, legs in enumerate((PUT_SPREAD, calls)):
        place(rig, sold(f"g-1-{number}", 1, 12, legs))
    assert rig.run(rig.broker.positions()) == {"SPX": -2}


def test_an_order_that_is_refused_after_its_receipt_is_told_as_rejected(rig: TradierRig) -> None:
    rig.sandbox.floor.refuse_next.append("AccountMarginRuleViolation")
    assert isinstance(place(rig, sold("g-1-1")), Accepted)
    assert Trader(rig).order("g-1-1").state is OrderState.REJECTED


def test_what_an_account_cannot_cover_is_refused(rig: TradierRig) -> None:
    place(rig, sold("g-1-1", 51))  # 51 lots of 10 points need 51,000 usd of 50,000
    assert Trader(rig).order("g-1-1").state is OrderState.REJECTED


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"legs": PUT_SPREAD[:1]}, "bad_legs"),
        ({"legs": (*CONDOR, PUT_SPREAD[0])}, "bad_legs"),
        ({"legs": (Leg(symbol="SPX P 5800", ratio=1), PUT_SPREAD[1])}, "bad_legs"),
        ({"legs": (Leg(symbol="NDXP261120P05800000", ratio=1), PUT_SPREAD[1])}, "bad_legs"),
        ({"client_order_id": "g_1"}, "bad_client_id"),
        ({"price_ticks": 0}, "bad_price"),
        ({"order_type": OrderType.STOP}, "not_supported"),
        ({"market": "MNQ"}, "unknown_market"),
    ],
)
def test_an_order_that_cannot_be_is_refused_unsent(rig: TradierRig, changes: dict[str, object], code: str) -> None:
    intent = replace(sold("g-1-1"), **changes)  # type: ignore[arg-type]
    placed = place(rig, intent)
    assert isinstance(placed, Rejected)
    assert (placed.code, rig.sent()) == (code, 0)


def test_an_order_with_a_bracket_is_refused_unsent(rig: TradierRig) -> None:
    intent = sold("g-1-1")
    placed = rig.run(rig.broker.place(approve(intent), intent, bracket(intent, 50)))
    assert (isinstance(placed, Rejected), rig.sent()) == (True, 0)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b"Invalid parameter, duration: week.", Rejected),
        (400, b'{"fault":{"faultstring":"Invalid Access Token","detail":{}}}', Rejected),
        (401, b"Invalid Access Token", Rejected),
        (403, b'{"message":"not permitted"}', Rejected),
        (400, b"<html>Bad Request</html>", Lost),
        (403, b"", Lost),
        (200, b'{"errors":{"error":"a"},"order":{"id":1,"status":"ok"}}', Lost),
        (200, b'{"errors":{"error":[]}}', Lost),
        (200, b'{"order":{"status":"ok","result":true}}', Lost),
        (200, b'{"order":{"id":"1","status":"ok"}}', Lost),
        (200, b'{"order":{"id":1.0,"status":"ok"}}', Lost),
        (200, b'{"order":{"id":0,"status":"ok"}}', Lost),
        (200, b'{"order":{"id":true,"status":"ok"}}', Lost),
        (200, b'{"order":{"id":7,"status":"pending"}}', Lost),
        (404, b"order not found", Lost),
        (409, b'{"message":"conflict"}', Lost),
    ],
)
def test_only_a_plain_receipt_or_refusal_is_one(rig: TradierRig, status: int, body: bytes, kind: type[Placed]) -> None:
    rig.answer(status, body, carried_out=False)
    assert isinstance(place(rig, sold("g-1-1")), kind)


@pytest.mark.parametrize("body", [b'{"orders":null}', b'{"orders":"null"}', b'{"orders":{"order":[]}}'])
def test_an_empty_list_is_one_in_whatever_shape(rig: TradierRig, body: bytes) -> None:
    rig.answer_reads(200, body)
    assert rig.run(rig.broker.open_orders()) == []


@pytest.mark.parametrize(
    "body", [b"{}", b'{"orders":[]}', b'{"orders":{"order":[7]}}', b'{"orders":{"order":{"id":1}}}']
)
def test_a_list_in_a_shape_that_nobody_knows_is_none(rig: TradierRig, body: bytes) -> None:
    rig.answer_reads(200, body)
    with pytest.raises(Transient):
        rig.run(rig.broker.open_orders())


def test_balances_without_a_word_of_what_is_free_are_none(rig: TradierRig) -> None:
    told = {"account_number": ACCOUNT, "total_equity": 1.5, "open_pl": 0, "total_cash": 1.5}
    rig.answer_reads(200, json.dumps({"balances": told}).encode())
    with pytest.raises(Transient, match="balances: not understood"):
        rig.run(rig.broker.account())


def test_a_fill_of_yesterdays_order_is_read_by_its_number(rig: TradierRig) -> None:
    place(rig, sold("g-1-1", 2))
    rig.trade(1)
    marker = Trader(rig).marker()
    rig.restart()
    rig.trade(1)
    rig.network.wait(4 * 86_400)
    [fill] = [fill for fill in rig.run(rig.broker.fills_since(marker)).fills if not fill.settled]
    assert fill.execution_id.endswith("-2")


def test_an_order_that_the_broker_forgot_makes_the_marker_unknown(rig: TradierRig, tmp_path: Path) -> None:
    place(rig, sold("g-1-1", 2))
    rig.trade(1)
    marker = Trader(rig).marker()
    (tmp_path / "new").mkdir()
    fresh = TradierRig(tmp_path / "new")
    with pytest.raises(MarkerUnknown):
        fresh.run(fresh.broker.fills_since(marker))


def test_more_requests_than_a_minute_takes_wait_here(rig: TradierRig) -> None:
    for _ in range(60):
        rig.run(rig.broker.account())
    with pytest.raises(Transient, match="again in 60 s"):
        rig.run(rig.broker.account())
    assert len(rig.network.requests) == 60
    rig.network.wait(60)
    assert rig.run(rig.broker.account()).equity_microusd == 50_000 * MICRO


def test_more_orders_than_a_minute_takes_are_refused_unsent(rig: TradierRig) -> None:
    intents = [sold(f"g-1-{number}") for number in range(61)]
    placed = [rig.run(rig.broker.place(approve(intent), intent, ())) for intent in intents][-1]
    assert isinstance(placed, Rejected)
    assert (placed.code, rig.sent()) == ("rate_limited", 60)


def test_options_that_end_are_settled_for_what_they_are_worth(rig: TradierRig) -> None:
    place(rig, sold("g-1-1"))
    rig.trade(1)
    rig.quotes.index = Decimal(5_796)
    rig.network.wait(7 * 3600)
    # 1.25 came in, and 5,800 less 5,796 is to be paid: 2.75 points of 100 usd, and the fee.
    assert rig.run(rig.broker.account()).balance_microusd == 50_000 * MICRO - 275 * MICRO - 1_300_000
    assert rig.run(rig.broker.positions()) == {}


def test_the_simulated_market_is_told_as_chains_quotes_and_a_clock() -> None:
    quotes = SimulatedOptions(1, ("SPX",))
    sandbox = TradierSandbox(quotes, Store(None, ACCOUNT), capital_usd=CAPITAL_USD)
    network = InProcess(sandbox, START_UTC_NS)
    broker = TradierBroker(TradierParams.model_validate(PARAMS), MARKETS, network)
    assert isinstance(broker, MarketData)
    assert isinstance(broker, Chains)
    clock = network.run(broker.clock())
    assert (clock.ts_utc_ns, clock.is_open) == (START_UTC_NS, True)
    [today, *_] = network.run(broker.expirations("SPX"))
    assert today == date(2026, 11, 20)
    chain = network.run(broker.chain("SPX", today))
    assert chain.spot_points == float(quotes.spot("SPX", START_UTC_NS))
    assert (chain.root == "SPXW").all()
    assert ((chain.bid_points <= chain.ask_points) & (chain.gamma >= 0) & (chain.iv > 0.05)).all()
    symbol = chain.option(100).symbol
    told = network.run(broker.quotes([symbol, "SPX", "NOPE"]))
    assert (told[symbol].bid_points, told[symbol].ask_points) == (chain.bid_points[100], chain.ask_points[100])
    assert set(told) == {symbol, "SPX"}


def test_a_page_that_is_shorter_than_what_was_asked_for_is_not_taken_for_the_last(rig: TradierRig) -> None:
    rig.sandbox.page_most = 25
    for n in range(30):
        assert isinstance(place(rig, sold(f"g-1-{n}", price_ticks=90)), Accepted)
    assert len(rig.run(rig.broker.open_orders())) == 30
    assert isinstance(rig.run(rig.broker.find("g-1-29")), Found)

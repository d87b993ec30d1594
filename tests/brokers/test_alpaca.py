"""Alpaca's adapter at its sandbox: fills, fees, positions and money by hand, and what no other broker does."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from brokers.alpaca import reading
from brokers.alpaca.adapter import AlpacaBroker
from brokers.alpaca.fees import Turnover, charged_microusd
from brokers.alpaca.params import NO_FEES, AlpacaParams, FeeRates
from brokers.alpaca.sandbox import ACCOUNT, AlpacaSandbox
from brokers.sandbox.option_market import SimulatedOptions
from brokers.sandbox.prices import BarPrices
from brokers.sandbox.tickets import Store
from gamma.clock import NS
from gamma.errors import ConfigInvalid, MarkerUnknown, Transient
from gamma.events import Intent, Leg, OrderState, OrderType
from gamma.feeds.sim import SimFeed
from gamma.markets import MICRO
from gamma.ports import Accepted, Candles, Chains, Lost, MarketData, Placed, Rejected
from tests.brokers.desk import approve, bracket
from tests.contract.alpaca import (
    CAPITAL_USD,
    CONDOR,
    LONG,
    MARKETS,
    PARAMS,
    PUT_SPREAD,
    SHORT,
    START_UTC_NS,
    AlpacaRig,
    bought_back,
    sold,
)
from tests.contract.in_process import InProcess
from tests.contract.rig import Trader

RATES = FeeRates()


@pytest.fixture
def rig(tmp_path: Path) -> AlpacaRig:
    return AlpacaRig(tmp_path)


def place(rig: AlpacaRig, intent: Intent) -> Placed:
    placed = rig.run(rig.broker.place(approve(intent), intent, ()))
    rig.settle()
    return placed


def test_a_credit_is_booked_at_what_the_legs_brought_in(rig: AlpacaRig) -> None:
    assert isinstance(place(rig, sold("g-1-1", 2)), Accepted)
    rig.trade(2)
    fills = rig.run(rig.broker.fills_since("")).fills
    # Sold at 0.51 and bought at 0.26: 0.25 points are 25 ticks; paper charges nothing.
    assert [(f.side, f.lots, f.price_ticks, f.fee_microusd) for f in fills] == [(-1, 1, 25, 0)] * 2
    account = rig.run(rig.broker.account())
    assert account.balance_microusd == 50_000 * MICRO
    # Worth between bid and ask 0.41 - 0.255 = 0.155 points: 0.095 points ahead on 2 lots of 100 usd a point.
    assert account.equity_microusd == account.balance_microusd + 19 * MICRO


def test_a_round_trip_leaves_its_money_in_the_balance(rig: AlpacaRig) -> None:
    opened = sold("g-1-1", 2)
    place(rig, opened)
    rig.trade(2)
    place(rig, bought_back("g-1-2", 2, opened))
    assert rig.run(rig.broker.positions()) == {}
    page = rig.run(rig.broker.fills_since(""))
    # Bought back at the ask of 0.42, and sold at the bid of 0.25: 17 ticks.
    assert [(f.side, f.price_ticks) for f in page.fills] == [(-1, 25), (-1, 25), (1, 17), (1, 17)]
    assert rig.run(rig.broker.account()).balance_microusd == 50_000 * MICRO + 16 * MICRO


def test_a_price_below_0_is_a_credit_and_one_above_a_debit(rig: AlpacaRig) -> None:
    place(rig, sold("g-1-1"))
    place(
        rig, replace(bought_back("g-1-2", 1, sold("g-1-2")), order_type=OrderType.LIMIT, price_ticks=9, reduces=False)
    )
    sent = [json.loads(request.body) for request in rig.network.requests if request.method == "POST"]
    assert [body["limit_price"] for body in sent] == ["-0.25", "0.09"]
    assert (Trader(rig).order("g-1-1").side, Trader(rig).order("g-1-2").side) == (-1, 1)


def test_an_iron_condor_is_one_position(rig: AlpacaRig) -> None:
    place(rig, sold("g-1-1", 2, 40, CONDOR))
    rig.quotes.set(SHORT, "0.70", "0.71")
    rig.settle()
    assert rig.run(rig.broker.positions()) == {"SPY": -2}
    # 0.70 - 0.26 + 0.40 - 0.26
    assert {f.price_ticks for f in rig.run(rig.broker.fills_since("")).fills} == {58}


def test_two_spreads_of_one_day_are_two_positions_though_their_options_look_like_a_condor(rig: AlpacaRig) -> None:
    for number, legs in enumerate((PUT_SPREAD, (CONDOR[2], CONDOR[3]))):
        place(rig, sold(f"g-1-{number}", 1, 12, legs))
    assert rig.run(rig.broker.positions()) == {"SPY": -2}


def test_what_has_ended_counts_no_more_beside_what_is_held(rig: AlpacaRig) -> None:
    monday = tuple(Leg(symbol=leg.symbol.replace("261120", "261123"), ratio=leg.ratio) for leg in PUT_SPREAD)
    for leg, old in zip(monday, PUT_SPREAD, strict=True):
        rig.quotes.quotes[leg.symbol] = rig.quotes.quotes[old.symbol]
    for number, legs in enumerate((PUT_SPREAD, (CONDOR[2], CONDOR[3]), monday)):
        place(rig, sold(f"g-1-{number}", 1, 12, legs))
    assert rig.run(rig.broker.positions()) == {"SPY": -3}
    rig.network.wait(7 * 3600)
    rig.run(rig.broker.fills_since(""))
    assert rig.run(rig.broker.positions()) == {"SPY": -1}


def test_shares_that_an_option_was_exercised_for_are_told_by_themselves(rig: AlpacaRig) -> None:
    place(rig, sold("g-1-1"))
    rig.trade(1)
    rig.quotes.index = Decimal("619.50")  # between the strikes of 619 and 620
    rig.network.wait(7 * 3600)
    rig.run(rig.broker.fills_since(""))
    assert rig.run(rig.broker.positions()) == {"SPY shares": 100}
    account = rig.run(rig.broker.account())
    # 0.25 came in for the spread, and 100 shares were taken for 620 that are worth 619.50.
    assert account.equity_microusd == (50_000 + 25 - 50) * MICRO
    assert account.balance_microusd == account.equity_microusd


def test_a_structure_that_ends_out_of_the_money_is_settled_for_nothing(rig: AlpacaRig) -> None:
    place(rig, sold("g-1-1", 3))
    rig.trade(3)
    place(rig, bought_back("g-1-2", 1, sold("g-1-1")))
    marker = Trader(rig).marker()
    rig.network.wait(7 * 3600)
    [fill] = rig.run(rig.broker.fills_since(marker)).fills
    assert (fill.client_order_id, fill.market, fill.side, fill.lots) == ("", "SPY", 1, 2)
    assert (fill.settled_microusd_per_lot, fill.price_ticks, fill.opened_by) == (0, 0, "g-1-1")
    rig.restart()
    assert rig.run(rig.broker.fills_since(marker)).fills == [fill]
    assert rig.run(rig.broker.positions()) == {}


def test_what_has_ended_counts_as_held_until_it_is_told_what_became_of_it(rig: AlpacaRig) -> None:
    rig.sandbox.ended_lag_s = 12 * 3600
    place(rig, sold("g-1-1", 2))
    rig.trade(2)
    marker = Trader(rig).marker()
    rig.network.wait(7 * 3600)
    assert rig.run(rig.broker.fills_since(marker)).fills == []
    assert json.loads(rig.run_raw("/v2/positions")) == []
    assert rig.run(rig.broker.positions()) == {"SPY": -2}
    rig.network.wait(12 * 3600)
    assert len(rig.run(rig.broker.fills_since(marker)).fills) == 1
    assert rig.run(rig.broker.positions()) == {}


def test_what_has_ended_counts_no_more_where_nothing_is_told_of_it_for_long(rig: AlpacaRig) -> None:
    rig.sandbox.ended_lag_s = 1e6
    place(rig, sold("g-1-1", 2))
    rig.trade(2)
    rig.network.wait(6 * 3600 + 35 * 3600)
    assert rig.run(rig.broker.positions()) == {"SPY": -2}
    rig.network.wait(2 * 3600)
    assert rig.run(rig.broker.positions()) == {}


def test_a_structure_of_which_an_option_was_exercised_is_left_to_a_person(rig: AlpacaRig) -> None:
    place(rig, sold("g-1-1"))
    rig.trade(1)
    marker = Trader(rig).marker()
    rig.quotes.index = Decimal("619.50")
    rig.network.wait(7 * 3600)
    assert rig.run(rig.broker.fills_since(marker)).fills == []


def test_an_order_that_is_refused_after_its_receipt_is_told_as_rejected(rig: AlpacaRig) -> None:
    rig.sandbox.floor.refuse_next.append("rejected by the exchange")
    assert isinstance(place(rig, sold("g-1-1")), Accepted)
    assert Trader(rig).order("g-1-1").state is OrderState.REJECTED


def test_what_an_account_cannot_cover_is_refused_at_once(rig: AlpacaRig) -> None:
    placed = place(rig, sold("g-1-1", 501))  # 501 lots of one point need 50,100 usd of 50,000
    assert isinstance(placed, Rejected)
    assert (placed.code, rig.there("g-1-1")) == ("http_403", 0)


def test_an_id_that_was_used_says_that_the_order_is_there_and_refuses_nothing(rig: AlpacaRig) -> None:
    place(rig, sold("g-1-1"))
    assert isinstance(place(rig, sold("g-1-1")), Lost)
    rig.run(rig.broker.cancel("g-1-1"))
    assert isinstance(place(rig, sold("g-1-1")), Lost)
    assert rig.there("g-1-1") == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"legs": PUT_SPREAD[:1]}, "bad_legs"),
        ({"legs": (*CONDOR, PUT_SPREAD[0])}, "bad_legs"),
        ({"legs": (PUT_SPREAD[0], PUT_SPREAD[0])}, "bad_legs"),
        ({"legs": (Leg(symbol="SPY P 620", ratio=1), PUT_SPREAD[1])}, "bad_legs"),
        ({"legs": (Leg(symbol="QQQ261120P00620000", ratio=1), PUT_SPREAD[1])}, "bad_legs"),
        ({"legs": (Leg(symbol=SHORT, ratio=2), Leg(symbol=LONG, ratio=-2))}, "bad_legs"),
        ({"client_order_id": "g" * 49}, "bad_client_id"),
        ({"client_order_id": "g 1"}, "bad_client_id"),
        ({"price_ticks": 0}, "bad_price"),
        ({"order_type": OrderType.STOP}, "not_supported"),
        ({"market": "SPX"}, "unknown_market"),
    ],
)
def test_an_order_that_cannot_be_is_refused_unsent(rig: AlpacaRig, changes: dict[str, Any], code: str) -> None:
    placed = place(rig, replace(sold("g-1-1"), **changes))
    assert isinstance(placed, Rejected)
    assert (placed.code, rig.sent()) == (code, 0)


def test_an_order_with_a_bracket_is_refused_unsent(rig: AlpacaRig) -> None:
    intent = sold("g-1-1")
    placed = rig.run(rig.broker.place(approve(intent), intent, bracket(intent, 50)))
    assert (isinstance(placed, Rejected), rig.sent()) == (True, 0)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (422, {"code": 40010001, "message": "limit orders require limit price"}, Rejected),
        (403, {"code": 40310000, "message": "account not eligible to trade uncovered option contracts"}, Rejected),
        (401, {"code": 40110000, "message": "request is not authorized"}, Rejected),
        (400, {"code": 40010000, "message": "request body format is invalid"}, Rejected),
        (422, {"code": 40010001, "message": "client_order_id must be unique"}, Lost),
        (422, {"message": "no code"}, Lost),
        (422, {"code": "40010001", "message": "a code as text"}, Lost),
        (404, {"code": 40410000, "message": "endpoint not found"}, Lost),
        (504, {"code": 50410000, "message": "timeout"}, Lost),
        (200, {"id": "7f000001-0000-4000-8000-000000000001"}, Lost),
        (200, {"id": "7f000001-0000-4000-8000-000000000001", "client_order_id": "g-1-2"}, Lost),
        (200, {"id": "", "client_order_id": "g-1-1"}, Lost),
        (200, {"id": 7, "client_order_id": "g-1-1"}, Lost),
        (200, {"id": "7f000001-0000-4000-8000-000000000001", "client_order_id": "g-1-1"}, Accepted),
    ],
)
def test_only_a_plain_receipt_or_refusal_is_one(
    rig: AlpacaRig, status: int, body: dict[str, Any], kind: type[Placed]
) -> None:
    rig.answer(status, json.dumps(body).encode(), carried_out=False)
    assert isinstance(place(rig, sold("g-1-1")), kind)


def test_a_cancel_of_an_order_of_an_earlier_life_asks_for_its_number_first(rig: AlpacaRig) -> None:
    place(rig, sold("g-1-1"))
    rig.restart()
    assert isinstance(rig.run(rig.broker.cancel("g-1-1")), Accepted)
    assert Trader(rig).order("g-1-1").state is OrderState.CANCELED


def test_an_order_that_a_cancel_was_asked_for_works_until_it_has_ended(rig: AlpacaRig) -> None:
    rig.sandbox.floor.cancel_s = 5.0
    place(rig, sold("g-1-1"))
    assert isinstance(rig.run(rig.broker.cancel("g-1-1")), Accepted)
    assert Trader(rig).order("g-1-1").state is OrderState.ACKED
    rig.network.wait(5)
    assert Trader(rig).order("g-1-1").state is OrderState.CANCELED


def test_an_execution_of_one_leg_is_no_lot_until_the_other_is_told(rig: AlpacaRig) -> None:
    place(rig, sold("g-1-1", 2))
    rig.trade(2)
    [first, second] = json.loads(rig.run_raw("/v2/account/activities/FILL", direction="asc"))
    rig.answer_reads(200, json.dumps([first]).encode())
    page = rig.run(rig.broker.fills_since(""))
    assert page.fills == []
    early = {**second, "id": f"20261120000000000{second['id'][17:]}"}  # told late, and named as if it had been early
    rig.answer_reads(200, json.dumps([early, first]).encode())
    page = rig.run(rig.broker.fills_since(page.marker))
    assert [fill.price_ticks for fill in page.fills] == [25, 25]


def test_lots_at_several_prices_share_out_what_they_cost(rig: AlpacaRig) -> None:
    place(rig, sold("g-1-1", 2))
    rig.trade(2)
    short, long = json.loads(rig.run_raw("/v2/account/activities/FILL", direction="asc"))
    if short["symbol"] != SHORT:
        short, long = long, short
    parts = [
        {**short, "id": f"20261120100000001::{n * 8}", "qty": "1", "price": price}
        for n, price in (("a", "0.505"), ("b", "0.51"))
    ]
    rig.answer_reads(200, json.dumps([*parts, {**long, "id": f"20261120100000002::{'c' * 8}"}]).encode())
    # 0.245 and 0.25 points: 24 ticks (to the even one) and what is left of 49.5 rounded to 50.
    assert [fill.price_ticks for fill in rig.run(rig.broker.fills_since("")).fills] == [24, 26]


def test_fills_of_a_day_on_which_something_is_missing_are_read_anew(rig: AlpacaRig, tmp_path: Path) -> None:
    place(rig, sold("g-1-1", 2))
    rig.trade(1)
    marker = Trader(rig).marker()
    (tmp_path / "new").mkdir()
    fresh = AlpacaRig(tmp_path / "new")
    with pytest.raises(MarkerUnknown):
        fresh.run(fresh.broker.fills_since(marker))


def test_many_executions_of_many_days_are_read_a_part_at_a_time(rig: AlpacaRig) -> None:
    stranger = {**json.loads(_one_order(rig)), "order_class": "simple", "symbol": "SPY", "side": "buy", "legs": None}
    rig.answer_reads(200, json.dumps([stranger]).encode())
    rig.run(rig.broker.open_orders())
    rows = [
        _execution(stranger["id"], f"2026-11-{day}T15:{n // 60:02d}:{n % 60:02d}Z")
        for day in (18, 19)
        for n in range(600)
    ]

    def read(marker: str, pages: int) -> str:
        for first in range(0, 100 * pages, 100):
            rig.answer_reads(200, json.dumps(rows[first : first + 100]).encode())
        return rig.run(rig.broker.fills_since(marker)).marker

    marker = read("", 10)
    assert marker == '["2026-11-18", {}]'
    assert read(marker, 13) == '["2026-11-19", {}]'


def test_an_order_of_one_option_is_a_strangers_and_its_executions_are_passed_over(rig: AlpacaRig) -> None:
    place(rig, sold("g-1-1"))
    told = json.loads(rig.run_raw("/v2/orders", status="open", nested="true"))[0]
    alone = {**told, "order_class": "simple", "symbol": SHORT, "side": "sell", "legs": None, "client_order_id": "x"}
    rig.answer_reads(200, json.dumps([alone]).encode())
    [order] = rig.run(rig.broker.open_orders())
    assert (order.market, order.side, order.lots, order.client_order_id) == (SHORT, -1, 1, "x")
    row = _execution(told["id"], "2026-11-20T15:00:00Z")
    rig.answer_reads(200, json.dumps([row]).encode())
    assert rig.run(rig.broker.fills_since("")).fills == []


# Fees.


def test_fees_of_a_day_are_rounded_up_once_a_kind() -> None:
    # 4 contracts, of which 2 were sold for 102 usd: 0.1074, 0.08, 0.0184, 0.00558 and 0.0028 usd
    # come to 0.11, 0.08, 0.02, 0.01 and 0.01.
    day = Turnover(contracts=4, sold=2, sales_usd=Decimal(102))
    assert charged_microusd(day, RATES) == 230_000
    assert charged_microusd(Turnover(), RATES) == 0
    assert charged_microusd(day, NO_FEES) == 0


def test_fees_reconcile_to_the_cent_however_a_day_is_cut(tmp_path: Path) -> None:
    rig = AlpacaRig(tmp_path, rates=RATES)
    fees, marker = 0, ""
    for number in range(7):
        opened = sold(f"g-1-{number}", 3)
        place(rig, opened)
        rig.trade(1)
        page = rig.run(rig.broker.fills_since(marker))
        rig.trade(2)
        if number % 2:
            rig.restart()
        place(rig, bought_back(f"g-2-{number}", 3, opened))
        later = rig.run(rig.broker.fills_since(page.marker))
        fees += sum(fill.fee_microusd for fill in (*page.fills, *later.fills))
        marker = later.marker
    charged = -sum(Decimal(row["net_amount"]) for row in json.loads(rig.run_raw("/v2/account/activities/FEE")))
    assert fees == int(charged * MICRO) > 0
    # 8 ticks of 1 usd on 21 lots, less the fees
    assert rig.run(rig.broker.account()).balance_microusd == (50_000 + 168) * MICRO - fees


def test_live_is_charged_by_the_published_rates_and_paper_nothing() -> None:
    live = AlpacaParams.model_validate({**PARAMS, "environment": "live", "key_id": "AKLIVE", "url": ""})
    assert live.fee_rates == FeeRates()
    assert AlpacaParams.model_validate(PARAMS).fee_rates == NO_FEES
    assert AlpacaParams.model_validate({**PARAMS, "fees": {"orf_usd": 0.03}}).fee_rates.orf_usd == Decimal("0.03")


# Accounts, limits and lists.


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"status": "ACCOUNT_CLOSED"}, "is ACCOUNT_CLOSED"),
        ({"trading_blocked": True}, "trading_blocked"),
        ({"options_trading_level": 2}, "spreads need 3"),
        ({"currency": "EUR"}, "only usd"),
    ],
)
def test_an_account_that_cannot_trade_spreads_is_refused_in_plain_words(
    rig: AlpacaRig, changes: dict[str, Any], why: str
) -> None:
    told = json.loads(rig.run_raw("/v2/account"))
    rig.answer_reads(200, json.dumps({**told, **changes}).encode())
    with pytest.raises(ConfigInvalid, match=why):
        rig.run(rig.broker.connect())


def test_orders_keep_a_part_of_what_may_be_asked_in_a_minute(rig: AlpacaRig) -> None:
    for _ in range(160):
        rig.run(rig.broker.open_orders())
    with pytest.raises(Transient, match="again in 60 s"):
        rig.run(rig.broker.open_orders())
    assert len(rig.network.requests) == 160
    intents = [sold(f"g-1-{number}") for number in range(41)]
    placed = [rig.run(rig.broker.place(approve(intent), intent, ())) for intent in intents]
    assert [isinstance(one, Accepted) for one in placed] == [True] * 40 + [False]
    assert isinstance(placed[-1], Rejected)
    assert (placed[-1].code, rig.sent()) == ("rate_limited", 40)
    rig.network.wait(60)
    assert len(rig.run(rig.broker.open_orders())) == 40


def test_a_list_of_orders_is_read_to_its_end_page_by_page(rig: AlpacaRig) -> None:
    told = json.loads(_one_order(rig))
    rows = [
        {**told, "id": f"{n:08d}", "client_order_id": f"g-{n}", "submitted_at": f"2026-11-20T15:{n // 300:02d}:00Z"}
        for n in range(700)
    ]
    rig.answer_reads(200, json.dumps(rows[:500]).encode())
    rig.answer_reads(200, json.dumps(rows[300:]).encode())
    orders = rig.run(rig.broker.open_orders())
    assert [order.client_order_id for order in orders] == [f"g-{n}" for n in range(700)]
    assert rig.network.requests[-1].params["after"] == "2026-11-20T15:00:00Z"  # the last moment that is whole


@pytest.mark.parametrize("body", [b"{}", b"null", b"[7]", b'[{"id":"1"}]', b'{"orders":[]}'])
def test_a_list_in_a_shape_that_nobody_knows_is_none(rig: AlpacaRig, body: bytes) -> None:
    rig.answer_reads(200, body)
    with pytest.raises(Transient):
        rig.run(rig.broker.open_orders())


@pytest.mark.parametrize(
    ("text", "value"), [("0.2566666666666667", "0.2566666666666667"), ("-3", "-3"), (7, "7"), (Decimal("0.5"), "0.5")]
)
def test_a_number_is_read_as_text_or_as_it_is(text: Any, value: str) -> None:
    assert reading.number(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "1e5", "NaN", " 1", "1.", "12345678901234", True, None, [], 10**12])
def test_what_is_no_number_is_not_read(text: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        reading.number(text)


@pytest.mark.parametrize(
    ("text", "ns"),
    [("2026-11-20T15:00:00Z", 0), ("2026-11-20T10:00:00.1-05:00", 10**8), ("2026-11-20T15:00:00.000000001Z", 1)],
)
def test_a_time_is_read_to_the_nanosecond(text: str, ns: int) -> None:
    assert reading.moment(text) == START_UTC_NS + ns


@pytest.mark.parametrize("text", ["2026-11-20T15:00:00", "2026-11-20", "yesterday", "2026-13-20T15:00:00Z"])
def test_what_is_no_time_with_a_zone_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"time|month"):
        reading.moment(text)


# Market data.


def test_the_simulated_market_is_told_as_chains_quotes_bars_and_a_clock() -> None:
    quotes, prices = SimulatedOptions(1, ("SPY", "QQQ", "IWM")), BarPrices.simulated(1, ("SPY", "QQQ", "IWM"))
    sandbox = AlpacaSandbox(quotes, Store(None, ACCOUNT), capital_usd=CAPITAL_USD, prices=prices)
    network = InProcess(sandbox, START_UTC_NS)
    broker = AlpacaBroker(AlpacaParams.model_validate(PARAMS), MARKETS, network)
    assert isinstance(broker, MarketData)
    assert isinstance(broker, Chains)
    assert isinstance(broker, Candles)
    clock = network.run(broker.clock())
    assert (clock.ts_utc_ns, clock.is_open) == (START_UTC_NS, True)
    days = network.run(broker.expirations("SPY"))
    assert days[:2] == [date(2026, 11, 20), date(2026, 11, 23)]
    chain = network.run(broker.chain("SPY", days[0]))
    assert chain.spot_points == pytest.approx(float(quotes.spot("SPY", START_UTC_NS)))
    assert len(chain) == 242
    assert (chain.root == "SPY").all()
    assert ((chain.bid_points <= chain.ask_points) & (chain.gamma >= 0) & (chain.iv > 0.05)).all()
    assert chain.open_interest.sum() > 0
    symbol = chain.option(100).symbol
    told = network.run(broker.quotes([symbol, "SPY", "NOPE"]))
    assert (told[symbol].bid_points, told[symbol].ask_points) == (chain.bid_points[100], chain.ask_points[100])
    assert set(told) == {symbol, "SPY"}
    bars = network.run(broker.bars("SPY", 300, START_UTC_NS - 900 * NS))
    feed = SimFeed(markets=("SPY",), seed=1, bar_s=300)
    assert [bar.close_points for bar in bars] == [bar.close_points for bar in feed.history("SPY", START_UTC_NS, 3)]


def _execution(order_id: str, at: str) -> dict[str, str]:
    return {
        "id": f"{''.join(c for c in at if c.isdigit())}000::aaaaaaaa",
        "activity_type": "FILL",
        "order_id": order_id,
        "symbol": "SPY",
        "qty": "1.5",
        "price": "0.41",
        "transaction_time": at,
    }


def _one_order(rig: AlpacaRig) -> bytes:
    place(rig, sold("g-1-1"))
    [order] = json.loads(rig.run_raw("/v2/orders", status="open", nested="true"))
    return json.dumps(order).encode()

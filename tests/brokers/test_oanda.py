"""OANDA's adapter at its sandbox: brackets, money to the cent, swap, and what no other broker does."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from brokers.oanda.adapter import OandaBroker
from brokers.oanda.params import OandaParams
from brokers.sandbox.answers import Answer
from gamma.clock import NS
from gamma.errors import ConfigInvalid, InputInvalid, MarkerUnknown, Transient
from gamma.events import Intent, Leg, OrderState, OrderType
from gamma.markets import MICRO
from gamma.ports import Accepted, Candles, Lost, MarketData, Placed, Rejected
from tests.brokers.desk import approve, bracket, entry, leave
from tests.brokers.hand_prices import HandPrices
from tests.contract.in_process import InProcess, Instead
from tests.contract.oanda import ASK, BID, GOLD, MARKETS, PARAMS, START_UTC_NS, OandaRig, served
from tests.contract.rig import Trader

BALANCE_MICROUSD = 50_000 * MICRO


@pytest.fixture
def rig(tmp_path: Path) -> OandaRig:
    return OandaRig(tmp_path)


def place(rig: OandaRig, intent: Intent, children: list[Intent] | None = None) -> Placed:
    placed = rig.run(rig.broker.place(approve(intent), intent, children or ()))
    rig.settle()
    return placed


def held_with_bracket(rig: OandaRig, stop: int = 264_000, target: int = 267_000) -> Intent:
    bought = entry("g-1-1", 1, 4, GOLD)
    assert isinstance(place(rig, bought, bracket(bought, stop, target)), Accepted)
    return bought


def fills(rig: OandaRig) -> list[tuple[str, int, int, int]]:
    page = rig.run(rig.broker.fills_since(""))
    return [(f.client_order_id, f.side * f.lots, f.price_ticks, f.fee_microusd) for f in page.fills]


def balance(rig: OandaRig) -> int:
    return rig.run(rig.broker.account()).balance_microusd


def quote(rig: OandaRig, bid: int, ask: int) -> None:
    rig.prices.set(GOLD, bid, ask)
    rig.settle()


def test_a_lot_is_015_oz_and_a_market_order_fills_at_the_quote(rig: OandaRig) -> None:
    place(rig, entry("g-1-1", -1, 3, GOLD))
    sent = json.loads(rig.network.requests[-1].body)
    assert sent["order"]["units"] == "-0.45"
    assert fills(rig) == [("g-1-1", -3, BID, 0)]
    assert rig.run(rig.broker.positions()) == {GOLD: -3}
    account = rig.run(rig.broker.account())
    # Sold at the bid and worth the ask, 0.30 points away: 0.45 oz of that are 0.135 usd, and 5 % of it margin.
    assert account.balance_microusd - account.equity_microusd == 135_000
    assert account.cash_microusd == pytest.approx(account.equity_microusd - 0.05 * 0.45 * 2650.25 * MICRO, abs=100)


def test_stop_and_target_work_at_the_broker_under_ids_of_ours_once_their_entry_fills(rig: OandaRig) -> None:
    held_with_bracket(rig)
    told = rig.run(rig.broker.orders({"g-1-1": "", "g-1-1s": "", "g-1-1t": ""}))
    assert [(o.client_order_id, o.state, o.side, o.lots, o.price_ticks) for o in told[1:]] == [
        ("g-1-1s", OrderState.ACKED, -1, 4, 264_000),
        ("g-1-1t", OrderState.ACKED, -1, 4, 267_000),
    ]
    assert told[0].state is OrderState.FILLED
    assert [o.client_order_id for o in rig.run(rig.broker.open_orders())] == ["g-1-1s", "g-1-1t"]


def test_children_of_an_entry_that_waits_are_not_there_before_it_fills(rig: OandaRig) -> None:
    waits = rig.resting("g-1-1", 2)
    place(rig, waits, bracket(waits, 264_000))
    wanted = {"g-1-1": "", "g-1-1s": ""}
    assert [o.client_order_id for o in rig.run(rig.broker.orders(wanted))] == ["g-1-1"]
    rig.trade(2)
    rig.settle()
    assert [o.state for o in rig.run(rig.broker.orders(wanted))] == [OrderState.FILLED, OrderState.ACKED]


def test_a_stop_that_trades_closes_the_position_and_ends_the_target(rig: OandaRig) -> None:
    held_with_bracket(rig)
    quote(rig, 263_990, 264_020)
    rig.restart()
    assert rig.run(rig.broker.positions()) == {}
    told = rig.run(rig.broker.orders({"g-1-1s": "", "g-1-1t": ""}))
    assert [(o.state, o.filled_lots) for o in told] == [(OrderState.FILLED, 4), (OrderState.CANCELED, 0)]
    assert fills(rig) == [("g-1-1", 4, ASK, 0), ("g-1-1s", -4, 263_990, 0)]
    # 10.50 points on 0.60 oz
    assert balance(rig) == BALANCE_MICROUSD - 6_300_000


def test_an_exit_that_may_only_reduce_never_opens_and_ends_stop_and_target(rig: OandaRig) -> None:
    held_with_bracket(rig)
    assert isinstance(place(rig, leave("g-1-2", -1, 4, GOLD)), Accepted)
    assert rig.run(rig.broker.positions()) == {}
    assert rig.run(rig.broker.open_orders()) == []
    refused = place(rig, leave("g-1-3", -1, 4, GOLD))
    assert isinstance(refused, Rejected), "a 201 that holds a cancellation is a refusal"
    assert rig.run(rig.broker.positions()) == {}


def test_a_stop_is_moved_at_once_and_keeps_its_id(rig: OandaRig) -> None:
    held_with_bracket(rig)
    before = Trader(rig).order("g-1-1s")
    assert isinstance(rig.run(rig.broker.replace("g-1-1s", 264_600)), Accepted)
    rig.settle()
    rig.restart()
    [moved] = rig.run(rig.broker.orders({"g-1-1s": before.broker_order_id}))
    assert (moved.state, moved.price_ticks, moved.lots) == (OrderState.ACKED, 264_600, 4)
    assert moved.broker_order_id != before.broker_order_id
    quote(rig, 264_550, 264_580)
    [done] = rig.run(rig.broker.orders({"g-1-1s": before.broker_order_id}))
    assert (done.state, done.filled_lots) == (OrderState.FILLED, 4)


def test_what_works_no_more_cannot_be_moved(rig: OandaRig) -> None:
    held_with_bracket(rig)
    place(rig, leave("g-1-2", -1, 4, GOLD))
    for gone in ("g-1-1s", "g-1-9"):
        assert isinstance(rig.run(rig.broker.replace(gone, 264_600)), Rejected)


def test_swap_is_booked_with_the_fill_that_closes_and_the_ledger_comes_to_the_brokers_cent(rig: OandaRig) -> None:
    place(rig, entry("g-1-1", 1, 20, GOLD))
    marker = rig.run(rig.broker.fills_since("")).marker
    rig.network.wait(8 * 3600)  # past 17:00 in New York
    # 3 oz at 2650.25 and 6 % a year: 1.3070 usd a day
    assert BALANCE_MICROUSD - balance(rig) == 1_307_000
    rig.prices.close_utc_ns += 100 * 3600 * NS
    carried = rig.run(rig.broker.fills_since(marker))
    assert carried.fills == []
    place(rig, leave("g-1-2", -1, 20, GOLD))
    rig.restart()
    for begin in ("", marker, carried.marker):
        last = rig.run(rig.broker.fills_since(begin)).fills[-1]
        assert (last.client_order_id, last.fee_microusd) == ("g-1-2", 1_307_000)
    booked = sum(-side_lots * ticks * 1_500 - fee for _, side_lots, ticks, fee in fills(rig))
    assert balance(rig) == BALANCE_MICROUSD + booked


def test_a_price_between_ticks_is_booked_on_a_tick_and_the_rest_as_a_fee(rig: OandaRig) -> None:
    place(rig, entry("g-1-1", 1, 2, GOLD))
    rig.network.change = lambda body: body.replace(b'"2650.40"', b'"2650.404"').replace(
        b'"commission": "0.0000"', b'"commission": "0.1000"'
    )
    # 0.004 points dearer than the tick on 0.30 oz are 0.0012 usd, and 0.10 usd of commission.
    assert fills(rig) == [("g-1-1", 2, ASK, 101_200)]


def test_a_transfer_is_no_fill_and_shows_in_the_balance(rig: OandaRig) -> None:
    rig.sandbox.transfer(Decimal(1_000), rig.network.now_utc_ns)
    assert fills(rig) == []
    assert balance(rig) == BALANCE_MICROUSD + 1_000 * MICRO


def test_history_from_before_gamma_is_left_out_where_it_is_told_to(rig: OandaRig) -> None:
    place(rig, entry("old", 1, 1, GOLD))
    begun = rig.sandbox.log.last
    place(rig, entry("g-1-1", -1, 1, GOLD))
    params = OandaParams.model_validate(PARAMS | {"after_transaction": begun})
    later = OandaBroker(params, MARKETS, rig.network)
    assert [f.client_order_id for f in rig.run(later.fills_since("")).fills] == ["g-1-1"]


def test_a_marker_beyond_the_last_transaction_is_refused(rig: OandaRig) -> None:
    with pytest.raises(MarkerUnknown):
        rig.run(rig.broker.fills_since("[4000, {}]"))


def test_a_thousand_and_more_transactions_are_read_page_by_page() -> None:
    sandbox = served(HandPrices({GOLD: (BID, ASK)}), None)
    network = InProcess(sandbox, START_UTC_NS)
    broker = OandaBroker(OandaParams.model_validate(PARAMS), MARKETS, network)
    for number in (1, 2):
        intent = entry(f"g-1-{number}", 1, 1, GOLD)
        assert isinstance(network.run(broker.place(approve(intent), intent, ())), Accepted)
        for _ in range(2_500):
            sandbox.transfer(Decimal(1), network.now_utc_ns)
    broker = OandaBroker(OandaParams.model_validate(PARAMS), MARKETS, network)
    assert [f.client_order_id for f in network.run(broker.fills_since("")).fills] == ["g-1-1", "g-1-2"]
    network.wait(1)
    [order] = network.run(broker.orders({"g-1-1": ""}))
    assert order.filled_lots == 1


def test_an_order_that_is_not_shown_yet_is_found_by_its_transaction(rig: OandaRig) -> None:
    intent = rig.resting("g-1-1", 1)
    rig.run(rig.broker.place(approve(intent), intent, ()))
    assert Trader(rig).order("g-1-1").state is OrderState.ACKED
    assert rig.network.requests[-1].path.endswith("/sinceid"), "it is not among the orders yet"


def test_a_stop_whose_entry_opened_nothing_is_told_as_cancelled(rig: OandaRig) -> None:
    place(rig, entry("g-1-1", -1, 2, GOLD))
    bought = entry("g-1-2", 1, 2, GOLD)
    place(rig, bought, bracket(bought, 264_000))  # it closes what the other one holds
    rig.restart()
    [stop] = rig.run(rig.broker.orders({"g-1-2s": ""}))
    assert (stop.state, stop.side, stop.lots, stop.price_ticks) == (OrderState.CANCELED, -1, 2, 264_000)


def test_the_stop_of_an_entry_that_ended_unfilled_is_told_as_cancelled(rig: OandaRig) -> None:
    waits = rig.resting("g-1-1", 2)
    place(rig, waits, bracket(waits, 264_000))
    assert rig.run(rig.broker.orders({"g-1-1s": ""})) == []
    rig.run(rig.broker.cancel("g-1-1"))
    assert Trader(rig).order("g-1-1s").state is OrderState.CANCELED


def test_a_refusal_whose_answer_was_lost_is_found(rig: OandaRig) -> None:
    rig.sandbox.refuse_next.append("INSUFFICIENT_MARGIN")
    rig.network.writes.append(Instead(None, carried_out=True))
    assert isinstance(place(rig, rig.resting("g-1-1", 1)), Lost)
    assert Trader(rig).order("g-1-1").state is OrderState.REJECTED


def test_an_account_that_lacks_the_margin_refuses_in_a_201(rig: OandaRig) -> None:
    refused = place(rig, entry("g-1-1", 1, 4_000, GOLD))  # 600 oz need 79,500 usd of 50,000
    assert isinstance(refused, Rejected)
    assert refused.code == "insufficient_margin"
    assert Trader(rig).order("g-1-1").state is OrderState.REJECTED


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"market": "MNQ"}, "unknown_market"),
        ({"legs": (Leg(symbol="A", ratio=1), Leg(symbol="B", ratio=-1))}, "not_supported"),
        ({"order_type": OrderType.LIMIT, "price_ticks": 0}, "bad_price"),
        ({"client_order_id": "g 1"}, "bad_client_id"),
    ],
)
def test_an_order_that_cannot_be_is_refused_unsent(rig: OandaRig, changes: dict[str, Any], code: str) -> None:
    placed = place(rig, replace(entry("g-1-1", 1, 1, GOLD), **changes))
    assert isinstance(placed, Rejected)
    assert (placed.code, rig.sent()) == (code, 0)


def test_a_bracket_that_does_not_close_all_of_its_entry_is_refused_unsent(rig: OandaRig) -> None:
    bought = entry("g-1-1", 1, 4, GOLD)
    [stop] = bracket(bought, 264_000)
    for children in ([replace(stop, lots=2)], [stop, replace(stop, client_order_id="g-1-1x")], [replace(stop, side=1)]):
        assert isinstance(place(rig, bought, children), Rejected)
    assert rig.sent() == 0


@pytest.mark.parametrize(
    ("was", "told", "why"),
    [
        (b'"currency": "USD"', b'"currency": "EUR"', "kept in EUR"),
        (b'"hedgingEnabled": false', b'"hedgingEnabled": true', "hedging"),
        (b'"tradeUnitsPrecision": 2', b'"tradeUnitsPrecision": 0', "lots of 0.15"),
        (b'"name": "XAU_USD"', b'"name": "EUR_USD"', "does not trade XAU_USD"),
    ],
)
def test_an_account_that_gamma_cannot_reckon_with_is_refused_in_a_sentence(
    rig: OandaRig, was: bytes, told: bytes, why: str
) -> None:
    rig.network.change = lambda body: body.replace(was, told)
    with pytest.raises(ConfigInvalid, match=why):
        rig.run(rig.broker.connect())


def test_an_answer_to_a_cancel_that_is_about_another_order_says_nothing(rig: OandaRig) -> None:
    place(rig, rig.resting("g-1-1", 1))
    body = b'{"orderCancelTransaction": {"clientOrderID": "g-1-2", "orderID": "9"}}'
    rig.network.writes.append(Instead(Answer(status=200, body=body), carried_out=False))
    assert isinstance(rig.run(rig.broker.cancel("g-1-1")), Lost)


def test_quotes_time_and_bars_are_read_as_they_are_told(rig: OandaRig) -> None:
    broker = rig.broker
    assert isinstance(broker, MarketData)
    assert isinstance(broker, Candles)
    clock = rig.run(broker.clock())
    assert (clock.ts_utc_ns, clock.is_open) == (rig.network.now_utc_ns, True)
    quotes = rig.run(broker.quotes([GOLD]))
    assert (quotes[GOLD].bid_points, quotes[GOLD].ask_points) == (2650.10, 2650.40)
    rig.network.wait(8 * 3600)
    assert not rig.run(broker.clock()).is_open
    shut = rig.run(broker.quotes([GOLD]))[GOLD]
    assert (str(shut.bid_points), str(shut.ask_points), shut.last_points) == ("nan", "nan", 2650.25)
    assert rig.run(broker.bars(GOLD, 300, 0)) == []
    with pytest.raises(InputInvalid, match="7 s"):
        rig.run(broker.bars(GOLD, 7, 0))


def test_a_quote_of_which_one_word_says_that_it_is_not_tradeable_is_none(rig: OandaRig) -> None:
    rig.network.change = lambda body: body.replace(b'"status": "tradeable"', b'"status": "invalid"')
    quote = rig.run(rig.broker.quotes([GOLD]))[GOLD]  # type: ignore[attr-defined]
    assert quote.bid_points != quote.bid_points


def test_a_list_of_transactions_that_has_a_hole_at_its_end_is_no_list(rig: OandaRig) -> None:
    place(rig, entry("g-1-1", 1, 1, GOLD))
    rig.run(rig.broker.fills_since(""))
    rig.network.change = lambda body: body.replace(b'"lastTransactionID": "4"', b'"lastTransactionID": "9"')
    with pytest.raises(Transient):
        rig.run(rig.broker.fills_since(""))

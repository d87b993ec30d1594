"""Kalshi's adapter at its sandbox: fills, fees, settlements and money by hand, and what no other broker does."""

import json
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from brokers.kalshi import KalshiBroker, reading
from brokers.kalshi.executions import settlement_of
from brokers.kalshi.marker import Marker, marker_of
from brokers.kalshi.params import HOSTS, STREAMS, KalshiParams
from brokers.kalshi.requests import Bucket
from brokers.kalshi.sandbox_keys import pem_of
from brokers.kalshi.signing import signer_of
from brokers.sandbox.answers import Answer
from gamma.bars import Bar
from gamma.books import BookLevel
from gamma.chaos.simulation.loop import Time, live
from gamma.clock import NS
from gamma.errors import ConfigInvalid, InputInvalid, MarkerUnknown, Transient
from gamma.events import Intent, OrderKind, OrderState, OrderType
from gamma.markets import MICRO, market
from gamma.ports import Accepted, Candles, EventBooks, Inconclusive, Lost, MarketData, Placed, Rejected
from tests.brokers.desk import approve, bracket
from tests.contract.in_process import Instead
from tests.contract.kalshi import CLOSE_UTC_NS, START_UTC_NS, TICKER, KalshiRig, bought, key
from tests.contract.rig import Fault, Trader

AT_MARKET: dict[str, Any] = {"price_ticks": 0, "order_type": OrderType.MARKET}
LEAVES: dict[str, Any] = AT_MARKET | {"kind": OrderKind.EXIT, "reduces": True, "reduce_only": True}
TAKES: dict[str, Any] = {"price_ticks": 58}


@pytest.fixture
def rig(tmp_path: Path) -> KalshiRig:
    return KalshiRig(tmp_path)


def place(rig: KalshiRig, intent: Intent) -> Placed:
    placed = rig.run(rig.broker.place(approve(intent), intent, ()))
    rig.settle()
    return placed


def fills(rig: KalshiRig) -> list[tuple[int, int, int, int]]:
    """Side, lots, price [cents] and fee [micro-dollars] of all."""
    page = rig.run(rig.broker.fills_since(""))
    return [(f.side, f.lots, f.price_ticks, f.fee_microusd) for f in page.fills]


def balance(rig: KalshiRig) -> int:
    return rig.run(rig.broker.account()).balance_microusd


def test_yes_is_bought_at_what_no_is_bid_for(rig: KalshiRig) -> None:
    assert isinstance(place(rig, bought("g-1-1", 10, **TAKES)), Accepted)
    # NO is bid at 44, so YES costs 56; the fee is 0.07 x 10 x 0.56 x 0.44 = 0.17248 usd, up to whole cents.
    assert fills(rig) == [(1, 10, 56, 180_000)]
    account = rig.run(rig.broker.account())
    assert account.cash_microusd == 1_000 * MICRO - 5_600_000 - 180_000
    assert account.balance_microusd == 1_000 * MICRO - 180_000
    assert account.equity_microusd == account.cash_microusd + 10 * 540_000  # at the bid of 54


def test_no_is_bought_by_an_offer_of_yes(rig: KalshiRig) -> None:
    assert isinstance(place(rig, bought("g-1-1", 10, 52, side=-1)), Accepted)
    assert fills(rig) == [(-1, 10, 54, 180_000)]
    assert rig.run(rig.broker.positions()) == {TICKER: -10}
    assert rig.run(rig.broker.account()).cash_microusd == 1_000 * MICRO - 4_600_000 - 180_000


def test_a_round_trip_leaves_its_money_in_the_balance(rig: KalshiRig) -> None:
    place(rig, bought("g-1-1", 10, **TAKES))
    place(rig, bought("g-1-2", 10, side=-1, **LEAVES))
    assert rig.run(rig.broker.positions()) == {}
    # 2 cents lost on each of 10, and 18 cents of fee on each side
    assert balance(rig) == 1_000 * MICRO - 200_000 - 360_000


def test_the_fee_of_an_order_that_fills_in_parts_is_rounded_once(rig: KalshiRig) -> None:
    rig.events.no = [(44, 3), (43, 3), (42, 3), (41, 1)]
    place(rig, bought("g-1-1", 10, 60))
    told = fills(rig)
    assert [(lots, price) for _, lots, price, _ in told] == [(3, 56), (3, 57), (3, 58), (1, 59)]
    # 0.0518 + 0.0515 + 0.0512 + 0.0170 = 0.1715 usd, up to 18 cents: 6, 5, 5 and 2 as they come.
    assert [fee for _, _, _, fee in told] == [60_000, 50_000, 50_000, 20_000]


def test_what_waits_and_is_come_to_pays_no_fee(rig: KalshiRig) -> None:
    place(rig, bought("g-1-1", 5))
    rig.trade(5)
    rig.settle()
    assert fills(rig) == [(1, 5, 50, 0)]


def test_what_is_not_offered_at_its_price_waits(rig: KalshiRig) -> None:
    rig.events.no = [(44, 4), (42, 3), (41, 50)]
    intent = bought("g-1-1", 20, 58)
    rig.run(rig.broker.place(approve(intent), intent, ()))
    rig.network.wait(2)
    assert [(lots, price) for _, lots, price, _ in fills(rig)] == [(4, 56), (3, 58)]
    order = Trader(rig).order("g-1-1")
    assert (order.state, order.filled_lots) == (OrderState.PARTIAL, 7)


def test_an_entry_at_market_is_refused_unsent_and_nothing_is_asked_before_an_order(rig: KalshiRig) -> None:
    refused = place(rig, bought("g-1-1", 1, **AT_MARKET))
    assert isinstance(refused, Rejected)
    assert (refused.code, rig.network.requests) == ("not_supported", [])
    rig.run(rig.broker.place(approve(bought("g-1-2")), bought("g-1-2"), ()))
    assert [request.method for request in rig.network.requests] == ["POST"]


def test_an_exit_takes_any_price_and_never_goes_beyond_flat(rig: KalshiRig) -> None:
    place(rig, bought("g-1-1", 3, **TAKES))
    rig.events.yes = [(7, 2), (1, 50)]
    place(rig, bought("g-1-2", 9, side=-1, **LEAVES))
    assert [(side, lots, price) for side, lots, price, _ in fills(rig)] == [(1, 3, 56), (-1, 2, 7), (-1, 1, 1)]
    assert rig.run(rig.broker.positions()) == {}


@pytest.mark.parametrize(("ends", "each_microusd"), [("yes", MICRO), ("no", 0)])
def test_a_market_that_is_settled_is_a_fill_of_what_was_held(rig: KalshiRig, ends: str, each_microusd: int) -> None:
    rig.events.ends = ends
    place(rig, bought("g-1-1", 10, 52, side=-1))
    marker = rig.run(rig.broker.fills_since("")).marker
    rig.network.wait(9 * 3_600)
    page = rig.run(rig.broker.fills_since(marker))
    [end] = page.fills
    assert (end.settled, end.settled_microusd_per_lot) == (True, each_microusd)
    assert (end.side, end.lots, end.price_ticks, end.fee_microusd) == (1, 10, each_microusd // 10_000, 0)
    assert (end.client_order_id, end.market) == ("", TICKER)
    assert rig.run(rig.broker.fills_since(page.marker)).fills == []
    assert rig.run(rig.broker.positions()) == {}
    # NO was bought at 46 cents and 18 cents of fee, and pays a dollar where it is NO.
    paid = 10 * (MICRO - each_microusd)
    assert balance(rig) == 1_000 * MICRO - 4_600_000 - 180_000 + paid
    assert rig.run(rig.broker.fills_since("")).fills[-1] == end


@pytest.mark.parametrize(
    ("told", "side", "lots", "worth"),
    [
        ({"market_result": "scalar", "value": 37, "yes_count_fp": "2.00"}, -1, 2, 370_000),
        ({"market_result": "void", "revenue": 120, "yes_count_fp": "3.00"}, -1, 3, 400_000),
        ({"market_result": "void", "revenue": 120, "no_count_fp": "3.00"}, 1, 3, 600_000),
    ],
)
def test_other_ends_are_told_by_what_they_paid(told: dict[str, Any], side: int, lots: int, worth: int) -> None:
    row = {"ticker": TICKER, "settled_time": "2026-11-20T22:00:00Z", "yes_count_fp": "0.00", "no_count_fp": "0.00"}
    end = settlement_of(row | told, TICKER)
    assert end is not None
    assert (end.side, end.lots, end.settled_microusd_per_lot) == (side, lots, worth)


def test_an_end_that_nobody_knows_says_nothing(rig: KalshiRig) -> None:
    place(rig, bought("g-1-1", 1, **TAKES))
    rig.network.wait(9 * 3_600)
    rig.network.change = lambda body: body.replace(b'"market_result": "yes"', b'"market_result": "perhaps"')
    with pytest.raises(Transient, match="perhaps"):
        rig.run(rig.broker.fills_since(""))


def test_what_was_not_held_at_the_end_is_no_fill() -> None:
    row = {"ticker": TICKER, "settled_time": "2026-11-20T22:00:00Z", "yes_count_fp": "0.00", "no_count_fp": "0.00"}
    assert settlement_of(row | {"market_result": "yes"}, TICKER) is None


def test_no_stop_and_no_target_can_hang_on_an_order(rig: KalshiRig) -> None:
    intent = bought("g-1-1")
    placed = rig.run(rig.broker.place(approve(intent), intent, bracket(intent, 40)))
    assert isinstance(placed, Rejected)
    assert (placed.code, rig.sent()) == ("not_supported", 0)


@pytest.mark.parametrize("price_ticks", [0, 100, -1])
def test_a_price_that_no_contract_has_is_refused_unsent(rig: KalshiRig, price_ticks: int) -> None:
    refused = place(rig, bought("g-1-1", 1, price_ticks))
    assert isinstance(refused, Rejected)
    assert (refused.code, rig.sent()) == ("bad_price", 0)


@pytest.mark.parametrize(
    "fields", [{"market": "KXOTHER-1"}, {"order_type": OrderType.STOP}, {"client_order_id": "a b"}]
)
def test_what_is_no_order_of_kalshis_is_refused_unsent(rig: KalshiRig, fields: dict[str, Any]) -> None:
    intent = replace(bought("g-1-1"), **fields)
    assert isinstance(place(rig, intent), Rejected)
    assert rig.sent() == 0


def test_an_id_that_works_already_is_looked_for_and_not_called_refused(rig: KalshiRig) -> None:
    place(rig, bought("g-1-1"))
    assert isinstance(place(rig, bought("g-1-1")), Lost)
    assert Trader(rig).order("g-1-1").state is OrderState.ACKED


@pytest.mark.parametrize(
    ("status", "told", "kind"),
    [
        (400, {"error": {"code": "invalid_order", "message": "no"}}, Rejected),
        (400, {"code": "bad_request", "message": "no"}, Rejected),
        (403, {"error": {"code": "never_heard_of", "message": "no"}}, Rejected),
        (410, {"error": {"code": "deprecated_v1_order_endpoint"}}, Rejected),
        (429, {"error": "too many requests"}, Rejected),
        (409, {"error": {"code": "ORDER_ALREADY_EXISTS"}}, Lost),
        (400, {"error": {"code": "EXCHANGE_UNAVAILABLE"}}, Lost),
        (503, {"error": {"code": "exchange_paused"}}, Lost),
        (400, {"detail": "who knows"}, Lost),
        (200, {"error": {"code": "deprecated_v1_order_endpoint"}}, Lost),
        (201, {"order_id": "", "fill_count": "0.00", "remaining_count": "1.00"}, Lost),
        (201, {"order_id": "o-9", "client_order_id": "g-9-9", "fill_count": "0.00", "remaining_count": "1.00"}, Lost),
        (201, {"order_id": "o-9", "fill_count": "0.00", "remaining_count": "7.00"}, Lost),
        (201, {"order_id": "o-9", "fill_count": "NaN", "remaining_count": "1.00"}, Lost),
        (201, {"order_id": "o-9", "fill_count": "0.00", "remaining_count": "1.00"}, Accepted),
    ],
)
def test_each_answer_to_an_order_is_taken_for_what_it_says(
    rig: KalshiRig, status: int, told: dict[str, Any], kind: type[Placed]
) -> None:
    rig.answer(status, json.dumps(told).encode(), carried_out=False)
    assert isinstance(place(rig, bought("g-1-1")), kind)


@pytest.mark.parametrize(
    ("status", "told", "kind"),
    [
        (200, {"order_id": "o-000002"}, Lost),
        (200, {}, Lost),
        (404, {"error": {"code": "not_found"}}, Rejected),
        (400, {"error": {"code": "MARKET_INACTIVE"}}, Rejected),
        (500, {"error": {"code": "internal"}}, Lost),
    ],
)
def test_an_answer_to_a_cancel_must_be_about_its_order(
    rig: KalshiRig, status: int, told: dict[str, Any], kind: type[Placed]
) -> None:
    place(rig, bought("g-1-1"))
    rig.answer(status, json.dumps(told).encode(), carried_out=False)
    assert isinstance(rig.run(rig.broker.cancel("g-1-1")), kind)
    assert Trader(rig).order("g-1-1").state is OrderState.ACKED


def test_a_cancel_names_the_market_for_the_order_may_be_on_another_shard(rig: KalshiRig) -> None:
    place(rig, bought("g-1-1"))
    rig.restart()
    assert isinstance(rig.run(rig.broker.cancel("g-1-1")), Accepted)
    assert rig.network.requests[-1].params == {"market_ticker": TICKER}


def test_a_list_that_is_older_than_the_order_proves_nothing(rig: KalshiRig) -> None:
    rig.fault(Fault.LOST_REQUEST)
    intent = bought("g-1-1")
    assert isinstance(rig.run(rig.broker.place(approve(intent), intent, ())), Lost)
    assert isinstance(rig.run(rig.broker.find("g-1-1")), Inconclusive)


def test_a_list_is_read_to_its_end(rig: KalshiRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brokers.kalshi.requests.PAGE", 2)
    for number in range(5):
        place(rig, bought(f"g-1-{number}"))
    assert len(rig.run(rig.broker.open_orders())) == 5
    rig.network.change = lambda body: body.replace(b'"cursor": "4"', b'"cursor": "2"')
    with pytest.raises(Transient):
        rig.run(rig.broker.open_orders())


def test_fills_are_joined_to_our_ids_by_one_list_where_they_are_many(rig: KalshiRig) -> None:
    for number in range(6):
        place(rig, bought(f"g-1-{number}", 1, 60))
    rig.restart()
    rig.network.requests.clear()
    told = rig.run(rig.broker.fills_since("")).fills
    assert [fill.client_order_id for fill in told] == [f"g-1-{number}" for number in range(6)]
    assert len(rig.network.requests) == 3  # settlements, fills, orders


def test_a_fill_whose_order_is_not_shown_yet_is_nobodys_until_it_is(rig: KalshiRig) -> None:
    place(rig, bought("g-1-1", 1, 60))
    rig.restart()
    rig.network.change = lambda body: body.replace(b'"order_id": "o-000001"', b'"order_id": "o-000009"')
    with pytest.raises(Transient, match="does not show its order yet"):
        rig.run(rig.broker.fills_since(""))
    rig.network.wait(5 * 3_600)
    [fill] = rig.run(rig.broker.fills_since("")).fills
    assert fill.client_order_id == ""


def test_an_order_that_somebody_made_smaller_is_over_when_the_rest_has_traded(rig: KalshiRig) -> None:
    place(rig, bought("g-1-1", 3, 60))
    spoilt = (b'"fill_count_fp": "3.00"', b'"fill_count_fp": "2.00"')
    rig.network.change = lambda body: body.replace(*spoilt)
    order = Trader(rig).order("g-1-1")
    assert (order.state, order.filled_lots, order.lots) == (OrderState.CANCELED, 2, 3)


def test_a_marker_forgets_what_is_longer_ago_than_the_overlap(rig: KalshiRig) -> None:
    place(rig, bought("g-1-1", 1, 60))
    rig.network.wait(3_600)
    place(rig, bought("g-1-2", 1, 60))
    marker = marker_of(rig.run(rig.broker.fills_since("")).marker)
    assert marker.told == {"f-000002"}
    with pytest.raises(MarkerUnknown):
        marker_of('[1, "x", 2]')


def test_a_marker_from_before_what_is_kept_is_refused(rig: KalshiRig) -> None:
    old = Marker(ts_utc_ns=START_UTC_NS - 100 * 86_400 * NS)
    with pytest.raises(MarkerUnknown):
        rig.run(rig.broker.fills_since(old.text()))


def test_what_ended_with_its_market_has_expired_and_what_was_cancelled_has_not(rig: KalshiRig) -> None:
    place(rig, bought("g-1-1"))
    place(rig, bought("g-1-2"))
    rig.run(rig.broker.cancel("g-1-1"))
    rig.expire()
    states = [Trader(rig).order(name).state for name in ("g-1-1", "g-1-2")]
    assert states == [OrderState.CANCELED, OrderState.EXPIRED]


# Markets.


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (b'"step": "0.0100"', b'"step": "0.0010"', "steps of 0.0010"),
        (b'"market_type": "binary"', b'"market_type": "scalar"', "scalar"),
        (b'"fractional_trading_enabled": false', b'"fractional_trading_enabled": true', "parts of contracts"),
        (b'"notional_value_dollars": "1.0000"', b'"notional_value_dollars": "10.0000"', "10.0000"),
    ],
)
def test_a_market_that_gamma_cannot_trade_is_refused_at_connect(
    rig: KalshiRig, before: bytes, after: bytes, why: str
) -> None:
    rig.network.change = lambda body: body.replace(before, after)
    with pytest.raises(ConfigInvalid, match=why):
        rig.run(rig.broker.connect())


def test_a_start_while_the_clock_is_wrong_waits_and_does_not_blame_the_key(rig: KalshiRig) -> None:
    hour_behind = type(rig.adapter)(
        rig.params, {TICKER: market(TICKER)}, rig.network, lambda: rig.network.now_utc_ns - 3_600 * NS
    )
    with pytest.raises(Transient, match="clock is -3600 s off"):
        rig.run(hour_behind.connect())


def test_a_key_that_is_not_accepted_at_the_right_time_is_none(rig: KalshiRig) -> None:
    rig.network.reads.append(Instead(_refused(rig, 401), carried_out=False))
    with pytest.raises(ConfigInvalid, match="not accepted for paper"):
        rig.run(rig.broker.connect())


def _refused(rig: KalshiRig, status: int) -> Answer:
    """What Kalshi says to a key that it does not know, with the time of it."""
    date = formatdate(rig.network.now_utc_ns / NS, usegmt=True)
    body = b'{"error": {"code": "authentication_error", "message": "no such key"}}'
    return Answer(status=status, body=body, headers={"Date": date})


def test_a_market_that_is_not_there_is_refused_at_connect(rig: KalshiRig) -> None:
    other = type(rig.adapter)(rig.params, {"KXNONE-1": market("KXNONE-1")}, rig.network, lambda: START_UTC_NS)
    with pytest.raises(ConfigInvalid, match="KXNONE-1: is no market"):
        rig.run(other.connect())


def test_the_order_book_tells_what_is_bid_for_on_both_sides(rig: KalshiRig) -> None:
    place(rig, bought("g-1-1", 7, 54))
    assert isinstance(rig.broker, EventBooks)
    book = rig.run(rig.broker.event_book(TICKER))
    assert book.yes_bids == (BookLevel(price_ticks=54, lots=107), BookLevel(price_ticks=53, lots=200))
    assert book.no_bids == (BookLevel(price_ticks=44, lots=100), BookLevel(price_ticks=43, lots=200))


def test_a_bid_at_a_dollar_is_none(rig: KalshiRig) -> None:
    rig.events.no = [(100, 5)]
    with pytest.raises(Transient):
        rig.run(rig.adapter.event_book(TICKER))


def test_quotes_are_of_yes_and_nothing_bid_is_no_price(rig: KalshiRig) -> None:
    assert isinstance(rig.broker, MarketData)
    rig.events.no = []
    quotes = rig.run(rig.broker.quotes([TICKER, "KXNONE-1"]))
    assert list(quotes) == [TICKER]
    assert quotes[TICKER].bid_points == 54
    assert quotes[TICKER].ask_points != quotes[TICKER].ask_points  # NaN


def test_candles_of_minutes_make_bars_of_five(rig: KalshiRig) -> None:
    assert isinstance(rig.broker, Candles)
    first = START_UTC_NS // (300 * NS) * 300 * NS
    for n, price in enumerate((50.0, 52.0, 49.0, 51.0, 53.0, 54.0)):
        opened = first + n * 60 * NS
        one = Bar(
            market=TICKER,
            ts_open_utc_ns=opened,
            ts_close_utc_ns=opened + 60 * NS,
            open_points=price,
            high_points=price + 1,
            low_points=price - 1,
            close_points=price,
            volume_lots=0.0 if n == 4 else 10.0,
        )
        rig.events.told.append(one)
    rig.network.now_utc_ns = first + 360 * NS
    [bar] = rig.run(rig.broker.bars(TICKER, 300, first - 1))
    assert (bar.ts_open_utc_ns, bar.ts_close_utc_ns) == (first, first + 300 * NS)
    # In the fifth minute nobody traded, and the fifth price is none.
    prices = (bar.open_points, bar.high_points, bar.low_points, bar.close_points)
    assert (prices, bar.volume_lots, bar.spread_points) == ((50, 53, 48, 51), 40, 2)
    assert len(rig.run(rig.broker.bars(TICKER, 60, first))) == 6
    assert rig.run(rig.broker.bars(TICKER, 300, bar.ts_close_utc_ns)) == []
    with pytest.raises(InputInvalid):
        rig.run(rig.broker.bars(TICKER, 45, first))


def test_the_exchange_is_closed_in_its_maintenance_and_takes_no_order(rig: KalshiRig) -> None:
    assert isinstance(rig.broker, MarketData)
    assert rig.run(rig.broker.clock()).is_open
    rig.network.now_utc_ns = 1_795_075_200 * NS  # Thursday 2026-11-19, 03:00 in New York
    assert not rig.run(rig.broker.clock()).is_open
    assert isinstance(place(rig, bought("g-1-1")), Rejected)


# Keys and limits.


def test_a_key_is_never_shown(rig: KalshiRig, tmp_path: Path) -> None:
    signer = signer_of(rig.params, lambda: 0)
    assert "PRIVATE" not in f"{signer!r} {rig.params!r}"
    path = tmp_path / "key.pem"
    path.write_text("-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----\n")
    given = {"environment": "paper", "key_id": "a-key-of-mine", "key_path": path}
    with pytest.raises(ConfigInvalid) as caught:
        signer_of(KalshiParams.model_validate(given), lambda: 0)
    assert "QUJD" not in str(caught.value)
    path.write_bytes(pem_of(key()))
    assert signer_of(KalshiParams.model_validate(given), lambda: 0).headers("GET", "/x")
    with pytest.raises(ConfigInvalid, match="cannot be read"):
        signer_of(KalshiParams.model_validate(given | {"key_path": tmp_path / "none"}), lambda: 0)


def test_demo_and_live_have_hosts_of_their_own() -> None:
    for hosts in (HOSTS, STREAMS):
        assert "demo.kalshi.co/" in hosts["paper"]
        assert "kalshi.com/" in hosts["live"]
        assert "demo" not in hosts["live"]


def test_a_bucket_gives_what_has_run_in() -> None:
    bucket = Bucket(100)
    assert [bucket.take(10, 5.0) for _ in range(10)] == [0.0] * 10
    assert bucket.take(10, 5.0) == pytest.approx(0.1)
    assert bucket.take(10, 5.1) == 0.0


def test_orders_beyond_what_kalshi_takes_are_refused_unsent(rig: KalshiRig) -> None:
    basic = rig.params.model_copy(update={"tier": "basic"})
    broker = type(rig.adapter)(basic, {TICKER: market(TICKER)}, rig.network, lambda: rig.network.now_utc_ns)
    placed = [rig.run(broker.place(approve(bought(f"g-1-{n}")), bought(f"g-1-{n}"), ())) for n in range(11)]
    assert [type(one) for one in placed] == [Accepted] * 10 + [Rejected]
    assert rig.sent() == 10


def test_reads_stay_below_what_kalshi_takes_for_they_do_not_arrive_as_evenly_as_they_leave(rig: KalshiRig) -> None:
    basic = rig.params.model_copy(update={"tier": "basic"})
    broker = type(rig.adapter)(basic, {TICKER: market(TICKER)}, rig.network, lambda: rig.network.now_utc_ns)
    time = Time(rig.network.now_utc_ns)
    live(time, time.now + 10 * NS, _many(broker))
    assert len(rig.network.requests) == 20
    assert time.monotonic_ns() / NS == pytest.approx(2 / 18, rel=1e-6)  # 18 at once, then 18 a second, of 20


async def _many(broker: KalshiBroker) -> None:
    for _ in range(20):
        await broker.quotes([TICKER])


@pytest.mark.parametrize("value", ["0.555", "1.01", "-0.10", "", "x", "NaN", 0.5, None, "1e2"])
def test_a_price_between_two_cents_or_beyond_a_dollar_is_none(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        reading.cents(value)


def test_what_is_told_of_a_side_must_not_contradict_itself() -> None:
    assert reading.side_of({"book_side": "ask", "outcome_side": "no"}) == -1
    for told in ({"book_side": "bid", "outcome_side": "no"}, {}, {"book_side": "buy"}):
        with pytest.raises((ValueError, KeyError)):
            reading.side_of(told)


def test_settlement_comes_after_the_market_has_closed(rig: KalshiRig) -> None:
    place(rig, bought("g-1-1", 1, 60))
    rig.network.wait((CLOSE_UTC_NS - rig.network.now_utc_ns) / NS + 60)
    assert rig.run(rig.broker.positions()) == {TICKER: 1}
    assert not any(fill.settled for fill in rig.run(rig.broker.fills_since("")).fills)

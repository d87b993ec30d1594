"""A series at Kalshi: the question that is open is traded, one after another, and what is held of one ends with it."""

from pathlib import Path

import pytest

from brokers.kalshi.params import KalshiParams
from gamma.clock import NS
from gamma.errors import ConfigInvalid, InputInvalid, Transient
from gamma.events import OrderState
from gamma.markets import MICRO
from gamma.params import parse
from gamma.ports import Accepted, Found, NotListed, Preparing, Rejected
from tests.brokers.desk import approve, entry
from tests.brokers.hand_series import SERIES, START_UTC_NS, SeriesRig, ticker
from tests.contract.in_process import Instead


@pytest.fixture
def rig(tmp_path: Path) -> SeriesRig:
    rig = SeriesRig(tmp_path)
    rig.ready()
    return rig


def test_an_order_goes_to_the_question_that_is_open_and_is_told_under_the_series(rig: SeriesRig) -> None:
    assert isinstance(rig.broker, Preparing)
    assert isinstance(rig.place("g-1-1", 10), Accepted)
    rig.place("g-1-2", 5, 40)
    rig.network.wait(1)
    assert rig.sent() == [ticker(0), ticker(0)]
    assert rig.fills() == [(SERIES, 10, 56, False)]
    assert rig.run(rig.broker.positions()) == {SERIES: 10}
    [working] = rig.run(rig.broker.open_orders())
    assert (working.market, working.client_order_id, working.price_ticks) == (SERIES, "g-1-2", 40)
    found = rig.run(rig.broker.find("g-1-1"))
    assert isinstance(found, Found)
    assert (found.order.market, found.order.state, found.order.price_ticks) == (SERIES, OrderState.FILLED, 58)
    assert isinstance(rig.run(rig.broker.cancel("g-1-2")), Accepted)
    assert rig.network.requests[-1].params == {"market_ticker": ticker(0)}


def test_what_was_held_is_settled_to_the_cent_and_then_the_next_question_is_traded(rig: SeriesRig) -> None:
    rig.events.ends[ticker(0)] = "no"
    rig.place("g-1-1", 10)
    rig.at(1, 5)
    assert rig.run(rig.broker.positions()) == {SERIES: 10}  # decided in 5 s, paid out in 25 s
    rig.at(1, 40)
    with pytest.raises(Transient, match="not asked for yet"):
        rig.run(rig.broker.event_book(SERIES))
    assert rig.fills() == [(SERIES, 10, 56, False), (SERIES, -10, 0, True)]
    assert rig.run(rig.broker.positions()) == {}
    assert rig.run(rig.broker.event_book(SERIES)).market == SERIES
    rig.network.wait(1)
    assert isinstance(rig.place("g-1-2", 3, side=-1, price_ticks=52), Accepted)
    rig.network.wait(1)
    assert rig.sent() == [ticker(0), ticker(1)]
    assert rig.run(rig.broker.positions()) == {SERIES: -3}
    # 10 at 56 cents and 18 of fee are lost; 3 of NO at 46 cents cost 6 of fee (0.0522 usd, up).
    assert rig.run(rig.broker.account()).balance_microusd == 1_000 * MICRO - 5_600_000 - 180_000 - 60_000


def test_while_lots_of_a_question_are_not_settled_the_next_one_is_neither_told_nor_traded(rig: SeriesRig) -> None:
    rig.place("g-1-1", 10)
    rig.at(1, 20)
    for leaving in (False, True):
        refused = rig.leave("g-1-3", 10, -1) if leaving else rig.place("g-1-2", 5)
        assert isinstance(refused, Rejected)
        assert refused.code == "not_sent"
        assert f"what is held of {ticker(0)} is not settled yet" in refused.text
    with pytest.raises(Transient, match="not settled yet"):
        rig.run(rig.broker.event_book(SERIES))
    assert rig.run(rig.broker.bars(SERIES, 60, START_UTC_NS)) == []
    assert rig.sent() == [ticker(0)]
    assert rig.run(rig.broker.quotes([SERIES]))[SERIES].bid_points == 54  # a person may look


def test_a_flat_series_goes_on_once_what_was_done_before_must_show(rig: SeriesRig) -> None:
    rig.at(1, 1)
    assert "just opened" in str(rig.place("g-1-1", 5))
    rig.network.wait(6)
    rig.run(rig.broker.event_book(SERIES))
    rig.network.wait(1)
    assert isinstance(rig.place("g-1-2", 5), Accepted)
    assert rig.sent() == [ticker(1)]


def test_a_fill_of_the_last_moment_that_is_not_shown_yet_holds_the_next_question_back(rig: SeriesRig) -> None:
    rig.sandbox.lag_s = 20.0
    rig.at(0, 899.9)
    rig.place("g-1-1", 5)
    rig.at(1, 10)
    assert rig.run(rig.broker.positions()) == {}  # it filled, and does not show
    assert isinstance(rig.place("g-1-2", 5), Rejected)
    rig.at(1, 26)
    assert "not settled yet" in str(rig.place("g-1-3", 5))
    assert rig.sent() == [ticker(0)]


def test_what_was_decided_on_one_question_is_not_sent_to_the_next(rig: SeriesRig) -> None:
    decided = rig.network.now_utc_ns + 890 * NS
    rig.at(1, 8)
    refused = rig.place("g-1-1", 5, ts_event_utc_ns=decided)
    assert isinstance(refused, Rejected)
    assert (refused.code, rig.sent()) == ("no_question", [])
    assert "decided before" in refused.text


def test_an_order_that_nobody_prepared_is_refused_unsent(tmp_path: Path) -> None:
    rig = SeriesRig(tmp_path)
    intent = entry("g-1-1", 1, 5, SERIES, price_ticks=50, ts_event_utc_ns=START_UTC_NS)
    rig.network.requests.clear()
    refused = rig.run(rig.broker.place(approve(intent), intent, ()))
    assert isinstance(refused, Rejected)
    assert rig.network.requests == []


def test_between_two_questions_nothing_is_traded(rig: SeriesRig) -> None:
    rig.events.opens_s[1] = 120
    rig.at(1, 60)
    with pytest.raises(Transient, match="no question is open"):
        rig.run(rig.broker.event_book(SERIES))
    refused = rig.place("g-1-1", 5)
    assert isinstance(refused, Rejected)
    assert "no question is open" in refused.text
    assert rig.run(rig.broker.bars(SERIES, 60, START_UTC_NS)) == []
    assert rig.run(rig.broker.clock()).is_open
    rig.run(rig.broker.connect())


def test_a_question_that_closed_early_is_looked_up_again(rig: SeriesRig) -> None:
    rig.network.change = lambda body: body.replace(b'"status": "active"', b'"status": "inactive"')
    rig.network.wait(61)
    with pytest.raises(Transient, match="no question is open"):
        rig.run(rig.broker.event_book(SERIES))
    rig.network.change = lambda body: body
    rig.network.wait(6)
    assert rig.run(rig.broker.event_book(SERIES)).yes_bid_cents == 54  # it was paused, and goes on


def test_an_order_that_comes_too_late_has_the_question_looked_up_again(rig: SeriesRig) -> None:
    rig.sandbox.floor.refuse_next.append("MARKET_INACTIVE")
    assert isinstance(rig.place("g-1-1", 5), Rejected)
    rig.network.requests.clear()
    rig.place("g-1-2", 5)
    assert [request.params.get("series_ticker") for request in rig.network.requests] == [SERIES, None]


def test_orders_of_a_question_that_ended_stay_with_it(rig: SeriesRig) -> None:
    rig.place("g-1-1", 5, 40)
    rig.at(1, 40)
    assert isinstance(rig.run(rig.broker.cancel("g-1-1")), Rejected)
    [order] = rig.run(rig.broker.orders({"g-1-1": ""}))
    assert (order.market, order.state) == (SERIES, OrderState.EXPIRED)
    assert rig.run(rig.broker.open_orders()) == []


@pytest.mark.parametrize("seconds", [4, 15, 35])
def test_a_restart_around_a_change_of_questions_loses_and_doubles_nothing(rig: SeriesRig, seconds: float) -> None:
    rig.place("g-1-1", 10)
    rig.place("g-1-2", 5, 40)
    rig.network.wait(1)
    marker = rig.run(rig.broker.fills_since("")).marker
    rig.at(1, seconds)
    rig.broker = rig.opened()
    rig.run(rig.broker.connect())
    settled = seconds > 30
    assert rig.fills(marker) == ([(SERIES, -10, 100, True)] if settled else [])
    assert rig.run(rig.broker.positions()) == ({} if settled else {SERIES: 10})
    assert isinstance(rig.place("g-1-3", 1), Rejected)
    rig.network.wait(40)
    rig.run(rig.broker.fills_since(marker))
    rig.run(rig.broker.event_book(SERIES))
    rig.network.wait(1)
    assert isinstance(rig.place("g-1-4", 1), Accepted)
    [expired] = rig.run(rig.broker.orders({"g-1-2": ""}))
    assert expired.state is OrderState.EXPIRED
    rig.network.wait(1)
    assert rig.fills() == [(SERIES, 10, 56, False), (SERIES, -10, 100, True), (SERIES, 1, 56, False)]


def test_a_start_while_a_question_is_not_settled_goes_on_as_soon_as_it_is(rig: SeriesRig) -> None:
    rig.place("g-1-1", 10)
    rig.at(1, 15)
    rig.broker = rig.opened()
    rig.run(rig.broker.connect())
    rig.network.wait(10)
    with pytest.raises(Transient, match="not settled yet"):
        rig.run(rig.broker.event_book(SERIES))
    rig.network.wait(10)
    assert rig.run(rig.broker.event_book(SERIES)).yes_bid_cents == 54


def test_a_lost_answer_is_looked_for_in_the_question_that_it_went_to(rig: SeriesRig) -> None:
    rig.network.writes.append(Instead(None, carried_out=True))
    rig.place("g-1-1", 5, 40)
    rig.network.writes.append(Instead(None, carried_out=False))
    rig.place("g-1-2", 5, 40)
    rig.at(1, 20)
    assert isinstance(rig.run(rig.broker.find("g-1-2")), NotListed)
    assert rig.network.requests[-1].params["ticker"] == ticker(0)
    found = rig.run(rig.broker.find("g-1-1"))
    assert isinstance(found, Found)
    assert found.order.state is OrderState.EXPIRED


# What is told.


def test_the_book_of_a_series_is_that_of_its_question(rig: SeriesRig) -> None:
    rig.at(0, 300)
    book = rig.run(rig.broker.event_book(SERIES))
    assert (book.market, book.yes_bid_cents, book.no_bid_cents) == (SERIES, 54, 44)
    assert book.ts_close_utc_ns == START_UTC_NS + 900 * NS
    assert (book.traded_lots, book.volume_10min_lots) == (15, 15)  # three a minute, and it is five minutes old
    rig.at(0, 840)
    book = rig.run(rig.broker.event_book(SERIES))
    assert (book.traded_lots, book.volume_10min_lots) == (42, 42)  # nobody looked at it four minutes in
    for seconds in range(845, 900, 5):
        rig.at(0, seconds)
        book = rig.run(rig.broker.event_book(SERIES))
    rig.at(1, 700)
    rig.broker = rig.opened()
    rig.run(rig.broker.connect())
    rig.network.wait(7)
    book = rig.run(rig.broker.event_book(SERIES))
    # Eleven minutes of three; candles tell what came before the first look.
    assert (book.traded_lots, book.volume_10min_lots) == (33, 30)


def test_a_book_whose_volume_is_not_known_yet_is_none(rig: SeriesRig) -> None:
    rig.at(0, 700)
    rig.broker = rig.opened()
    rig.run(rig.broker.connect())
    rig.network.wait(7)
    rig.network.change = lambda body: body.replace(b'"candlesticks"', b'"candles"')
    with pytest.raises(Transient, match="candles"):
        rig.run(rig.broker.event_book(SERIES))
    rig.network.change = lambda body: body
    assert rig.run(rig.broker.event_book(SERIES)).volume_10min_lots == 30


def test_bars_of_a_series_are_those_of_its_question_and_what_closed_between_two_is_never_told(rig: SeriesRig) -> None:
    rig.at(0, 890)
    assert closes(rig, 60, START_UTC_NS)[-1] == 14 * 60
    rig.at(1, 130)
    assert closes(rig, 60, START_UTC_NS + 840 * NS) == [16 * 60, 17 * 60]  # not the last minute of the first question


def test_a_new_life_is_told_the_bars_of_all_questions_until_then(rig: SeriesRig) -> None:
    rig.place("g-1-1", 5)
    rig.at(2, 130)
    rig.broker = rig.opened()
    rig.run(rig.broker.connect())
    assert closes(rig, 60, START_UTC_NS) == [60 * n for n in range(1, 33)]
    assert closes(rig, 300, START_UTC_NS + 1_000 * NS) == [1_200, 1_500, 1_800]
    rig.network.wait(120)
    assert closes(rig, 60, START_UTC_NS + 1_800 * NS) == [60 * n for n in range(31, 35)]
    rig.network.requests.clear()
    assert closes(rig, 60, START_UTC_NS + 1_980 * NS) == [34 * 60]
    assert not any("min_close_ts" in request.params for request in rig.network.requests)


def test_bars_that_are_longer_than_a_question_are_refused(rig: SeriesRig) -> None:
    with pytest.raises(InputInvalid, match="bars of 3600 s are longer than"):
        rig.run(rig.broker.bars(SERIES, 3_600, rig.network.now_utc_ns))


def closes(rig: SeriesRig, bar_s: int, since_utc_ns: int) -> list[int]:
    """When the bars since a time closed, in seconds from the start."""
    told = rig.run(rig.broker.bars(SERIES, bar_s, since_utc_ns))
    assert {bar.market for bar in told} <= {SERIES}
    return [(bar.ts_close_utc_ns - START_UTC_NS) // NS for bar in told]


# Config.


def test_a_series_that_kalshi_does_not_have_is_refused_at_connect(tmp_path: Path) -> None:
    rig = SeriesRig(tmp_path, "KXHAND15")
    with pytest.raises(
        ConfigInvalid, match=r"KXHAND15: is no market of Kalshi's .* name it in \[brokers.kalshi\] series"
    ):
        rig.run(rig.broker.connect())
    rig.params = rig.params.model_copy(update={"series": (SERIES, "KXHAND15")})
    rig.broker = rig.opened()
    with pytest.raises(ConfigInvalid, match=r"\[brokers.kalshi\] series: 'KXHAND15' is no series"):
        rig.run(rig.broker.connect())


def test_a_question_and_its_series_are_not_traded_beside_each_other(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=f"market {ticker(0)}: is a question of the series {SERIES}"):
        SeriesRig(tmp_path, ticker(0))


def test_a_series_that_asks_several_questions_at_a_time_is_refused(rig: SeriesRig) -> None:
    rig.events.beside = True
    with pytest.raises(ConfigInvalid, match="asks several questions at a time"):
        rig.run(rig.opened().connect())
    rig.network.wait(61)
    with pytest.raises(Transient, match="asks several questions at a time"):
        rig.run(rig.broker.event_book(SERIES))


def test_a_series_of_finer_steps_is_refused(rig: SeriesRig) -> None:
    rig.network.change = lambda body: body.replace(b'"step": "0.0100"', b'"step": "0.0010"')
    with pytest.raises(ConfigInvalid, match=f"market {SERIES}: its question {ticker(0)} is priced in steps of 0.0010"):
        rig.run(rig.opened().connect())


def test_a_series_is_read_page_by_page(rig: SeriesRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brokers.kalshi.requests.PAGE", 1)
    rig.events.beside = True
    with pytest.raises(ConfigInvalid, match="asks several questions at a time"):
        rig.run(rig.opened().connect())


def test_a_series_is_written_as_kalshi_writes_it() -> None:
    given = {"environment": "paper", "key_id": "a-key-of-mine", "key_path": "key.pem", "series": ["KXBTC15M-26NOV20"]}
    with pytest.raises(ConfigInvalid, match="series: 'KXBTC15M-26NOV20' is no series; write it as Kalshi does"):
        parse(KalshiParams, given, "brokers.kalshi")

"""One event in, the book and the effects out: bars, time, days, equity, and the exits that bars bring about.

Numbers by hand. MNQ: 0.50 usd a tick, 0.60 usd a lot and side; the stop lies 40 ticks from the entry, the
target 80. The account starts with 50,000 usd.
"""

import math
from dataclasses import replace

import pytest

from gamma.book import fold
from gamma.effects import Record, Send
from gamma.errors import InvariantBroken
from gamma.events import (
    BarClosed,
    BootStarted,
    DayStarted,
    EquityMarked,
    Level,
    OrderIntended,
    OrderKind,
    OrderReplaced,
    OrderState,
    OrderType,
    QuoteSeen,
    SessionOpened,
    ShutDown,
)
from gamma.exits import ExitRule
from gamma.floor import FloorRule, TrailsOn
from gamma.guards import Action
from gamma.markets import MICRO
from gamma.reasons import Reason
from gamma.views import View
from tests.engine_case import MINUTE, PRICE, Case, S, Wire, bar_of, below, session_of, setup_of, strategy_rules

LEGACY = FloorRule(drawdown_microusd=2_500 * MICRO, trails_on=TrailsOn.INTRADAY)


def quote(case: Case, bid: float, ask: float, symbol: str = "MNQ") -> None:
    case.now += S
    case.do(QuoteSeen(market=symbol, bid_points=bid, ask_points=ask, ts_event_utc_ns=case.now))


# --- the way of an order ----------------------------------------------------------------------------


def test_a_signal_becomes_an_entry_with_its_bracket() -> None:
    case = Case()
    case.bar()
    case.signal(stop=40, target=80)
    entry, stop, target = (o.intent for o in case.book.orders.values())
    assert (entry.kind, entry.order_type, entry.side, entry.lots) == (OrderKind.ENTRY, OrderType.MARKET, 1, 2)
    assert (stop.kind, stop.order_type, stop.side, stop.price_ticks) == (OrderKind.STOP, OrderType.STOP, -1, PRICE - 40)
    assert (target.order_type, target.side, target.price_ticks) == (OrderType.LIMIT, -1, PRICE + 80)
    assert stop.parent == target.parent == entry.client_order_id
    assert stop.reduces
    assert not entry.reduces
    assert [o.state for o in case.book.orders.values()] == [OrderState.PENDING] * 3


def test_a_short_is_bracketed_the_other_way_round() -> None:
    case = Case()
    case.bar()
    case.signal(-1, stop=40, target=80)
    _, stop, target = (o.intent for o in case.book.orders.values())
    assert (stop.side, stop.price_ticks) == (1, PRICE + 40)
    assert (target.side, target.price_ticks) == (1, PRICE - 80)


def test_what_is_sent_is_recorded_first_and_carries_its_approval() -> None:
    case = Case()
    case.bar()
    effects = case.signal()
    [at] = [n for n, e in enumerate(effects) if isinstance(e, Send)]
    [recorded] = [n for n, e in enumerate(effects) if isinstance(e, Record) and isinstance(e.fact, OrderIntended)]
    assert recorded < at
    send = effects[at]
    assert isinstance(send, Send)
    assert (send.approved.market, send.approved.side, send.approved.lots) == ("MNQ", 1, 2)
    assert len(send.bracket) == 2


def test_a_trade_that_meets_its_stop_loses_forty_ticks_and_the_fees() -> None:
    case = Case()
    entry = case.enter()
    case.fill(f"{entry}s", 2, PRICE - 40)
    # 2 lots * (40 * 0.50 + 2 * 0.60) usd = 42.40 usd.
    [trade] = case.trades
    assert trade.pnl_microusd == -42_400_000
    assert (trade.fees_microusd, trade.risk_microusd) == (2_400_000, 40_000_000)
    assert (trade.exit_reason, trade.lots_max, trade.side, trade.trade_id) == ("stop", 2, 1, "alpha#1")
    assert (trade.entry_points, trade.exit_points) == (20_000, 19_990)
    assert case.book.balance_microusd == 49_957_600_000
    assert case.book.positions == {}
    assert case.book.tracks["alpha"].pnl_usd_per_lot == (-21.2,)
    assert case.book.tracks["alpha"].r_multiples == (-1.06,)
    assert case.book.trades[-1].stopped
    case.refold()


def test_a_trade_that_meets_its_target_earns_eighty_ticks_less_the_fees() -> None:
    case = Case()
    entry = case.enter(-1)
    case.fill(f"{entry}t", 2, PRICE - 80)
    [trade] = case.trades
    assert (trade.pnl_microusd, trade.exit_reason, trade.side) == (77_600_000, "target", -1)
    assert not case.book.trades[-1].stopped


def test_partial_fills_add_up_to_one_trade() -> None:
    case = Case()
    case.bar()
    case.signal()
    entry = case.sent(OrderKind.ENTRY)
    case.accept(entry, f"{entry}s", f"{entry}t")
    case.fill(entry, 1, PRICE)
    assert (case.state(entry), case.position().lots) == (OrderState.PARTIAL, 1)
    case.fill(entry, 1, PRICE + 2)
    assert (case.state(entry), case.position().lots) == (OrderState.FILLED, 2)
    # From an average of 80,001 to a stop at 79,960: 41 ticks of risk.
    assert case.position().risk_ticks == 41
    case.fill(f"{entry}t", 1, PRICE + 80)
    assert (case.position().lots, case.trades) == (1, [])
    case.fill(f"{entry}t", 1, PRICE + 80)
    [trade] = case.trades
    # 80 + 78 ticks at 0.50, less 4 * 0.60.
    assert trade.pnl_microusd == 76_600_000
    case.refold()


def test_an_entry_that_fills_on_after_a_partial_exit_is_still_one_trade() -> None:
    case = Case(strategy_rules(lots=3))
    case.bar()
    case.signal()
    entry = case.sent(OrderKind.ENTRY)
    case.accept(entry, f"{entry}s", f"{entry}t")
    case.fill(entry, 2, PRICE)
    case.fill(f"{entry}t", 1, PRICE + 80)
    case.fill(entry, 1, PRICE)
    assert case.trades == []
    assert (case.position().lots, case.position().lots_max) == (2, 2)
    case.fill(f"{entry}t", 2, PRICE + 80)
    assert [t.pnl_microusd for t in case.trades] == [3 * (40_000_000 - 1_200_000)]


def test_the_same_execution_told_twice_is_booked_once() -> None:
    case = Case()
    entry = case.enter()
    before = case.book.balance_microusd
    assert case.fill(entry, 2, PRICE, execution="x1") == []
    assert (case.position().lots, case.book.balance_microusd) == (2, before)


def test_a_fill_before_the_acceptance_is_booked() -> None:
    case = Case()
    case.bar()
    case.signal()
    entry = case.sent(OrderKind.ENTRY)
    case.fill(entry, 2, PRICE)
    assert case.state(entry) is OrderState.FILLED
    assert case.accept(entry) == []
    assert case.state(entry) is OrderState.FILLED


def test_an_acceptance_told_twice_changes_nothing() -> None:
    case = Case()
    case.bar()
    case.signal()
    entry = case.sent(OrderKind.ENTRY)
    case.accept(entry)
    assert case.accept(entry) == []


def test_the_ids_of_orders_go_on_from_boot_to_boot_and_never_repeat() -> None:
    case = Case()
    prefix = case.book.client_id_prefix
    case.enter()
    assert case.sent(OrderKind.ENTRY) == f"{prefix}1-0"
    case.stop_out(f"{prefix}1-0")
    case.restart()
    case.bar()
    case.signal()
    assert case.sent(OrderKind.ENTRY) == f"{prefix}2-0"


def test_an_epoch_is_not_used_again() -> None:
    case = Case()
    with pytest.raises(InvariantBroken, match="epoch 1 was used before"):
        case.do(BootStarted(epoch=1, config_hash="", code_hash="", ts_event_utc_ns=case.now))


def test_a_clean_stop_is_recorded() -> None:
    case = Case()
    case.do(ShutDown(reason="asked", ts_event_utc_ns=case.now))
    assert len(case.of(ShutDown)) == 1


def test_time_does_not_run_backwards() -> None:
    case = Case()
    case.bar()
    at = case.book.ts_event_utc_ns
    case.now -= 90 * S
    case.signal()
    assert case.book.ts_event_utc_ns == at
    assert case.intent(OrderKind.ENTRY).ts_event_utc_ns == at


# --- bars and quotes ----------------------------------------------------------------------------------


def test_an_account_at_rest_asks_none_of_its_guards_on_a_bar() -> None:
    asked: list[View] = []

    def note(view: View) -> bool:
        asked.append(view)
        return False

    case = Case(strategy_rules(guards=[("wire", Wire(when=note, action=Action.HALT))]))
    case.bar()
    quote(case, 20_000, 20_001)
    assert asked == []
    case.wait(1)
    assert asked != []


def test_while_its_halt_stands_a_guard_need_not_look_at_bars_of_a_flat_account() -> None:
    asked: list[View] = []
    halting = Wire(when=lambda view: not asked.append(view), action=Action.HALT, realised=True)  # type: ignore[func-returns-value]
    case = Case(strategy_rules(guards=[("wire", halting)]))
    case.wait(1)
    assert list(case.book.breaches) == [("alpha", "wire")]
    looks = len(asked)
    case.bar()
    quote(case, 20_000, 20_001)
    assert len(asked) == looks
    case.wait(1)
    assert len(asked) > looks


@pytest.mark.parametrize(("action", "realised"), [(Action.LOCK_MARKET, True), (Action.HALT, False)])
def test_a_lock_that_lifts_by_itself_and_what_is_not_latched_yet_is_looked_at_on_every_bar(
    action: Action, realised: bool
) -> None:
    wrong = [True]
    wire = Wire(when=lambda _: wrong[0], action=action, realised=realised)
    case = Case(strategy_rules(guards=[("wire", wire)]))
    case.wait(1)
    assert len(case.book.breaches) == 1
    wrong[0] = False
    case.bar()
    assert (case.book.breaches, case.book.halts) == ({}, {})


def test_a_bar_that_was_seen_before_is_no_news() -> None:
    case = Case()
    case.enter()
    case.bar()
    again, older = bar_of(PRICE - 400, at=case.now), bar_of(PRICE - 400, at=case.now - MINUTE)
    for bar in (again, older):
        assert case.do(BarClosed(bar=bar, ts_event_utc_ns=case.now)) == []
    assert case.position().bars_held == 1
    assert case.book.marks["MNQ"].price_points == 20_000


@pytest.mark.parametrize(
    "wrong",
    [
        {"close_points": math.nan},
        {"high_points": math.inf},
        {"low_points": -math.inf},
        {"high_points": 19_000.0},
        {"ts_open_utc_ns": 2**62},
        {"market": "ZZ"},
    ],
)
def test_a_bar_that_makes_no_sense_changes_nothing(wrong: dict[str, object]) -> None:
    case = Case()
    case.enter()
    case.now += 5 * MINUTE
    bar = replace(bar_of(at=case.now), **wrong)  # type: ignore[arg-type]
    before = case.book.marks
    assert case.do(BarClosed(bar=bar, ts_event_utc_ns=case.now)) == []
    assert case.book.marks == before


@pytest.mark.parametrize(("bid", "ask"), [(math.nan, 20_000.0), (20_000.0, math.nan), (20_001.0, 20_000.0)])
def test_half_a_quote_is_no_price(bid: float, ask: float) -> None:
    case = Case()
    case.bar()
    age = case.book.marks["MNQ"].ts_quote_utc_ns
    quote(case, bid, ask)
    mark = case.book.marks["MNQ"]
    assert (mark.price_points, mark.ts_quote_utc_ns) == (20_000, age)
    assert math.isnan(mark.bid_points)


def test_a_quote_of_an_unknown_market_is_none() -> None:
    case = Case()
    quote(case, 1, 2, "ZZ")
    assert "ZZ" not in case.book.marks


def test_a_quote_moves_what_is_held() -> None:
    wire = Wire(when=below(49_900), action=Action.FLATTEN_AND_HALT)
    case = Case(strategy_rules(guards=[("wire", wire)]))
    case.enter()
    # 2 lots: 40 usd a point; 60 points under the entry are 120 usd.
    quote(case, 19_940, 19_940)
    quote(case, 19_940, 19_940)
    assert case.position().exit_reason == "wire"


# --- equity, peak and floor ---------------------------------------------------------------------------


def test_a_bar_marks_equity_at_its_best_its_worst_and_its_close() -> None:
    case = Case()
    case.enter()
    case.bar(PRICE + 10, high=PRICE + 30, low=PRICE - 20)
    [marked] = case.of(EquityMarked)[-1:]
    paid = 50_000 * MICRO - 1_200_000
    assert marked.close_microusd == paid + 10_000_000
    assert marked.high_microusd == paid + 30_000_000
    assert marked.low_microusd == paid - 20_000_000
    assert case.book.money.peak_microusd == paid + 30_000_000
    assert (case.position().best_ticks, case.position().bars_held) == (PRICE + 30, 1)


def test_a_shorts_best_is_the_low() -> None:
    case = Case()
    case.enter(-1)
    case.bar(PRICE - 10, high=PRICE + 30, low=PRICE - 20)
    [marked] = case.of(EquityMarked)[-1:]
    assert marked.high_microusd - marked.close_microusd == 10_000_000
    assert marked.low_microusd - marked.close_microusd == -40_000_000
    assert case.position().best_ticks == PRICE - 20


def test_two_strategies_against_each_other_have_no_swing() -> None:
    case = Case(strategy_rules("alpha"), strategy_rules("beta"))
    case.enter(1)
    case.signal(-1, strategy="beta")
    other = case.sent(OrderKind.ENTRY)
    case.accept(other, f"{other}s", f"{other}t")
    case.fill(other, 2, PRICE)
    case.bar(PRICE, high=PRICE + 30, low=PRICE - 30)
    [marked] = case.of(EquityMarked)[-1:]
    assert marked.high_microusd == marked.low_microusd == marked.close_microusd


def test_a_flat_account_records_its_equity_once() -> None:
    case = Case()
    entry = case.enter()
    case.fill(f"{entry}s", 2, PRICE - 40)
    case.bar()
    assert case.of(EquityMarked)[-1].close_microusd == case.book.balance_microusd
    marked = len(case.of(EquityMarked))
    case.bar()
    case.bar()
    assert len(case.of(EquityMarked)) == marked


def test_peaks_and_floors_never_fall() -> None:
    case = Case(setup=setup_of(floor_rule=LEGACY))
    case.enter(stop=0, target=0)
    seen = []
    for move in (0, 200, 100, 400, -300, 399, 401):
        case.bar(PRICE + move)
        state = case.book.money.floor
        assert state is not None
        seen.append((case.book.money.peak_microusd, state.floor_microusd))
    assert seen == sorted(seen)
    assert seen[-1][0] == 50_000 * MICRO - 1_200_000 + 401 * MICRO


def walk(rule: FloorRule, *equities_usd: int, days: bool = False) -> Case:
    """An account whose equity goes along these figures, bar by bar; with `days`, each is a day's closing balance."""
    case = Case(setup=setup_of(floor_rule=rule))
    case.session("2026-03-02")
    for n, equity in enumerate(equities_usd):
        micro = equity * MICRO
        marked = EquityMarked(
            market="MNQ",
            high_points=0,
            low_points=0,
            high_microusd=micro,
            low_microusd=micro,
            close_microusd=micro,
            ts_event_utc_ns=case.now,
        )
        case.book = fold(case.book, marked)
        if days:
            date = f"2026-03-{n + 3:02d}"
            ended = DayStarted(date=date, balance_microusd=micro, equity_microusd=micro, ts_event_utc_ns=case.now)
            case.book = fold(case.book, ended)
    return case


@pytest.mark.parametrize(
    ("rule", "equities_usd", "days", "floor_usd", "breached"),
    [
        pytest.param(LEGACY, (), False, 47_500, False, id="P1 legacy at the start"),
        pytest.param(LEGACY, (50_610, 49_500), False, 48_110, False, id="P2 legacy, open peak"),
        pytest.param(LEGACY, (50_875, 48_375), False, 48_375, True, id="P3 legacy, touched"),
        pytest.param(
            replace(LEGACY, lock_microusd=50_100 * MICRO), (52_600, 60_000), False, 50_100, False, id="P4 funded"
        ),
        pytest.param(
            FloorRule(drawdown_microusd=2_000 * MICRO, trails_on=TrailsOn.INTRADAY, lock_microusd=50_100 * MICRO),
            (52_100,),
            False,
            50_100,
            False,
            id="P5 intraday funded",
        ),
        pytest.param(
            FloorRule(drawdown_microusd=2_000 * MICRO, trails_on=TrailsOn.END_OF_DAY, lock_microusd=50_000 * MICRO),
            (52_000, 55_000),
            True,
            50_000,
            False,
            id="P7 topstep",
        ),
    ],
)
def test_the_floors_of_the_profiles(
    rule: FloorRule, equities_usd: tuple[int, ...], days: bool, floor_usd: int, breached: bool
) -> None:
    state = walk(rule, *equities_usd, days=days).book.money.floor
    assert state is not None
    assert (state.floor_microusd, state.breached) == (floor_usd * MICRO, breached)


def test_p6_an_end_of_day_floor_rises_with_the_close_and_an_intraday_one_with_the_peak() -> None:
    for trails_on, floor_usd in ((TrailsOn.END_OF_DAY, 48_200), (TrailsOn.INTRADAY, 49_500)):
        case = walk(FloorRule(drawdown_microusd=2_000 * MICRO, trails_on=trails_on), 51_500)
        money = replace(case.book.money, realised_microusd=200 * MICRO)
        case.book = replace(case.book, money=money)
        case.session("2026-03-03")
        state = case.book.money.floor
        assert state is not None
        assert state.floor_microusd == floor_usd * MICRO


def test_a_bar_that_comes_again_after_a_restart_does_not_age_the_position_again() -> None:
    case = Case()
    case.enter(stop=0, target=0)
    case.bar(PRICE + 10)
    case.restart()
    case.do(BarClosed(bar=bar_of(PRICE + 10, at=case.now), ts_event_utc_ns=case.now))
    assert case.position().bars_held == 1
    case.bar(PRICE + 10)
    assert case.position().bars_held == 2
    case.refold()


# --- days -----------------------------------------------------------------------------------------------


def test_a_new_session_of_the_day_market_starts_a_day() -> None:
    case = Case()
    case.session("2026-03-02")
    [day] = case.of(DayStarted)
    assert (day.date, day.balance_microusd, day.equity_microusd) == ("2026-03-02", 50_000 * MICRO, 50_000 * MICRO)
    case.session("2026-03-02")
    case.session("2026-03-01")
    case.session("2026-03-09", symbol="MES")
    assert len(case.of(DayStarted)) == 1
    assert set(case.book.sessions) == {"MNQ", "MES"}


def test_a_day_starts_from_equity_with_what_is_open_in_it() -> None:
    case = Case()
    case.session("2026-03-02")
    case.enter()
    case.bar(PRICE + 20)
    case.session("2026-03-03")
    day = case.of(DayStarted)[-1]
    assert day.balance_microusd == 50_000 * MICRO - 1_200_000
    assert day.equity_microusd == day.balance_microusd + 20 * MICRO
    assert case.book.money.day_equity_microusd == day.equity_microusd


def test_after_a_restart_a_day_starts_from_the_last_known_equity_until_there_is_a_price() -> None:
    case = Case()
    case.enter()
    case.bar(PRICE - 100)
    case.restart()
    case.session("2026-03-03")
    assert case.of(DayStarted)[-1].equity_microusd == 50_000 * MICRO - 1_200_000 - 100 * MICRO


def test_a_halt_that_stands_is_told_again_each_day() -> None:
    case = Case(strategy_rules(guards=[("wire", Wire(when=below(60_000), action=Action.HALT, realised=True))]))
    case.session("2026-03-02")
    case.wait(1)
    told = len(case.told)
    case.session("2026-03-03")
    assert case.notices[told:] == ["halted:the account:daily_loss"]


def test_a_pause_is_not_told_again() -> None:
    wire = Wire(when=below(60_000), action=Action.PAUSE, realised=True, until_utc_ns=2**62)
    case = Case(strategy_rules(guards=[("wire", wire)]))
    case.wait(1)
    told = len(case.told)
    case.session("2026-03-03")
    assert len(case.told) == told


def test_of_yesterdays_intents_the_last_hours_stay() -> None:
    case = Case()
    entry = case.enter()
    case.stop_out(entry)
    case.wait(2 * 3600)
    case.bar()
    case.signal()
    case.session("2026-03-03")
    assert [i.signal_id for i in case.book.intents] == [case.intent(OrderKind.ENTRY).signal_id]


# --- exits that a bar brings about ------------------------------------------------------------------------


def managed(rule: ExitRule) -> Case:
    case = Case(strategy_rules(exits=rule))
    case.enter()
    return case


def test_when_its_time_is_up_a_position_is_closed_at_market() -> None:
    case = managed(ExitRule(time_bars=2))
    case.bar()
    assert case.position().exit_reason == ""
    case.bar()
    assert case.position().exit_reason == "time"
    # The stop and the target are cancelled first, and then one order takes it to flat.
    assert case.count(OrderKind.CANCEL) == 2
    assert case.count(OrderKind.EXIT) == 0
    for ask in list(case.out):
        if ask.intent.kind is OrderKind.CANCEL:
            case.accept(ask.intent.client_order_id)
            case.canceled(ask.intent.subject)
    exit_ = case.intent(OrderKind.EXIT)
    assert (exit_.side, exit_.lots, exit_.order_type, exit_.reason) == (-1, 2, OrderType.MARKET, "time")
    case.accept(exit_.client_order_id)
    case.fill(exit_.client_order_id, 2, PRICE + 4)
    # 4 ticks at 0.50 less 1.20, for 2 lots.
    assert [(t.exit_reason, t.pnl_microusd) for t in case.trades] == [("time", 1_600_000)]
    case.refold()


def test_at_one_r_the_broker_is_asked_to_hold_the_stop_at_the_entry() -> None:
    case = managed(ExitRule(break_even_r=1.0))
    case.bar(PRICE + 30, high=PRICE + 39)
    assert case.count(OrderKind.REPLACE) == 0
    case.bar(PRICE + 35, high=PRICE + 40)
    move = case.intent(OrderKind.REPLACE)
    assert (move.price_ticks, move.lots, move.order_type) == (PRICE, 2, OrderType.NONE)
    stop = move.subject
    case.accept(move.client_order_id)
    case.do(OrderReplaced(client_order_id=stop, price_ticks=PRICE, ts_event_utc_ns=case.now))
    assert case.book.orders[stop].price_ticks == PRICE
    # What was risked at first stays what it was.
    assert case.position().risk_ticks == 40
    case.bar(PRICE + 35)
    assert case.count(OrderKind.REPLACE) == 1


def test_a_move_that_has_no_answer_yet_is_not_asked_twice() -> None:
    case = managed(ExitRule(break_even_r=1.0))
    case.bar(PRICE + 35, high=PRICE + 40)
    case.bar(PRICE + 35, high=PRICE + 40)
    assert case.count(OrderKind.REPLACE) == 1


def test_a_stop_trails_by_whole_ticks_away_from_the_market() -> None:
    case = Case(strategy_rules(exits=ExitRule(trail_from_r=1.0, trail_atr=0.33)))
    case.enter(-1, stop=40, target=0)
    case.bar(PRICE - 90, high=PRICE, low=PRICE - 90)
    # True ranges 0 and 90 ticks: 45. The low at 79,910 and 14.85 ticks: 79,924.85, rounded up for a short.
    assert case.intent(OrderKind.REPLACE).price_ticks == PRICE - 75


def test_a_trail_that_the_price_is_already_past_gets_out_at_market() -> None:
    case = managed(ExitRule(trail_from_r=1.0, trail_atr=1.0))
    # The range is 70 at best, so the stop would lie at 79,995 and more; the price is back at 79,980.
    case.bar(PRICE - 20, high=PRICE + 50, low=PRICE - 20)
    assert case.count(OrderKind.REPLACE) == 0
    assert case.position().exit_reason == "trail"


def test_only_the_market_of_the_bar_is_managed() -> None:
    case = managed(ExitRule(time_bars=1))
    case.bar(20_000, symbol="MES")
    assert case.position().bars_held == 0
    assert case.position().exit_reason == ""


def test_halted_leaves_the_stop_where_it_is() -> None:
    case = managed(ExitRule(break_even_r=1.0))
    kill = Wire(when=lambda _: True, action=Action.HALT, reason=Reason.KILL_SWITCH, realised=True)
    case.rules = replace(
        case.rules,
        strategies={"alpha": strategy_rules(exits=ExitRule(break_even_r=1.0), guards=[("kill_switch", kill)])},
    )
    case.wait(1)
    assert [h.level for h in case.book.halts.values()] == [Level.HALTED]
    case.bar(PRICE + 35, high=PRICE + 40)
    assert case.count(OrderKind.REPLACE) == 0


def test_a_position_that_is_leaving_is_not_managed() -> None:
    case = managed(ExitRule(time_bars=1, break_even_r=1.0))
    case.bar()
    case.bar(PRICE + 35, high=PRICE + 40)
    assert case.count(OrderKind.REPLACE) == 0


def test_a_session_that_is_told_again_by_another_market_is_kept() -> None:
    case = Case()
    opened = SessionOpened(session=session_of("2026-03-02", case.now, case.now + S), ts_event_utc_ns=case.now)
    case.do(opened)
    assert case.book.sessions["MNQ"] is opened

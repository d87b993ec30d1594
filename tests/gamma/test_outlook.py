"""From the book to the view. Numbers by hand; 2 lots of MNQ move 1 usd a tick, an MNQ lot's margin is 3,300 usd."""

import math
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest

from gamma.book import Book
from gamma.codec import encode
from gamma.events import BarClosed, OrderKind, SignalMade
from gamma.floor import FloorRule, TrailsOn
from gamma.markets import MICRO, Market, event_market, market
from gamma.orders import Position
from gamma.outlook import equity_microusd, glance, look
from gamma.rules import ProfilePolicy
from gamma.views import View
from tests.engine_case import MES, MNQ, PRICE, T0, Case, S, bar_of, session_of, setup_of, strategy_rules


def seen(case: Case, strategy: str = "alpha") -> View:
    return look(case.book, case.rules, case.rules.strategies[strategy])


def wanted(case: Case, **changes: object) -> View:
    """The view with a signal in it."""
    strategy = case.rules.strategies["alpha"]
    made = SignalMade(
        strategy="alpha",
        market=strategy.market.symbol,
        signal_id="s",
        slot_utc_ns=1,
        side=1,
        stop_ticks=40,
        target_ticks=80,
        ts_event_utc_ns=case.now,
    )
    return look(case.book, case.rules, strategy, replace(made, **changes))  # type: ignore[arg-type]


# --- part by part ----------------------------------------------------------------------------------------


def test_a_glance_sees_in_every_part_what_a_look_sees() -> None:
    case = Case()
    case.session("2026-03-02")
    case.enter()
    case.bar(PRICE + 10)
    case.signal(price=PRICE - 20)
    strategy = case.rules.strategies["alpha"]
    at_once, by_part = look(case.book, case.rules, strategy), glance(case.book, case.rules, strategy)
    for part in reversed(fields(View)):  # in another order than that in which a look makes them
        assert encode(getattr(by_part, part.name)) == encode(getattr(at_once, part.name))
    assert {part.name for part in fields(View)} == {part.name for part in fields(by_part)}


def test_a_part_is_made_once() -> None:
    case = Case()
    view = glance(case.book, case.rules, case.rules.strategies["alpha"])
    assert view.account is view.account


def test_a_glance_can_be_varied_like_any_view_and_has_nothing_that_a_view_has_not() -> None:
    case = Case()
    view = glance(case.book, case.rules, case.rules.strategies["alpha"])
    varied = replace(view, signal=replace(view.signal, side=1))
    assert (varied.signal.side, view.signal.side, varied.account) == (1, 0, view.account)
    with pytest.raises(AttributeError, match="a view has no orders"):
        _ = view.orders  # type: ignore[attr-defined]
    with pytest.raises(FrozenInstanceError):
        view.signal = varied.signal  # type: ignore[misc]


# --- the account ----------------------------------------------------------------------------------------


def test_an_account_that_has_done_nothing() -> None:
    account = seen(Case()).account
    assert (account.balance_usd, account.equity_usd, account.starting_capital_usd) == (50_000, 50_000, 50_000)
    assert (account.peak_equity_usd, account.cash_usd, account.gross_risk_usd) == (50_000, 50_000, 0)
    assert (account.day_pnl_usd, account.day_realised_usd, account.day_loss_max_usd) == (0, 0, math.inf)
    assert math.isnan(account.floor_usd)
    assert math.isnan(account.room_usd)


def test_an_account_with_a_floor_knows_its_room() -> None:
    rule = FloorRule(drawdown_microusd=2_500 * MICRO, trails_on=TrailsOn.INTRADAY)
    account = seen(Case(setup=setup_of(floor_rule=rule))).account
    assert (account.floor_usd, account.floor_room_start_usd, account.room_usd) == (47_500, 2_500, 2_500)


def test_open_pnl_margin_and_risk_of_a_position() -> None:
    case = Case()
    case.session("2026-03-02")
    case.enter()
    case.bar(PRICE + 10)
    account = seen(case).account
    assert account.balance_usd == 49_998.8
    assert account.equity_usd == 50_008.8
    assert account.peak_equity_usd == 50_008.8
    assert (account.margin_used_usd, account.cash_usd) == (6_600, 50_008.8 - 6_600)
    assert (account.day_pnl_usd, account.day_realised_usd) == (8.8, -1.2)
    # From 10 ticks above the entry to the stop 40 below it.
    assert account.gross_risk_usd == 50


def test_a_stop_beyond_the_entry_risks_nothing() -> None:
    case = Case()
    entry = case.enter()
    stop = f"{entry}s"
    moved = replace(case.book.orders[stop], price_ticks=PRICE + 8)
    case.book = replace(case.book, orders={**case.book.orders, stop: moved})
    assert seen(case).account.gross_risk_usd == 0


def test_a_position_without_a_stop_risks_its_margin() -> None:
    case = Case()
    case.enter(stop=0, target=0)
    assert seen(case).account.gross_risk_usd == 6_600


def test_what_an_option_structure_can_lose_is_its_risk() -> None:
    spx = market("SPX")
    case = Case(strategy_rules(traded=spx), setup=replace(setup_of(), markets={"SPX": spx}))
    case.signal(-1, stop=0, target=0, price=30, risk_microusd_per_lot=850 * MICRO)
    assert seen(case).account.gross_risk_usd == 1_700
    entry = case.sent(OrderKind.ENTRY)
    case.accept(entry)
    case.fill(entry, 2, 30, symbol="SPX")
    assert seen(case).account.gross_risk_usd == 1_700


def test_a_working_entry_counts_with_its_margin_and_its_stop() -> None:
    case = Case()
    case.bar()
    case.signal(price=PRICE - 20)
    account = seen(case).account
    assert (account.pending_usd, account.gross_risk_usd) == (6_600, 40)
    assert account.available_usd == 50_000 - 6_600
    market_order = Case()
    market_order.bar()
    market_order.signal()
    assert seen(market_order).account.gross_risk_usd == 40


def test_a_working_entry_without_a_stop_risks_its_margin() -> None:
    case = Case()
    case.bar()
    case.signal(stop=0, target=0)
    assert seen(case).account.gross_risk_usd == 6_600


def test_a_position_that_is_flat_needs_no_price() -> None:
    case = Case()
    flat = Position(strategy="alpha", market="MNQ")
    book = replace(case.book, positions={("alpha", "MNQ"): flat})
    assert equity_microusd(book) == book.balance_microusd


def test_what_is_held_without_a_price_makes_equity_unknown() -> None:
    case = Case()
    case.enter()
    case.bar(PRICE + 10)
    known = case.book.money.equity_microusd
    case.restart()
    assert math.isnan(seen(case).account.equity_usd)
    assert math.isnan(seen(case).position.portfolio_usd)
    assert equity_microusd(case.book) == known


# --- the market --------------------------------------------------------------------------------------------


def test_a_market_that_was_never_seen() -> None:
    view = seen(Case())
    assert (view.market.symbol, view.market.family, view.market.tick_points) == ("MNQ", "us_index", 0.25)
    # Two sides at 0.60 usd and two ticks of slippage at 0.50.
    assert (view.market.cost_usd_per_lot, view.market.multiplier_usd_per_point) == (2.2, 2)
    assert math.isnan(view.market.price_points)
    assert math.isnan(view.market.quote_age_s)
    assert math.isnan(view.market.bar_age_s)


def test_a_market_ages() -> None:
    case = Case()
    case.bar()
    case.wait(90)
    view = seen(case)
    assert (view.market.quote_age_s, view.market.bar_age_s, view.market.bar_s) == (90, 90, 300)
    assert (view.market.bid_points, view.market.ask_points) == (19_999.875, 20_000.125)
    assert view.liquidity.mid_points == 20_000


def event_case(price_cents: float) -> Case:
    kalshi = event_market("KXTEST-1")
    case = Case(strategy_rules(traded=kalshi), setup=replace(setup_of(), markets={"KXTEST-1": kalshi}))
    bar = replace(
        bar_of(symbol="KXTEST-1", at=T0 + S),
        open_points=price_cents,
        high_points=price_cents,
        low_points=price_cents,
        close_points=price_cents,
    )
    case.do(BarClosed(bar=bar, ts_event_utc_ns=T0 + S))
    return case


@pytest.mark.parametrize(
    # Kalshi's fee: ceil(7 p (100 - p) / 10,000) cents a side.
    ("price_cents", "cost_usd"),
    [(50.0, 0.04), (10.0, 0.02), (99.6, 0.0), (140.0, 0.0)],
)
def test_an_event_contracts_cost_hangs_on_its_price(price_cents: float, cost_usd: float) -> None:
    assert seen(event_case(price_cents)).market.cost_usd_per_lot == cost_usd


@pytest.mark.parametrize(("side", "cost_usd"), [(1, 0.60), (-1, 1.40)])
def test_no_costs_what_yes_does_not(side: int, cost_usd: float) -> None:
    # Two lots at 30 cents: YES costs 2 x 0.30 dollars, NO 2 x 0.70; the fee is ceil(7 * 2 * 30 * 70 / 10,000) cents.
    case = event_case(80.0)
    case.signal(side, stop=0, target=0, price=30)
    view = seen(case)
    assert view.account.pending_usd == pytest.approx(cost_usd + 0.03)
    assert view.position.market_pending_usd == view.position.family_pending_usd == pytest.approx(cost_usd)
    assert view.account.gross_risk_usd == pytest.approx(cost_usd)


def test_a_working_event_order_at_market_costs_its_last_price_and_an_unknown_one_makes_cash_unknown() -> None:
    case = event_case(80.0)
    case.signal(-1, stop=0, target=0)
    assert seen(case).account.pending_usd == pytest.approx(0.40 + 0.03)
    kept = replace(case.book, marks={})
    assert math.isnan(look(kept, case.rules, case.rules.strategies["alpha"]).account.pending_usd)


def test_an_event_contract_without_a_price_costs_the_most() -> None:
    kalshi = event_market("KXTEST-1")
    case = Case(strategy_rules(traded=kalshi), setup=replace(setup_of(), markets={"KXTEST-1": kalshi}))
    assert seen(case).market.cost_usd_per_lot == 0.04
    assert seen(case).position.value_usd == 0


# --- the signal ----------------------------------------------------------------------------------------------


def test_between_orders_there_is_no_signal() -> None:
    assert seen(Case()).signal.side == 0


def test_the_risk_of_a_signal_is_its_stop_and_its_costs() -> None:
    signal = wanted(Case()).signal
    assert (signal.side, signal.stop_points, signal.target_points) == (1, 10, 20)
    assert signal.risk_usd_per_lot == 20 + 2.2
    assert math.isnan(signal.price_points)


def test_a_structure_says_its_risk_itself() -> None:
    signal = wanted(Case(), stop_ticks=0, risk_microusd_per_lot=850 * MICRO, price_ticks=PRICE, action=4).signal
    assert (signal.risk_usd_per_lot, signal.price_points, signal.action) == (850, 20_000, 4)


def test_a_structure_says_its_credit_and_its_width() -> None:
    signal = wanted(Case(), credit_ticks=10, width_ticks=20).signal
    assert (signal.credit_points, signal.width_points) == (2.5, 5)
    assert math.isnan(wanted(Case()).signal.credit_points)


def test_without_a_stop_the_risk_is_unknown() -> None:
    signal = wanted(Case(), stop_ticks=0, target_ticks=0).signal
    assert math.isnan(signal.risk_usd_per_lot)
    assert math.isnan(signal.stop_points)
    assert math.isnan(signal.target_points)


def test_an_event_signals_fee_is_at_its_limit() -> None:
    assert wanted(event_case(50.0), stop_ticks=5, price_ticks=10).signal.risk_usd_per_lot == pytest.approx(0.05 + 0.02)


# --- the record, liquidity, position ---------------------------------------------------------------------------


def test_the_record_is_the_strategys_own() -> None:
    case = Case(strategy_rules("alpha"), strategy_rules("beta"))
    case.stop_out(case.enter())
    track = seen(case).track
    assert (track.trades, track.pnl_usd_per_lot.tolist(), track.r_multiples.tolist()) == (1, [-21.2], [-1.06])
    assert seen(case, "beta").track.trades == 0
    assert isinstance(track.pnl_usd_per_lot, np.ndarray)
    assert [t.strategy for t in seen(case).activity.trades] == ["alpha"]
    assert seen(case, "beta").activity.trades == ()


def test_ten_minutes_of_volume_in_usd() -> None:
    case = Case()
    case.bar()
    case.bar()
    liquidity = seen(case).liquidity
    assert (liquidity.volume_10min_lots, liquidity.volume_10min_usd) == (2_000, 2_000 * 20_000 * 2)


def test_exposure_counts_the_whole_family_with_what_works() -> None:
    case = Case(strategy_rules("alpha"), strategy_rules("gold", traded=MES))
    case.enter()
    case.bar(20_000, symbol="MES")
    case.signal(-1, strategy="gold", price=20_040)
    position = seen(case).position
    assert (position.lots, position.working_long_lots, position.working_short_lots) == (2, 0, 0)
    assert (position.family_long_minis, position.family_short_minis) == (0.2, 0.2)
    assert position.family_net_minis == 0
    assert position.value_usd == position.market_value_usd == 6_600
    gold = seen(case, "gold").position
    assert (gold.lots, gold.working_short_lots, gold.market_value_usd) == (0, 2, 0)
    assert seen(case).activity.working == (("MES", -2),)


def test_each_strategy_knows_what_others_hold_against_it() -> None:
    case = Case(strategy_rules("alpha", lots=2), strategy_rules("beta", lots=3))
    case.enter()
    case.enter(-1, lots=3, strategy="beta")
    alpha, beta = seen(case, "alpha").position, seen(case, "beta").position
    assert (alpha.lots, alpha.others_long_lots, alpha.others_short_lots) == (-1, 0, 3)
    assert (beta.lots, beta.others_long_lots, beta.others_short_lots) == (-1, 2, 0)


def test_a_market_of_another_family_does_not_count() -> None:
    other = replace(MES, family="other")
    markets: dict[str, Market] = {"MNQ": MNQ, "MES": other}
    case = Case(
        strategy_rules("alpha"), strategy_rules("gold", traded=other), setup=replace(setup_of(), markets=markets)
    )
    case.enter(-1)
    case.bar(20_000, symbol="MES")
    case.signal(strategy="gold", price=20_000)
    position = seen(case).position
    assert (position.lots, position.family_long_minis, position.family_short_minis) == (-2, 0, 0.2)
    entry = case.sent(OrderKind.ENTRY)
    case.accept(entry, f"{entry}s", f"{entry}t")
    case.fill(entry, 2, 20_000, symbol="MES")
    assert seen(case).position.family_long_minis == 0
    assert seen(case).position.market_value_usd == 6_600


# --- clock and control ---------------------------------------------------------------------------------------------


def test_without_a_session_the_clock_knows_only_the_time() -> None:
    clock = seen(Case()).clock
    assert clock.ts_event_utc_ns == T0
    assert not clock.in_session
    assert math.isnan(clock.to_close_s)
    assert not seen(Case()).control.calendar_agrees


def test_the_clock_stands_in_its_session() -> None:
    case = Case()
    case.session("2026-03-02")
    case.wait(60)
    clock = seen(case).clock
    assert (clock.since_open_s, clock.to_close_s, clock.to_flat_by_s) == (60, 8 * 3600 - 60, 8 * 3600 - 660)
    assert clock.in_session
    assert seen(case).control.calendar_agrees
    case.wait(8 * 3600)
    assert not seen(case).clock.in_session


def test_health_is_passed_on() -> None:
    case = Case()
    assert math.isnan(seen(case).control.broker_age_s)
    case.health(broker_age_s=1.0, data_age_s=2.0, strategy_age_s=3.0, clock_offset_s=0.5, kill_switch=True)
    view = seen(case)
    assert (view.control.broker_age_s, view.control.data_age_s, view.control.strategy_age_s) == (1, 2, 3)
    assert (view.control.kill_switch, view.clock.clock_offset_s) == (True, 0.5)


def test_control_tells_the_mode_the_config_and_the_profiles_policy() -> None:
    case = Case()
    policy = ProfilePolicy(automation="banned", products=("MNQ",), host="h", hosts=("h",), day_loss_max_usd=1_000)
    case.rules = replace(case.rules, policy=policy)
    view = seen(case)
    assert (view.control.mode, view.control.config_hash, view.control.automation) == ("paper", "c0ffee", "banned")
    assert (view.control.products, view.control.host, view.control.hosts) == (("MNQ",), "h", ("h",))
    assert view.account.day_loss_max_usd == 1_000
    assert math.isnan(view.control.balance_gap_usd)
    control = replace(case.book.control, balance_gap_microusd=-5_000_000, mismatches={"MNQ": 2})
    case.book = replace(case.book, control=control)
    assert (seen(case).control.balance_gap_usd, seen(case).control.mismatches) == (-5, 2)


def test_orders_without_an_answer_are_counted() -> None:
    case = Case()
    case.bar()
    case.signal()
    assert seen(case).activity.unresolved == 3
    assert [i.signal_id for i in seen(case).activity.intents] == [case.intent(OrderKind.ENTRY).signal_id]


def test_looking_changes_nothing() -> None:
    case = Case()
    case.session(session_of("2026-03-02", T0, T0 + S).date)
    before: Book = case.book
    seen(case)
    assert case.book is before


def test_how_much_worse_than_its_price_each_stop_filled_stands_in_the_record() -> None:
    case = Case()
    case.stop_out(case.enter(), price=PRICE - 43)
    case.stop_out(case.enter(-1), price=PRICE + 40)
    view = seen(case)
    assert view.track.slippage_ticks.tolist() == [3, 0]
    assert (view.track.trades, view.market.slippage_ticks) == (2, MNQ.slippage_ticks)

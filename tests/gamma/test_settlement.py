"""What is held ends by itself: options settle in cash, an event is decided. Numbers by hand; MNQ is 0.50 usd a tick."""

from dataclasses import replace

from gamma.effects import Effect
from gamma.events import Fill, ForeignOrderSeen, Leg, Level, OrderCanceled, OrderFilled, OrderKind, OrderState
from gamma.markets import market
from gamma.options import settles_utc_ns
from gamma.orders import Position, fill_position
from tests.engine_case import PRICE, Case, S, setup_of, strategy_rules

TICK = 500_000


def holding(*, lots: int = 2) -> tuple[Case, str]:
    """An account that bought without a bracket."""
    case = Case(strategy_rules(lots=lots))
    case.bar()
    case.signal(stop=0, target=0)
    entry = case.sent(OrderKind.ENTRY)
    case.fill(entry, lots, PRICE)
    return case, entry


def settle(case: Case, lots: int, worth_microusd: int, *, execution: str = "s1", **more: object) -> list[Effect]:
    """The broker tells that so many lots ended, each worth so much."""
    fill = Fill(
        execution_id=execution,
        client_order_id="",
        market="MNQ",
        side=-1,
        lots=lots,
        price_ticks=round(worth_microusd / TICK),
        fee_microusd=0,
        ts_event_utc_ns=case.now,
        settled_microusd_per_lot=worth_microusd,
    )
    return case.do(OrderFilled(fill=replace(fill, **more), ts_event_utc_ns=case.now))  # type: ignore[arg-type]


def test_a_settlement_closes_the_trade_to_the_cent_and_halts_nothing() -> None:
    case, _ = holding()
    settle(case, 2, PRICE * TICK + 130_000)  # 13 cents above the entry, between two ticks
    trade = case.trades[-1]
    # 2 lots at 0.13 usd, less 1.20 usd of fees at the entry.
    assert (trade.exit_reason, trade.pnl_microusd) == ("settled", 260_000 - 1_200_000)
    assert case.book.money.realised_microusd == 260_000
    assert (case.position().lots, dict(case.book.halts)) == (0, {})
    assert "fill:s1" in case.notices
    assert not case.of(ForeignOrderSeen)
    case.refold()


def test_a_settlement_that_comes_again_is_booked_once() -> None:
    case, _ = holding()
    settle(case, 2, PRICE * TICK)
    assert settle(case, 2, PRICE * TICK) == []


def test_nothing_may_be_left_of_what_settled() -> None:
    case, _ = holding()
    settle(case, 2, 0)
    assert case.trades[-1].pnl_microusd == -2 * PRICE * TICK - 1_200_000


def test_part_of_a_position_settles() -> None:
    case, _ = holding()
    settle(case, 1, PRICE * TICK + 1)
    assert (case.position().lots, case.position().pnl_microusd) == (1, 1)


def test_an_exit_that_still_works_is_cancelled_once_it_settled() -> None:
    case, entry = holding()
    case.flatten()
    leaving = case.sent(OrderKind.EXIT)
    case.accept(leaving)
    settle(case, 2, PRICE * TICK)
    assert case.trades[-1].exit_reason == "settled"
    assert case.intent(OrderKind.CANCEL).subject == leaving
    case.canceled(leaving, expired=True)
    assert case.state(leaving) is OrderState.EXPIRED
    assert len(case.of(OrderCanceled)) == 1
    assert case.state(entry) is OrderState.FILLED


def two_strategies(first: int, second: int) -> tuple[Case, dict[str, str]]:
    """Two strategies that bought in one market."""
    case = Case(strategy_rules("alpha", lots=first), strategy_rules("beta", lots=second))
    case.bar()
    entries = {}
    for name, lots in (("alpha", first), ("beta", second)):
        case.signal(strategy=name, stop=0, target=0)
        entries[name] = next(c for c, o in case.book.orders.items() if o.intent.strategy == name)
        case.fill(entries[name], lots, PRICE)
    return case, entries


def test_a_settlement_is_shared_out_among_those_that_hold() -> None:
    case, _ = two_strategies(1, 2)
    settle(case, 3, PRICE * TICK + 10, fee_microusd=90)
    assert [(t.strategy, t.pnl_microusd) for t in case.trades] == [
        ("alpha", 10 - 90 - 600_000),
        ("beta", 20 - 1_200_000),
    ]
    assert [f.fill.execution_id for f in case.of(OrderFilled)][-2:] == ["s1", "s1+1"]


def test_a_settlement_goes_first_to_the_strategy_whose_order_opened_it() -> None:
    case, entries = two_strategies(2, 2)
    settle(case, 2, PRICE * TICK, opened_by=entries["beta"])
    assert (case.position("alpha").lots, case.position("beta").lots) == (2, 0)
    settle(case, 2, PRICE * TICK, opened_by=entries["beta"], execution="s2")  # it holds none any more
    assert case.position("alpha").lots == 0
    case.refold()


def test_more_than_the_opener_holds_goes_to_the_others() -> None:
    case, entries = two_strategies(2, 2)
    settle(case, 3, PRICE * TICK, opened_by=entries["beta"])
    assert (case.position("alpha").lots, case.position("beta").lots) == (1, 0)


def test_what_settles_and_nobody_holds_is_a_strangers() -> None:
    case, _ = holding(lots=1)
    settle(case, 2, PRICE * TICK)
    assert case.position().lots == 0
    assert [h.level for h in case.book.halts.values()] == [Level.REDUCING]
    assert [f.client_order_id for f in case.of(ForeignOrderSeen)] == ["s1"]
    settle(case, 1, PRICE * TICK, execution="s1")  # told again
    assert len(case.of(ForeignOrderSeen)) == 1


def test_what_settles_in_a_market_that_is_not_traded_is_none_of_ours() -> None:
    case, _ = holding()
    assert settle(case, 1, 0, market="NVDA") == []


def test_a_structure_that_was_sold_costs_what_it_was_worth() -> None:
    # Two sold at 60 ticks of 5 usd, worth 163 usd each at the end: 2 x (300 - 163).
    held = Position(strategy="pin", market="SPX", lots=-2, lots_open=((2, 60),))
    fill = Fill(
        execution_id="s",
        client_order_id="",
        market="SPX",
        side=1,
        lots=2,
        price_ticks=33,
        fee_microusd=0,
        ts_event_utc_ns=1,
        settled_microusd_per_lot=163_000_000,
    )
    after, realised = fill_position(held, fill, 5_000_000)
    assert (after.lots, realised) == (0, 274_000_000)


def test_no_exit_is_sent_for_options_that_have_ended() -> None:
    case = Case(strategy_rules("pin", traded=market("SPX")), setup=replace(setup_of(), markets={"SPX": market("SPX")}))
    case.now = settles_utc_ns("SPXW260302P06000000") - 2 * S
    legs = (Leg(symbol="SPXW260302P06000000", ratio=1), Leg(symbol="SPXW260302P05990000", ratio=-1))
    case.signal(-1, strategy="pin", stop=0, target=0, price=40, legs=legs, risk_microusd_per_lot=800_000_000)
    case.fill(case.sent(OrderKind.ENTRY), 2, 40, symbol="SPX")
    case.now += S
    case.flatten()
    assert case.book.position("pin", "SPX").exit_reason
    assert case.count(OrderKind.EXIT) == 0
    case.wait(60)
    assert case.count(OrderKind.EXIT) == 0


def test_legs_that_are_no_options_leave_as_ever() -> None:
    case = Case()
    case.bar()
    case.signal(stop=0, target=0, legs=(Leg(symbol="near", ratio=1), Leg(symbol="far", ratio=-1)))
    case.fill(case.sent(OrderKind.ENTRY), 2, PRICE)
    case.flatten()
    assert case.count(OrderKind.EXIT) == 1

"""The desk: what happens on a closed bar, on real parts."""

import asyncio
from typing import Any

import pytest

from gamma.effects import Tick
from gamma.errors import Transient
from gamma.events import DayStarted, DecisionMade, EquityMarked, Halted, OrderKind
from tests.engine_case import MINUTE, PRICE, T0, S, bar_of, strategy_rules
from tests.gamma.test_shell import Faulty, Make
from tests.stand import Stand

TWO = (strategy_rules("alpha"), strategy_rules("beta"))


def ticks(stand: Stand) -> list[tuple[str, int, str]]:
    """Who decided on which bar since T0, and what came of it."""
    return [(t.strategy, (t.slot_utc_ns - T0) // (5 * MINUTE), t.outcome) for t in stand.facts(Tick)]


@pytest.fixture
def stand(make_stand: Make) -> Stand:
    made = make_stand()
    made.boot()
    return made


def test_each_bar_is_decided_on_once_by_each_strategy(make_stand: Make) -> None:
    stand = make_stand(strategies=TWO)
    stand.boot()
    stand.bar(want=1)
    stand.bar()
    assert ticks(stand) == [
        ("alpha", 1, "ok"),
        ("beta", 1, "no_signal"),
        ("alpha", 2, "no_signal"),
        ("beta", 2, "no_signal"),
    ]


def test_a_bar_that_comes_again_is_passed_over(stand: Stand) -> None:
    bar = stand.bar(want=1)
    stand.scripts["alpha"].want = 1
    stand.give(bar)
    assert ticks(stand) == [("alpha", 1, "ok")]
    assert stand.desk.bars == 1


def test_a_bar_that_had_to_wait_is_as_old_to_the_guards_as_it_is(stand: Stand) -> None:
    stand.bar()
    bar = bar_of(PRICE, at=stand.now + 5 * MINUTE)
    stand.now = bar.ts_close_utc_ns + 18 * S
    stand.scripts["alpha"].want = 1
    stand.give(bar)
    [made] = stand.facts(DecisionMade)
    assert (made.view.market.bar_age_s, made.slot_utc_ns) == (18.0, bar.ts_close_utc_ns)


def test_a_signal_becomes_a_position_with_the_next_bar_and_its_stop_with_it(stand: Stand) -> None:
    stand.bar(want=1)
    assert stand.lots == 0
    stand.bar()
    assert stand.lots == 2
    assert stand.order(OrderKind.STOP).price_ticks == PRICE - 40
    stand.bar(PRICE - 60, low=PRICE - 60)
    assert stand.lots == 0


def test_after_a_crash_between_two_strategies_only_the_second_decides(make_stand: Make) -> None:
    stand = make_stand(strategies=TWO)
    stand.boot()
    bar = stand.bar()
    stand.now += 5 * MINUTE
    bar = bar_of(at=stand.now)

    class Died(BaseException):
        pass

    def die(_: Any) -> None:
        raise Died

    stand.scripts["alpha"].want = 1
    stand.scripts["beta"].on_bar = die  # type: ignore[method-assign,assignment]
    with pytest.raises(Died):
        stand.give(bar)
    stand.restart()
    stand.scripts["alpha"].want = stand.scripts["beta"].want = 1
    stand.give(bar)
    assert ticks(stand)[2:] == [("alpha", 2, "ok"), ("beta", 2, "ok")]
    assert [d.strategy for d in stand.facts(DecisionMade)] == ["alpha", "beta"]
    assert stand.scripts["alpha"].seen == [bar.ts_close_utc_ns]


def test_a_bar_that_comes_again_after_a_crash_ages_a_position_once(make_stand: Make) -> None:
    stand = make_stand(strategies=TWO)
    stand.boot()
    stand.bar(want=1)
    stand.bar()
    stand.bar()
    held = stand.book.position("alpha", "MNQ").bars_held
    stand.now += 5 * MINUTE
    bar = bar_of(at=stand.now)

    class Died(BaseException):
        pass

    def die(_: Any) -> None:
        stand.ledger.commit()
        raise Died

    stand.scripts["beta"].on_bar = die  # type: ignore[method-assign,assignment]
    with pytest.raises(Died):
        stand.give(bar)
    stand.restart()
    assert stand.book.position("alpha", "MNQ").bars_held == held + 1
    stand.give(bar)
    assert stand.book.position("alpha", "MNQ").bars_held == held + 1
    assert len(stand.facts(EquityMarked)) == held + 2


def test_a_strategy_that_raises_is_switched_off_and_the_other_trades_on(make_stand: Make) -> None:
    stand = make_stand(strategies=TWO)
    stand.boot()
    stand.bar()
    stand.scripts["alpha"].fault = "index out of range"
    stand.scripts["beta"].want = 1
    stand.bar()
    assert ticks(stand)[2:] == [("alpha", 2, "fault"), ("beta", 2, "ok")]
    assert [(h.halt.scope, h.halt.target, h.halt.reason) for h in stand.facts(Halted)] == [
        ("strategy", "alpha", "model_insane")
    ]
    assert "model_refused:alpha" in stand.told()
    stand.scripts["alpha"].fault = ""
    stand.bar(want=1)
    assert ticks(stand)[-2] == ("alpha", 3, "halted")


def test_a_strategy_that_signals_for_another_is_switched_off(stand: Stand) -> None:
    stand.scripts["alpha"].strategy = "beta"
    stand.bar(want=1)
    assert ticks(stand) == [("alpha", 1, "fault")]
    assert stand.at_broker() == []


def test_history_is_shown_and_not_decided_on(stand: Stand) -> None:
    bars = [bar_of(PRICE + n, at=T0 + n * 5 * MINUTE) for n in range(1, 20)]
    stand.desk.warm_up("MNQ", bars, bars[-1].ts_close_utc_ns)
    stand.give(bars[-1])
    assert stand.scripts["alpha"].warmed == [b.ts_close_utc_ns for b in bars]
    assert stand.scripts["alpha"].seen == []
    assert stand.book.marks["MNQ"].bars == 19
    assert ticks(stand) == []


def test_a_new_session_of_the_day_market_is_a_new_day_once(stand: Stand) -> None:
    stand.bar()
    stand.restart()
    stand.bar()
    stand.now += 24 * 60 * MINUTE
    stand.bar()
    assert [d.date for d in stand.facts(DayStarted)] == ["2026-03-02", "2026-03-03"]


def test_the_day_begins_with_the_first_bar_of_any_market_before_a_guard_looks_at_it(stand: Stand) -> None:
    stand.bar()
    stand.now += 24 * 60 * MINUTE
    stand.give(bar_of(symbol="MES", at=stand.now))
    assert [d.date for d in stand.facts(DayStarted)] == ["2026-03-02", "2026-03-03"]
    stand.bar()
    assert len(stand.facts(DayStarted)) == 2


def test_while_the_broker_is_silent_nothing_is_decided_and_the_bar_may_come_again(make_stand: Make) -> None:
    silent: list[bool] = []

    async def fills_since(stand: Stand, marker: str) -> Any:
        if silent:
            raise Transient("no route to host")
        return await stand.paper.fills_since(marker)

    stand = made = make_stand(wrap_broker=lambda broker: Faulty(broker, "fills_since", lambda m: fills_since(made, m)))
    stand.boot()
    stand.bar(want=1)
    silent.append(True)
    stand.scripts["alpha"].want = -1
    bar = bar_of(at=T0 + 10 * MINUTE)
    with pytest.raises(Transient):
        stand.give(bar)
    assert ticks(stand) == [("alpha", 1, "ok")]
    silent.clear()
    stand.give(bar)
    assert stand.lots == 2
    assert ticks(stand) == [("alpha", 1, "ok"), ("alpha", 2, "in_position")]


def test_an_order_of_unknown_fate_is_asked_for_before_the_next_bar_is_decided_on(make_stand: Make) -> None:
    stand = make_stand(params={"faults": ["lose_answer"]})
    stand.boot()
    stand.bar(want=1)
    stand.bar()
    assert not any(o.unresolved for o in stand.book.orders.values())
    assert asyncio.run(stand.paper.positions()) == {"MNQ": stand.lots} == {"MNQ": 2}

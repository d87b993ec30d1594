"""What works at the broker follows what the book wants, after whatever went wrong."""

from dataclasses import replace

from gamma.events import ExitWanted, Leg, Level, OrderIntended, OrderKind, OrderState, PositionsCompared
from gamma.guards import Action, Trip, Verdict
from gamma.markets import market
from gamma.reasons import Reason
from gamma.views import OrderView, View
from tests.engine_case import PRICE, Case, Gate, Wire, setup_of, strategy_rules


def cancels(case: Case) -> list[str]:
    """The orders that the broker was asked to cancel."""
    return [s.intent.subject for s in case.out if s.intent.kind is OrderKind.CANCEL]


def obey(case: Case) -> None:
    """The broker does what it was asked to cancel."""
    for ask in list(case.out):
        if ask.intent.kind is OrderKind.CANCEL and ask.intent.client_order_id in case.book.orders:
            case.accept(ask.intent.client_order_id)
            case.canceled(ask.intent.subject)


def leaving() -> tuple[Case, str]:
    """An account that was told to flatten, and whose stop and target are cancelled; gives the exit's id."""
    case = Case()
    case.enter()
    case.flatten()
    obey(case)
    return case, case.sent(OrderKind.EXIT)


# --- leaving ------------------------------------------------------------------------------------------


def test_a_position_is_closed_by_one_order_after_all_else_is_cancelled() -> None:
    case = Case()
    entry = case.enter()
    case.flatten()
    assert cancels(case) == [f"{entry}s", f"{entry}t"]
    case.accept(case.sent(OrderKind.CANCEL))
    case.canceled(f"{entry}t")
    case.wait(1)
    assert case.count(OrderKind.EXIT) == 0
    obey(case)
    assert case.count(OrderKind.EXIT) == 1
    case.wait(60)
    assert case.count(OrderKind.EXIT) == 1


def test_a_cancel_is_not_repeated_within_five_seconds() -> None:
    case = Case()
    case.enter()
    case.flatten()
    for ask in [s for s in case.out if s.intent.kind is OrderKind.CANCEL]:
        case.reject(ask.intent.client_order_id)
    case.wait(4)
    assert len(cancels(case)) == 2
    case.wait(1)
    assert len(cancels(case)) == 4
    assert case.intent(OrderKind.CANCEL).decision_id.endswith(":1")


def flat_with_a_target() -> tuple[Case, str]:
    """A position was stopped out, and its target still works; the broker refuses each cancel."""
    case = Case()
    entry = case.enter()
    case.fill(f"{entry}s", 2, PRICE - 40)
    return case, f"{entry}t"


def insist(case: Case, seconds: int) -> int:
    """How often the broker is asked to cancel in this time, one look at the book a second."""
    before = len(cancels(case))
    for _ in range(seconds):
        case.wait(1)
        waiting = [o.intent.client_order_id for o in case.book.orders.values() if o.intent.kind is OrderKind.CANCEL]
        for ask in waiting:
            case.reject(ask)
    return len(cancels(case)) - before


def test_an_order_that_works_is_asked_to_be_cancelled_until_it_is() -> None:
    case, _ = flat_with_a_target()
    assert insist(case, 100) == 20


def test_an_order_that_the_broker_does_not_know_is_not_cancelled_for_ever() -> None:
    case, target = flat_with_a_target()
    asked = insist(case, 20)
    for _ in range(3):
        case.miss(target)
        asked += insist(case, 40)
    assert asked <= 4 + 4 + 2 + 1
    assert insist(case, 3_600) == 0
    assert case.notices.count(f"order_unlisted:{target}") == 1
    assert case.state(target) is OrderState.ACKED
    case.restart()
    assert insist(case, 60) == 0


def test_an_order_that_the_broker_shows_again_is_cancelled_again() -> None:
    case, target = flat_with_a_target()
    for _ in range(3):
        case.miss(target)
        case.wait(40)
    assert insist(case, 60) == 0
    case.accept(target)
    assert insist(case, 60) > 10


def test_a_person_ends_what_the_broker_does_not_know() -> None:
    case, target = flat_with_a_target()
    for _ in range(3):
        case.miss(target)
        case.wait(40)
    assert case.resolve(target, "absent").ok
    assert case.state(target) is OrderState.CANCELED


def test_a_stop_that_fills_while_it_is_being_cancelled_has_closed_the_position() -> None:
    case = Case()
    entry = case.enter()
    case.flatten()
    case.fill(f"{entry}s", 2, PRICE - 40)
    obey(case)
    case.wait(10)
    assert (case.count(OrderKind.EXIT), case.book.positions) == (0, {})


def test_an_exit_that_the_broker_refused_is_tried_again_after_five_seconds() -> None:
    case, exit_ = leaving()
    case.reject(exit_)
    case.wait(4.9)
    assert case.count(OrderKind.EXIT) == 1
    case.wait(0.2)
    assert case.count(OrderKind.EXIT) == 2


def test_an_exit_that_filled_in_part_goes_on_with_the_rest_at_once() -> None:
    case, exit_ = leaving()
    case.accept(exit_)
    case.fill(exit_, 1, PRICE)
    case.canceled(exit_)
    again = case.intent(OrderKind.EXIT)
    assert (again.client_order_id != exit_, again.lots) == (True, 1)


def test_an_exit_that_is_unknown_waits_for_the_broker_to_tell() -> None:
    case, exit_ = leaving()
    case.lose(exit_)
    case.wait(60)
    assert case.count(OrderKind.EXIT) == 1
    case.miss(exit_, final=True)
    assert case.count(OrderKind.EXIT) == 2


def test_a_second_exit_is_taken_back_when_the_first_turns_up() -> None:
    case, first = leaving()
    case.lose(first)
    case.wait(10)
    case.miss(first, final=True)
    second = case.sent(OrderKind.EXIT)
    case.accept(second)
    case.fill(first, 2, PRICE)
    assert case.book.positions == {}
    assert cancels(case)[-1] == second
    # Too late: it fills too, and what it opened is closed in its turn.
    case.reject(case.sent(OrderKind.CANCEL))
    case.fill(second, 2, PRICE)
    third = case.intent(OrderKind.EXIT)
    assert (third.side, third.lots, third.reason) == (1, 2, "overshoot")


def test_an_exit_is_wanted_once_and_for_one_reason() -> None:
    case, _ = leaving()
    case.flatten()
    assert [w.reason for w in case.of(ExitWanted)] == ["operator"]


def test_an_exit_carries_the_legs_of_its_entry() -> None:
    spx = market("SPX")
    case = Case(strategy_rules(traded=spx), setup=replace(setup_of(), markets={"SPX": spx}))
    legs = (Leg(symbol="P4900", ratio=1), Leg(symbol="P4910", ratio=-1))
    case.signal(-1, stop=0, target=0, price=30, legs=legs)
    entry = case.sent(OrderKind.ENTRY)
    case.accept(entry)
    case.fill(entry, 2, 30, symbol="SPX")
    case.flatten()
    exit_ = case.intent(OrderKind.EXIT)
    assert (exit_.legs, exit_.side, exit_.lots) == (legs, 1, 2)


def test_a_position_that_no_strategy_owns_can_be_flattened() -> None:
    case = Case()
    case.fill("", 1, PRICE)
    case.resume()
    assert case.flatten().ok
    exit_ = case.intent(OrderKind.EXIT)
    assert (exit_.strategy, exit_.side, exit_.lots) == ("", -1, 1)
    case.fill(exit_.client_order_id, 1, PRICE)
    assert case.book.positions == {}


def compared(case: Case, broker_lots: int) -> None:
    case.do(
        PositionsCompared(
            market="MNQ", book_lots=case.book.lots("MNQ"), broker_lots=broker_lots, ts_event_utc_ns=case.now
        )
    )


def test_what_the_broker_does_not_hold_is_not_sold() -> None:
    case = Case()
    entry = case.enter()
    compared(case, 0)
    case.flatten()
    assert (cancels(case), case.count(OrderKind.EXIT)) == ([], 0)
    assert case.state(f"{entry}s") is OrderState.ACKED
    compared(case, 2)
    obey(case)
    assert case.intent(OrderKind.EXIT).lots == 2


def test_of_what_the_broker_holds_less_of_no_more_is_sold_than_that() -> None:
    case = Case(strategy_rules(lots=3))
    case.enter(-1, lots=3)
    compared(case, -1)
    case.flatten()
    obey(case)
    exit_ = case.intent(OrderKind.EXIT)
    assert (exit_.side, exit_.lots) == (1, 1)
    case.accept(exit_.client_order_id)
    case.fill(exit_.client_order_id, 1, PRICE)
    case.wait(60)
    # Two are left in the book, and none at the broker.
    assert (case.position().lots, case.count(OrderKind.EXIT)) == (-2, 1)
    case.refold()


# --- guards that see exits ------------------------------------------------------------------------------


def gated(answer: Verdict) -> Case:
    """An account with a position, and a guard on exits that answers so."""
    open_gate = Gate(answer=lambda _, order: Verdict(lots=order.lots))
    case = Case(strategy_rules(guards=[("gate", open_gate)]))
    case.enter()
    gate = Gate(answer=lambda _, order: answer if order.reduces else Verdict(lots=order.lots))
    case.rules = replace(case.rules, strategies={"alpha": strategy_rules(guards=[("gate", gate)])})
    return case


def test_where_the_exit_would_be_held_back_the_stop_stays() -> None:
    case = gated(Verdict(lots=0, reason=Reason.ORDER_RATE))
    entry = case.sent(OrderKind.ENTRY)
    case.flatten()
    assert (cancels(case), case.count(OrderKind.EXIT)) == ([], 0)
    assert case.state(f"{entry}s") is OrderState.ACKED
    # A person is told, once.
    assert [(h.scope, h.reason, h.actor) for h in case.book.halts.values()] == [
        ("strategy", Reason.ORDER_RATE, "guard:gate")
    ]
    told = len(case.told)
    case.wait(60)
    assert len(case.told) == told


def test_a_guard_that_holds_an_exit_back_and_trips_is_obeyed() -> None:
    trip = Trip(action=Action.REDUCING, reason=Reason.ORDER_RATE)
    case = gated(Verdict(lots=0, reason=Reason.ORDER_RATE, trip=trip))
    case.flatten()
    assert ("account", Level.REDUCING) in [(h.scope, h.level) for h in case.book.halts.values()]


def test_a_guard_that_raises_holds_no_exit_back() -> None:
    def fail(_: View, order: OrderView) -> Verdict:
        if order.reduces:
            raise ZeroDivisionError("a guard's fault")
        return Verdict(lots=order.lots)

    case = Case(strategy_rules(guards=[("gate", Gate(answer=fail))]))
    case.enter()
    case.flatten()
    obey(case)
    assert case.count(OrderKind.EXIT) == 1
    assert [h.reason for h in case.book.halts.values()] == [Reason.FAULT]


def test_an_exit_that_a_guard_shrinks_goes_out_smaller() -> None:
    case = gated(Verdict(lots=1, reason=Reason.ORDER_RATE))
    case.flatten()
    obey(case)
    assert case.intent(OrderKind.EXIT).lots == 1


# --- halts ------------------------------------------------------------------------------------------------


def test_reducing_lets_an_exit_through() -> None:
    case = Case()
    case.enter()
    case.halt()
    case.flatten()
    obey(case)
    assert case.count(OrderKind.EXIT) == 1


def test_halted_stops_exits_and_leaves_the_stop_in_place() -> None:
    case = Case()
    entry = case.enter()
    case.halt(level=Level.HALTED)
    case.canceled(f"{entry}t")
    answer = case.flatten()
    assert not answer.ok
    assert "resume first" in answer.text
    assert (cancels(case), case.state(f"{entry}s")) == ([], OrderState.ACKED)
    assert case.position().exit_reason == ""


def test_an_exit_that_was_wanted_before_a_halt_goes_out_after_it() -> None:
    case = Case()
    entry = case.enter()
    case.halt(level=Level.HALTED)
    case.canceled(f"{entry}s")
    assert case.position().exit_reason == "unprotected"
    case.wait(60)
    assert case.count(OrderKind.EXIT) == 0
    case.resume()
    obey(case)
    assert case.count(OrderKind.EXIT) == 1


def test_halted_on_one_strategy_stops_its_exits_alone() -> None:
    case = Case(strategy_rules("alpha"), strategy_rules("beta"))
    case.enter()
    case.signal(strategy="beta")
    entry = case.sent(OrderKind.ENTRY)
    case.accept(entry, f"{entry}s", f"{entry}t")
    case.fill(entry, 2, PRICE)
    case.halt(scope="strategy", target="alpha", level=Level.HALTED)
    case.flatten()
    obey(case)
    assert [s.intent.strategy for s in case.out if s.intent.kind is OrderKind.EXIT] == ["beta"]


def test_a_halt_cancels_working_entries_and_keeps_what_protects() -> None:
    case = Case()
    case.bar()
    case.signal(price=PRICE - 8)
    entry = case.sent(OrderKind.ENTRY)
    case.accept(entry, f"{entry}s", f"{entry}t")
    case.fill(entry, 1, PRICE - 8)
    case.halt()
    assert cancels(case) == [entry]
    assert case.intent(OrderKind.CANCEL).lots == 1


def test_a_first_reading_cancels_working_entries_too() -> None:
    case = Case(
        strategy_rules(guards=[("wire", Wire(when=lambda v: bool(v.market.price_points < 20_000), action=Action.HALT))])
    )
    case.bar()
    case.signal(price=PRICE - 8)
    entry = case.sent(OrderKind.ENTRY)
    case.accept(entry, f"{entry}s", f"{entry}t")
    case.bar(PRICE - 1)
    assert (cancels(case), case.book.halts) == ([entry], {})


def test_an_entry_without_an_answer_is_cancelled_once_there_is_one() -> None:
    case = Case()
    case.bar()
    case.signal()
    entry = case.sent(OrderKind.ENTRY)
    case.lose(entry)
    case.halt()
    assert cancels(case) == []
    case.accept(entry)
    assert cancels(case) == [entry]


# --- flat, and bare -----------------------------------------------------------------------------------------


def test_the_broker_gets_a_moment_to_take_back_the_other_half_of_a_bracket() -> None:
    case = Case()
    entry = case.enter()
    case.fill(f"{entry}s", 2, PRICE - 40)
    case.wait(4)
    assert cancels(case) == []
    case.wait(2)
    assert cancels(case) == [f"{entry}t"]


def test_a_bracket_waits_for_its_entry() -> None:
    case = Case()
    case.bar()
    case.signal(price=PRICE - 8)
    entry = case.sent(OrderKind.ENTRY)
    case.accept(entry, f"{entry}s", f"{entry}t")
    case.wait(600)
    assert cancels(case) == []


def test_a_position_whose_stop_is_gone_is_closed() -> None:
    case = Case()
    entry = case.enter()
    case.canceled(f"{entry}s")
    assert case.position().exit_reason == "unprotected"
    assert cancels(case) == [f"{entry}t"]


def test_a_position_that_its_stops_no_longer_cover_is_closed() -> None:
    case = Case(strategy_rules(adds=True))
    first = case.enter()
    case.enter()
    case.canceled(f"{first}s")
    assert case.position().lots == 4
    assert case.position().exit_reason == "unprotected"


def test_a_position_that_came_without_a_stop_is_not_bare() -> None:
    case = Case()
    case.enter(stop=0)
    case.wait(60)
    assert case.position().exit_reason == ""


def test_where_nothing_works_and_nothing_is_held_nothing_is_done() -> None:
    case = Case()
    assert case.wait(60) == []


def test_keys_are_tended_in_the_order_in_which_they_came() -> None:
    """Order ids are given in this order: it may not hang on the hash of a string."""
    names = [f"s{n}" for n in range(12)]
    case = Case(*(strategy_rules(name) for name in names))
    case.bar()
    for name in names:
        case.signal(strategy=name, stop=0, target=0)
        entry = case.sent(OrderKind.ENTRY)
        case.accept(entry)
        case.fill(entry, 2, PRICE)
    intended = len(case.of(OrderIntended))
    leaving_ = {k: replace(p, exit_reason="now") for k, p in case.book.positions.items()}
    case.book = replace(case.book, positions=leaving_)
    case.wait(1)
    [first] = case.of(OrderIntended)[intended:]
    # One exit at a time in a market: the first strategy's.
    assert first.intent.strategy == "s0"


# --- two strategies in one market ---------------------------------------------------------------------


def left(case: Case) -> list[tuple[str, int, bool]]:
    """Let both strategies of a market leave it, in turn; gives each exit: whose, its lots, how it is held."""
    for _ in range(4):
        obey(case)
        for exit_ in [s.intent for s in case.out if s.intent.kind is OrderKind.EXIT]:
            if case.state(exit_.client_order_id) is OrderState.PENDING:
                case.accept(exit_.client_order_id)
                case.fill(exit_.client_order_id, exit_.lots, PRICE)
    exits = [s.intent for s in case.out if s.intent.kind is OrderKind.EXIT]
    return [(e.strategy, e.side * e.lots, e.reduce_only) for e in exits]


def test_an_exit_may_open_at_the_broker_where_another_strategy_holds_the_other_side() -> None:
    case = Case(strategy_rules(), strategy_rules("beta"))
    case.enter()
    case.enter(-1, strategy="beta")
    assert case.book.lots("MNQ") == 0
    case.flatten()
    assert left(case) == [("alpha", -2, False), ("beta", 2, False)]


def test_a_strategy_that_is_alone_in_its_market_has_its_orders_held_to_the_position() -> None:
    case = Case()
    stop = case.children(case.enter())[0]
    case.flatten()
    assert left(case) == [("alpha", -2, True)]
    assert stop.intent.reduce_only


def test_what_the_account_lacks_is_lacking_to_the_side_that_is_too_large() -> None:
    case = Case(strategy_rules(), strategy_rules("beta"))
    case.enter()
    case.enter(-1, strategy="beta")
    compared(case, -1)  # one of the two lots that alpha is long was never bought
    case.flatten()
    assert left(case)[0] == ("alpha", -1, False)

"""From a view to an approved order: the only way there is, with its trace."""

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

import pytest

from gamma.decision import ApprovedOrder, decide, decide_exit
from gamma.errors import InputInvalid
from gamma.guards import Action, Guard, Scope, Trip, Verdict
from gamma.reasons import Reason
from gamma.views import OrderView, View
from sizers.contract_cap import ContractCap
from sizers.fixed import Fixed
from sizers.half_kelly import HalfKelly
from tests.sizers.sized import traded
from tests.views_example import example_order, example_view

VIEW = example_view()
FIVE = [("fixed", Fixed(lots=5))]


class Judge:
    """A guard that answers what it is told to."""

    id: ClassVar[str] = "judge"
    measures: ClassVar[str] = "nothing"
    resets: ClassVar[str] = "never"
    latches: ClassVar[str] = "nothing"
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, answer: Callable[[OrderView], Any], scope: Scope = Scope.ENTRIES) -> None:
        self.answer = answer
        self.seen: list[OrderView] = []
        self.scope = scope

    def __call__(self, view: View, order: OrderView) -> Verdict:  # noqa: ARG002 - a stub
        self.seen.append(order)
        verdict: Verdict = self.answer(order)
        return verdict


def passes(order: OrderView) -> Verdict:
    return Verdict(lots=order.lots)


def halves(order: OrderView) -> Verdict:
    return Verdict(lots=order.lots // 2, reason=Reason.RISK_PER_TRADE, facts={"budget_usd": 1.0})


def denies(_: OrderView) -> Verdict:
    return Verdict(lots=0, reason=Reason.SPREAD_WIDE)


def named(*judges: Judge) -> list[tuple[str, Guard]]:
    return [(f"g{index}", cast("Guard", judge)) for index, judge in enumerate(judges)]


def boom(_: OrderView) -> Verdict:
    raise KeyError("margin")


def test_an_entry_goes_through_the_chain_and_every_guard() -> None:
    found = decide(VIEW, FIVE, named(Judge(passes), Judge(halves)), signal_id="s-1")
    assert (found.lots, found.sized_lots, found.side, found.bound_by) == (2, 5, 1, "g1")
    assert found.reason is Reason.RISK_PER_TRADE
    assert [(s.name, s.lots_before, s.lots_after) for s in found.steps] == [
        ("fixed", None, 5.0),
        ("g0", 5, 5),
        ("g1", 5, 2),
    ]
    assert found.approved is not None
    assert (found.approved.market, found.approved.side, found.approved.lots) == ("MNQ", 1, 2)
    assert (found.approved.order.lots, found.approved.order.signal_id) == (2, "s-1")
    assert repr(found.approved) == "ApprovedOrder(MNQ +2)"


def test_where_no_guard_binds_the_chain_did() -> None:
    found = decide(VIEW, [*FIVE, ("cap", ContractCap(markets={"MNQ": 3}))], named(Judge(passes)))
    assert (found.lots, found.bound_by, found.reason) == (3, "cap", Reason.OK)


def test_only_decide_can_build_an_approved_order() -> None:
    with pytest.raises(TypeError, match=r"from gamma\.decision\.decide alone"):
        ApprovedOrder(example_order(), object())


def test_an_approved_order_bears_no_further_attributes() -> None:
    approved = decide(VIEW, FIVE, ()).approved
    assert approved is not None
    with pytest.raises(AttributeError):
        approved.bypass = True  # type: ignore[attr-defined]


@pytest.mark.parametrize("side", [0, math.nan, 0.0])
def test_no_side_is_no_trade(side: float) -> None:
    found = decide(example_view(signal={"side": side}), FIVE, named(Judge(passes)))
    assert (found.lots, found.side, found.reason, found.bound_by) == (0, 0, Reason.NO_SIGNAL, "signal")
    assert found.approved is None


def test_a_sale_is_a_sale() -> None:
    approved = decide(example_view(signal={"side": -1}), FIVE, ()).approved
    assert repr(approved) == "ApprovedOrder(MNQ -5)"


def test_what_stands_against_everything_denies_and_keeps_the_chains_answer() -> None:
    guard = Judge(passes)
    found = decide(VIEW, FIVE, named(guard), standing=Reason.UNRESOLVED)
    assert (found.lots, found.sized_lots, found.bound_by, found.reason) == (0, 5, "standing", Reason.UNRESOLVED)
    assert (found.halted, found.approved, guard.seen) == (False, None, [])
    assert decide(VIEW, FIVE, (), standing=Reason.HALTED).halted


def test_no_guard_can_raise_a_size_and_a_later_one_sees_what_is_left() -> None:
    greedy, after = Judge(lambda order: Verdict(lots=order.lots * 10)), Judge(passes)
    found = decide(VIEW, FIVE, named(Judge(halves), greedy, after))
    assert found.lots == 2
    assert after.seen[0].lots == 2


def test_every_guard_speaks_even_after_one_has_denied() -> None:
    last = Judge(passes)
    found = decide(VIEW, FIVE, named(Judge(denies), Judge(halves), last))
    assert (found.lots, found.bound_by, found.reason, found.approved) == (0, "g0", Reason.SPREAD_WIDE, None)
    assert [s.reason for s in found.steps[1:]] == ["spread_wide", "risk_per_trade", "ok"]
    assert last.seen[0].lots == 1  # an order of no lots could not be judged


def test_a_negative_answer_is_nothing() -> None:
    assert decide(VIEW, FIVE, named(Judge(lambda _: Verdict(lots=-3, reason=Reason.CAP)))).lots == 0


def test_a_sizer_that_faults_stops_its_strategy() -> None:
    class Broken:
        def __call__(self, view: View, lots: Any) -> Any:  # noqa: ARG002 - a stub
            raise RuntimeError("no")

        def explain(self, view: View, lots: float) -> Mapping[str, Any]:  # noqa: ARG002 - a stub
            return {}

    found = decide(VIEW, [("broken", Broken())], named(Judge(passes)))
    assert (found.lots, found.reason, found.halted) == (0, "fault", True)
    assert found.fault == "broken: RuntimeError: no"
    ((name, trip),) = found.trips
    assert (name, trip.action, trip.reason, trip.realised) == ("broken", Action.STRATEGY_OFF, Reason.FAULT, True)
    aside = HalfKelly(on_no_edge="stand_aside")
    after_nothing = decide(traded([-1.0] * 10), [("half_kelly", aside), ("broken", Broken())], ())
    assert (after_nothing.bound_by, after_nothing.trips[0][0]) == ("half_kelly", "broken")


def test_a_sizer_with_senseless_input_gives_nothing_and_stops_nobody() -> None:
    class Asks:
        def __call__(self, view: View, lots: Any) -> Any:  # noqa: ARG002 - a stub
            return 3.0

        def explain(self, view: View, lots: float) -> Mapping[str, Any]:  # noqa: ARG002 - a stub
            raise InputInvalid("balance = -1")

    found = decide(VIEW, [("asks", Asks())], ())
    assert (found.lots, found.reason, found.invalid) == (0, "input_invalid", "balance = -1")
    assert (found.halted, found.trips, found.fault) == (False, (), "")


def test_a_chains_halt_is_the_decisions() -> None:
    found = decide(traded([100.0] * 10, account={"balance_usd": 1_000.0}), [("half_kelly", HalfKelly())], ())
    assert (found.lots, found.halted, found.reason) == (0, True, "safety_halt")


def test_a_zero_always_has_a_reason() -> None:
    less_than_one = decide(traded([100.0] * 7 + [-99.0] * 3), [("k", HalfKelly(min_lots=0, fraction=0.001))], ())
    assert (less_than_one.lots, less_than_one.reason) == (0, Reason.FLOORED)
    assert decide(VIEW, [], ()).reason is Reason.INPUT_MISSING


@pytest.mark.parametrize(
    "answer",
    [
        boom,
        lambda _: None,
        lambda _: Verdict(lots=2.5),  # type: ignore[arg-type]
        lambda _: Verdict(lots=math.nan),  # type: ignore[arg-type]
    ],
)
def test_a_guard_that_raises_or_answers_nonsense_closes_and_stops_its_strategy(answer: Any) -> None:
    after = Judge(passes)
    found = decide(VIEW, FIVE, named(Judge(answer), after))
    assert (found.lots, found.bound_by, found.reason, found.halted) == (0, "g0", Reason.FAULT, True)
    assert found.fault.startswith("g0: ")
    assert [(name, trip.action) for name, trip in found.trips] == [("g0", Action.STRATEGY_OFF)]
    assert len(after.seen) == 1


def test_a_guard_may_itself_report_a_fault() -> None:
    found = decide(VIEW, FIVE, named(Judge(lambda _: Verdict(lots=0, reason=Reason.FAULT))))
    assert (found.lots, found.fault) == (0, "g0")


@pytest.mark.parametrize(
    ("action", "halts"),
    [(a, a in (Action.HALT, Action.FLATTEN_AND_HALT, Action.REDUCING, Action.STRATEGY_OFF)) for a in Action],
)
def test_what_guards_ask_beside_the_size_is_passed_on(action: Action, halts: bool) -> None:
    trip = Trip(action=action, reason=Reason.DAILY_LOSS)
    found = decide(VIEW, FIVE, named(Judge(lambda order: Verdict(lots=order.lots, trip=trip))))
    assert (found.lots, found.trips, found.halted) == (5, (("g0", trip),), halts)


@pytest.mark.parametrize(
    ("held", "side", "asked", "lots"),
    [(8, -1, 8, 8), (8, -1, 3, 3), (8, -1, 20, 8), (-8, 1, 20, 8), (8, 1, 5, 0), (0, -1, 5, 0)],
)
def test_an_exit_is_clipped_to_flat_and_never_flips(held: int, side: int, asked: int, lots: int) -> None:
    found = decide_exit(example_view(position={"lots": held}), example_order(side=side, lots=asked), ())
    assert found.lots == lots
    assert found.steps[0].reason == ("ok" if lots == asked else "clipped_to_flat")
    assert found.steps[0].facts == {"open_lots": max(0, -side * held)}
    if lots:
        assert found.approved is not None
        assert found.approved.order.reduces
    else:
        assert (found.approved, found.reason) == (None, "clipped_to_flat")


def test_an_exit_is_seen_by_the_guards_of_all_orders_alone() -> None:
    entries, every = Judge(denies), Judge(passes, Scope.ALL)
    found = decide_exit(example_view(position={"lots": 8}), example_order(side=-1, lots=8), named(entries, every))
    assert found.lots == 8
    assert (entries.seen, every.seen[0].reduces) == ([], True)


def test_a_guard_that_raises_holds_no_exit_back() -> None:
    guard = Judge(boom, Scope.ALL)
    found = decide_exit(example_view(position={"lots": 8}), example_order(side=-1, lots=8), named(guard))
    assert (found.lots, found.halted) == (8, True)

import pytest

from gamma.events import Fill, OrderFilled
from gamma.guards import Action
from gamma.guards.protective_order import ProtectiveOrder
from gamma.outlook import look
from gamma.reasons import Reason
from tests.engine_case import PRICE, Case, S, strategy_rules
from tests.views_example import example_order, example_view

GUARD = ProtectiveOrder(bare_max_s=2)


@pytest.mark.parametrize(("bare_lots", "bare_s", "trips"), [(2, 2.0, False), (2, 2.1, True), (0, 60.0, False)])
def test_a_position_without_a_stop_is_closed_after_two_seconds(bare_lots: int, bare_s: float, trips: bool) -> None:
    view = example_view(position={"bare_lots": bare_lots, "bare_s": bare_s})
    trip, verdict = GUARD.watch(view), GUARD(view, example_order())
    if not trips:
        assert (trip, verdict.lots) == (None, 4)
        return
    assert trip is not None
    assert (trip.action, trip.reason, trip.realised) == (Action.FLATTEN, Reason.UNPROTECTED, True)
    assert (verdict.lots, verdict.reason) == (0, Reason.UNPROTECTED)


def test_an_unknown_number_of_lots_lets_no_entry_through() -> None:
    view = example_view(position={"bare_lots": float("nan")})
    assert GUARD(view, example_order()).reason is Reason.INPUT_MISSING
    assert GUARD.watch(view) is None


def _held() -> tuple[Case, str]:
    """Two lots, filled; the broker has the entry, and has not said a word of the stop."""
    case = Case(strategy_rules(guards=[("protective_order", GUARD)]))
    case.session()
    case.bar()
    case.signal()
    entry = case.out[-1].intent.client_order_id
    case.accept(entry)
    case.fill(entry, 2, PRICE)
    return case, entry


def _bare(case: Case) -> tuple[float, float]:
    view = look(case.book, case.rules, case.rules.strategies["alpha"])
    return float(view.position.bare_lots), float(view.position.bare_s)


def _leaves(case: Case) -> bool:
    return bool(case.book.position("alpha", "MNQ").exit_reason)


def test_a_stop_that_the_broker_never_confirms_is_no_stop() -> None:
    case, _ = _held()
    assert _bare(case) == (2, 0.0)
    case.wait(2)
    assert not _leaves(case)
    case.wait(0.5)
    assert _leaves(case)
    assert _bare(case) == (0, 0.0)  # it is being closed


def test_a_confirmed_stop_protects_for_as_many_lots_as_it_has() -> None:
    case, entry = _held()
    case.accept(f"{entry}s", f"{entry}t")
    assert _bare(case) == (0, 0.0)
    case.wait(60)
    assert not _leaves(case)


def test_time_begins_when_the_fill_is_heard_of_not_when_it_happened() -> None:
    case, _ = _held()
    case.now += 300 * S
    late = Fill(
        execution_id="late",
        client_order_id="stranger",
        market="MES",
        side=1,
        lots=1,
        price_ticks=PRICE,
        fee_microusd=0,
        ts_event_utc_ns=case.now - 299 * S,
    )
    case.do(OrderFilled(fill=late, ts_event_utc_ns=case.now))
    assert case.book.position("", "MES").ts_grown_utc_ns == case.now


def test_a_defined_largest_loss_needs_no_stop() -> None:
    case = Case(strategy_rules(guards=[("protective_order", GUARD)]))
    case.session()
    case.bar()
    case.signal(stop=0, target=0, risk_microusd_per_lot=50_000_000)
    entry = case.out[-1].intent.client_order_id
    case.accept(entry)
    case.fill(entry, 2, PRICE)
    case.wait(60)
    assert _bare(case) == (0, 0.0)
    assert not _leaves(case)


def test_a_position_that_came_without_any_stop_is_closed() -> None:
    case = Case(strategy_rules(guards=[("protective_order", GUARD)]))
    case.session()
    case.bar()
    case.signal(stop=0, target=0)
    entry = case.out[-1].intent.client_order_id
    case.accept(entry)
    case.fill(entry, 2, PRICE)
    case.wait(3)
    assert _leaves(case)

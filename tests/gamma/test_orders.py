"""The life of an order along its graph, and what fills add up to. Numbers by hand: MNQ is worth 0.50 usd a tick."""

from dataclasses import replace

import pytest

from gamma.errors import InvariantBroken
from gamma.events import Fill, Intent, OrderKind, OrderState, OrderType
from gamma.orders import GRAPH, Order, Position, advance, any_unresolved, fill_order, fill_position, unended

TICK = 500_000


def order(state: OrderState = OrderState.PENDING, *, lots: int = 3, kind: OrderKind = OrderKind.ENTRY) -> Order:
    intent = Intent(
        client_order_id="g00-1-0",
        decision_id="d",
        strategy="alpha",
        market="MNQ",
        kind=kind,
        order_type=OrderType.MARKET,
        side=1,
        lots=lots,
    )
    return Order(intent=intent, state=state, deadline_utc_ns=0, price_ticks=0)


def fill(side: int, lots: int, price: int, *, execution: str = "x1", fee: int = 0, ts: int = 1) -> Fill:
    return Fill(
        execution_id=execution,
        client_order_id="g00-1-0",
        market="MNQ",
        side=side,
        lots=lots,
        price_ticks=price,
        fee_microusd=fee,
        ts_event_utc_ns=ts,
    )


def held(*fills: tuple[int, int, int]) -> tuple[Position, int]:
    """The position after (side, lots, price) fills, and all that they realised."""
    position, total = Position(strategy="alpha", market="MNQ"), 0
    for side, lots, price in fills:
        position, realised = fill_position(position, fill(side, lots, price), TICK)
        total += realised
    return position, total


def test_every_state_knows_where_it_may_go() -> None:
    assert set(GRAPH) == set(OrderState)


def test_an_order_goes_along_the_graph_only() -> None:
    assert advance(order(), OrderState.ACKED).state is OrderState.ACKED
    with pytest.raises(InvariantBroken, match="I7: order g00-1-0 cannot go from filled to acked"):
        advance(order(OrderState.FILLED), OrderState.ACKED)


def test_what_works_at_the_broker_is_never_absent() -> None:
    assert OrderState.ABSENT not in GRAPH[OrderState.ACKED]
    assert OrderState.ABSENT not in GRAPH[OrderState.PARTIAL]


@pytest.mark.parametrize(
    ("state", "live", "unresolved", "ended"),
    [
        (OrderState.PENDING, False, True, False),
        (OrderState.UNKNOWN, False, True, False),
        (OrderState.QUARANTINED, False, True, False),
        (OrderState.ACKED, True, False, False),
        (OrderState.PARTIAL, True, False, False),
        (OrderState.FILLED, False, False, True),
        (OrderState.CANCELED, False, False, True),
        (OrderState.EXPIRED, False, False, True),
        (OrderState.REJECTED, False, False, True),
        (OrderState.ABSENT, False, False, True),
    ],
)
def test_a_state_is_live_unresolved_or_ended(state: OrderState, live: bool, unresolved: bool, ended: bool) -> None:
    it = order(state)
    assert (it.live, it.unresolved, it.ended) == (live, unresolved, ended)
    assert it.left_lots == (0 if ended else 3)


def test_a_cancel_cannot_trade() -> None:
    assert order().moves_position
    assert not order(kind=OrderKind.CANCEL).moves_position
    assert not order(kind=OrderKind.REPLACE).moves_position


def test_fills_make_an_order_partial_and_then_filled() -> None:
    some = fill_order(order(OrderState.ACKED), fill(1, 1, 100))
    assert (some.state, some.filled_lots, some.left_lots) == (OrderState.PARTIAL, 1, 2)
    whole = fill_order(some, fill(1, 2, 100, execution="x2"))
    assert (whole.state, whole.filled_lots, whole.left_lots) == (OrderState.FILLED, 3, 0)


def test_an_execution_is_booked_once_on_its_order() -> None:
    once = fill_order(order(OrderState.ACKED), fill(1, 1, 100))
    assert fill_order(once, fill(1, 1, 100)) is once


@pytest.mark.parametrize("state", [OrderState.CANCELED, OrderState.EXPIRED])
def test_a_late_fill_does_not_wake_a_dead_order(state: OrderState) -> None:
    late = fill_order(order(state), fill(1, 1, 100))
    assert (late.state, late.filled_lots) == (state, 1)
    assert fill_order(late, fill(1, 2, 100, execution="x2")).state is OrderState.FILLED


def test_two_prices_in_and_one_out_is_booked_first_in_first_out() -> None:
    # Long 1 at 100 and 2 at 104; 2 out at 110: (110 - 100) + (110 - 104) = 16 ticks = 8 usd.
    position, realised = held((1, 1, 100), (1, 2, 104), (-1, 2, 110))
    assert realised == 8_000_000
    assert (position.lots, position.lots_open, position.lots_max) == (1, ((1, 104),), 3)
    assert position.entry_ticks == pytest.approx(308 / 3)
    assert position.exit_ticks == 110


def test_a_short_earns_when_the_price_falls() -> None:
    position, realised = held((-1, 2, 100), (1, 2, 90))
    assert realised == 10_000_000
    assert (position.lots, position.side) == (0, 0)


def test_a_fill_larger_than_the_position_closes_it_and_opens_the_rest() -> None:
    position, realised = held((1, 2, 100), (-1, 3, 90))
    assert realised == -10_000_000
    assert (position.lots, position.side, position.lots_open) == (-1, -1, ((1, 90),))


def test_open_pnl_is_worth_its_side() -> None:
    long, _ = held((1, 2, 100))
    short, _ = held((-1, 2, 100))
    assert long.open_microusd(103, TICK) == 3_000_000
    assert short.open_microusd(103, TICK) == -3_000_000
    assert Position(strategy="alpha", market="MNQ").open_microusd(103, TICK) == 0


def test_a_flat_position_has_no_average_prices() -> None:
    flat = Position(strategy="alpha", market="MNQ")
    assert (flat.entry_ticks, flat.exit_ticks, flat.side) == (0, 0, 0)


def test_the_first_fill_dates_the_position_and_the_fees_add_up() -> None:
    flat = Position(strategy="alpha", market="MNQ")
    opened, _ = fill_position(flat, fill(1, 1, 100, fee=600_000, ts=7), TICK)
    more, _ = fill_position(opened, fill(1, 1, 101, fee=600_000, ts=9), TICK)
    assert (more.ts_open_utc_ns, more.fees_microusd, more.best_ticks) == (7, 1_200_000, 100)


def test_a_working_order_that_was_asked_to_cancel_is_canceling() -> None:
    asked = replace(order(OrderState.ACKED), ts_cancel_utc_ns=5)
    assert asked.canceling
    assert not replace(asked, state=OrderState.CANCELED).canceling


@pytest.mark.parametrize("state", OrderState)
def test_what_is_asked_of_many_orders_is_what_each_of_them_says(state: OrderState) -> None:
    one, ended, waits = order(state), order(OrderState.FILLED), order(OrderState.UNKNOWN)
    assert any_unresolved([ended, one]) == one.unresolved
    assert unended({"e": ended, "o": one}) == (() if one.ended else (one,))
    assert any_unresolved([one, waits])
    assert waits in unended({"w": waits, "o": one})


def test_of_no_orders_none_is_unresolved_and_all_have_ended() -> None:
    assert (any_unresolved([]), unended({})) == (False, ())


def test_the_orders_of_one_book_are_looked_through_once_and_never_taken_for_anothers() -> None:
    books = [{"a": order(state)} for state in OrderState] * 3
    for one in books:
        found = unended(one)
        assert found == tuple(o for o in one.values() if not o.ended)
        assert unended(one) is found

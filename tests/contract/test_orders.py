"""What an order goes through: the same of every broker, whatever it is spoken to with."""

import pytest

from gamma.errors import MarkerUnknown
from gamma.events import OrderState
from gamma.ports import Accepted, Broker, Dedupe, Lost, NotListed, Rejected
from tests.contract.points import Point
from tests.contract.rig import Fault, Rig, Trader


@pytest.mark.point(Point.ANSWERS)
def test_it_is_a_broker_with_an_empty_account(rig: Rig, trader: Trader) -> None:
    assert isinstance(rig.broker, Broker)
    account = rig.run(rig.broker.connect())
    assert account.balance_microusd == account.equity_microusd > 0
    assert rig.run(rig.broker.positions()) == {}
    assert rig.run(rig.broker.open_orders()) == []
    assert trader.fills() == {}


@pytest.mark.point(Point.LISTS)
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_as_many_orders_as_work_are_listed_and_each_is_found(rig: Rig, trader: Trader, count: int) -> None:
    ids = [f"g-1-{number}" for number in range(count)]
    for client_order_id in ids:
        trader.accept(client_order_id)
    assert [o.client_order_id for o in rig.run(rig.broker.open_orders())] == ids
    told = rig.run(rig.broker.orders(dict.fromkeys([*ids, "g-1-99"], "")))
    assert sorted(o.client_order_id for o in told) == ids
    named = {o.client_order_id: o.broker_order_id for o in told}
    rig.restart()
    assert {o.broker_order_id for o in rig.run(rig.broker.orders(named))} == set(named.values())


@pytest.mark.point(Point.LISTS)
@pytest.mark.parametrize("lots", [1, 2])
def test_fills_and_positions_are_listed_as_they_are(rig: Rig, trader: Trader, lots: int) -> None:
    trader.accept("g-1-1", lots)
    trader.trade(lots)
    side = rig.resting("g-1-2", 1).side
    market = rig.resting("g-1-2", 1).market
    assert rig.run(rig.broker.positions()) == {market: side * lots}
    fills = trader.fills().values()
    assert sum(fill.lots for fill in fills) == lots
    assert {(fill.client_order_id, fill.market, fill.side) for fill in fills} == {("g-1-1", market, side)}


@pytest.mark.point(Point.ANSWERS)
def test_an_accepted_order_works_at_its_price(rig: Rig, trader: Trader) -> None:
    trader.accept("g-1-1", 2)
    told, asked = trader.order("g-1-1"), rig.resting("g-1-1", 2)
    assert (told.state, told.lots, told.filled_lots, told.ours) == (OrderState.ACKED, 2, 0, True)
    assert (told.market, told.side, told.price_ticks) == (asked.market, asked.side, asked.price_ticks)


@pytest.mark.point(Point.ANSWERS)
def test_a_refused_order_is_rejected_and_not_there(rig: Rig, trader: Trader) -> None:
    rig.fault(Fault.REJECT)
    assert isinstance(trader.place("g-1-1"), Rejected)
    assert rig.there("g-1-1") == 0


@pytest.mark.point(Point.ANSWERS)
def test_nothing_but_an_approved_order_is_taken(rig: Rig) -> None:
    with pytest.raises(TypeError, match="ApprovedOrder"):
        rig.run(rig.broker.place(rig.resting("g-1-1", 1), rig.resting("g-1-1", 1), ()))
    assert rig.there("g-1-1") == 0


@pytest.mark.point(Point.LOST)
def test_an_order_whose_answer_was_lost_is_found(rig: Rig, trader: Trader) -> None:
    rig.fault(Fault.LOST_ANSWER)
    assert isinstance(trader.place("g-1-1"), Lost)
    rig.settle()
    assert trader.order("g-1-1").state is OrderState.ACKED


@pytest.mark.point(Point.LOST)
def test_an_order_whose_answer_was_lost_is_found_filled(rig: Rig, trader: Trader) -> None:
    rig.fault(Fault.LOST_ANSWER)
    trader.place("g-1-1", 2)
    trader.trade(2)
    order = trader.order("g-1-1")
    assert (order.state, order.filled_lots) == (OrderState.FILLED, 2)
    assert sum(fill.lots for fill in trader.fills().values()) == 2


@pytest.mark.point(Point.LOST)
def test_an_order_that_never_arrived_is_not_listed_and_only_a_sure_broker_calls_that_proof(
    rig: Rig, trader: Trader
) -> None:
    rig.fault(Fault.LOST_REQUEST)
    assert isinstance(trader.place("g-1-1"), Lost)
    rig.settle()
    found = rig.run(rig.broker.find("g-1-1"))
    assert isinstance(found, NotListed)
    assert not found.final or rig.broker.capabilities.absence_listings == 1
    assert rig.there("g-1-1") == 0


@pytest.mark.point(Point.DUPLICATES)
def test_an_id_that_comes_again_makes_a_second_order_only_where_the_broker_is_said_to_make_one(
    rig: Rig, trader: Trader
) -> None:
    trader.accept("g-1-1")
    trader.place("g-1-1")
    assert rig.there("g-1-1") == (2 if rig.broker.capabilities.dedupe is Dedupe.NONE else 1)


@pytest.mark.point(Point.PARTS)
def test_what_is_left_of_a_partial_fill_is_cancelled(rig: Rig, trader: Trader) -> None:
    trader.accept("g-1-1", 3)
    trader.trade(1)
    part = trader.order("g-1-1")
    assert (part.state, part.filled_lots) == (OrderState.PARTIAL, 1)
    assert isinstance(trader.cancel("g-1-1"), Accepted)
    rest = trader.order("g-1-1")
    assert (rest.state, rest.filled_lots) == (OrderState.CANCELED, 1)
    assert rig.run(rig.broker.open_orders()) == []


@pytest.mark.point(Point.PARTS)
def test_a_cancel_that_comes_too_late_is_refused(trader: Trader) -> None:
    trader.accept("g-1-1")
    trader.trade(1)
    assert isinstance(trader.cancel("g-1-1"), Rejected)
    assert trader.order("g-1-1").state is OrderState.FILLED


@pytest.mark.point(Point.PARTS)
def test_a_cancel_of_what_nobody_knows_is_refused(trader: Trader) -> None:
    assert isinstance(trader.cancel("g-1-99"), Rejected)


@pytest.mark.point(Point.EXPIRY)
def test_an_order_that_expires_keeps_what_it_filled(rig: Rig, trader: Trader) -> None:
    trader.accept("g-1-1", 2)
    trader.trade(1)
    rig.expire()
    order = trader.order("g-1-1")
    assert (order.state, order.filled_lots) == (OrderState.EXPIRED, 1)


@pytest.mark.point(Point.ORDER)
def test_fills_come_to_the_same_whenever_they_are_read(rig: Rig, trader: Trader) -> None:
    trader.accept("g-1-1", 3)
    trader.trade(1)
    early, marker = trader.fills(), trader.marker()
    trader.accept("g-1-2", 2)
    trader.trade(2)
    late = trader.fills(marker)
    rig.restart()
    again = trader.fills()
    assert set(early) <= set(again) == set(early) | set(late)
    for told in (early | late, again):
        assert sum(fill.lots for fill in told.values() if fill.client_order_id == "g-1-1") == 3
        assert sum(fill.lots for fill in told.values() if fill.client_order_id == "g-1-2") == 2
    assert trader.fills(trader.marker()) == {}


@pytest.mark.point(Point.ORDER)
def test_a_marker_that_is_none_is_refused(rig: Rig, trader: Trader) -> None:
    trader.accept("g-1-1")
    trader.trade(1)
    with pytest.raises(MarkerUnknown):
        rig.run(rig.broker.fills_since("nonsense"))


@pytest.mark.point(Point.RESTARTS)
@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.LOST_REQUEST, None])
def test_a_restart_after_any_step_leaves_one_order_or_none(rig: Rig, trader: Trader, fault: Fault | None) -> None:
    there = 0 if fault is Fault.LOST_REQUEST else 1
    if fault is not None:
        rig.fault(fault)
    trader.place("g-1-1", 2)
    steps = (rig.settle, lambda: trader.trade(1), lambda: trader.cancel("g-1-1"), rig.settle)
    for step in steps:
        rig.restart()
        step()
        assert rig.there("g-1-1") == there
    rig.restart()
    filled = sum(fill.lots for fill in trader.fills().values())
    assert filled == there
    if there:
        order = trader.order("g-1-1")
        assert (order.state, order.filled_lots) == (OrderState.CANCELED, 1)


@pytest.mark.point(Point.RESTARTS)
def test_money_is_the_same_after_a_restart(rig: Rig, trader: Trader) -> None:
    trader.accept("g-1-1", 2)
    trader.trade(2)
    before = rig.run(rig.broker.account())
    rig.restart()
    assert rig.run(rig.broker.account()) == before

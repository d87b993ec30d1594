"""What drills at sandboxes share: the world's prices on a floor, what goes wrong there, and the observer's log."""

from dataclasses import replace

import pytest

from brokers.sandbox.drill import CANCEL_S, Mishaps, WorldPrices, records_at
from brokers.sandbox.floor import Floor
from brokers.sandbox.orders import Kind, LotOrder, State, journal
from gamma.chaos.broker.observed import Canceled, Doubled, Executed, Received, Refused
from gamma.chaos.drill import CAPITAL_USD, Prices, Scene
from gamma.chaos.simulation.faults import Fault
from gamma.chaos.simulation.world import BRISK, MNQ, START_UTC_NS, bar_at
from gamma.clock import NS
from gamma.errors import InputInvalid
from gamma.markets import MICRO

WORLD = Prices(seed=3, markets={"MNQ": MNQ})


def scene(*faults: Fault) -> Scene:
    return Scene(seed=3, prices=WORLD, capital_usd=CAPITAL_USD, faults=frozenset(faults))


def floored(*faults: Fault) -> tuple[Floor, Mishaps]:
    floor = Floor(WorldPrices(WORLD), journal(None, "one"), CAPITAL_USD * MICRO)
    return floor, Mishaps(floor, scene(*faults), "no")


def ticks(points: float) -> int:
    return round(points * 4)


def sent(floor: Floor, cid: str, lots: int = 2, limit_ticks: int = 0, at_s: int = 0) -> LotOrder:
    now = START_UTC_NS + at_s * NS
    order = LotOrder(
        number=floor.next_number,
        client_id=cid,
        symbol="MNQ",
        side=1,
        lots=lots,
        kind=Kind.LIMIT if limit_ticks else Kind.MARKET,
        limit_ticks=limit_ticks,
        ts_created_utc_ns=now,
    )
    floor.take([order], now)
    return order


def test_a_floor_trades_at_the_prices_of_the_bars_that_the_daemon_sees() -> None:
    prices = WorldPrices(WORLD)
    end = START_UTC_NS + 60 * NS
    bar = bar_at(3, MNQ, BRISK, end)
    touched = [t.last_ticks for t in prices.path("MNQ", end - BRISK.bar_s * NS, end)]
    assert (min(touched), max(touched)) == (ticks(bar.low_points), ticks(bar.high_points))
    assert prices.touch("MNQ", end).last_ticks == ticks(bar.close_points)
    assert prices.bars("MNQ", BRISK.bar_s, end - 40 * NS, end)[-1] == bar
    with pytest.raises(InputInvalid, match="MES"):
        prices.touch("MES", end)


def test_the_log_tells_what_happened_under_the_ids_of_the_protocol() -> None:
    floor, _ = floored()
    first = sent(floor, "g-1-1")
    floor.advance(START_UTC_NS + NS)
    resting = sent(floor, "g-1-2", limit_ticks=4, at_s=2)
    again = sent(floor, "g-1-2", limit_ticks=4, at_s=3)
    floor.advance(START_UTC_NS + 4 * NS)
    floor.cancel(resting, START_UTC_NS + 5 * NS)
    log = records_at(floor)
    [done] = [r for r in log if isinstance(r, Executed)]
    assert (done.client_order_id, done.order_id, done.lots) == ("g-1-1", str(first.number), 2)
    assert [r.client_order_id for r in log if isinstance(r, Received)] == ["g-1-1", "g-1-2", "g-1-2"]
    assert [(r.order_id, r.first_order_id) for r in log if isinstance(r, Doubled)] == [
        (str(again.number), str(resting.number))
    ]
    assert [(r.order_id, r.by) for r in log if isinstance(r, Canceled)] == [(str(resting.number), "client")]


def test_a_cancel_that_takes_time_lets_the_order_trade_until_then() -> None:
    floor, _ = floored(Fault.SLUGGISH)
    kept, caught = sent(floor, "g-1-1", limit_ticks=4), sent(floor, "g-1-2", limit_ticks=4)
    floor.advance(START_UTC_NS)
    for order in (kept, caught):
        floor.cancel(order, START_UTC_NS)
    floor.advance(START_UTC_NS + round((CANCEL_S - 1) * NS))
    assert floor.orders[kept.number].state is State.WORKING
    floor.change(replace(floor.orders[caught.number], limit_ticks=100_000), START_UTC_NS + round((CANCEL_S - 1) * NS))
    floor.advance(START_UTC_NS + round((CANCEL_S + 5) * NS))
    assert floor.orders[kept.number].state is State.CANCELED
    assert floor.orders[caught.number].state is State.FILLED


def test_orders_are_refused_and_filled_in_parts_until_it_grows_calm() -> None:
    floor, mishaps = floored(Fault.REJECTS, Fault.FILLS)
    for n in range(40):
        mishaps.before(placing=True)
        sent(floor, f"g-1-{n}", at_s=n)
        floor.advance(START_UTC_NS + n * NS)
    log = records_at(floor)
    assert any(isinstance(r, Refused) and r.code == "no" for r in log)
    assert {r.lots for r in log if isinstance(r, Executed)} == {1, 2}
    mishaps.grow_calm()
    mishaps.before(placing=True)
    assert (floor.refuse_next, floor.depth_lots) == ([], None)

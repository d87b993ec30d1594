"""The port of drills: prices, the observer's log in its order, and fills that are told of by order alone."""

import sqlite3
from collections.abc import Sequence

from gamma.chaos.broker.observed import Doubled, Executed, Received
from gamma.chaos.drill import Prices, in_order
from gamma.chaos.simulation import judge
from gamma.chaos.simulation.world import BRISK, MNQ, START_UTC_NS, Traded, bar_at
from gamma.clock import NS
from gamma.markets import market

EVENT = Traded(symbol="KXINXU-26MAR03H1600-T6800", first_ticks=50, step_ticks=9, most_ticks=95)


def received(ts: int, cid: str, order_id: str) -> Received:
    return Received(
        ts_utc_ns=ts,
        client_order_id=cid,
        order_id=order_id,
        market="XSP",
        side=-1,
        lots=2,
        kind="limit",
        price_ticks=20,
        reduces=False,
    )


def executed(number: int, price_ticks: int) -> Executed:
    return Executed(
        ts_utc_ns=number,
        execution_id=f"7-{number}",
        order_id="7",
        client_order_id="g-1-1",
        market="XSP",
        side=-1,
        lots=1,
        price_ticks=price_ticks,
        fee_microusd=1_300_000,
    )


def booked(prices: Sequence[int]) -> sqlite3.Connection:
    """A ledger with a fill at each of these prices."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE fills (execution_id, client_order_id, market, side, lots, price_ticks, fee_microusd)")
    rows = [(f"7-{n}", "g-1-1", "XSP", -1, 1, price, 1_300_000) for n, price in enumerate(prices, 1)]
    db.executemany("INSERT INTO fills VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    return db


def test_an_order_that_came_twice_is_told_as_doubled() -> None:
    log = in_order([received(9, "a", "2"), received(3, "a", "1"), received(5, "b", "3")])
    assert [type(record).__name__ for record in log] == ["Received", "Received", "Doubled", "Received"]
    assert log[2] == Doubled(ts_utc_ns=9, client_order_id="a", order_id="2", first_order_id="1")


def test_a_drill_sees_the_prices_that_the_bars_are_made_of() -> None:
    prices = Prices(seed=5, markets={"MNQ": MNQ})
    close = bar_at(5, MNQ, BRISK, START_UTC_NS + 20 * NS).close_points
    assert market("MNQ").points(prices.move("MNQ", START_UTC_NS + 24 * NS).close) == close


def test_a_price_stays_below_the_highest_that_there_is() -> None:
    prices = Prices(seed=5, markets={EVENT.symbol: EVENT})
    closes = [prices.move(EVENT.symbol, START_UTC_NS + n * 5 * NS).close for n in range(1_000)]
    assert (min(closes), max(closes)) == (4, 95)


def test_what_each_lot_cost_is_held_against_the_ledger() -> None:
    log = [executed(1, 20), executed(2, 21)]
    assert list(judge._executions(log, booked([20, 21]), by_order=False)) == []
    assert len(list(judge._executions(log, booked([21, 20]), by_order=False))) == 2


def test_where_a_broker_tells_averages_the_lots_and_cost_of_an_order_are() -> None:
    log = [executed(1, 20), executed(2, 21)]
    assert list(judge._executions(log, booked([21, 20]), by_order=True)) == []
    for less in ([20, 20], [41], [20, 21, 0]):
        assert len(list(judge._executions(log, booked(less), by_order=True))) == 1

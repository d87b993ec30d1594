"""The floor of the sandboxes: what trades, at what price, what hangs together, and what is kept."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.sandbox.books import FIRST_NUMBER
from brokers.sandbox.floor import Floor
from brokers.sandbox.orders import FOREVER_NS, Change, Duration, Journal, Kind, LotOrder, State, What, journal
from brokers.sandbox.prices import BarPrices, Outcome
from gamma.errors import ConfigInvalid, InputInvalid
from gamma.markets import MICRO, event_fee_cents, market
from tests.brokers.hand_prices import CLOSE_UTC_NS, HandPrices

NS = 10**9
START_UTC_NS = 1_795_186_800 * NS  # Friday 2026-11-20, 10:00 in New York
CAPITAL = 50_000 * MICRO
EVENT = "KXINXU-26NOV20H1600-T6800"


def made(store: Journal | None = None, **quotes: tuple[int, int]) -> tuple[Floor, HandPrices]:
    prices = HandPrices({"MNQ": (80_000, 80_002), "XAU_USD": (400_000, 400_030), EVENT: (40, 42)} | quotes)
    return Floor(prices, store or journal(None, "one"), CAPITAL), prices


def asked(floor: Floor, kind: Kind = Kind.MARKET, side: int = 1, lots: int = 1, **changes: Any) -> LotOrder:
    order = LotOrder(
        number=floor.next_number,
        client_id="g-1-1",
        symbol="MNQ",
        side=side,
        lots=lots,
        kind=kind,
        ts_created_utc_ns=START_UTC_NS,
    )
    return replace(order, **changes)


def sent(floor: Floor, kind: Kind = Kind.MARKET, side: int = 1, lots: int = 1, **changes: Any) -> LotOrder:
    """An order that was taken in, and decided on at once."""
    order = asked(floor, kind, side, lots, **changes)
    floor.take([order], START_UTC_NS)
    floor.advance(START_UTC_NS)
    return floor.orders[order.number]


def bracketed(floor: Floor, lots: int = 2, side: int = 1, entry: Kind = Kind.MARKET, **changes: Any) -> list[int]:
    """An entry with a stop 100 ticks below and a target 200 ticks above 80,000: the numbers of all three."""
    parent = asked(floor, entry, side, lots, **changes)
    first = parent.number
    stop = asked(floor, Kind.STOP, -side, lots, number=first + 1, parent=first, stop_ticks=80_000 - side * 100)
    target = asked(floor, Kind.LIMIT, -side, lots, number=first + 2, parent=first, limit_ticks=80_000 + side * 200)
    floor.take([parent, stop, target], START_UTC_NS)
    floor.advance(START_UTC_NS)
    return [first, first + 1, first + 2]


def states(floor: Floor, numbers: list[int]) -> list[State]:
    return [floor.orders[number].state for number in numbers]


def at(floor: Floor, prices: HandPrices, bid_ticks: int, seconds: int = 1, symbol: str = "MNQ") -> None:
    """The market stands there, and some time has passed."""
    prices.set(symbol, bid_ticks, bid_ticks + 2)
    floor.advance(START_UTC_NS + seconds * NS)


def test_at_market_trades_at_the_quote_and_pays_the_fee() -> None:
    floor, _ = made()
    bought = sent(floor, lots=2)
    assert (bought.state, bought.average_ticks, floor.positions()) == (State.FILLED, 80_002, {"MNQ": 2})
    assert floor.cash_microusd() == CAPITAL - 2 * 600_000
    sold = sent(floor, side=-1, lots=2)
    assert (sold.average_ticks, floor.positions()) == (80_000, {})
    # Two ticks of 0.50 usd on two lots, and 0.60 usd a lot and side.
    assert floor.cash_microusd() == CAPITAL - 2 * 2 * 500_000 - 4 * 600_000
    assert floor.account.realised_microusd == {"MNQ": -2_000_000}


def test_a_limit_rests_until_the_market_comes_to_it() -> None:
    floor, prices = made()
    order = sent(floor, Kind.LIMIT, limit_ticks=79_990)
    assert order.state is State.WORKING
    at(floor, prices, 79_989)
    assert floor.orders[order.number].state is State.WORKING
    at(floor, prices, 79_988, 2)
    assert floor.orders[order.number].average_ticks == 79_990


def test_a_limit_beyond_the_market_trades_at_the_quote() -> None:
    floor, _ = made()
    assert sent(floor, Kind.LIMIT, limit_ticks=80_050).average_ticks == 80_002


def test_a_stop_waits_for_its_price_and_trades_beyond_it_where_the_market_jumps() -> None:
    floor, prices = made()
    order = sent(floor, Kind.STOP, side=-1, stop_ticks=79_900)
    at(floor, prices, 79_950)
    assert floor.orders[order.number].state is State.WORKING
    at(floor, prices, 79_850, 2)
    assert floor.orders[order.number].average_ticks == 79_850


def test_a_stop_limit_becomes_a_limit_and_may_be_left_behind() -> None:
    floor, prices = made()
    order = sent(floor, Kind.STOP_LIMIT, stop_ticks=80_050, limit_ticks=80_060)
    at(floor, prices, 80_100)
    assert (floor.orders[order.number].triggered, floor.positions()) == (True, {})
    at(floor, prices, 80_040, 2)
    assert floor.orders[order.number].average_ticks == 80_042


def test_an_order_trades_in_parts_of_what_is_there() -> None:
    floor, prices = made()
    floor.depth_lots = 2
    order = sent(floor, lots=3)
    assert (order.filled, order.state) == (2, State.WORKING)
    at(floor, prices, 80_010)
    order = floor.orders[order.number]
    assert (order.filled, order.paid_ticks, order.state) == (3, 2 * 80_002 + 80_012, State.FILLED)
    assert [done.lots for done in floor.executions] == [2, 1]


def test_what_must_trade_at_once_does_or_ends() -> None:
    floor, _ = made()
    floor.depth_lots = 2
    some = sent(floor, lots=3, duration=Duration.IOC)
    none = sent(floor, lots=3, duration=Duration.FOK)
    away = sent(floor, Kind.LIMIT, limit_ticks=79_000, duration=Duration.IOC)
    assert [(o.filled, o.state) for o in (some, none, away)] == [
        (2, State.CANCELED),
        (0, State.CANCELED),
        (0, State.CANCELED),
    ]


def test_an_order_of_the_day_ends_with_it_and_nothing_trades_after_hours() -> None:
    floor, prices = made()
    day = sent(floor, Kind.LIMIT, limit_ticks=79_000, until_utc_ns=CLOSE_UTC_NS)
    on = sent(floor, Kind.LIMIT, limit_ticks=79_000)
    prices.set("MNQ", 78_000, 78_002)
    floor.advance(CLOSE_UTC_NS + NS)
    assert states(floor, [day.number, on.number]) == [State.EXPIRED, State.WORKING]
    assert floor.orders[day.number].ts_updated_utc_ns == CLOSE_UTC_NS
    prices.close_utc_ns = FOREVER_NS
    floor.advance(CLOSE_UTC_NS + 2 * NS)
    assert floor.orders[on.number].state is State.FILLED


def test_a_bracket_sleeps_until_its_entry_fills_and_one_child_ends_the_other() -> None:
    floor, prices = made()
    numbers = bracketed(floor, entry=Kind.LIMIT, limit_ticks=79_990)
    assert states(floor, numbers) == [State.WORKING, State.HELD, State.HELD]
    at(floor, prices, 79_988)
    assert states(floor, numbers) == [State.FILLED, State.WORKING, State.WORKING]
    at(floor, prices, 80_210, 2)
    assert states(floor, numbers) == [State.FILLED, State.CANCELED, State.FILLED]
    assert floor.positions() == {}


def test_children_close_no_more_than_what_filled_of_their_parent() -> None:
    floor, prices = made()
    floor.depth_lots = 1
    numbers = bracketed(floor, lots=3)
    assert floor.orders[numbers[0]].filled == 1
    at(floor, prices, 79_890)
    # The entry has a second lot by then, before its stop takes one; an entry whose stop traded takes no more.
    assert states(floor, numbers)[0] is State.CANCELED
    for second in range(2, 5):
        at(floor, prices, 79_890, second)
    assert floor.positions() == {}
    assert sum(floor.orders[n].filled for n in numbers[1:]) == floor.orders[numbers[0]].filled


def test_a_bracket_ends_with_an_entry_that_filled_nothing() -> None:
    floor, _ = made()
    numbers = bracketed(floor, entry=Kind.LIMIT, limit_ticks=79_000)
    floor.cancel(floor.orders[numbers[0]], START_UTC_NS + NS)
    assert states(floor, numbers) == [State.CANCELED] * 3


def test_a_refused_entry_takes_its_bracket_along() -> None:
    floor, _ = made()
    floor.refuse_next.append("account_closed")
    numbers = bracketed(floor)
    assert [(floor.orders[n].state, floor.orders[n].reason) for n in numbers] == [
        (State.REJECTED, "account_closed")
    ] * 3


def test_children_may_come_after_their_parent_has_filled() -> None:
    floor, prices = made()
    entry = sent(floor, lots=2)
    stop = sent(floor, Kind.STOP, side=-1, lots=2, parent=entry.number, stop_ticks=79_900)
    assert stop.state is State.WORKING
    at(floor, prices, 79_900)
    assert (floor.orders[stop.number].state, floor.positions()) == (State.FILLED, {})
    late = sent(floor, Kind.LIMIT, side=-1, parent=entry.number, limit_ticks=90_000)
    assert late.state is State.CANCELED


def test_of_a_group_one_cancels_the_other_without_a_parent() -> None:
    floor, prices = made()
    sent(floor, lots=2)
    stop = sent(floor, Kind.STOP, side=-1, lots=2, oco=7, stop_ticks=79_900)
    target = sent(floor, Kind.LIMIT, side=-1, lots=2, oco=7, limit_ticks=80_200)
    at(floor, prices, 79_900)
    assert states(floor, [stop.number, target.number]) == [State.FILLED, State.CANCELED]


def test_what_only_reduces_never_goes_beyond_flat() -> None:
    floor, _ = made()
    assert sent(floor, side=-1, reduce_only=True).reason.startswith("nothing_to_reduce")
    sent(floor, lots=2)
    sold = sent(floor, side=-1, lots=5, reduce_only=True)
    assert (sold.filled, sold.state, floor.positions()) == (2, State.CANCELED, {})


def test_margin_counts_what_is_held_what_works_and_what_is_asked_for() -> None:
    # MNQ ties up 3,300 usd a lot: 15 lots of 50,000.
    floor, _ = made()
    assert sent(floor, lots=8).state is State.FILLED
    assert sent(floor, Kind.LIMIT, lots=7, limit_ticks=79_000).state is State.WORKING
    refused = sent(floor)
    assert (refused.state, refused.reason.partition(":")[0]) == (State.REJECTED, "insufficient_margin")
    assert sent(floor, side=-1, lots=8).state is State.FILLED


@pytest.mark.parametrize("wrong", [{"lots": 0}, {"side": 2}, {"kind": Kind.LIMIT}, {"kind": Kind.STOP}])
def test_an_order_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    floor, _ = made()
    assert sent(floor, **wrong).reason.startswith("off_limits")


def test_what_is_not_traded_here_is_said_to_be_so() -> None:
    floor, _ = made()
    with pytest.raises(InputInvalid, match="ES"):
        sent(floor, symbol="ES")


def test_an_event_contract_costs_its_price_and_pays_what_it_came_to() -> None:
    floor, prices = made()
    sent(floor, lots=10, symbol=EVENT)
    fee = event_fee_cents(10, 42) * 10_000
    assert floor.cash_microusd() == CAPITAL - 10 * 42 * 10_000 - fee
    resting = sent(floor, Kind.LIMIT, symbol=EVENT, limit_ticks=10)
    prices.outcomes[EVENT] = Outcome(ts_utc_ns=START_UTC_NS + NS, price_ticks=100)
    floor.advance(START_UTC_NS + NS)
    assert (floor.positions(), floor.orders[resting.number].state) == ({}, State.EXPIRED)
    assert floor.cash_microusd() == CAPITAL + 10 * 58 * 10_000 - fee
    assert floor.changes[-1].what is What.SETTLED
    assert sent(floor, symbol=EVENT).reason.startswith("market_ended")


def test_fees_of_an_order_are_rounded_once_for_each_price() -> None:
    floor, _ = made()
    floor.depth_lots = 1
    order = sent(floor, lots=3, symbol=EVENT)
    for second in (1, 2):
        floor.advance(START_UTC_NS + second * NS)
    assert floor.orders[order.number].state is State.FILLED
    assert sum(done.fee_microusd for done in floor.executions) == event_fee_cents(3, 42) * 10_000


def test_an_order_may_be_changed_while_it_works() -> None:
    floor, prices = made()
    order = sent(floor, Kind.LIMIT, limit_ticks=79_000)
    floor.change(replace(order, limit_ticks=79_995, lots=2), START_UTC_NS)
    at(floor, prices, 79_990)
    assert floor.positions() == {"MNQ": 2}


def test_the_account_is_as_it_was_after_a_restart(tmp_path: Path) -> None:
    store = journal(tmp_path / "a.db", "one")
    floor, prices = made(store)
    numbers = bracketed(floor)
    sent(floor, Kind.LIMIT, limit_ticks=79_000)
    at(floor, prices, 79_890)
    store.close()
    again = Floor(prices, journal(tmp_path / "a.db", "one"), CAPITAL)
    assert (again.orders, again.executions, again.changes) == (floor.orders, floor.executions, floor.changes)
    assert (again.cash_microusd(), again.positions()) == (floor.cash_microusd(), floor.positions())
    assert states(again, numbers) == [State.FILLED, State.FILLED, State.CANCELED]
    with pytest.raises(ConfigInvalid, match="of the account one"):
        journal(tmp_path / "a.db", "another")


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("market"), st.sampled_from([1, -1]), st.integers(1, 3)),
        st.tuples(st.just("limit"), st.sampled_from([1, -1]), st.integers(-40, 40)),
        st.tuples(st.just("stop"), st.sampled_from([1, -1]), st.integers(-40, 40)),
        st.tuples(st.just("bracket"), st.sampled_from([1, -1]), st.integers(1, 3)),
        st.tuples(st.just("reduce"), st.sampled_from([1, -1]), st.integers(1, 3)),
        st.tuples(st.just("price"), st.just(0), st.integers(-300, 300)),
        st.tuples(st.just("cancel"), st.just(0), st.integers(0, 9)),
    ),
    max_size=25,
)


def _step(floor: Floor, prices: HandPrices, what: str, side: int, value: int) -> None:
    match what:
        case "market" | "reduce":
            sent(floor, side=side, lots=value, reduce_only=what == "reduce")
        case "limit":
            sent(floor, Kind.LIMIT, side=side, lots=2, limit_ticks=80_000 + value)
        case "stop":
            sent(floor, Kind.STOP, side=side, lots=2, stop_ticks=80_000 + value)
        case "bracket":
            bracketed(floor, side=side, lots=value)
        case "price":
            prices.set("MNQ", 80_000 + value, 80_002 + value)
        case _:
            working = [o for o in floor.orders.values() if not o.ended]
            if working:
                floor.cancel(working[value % len(working)], START_UTC_NS)
    floor.advance(START_UTC_NS)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, depth=st.sampled_from([None, 1, 2]))
def test_whatever_happens_the_account_adds_up(steps: list[tuple[str, int, int]], depth: int | None) -> None:
    store = journal(None, "one")
    floor, prices = made(store)
    floor.depth_lots = depth
    for step in steps:
        _step(floor, prices, *step)
        done = floor.executions
        assert floor.positions().get("MNQ", 0) == sum(d.side * d.lots for d in done)
        value = market("MNQ").tick_value_microusd
        cash = CAPITAL - sum((d.side * d.price_ticks * value + d.fee_microusd // d.lots) * d.lots for d in done)
        held, last = floor.positions().get("MNQ", 0), prices.touch("MNQ", START_UTC_NS).last_ticks
        assert floor.equity_microusd(START_UTC_NS) == cash + held * last * value
        for order in floor.orders.values():
            assert order.filled == sum(d.lots for d in done if d.order == order.number) <= order.lots
            children = [o for o in floor.orders.values() if o.parent == order.number]
            assert sum(o.filled for o in children) <= order.filled
            if order.parent and order.state is State.WORKING:
                assert floor.orders[order.parent].filled > 0
    again = Floor(prices, store, CAPITAL)
    assert (again.orders, again.cash_microusd()) == (floor.orders, floor.cash_microusd())


def test_a_child_is_never_left_working_beside_one_that_closed_all() -> None:
    floor, prices = made()
    numbers = bracketed(floor)
    at(floor, prices, 79_800)
    at(floor, prices, 80_300, 2)
    assert states(floor, numbers) == [State.FILLED, State.FILLED, State.CANCELED]
    assert floor.positions() == {}


def test_every_change_is_in_the_journal_in_its_order() -> None:
    store = journal(None, "one")
    floor, prices = made(store)
    bracketed(floor)
    at(floor, prices, 79_800)
    kept: list[Change] = list(store.load())
    assert kept == floor.changes
    assert [change.sequence for change in kept] == list(range(1, len(kept) + 1))
    assert [c.what for c in kept if c.order and c.order.number == FIRST_NUMBER + 1] == [
        What.RECEIVED,
        What.ACCEPTED,
        What.AWOKEN,
        What.TRIGGERED,
        What.TRADED,
    ]


def test_a_limit_inside_of_the_minute_trades_however_seldom_anybody_looks() -> None:
    """The market simulator's: what its bars reached, its prices reached."""
    prices = BarPrices.simulated(7, ("MNQ",))
    until = START_UTC_NS + 3600 * NS
    lowest = min(bar.low_points for bar in prices.bars("MNQ", 60, START_UTC_NS, until))
    ticks = round(lowest * 4)
    for looks in (1, 7, 600):
        floor = Floor(prices, journal(None, "one"), CAPITAL)
        for limit in (ticks + 2, ticks - 1):
            sent(floor, Kind.LIMIT, limit_ticks=limit)
        for look in range(looks):
            floor.advance(START_UTC_NS + (look + 1) * 3600 * NS // looks)
        reached, not_reached = floor.orders.values()
        assert (reached.state, reached.average_ticks) == (State.FILLED, ticks + 2)
        assert not_reached.state is State.WORKING

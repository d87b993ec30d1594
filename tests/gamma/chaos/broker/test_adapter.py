"""Each set of quirks through the adapter: what was placed, lost, doubled, cut off or late is told as it is."""

from dataclasses import replace

import pytest

from gamma.chaos.broker import adapter
from gamma.chaos.broker.observed import Doubled, Executed, Received
from gamma.chaos.broker.quirks import NEVER_RECEIPT, SETS, Quirks
from gamma.chaos.simulation.measure import held
from gamma.errors import Transient
from gamma.events import Intent, Leg, OrderState, OrderType
from gamma.markets import MICRO
from gamma.ports import Accepted, Broker, Found, Inconclusive, Lost, NotListed, Rejected
from tests.brokers.desk import approve, bracket, entry, leave
from tests.gamma.chaos.broker.stall import CAPITAL, Stall


@pytest.fixture(params=SETS.values(), ids=lambda q: q.name)
def quirks(request: pytest.FixtureRequest) -> Quirks:
    found: Quirks = request.param
    return found


@pytest.fixture
def stall(quirks: Quirks) -> Stall:
    stall = Stall(quirks)
    stall.trade(80_000)
    return stall


def limit(client_order_id: str, lots: int = 1, price_ticks: int = 79_000, side: int = 1) -> Intent:
    return entry(client_order_id, side, lots, order_type=OrderType.LIMIT, price_ticks=price_ticks)


def test_it_is_a_broker(stall: Stall) -> None:
    assert isinstance(stall.broker, Broker)


def test_an_empty_account_is_told_as_empty(stall: Stall) -> None:
    assert stall.run(stall.broker.connect()).balance_microusd == CAPITAL
    assert stall.fills() == []
    assert stall.run(stall.broker.positions()) == {}
    assert stall.run(stall.broker.open_orders()) == []
    assert stall.run(stall.broker.orders({"g-1-1": ""})) == []


def test_a_market_order_fills_and_is_told_with_its_money(stall: Stall) -> None:
    stall.accept(entry("g-1-1", 1, 2))
    [fill] = stall.fills()
    assert (fill.client_order_id, fill.side, fill.lots, fill.price_ticks) == ("g-1-1", 1, 2, 80_000)
    assert fill.fee_microusd == 2 * 600_000
    assert stall.run(stall.broker.positions()) == {"MNQ": 2}
    assert stall.state("g-1-1") is OrderState.FILLED
    stall.trade(80_010)
    account = stall.run(stall.broker.account())
    # 10 ticks of 0.50 usd on 2 lots, less 2 fees of 0.60 usd
    assert account.equity_microusd == CAPITAL + 10 * MICRO - 1_200_000
    assert account.balance_microusd == CAPITAL - 1_200_000


def test_a_round_trip_leaves_its_money_in_the_balance(stall: Stall) -> None:
    stall.accept(entry("g-1-1", 1, 2))
    stall.trade(80_010)
    stall.accept(leave("g-1-2", -1, 2))
    assert stall.run(stall.broker.positions()) == {}
    assert stall.run(stall.broker.account()).balance_microusd == CAPITAL + 10 * MICRO - 2_400_000


def test_a_new_adapter_finds_everything_again(stall: Stall) -> None:
    stall.accept(limit("g-1-1"), bracket(limit("g-1-1"), 78_000, 81_000))
    stall.restart()
    assert {o.client_order_id for o in stall.run(stall.broker.open_orders())} == {"g-1-1", "g-1-1s", "g-1-1t"}
    stall.restart()
    assert stall.order("g-1-1s").price_ticks == 78_000
    stall.restart()
    assert isinstance(stall.cancel("g-1-1"), Accepted)


def test_what_is_known_of_orders_does_not_grow_and_an_older_one_is_asked_for_again(
    stall: Stall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "ORDERS_KEPT", 12)
    marker = ""
    stall.accept(limit("g-1-1"))
    for number in range(2, 32, 2):
        stall.accept(entry(f"g-1-{number}", 1, 1))
        stall.accept(leave(f"g-1-{number + 1}", -1, 1))
        stall.wait(300)
        marker = stall.run(stall.broker.fills_since(marker)).marker
    # Of 31 orders 12, and the two of the last round.
    assert 0 < max(held(stall.broker).sizes.values()) <= 14
    assert isinstance(stall.move("g-1-1", 78_000), Accepted)
    assert isinstance(stall.cancel("g-1-1"), Accepted)
    stall.settle()
    assert stall.state("g-1-1") is OrderState.CANCELED
    assert {f.client_order_id for f in stall.fills()} == {f"g-1-{number}" for number in range(2, 32)}


@pytest.mark.parametrize("fault", ["lost_answer", "cut", "gateway_after"])
def test_an_order_whose_answer_is_lost_is_there_to_be_found(stall: Stall, fault: str) -> None:
    stall.network.faults.append(fault)
    assert isinstance(stall.place(limit("g-1-1")), Lost)
    stall.settle()
    assert stall.state("g-1-1") is OrderState.ACKED
    assert len(stall.recorded(Received)) == 1


@pytest.mark.parametrize("fault", ["lost_request", "gateway"])
def test_an_order_that_never_arrived_is_lost_and_not_listed_which_is_no_proof(stall: Stall, fault: str) -> None:
    stall.network.faults.append(fault)
    assert isinstance(stall.place(limit("g-1-1")), Lost)
    stall.settle()
    assert stall.run(stall.broker.find("g-1-1")) == NotListed(final=False)
    assert [method for method, _ in stall.network.requests].count("POST") == 1


def test_an_order_that_arrives_late_is_missed_at_first(stall: Stall) -> None:
    stall.network.faults.append("late")
    assert isinstance(stall.place(limit("g-1-1")), Lost)
    stall.settle()
    assert isinstance(stall.run(stall.broker.find("g-1-1")), NotListed)
    stall.wait(30)
    stall.network.deliver_late()
    stall.settle()
    assert stall.state("g-1-1") is OrderState.ACKED


def test_an_order_for_which_there_was_no_connection_was_not_sent(stall: Stall) -> None:
    stall.network.faults.append("refused")
    placed = stall.place(limit("g-1-1"))
    assert isinstance(placed, Rejected)
    assert placed.code == "not_sent"


def test_a_request_that_the_network_delivers_twice_trades_once_or_is_logged_as_doubled(stall: Stall) -> None:
    stall.network.faults.append("twice")
    placed = stall.place(limit("g-1-1"))
    doubled = stall.recorded(Doubled)
    if stall.quirks.dedupe == "never":
        assert isinstance(placed, Accepted)
        assert [d.client_order_id for d in doubled] == ["g-1-1"]
    else:
        assert isinstance(placed, Accepted if stall.quirks.duplicate == "same" else Lost)
        assert not doubled
        assert len(stall.recorded(Received)) == 1


def test_a_refusal_is_one_in_whatever_form_it_comes(stall: Stall) -> None:
    stall.exchange.refuse_next.append("insufficient_buying_power")
    placed = stall.place(limit("g-1-1"), bracket(limit("g-1-1"), 78_000, 81_000))
    assert isinstance(placed, Rejected)
    assert placed.code == "insufficient_buying_power"
    stall.settle()
    found = stall.run(stall.broker.find("g-1-1"))
    assert isinstance(found, NotListed) or (isinstance(found, Found) and found.order.state is OrderState.REJECTED)
    assert stall.run(stall.broker.open_orders()) == []


def test_a_refusal_after_the_receipt_is_told_by_the_order(stall: Stall) -> None:
    stall.exchange.closed.add("MNQ")
    placed = stall.place(limit("g-1-1"), bracket(limit("g-1-1"), 78_000, 81_000))
    assert isinstance(placed, Accepted if stall.quirks.receipt else Rejected)
    stall.settle()
    if stall.quirks.receipt:
        assert stall.state("g-1-1") is OrderState.REJECTED
        assert stall.state("g-1-1s") is OrderState.REJECTED
    assert stall.run(stall.broker.open_orders()) == []


def test_a_list_of_many_pages_is_read_to_its_end(stall: Stall) -> None:
    for number in range(23):
        stall.accept(limit(f"g-1-{number}", price_ticks=70_000 + number))
    stall.restart()
    assert len(stall.run(stall.broker.open_orders())) == 23
    for number in (0, 11, 22):
        stall.restart()
        assert stall.order(f"g-1-{number}").price_ticks == 70_000 + number


def test_fills_come_at_least_once_each_over_pages_repeats_and_restarts(quirks: Quirks) -> None:
    stall = Stall(quirks, partial_frac=0.8)
    stall.trade(80_000)
    for number in range(9):
        stall.accept(entry(f"g-1-{number}", 1 if number % 2 else -1, 4))
        for _ in range(20):
            stall.wait(4)
    stall.restart()
    told = {f.execution_id: (f.client_order_id, f.side * f.lots, f.price_ticks) for f in stall.fills()}
    true = {e.execution_id: (e.client_order_id, e.side * e.lots, e.price_ticks) for e in stall.recorded(Executed)}
    assert told == true
    assert len(true) > 9
    assert sum(abs(lots) for _, lots, _ in true.values()) == 36


def test_a_fill_that_shows_late_is_not_passed_over(stall: Stall) -> None:
    seen: set[str] = set()
    marker = ""
    for number in range(12):
        placed = stall.place(entry(f"g-1-{number}", 1, 1))
        assert isinstance(placed, Accepted)
        stall.wait(1.7)
        page = stall.run(stall.broker.fills_since(marker))
        marker, seen = page.marker, seen | {f.execution_id for f in page.fills}
    for _ in range(5):
        stall.settle()
        page = stall.run(stall.broker.fills_since(marker))
        marker, seen = page.marker, seen | {f.execution_id for f in page.fills}
    assert seen == {e.execution_id for e in stall.recorded(Executed)}
    assert len(seen) == 12


def test_part_filled_then_cancelled_keeps_what_was_filled(quirks: Quirks) -> None:
    stall = Stall(quirks, partial_frac=1.0)
    stall.trade(80_000)
    stall.accept(limit("g-1-1", lots=5))
    stall.trade(79_000)
    stall.settle()
    assert stall.fills()
    partly = stall.order("g-1-1")
    assert partly.state is OrderState.PARTIAL
    assert 0 < partly.filled_lots < 5
    assert isinstance(stall.cancel("g-1-1"), Accepted)
    stall.settle()
    ended = stall.order("g-1-1")
    assert ended.state is OrderState.CANCELED
    assert ended.filled_lots == sum(f.lots for f in stall.fills()) == stall.exchange.positions()["MNQ"]


def test_where_fills_are_not_counted_an_order_is_not_over_while_one_may_still_show() -> None:
    stall = Stall(NEVER_RECEIPT, partial_frac=1.0, cancel_s=0.0)
    stall.trade(80_000)
    stall.accept(limit("g-1-1", lots=5))
    stall.trade(79_000)
    assert isinstance(stall.cancel("g-1-1"), Accepted)
    told = stall.order("g-1-1")
    assert told.state in (OrderState.ACKED, OrderState.PARTIAL)
    stall.wait(NEVER_RECEIPT.lag_s)
    told = stall.order("g-1-1")
    assert (told.state, told.filled_lots) == (OrderState.CANCELED, stall.exchange.positions()["MNQ"])


def test_a_cancel_that_comes_too_late_is_refused_and_the_order_tells_why(stall: Stall) -> None:
    stall.accept(entry("g-1-1", 1, 1))
    placed = stall.cancel("g-1-1")
    assert isinstance(placed, Rejected)
    assert stall.state("g-1-1") is OrderState.FILLED


def test_a_cancel_of_an_order_that_is_not_there_is_not_sent(stall: Stall) -> None:
    placed = stall.cancel("g-1-404")
    assert isinstance(placed, Rejected)
    assert placed.code == "not_sent"
    assert "DELETE" not in [method for method, _ in stall.network.requests]


def test_a_lost_cancel_is_lost_and_the_order_tells_the_rest(stall: Stall) -> None:
    stall.accept(limit("g-1-1"))
    stall.network.faults.append("lost_answer")
    assert isinstance(stall.cancel("g-1-1"), Lost)
    stall.settle()
    assert stall.state("g-1-1") is OrderState.CANCELED


def test_a_stop_is_moved(stall: Stall) -> None:
    stall.accept(entry("g-1-1", 1, 1), bracket(entry("g-1-1", 1, 1), 79_000, 81_000))
    assert isinstance(stall.move("g-1-1s", 79_500), Accepted)
    assert stall.order("g-1-1s").price_ticks == 79_500
    stall.trade(79_500)
    stall.settle()
    assert stall.exchange.positions() == {}
    assert isinstance(stall.move("g-1-1s", 79_600), Rejected)


def test_a_spread_goes_as_one_order_with_its_legs(stall: Stall) -> None:
    stall.trade(50, symbol="SPX")
    legs = (Leg(symbol="SPXW261120P05800000", ratio=-1), Leg(symbol="SPXW261120P05790000", ratio=1))
    stall.accept(entry("g-1-1", -1, 2, "SPX", legs=legs))
    [order] = stall.recorded(Received)
    assert order.legs == (("SPXW261120P05800000", -1), ("SPXW261120P05790000", 1))
    assert stall.run(stall.broker.positions()) == {"SPX": -2}


def test_only_an_approved_order_is_sent(stall: Stall) -> None:
    other = approve(entry("g-1-2", 1, 3))
    with pytest.raises(Exception, match="I10"):
        stall.run(stall.broker.place(other, entry("g-1-1", 1, 1), ()))
    with pytest.raises(TypeError):
        stall.run(stall.broker.place(entry("g-1-1", 1, 1), entry("g-1-1", 1, 1), ()))
    assert not stall.network.requests


def test_a_status_that_nobody_knows_changes_nothing(quirks: Quirks) -> None:
    stall = Stall(quirks, odd_status_frac=1.0)
    stall.place(limit("g-1-1"))
    stall.settle()
    assert isinstance(stall.run(stall.broker.find("g-1-1")), Inconclusive)
    with pytest.raises(Transient):
        stall.run(stall.broker.open_orders())


def test_a_status_of_an_order_that_nobody_asks_for_hides_no_other(quirks: Quirks) -> None:
    stall = Stall(quirks)
    stall.place(limit("g-1-1"))
    stall.settle()
    stall.exchange.floor.quirks = replace(stall.exchange.floor.quirks, odd_status_frac=1.0)
    assert stall.run(stall.broker.orders({"g-1-2": ""})) == []


def test_an_order_that_its_session_ended_is_over(stall: Stall) -> None:
    stall.accept(limit("g-1-1"))
    stall.exchange.expire("MNQ", stall.network.now_utc_ns)
    stall.settle()
    assert stall.state("g-1-1") in (OrderState.EXPIRED, OrderState.CANCELED)
    assert stall.run(stall.broker.open_orders()) == []

"""The paper broker's fills, by hand: MNQ has 4 ticks a point, 0.50 usd a tick, 0.60 usd a side, 1 tick of slippage."""

import asyncio
from typing import Any

import pytest

from brokers.paper import Fault, PaperBroker, PaperParams
from brokers.paper.admission import refuse
from brokers.paper.exchange import Exchange
from gamma.errors import ConfigInvalid, InputInvalid, InvariantBroken
from gamma.events import OrderKind, OrderState, OrderType
from gamma.ports import Accepted, BarDriven, Broker, Found, Lost, NotListed, Rejected
from tests.brokers.desk import MARKETS, MINUTE_NS, Desk, approve, bar, bracket, entry, leave


def refused(placed: object) -> str:
    assert isinstance(placed, Rejected), placed
    return placed.code


@pytest.fixture
def desk() -> Desk:
    """A market at 20,000 points, 80,000 ticks, that costs one tick of slippage."""
    desk = Desk()
    desk.flat_bar(20_000)
    return desk


def test_it_is_a_broker_that_bars_drive(desk: Desk) -> None:
    assert isinstance(desk.broker, Broker)
    assert isinstance(desk.broker, BarDriven)
    assert desk.broker.ts_last_bar_utc_ns == 2 * MINUTE_NS


def test_a_market_order_fills_at_the_next_open_with_slippage_against_it(desk: Desk) -> None:
    desk.accept(entry("a", 1, 2))
    assert desk.fills() == []
    desk.bar(20_001, 20_005, 19_995, 20_002)
    (fill,) = desk.fills()
    assert (fill.execution_id, fill.side, fill.lots, fill.price_ticks) == ("a-1", 1, 2, 80_005)
    assert (fill.fee_microusd, fill.ts_event_utc_ns) == (1_200_000, 2 * MINUTE_NS)
    assert desk.balance_microusd() == 49_998_800_000
    # At 80,008 ticks it is 3 ticks ahead on 2 lots: 3 usd.
    assert desk.equity_microusd() == 50_001_800_000


def test_a_seller_gets_less(desk: Desk) -> None:
    desk.accept(entry("a", -1, 1))
    desk.flat_bar(20_001)
    assert desk.prices() == [("a", -1, 80_003)]


@pytest.mark.parametrize(("side", "price_ticks"), [(1, 80_007), (-1, 80_001)])
def test_half_the_spread_is_paid_beside_the_slippage(desk: Desk, side: int, price_ticks: int) -> None:
    desk.accept(entry("a", side, 1))
    desk.flat_bar(20_001, spread_points=1.0)
    assert desk.prices() == [("a", side, price_ticks)]


def test_a_spread_that_no_bar_tells_can_be_set() -> None:
    desk = Desk(spread_ticks=3, slippage_ticks=0)
    desk.flat_bar(20_000)
    desk.accept(entry("a", 1, 1))
    desk.flat_bar(20_000)
    # Half of 3 ticks is 1.5, and no price lies between ticks.
    assert desk.prices() == [("a", 1, 80_002)]


@pytest.mark.parametrize(("side", "price_ticks"), [(1, 80_006), (-1, 80_003)])
def test_a_price_off_the_tick_is_rounded_against_us(desk: Desk, side: int, price_ticks: int) -> None:
    desk.accept(entry("a", side, 1))
    desk.flat_bar(20_001.1)  # 80,004.4 ticks: bought at 80,005 + 1, sold at 80,004 - 1
    assert desk.prices() == [("a", side, price_ticks)]


def test_a_price_on_the_tick_survives_binary_points() -> None:
    desk = Desk()
    desk.flat_bar(2_000.1, symbol="RTY")  # 2000.1 * 10 is 20001.000000000004 in floats
    desk.accept(entry("a", 1, 1, "RTY"))
    desk.flat_bar(2_000.1, symbol="RTY")
    assert desk.prices() == [("a", 1, 20_002)]


def test_a_market_order_can_fill_at_once_at_the_last_price() -> None:
    desk = Desk(fill_at="last")
    desk.flat_bar(20_000)
    parent = entry("a", 1, 1)
    desk.accept(parent, bracket(parent, 79_900))
    assert desk.prices() == [("a", 1, 80_001)]
    desk.bar(20_000, 20_000, 19_970, 19_980)
    assert desk.prices()[1:] == [("as", -1, 79_899)]


def test_without_a_last_price_it_waits_for_the_next_open() -> None:
    desk = Desk(fill_at="last")
    desk.accept(entry("a", 1, 1))
    assert desk.fills() == []
    desk.flat_bar(20_000)
    assert desk.prices() == [("a", 1, 80_001)]


def test_a_touched_stop_fills_at_its_price_with_slippage(desk: Desk) -> None:
    parent = entry("a", 1, 1)
    desk.accept(parent, bracket(parent, 79_960))
    desk.flat_bar(20_000)
    desk.bar(20_000, 20_000, 19_990, 19_995)
    assert desk.prices()[1:] == [("as", -1, 79_959)]
    assert desk.positions() == {}
    # Bought at 80,001 and sold at 79,959: 42 ticks are 21 usd, and 1.20 of fees.
    assert desk.balance_microusd() == 49_977_800_000


def test_a_gap_beyond_the_stop_fills_at_the_open(desk: Desk) -> None:
    parent = entry("a", 1, 1)
    desk.accept(parent, bracket(parent, 79_960))
    desk.flat_bar(20_000)
    desk.bar(19_900, 19_950, 19_890, 19_940)
    assert desk.prices()[1:] == [("as", -1, 79_599)]


def test_a_target_needs_a_price_beyond_it(desk: Desk) -> None:
    parent = entry("a", 1, 1)
    desk.accept(parent, bracket(parent, 79_000, 80_100))
    desk.flat_bar(20_000)
    desk.bar(20_000, 20_025, 20_000, 20_020)
    assert desk.positions() == {"MNQ": 1}
    desk.bar(20_020, 20_025.25, 20_020, 20_020)
    assert desk.prices()[1:] == [("at", -1, 80_100)]


def test_a_touch_is_enough_where_that_is_set() -> None:
    desk = Desk(limit_needs_through=False)
    desk.flat_bar(20_000)
    parent = entry("a", 1, 1)
    desk.accept(parent, bracket(parent, 79_000, 80_100))
    desk.flat_bar(20_000)
    desk.bar(20_000, 20_025, 20_000, 20_020)
    assert desk.prices()[1:] == [("at", -1, 80_100)]


def test_a_gap_beyond_the_target_gives_the_better_open(desk: Desk) -> None:
    parent = entry("a", 1, 1)
    desk.accept(parent, bracket(parent, 79_000, 80_100))
    desk.flat_bar(20_000)
    desk.flat_bar(20_050)
    assert desk.prices()[1:] == [("at", -1, 80_200)]


def test_the_stop_comes_first_where_one_bar_reaches_both(desk: Desk) -> None:
    parent = entry("a", -1, 1)
    desk.accept(parent, bracket(parent, 80_040, 79_960))
    desk.flat_bar(20_000)
    desk.bar(20_000, 20_020, 19_980, 19_980)
    assert desk.prices()[1:] == [("as", 1, 80_041)]
    assert desk.state("at") is OrderState.CANCELED


def test_a_stop_can_be_hit_in_the_bar_of_its_entry(desk: Desk) -> None:
    parent = entry("a", 1, 1)
    desk.accept(parent, bracket(parent, 79_960, 80_040))
    desk.bar(20_000, 20_020, 19_980, 20_015)
    assert desk.prices() == [("a", 1, 80_001), ("as", -1, 79_959)]


def test_an_entry_that_opens_beyond_its_own_stop_is_stopped_at_that_open(desk: Desk) -> None:
    parent = entry("a", 1, 1)
    desk.accept(parent, bracket(parent, 79_960))
    desk.bar(19_980, 19_985, 19_975, 19_980)
    assert desk.prices() == [("a", 1, 79_921), ("as", -1, 79_919)]


def test_the_target_of_an_entry_inside_a_bar_waits_for_the_next(desk: Desk) -> None:
    """Whether the high came before or after the limit filled is not known; the stop is taken to have been hit."""
    parent = entry("a", 1, 1, order_type=OrderType.LIMIT, price_ticks=79_980)
    desk.accept(parent, bracket(parent, 79_900, 80_040))
    desk.bar(20_000, 20_020, 19_990, 20_015)
    assert desk.prices() == [("a", 1, 79_980)]
    desk.bar(20_015, 20_016, 20_000, 20_000)
    assert desk.prices()[1:] == [("at", -1, 80_060)]

    other = entry("b", 1, 1, order_type=OrderType.LIMIT, price_ticks=79_980)
    desk.accept(other, bracket(other, 79_900))
    desk.bar(20_000, 20_000, 19_975, 20_000)
    assert desk.prices()[2:] == [("b", 1, 79_980), ("bs", -1, 79_899)]


def test_an_entry_at_a_stop_price_buys_the_breakout(desk: Desk) -> None:
    desk.accept(entry("a", 1, 1, order_type=OrderType.STOP, price_ticks=80_020))
    desk.bar(20_000, 20_004.75, 20_000, 20_000)
    assert desk.fills() == []
    desk.bar(20_000, 20_005, 20_000, 20_000)
    assert desk.prices() == [("a", 1, 80_021)]


def test_an_order_takes_a_share_of_each_bars_volume(desk: Desk) -> None:
    desk.accept(entry("a", 1, 7))
    desk.flat_bar(20_000, volume_lots=39)  # a tenth of 39 is 3
    assert desk.state("a") is OrderState.PARTIAL
    desk.flat_bar(20_001, volume_lots=5)  # one lot at least, where anything traded
    desk.flat_bar(20_002, volume_lots=0)
    desk.flat_bar(20_003)  # an unknown volume sets no limit
    assert desk.prices() == [("a", 3, 80_001), ("a", 1, 80_005), ("a", 3, 80_013)]
    assert [f.execution_id for f in desk.fills()] == ["a-1", "a-2", "a-3"]
    assert desk.state("a") is OrderState.FILLED
    assert sum(f.fee_microusd for f in desk.fills()) == 7 * 600_000


def test_a_bracket_closes_no_more_than_its_entry_filled(desk: Desk) -> None:
    parent = entry("a", 1, 10)
    desk.accept(parent, bracket(parent, 79_960, 80_100))
    desk.flat_bar(20_000, volume_lots=40)
    desk.bar(19_980, 19_980, 19_980, 19_980, volume_lots=1_000)
    assert [(who, lots) for who, lots, _ in desk.prices()] == [("a", 4), ("as", -4)]
    # Its stop has spoken: the rest of the entry is not wanted any more.
    assert [desk.state(i) for i in ("a", "as", "at")] == [OrderState.CANCELED] * 3
    assert desk.order("a").filled_lots == 4
    assert desk.positions() == {}


def test_a_stop_goes_on_at_market_until_all_is_out(desk: Desk) -> None:
    parent = entry("a", 1, 5)
    desk.accept(parent, bracket(parent, 79_960))
    desk.flat_bar(20_000)
    desk.bar(20_000, 20_000, 19_990, 20_000, volume_lots=20)
    desk.flat_bar(20_030, volume_lots=10)
    desk.flat_bar(20_000)
    assert desk.prices()[1:] == [("as", -2, 79_959), ("as", -1, 80_119), ("as", -2, 79_999)]
    assert desk.state("as") is OrderState.FILLED


def test_what_the_target_closes_the_stop_does_not(desk: Desk) -> None:
    parent = entry("a", 1, 5)
    desk.accept(parent, bracket(parent, 79_960, 80_100))
    desk.flat_bar(20_000)
    desk.bar(20_000, 20_030, 20_000, 20_020, volume_lots=30)
    assert desk.positions() == {"MNQ": 2}
    desk.bar(20_000, 20_000, 19_980, 19_980)
    assert desk.prices()[1:] == [("at", -3, 80_100), ("as", -2, 79_959)]
    assert [desk.state(i) for i in ("as", "at")] == [OrderState.CANCELED] * 2


def test_an_exit_never_flips_the_position(desk: Desk) -> None:
    desk.accept(entry("a", 1, 2))
    desk.flat_bar(20_000)
    desk.accept(leave("x", -1, 5))
    desk.flat_bar(20_000)
    assert desk.prices()[1:] == [("x", -2, 79_999)]
    assert desk.state("x") is OrderState.CANCELED
    assert desk.positions() == {}


def test_an_exit_at_market_ends_the_bracket(desk: Desk) -> None:
    parent = entry("a", 1, 2)
    desk.accept(parent, bracket(parent, 79_960, 80_100))
    desk.flat_bar(20_000)
    desk.accept(leave("x", -1, 2))
    desk.flat_bar(20_000)
    assert [desk.state(i) for i in ("x", "as", "at")] == [OrderState.FILLED, OrderState.CANCELED, OrderState.CANCELED]
    desk.flat_bar(19_000)
    assert desk.positions() == {}


def test_an_exit_of_nothing_is_refused(desk: Desk) -> None:
    assert refused(desk.place(leave("x", -1, 1))) == "nothing_to_reduce"


def test_first_in_is_first_out(desk: Desk) -> None:
    desk.accept(entry("a", 1, 1))
    desk.flat_bar(20_000)
    desk.accept(entry("b", 1, 2))
    desk.flat_bar(20_010)
    desk.accept(leave("x", -1, 2))
    desk.flat_bar(20_020)
    # Bought 1 at 80,001 and 2 at 80,041, sold 2 at 80,079: 78 + 38 ticks are 58 usd; 5 sides cost 3 usd.
    assert desk.balance_microusd() == 50_055_000_000
    assert desk.positions() == {"MNQ": 1}


def test_a_known_client_order_id_opens_no_second_order(desk: Desk) -> None:
    parent = entry("a", 1, 1)
    first = desk.place(parent, bracket(parent, 79_960, 80_100))
    assert isinstance(first, Accepted)
    assert set(first.broker_order_ids) == {"a", "as", "at"}
    assert desk.place(parent, bracket(parent, 79_960, 80_100)) == first
    desk.flat_bar(20_000)
    assert desk.place(parent) == first
    desk.flat_bar(20_000)
    assert desk.prices() == [("a", 1, 80_001)]


def test_a_refused_order_stays_refused(desk: Desk) -> None:
    parent = entry("a", 1, 1)
    first = desk.place(parent, bracket(parent, 80_100))
    assert refused(first) == "wrong_side"
    assert desk.state("a") is desk.state("as") is OrderState.REJECTED
    desk.flat_bar(20_100)
    assert desk.place(parent, bracket(parent, 80_100)) == first
    assert desk.fills() == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"symbol": "CL"}, "unknown_market"),
        ({"order_type": OrderType.STOP, "price_ticks": 79_990}, "wrong_side"),
        ({"order_type": OrderType.STOP, "price_ticks": 80_000}, "wrong_side"),
        ({"order_type": OrderType.LIMIT, "price_ticks": 0}, "off_limits"),
        ({"order_type": OrderType.NONE}, "off_limits"),
        ({"kind": OrderKind.STOP, "order_type": OrderType.STOP, "price_ticks": 80_100}, "wrong_kind"),
    ],
)
def test_what_cannot_trade_is_refused(desk: Desk, fields: dict[str, Any], code: str) -> None:
    assert refused(desk.place(entry("a", 1, 1, **fields))) == code


@pytest.mark.parametrize(
    ("stop_ticks", "target_ticks", "code"),
    [(80_001, 0, "wrong_side"), (79_960, 79_990, "wrong_side"), (-4, 0, "off_limits")],
)
def test_a_bracket_on_the_wrong_side_is_refused(desk: Desk, stop_ticks: int, target_ticks: int, code: str) -> None:
    parent = entry("a", 1, 1)
    assert refused(desk.place(parent, bracket(parent, stop_ticks, target_ticks))) == code


def test_a_bracket_must_close_its_own_entry(desk: Desk) -> None:
    assert refused(desk.place(entry("a", 1, 1), bracket(entry("a", 1, 2), 79_960))) == "bad_bracket"
    assert refused(desk.place(entry("b", 1, 1), bracket(entry("c", 1, 1), 79_960))) == "bad_bracket"
    stop = bracket(entry("d", 1, 1), 79_960)
    assert refused(desk.place(entry("d", 1, 1), [*stop, *stop])) == "duplicate_id"


def test_margin_is_counted_over_positions_and_working_entries() -> None:
    desk = Desk(capital_usd=50_000)  # an ES lot needs 22,000 usd
    desk.flat_bar(5_000, symbol="ES")
    desk.accept(entry("a", 1, 1, "ES"))
    desk.flat_bar(5_000, symbol="ES")
    desk.accept(entry("b", 1, 1, "ES", order_type=OrderType.LIMIT, price_ticks=19_000))
    assert refused(desk.place(entry("c", 1, 1, "ES"))) == "insufficient_margin"
    assert refused(desk.place(entry("d", -1, 3, "ES"))) == "insufficient_margin"
    assert desk.cancel("b") == Accepted(broker_order_ids={"b": "P2"})
    desk.accept(entry("e", -1, 2, "ES"))  # closes one and opens one


def test_spot_margin_is_a_share_of_its_price() -> None:
    desk = Desk(capital_usd=20_000)
    assert refused(desk.place(entry("a", 1, 1, "XAU_USD"))) == "no_price"
    desk.flat_bar(3_000, symbol="XAU_USD")
    # 0.15 oz at 3,000 usd and leverage 20 needs 22.50 usd.
    assert refused(desk.place(entry("b", 1, 889, "XAU_USD"))) == "insufficient_margin"
    desk.accept(entry("c", 1, 888, "XAU_USD"))


def test_only_what_decide_approved_is_taken(desk: Desk) -> None:
    class Forged:
        market, side, lots = "MNQ", 1, 1

    with pytest.raises(TypeError, match="ApprovedOrder"):
        asyncio.run(desk.broker.place(Forged(), entry("a", 1, 1), []))
    with pytest.raises(InvariantBroken, match="not the order that was approved"):
        asyncio.run(desk.broker.place(approve(entry("a", 1, 1)), entry("a", 1, 2), []))
    assert desk.fills() == []


def test_a_cancelled_order_trades_no_more(desk: Desk) -> None:
    parent = entry("a", 1, 1, order_type=OrderType.LIMIT, price_ticks=79_900)
    desk.accept(parent, bracket(parent, 79_800))
    assert isinstance(desk.cancel("a"), Accepted)
    assert desk.state("a") is desk.state("as") is OrderState.CANCELED
    desk.flat_bar(19_000)
    assert desk.fills() == []
    assert refused(desk.cancel("a")) == "not_working"
    assert refused(desk.cancel("b")) == "unknown_order"
    assert refused(desk.replace("b", 1)) == "unknown_order"
    assert refused(desk.replace("a", 1)) == "not_working"


def test_cancelling_the_rest_of_an_entry_leaves_its_stop(desk: Desk) -> None:
    parent = entry("a", 1, 5)
    desk.accept(parent, bracket(parent, 79_960))
    desk.flat_bar(20_000, volume_lots=20)
    desk.cancel("a")
    assert desk.state("as") is OrderState.ACKED
    desk.bar(20_000, 20_000, 19_980, 19_990)
    assert desk.prices()[1:] == [("as", -2, 79_959)]
    assert desk.state("as") is OrderState.CANCELED


def test_a_stop_moves_and_may_not_pass_the_market(desk: Desk) -> None:
    parent = entry("a", 1, 1)
    desk.accept(parent, bracket(parent, 79_960))
    assert refused(desk.replace("a", 80_000)) == "no_price"
    desk.flat_bar(20_000)
    assert isinstance(desk.replace("as", 79_980), Accepted)
    assert desk.order("as").price_ticks == 79_980
    assert refused(desk.replace("as", 80_000)) == "wrong_side"
    assert refused(desk.replace("as", 0)) == "off_limits"
    desk.bar(20_000, 20_000, 19_995, 20_000)
    assert desk.prices()[1:] == [("as", -1, 79_979)]


def test_fills_come_in_pages_and_may_be_asked_for_again(desk: Desk) -> None:
    for number in range(501):
        desk.accept(entry(f"a{number}", 1 if number % 2 else -1, 1))
        desk.flat_bar(20_000)
    first = asyncio.run(desk.broker.fills_since(""))
    rest = asyncio.run(desk.broker.fills_since(first.marker))
    assert (len(first.fills), len(rest.fills)) == (500, 1)
    assert asyncio.run(desk.broker.fills_since(rest.marker)).fills == []
    assert len({f.execution_id for f in (*first.fills, *rest.fills)}) == 501


def test_what_is_open_and_what_is_known(desk: Desk) -> None:
    parent = entry("a", 1, 1)
    desk.accept(parent, bracket(parent, 79_960, 80_100))
    desk.accept(entry("b", 1, 1, order_type=OrderType.LIMIT, price_ticks=79_000))
    desk.flat_bar(20_000)
    assert [o.client_order_id for o in asyncio.run(desk.broker.open_orders())] == ["as", "at", "b"]
    told = asyncio.run(desk.broker.orders({"a": "", "zz": "", "b": ""}))
    assert [o.state for o in told] == [OrderState.FILLED, OrderState.ACKED]
    assert asyncio.run(desk.broker.find("zz")) == NotListed(final=True)


def test_a_bar_is_traded_through_once(desk: Desk) -> None:
    desk.accept(entry("a", 1, 1))
    again = bar(1, (20_000, 20_000, 20_000, 20_000))
    desk.broker.trade_through(again)
    overlapping = bar(1, (20_000, 20_000, 20_000, 20_000))
    desk.broker.trade_through(overlapping)
    assert desk.fills() == []
    desk.broker.trade_through(bar(2, (1.0, 1.0, 1.0, 1.0), symbol="CL"))
    desk.flat_bar(20_000)
    assert len(desk.fills()) == 1


@pytest.mark.parametrize("prices", [(20_000, 19_999, 20_001, 20_000), (20_000, float("nan"), 20_000, 20_000)])
def test_a_bar_that_makes_no_sense_is_an_error(desk: Desk, prices: tuple[float, ...]) -> None:
    with pytest.raises(InputInvalid, match="between its low and high"):
        desk.bar(*prices)


def test_a_lost_answer_leaves_an_order_and_a_dropped_request_none() -> None:
    desk = Desk(faults=(Fault.LOSE_ANSWER, Fault.DROP_REQUEST, Fault.NONE, Fault.REJECT))
    desk.flat_bar(20_000)
    assert isinstance(desk.place(entry("a", 1, 1)), Lost)
    assert isinstance(asyncio.run(desk.broker.find("a")), Found)
    assert isinstance(desk.place(entry("b", 1, 1)), Lost)
    assert asyncio.run(desk.broker.find("b")) == NotListed(final=True)
    desk.accept(entry("c", 1, 1))
    assert refused(desk.place(entry("d", 1, 1))) == "fault"
    desk.broker.faults.append(Fault.LOSE_ANSWER)
    assert isinstance(desk.cancel("c"), Lost)
    assert desk.state("c") is OrderState.CANCELED
    desk.flat_bar(20_000)
    assert [who for who, _, _ in desk.prices()] == ["a"]


def test_a_wrong_parameter_is_named() -> None:
    with pytest.raises(ConfigInvalid, match=r"\[brokers\.paper\] participation_frac = 0: should be greater"):
        PaperBroker.open(
            {"participation_frac": 0}, account="a", starting_capital_microusd=1, markets=MARKETS, state_path=None
        )


def test_reads_and_the_account(desk: Desk) -> None:
    account = asyncio.run(desk.broker.connect())
    assert (account.account, account.cash_microusd) == ("paper-1", 50_000_000_000)
    assert desk.broker.capabilities.dedupe == "forever"
    asyncio.run(desk.broker.close())


@pytest.mark.parametrize(("side", "lots"), [(1, 0), (1, -1), (0, 1), (2, 1)])
def test_lots_and_sides_that_are_none_are_refused(side: int, lots: int) -> None:
    exchange = Exchange(PaperParams(), 10**10, MARKETS)
    assert refused(refuse(exchange, entry("a", side, lots), [])) == "off_limits"

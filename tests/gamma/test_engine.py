"""One event in, the book and the effects out: an order's way from the signal to the trade. Numbers by hand.

MNQ: 0.50 usd a tick, 0.60 usd a lot and side. The stop lies 40 ticks from the entry, the target 80.
"""

from gamma.events import OrderKind, OrderState, OrderType
from tests.engine_case import PRICE, Case


def test_a_signal_becomes_an_entry_with_its_bracket() -> None:
    case = Case()
    case.bar()
    case.signal(stop=40, target=80)
    entry, stop, target = (o.intent for o in case.book.orders.values())
    assert (entry.kind, entry.order_type, entry.side, entry.lots) == (OrderKind.ENTRY, OrderType.MARKET, 1, 2)
    assert (stop.kind, stop.order_type, stop.side, stop.price_ticks) == (
        OrderKind.STOP,
        OrderType.STOP,
        -1,
        PRICE - 40,
    )
    assert (target.kind, target.order_type, target.side, target.price_ticks) == (
        OrderKind.TARGET,
        OrderType.LIMIT,
        -1,
        PRICE + 80,
    )
    assert stop.parent == target.parent == entry.client_order_id
    assert [o.state for o in case.book.orders.values()] == [OrderState.PENDING] * 3


def test_a_trade_that_meets_its_stop_loses_forty_ticks_and_the_fees() -> None:
    case = Case()
    entry = case.enter()
    case.fill(f"{entry}s", 2, PRICE - 40)
    # 2 lots * (40 * 0.50 + 2 * 0.60) usd = 42.40 usd.
    [trade] = case.trades
    assert trade.pnl_microusd == -42_400_000
    assert (trade.exit_reason, trade.lots_max, trade.side) == ("stop", 2, 1)
    assert case.book.balance_microusd == 49_957_600_000
    case.refold()

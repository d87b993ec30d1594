"""Which orders close a position: one, or one for each structure of options that the ledger knows. By hand."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from gamma.book import Book, open_book
from gamma.deadman.exits import exits_of
from gamma.deadman.session import check, session_of
from gamma.errors import ConfigInvalid
from gamma.events import Intent, Leg, OrderKind, OrderState, OrderType
from gamma.markets import market
from gamma.orders import Order, Position
from tests.daemon_case import config_in, write_config
from tests.engine_case import setup_of

SPY, MNQ = market("SPY"), market("MNQ")
LOW = (Leg(symbol="SPY261120P00600000", ratio=1), Leg(symbol="SPY261120P00595000", ratio=-1))
HIGH = (Leg(symbol="SPY261120P00610000", ratio=1), Leg(symbol="SPY261120P00605000", ratio=-1))


def sold(strategy: str, lots: int, legs: tuple[Leg, ...]) -> tuple[Position, Order]:
    intent = Intent(
        client_order_id=f"g49-1-{strategy}",
        decision_id=strategy,
        strategy=strategy,
        market="SPY",
        kind=OrderKind.ENTRY,
        order_type=OrderType.LIMIT,
        side=-1,
        lots=lots,
        legs=legs,
    )
    order = Order(intent=intent, state=OrderState.FILLED, deadline_utc_ns=0, price_ticks=0, filled_lots=lots)
    held = Position(strategy=strategy, market="SPY", lots=-lots, entry_ids=(intent.client_order_id,))
    return held, order


def book() -> Book:
    pairs = [sold("a", 2, LOW), sold("b", 1, HIGH)]
    return replace(
        open_book(setup_of()),
        positions={(p.strategy, "SPY"): p for p, _ in pairs},
        orders={o.intent.client_order_id: o for _, o in pairs},
    )


def test_futures_are_closed_by_one_order_of_what_the_broker_holds() -> None:
    [order] = exits_of(MNQ, 5, None, [])
    assert (order.side, order.lots, order.held_lots, order.legs) == (-1, 5, 5, ())


def test_each_structure_is_closed_by_its_own_legs_and_what_was_closed_is_not_closed_again() -> None:
    orders = exits_of(SPY, -3, book(), [])
    assert [(o.side, o.lots, o.legs) for o in orders] == [(1, 2, LOW), (1, 1, HIGH)]
    done = replace(orders[0], client_order_id="d49-1-0", state=OrderState.FILLED, filled_lots=2)
    assert [(o.side, o.lots, o.legs) for o in exits_of(SPY, -1, book(), [done])] == [(1, 1, HIGH)]


def test_no_more_than_the_broker_holds_is_closed_and_options_of_unknown_legs_are_left() -> None:
    assert [o.lots for o in exits_of(SPY, -1, book(), [])] == [1, 1]
    assert exits_of(SPY, -3, None, []) == []


def test_where_no_session_may_cancel_anothers_orders_it_refuses(tmp_path: Path) -> None:
    write_config(tmp_path, more='[brokers.ibkr]\nenvironment = "paper"\naccount_id = "DU1234567"\nport = 4002\n')
    path = tmp_path / "config.toml"
    path.write_text(path.read_text().replace('market = "M', 'broker = "ibkr"\nmarket = "M'))
    config = config_in(tmp_path)
    broker = session_of(config, None)
    with pytest.raises(ConfigInvalid, match="cancel the orders of another"):
        check(config, broker)
    asyncio.run(broker.close())

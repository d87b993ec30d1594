from typing import Any

import pytest

from gamma.guards.order_sanity import OrderSanity
from gamma.markets import Kind
from gamma.reasons import Reason
from tests.views_example import example_order, example_view

GUARD = OrderSanity()
INF = float("inf")


@pytest.mark.parametrize(
    ("order", "lots"),
    [
        ({"price_points": 20_000.25}, 4),
        ({"price_points": 20_000.10}, 0),
        ({"price_points": 0.0}, 0),
        ({"price_points": -0.25}, 0),
        ({"price_points": INF}, 0),
        ({"lots": 0}, 0),
        ({"lots": -1}, 0),
        ({"lots": 1.5}, 0),
        ({"lots": INF}, 0),
        ({"lots": float("nan")}, 0),
        ({"side": 0}, 0),
        ({"side": 2}, 0),
        ({"market": "MES"}, 0),
        ({"market": ""}, 0),
    ],
)
def test_only_whole_lots_on_a_tick_of_the_market_in_view_go_through(order: dict[str, Any], lots: int) -> None:
    verdict = GUARD(example_view(), example_order(**order))
    assert verdict.lots == lots
    assert verdict.reason is (Reason.OK if lots else Reason.ORDER_INSANE)


def test_every_price_of_whole_ticks_is_on_a_tick() -> None:
    # 0.1 is no binary fraction: M2K's ticks are the hard case.
    view = example_view(market={"symbol": "M2K", "tick_points": 1 / 10})
    assert all(
        GUARD(view, example_order(market="M2K", price_points=ticks / 10)).lots == 4 for ticks in range(1, 50_000, 7)
    )


def test_an_event_contract_costs_less_than_it_pays() -> None:
    event = {"kind": Kind.EVENT, "tick_points": 1.0, "multiplier_usd_per_point": 0.01}
    view = example_view(market=event)
    assert GUARD(view, example_order(price_points=99.0)).lots == 4
    assert GUARD(view, example_order(price_points=100.0)).lots == 0


def test_an_exit_at_the_market_passes_where_the_tick_is_unknown() -> None:
    view = example_view(market={"tick_points": float("nan")})
    assert GUARD(view, example_order(side=-1, reduces=True)).lots == 4
    assert GUARD(view, example_order()).lots == 0
    assert GUARD(view, example_order(side=-1, reduces=True, price_points=20_000.0)).lots == 0


def test_a_tick_too_small_to_count_prices_in_denies() -> None:
    view = example_view(market={"tick_points": 2.225073858507203e-309})
    assert GUARD(view, example_order(price_points=20_000.0)).lots == 0

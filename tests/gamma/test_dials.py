"""How far each guard is from its limit, as `gamma status` and the dashboard tell it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from gamma.account import Standing, guards
from gamma.book import open_book
from gamma.guards.order_rate import OrderRate
from gamma.views import PastIntent
from tests.engine_case import MINUTE, T0, rules_of, setup_of, strategy_rules

LIMITS = {"minute_max": 10, "day_max": 20, "exits_minute_max": 20, "exits_day_max": 40, "cancels_max": 4}


def dial(orders_today: int, in_minute: int = 0, cancels: int = 0) -> Mapping[str, Any]:
    """The dial of a guard of the rate, after so many orders."""
    guard = OrderRate.model_validate(LIMITS)
    rules = rules_of(strategy_rules(guards=[("order_rate", guard)]))
    past = [
        PastIntent(
            ts_event_utc_ns=T0 - (0 if number < in_minute else 2 * MINUTE),
            strategy="alpha",
            market="MNQ",
            side=1,
            lots=1,
            signal_id=f"s{number}",
            cancels=cancels if not number else 0,
        )
        for number in range(orders_today)
    ]
    book = replace(open_book(setup_of()).at(T0), intents=tuple(past), orders_today=orders_today)
    (row,) = guards(Standing(book=book, rules=rules))
    return {name: row[name] for name in ("now", "limit", "leeway_frac")}


@pytest.mark.parametrize(
    ("given", "now", "limit", "left"),
    [
        ({"orders_today": 0}, 0, 10, 1.0),
        ({"orders_today": 15}, 15, 20, 0.25),
        ({"orders_today": 8, "in_minute": 8}, 8, 10, 0.2),
        ({"orders_today": 2, "cancels": 3}, 3, 4, 0.25),
    ],
)
def test_of_a_guard_with_several_limits_the_nearest_is_told(
    given: Mapping[str, int], now: int, limit: int, left: float
) -> None:
    assert dial(**given) == {"now": now, "limit": limit, "leeway_frac": pytest.approx(left)}

"""How much of the way to a guard's limit is left: what `gamma status` lists as near."""

import pytest

from gamma.guards import Leeway
from gamma.guards.cash_buffer import CashBuffer
from gamma.guards.flat_by import FlatBy
from gamma.guards.order_rate import OrderRate
from gamma.guards.session_hours import SessionHours
from gamma.guards.trailing_drawdown import TrailingDrawdown
from gamma.markets import Kind
from gamma.views import PastIntent, View
from tests.views_example import NOW_UTC_NS, example_view

FUTURES = {"margin_used_usd": 15_000.0, "pending_usd": 5_000.0}
INTENT = PastIntent(
    ts_event_utc_ns=NOW_UTC_NS, strategy="mnq", market="MNQ", side=1, lots=1, signal_id="mnq-1", cancels=2
)


@pytest.mark.parametrize(
    ("guard", "view", "left"),
    [
        (CashBuffer.model_validate(CashBuffer.example), example_view(account=FUTURES), 0.2),
        (
            CashBuffer.model_validate(CashBuffer.example),
            example_view(account={"cash_usd": 500.0}, market={"kind": Kind.EVENT}),
            0.9,
        ),
        (FlatBy.model_validate(FlatBy.example), example_view(clock={"to_flat_by_s": 600 + 900.0}), 0.25),
        (SessionHours.model_validate(SessionHours.example), example_view(clock={"to_close_s": 1_200 + 900.0}), 0.25),
        (
            TrailingDrawdown.model_validate(TrailingDrawdown.example),
            example_view(account={"equity_usd": 48_125.0}),
            0.25,
        ),
    ],
    ids=["margin", "cash of an event market", "time to be flat", "time to the close", "room above the floor"],
)
def test_the_way_to_a_limit_is_a_share_of_the_whole(guard: Leeway, view: View, left: float) -> None:
    assert guard.leeway(view) == pytest.approx(left)


def test_the_nearest_of_three_rates_counts() -> None:
    guard = OrderRate.model_validate(OrderRate.example)
    view = example_view(activity={"intents": (INTENT,), "orders_today": 1})
    nearest = max(1 / guard.minute_max, 1 / guard.day_max, 2 / guard.cancels_max)
    assert guard.leeway(view) == pytest.approx(1 - nearest)

"""The book against the broker's word."""

from dataclasses import replace
from typing import Any

import pytest

from gamma.events import OrderState
from gamma.invariants import of_broker
from gamma.ports import BrokerOrder, Seen
from tests.engine_case import PRICE, Case


def told(client_order_id: str, **fields: Any) -> BrokerOrder:
    order = BrokerOrder(
        client_order_id=client_order_id,
        broker_order_id="b",
        market="MNQ",
        state=OrderState.ACKED,
        side=-1,
        lots=2,
        filled_lots=0,
        price_ticks=PRICE,
        ts_event_utc_ns=0,
    )
    return replace(order, **fields)


def holding() -> Case:
    """Two lots long, the stop and the target at work."""
    case = Case()
    case.enter()
    return case


CASE = holding()
[FILL] = [fact.fill for fact in CASE.facts if hasattr(fact, "fill")]
SEEN = Seen(
    orders=[told("g53-1-0", state=OrderState.FILLED, filled_lots=2)],
    open_orders=[told("g53-1-0s"), told("g53-1-0t"), told("somebody's")],
    fills=[FILL, FILL],
    positions={"MNQ": 2},
)


def broken(seen: Seen, case: Case = CASE) -> set[str]:
    return {v.invariant for v in of_broker(case.book, seen, case.book.executions.__contains__)}


def test_a_broker_that_says_the_same_contradicts_nothing() -> None:
    assert broken(SEEN) == set()


@pytest.mark.parametrize(
    ("invariant", "seen"),
    [
        ("I1", replace(SEEN, open_orders=[told("g53-1-0s"), told("g53-1-0s")])),
        ("I1", replace(SEEN, open_orders=[told("g53-1-8")])),
        ("I3", replace(SEEN, fills=[replace(FILL, execution_id="x9")])),
        ("I3", replace(SEEN, orders=[told("g53-1-0", filled_lots=1)])),
        ("I4", replace(SEEN, positions={"MNQ": 1})),
        ("I4", replace(SEEN, positions={"MNQ": 2, "MES": 1})),
        ("I4", replace(SEEN, positions={})),
    ],
)
def test_what_the_broker_contradicts_breaks_exactly_its_invariant(invariant: str, seen: Seen) -> None:
    assert broken(seen) == {invariant}


def test_a_market_with_an_unknown_order_waits_for_the_broker() -> None:
    case = Case()
    case.bar()
    case.signal()
    case.lose("g53-1-0")
    unbooked = replace(FILL, execution_id="x9")
    assert (
        broken(replace(SEEN, fills=[unbooked], orders=[told("g53-1-0", filled_lots=1)], open_orders=[]), case) == set()
    )

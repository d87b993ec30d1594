"""Answers that are not as they should be: an adapter concludes nothing from them, and raises nothing else."""

import json
from contextlib import suppress
from typing import Any

import httpx
from hypothesis import given
from hypothesis import strategies as st

from gamma.chaos.broker.adapter import ChaosBroker
from gamma.chaos.broker.quirks import SETS, Quirks
from gamma.errors import Transient
from gamma.events import OrderType
from gamma.ports import Accepted, Found, Inconclusive, Lost, NotListed, Rejected
from gamma.wire import Wire
from tests.brokers.desk import MARKETS, approve, bracket, entry
from tests.gamma.chaos.broker.stall import Stall

KEYS = """order orders fills fill positions position account error errors bracket cancel cursor result id code
    client_order_id market side lots type price status filled reason updated_ns order_id fee time_ns balance equity"""

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "null", "g-1-1", "buy", "MNQ", "open", "NaN", "1e999999", "-5", "20000.1", "20000.25"])
    | st.decimals(allow_nan=False, allow_infinity=False).map(float),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=6),
    max_leaves=12,
)


@given(st.sampled_from(list(SETS.values())), st.sampled_from([200, 201, 400, 404, 409, 422, 429, 500, 502]), JSON)
def test_whatever_is_answered_no_read_does_worse_than_tell_nothing(quirks: Quirks, status: int, told: object) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=json.dumps(told).encode()))
    stall = Stall(quirks)
    stall.broker = ChaosBroker(Wire("http://127.0.0.1", transport=transport), quirks, account="a", markets=MARKETS)
    order = entry("g-1-1", 1, 1, order_type=OrderType.LIMIT, price_ticks=79_000)
    placed = stall.run(stall.broker.place(approve(order), order, bracket(order, 78_000)))
    assert isinstance(placed, Accepted | Rejected | Lost)
    assert isinstance(stall.cancel("g-1-1"), Accepted | Rejected | Lost)
    assert isinstance(stall.move("g-1-1", 79_000), Accepted | Rejected | Lost)
    assert isinstance(stall.run(stall.broker.find("g-1-1")), Found | NotListed | Inconclusive)
    broker = stall.broker
    for read in (broker.open_orders, broker.positions, broker.account, lambda: broker.fills_since("")):
        with suppress(Transient):
            stall.run(read())


@given(st.data())
def test_an_answer_with_one_thing_changed_is_understood_or_tells_nothing(data: st.DataObject) -> None:
    quirks = data.draw(st.sampled_from(list(SETS.values())))
    stall = Stall(quirks)
    stall.trade(80_000)
    stall.accept(entry("g-1-1", 1, 2), bracket(entry("g-1-1", 1, 2), 79_000, 81_000))
    stall.network.change = lambda body: json.dumps(changed(data, json.loads(body))).encode()
    broker = stall.broker
    for read in (broker.open_orders, broker.positions, broker.account, lambda: broker.fills_since("")):
        with suppress(Transient):
            stall.run(read())
    assert isinstance(stall.run(broker.find("g-1-1s")), Found | NotListed | Inconclusive)


def changed(data: st.DataObject, told: Any) -> Any:
    """The same with one value replaced, somewhere."""
    if isinstance(told, dict) and told and data.draw(st.integers(0, 3)):
        key = data.draw(st.sampled_from(sorted(told)))
        return told | {key: changed(data, told[key])}
    if isinstance(told, list) and told and data.draw(st.integers(0, 3)):
        return [changed(data, told[0]), *told[1:]]
    return data.draw(JSON)

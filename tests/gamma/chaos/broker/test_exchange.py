"""The fake broker by itself: what it trades, what it shows, and that its observer missed nothing."""

import json
from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from gamma.chaos.broker.exchange import Exchange
from gamma.chaos.broker.observed import Canceled, Doubled, Executed, Received, Refused, Repeated, Repriced
from gamma.chaos.broker.quirks import (
    FOREVER,
    NEVER_RECEIPT,
    NEVER_SCAN,
    OPEN_ONLY,
    PENDING_ONLY,
    SETS,
    Contract,
    Quirks,
)

SECOND_NS = 1_000_000_000
MARKETS = {"MNQ": Contract(ticks_per_point=4, tick_value_microusd=500_000, commission_microusd=600_000)}
CALM = {"partial_frac": 0.0, "at_once_frac": 1.0, "odd_status_frac": 0.0, "fills_repeat": False}


class Booth:
    """An exchange, its clock, and requests to it."""

    def __init__(self, quirks: Quirks, seed: int = 1, **changes: Any) -> None:
        self.exchange = Exchange(replace(quirks, **(CALM | changes)), MARKETS, seed)
        self.now_utc_ns = 1_000 * SECOND_NS
        self.trade(80_000)

    def trade(self, low: int, high: int | None = None, close: int | None = None) -> None:
        high = low if high is None else high
        self.exchange.trade("MNQ", low, high, low if close is None else close, self.now_utc_ns)

    def wait(self, seconds: float) -> None:
        self.now_utc_ns += round(seconds * SECOND_NS)
        self.exchange.advance(self.now_utc_ns)

    def ask(self, method: str, path: str, query: str = "", **body: Any) -> tuple[int, Any]:
        content = json.dumps(body).encode() if body else b""
        status, headers, answer = self.exchange.handle(method, path, query, content, self.now_utc_ns)
        return status, json.loads(answer) if headers["Content-Type"] == "application/json" else answer.decode()

    def place(self, client_id: str, side: str = "buy", lots: int = 1, **more: Any) -> tuple[int, Any]:
        order: dict[str, Any] = {
            "client_order_id": client_id,
            "market": "MNQ",
            "side": side,
            "lots": lots,
            "type": "market",
        }
        return self.ask("POST", "/orders", "", **(order | {"price": None, "bracket": []} | more))

    def guarded(self, client_id: str, lots: int = 1, **more: Any) -> None:
        """Bought, with a stop at 79,000 ticks and a target at 81,000."""
        stop = {"client_order_id": f"{client_id}s", "type": "stop", "price": "19750"}
        target = {"client_order_id": f"{client_id}t", "type": "limit", "price": "20250.00"}
        status, _ = self.place(client_id, lots=lots, bracket=[stop, target], **more)
        assert status in (200, 201)

    def done(self) -> list[tuple[str, int, int]]:
        return [(e.client_order_id, e.side * e.lots, e.price_ticks) for e in self.recorded(Executed)]

    def recorded(self, kind: type) -> list[Any]:
        return [record for record in self.exchange.log if isinstance(record, kind)]

    def states(self) -> dict[str, str]:
        return {o.client_order_id: o.state for o in self.exchange.floor.orders.values()}


def test_a_stop_and_a_target_sleep_until_their_entry_has_filled() -> None:
    booth = Booth(OPEN_ONLY)
    booth.guarded("a", type="limit", price="19900")
    booth.trade(80_000, 81_500, 80_000)
    assert booth.done() == []
    booth.trade(79_600)
    assert booth.done() == [("a", 1, 79_600)]
    booth.trade(80_000, 81_500, 80_000)
    assert booth.done()[1:] == [("at", -1, 81_000)]
    assert booth.states() == {"a": "filled", "as": "canceled", "at": "filled"}


def test_where_both_are_touched_the_stop_trades_and_no_target_beside_it() -> None:
    booth = Booth(FOREVER)
    booth.guarded("a", lots=2)
    booth.trade(78_000, 82_000, 80_000)
    assert booth.done() == [("a", 2, 80_000), ("as", -2, 79_000)]
    assert booth.exchange.positions() == {}


def test_a_stop_that_the_market_opens_beyond_fills_where_the_market_is() -> None:
    booth = Booth(FOREVER)
    booth.guarded("a")
    booth.trade(78_000, 78_400, 78_200)
    assert booth.done()[1:] == [("as", -1, 78_400)]


def test_a_bracket_closes_what_its_entry_filled_and_no_more() -> None:
    booth = Booth(OPEN_ONLY, partial_frac=1.0)
    booth.guarded("a", lots=5, type="limit", price="19900")
    booth.trade(79_600)
    filled = booth.exchange.positions()["MNQ"]
    assert 0 < filled < 5
    for _ in range(10):
        booth.trade(78_000)
        booth.wait(5)
    assert booth.exchange.positions() == {}
    assert sum(lots for cid, lots, _ in booth.done() if cid == "as") == -filled
    assert booth.states() == {"a": "canceled", "as": "filled" if filled == 5 else "canceled", "at": "canceled"}


def test_a_cancelled_entry_takes_its_sleeping_bracket_with_it() -> None:
    booth = Booth(OPEN_ONLY)
    booth.guarded("a", type="limit", price="19900")
    order_id = booth.recorded(Received)[0].order_id
    status, told = booth.ask("DELETE", f"/orders/{order_id}")
    assert (status, told["order"]["status"]) == (200, "canceled")
    assert set(booth.states().values()) == {"canceled"}
    assert [c.by for c in booth.recorded(Canceled)] == ["client", "broker", "broker"]


def test_a_large_order_fills_in_several_executions_with_time_between() -> None:
    booth = Booth(FOREVER, partial_frac=1.0)
    booth.place("a", lots=8)
    for _ in range(200):
        booth.wait(0.1)
    executed = booth.recorded(Executed)
    assert sum(e.lots for e in executed) == 8
    assert len({e.execution_id for e in executed}) == len(executed) > 1
    assert len({e.ts_utc_ns for e in executed}) == len(executed)


def test_a_market_order_may_have_to_wait_for_a_price() -> None:
    booth = Booth(FOREVER, at_once_frac=0.0)
    booth.place("a")
    assert booth.done() == []
    booth.trade(80_100)
    assert booth.done() == [("a", 1, 80_100)]


@pytest.mark.parametrize(
    ("quirks", "known_while_open", "known_when_filled"),
    [(FOREVER, True, True), (OPEN_ONLY, True, False), (PENDING_ONLY, True, False), (NEVER_SCAN, False, False)],
    ids=lambda v: getattr(v, "name", ""),
)
def test_a_client_id_is_known_again_within_its_scope_and_over_trades_outside(
    quirks: Quirks, known_while_open: bool, known_when_filled: bool
) -> None:
    booth = Booth(quirks, decides_s=0.0)
    booth.place("a", type="limit", price="19900")
    booth.place("a", type="limit", price="19900")
    assert (len(booth.recorded(Repeated)), len(booth.recorded(Doubled))) == (known_while_open, not known_while_open)
    booth.trade(79_600)
    booth.place("a", type="limit", price="19900")
    assert len(booth.recorded(Repeated)) == known_while_open + known_when_filled
    assert len(booth.recorded(Doubled)) == 2 - known_while_open - known_when_filled


def test_pending_only_forgets_an_order_that_has_begun_to_fill() -> None:
    booth = Booth(PENDING_ONLY, partial_frac=1.0)
    booth.place("a", lots=3, type="limit", price="19900")
    booth.trade(79_600)
    booth.place("a", lots=3, type="limit", price="19900")
    assert [d.client_order_id for d in booth.recorded(Doubled)] == ["a"]


def test_a_refused_order_never_trades() -> None:
    for quirks in SETS.values():
        booth = Booth(quirks, reject_frac=1.0)
        booth.place("a")
        booth.wait(10)
        booth.trade(80_000)
        assert [r.code for r in booth.recorded(Refused)] == ["insufficient_buying_power"]
        assert booth.done() == []
        assert booth.exchange.working() == []


def test_calm_is_calm_at_once() -> None:
    booth = Booth(FOREVER, reject_frac=1.0, odd_status_frac=1.0, partial_frac=1.0)
    booth.exchange.calm()
    booth.place("a", lots=5)
    assert booth.ask("GET", "/orders", "status=all")[1]["orders"][0]["status"] == "filled"


def test_what_ended_long_ago_is_on_no_list() -> None:
    booth = Booth(NEVER_RECEIPT)
    booth.place("a", type="limit", price="10")
    booth.wait(10)
    order_id = booth.recorded(Received)[0].order_id
    booth.ask("DELETE", f"/orders/{order_id}")
    booth.wait(10)
    assert booth.ask("GET", "/orders", "status=all")[1]["orders"][0]["status"] == "canceled"
    booth.wait(NEVER_RECEIPT.history_s + 1)
    assert booth.ask("GET", "/orders", "status=all")[1]["orders"] == []
    assert booth.ask("GET", f"/orders/{order_id}")[0] == 200


def test_what_is_new_shows_late_on_lists_positions_and_balance_alike() -> None:
    late = 0
    for seed in range(10):
        booth = Booth(NEVER_SCAN, seed)
        booth.place("a")
        lists = booth.ask("GET", "/fills")[1]["fills"], booth.ask("GET", "/positions")[1]["positions"]
        balance = booth.ask("GET", "/account")[1]["account"]["balance"]
        assert (lists == ("null", "null")) == (balance == "100000")
        late += lists == ("null", "null")
        booth.wait(NEVER_SCAN.lag_s)
        assert booth.ask("GET", "/fills")[1]["fills"]["fill"]["lots"] == 1
        assert booth.ask("GET", "/positions")[1]["positions"]["position"] == {"market": "MNQ", "lots": 1}
    assert late > 5


def test_a_cancel_that_takes_its_time_may_be_beaten_by_a_fill() -> None:
    booth = Booth(FOREVER)
    booth.place("a", type="limit", price="19900")
    order_id = booth.recorded(Received)[0].order_id
    assert booth.ask("DELETE", f"/orders/{order_id}") == (200, {"order": {"id": order_id, "status": "ok"}})
    booth.trade(79_600)
    booth.wait(1)
    assert booth.states() == {"a": "filled"}
    assert booth.ask("DELETE", f"/orders/{order_id}")[0] == 422


@pytest.mark.parametrize(
    ("quirks", "status", "told"),
    [
        (OPEN_ONLY, 404, {"error": {"code": "not_open", "message": "not open"}}),
        (NEVER_SCAN, 400, "order already in finalized state: filled"),
        (NEVER_RECEIPT, 200, {"result": "TooLate"}),
    ],
    ids=lambda v: getattr(v, "name", ""),
)
def test_each_says_too_late_in_its_own_way(quirks: Quirks, status: int, told: object) -> None:
    booth = Booth(quirks, decides_s=0.0)
    booth.place("a")
    assert booth.ask("DELETE", f"/orders/{booth.recorded(Received)[0].order_id}") == (status, told)


def test_another_price_is_kept_and_noted() -> None:
    booth = Booth(OPEN_ONLY)
    booth.guarded("a")
    stop = booth.recorded(Received)[1].order_id
    assert booth.ask("PUT", f"/orders/{stop}", price="19875.25")[1]["order"]["price"] == "19875.25"
    assert booth.ask("PUT", f"/orders/{stop}", price="19875.1")[0] == 422
    assert [(r.client_order_id, r.price_ticks) for r in booth.recorded(Repriced)] == [("as", 79_501)]
    booth.trade(79_501)
    assert booth.done()[1:] == [("as", -1, 79_501)]


def test_an_exit_goes_no_further_than_flat_only_where_the_broker_knows_reduce_only() -> None:
    for quirks, left in ((OPEN_ONLY, {}), (FOREVER, {"MNQ": -1})):
        booth = Booth(quirks)
        booth.place("a", lots=1)
        booth.place("b", "sell", lots=2, reduce_only=True)
        assert booth.exchange.positions() == left


@pytest.mark.parametrize(
    "wrong",
    [
        {"market": "ES"},
        {"lots": 0},
        {"lots": 1.5},
        {"side": "both"},
        {"type": "odd"},
        {"type": "limit", "price": "19900.1"},
        {"type": "limit", "price": None},
        {"client_order_id": "x" * 41},
        {"client_order_id": "a_b"},
        {"bracket": [{}]},
    ],
    ids=str,
)
def test_an_order_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    booth = Booth(OPEN_ONLY)
    status, told = (
        booth.place(**({"client_id": "a"} | wrong)) if "client_order_id" not in wrong else booth.place("", **wrong)
    )
    assert status == 422
    assert "error" in told
    assert booth.exchange.working() == []


def test_neither_garbage_nor_a_strange_path_breaks_it() -> None:
    booth = Booth(FOREVER)
    for body in (b"", b"[]", b"{", b"null", b'{"client_order_id": 1}'):
        assert booth.exchange.handle("POST", "/orders", "", body, booth.now_utc_ns)[0] == 422
    for path in ("/", "/nothing", "/orders/none", "/orders/a/b/c", "/fills/1"):
        assert booth.ask("GET", path)[0] == 404
    assert booth.ask("DELETE", "/orders/none")[0] == 404
    assert booth.ask("GET", "/fills", "after=x")[0] == 400


def busy(quirks: Quirks, seed: int) -> Booth:
    """A day of chance: orders, prices, cancels, moves and looks."""
    chance, booth = (
        Random(seed),
        Booth(quirks, seed, partial_frac=0.5, at_once_frac=0.5, fills_repeat=True, reject_frac=0.1),
    )
    price = 80_000
    for number in range(60):
        price += chance.randint(-900, 900)
        booth.trade(price - chance.randint(0, 300), price + chance.randint(0, 300), price)
        booth.wait(chance.random() * 20)
        kind = chance.choice(("guarded", "place", "leave", "cancel", "move", "look"))
        ids = [order.order_id for order in booth.exchange.working()]
        if kind == "guarded":
            stop = {"client_order_id": f"g{number}s", "type": "stop", "price": str((price - 800) / 4)}
            target = {"client_order_id": f"g{number}t", "type": "limit", "price": str((price + 800) / 4)}
            booth.place(f"g{number}", lots=chance.randint(1, 5), bracket=[stop, target])
        elif kind in ("place", "leave"):
            booth.place(f"p{number}", chance.choice(("buy", "sell")), chance.randint(1, 5), reduce_only=kind == "leave")
        elif kind == "look":
            booth.ask("GET", chance.choice(("/orders", "/fills", "/positions", "/account")))
        elif ids:
            booth.ask("DELETE" if kind == "cancel" else "PUT", f"/orders/{chance.choice(ids)}", price=str(price / 4))
    return booth


@pytest.mark.parametrize("quirks", SETS.values(), ids=lambda q: q.name)
def test_the_log_adds_up_to_what_the_broker_holds(quirks: Quirks) -> None:
    for seed in range(20):
        booth = busy(quirks, seed)
        orders = {r.order_id: r for r in booth.recorded(Received)}
        executed = booth.recorded(Executed)
        held: Counter[str] = Counter()
        by_order: Counter[str] = Counter()
        for done in executed:
            held[done.market] += done.side * done.lots
            by_order[done.order_id] += done.lots
            assert (done.side, done.market) == (orders[done.order_id].side, orders[done.order_id].market)
        assert {market: lots for market, lots in held.items() if lots} == booth.exchange.positions()
        assert len({e.execution_id for e in executed}) == len(executed)
        assert all(lots <= orders[order_id].lots for order_id, lots in by_order.items())
        closed: Counter[str] = Counter()
        for order_id, lots in by_order.items():
            closed[orders[order_id].parent] += lots
        assert all(lots <= by_order[parent] for parent, lots in closed.items() if parent)
        ended = {c.order_id for c in booth.recorded(Canceled)} | {r.order_id for r in booth.recorded(Refused)}
        full = {order_id for order_id, lots in by_order.items() if lots == orders[order_id].lots}
        assert set(orders) - ended - full == {order.order_id for order in booth.exchange.working()}


@pytest.mark.parametrize("quirks", SETS.values(), ids=lambda q: q.name)
def test_the_same_seed_gives_the_same_log(quirks: Quirks) -> None:
    assert busy(quirks, 7).exchange.log == busy(quirks, 7).exchange.log
    assert busy(quirks, 7).exchange.log != busy(quirks, 8).exchange.log

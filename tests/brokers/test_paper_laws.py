"""What holds for the paper broker whatever the bars and the orders: against a reckoning from its fills alone."""

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from gamma.events import Fill, OrderState, OrderType
from tests.brokers.desk import Desk, bracket, entry, leave


@dataclass(frozen=True)
class Turn:
    """One order, perhaps, and then one bar; prices in ticks from the last close."""

    side: int
    lots: int
    kind: str
    stop: int
    target: int
    gap: int
    up: int
    down: int
    close: int
    volume: float


TURNS = st.lists(
    st.builds(
        Turn,
        side=st.sampled_from([1, -1]),
        lots=st.integers(1, 6),
        kind=st.sampled_from(["none", "market", "market", "limit", "stop", "leave", "cancel", "move"]),
        stop=st.integers(1, 12),
        target=st.integers(1, 12),
        gap=st.integers(-8, 8),
        up=st.integers(0, 12),
        down=st.integers(0, 12),
        close=st.integers(0, 24),
        volume=st.sampled_from([float("nan"), 0.0, 5.0, 20.0, 1_000.0]),
    ),
    min_size=1,
    max_size=25,
)


def act(desk: Desk, turn: Turn, number: int, last: int) -> None:
    if turn.kind in ("market", "limit", "stop"):
        order_type = OrderType(turn.kind)
        away = {"market": 0, "limit": -turn.side * turn.stop, "stop": turn.side * turn.stop}[turn.kind]
        price = last + away
        order = entry(f"e{number}", turn.side, turn.lots, order_type=order_type, price_ticks=price if away else 0)
        children = bracket(order, price - turn.side * turn.stop, price + turn.side * turn.target)
        desk.accept(order, children)
        assert desk.place(order, children) == desk.place(order)
    elif turn.kind == "leave":
        desk.place(leave(f"x{number}", turn.side, turn.lots))
    elif turn.kind in ("cancel", "move"):
        for working in list(asyncio.run(desk.broker.open_orders()))[: turn.lots]:
            if turn.kind == "cancel":
                desk.cancel(working.client_order_id)
            else:
                desk.replace(working.client_order_id, working.price_ticks + turn.side * turn.stop)


def play(turns: list[Turn], desk: Desk, between: Callable[[Desk], Desk] = lambda desk: desk) -> Desk:
    last = 80_000
    desk.flat_bar(last / 4)
    for number, turn in enumerate(turns):
        act(desk, turn, number, last)
        desk = between(desk)
        opening = last + turn.gap
        high, low = opening + turn.up, opening - turn.down
        last = min(high, low + turn.close)
        held, known = desk.positions().get("MNQ", 0), len(desk.fills())
        desk.bar(opening / 4, high / 4, low / 4, last / 4, volume_lots=turn.volume)
        check_bar(desk, desk.fills()[known:], held, (opening, high, low))
        desk = between(desk)
    return desk


def check_bar(desk: Desk, fills: list[Fill], held: int, prices: tuple[int, int, int]) -> None:
    opening, high, low = prices
    for fill in fills:
        order = desk.order(fill.client_order_id)
        worst = max(opening, order.price_ticks) if fill.side > 0 else min(opening, order.price_ticks)
        if fill.client_order_id.endswith("t"):
            assert low <= fill.price_ticks <= high
            assert fill.side * (order.price_ticks - fill.price_ticks) >= 0
        if fill.client_order_id.endswith("s"):
            # A stop whose entry came inside the bar was not there at an open beyond it.
            fresh = any(f.client_order_id == fill.client_order_id[:-1] for f in fills)
            assert fill.price_ticks - fill.side in {worst, opening} | ({order.price_ticks} if fresh else set())
        if fill.client_order_id.startswith("x") or fill.client_order_id[-1] in "st":
            # An exit goes towards flat and never beyond it.
            assert held * fill.side < 0
            assert fill.lots <= abs(held)
        held += fill.side * fill.lots
    assert held == desk.positions().get("MNQ", 0)


@given(turns=TURNS)
def test_money_and_lots_are_what_the_fills_add_up_to(turns: list[Turn]) -> None:
    desk = play(turns, Desk(capital_usd=10_000_000))
    fills = desk.fills()
    lots = sum(f.side * f.lots for f in fills)
    assert desk.positions() == ({"MNQ": lots} if lots else {})
    assert len({f.execution_id for f in fills}) == len(fills)
    assert all(a.ts_event_utc_ns <= b.ts_event_utc_ns for a, b in pairwise(fills))
    # Cash paid and received at 0.50 usd a tick, and what is held at the last price: no order of lots matters to it.
    last = desk.broker._exchange.tapes["MNQ"].price_ticks
    cash = sum(-f.side * f.lots * f.price_ticks * 500_000 - f.fee_microusd for f in fills)
    assert desk.equity_microusd() == 10**13 + cash + round(lots * last * 500_000)
    if not lots:
        assert desk.balance_microusd() == desk.equity_microusd()
    check_brackets(desk, {f.client_order_id for f in fills})


def check_brackets(desk: Desk, filled: set[str]) -> None:
    entries = [i for i in desk.broker._exchange.orders if i.startswith("e") and i[-1] not in "st"]
    for client_order_id in entries:
        parent, stop, target = (desk.order(f"{client_order_id}{end}") for end in ("", "s", "t"))
        assert stop.filled_lots + target.filled_lots <= parent.filled_lots <= parent.lots
        if parent.state in (OrderState.CANCELED, OrderState.REJECTED) and client_order_id not in filled:
            assert stop.state == target.state == parent.state
    working = {o.client_order_id for o in asyncio.run(desk.broker.open_orders())}
    if not desk.positions():
        assert {i[:-1] for i in working if i[-1] in "st"} <= working


@settings(max_examples=15, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(turns=TURNS)
def test_a_restart_at_every_step_changes_nothing(turns: list[Turn]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "paper.db"

        def restart(desk: Desk) -> Desk:
            asyncio.run(desk.broker.close())
            fresh = Desk(path, capital_usd=10_000_000)
            fresh.minute = desk.minute
            return fresh

        kept = play(turns, Desk(path, capital_usd=10_000_000), restart)
        whole = play(turns, Desk(capital_usd=10_000_000))
        assert kept.fills() == whole.fills()
        assert kept.positions() == whole.positions()
        assert kept.balance_microusd() == whole.balance_microusd()
        assert asyncio.run(kept.broker.open_orders()) == asyncio.run(whole.broker.open_orders())
        asyncio.run(kept.broker.close())

"""What a ledger tells of event markets: each action that was asked for, and what came of it."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, final

import numpy as np

from gamma.actions import ACTIONS, SIZES_LOTS, Base, decode
from gamma.books import NEAR_CENTS
from gamma.events import BARRED, DecisionMade, Manage, OrderAccepted, OrderKind, PositionManaged, Trade
from gamma.ledger.reader import EVERY, Reader, Record
from gamma.markets import Kind
from gamma.reasons import Fact
from gamma.sizing import whole_lots
from gamma.views import NAN, LiquidityView

BRACKETS: Final = (*(f"to {lots}" for lots in SIZES_LOTS), f"over {SIZES_LOTS[-1]}")
"""The sizes of the 21 actions; what lies between two of them belongs to the larger."""
_HELD_LOTS: Final = (*SIZES_LOTS, 200, 500)
HELD_BRACKETS: Final = (*(f"to {lots}" for lots in _HELD_LOTS), f"over {_HELD_LOTS[-1]}")
"""The same for what is held, which may be several orders' worth."""
_HELD: Final = frozenset({"no_signal", "hold"})


def bracket(lots: int) -> str:
    """The size that so many lots belong to."""
    return BRACKETS[bisect_left(SIZES_LOTS, lots)]


def held_bracket(lots: int) -> str:
    """The size that so many lots belong to, where they are held."""
    return HELD_BRACKETS[bisect_left(_HELD_LOTS, lots)]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An action in an event market, and what came of it; what is not known is NaN.

    `wanted_lots` is the size that the action carries, or what the first sizer proposed; `lots` what the chain and the
    guards left of it. `shrunk_by` names the steps that made it smaller. `paid_points` is how much worse than the
    middle of the market its fills were, a lot. `decided_s` is how long after the look's close it was decided on,
    `answered_s` how long the broker's answer took from there. `barred` says which steps barred how many actions
    that the policy would rather have taken, at the looks since the order before.
    """

    ts_utc_ns: int
    strategy: str
    market: str
    base: Base
    wanted_lots: int
    lots: int
    shrunk_by: tuple[str, ...] = ()
    reason: str = ""
    ordered_lots: int = 0
    filled_lots: int = 0
    spread_points: float = NAN
    depth_lots: float = NAN
    paid_points: float = NAN
    decided_s: float = NAN
    answered_s: float = NAN
    barred: Mapping[str, int] = field(default_factory=dict)

    @property
    def size(self) -> str:
        """The bracket of the size that was wanted."""
        return bracket(self.wanted_lots)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EventTrading:
    """All that was asked for in event markets, how many looks were held through, and the trades there."""

    asked: Sequence[Asked]
    held: int
    trades: Sequence[Trade]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """What became of an order: `price_points` is the mean of its fills, NaN without one."""

    side: int
    lots: int
    filled_lots: int
    price_ticks: float
    answered_s: float


def event_trading(reader: Reader, trades: Sequence[Trade]) -> EventTrading | None:
    """What the ledger tells of its event markets; None where it decided on nothing in one."""
    rows = reader.decisions(EVERY)
    markets = _event_markets(reader, rows)
    if not markets:
        return None
    own = [row for row in rows if row["market"] in markets and row["side"]]
    sent = _sent(reader, markets)
    ticks = reader.tally("ticks", "strategy", "outcome")
    strategies = {row["strategy"] for row in rows if row["market"] in markets}
    bought = [_asked(reader.decision(row["id"]), sent) for row in own]
    managed = (fact for _, fact in reader.every(PositionManaged.__name__))
    sold = [_sold(one, sent) for one in managed if one.market in markets and one.manage is Manage.REDUCE]
    return EventTrading(
        asked=sorted([*bought, *sold], key=lambda one: one.ts_utc_ns),
        held=sum(n for (name, outcome), n in ticks.items() if name in strategies and outcome in _HELD),
        trades=[trade for trade in trades if trade.market in markets],
    )


def _event_markets(reader: Reader, rows: Iterable[Record]) -> set[str]:
    """By the views of their first decisions: a ledger outlives the table of markets."""
    first = {row["market"]: row["id"] for row in reversed(list(rows))}
    return {market for market, one in first.items() if reader.decision(one).view.market.kind == Kind.EVENT}


def _sent(reader: Reader, markets: set[str]) -> Mapping[str, _Sent]:
    """What went out in these markets to open or to reduce, by its decision."""
    answered = {fact.client_order_id: fact.ts_event_utc_ns for _, fact in reader.every(OrderAccepted.__name__)}
    ticks: dict[str, int] = {}
    for fill in reader.fills(EVERY):
        cid = fill["client_order_id"]
        ticks[cid] = ticks.get(cid, 0) + fill["lots"] * fill["price_ticks"]
    found = {}
    for order in reader.orders(EVERY):
        if order["market"] not in markets or order["kind"] not in (OrderKind.ENTRY, OrderKind.EXIT):
            continue
        cid, filled = order["id"], order["filled_lots"]
        took_ns = answered[cid] - order["ts_event_utc_ns"] if cid in answered else NAN
        found[order["decision_id"]] = _Sent(
            side=order["side"],
            lots=order["lots"],
            filled_lots=filled,
            price_ticks=ticks[cid] / filled if filled else NAN,
            answered_s=took_ns / 1e9,
        )
    return found


def _asked(made: DecisionMade, sent: Mapping[str, _Sent]) -> Asked:
    view, order = made.view, sent.get(made.decision_id)
    market, mid = view.market, float(view.liquidity.mid_points)
    base, wanted = _wanted(made)
    paid = order.side * (order.price_ticks * market.tick_points - mid) if order else NAN
    return Asked(
        ts_utc_ns=made.slot_utc_ns,
        strategy=made.strategy,
        market=made.market,
        base=base,
        wanted_lots=wanted,
        lots=made.lots,
        shrunk_by=_shrunk_by(made),
        reason=made.reason,
        ordered_lots=order.lots if order else 0,
        filled_lots=order.filled_lots if order else 0,
        spread_points=float(market.ask_points - market.bid_points),
        depth_lots=depth_lots(view.liquidity),
        paid_points=float(paid),
        decided_s=(made.ts_event_utc_ns - made.slot_utc_ns) / 1e9,
        answered_s=order.answered_s if order else NAN,
        barred=_barred(made.notes),
    )


def _barred(notes: Mapping[str, Fact]) -> dict[str, int]:
    return {name.removeprefix(BARRED): int(times) for name, times in notes.items() if name.startswith(BARRED)}


def _sold(wanted: PositionManaged, sent: Mapping[str, _Sent]) -> Asked:
    """A reduction: YES is sold where YES is held, else NO; one that closes all of it is left whole."""
    order = sent.get(f"{wanted.strategy}@{wanted.slot_utc_ns}")
    seen = {name: float(value) for name, value in wanted.notes.items() if not isinstance(value, str)}
    left = order.lots if order else 0
    closes = 0 < left == abs(seen.get("held_lots", 0.0))
    side = order.side if order else -seen.get("held_lots", 0.0)
    paid = order.side * (order.price_ticks - seen.get("middle_points", NAN)) if order else NAN
    return Asked(
        ts_utc_ns=wanted.slot_utc_ns,
        strategy=wanted.strategy,
        market=wanted.market,
        base=Base.SELL_NO if side > 0 else Base.SELL_YES,
        wanted_lots=wanted.lots,
        lots=wanted.lots if closes else left,
        reason=wanted.reason,
        ordered_lots=left,
        filled_lots=order.filled_lots if order else 0,
        spread_points=seen.get("spread_points", NAN),
        depth_lots=seen.get("depth_lots", NAN),
        paid_points=paid,
        decided_s=(wanted.ts_event_utc_ns - wanted.slot_utc_ns) / 1e9,
        answered_s=order.answered_s if order else NAN,
        barred=_barred(wanted.notes),
    )


def _wanted(made: DecisionMade) -> tuple[Base, int]:
    """What the action says; a rule has none, and its size is what its chain began with."""
    if made.view.signal.action in range(1, ACTIONS):
        base, size_index = decode(int(made.view.signal.action))
        return base, SIZES_LOTS[size_index]
    first = made.steps[0].lots_after if made.steps else 0
    return (Base.BUY_YES if made.side > 0 else Base.BUY_NO), int(whole_lots(float(first or 0)))


def _shrunk_by(made: DecisionMade) -> tuple[str, ...]:
    """The steps after the first that left fewer whole lots than they were given."""
    return tuple(
        step.name
        for step in made.steps[1:]
        if step.lots_before is not None and whole_lots(float(step.lots_after)) < whole_lots(float(step.lots_before))
    )


def depth_lots(liquidity: LiquidityView) -> float:
    """What stands within reach of the middle, on the side that the order takes; without a book its five best levels."""
    prices: Any = np.asarray(liquidity.book_prices_points)
    if not prices.size:
        return float(liquidity.depth_top5_lots)
    near = np.abs(prices - liquidity.mid_points) <= NEAR_CENTS
    found = float(np.where(near, liquidity.book_lots, 0.0).sum())
    return found if math.isfinite(liquidity.mid_points) else NAN

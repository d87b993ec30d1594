"""Which orders close a position, and the approval without which no adapter takes one. Pure."""

import math
from collections.abc import Sequence
from dataclasses import replace

from gamma.book import Book
from gamma.deadman.journal import Exit
from gamma.decision import ApprovedOrder, decide_exit
from gamma.events import Intent, Leg, OrderKind
from gamma.markets import Kind, Market
from gamma.views import AccountView, MarketView, OrderView, PositionView, SignalView, View


def exits_of(market: Market, lots: int, book: Book | None, sent: Sequence[Exit]) -> list[Exit]:
    """What closes a position: one order; of structures of several legs one for each, as the ledger knows them."""
    side = 1 if lots > 0 else -1
    blank = Exit(client_order_id="", market=market.symbol, side=-side, lots=abs(lots), held_lots=lots)
    if market.kind is not Kind.OPTION_SPREAD:
        return [blank]
    structures = _structures(market.symbol, book)
    for order in sent:
        if order.market == market.symbol and order.legs in structures:
            structures[order.legs] += order.side * order.filled_lots
    left = {legs: n for legs, n in structures.items() if n * side > 0}
    return [replace(blank, lots=min(abs(n), abs(lots)), legs=legs) for legs, n in left.items()]


def _structures(market: str, book: Book | None) -> dict[tuple[Leg, ...], int]:
    """Lots by the legs that they are of, as the ledger has them."""
    found: dict[tuple[Leg, ...], int] = {}
    for position in () if book is None else book.positions.values():
        entry = None if book is None else book.orders.get(position.entry_id)
        if position.market == market and entry is not None and entry.intent.legs:
            found[entry.intent.legs] = found.get(entry.intent.legs, 0) + position.lots
    return found


def approved_of(intent: Intent, held_lots: int, market: Market) -> ApprovedOrder:
    """The one way to an order that an adapter takes: clipped to what is held."""
    view = View(
        account=AccountView(balance_usd=0.0, equity_usd=0.0, starting_capital_usd=0.0, peak_equity_usd=0.0),
        market=MarketView(
            symbol=market.symbol,
            kind=int(market.kind),
            multiplier_usd_per_point=market.multiplier_usd_per_point,
            tick_points=float(market.tick_points),
            price_points=math.nan,
        ),
        signal=SignalView(side=0),
        position=PositionView(lots=held_lots),
    )
    order = OrderView(
        market=intent.market,
        side=intent.side,
        lots=intent.lots,
        reduces=True,
        price_points=math.nan,
        kind=OrderKind.EXIT,
    )
    approved = decide_exit(view, order, ()).approved
    assert approved is not None  # noqa: S101  (it closes what is held)
    return approved

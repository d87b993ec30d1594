"""How an order trades against an event contract's books: from one look to the next, and never better than it would.

Pure. Seen from the side on which an order bids, every price is a bid: YES at p, or NO at 100 less p.
"""

import math
from typing import Final

from brokers.paper.matching import Costs, at_quote
from brokers.paper.orders import PaperOrder
from gamma.books import CENTS, BookLevel, EventBook
from gamma.events import OrderType

SHARE: Final = 2
"""Of what traded between two looks, a half is taken to have come to each side: only the sum is told."""


def fills(order: PaperOrder, before: EventBook, after: EventBook) -> list[tuple[int, int]]:
    """What an order gets between two looks at one question: lots and prices of YES, in their order.

    At market it takes what is offered at the second look, level by level.
    """
    if order.intent.order_type is OrderType.LIMIT:
        return [(resting_lots(order, before, after), order.price_ticks)]
    offered = after.offered(order.intent.side)
    if order.intent.order_type is OrderType.MARKET or order.triggered:
        return _walked(order.left_lots, offered)
    touch = offered[0].price_ticks if offered else None
    price = at_quote(order, touch, Costs(slippage_ticks=0, half_spread_ticks=0, through_ticks=0))
    return [] if price is None else [(order.left_lots, price)]


def resting_lots(order: PaperOrder, before: EventBook, after: EventBook) -> int:
    """What a limit gets, at its price.

    It fills whole where the market went through its price. Else it waits behind all that was bid as much or more, and
    gets what came to its side beyond that; where others came to bid more, only the share of it that came before, were
    the move even. One that takes what stands against it gets that.
    """
    yes, lots = order.intent.side > 0, order.left_lots
    own = order.price_ticks if yes else CENTS - order.price_ticks
    bids, against = (before.yes_bids, before.no_bids) if yes else (before.no_bids, before.yes_bids)
    best = before.yes_bid_cents if yes else before.no_bid_cents
    next_best, next_other = (after.yes_bid_cents, after.no_bid_cents)
    next_best, next_other = (next_best, next_other) if yes else (next_other, next_best)
    taken = sum(level.lots for level in against if level.price_ticks >= CENTS - own)
    if taken:
        return min(lots, taken)
    if CENTS - next_other <= own or (own <= best and next_best < own):
        return lots
    ahead = sum(level.lots for level in bids if level.price_ticks >= own)
    reach, passed = max(own - best + 1, 0), max(next_best - own, 0)
    came = _came(before, after) * reach // (reach + passed) if reach else 0
    return min(lots, max(came - ahead, 0))


def _came(before: EventBook, after: EventBook) -> int:
    """What is taken to have come to one side between two looks [lots]; 0 where nobody tells."""
    traded = after.traded_lots - before.traded_lots
    return int(traded) // SHARE if math.isfinite(traded) and traded > 0 else 0


def _walked(lots: int, offered: tuple[BookLevel, ...]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for level in offered:
        taken = min(lots, level.lots)
        if taken > 0:
            found.append((taken, level.price_ticks))
        lots -= taken
    return found

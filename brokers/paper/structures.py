"""What an option structure is worth on a chain: the net of its legs, each at the side that it would trade at."""

import math
from collections.abc import Sequence

from brokers.paper.matching import round_up
from gamma.events import Leg
from gamma.markets import Market
from gamma.options import Chain


def net_ticks(chain: Chain, legs: Sequence[Leg], market: Market, side: int) -> int | None:
    """What a buyer (`side` 1) of the structure pays, or a seller (-1) gets [ticks]; None where a leg has no such price.

    What is bought is bought at its ask and what is sold is sold at its bid, which may be 0 where nobody bids; all is
    rounded against us.
    """
    net = 0.0
    for leg in legs:
        row = chain.row(leg.symbol)
        if row is None:
            return None
        price = float((chain.ask_points if side * leg.ratio > 0 else chain.bid_points)[row])
        if not 0 <= price < math.inf or (side * leg.ratio > 0 and price == 0):
            return None
        net += leg.ratio * price
    return side * round_up(side * net * market.ticks_per_point)

"""What settles in cash at Tradier: it tells no fill of it, the options are just gone; so it is reckoned here.

Options on SPX, NDX, RUT and XSP that settle in the afternoon are worth what the index's close of the day makes them. It
is read from the daily history half an hour later, and told once, order by order. Those that settle by the opening
prices of a morning, and those that are exercised, are not.
"""

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from brokers.legs import Contract, contract, structures, worth_points
from brokers.tradier.market_data import TradierMarkets
from brokers.tradier.reading import Executed
from gamma.errors import Transient
from gamma.events import Fill
from gamma.markets import Market
from gamma.options import settlement_utc_ns

AFTERNOON_ROOTS: Final = frozenset({"SPXW", "NDXP", "RUTW", "XSP"})
# The close of the day is told then, and does not change any more.
GRACE_NS: Final = 1_800 * 10**9
KEPT_NS: Final = 3 * 86_400 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What an order did to what is held: `lots` bought (+) or sold (-) of a structure.

    `ratios` are the contracts of each option a lot when it is bought, as its legs are. One that does not open only
    closes what is there.
    """

    client_order_id: str
    market: str
    lots: int
    ratios: Mapping[str, int]
    opens: bool = True

    @property
    def structure(self) -> tuple[tuple[str, int], ...]:
        """What it is a number of."""
        return tuple(sorted(self.ratios.items()))

    @property
    def ends_utc_ns(self) -> int:
        """When all of it settles in cash [UTC ns]; 0 where not all of it does so of an afternoon."""
        return ends_utc_ns(self.ratios)

    @property
    def day(self) -> date:
        """The last day of its options."""
        return max(_known(symbol).day for symbol in self.ratios)

    def plain(self) -> list[Any]:
        """As it is kept."""
        return [self.client_order_id, self.market, self.lots, dict(self.ratios), self.opens]


def ends_utc_ns(symbols: Iterable[str]) -> int:
    """When all of these options settle in cash [UTC ns]; 0 where not all of them do so at one time of an afternoon."""
    options = [_known(symbol) for symbol in symbols]
    if not options or any(option.root not in AFTERNOON_ROOTS for option in options):
        return 0
    ends = {settlement_utc_ns(option.root, option.day) for option in options}
    return ends.pop() if len(ends) == 1 else 0


def held_of(told: Any) -> Held:
    """Read it back.

    Raises: ValueError or TypeError.
    """
    client_order_id, market, lots, ratios, opens = told
    read = {_dated(str(symbol)): int(ratio) for symbol, ratio in ratios.items()}
    return Held(
        client_order_id=str(client_order_id), market=str(market), lots=int(lots), ratios=read, opens=bool(opens)
    )


def held_by(done: Executed) -> Held:
    """What an order did so far."""
    order = done.order
    ratios: dict[str, int] = {}
    for leg in done.legs:
        ratios[leg.symbol] = ratios.get(leg.symbol, 0) + order.side * leg.contracts // order.lots
    return Held(client_order_id=order.client_order_id, market=order.market, lots=order.side * done.lots, ratios=ratios)


def joined(held: Mapping[int, Held], done: Iterable[Executed], told_utc_ns: int) -> dict[int, Held]:
    """Every order's share in what may be held, by its number; what ended up to `told_utc_ns` was told.

    Options that were over for days when the newest order came are not kept.
    """
    both, newest_utc_ns = dict(held), 0
    for each in done:
        newest_utc_ns = max(newest_utc_ns, each.order.ts_event_utc_ns)
        number, now = int(each.order.broker_order_id), held_by(each)
        before = both.get(number)
        if now.lots and (before is None or abs(now.lots) > abs(before.lots)):
            both[number] = now
    return {
        number: one
        for number, one in sorted(both.items())
        if not 0 < one.ends_utc_ns <= told_utc_ns and settlement_utc_ns("", one.day) + KEPT_NS > newest_utc_ns
    }


def left(held: Mapping[int, Held]) -> dict[int, Held]:
    """The orders that opened what is held now, with what is left of them: what closes takes the oldest first."""
    queues: dict[tuple[str, tuple[tuple[str, int], ...]], deque[tuple[int, Held]]] = {}
    for number, one in sorted(held.items()):
        queue = queues.setdefault((one.market, one.structure), deque())
        lots = one.lots
        while lots and queue and queue[0][1].lots * lots < 0:
            oldest, opened = queue[0]
            closed = min(abs(lots), abs(opened.lots)) * (1 if lots > 0 else -1)
            lots -= closed
            queue[0] = (oldest, replace(opened, lots=opened.lots + closed))
            if not queue[0][1].lots:
                queue.popleft()
        if lots and one.opens:
            queue.append((number, replace(one, lots=lots)))
    return dict(sorted(pair for queue in queues.values() for pair in queue))


def standing(orders: Mapping[int, Held], held: Mapping[str, int], now_utc_ns: int) -> dict[str, int]:
    """Lots by market: of orders as they were traded, and of the rest of the options as what it adds up to.

    What has ended is not on the broker's list any more, and counts as long as it is among the orders.
    """
    over = {number: one for number, one in orders.items() if 0 < one.ends_utc_ns <= now_utc_ns}
    lots: Counter[str] = Counter()
    for one in left(over).values():
        lots[one.market] += one.lots
    rest = Counter(held)
    for number in orders.keys() - over.keys():
        lots[orders[number].market] += orders[number].lots
        for symbol, ratio in orders[number].ratios.items():
            rest[symbol] -= ratio * orders[number].lots
    lots.update(structures({s: count for s, count in rest.items() if not 0 < ends_utc_ns([s]) <= now_utc_ns}))
    return {market: count for market, count in lots.items() if count}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endings:
    """What has ended in cash since: the orders by their numbers, what was left of them as fills, and the last time."""

    numbers: Collection[int] = ()
    fills: Sequence[Fill] = ()
    ends_utc_ns: int = 0


async def endings(held: Mapping[int, Held], told: TradierMarkets, markets: Mapping[str, Market]) -> Endings:
    """What has ended of what is held; nothing yet, where the close of the day is not told."""
    if not any(one.ends_utc_ns for one in held.values()):
        return Endings()
    try:
        before_utc_ns = await told.now_utc_ns() - GRACE_NS
        due = {number: one for number, one in held.items() if 0 < one.ends_utc_ns <= before_utc_ns}
        fills = []
        for number, one in left(due).items():
            close_points = await told.close_points(one.market, one.day)
            if close_points is None:
                return Endings()
            if one.market in markets:
                fills.append(settled_fill(number, one, markets[one.market], close_points))
    except Transient:  # it is told later
        return Endings()
    return Endings(numbers=due, fills=fills, ends_utc_ns=max((one.ends_utc_ns for one in due.values()), default=0))


def settled_fill(number: int, one: Held, market: Market, close_points: Decimal) -> Fill:
    """What is left of an order, settled at the index's close."""
    worth = worth_points(one.ratios, close_points)
    ticks = (worth * market.ticks_per_point).to_integral_value(ROUND_HALF_EVEN)
    microusd = worth * market.ticks_per_point * market.tick_value_microusd
    return Fill(
        execution_id=f"{number}-settled",
        client_order_id="",
        market=one.market,
        side=-1 if one.lots > 0 else 1,
        lots=abs(one.lots),
        price_ticks=int(ticks),
        fee_microusd=0,
        ts_event_utc_ns=one.ends_utc_ns,
        settled_microusd_per_lot=int(microusd.to_integral_value(ROUND_HALF_EVEN)),
        opened_by=one.client_order_id,
    )


def _known(symbol: str) -> Contract:
    option = contract(symbol)
    if option is None:
        raise ValueError(f"{symbol!r} is no option")
    return option


def _dated(symbol: str) -> str:
    """The symbol, once it is known to name an option with a date that there is; raises ValueError."""
    date.isoformat(_known(symbol).day)
    return symbol

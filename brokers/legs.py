"""Options of a structure: their symbols, which way round it was traded, and how many structures legs add up to."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from gamma.events import Intent, OrderType
from gamma.ports import Rejected
from gamma.structures import Right

# The class in which an index's options trade, where it is not the index's own.
ROOTS: Final = {"SPXW": "SPX", "NDXP": "NDX", "RUTW": "RUT"}
_SYMBOL: Final = re.compile(r"([A-Z]{1,6})(\d{6})([CP])(\d{8})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """An option as its symbol names it; `expires` as YYMMDD."""

    root: str
    expires: str
    call: bool
    strike_points: Decimal

    @property
    def underlying(self) -> str:
        """What it is an option on."""
        return ROOTS.get(self.root, self.root)

    @property
    def day(self) -> date:
        """When it ends."""
        return date.fromisoformat(f"20{self.expires[:2]}-{self.expires[2:4]}-{self.expires[4:]}")

    @property
    def right(self) -> Right:
        """Call or put."""
        return Right.CALL if self.call else Right.PUT


@dataclass(frozen=True, slots=True, kw_only=True)
class TradedLeg:
    """One leg of an order: `contracts` bought (+) or sold (-) in all, and what was paid for one [points], or None.

    `opens` tells that it may open a position; one that only closes is told as such by some brokers.
    """

    symbol: str
    contracts: int
    paid_points: Decimal | None = None
    opens: bool = True


def contract(symbol: str) -> Contract | None:
    """What an option's symbol says; None where it is no option's."""
    found = _SYMBOL.fullmatch(symbol)
    if found is None:
        return None
    root, expires, right, strike = found.groups()
    return Contract(root=root, expires=expires, call=right == "C", strike_points=Decimal(strike) / 1000)


def worth_points(ratios: Mapping[str, int], close_points: Decimal) -> Decimal:
    """What a structure is worth where the underlying ends there; `ratios` are its options when it is bought.

    Raises: ValueError when a symbol is no option's.
    """
    worth = Decimal(0)
    for symbol, ratio in ratios.items():
        option = contract(symbol)
        if option is None:
            raise ValueError(f"{symbol!r} is no option")
        above = close_points - option.strike_points
        worth += ratio * max(Decimal(0), above if option.call else -above)
    return worth


def unfit_price(intent: Intent) -> Rejected | None:
    """Why no structure can be ordered so, by its kind and price; None where one can."""
    if intent.order_type is OrderType.MARKET:
        return None
    if intent.order_type is not OrderType.LIMIT:
        text = f"an order of several legs is by limit or at market, not {intent.order_type}"
        return Rejected(code="not_supported", text=text)
    if intent.price_ticks > 0:
        return None
    return Rejected(code="bad_price", text=f"{intent.price_ticks} ticks: a credit or a debit is above 0")


def unfit_legs(intent: Intent, example: str) -> Rejected | None:
    """Why the legs are no options in the order's market, with an example of one; None where they are."""
    for leg in intent.legs:
        option = contract(leg.symbol)
        if option is None or option.underlying != intent.market or not leg.ratio:
            text = f"{leg.ratio:+d} {leg.symbol!r} is no leg in {intent.market}; name options as {example}"
            return Rejected(code="bad_legs", text=text)
    return None


def direction(legs: Iterable[TradedLeg]) -> int:
    """Whether a structure was bought (1) or sold (-1), by which of its options are dearer; 0 where that is not plain.

    A put is dearer the higher its strike, a call the lower: those that were sold are the dearer ones of a credit.
    """
    worth = Decimal(0)
    for leg in legs:
        option = contract(leg.symbol)
        if option is None:
            return 0
        worth += leg.contracts * (-option.strike_points if option.call else option.strike_points)
    return (worth > 0) - (worth < 0)


def structures(held: Mapping[str, int]) -> dict[str, int]:
    """How many structures options add up to, by underlying: bought (+) or sold (-).

    A spread of puts and one of calls on the same day, both sold, are an iron condor: one. An option without another
    beside it counts for one by itself, so that nothing that is held is left out.
    """
    found: Counter[str] = Counter()
    days: dict[tuple[str, str], dict[bool, list[TradedLeg]]] = {}
    for symbol, contracts in held.items():
        option = contract(symbol)
        if option is not None and contracts:
            day = days.setdefault((option.underlying, option.expires), {True: [], False: []})
            day[option.call].append(TradedLeg(symbol=symbol, contracts=contracts))
    for (underlying, _), wings in days.items():
        counts = [_wing(legs) for legs in wings.values()]
        alike = counts[0] * counts[1] > 0
        found[underlying] += max(counts, key=abs) if alike else sum(counts)
    return {underlying: lots for underlying, lots in found.items() if lots}


def _wing(legs: Sequence[TradedLeg]) -> int:
    """Spreads of one right, and what is left over of it."""
    bought = sum(leg.contracts for leg in legs if leg.contracts > 0)
    sold = -sum(leg.contracts for leg in legs if leg.contracts < 0)
    return min(bought, sold) * direction(legs) + bought - sold


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneStructure:
    """What of an order of several legs was filled: lots on a side, and each leg's contracts a lot."""

    market: str
    side: int
    lots: int
    legs: tuple[TradedLeg, ...]


def lots_held(held: Mapping[str, int], done: Iterable[DoneStructure]) -> dict[str, int]:
    """How many structures options add up to, by underlying, where it is known of some how they were traded.

    What is known is counted as it was traded, and the rest as what it adds up to. Of an order whose options end on a
    day of which none is held any more, nothing is left: those have ended.
    """
    days = {(named.underlying, named.expires) for symbol in held if (named := contract(symbol)) is not None}
    lots: Counter[str] = Counter()
    rest = Counter(held)
    for one in done:
        options = [contract(leg.symbol) for leg in one.legs]
        if all(option is not None and (option.underlying, option.expires) in days for option in options):
            lots[one.market] += one.side * one.lots
            for leg in one.legs:
                rest[leg.symbol] -= leg.contracts * one.lots
    lots.update(structures(rest))
    return {market: count for market, count in lots.items() if count}

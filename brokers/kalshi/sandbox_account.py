"""Money at the sandbox: what is held and what it cost, fees, and what it would bring in."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from typing import Final

from brokers.kalshi.sandbox_events import EventMarket
from brokers.kalshi.sandbox_orders import Execution

FEE_RATE: Final = Decimal("0.07")
CENT: Final = Decimal("0.01")
FINEST: Final = Decimal("0.0001")


@dataclass
class Held:
    """Contracts of one market, first in first out: (contracts, price of YES [cents]); YES above 0, NO below."""

    lots: deque[tuple[int, int]] = field(default_factory=deque)
    traded: int = 0
    realized: int = 0
    fees_usd: Decimal = Decimal(0)
    ts_utc_ns: int = 0

    @property
    def count(self) -> int:
        """Contracts, signed."""
        return sum(count for count, _ in self.lots)

    @property
    def cost(self) -> int:
        """What they cost [cents]: NO costs what YES lacks of a dollar."""
        return sum(count * price if count > 0 else -count * (100 - price) for count, price in self.lots)

    def book(self, count: int, price: int) -> int:
        """Book signed contracts at a price; gives the cash that comes in [cents]."""
        left, cash = count, 0
        while left and self.lots and self.lots[0][0] * left < 0:
            held, paid = self.lots[0]
            closed = max(-abs(left), min(abs(left), held))
            cash += closed * price if closed > 0 else -closed * (100 - price)
            self.realized += closed * (price - paid)
            left += closed
            self.lots.popleft()
            if held != closed:
                self.lots.appendleft((held - closed, paid))
        if left:
            opened = left * price if left > 0 else -left * (100 - price)
            self.lots.append((left, price))
            self.traded += opened
            cash -= opened
        return cash


@dataclass
class Account:
    """Cash and what is held, as of some time."""

    cash_usd: Decimal
    held: dict[str, Held] = field(default_factory=dict)


def fee_usd(before: Sequence[Execution], count: int, price: int) -> Decimal:
    """The fee of one execution: that of the order so far in whole cents, rounded up, less what was charged before.

    fee(order) = sum of 0.07 C p (1 - p), each rounded up to 0.0001; then up to 0.01      [usd]
    """
    exact = sum((_exact_usd(e.count, e.price) for e in before if e.taker), _exact_usd(count, price))
    return exact.quantize(CENT, ROUND_CEILING) - sum((e.fee_usd for e in before), Decimal(0))


def _exact_usd(count: int, price: int) -> Decimal:
    return (FEE_RATE * count * price * (100 - price) / 10_000).quantize(FINEST, ROUND_CEILING)


def worth_cents(account: Account, market: EventMarket, now_utc_ns: int) -> int:
    """What is held would bring in now [cents]: YES at its best bid, NO at its own."""
    total = 0
    for ticker, held in account.held.items():
        if held.count:
            yes, no = market.bids(ticker, now_utc_ns)
            levels = yes if held.count > 0 else no
            total += abs(held.count) * (levels[0][0] if levels else held.cost // abs(held.count))
    return total

"""The paper account: net positions, first in first out, and money in whole micro-dollars."""

from collections import deque
from typing import final

from gamma.events import Fill
from gamma.markets import MICRO, Kind, Market


@final
class Account:
    """What the fills add up to; `realised_microusd` is the P&L of what was closed, by market and before fees."""

    def __init__(self, starting_capital_microusd: int) -> None:
        self.balance_microusd = starting_capital_microusd
        self.realised_microusd: dict[str, int] = {}
        self._held: dict[str, deque[tuple[int, int]]] = {}

    def lots(self, symbol: str) -> int:
        """Net position of a market [signed lots]."""
        return sum(lots for lots, _ in self._held.get(symbol, ()))

    def positions(self) -> dict[str, int]:
        """Net positions of the markets that are not flat [signed lots]."""
        return {symbol: self.lots(symbol) for symbol, held in self._held.items() if held}

    def book(self, fill: Fill, market: Market) -> None:
        """Book one execution: what it closes is realised against the oldest lots, the rest opens."""
        held = self._held.setdefault(fill.market, deque())
        left = fill.side * fill.lots
        # A settlement is to the cent, which may lie between two ticks.
        settled = fill.settled_microusd_per_lot
        beside = 0 if settled is None else settled - fill.price_ticks * market.tick_value_microusd
        while left and held and held[0][0] * left < 0:
            lots, price = held[0]
            closed = max(-abs(left), min(abs(left), lots))
            self._realise(fill.market, market.value_microusd(fill.price_ticks - price, closed) + beside * closed)
            left += closed
            if closed == lots:
                held.popleft()
            else:
                held[0] = (lots - closed, price)
        if left:
            held.append((left, fill.price_ticks))
        self.balance_microusd -= fill.fee_microusd

    def _realise(self, symbol: str, microusd: int) -> None:
        self.balance_microusd += microusd
        self.realised_microusd[symbol] = self.realised_microusd.get(symbol, 0) + microusd

    def average_ticks(self, symbol: str) -> float:
        """Average price of what is held of a market [ticks]; 0 where nothing is."""
        held = self._held.get(symbol, ())
        lots = sum(lots for lots, _ in held)
        return sum(lots * price for lots, price in held) / lots if lots else 0.0

    def open_microusd(self, market: Market, price_ticks: float) -> int:
        """Open P&L of one market at a price [micro-dollars]."""
        ticks = sum(lots * (price_ticks - paid) for lots, paid in self._held.get(market.symbol, ()))
        return round(ticks * market.tick_value_microusd)

    def spent_microusd(self, market: Market) -> int:
        """Cash that is in event contracts: what was paid for YES, and for NO 100 less the price [micro-dollars]."""
        if market.kind is not Kind.EVENT:
            return 0
        return sum(margin_microusd(market, lots, paid) for lots, paid in self._held.get(market.symbol, ()))


def margin_microusd(market: Market, lots: int, price_ticks: float) -> int:
    """Margin of signed lots at a price [micro-dollars]; an event contract costs all that it can lose."""
    if market.kind is Kind.EVENT:
        at_risk = price_ticks if lots > 0 else 100 * market.ticks_per_point - price_ticks
        return round(abs(lots) * at_risk * market.tick_value_microusd)
    if market.margin_microusd_per_lot:
        return abs(lots) * market.margin_microusd_per_lot
    if not market.margin_frac:
        return 0
    return round(abs(lots) * market.margin_usd_per_lot(market.points(price_ticks)) * MICRO)

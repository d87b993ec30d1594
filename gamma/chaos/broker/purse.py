"""The money of an account at the fake broker: positions first in, first out, in whole micro-dollars."""

from collections import deque
from collections.abc import Mapping
from typing import final

from gamma.chaos.broker.observed import Executed
from gamma.chaos.broker.quirks import Contract


@final
class Purse:
    """What executions add up to."""

    __slots__ = ("_contracts", "_held", "balance_microusd", "lots")

    def __init__(self, start_microusd: int, contracts: Mapping[str, Contract]) -> None:
        self.balance_microusd = start_microusd
        self.lots: dict[str, int] = {}
        self._contracts = contracts
        self._held: dict[str, deque[list[int]]] = {}

    def book(self, done: Executed) -> None:
        """Add one execution: it closes the oldest lots of the other side first."""
        held = self._held.setdefault(done.market, deque())
        value = self._contracts[done.market].tick_value_microusd
        left = done.lots
        while left and held and held[0][0] == -done.side:
            side, lots, price = held[0]
            closed = min(left, lots)
            self.balance_microusd += side * closed * (done.price_ticks - price) * value
            left -= closed
            held[0][1] -= closed
            if not held[0][1]:
                held.popleft()
        if left:
            held.append([done.side, left, done.price_ticks])
        self.balance_microusd -= done.fee_microusd
        self.lots[done.market] = self.lots.get(done.market, 0) + done.side * done.lots

    def equity_microusd(self, last_ticks: Mapping[str, int]) -> int:
        """Balance, and what the open lots would bring at the last prices [micro-dollars]."""
        equity = self.balance_microusd
        for market, held in self._held.items():
            value = self._contracts[market].tick_value_microusd
            equity += sum(side * lots * (last_ticks.get(market, price) - price) * value for side, lots, price in held)
        return equity

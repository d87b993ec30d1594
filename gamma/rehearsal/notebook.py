"""What a rehearsal remembers, in place of a ledger."""

from collections.abc import Sequence
from typing import final

from gamma.effects import Tick
from gamma.events import (
    EquityMarked,
    Halt,
    Halted,
    OrderFilled,
    Recorded,
    Trade,
    TradeClosed,
)
from gamma.notices import Notice


@final
class Notebook:
    """A store that keeps what the figures are made of."""

    def __init__(self) -> None:
        self.trades: list[Trade] = []
        self.marks: list[EquityMarked] = []
        self.halts: list[Halt] = []
        self._booked: set[str] = set()
        self._ticks: dict[str, int] = {}

    def append(
        self,
        facts: Sequence[Recorded],
        notices: Sequence[Notice] = (),  # noqa: ARG002 - they reach nobody
        ticks: Sequence[Tick] = (),
    ) -> None:
        """Keep what is told of."""
        for fact in facts:
            if isinstance(fact, EquityMarked):
                self.marks.append(fact)
            elif isinstance(fact, TradeClosed):
                self.trades.append(fact.trade)
            elif isinstance(fact, OrderFilled):
                self._booked.add(fact.fill.execution_id)
            elif isinstance(fact, Halted):
                self.halts.append(fact.halt)
        for tick in ticks:
            self._ticks[tick.strategy] = tick.slot_utc_ns

    def commit(self) -> None:
        """Nothing is on disk."""

    def check_lease(self) -> None:
        """Nobody else writes here."""

    def has_fill(self, execution_id: str) -> bool:
        """Whether the execution was booked."""
        return execution_id in self._booked

    def last_tick(self, strategy: str) -> int | None:
        """The last slot that the strategy decided on."""
        return self._ticks.get(strategy)

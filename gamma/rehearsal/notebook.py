"""What a rehearsal remembers: what figures are made of, and where one is wanted a ledger like any other."""

from collections.abc import Sequence
from typing import Final, final

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
from gamma.ledger import Ledger
from gamma.notices import Notice

# In a rehearsal nothing is at stake: a crash begins it anew, and the ledger need not be on disk before an order goes.
COMMIT_STEPS: Final = 20_000


@final
class Notebook:
    """A store that keeps what the figures are made of, and lets a new ledger keep all of it."""

    def __init__(self, ledger: Ledger | None = None) -> None:
        self.trades: list[Trade] = []
        self.marks: list[EquityMarked] = []
        self.halts: list[Halt] = []
        self._booked: set[str] = set()
        self._ticks: dict[str, int] = {}
        self._ledger = ledger
        self._steps = 0

    def append(self, facts: Sequence[Recorded], notices: Sequence[Notice] = (), ticks: Sequence[Tick] = ()) -> None:
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
        if self._ledger is not None:
            self._write(self._ledger, facts, notices, ticks)

    def _write(
        self, ledger: Ledger, facts: Sequence[Recorded], notices: Sequence[Notice], ticks: Sequence[Tick]
    ) -> None:
        ledger.append(facts, notices, ticks)
        self._steps += 1
        if self._steps % COMMIT_STEPS == 0:
            ledger.commit()

    def commit(self) -> None:
        """The ledger is committed in large pieces, and by whoever closes it."""

    def check_lease(self) -> None:
        """Nobody else writes here."""

    def has_fill(self, execution_id: str) -> bool:
        """Whether the execution was booked."""
        return execution_id in self._booked

    def last_tick(self, strategy: str) -> int | None:
        """The last slot that the strategy decided on."""
        return self._ticks.get(strategy)

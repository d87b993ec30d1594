"""The paper broker in the suite: MNQ by limit, and bars that trade through it."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar, final

from brokers import paper
from brokers.paper import PaperBroker
from gamma.events import Intent, OrderType
from gamma.ports import Broker
from tests.brokers.desk import MARKETS, bar, entry
from tests.contract.points import Point
from tests.contract.rig import Case, Fault

T = TypeVar("T")
_FAULTS = {
    Fault.REJECT: paper.Fault.REJECT,
    Fault.LOST_REQUEST: paper.Fault.DROP_REQUEST,
    Fault.LOST_ANSWER: paper.Fault.LOSE_ANSWER,
}
_NO_WIRE = "it is in this process: nothing is sent"


@final
class PaperRig:
    """A paper account in a file."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "paper.db"
        self._minute = 0
        self._paper = self._opened()
        self._bar(20_000, 20_000)

    @property
    def broker(self) -> Broker:
        return self._paper

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(doing)

    def restart(self) -> None:
        self.run(self._paper.close())
        self._paper = self._opened()

    def resting(self, client_order_id: str, lots: int) -> Intent:
        return entry(client_order_id, 1, lots, order_type=OrderType.LIMIT, price_ticks=79_000)

    def trade(self, lots: int) -> None:
        self._bar(19_800, 19_700, volume_lots=10.0 * lots)  # an order has a tenth of the volume

    def expire(self) -> None:
        raise NotImplementedError

    def settle(self) -> None:
        """Everything shows at once."""

    def fault(self, fault: Fault) -> None:
        self._paper.faults.append(_FAULTS[fault])

    def there(self, client_order_id: str) -> int:
        return sum(o.client_order_id == client_order_id for o in paper.paper_truth(self._path)[2])

    def _opened(self) -> PaperBroker:
        return PaperBroker.open(
            {}, account="paper-1", starting_capital_microusd=50_000_000_000, markets=MARKETS, state_path=self._path
        )

    def _bar(self, opening: float, low: float, volume_lots: float = 1_000.0) -> None:
        self._minute += 1
        self._paper.trade_through(bar(self._minute, (opening, opening, low, opening), volume_lots=volume_lots))


CASE = Case(
    name="paper",
    open=PaperRig,
    lacks={
        Point.BODIES: _NO_WIRE,
        Point.HEADERS: _NO_WIRE,
        Point.LIMITS: _NO_WIRE,
        Point.TOKENS: _NO_WIRE,
        Point.WORDS: _NO_WIRE,
        Point.ENVIRONMENTS: "it is paper alone, and a live configuration refuses it",
        Point.EXPIRY: "its orders work until they are cancelled",
    },
)

"""What the suite asks of a broker: an adapter, and the exchange behind it in the hands of a test.

A new broker is one file: a class that is a `Rig`, or a `WireRig` where it is spoken to over HTTP, and a `Case`.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from gamma.events import Fill, Intent, OrderState
from gamma.ports import Accepted, Broker, BrokerOrder, Found, Placed
from tests.brokers.desk import approve
from tests.contract.points import Point

T = TypeVar("T")


class Fault(StrEnum):
    """What goes wrong with the next placing."""

    REJECT = "reject"
    LOST_REQUEST = "lost request"
    LOST_ANSWER = "lost answer"


class Rig(Protocol):
    """A broker and its exchange, both in one process and without a clock of their own.

    `resting` is an entry that nothing fills until `trade` lets so many lots of what works trade. `settle` lets pass
    what time it takes until everything shows; `there` is how many orders the exchange has under an id of ours.
    """

    @property
    def broker(self) -> Broker: ...
    def run(self, doing: Coroutine[Any, Any, T]) -> T: ...
    def restart(self) -> None: ...
    def resting(self, client_order_id: str, lots: int) -> Intent: ...
    def trade(self, lots: int) -> None: ...
    def expire(self) -> None: ...
    def settle(self) -> None: ...
    def fault(self, fault: Fault) -> None: ...
    def there(self, client_order_id: str) -> int: ...


@runtime_checkable
class WireRig(Rig, Protocol):
    """A broker that is spoken to over HTTP.

    `answer` is what comes back for the next placing, which is carried out or not; `answer_reads` for the next read.
    `bodies` are pairs of request bodies, ours and an independent client's; `headers` what is sent, and what must be.
    `words` is the state that each of the broker's words is told as, `known_words` those of an independent source.
    `mixed` are attempts to open or connect in the wrong environment.
    """

    def answer(self, status: int, body: bytes, *, carried_out: bool) -> None: ...
    def answer_reads(self, status: int, body: bytes) -> None: ...
    def sent(self) -> int: ...
    def bodies(self) -> Sequence[tuple[Mapping[str, str], Mapping[str, str]]]: ...
    def headers(self) -> tuple[Mapping[str, str], Mapping[str, str]]: ...
    def words(self) -> Mapping[str, OrderState]: ...
    def known_words(self) -> frozenset[str]: ...
    def show_word(self, client_order_id: str, word: str) -> None: ...
    def mixed(self) -> Sequence[Callable[[], object]]: ...


@runtime_checkable
class TokenRig(WireRig, Protocol):
    """A broker whose key ends by itself, and has to be renewed.

    `set_clock` has the adapter begin anew on a machine whose clock is so much ahead of the broker's; the next answers
    to a renewal are errors by `lose_renewals`. `logins` counts how often the user was asked who they are.
    """

    def let_pass(self, seconds: float) -> None: ...
    def set_clock(self, ahead_s: float) -> None: ...
    def lose_renewals(self, count: int) -> None: ...
    def logins(self) -> int: ...


@dataclass(frozen=True)
class Case:
    """One broker in the suite; `lacks` are the points that do not apply to it, and why."""

    name: str
    open: Callable[[Path], Rig]
    lacks: Mapping[Point, str] = field(default_factory=dict)


class Trader:
    """What the tests do at a rig."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    def place(self, client_order_id: str, lots: int = 1) -> Placed:
        intent = self.rig.resting(client_order_id, lots)
        return self.rig.run(self.rig.broker.place(approve(intent), intent, ()))

    def accept(self, client_order_id: str, lots: int = 1) -> None:
        placed = self.place(client_order_id, lots)
        assert isinstance(placed, Accepted), placed
        self.rig.settle()

    def order(self, client_order_id: str) -> BrokerOrder:
        found = self.rig.run(self.rig.broker.find(client_order_id))
        assert isinstance(found, Found), found
        return found.order

    def cancel(self, client_order_id: str) -> Placed:
        placed = self.rig.run(self.rig.broker.cancel(client_order_id))
        self.rig.settle()
        return placed

    def trade(self, lots: int) -> None:
        self.rig.trade(lots)
        self.rig.settle()

    def fills(self, marker: str = "") -> dict[str, Fill]:
        """All fills after a marker by their ids, as the daemon pages through them."""
        found: dict[str, Fill] = {}
        while True:
            page = self.rig.run(self.rig.broker.fills_since(marker))
            found = {fill.execution_id: fill for fill in page.fills} | found
            if not page.fills or page.marker == marker:
                return found
            marker = page.marker

    def marker(self) -> str:
        """Where reading goes on from."""
        marker = ""
        while True:
            page = self.rig.run(self.rig.broker.fills_since(marker))
            if not page.fills or page.marker == marker:
                return page.marker
            marker = page.marker

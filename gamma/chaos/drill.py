"""Drills: a broker's real adapter in schedules of crashes and faults, at a sandbox of its own in this process.

A broker offers a `Drill` by the entry point group `gamma.drills`, under the name that it has in `gamma.brokers`, and
`gamma chaos --broker NAME` runs it. Time, network, crashes, people, prices and judges are those of every schedule.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final, Protocol, runtime_checkable

import httpx

from gamma import plugins
from gamma.chaos.broker.observed import Doubled, Received, Record
from gamma.chaos.simulation.faults import Fault
from gamma.chaos.simulation.world import BRISK, START_UTC_NS, Move, Traded, move_at
from gamma.clock import NS
from gamma.errors import ConfigInvalid
from gamma.markets import Market
from gamma.ports import Broker, Capabilities

ACCOUNT: Final = "chaos"
CAPITAL_USD: Final = 1_000_000
ALERTS_HOST: Final = "alerts.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it leaves and as it arrives; `target` is its path with its query, headers are in lower case."""

    method: str
    host: str
    target: str
    headers: Mapping[str, str]
    body: bytes


Served = tuple[int, Mapping[str, str], bytes]
"""Status, headers, body."""


class Aim(StrEnum):
    """What a request is for."""

    READ = "read"
    """It changes no order and shows none: fills, positions, money, prices, a login."""
    ORDERS = "orders"
    """It shows orders."""
    CHANGE = "change"
    """It changes an order: a cancel, another price."""
    PLACE = "place"
    """It places an order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a request is for, and the client order id of the order that it places (its bracket goes unnamed)."""

    aim: Aim
    client_order_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What the markets of a schedule do, as a function of its seed."""

    seed: int
    markets: Mapping[str, Traded]

    def move(self, symbol: str, now_utc_ns: int) -> Move:
        """The last move of a market [ticks]: low, high and close of five seconds."""
        move_ns = BRISK.move_s * NS
        return move_at(self.seed, self.markets[symbol], BRISK, max(START_UTC_NS, now_utc_ns // move_ns * move_ns))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a schedule gives a venue: its seed, prices, money [usd], and what is to go wrong.

    Of the faults a venue brings about those that only a broker can, as far as its kind has them: `REJECTS` (it refuses
    orders), `FILLS` (it fills in parts) and `SLUGGISH` (a cancel takes effect late, lists come in short pages).
    """

    seed: int
    prices: Prices
    capital_usd: int
    faults: frozenset[Fault]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What an adapter is opened on: the network, the markets, and the machine's clock, which may be set wrong."""

    transport: httpx.AsyncBaseTransport
    markets: Mapping[str, Market]
    wall_ns: Callable[[], int]


@runtime_checkable
class Venue(Protocol):
    """A broker's sandbox for one schedule, and what an observer inside of it knows.

    `adapter` opens the real adapter, anew for each life of the daemon; one that does not speak HTTP carries its
    messages as requests. Its stream is never opened: where it hints, the schedule does that by chance. `serve` answers
    a request that arrived, `advance` lets time pass, every five seconds; `grow_calm` is told when nothing is to go
    wrong any more. `aim` says of a request what it is for, from its bytes alone. `log` is all that really happened so
    far, with the ids that the adapter's orders and fills must have; `in_order` puts it in order.
    """

    def adapter(self, line: Line) -> Broker: ...
    def serve(self, asked: Asked, now_utc_ns: int) -> Served: ...
    def advance(self, now_utc_ns: int) -> None: ...
    def grow_calm(self) -> None: ...
    def aim(self, asked: Asked) -> Sent: ...
    def log(self) -> Sequence[Record]: ...


@runtime_checkable
class Drill(Protocol):
    """What a broker offers to be tried in schedules; `capabilities` are its adapter's on paper.

    Strategies go long and short in each market but sell only where it has legs. With `averages`, the broker tells what
    an order cost in all but not what each execution did, and fills are compared order by order.
    """

    @property
    def capabilities(self) -> Capabilities: ...
    @property
    def markets(self) -> Sequence[Traded]: ...
    @property
    def averages(self) -> bool: ...
    def open(self, scene: Scene) -> Venue: ...


@cache
def drill_of(broker: str) -> Drill:
    """The drill that a broker offers.

    Raises: ConfigInvalid when it offers none.
    """
    made = plugins.named(plugins.DRILLS, broker, "chaos").load()()
    if not isinstance(made, Drill):
        raise ConfigInvalid(f"{plugins.DRILLS} {broker!r}: {type(made).__name__} is no gamma.chaos.drill.Drill")
    return made


def in_order(records: Iterable[Record]) -> list[Record]:
    """Records by their time; a second order under a client order id is told as what it is."""
    told: list[Record] = []
    first: dict[str, str] = {}
    for record in sorted(records, key=lambda r: r.ts_utc_ns):
        if isinstance(record, Received):
            known_as = first.setdefault(record.client_order_id, record.order_id)
            if known_as != record.order_id:
                told.append(
                    Doubled(
                        ts_utc_ns=record.ts_utc_ns,
                        client_order_id=record.client_order_id,
                        order_id=record.order_id,
                        first_order_id=known_as,
                    )
                )
        told.append(record)
    return told

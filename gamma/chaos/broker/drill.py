"""The fake broker and its adapter as a drill: the first of all, of which each schedule draws one kind."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, final

from gamma.chaos.broker.adapter import ChaosBroker
from gamma.chaos.broker.exchange import Exchange
from gamma.chaos.broker.observed import Record
from gamma.chaos.broker.quirks import Quirks
from gamma.chaos.broker.terms import capabilities, contracts_of
from gamma.chaos.drill import ACCOUNT, Aim, Asked, Line, Prices, Scene, Sent, Served
from gamma.chaos.simulation.faults import Fault
from gamma.chaos.simulation.world import MES, MNQ, XSP, Traded
from gamma.markets import MICRO, market
from gamma.ports import Broker, Capabilities
from gamma.wire import Wire

REJECT_FRAC: Final = 0.15
CANCEL_S: Final = 8.0  # long enough for the market to move before a cancel takes effect
PAGE_SIZE: Final = 3


@final
@dataclass(frozen=True, slots=True)
class ChaosDrill:
    """A kind of fake broker; option spreads are traded where it takes orders of several legs."""

    quirks: Quirks
    averages: bool = False

    @property
    def capabilities(self) -> Capabilities:
        """What may be expected of its kind."""
        return capabilities(self.quirks)

    @property
    def markets(self) -> Sequence[Traded]:
        """Two futures in small, and spreads."""
        return (MES, MNQ, XSP) if self.quirks.multi_leg else (MES, MNQ)

    def open(self, scene: Scene) -> "ChaosVenue":
        """Open an account at a broker of this kind, as it is while things go wrong."""
        return ChaosVenue(self, scene)


@final
class ChaosVenue:
    """One account at the fake broker."""

    def __init__(self, drill: ChaosDrill, scene: Scene) -> None:
        self._quirks = _paged(drill.quirks, scene)
        self._prices: Prices = scene.prices
        self.exchange = Exchange(
            _worse(self._quirks, scene),
            contracts_of({traded.symbol: market(traded.symbol) for traded in drill.markets}),
            scene.seed,
            start_microusd=scene.capital_usd * MICRO,
        )

    def adapter(self, line: Line) -> Broker:
        """The adapter that all fake brokers have."""
        wire = Wire("http://127.0.0.1", transport=line.transport)
        return ChaosBroker(wire, self._quirks, account=ACCOUNT, markets=line.markets)

    def serve(self, asked: Asked, now_utc_ns: int) -> Served:
        """Answer a request."""
        path, _, query = asked.target.partition("?")
        return self.exchange.handle(asked.method, path, query, asked.body, now_utc_ns)

    def advance(self, now_utc_ns: int) -> None:
        """Each market makes its move."""
        for symbol in self._prices.markets:
            move = self._prices.move(symbol, now_utc_ns)
            self.exchange.trade(symbol, move.low, move.high, move.close, now_utc_ns)

    def grow_calm(self) -> None:
        """From here on the broker does what it is asked."""
        self.exchange.floor.quirks = replace(self._quirks, odd_status_frac=0.0)

    def aim(self, asked: Asked) -> Sent:
        """What a request is for."""
        return aim_of(asked)

    def log(self) -> Sequence[Record]:
        """What happened, in its order."""
        return self.exchange.log


def aim_of(asked: Asked) -> Sent:
    """What a request to the fake broker is for."""
    if not asked.target.startswith("/orders"):
        return Sent(aim=Aim.READ)
    if asked.method == "GET":
        return Sent(aim=Aim.ORDERS)
    if asked.method == "POST" and asked.target == "/orders":
        return Sent(aim=Aim.PLACE, client_order_id=str(json.loads(asked.body)["client_order_id"]))
    return Sent(aim=Aim.CHANGE)


def _paged(quirks: Quirks, scene: Scene) -> Quirks:
    """The broker's lists, in pages as long as they are in this schedule."""
    return replace(quirks, page_size=PAGE_SIZE) if Fault.SLUGGISH in scene.faults else quirks


def _worse(quirks: Quirks, scene: Scene) -> Quirks:
    """The broker as it is while things go wrong."""
    parts = Fault.FILLS in scene.faults
    return replace(
        quirks,
        reject_frac=REJECT_FRAC if Fault.REJECTS in scene.faults else 0.0,
        partial_frac=0.5 if parts else 0.0,
        fills_repeat=quirks.fills_repeat or parts,
        cancel_s=CANCEL_S if Fault.SLUGGISH in scene.faults else quirks.cancel_s,
    )

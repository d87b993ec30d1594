"""Alpaca in schedules of crashes and faults: credit spreads on SPY, sold and bought back by its adapter."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, final

from brokers.alpaca.adapter import AlpacaBroker
from brokers.alpaca.params import AlpacaParams
from brokers.alpaca.sandbox import ACCOUNT, KEY_ID, SECRET, AlpacaSandbox
from brokers.alpaca.sandbox_shapes import order_number
from brokers.sandbox.drill import Mishaps, records_of, served
from brokers.sandbox.spread_quotes import SpreadQuotes
from brokers.sandbox.tickets import Store
from gamma.chaos.broker.observed import Record
from gamma.chaos.drill import Aim, Asked, Line, Scene, Sent, Served, in_order
from gamma.chaos.simulation.world import Traded
from gamma.events import Leg
from gamma.ports import Broker, Capabilities

REFUSAL: Final = "rejected by the exchange"
_PARAMS: Final = AlpacaParams.model_validate(
    {"environment": "paper", "account_id": ACCOUNT, "key_id": KEY_ID, "secret": SECRET, "url": "http://127.0.0.1"}
)
_LEGS: Final = (Leg(symbol="SPY260417P00580000", ratio=1), Leg(symbol="SPY260417P00575000", ratio=-1))
SPY: Final = Traded(symbol="SPY", first_ticks=200, step_ticks=6, legs=_LEGS, width_ticks=500)


@final
class AlpacaDrill:
    """Spreads of two options on SPY."""

    markets: Sequence[Traded] = (SPY,)
    averages: bool = False

    @property
    def capabilities(self) -> Capabilities:
        """The adapter's, on paper."""
        return AlpacaBroker(_PARAMS, {}).capabilities

    def open(self, scene: Scene) -> "AlpacaVenue":
        """Open the account."""
        return AlpacaVenue(scene)


@final
class AlpacaVenue:
    """One paper account at the sandbox."""

    def __init__(self, scene: Scene) -> None:
        quotes = SpreadQuotes(scene.prices, SPY)
        self.sandbox = AlpacaSandbox(quotes, Store(None, ACCOUNT), capital_usd=Decimal(scene.capital_usd))
        self._mishaps = Mishaps(self.sandbox.floor, scene, REFUSAL)

    def adapter(self, line: Line) -> Broker:
        """The adapter, opened anew."""
        return AlpacaBroker(_PARAMS, line.markets, line.transport)

    def serve(self, asked: Asked, now_utc_ns: int) -> Served:
        """Answer a request."""
        self._mishaps.before(placing=self.aim(asked).aim is Aim.PLACE)
        return served(self.sandbox, asked, now_utc_ns)

    def advance(self, now_utc_ns: int) -> None:
        """Time passes."""
        self._mishaps.before(placing=False)
        self.sandbox.advance(now_utc_ns)

    def grow_calm(self) -> None:
        """Nothing goes wrong any more."""
        self._mishaps.grow_calm()

    def aim(self, asked: Asked) -> Sent:
        """What a request is for."""
        if "/orders" not in asked.target:
            return Sent(aim=Aim.READ)
        if asked.method == "GET":
            return Sent(aim=Aim.ORDERS)
        if asked.method == "POST":
            return Sent(aim=Aim.PLACE, client_order_id=json.loads(asked.body)["client_order_id"])
        return Sent(aim=Aim.CHANGE)

    def log(self) -> Sequence[Record]:
        """The sandbox's orders, as an observer would have written them down."""
        tickets = self.sandbox.floor.tickets.values()
        return in_order(record for ticket in tickets for record in records_of(ticket, order_number(ticket)))

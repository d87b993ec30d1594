"""Tradier in schedules of crashes and faults: credit spreads in XSP, sold and bought back by its adapter."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, final
from urllib.parse import parse_qs

from brokers.sandbox.drill import Mishaps, records_of, served
from brokers.sandbox.spread_quotes import SpreadQuotes
from brokers.sandbox.tickets import Store
from brokers.tradier.adapter import TradierBroker
from brokers.tradier.params import TradierParams
from brokers.tradier.sandbox import ACCOUNT, TOKEN, TradierSandbox
from gamma.chaos.broker.observed import Record
from gamma.chaos.drill import Aim, Asked, Line, Scene, Sent, Served, in_order
from gamma.chaos.simulation.faults import Fault
from gamma.chaos.simulation.world import XSP, Traded
from gamma.ports import Broker, Capabilities

REFUSAL: Final = "AccountMarginRuleViolation"
_PARAMS: Final = TradierParams.model_validate(
    {"environment": "paper", "account_id": ACCOUNT, "token": TOKEN, "url": "http://127.0.0.1/v1"}
)
LAG_S: Final = 20.0  # half a minute was seen at the real one


@final
class TradierDrill:
    """Spreads of two options on XSP."""

    markets: Sequence[Traded] = (XSP,)
    averages: bool = True

    @property
    def capabilities(self) -> Capabilities:
        """The adapter's, on paper."""
        return TradierBroker(_PARAMS, {}).capabilities

    def open(self, scene: Scene) -> "TradierVenue":
        """Open the account."""
        return TradierVenue(scene)


@final
class TradierVenue:
    """One paper account at the sandbox."""

    def __init__(self, scene: Scene) -> None:
        quotes = SpreadQuotes(scene.prices, XSP)
        self.sandbox = TradierSandbox(quotes, Store(None, ACCOUNT), capital_usd=Decimal(scene.capital_usd))
        self.sandbox.lag_s = LAG_S if Fault.SLUGGISH in scene.faults else self.sandbox.lag_s
        self._mishaps = Mishaps(self.sandbox.floor, scene, REFUSAL)

    def adapter(self, line: Line) -> Broker:
        """The adapter, opened anew."""
        return TradierBroker(_PARAMS, line.markets, line.transport)

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
            [tag] = parse_qs(asked.body.decode())["tag"]
            return Sent(aim=Aim.PLACE, client_order_id=tag)
        return Sent(aim=Aim.CHANGE)

    def log(self) -> Sequence[Record]:
        """The sandbox's orders, as an observer would have written them down."""
        return in_order(record for ticket in self.sandbox.floor.tickets.values() for record in records_of(ticket))

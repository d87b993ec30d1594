"""Tradovate in schedules of crashes and faults: micros with brackets, at its sandbox."""

import json
from collections.abc import Sequence
from typing import Final, final

from brokers.sandbox.drill import Mishaps, Names, WorldPrices, records_at, served
from brokers.sandbox.floor import Floor
from brokers.sandbox.orders import journal
from brokers.tradovate.adapter import CANCEL, MODIFY, PLACE, PLACE_BRACKET, TradovateBroker
from brokers.tradovate.params import TradovateParams
from brokers.tradovate.sandbox import ACCOUNT, TradovateSandbox
from brokers.tradovate.sandbox_sessions import PASSWORD, USERNAME
from brokers.tradovate.sandbox_shapes import FILL_ID
from gamma.chaos.broker.observed import Record
from gamma.chaos.drill import Aim, Asked, Line, Scene, Sent, Served
from gamma.chaos.simulation.world import MES, MNQ, Traded
from gamma.markets import MICRO
from gamma.ports import Broker, Capabilities

REFUSAL: Final = "RiskCheck"
_PARAMS: Final = TradovateParams.model_validate(
    {
        "environment": "paper",
        "account_id": ACCOUNT,
        "username": USERNAME,
        "password": PASSWORD,
        "url": "http://127.0.0.1/v1",
    }
)
_NAMES: Final = Names(execution_id=lambda done: str(FILL_ID + done.number))
_ORDERS: Final = ("/order/", "/orderVersion/", "/command/")


@final
class TradovateDrill:
    """Two micros, long and short, with and without brackets."""

    markets: Sequence[Traded] = (MES, MNQ)
    averages: bool = False

    @property
    def capabilities(self) -> Capabilities:
        """The adapter's, in the demo environment."""
        return TradovateBroker(_PARAMS, {}).capabilities

    def open(self, scene: Scene) -> "TradovateVenue":
        """Open the account."""
        return TradovateVenue(scene)


@final
class TradovateVenue:
    """One demo account at the sandbox."""

    def __init__(self, scene: Scene) -> None:
        floor = Floor(WorldPrices(scene.prices), journal(None, ACCOUNT), scene.capital_usd * MICRO)
        self.sandbox = TradovateSandbox(floor)
        self._mishaps = Mishaps(floor, scene, REFUSAL)

    def adapter(self, line: Line) -> Broker:
        """The adapter, opened anew."""
        return TradovateBroker(_PARAMS, line.markets, line.transport, now_utc_ns=line.wall_ns)

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
        path = asked.target.partition("?")[0].removeprefix("/v1")
        if path in (PLACE, PLACE_BRACKET):
            return Sent(aim=Aim.PLACE, client_order_id=json.loads(asked.body)["clOrdId"])
        if path in (CANCEL, MODIFY):
            return Sent(aim=Aim.CHANGE)
        return Sent(aim=Aim.ORDERS if path.startswith(_ORDERS) else Aim.READ)

    def log(self) -> Sequence[Record]:
        """The floor's orders, as an observer would have written them down."""
        return records_at(self.sandbox.floor, _NAMES)

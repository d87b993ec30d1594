"""OANDA in schedules of crashes and faults: gold with stop and target, at its sandbox."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, final

from brokers.oanda.adapter import OandaBroker
from brokers.oanda.params import OandaParams
from brokers.oanda.sandbox import ACCOUNT, MARKET, TOKEN, OandaSandbox
from brokers.oanda.sandbox_transactions import notes
from brokers.sandbox.drill import Mishaps, Names, WorldPrices, records_at, served
from brokers.sandbox.orders import LotOrder, journal
from gamma.chaos.broker.observed import Canceled, Record, Refused
from gamma.chaos.drill import Aim, Asked, Line, Scene, Sent, Served
from gamma.chaos.simulation.world import Traded
from gamma.ports import Broker, Capabilities

GOLD: Final = Traded(symbol=MARKET, first_ticks=265_000, step_ticks=60)
REFUSAL: Final = "insufficient_margin"
_PARAMS: Final = OandaParams.model_validate(
    {"environment": "paper", "account_id": ACCOUNT, "token": TOKEN, "url": "http://127.0.0.1/v3"}
)
_ORDERS: Final = ("/orders", "/pendingOrders", "/transactions")


@final
class OandaDrill:
    """Spot gold, long and short, with and without a bracket."""

    markets: Sequence[Traded] = (GOLD,)
    averages: bool = False

    @property
    def capabilities(self) -> Capabilities:
        """The adapter's, on practice."""
        return OandaBroker(_PARAMS, {}).capabilities

    def open(self, scene: Scene) -> "OandaVenue":
        """Open the account."""
        return OandaVenue(scene)


@final
class OandaVenue:
    """One practice account at the sandbox."""

    def __init__(self, scene: Scene) -> None:
        prices, capital = WorldPrices(scene.prices), Decimal(scene.capital_usd)
        self.sandbox = OandaSandbox(prices, journal(None, ACCOUNT), notes(None, ACCOUNT), capital_usd=capital)
        self._mishaps = Mishaps(self.sandbox.floor, scene, REFUSAL)
        self.sandbox.floor.cancel_s = 0.0  # a cancel is final there
        log = self.sandbox.log

        def order_id(order: LotOrder) -> str:
            return str(log.at_floor.get(order.number, f"floor {order.number}"))

        self._names = Names(order_id=order_id, execution_id=log.execution)

    def adapter(self, line: Line) -> Broker:
        """The adapter, opened anew."""
        return OandaBroker(_PARAMS, line.markets, line.transport)

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
        path = asked.target.partition("?")[0].removeprefix(f"/v3/accounts/{ACCOUNT}")
        if asked.method == "POST":
            return Sent(aim=Aim.PLACE, client_order_id=json.loads(asked.body)["order"]["clientExtensions"]["id"])
        if asked.method == "PUT":
            return Sent(aim=Aim.CHANGE)
        return Sent(aim=Aim.ORDERS if path.startswith(_ORDERS) else Aim.READ)

    def log(self) -> Sequence[Record]:
        """The floor's orders, as an observer would have written them down.

        What cannot be filled whole at once is refused: the answer to the order says so.
        """
        fok = {self._names.client_id(o): o.reason for o in self.sandbox.floor.orders.values() if o.reason == "fok"}
        return [_refused(record, fok) for record in records_at(self.sandbox.floor, self._names)]


def _refused(record: Record, fok: Mapping[str, str]) -> Record:
    if not isinstance(record, Canceled) or record.client_order_id not in fok:
        return record
    return Refused(
        ts_utc_ns=record.ts_utc_ns,
        client_order_id=record.client_order_id,
        order_id=record.order_id,
        code=fok[record.client_order_id],
    )

"""`gamma brokers sandbox alpaca`: Alpaca on this machine, with a market that is made up."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import final

from brokers.alpaca.sandbox import ACCOUNT, KEY_ID, SECRET, AlpacaSandbox
from brokers.alpaca.sandbox_markets import UNDERLYINGS
from brokers.sandbox.answers import Request
from brokers.sandbox.option_market import SimulatedOptions
from brokers.sandbox.prices import BarPrices
from brokers.sandbox.serving import Serving
from brokers.sandbox.tickets import Store
from gamma.ports import SandboxAnswered, SandboxOpened, SandboxOrder


@final
class AlpacaSandboxServer:
    """Alpaca's paper environment on loopback, trading and data on one port: SPY, QQQ and IWM, an expiry a day."""

    async def serve(
        self,
        order: SandboxOrder,
        opened: Callable[[SandboxOpened], None],
        answered: Callable[[SandboxAnswered], None],
    ) -> None:
        """Serve until it is cancelled.

        Raises: InputInvalid when the faults are none; ConfigInvalid when the file is another account's.
        """
        serving = Serving(order=order, answered=answered, asked=_asked)
        store = Store(order.state_path, f"{ACCOUNT} at alpaca, from {order.capital_usd:g} usd")
        sandbox = AlpacaSandbox(
            SimulatedOptions(order.seed, UNDERLYINGS),
            store,
            capital_usd=Decimal(str(order.capital_usd)),
            prices=BarPrices.simulated(order.seed, UNDERLYINGS),
        )

        def told(port: int) -> None:
            url = f"http://127.0.0.1:{port}"
            keys = {"key_id": KEY_ID, "secret": SECRET}
            settings = {"environment": "paper", "account_id": ACCOUNT, **keys, "url": url}
            opened(SandboxOpened(url=url, settings=settings, markets=UNDERLYINGS))

        try:
            await serving.run(sandbox, told)
        finally:
            store.close()


def _asked(request: Request) -> str:
    """What an order asks for, in a few words."""
    if request.method != "POST":
        return ""
    try:
        body = json.loads(request.body)
        legs = [f"{leg['position_intent']} {leg['symbol']}" for leg in body["legs"]]
        return " ".join([body["type"], str(body.get("limit_price", "")), str(body.get("client_order_id", "")), *legs])
    except (ValueError, KeyError, TypeError):
        return ""

"""`gamma brokers sandbox oanda`: OANDA on this machine, with a market that is made up."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import final

from brokers.oanda.sandbox import ACCOUNT, MARKET, TOKEN, OandaSandbox
from brokers.oanda.sandbox_transactions import notes
from brokers.sandbox.answers import Request
from brokers.sandbox.orders import journal
from brokers.sandbox.prices import BarPrices
from brokers.sandbox.serving import Serving
from gamma.ports import SandboxAnswered, SandboxOpened, SandboxOrder


@final
class OandaSandboxServer:
    """OANDA's practice environment on loopback: spot gold."""

    async def serve(
        self,
        order: SandboxOrder,
        opened: Callable[[SandboxOpened], None],
        answered: Callable[[SandboxAnswered], None],
    ) -> None:
        """Serve until it is cancelled.

        Raises: InputInvalid when the faults are none; ConfigInvalid when the file is another account's.
        """
        serving = Serving(order=order, answered=answered, asked=_order)
        name = f"{ACCOUNT} at oanda, from {order.capital_usd:g} usd"
        store, noted = journal(order.state_path, name), notes(order.state_path, name)
        prices = BarPrices.simulated(order.seed, (MARKET,))
        sandbox = OandaSandbox(prices, store, noted, capital_usd=Decimal(str(order.capital_usd)))

        def told(port: int) -> None:
            url = f"http://127.0.0.1:{port}/v3"
            settings = {"environment": "paper", "account_id": ACCOUNT, "token": TOKEN, "url": url}
            opened(SandboxOpened(url=url, settings=settings, markets=(MARKET,)))

        try:
            await serving.run(sandbox, told)
        finally:
            store.close()
            noted.close()


def _order(request: Request) -> str:
    """What an order asks for, in a few words."""
    try:
        order = json.loads(request.body)["order"] if request.body else {}
        named = order.get("clientExtensions", {}).get("id", "")
        stop = order.get("stopLossOnFill", {}).get("price", "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    words = (order.get("type"), order.get("units"), order.get("instrument"), order.get("price"), named)
    return " ".join([str(word) for word in words if word] + ([f"stop {stop}"] if stop else []))

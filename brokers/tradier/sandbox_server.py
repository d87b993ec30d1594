"""`gamma brokers sandbox tradier`: Tradier on this machine, with a market that is made up."""

from collections.abc import Callable
from decimal import Decimal
from typing import final

from brokers.sandbox.answers import Request
from brokers.sandbox.option_market import SimulatedOptions
from brokers.sandbox.serving import Serving
from brokers.sandbox.tickets import Store
from brokers.tradier.sandbox import ACCOUNT, TOKEN, TradierSandbox
from gamma.ports import SandboxAnswered, SandboxOpened, SandboxOrder

UNDERLYINGS = ("SPX", "NDX", "XSP", "RUT")


@final
class TradierSandboxServer:
    """Tradier's paper environment on loopback: SPX, NDX, XSP and RUT, an expiry a day."""

    async def serve(
        self,
        order: SandboxOrder,
        opened: Callable[[SandboxOpened], None],
        answered: Callable[[SandboxAnswered], None],
    ) -> None:
        """Serve until it is cancelled.

        Raises: InputInvalid when the faults are none; ConfigInvalid when the file is another account's.
        """
        serving = Serving(order=order, answered=answered, asked=_form)
        store = Store(order.state_path, f"{ACCOUNT} at tradier, from {order.capital_usd:g} usd")
        quotes = SimulatedOptions(order.seed, UNDERLYINGS)
        sandbox = TradierSandbox(quotes, store, capital_usd=Decimal(str(order.capital_usd)))

        def told(port: int) -> None:
            url = f"http://127.0.0.1:{port}/v1"
            settings = {"environment": "paper", "account_id": ACCOUNT, "token": TOKEN, "url": url}
            opened(SandboxOpened(url=url, settings=settings, markets=UNDERLYINGS))

        try:
            await serving.run(sandbox, told)
        finally:
            store.close()


def _form(request: Request) -> str:
    """What an order asks for, in a few words."""
    form = request.form if request.method == "POST" else {}
    if "class" not in form:
        return ""
    legs = [
        f"{form.get(f'side[{n}]', '')} {form[f'option_symbol[{n}]']}" for n in range(4) if f"option_symbol[{n}]" in form
    ]
    return " ".join([form.get("type", ""), form.get("price", ""), form.get("tag", ""), *legs])

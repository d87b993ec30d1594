"""`gamma brokers sandbox tradovate`: Tradovate on this machine, with a market that is made up."""

import json
from collections.abc import Callable
from typing import Any, Final, final

from brokers.sandbox.answers import Answer, Request
from brokers.sandbox.floor import Floor
from brokers.sandbox.orders import journal
from brokers.sandbox.prices import BarPrices
from brokers.sandbox.serving import Serving, refusal
from brokers.tradovate.sandbox import ACCOUNT, TradovateSandbox
from brokers.tradovate.sandbox_contracts import PRODUCTS
from brokers.tradovate.sandbox_sessions import PASSWORD, USERNAME
from gamma.markets import MICRO
from gamma.ports import SandboxAnswered, SandboxOpened, SandboxOrder

_TOLD: Final = ("clOrdId", "action", "orderQty", "symbol", "orderType", "price", "stopPrice", "orderId")


@final
class TradovateSandboxServer:
    """Tradovate's demo environment on loopback: the e-minis and micros of the four indices."""

    async def serve(
        self,
        order: SandboxOrder,
        opened: Callable[[SandboxOpened], None],
        answered: Callable[[SandboxAnswered], None],
    ) -> None:
        """Serve until it is cancelled.

        Raises: InputInvalid when the faults are none; ConfigInvalid when the file is another account's.
        """
        serving = Serving(order=order, answered=answered, asked=_asked, text=_text)
        store = journal(order.state_path, f"{ACCOUNT} at tradovate, from {order.capital_usd:g} usd")
        floor = Floor(BarPrices.simulated(order.seed, PRODUCTS), store, round(order.capital_usd * MICRO))

        def told(port: int) -> None:
            url = f"http://127.0.0.1:{port}/v1"
            settings = {"environment": "paper", "account_id": ACCOUNT, "username": USERNAME, "password": PASSWORD}
            opened(SandboxOpened(url=url, settings=settings | {"url": url}, markets=PRODUCTS))

        try:
            await serving.run(TradovateSandbox(floor), told)
        finally:
            store.close()


def _asked(request: Request) -> str:
    """What an order asks for, in a few words; of what comes by a socket, which operation it is."""
    if request.method == "SEND":
        return request.body.partition(b"\n")[0].decode(errors="replace")
    body = _object(request.body)
    brackets = [body[name] for name in ("bracket1", "bracket2") if isinstance(body.get(name), dict)]
    return " + ".join(" ".join(str(part[name]) for name in _TOLD if name in part) for part in (body, *brackets))


def _text(answer: Answer | None) -> str:
    if answer is None:
        return ""
    told = _object(answer.body)
    failed = [str(told[name]) for name in ("failureReason", "failureText", "errorText", "p-ticket") if told.get(name)]
    return " ".join(failed) or refusal(answer)


def _object(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body or b"{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}

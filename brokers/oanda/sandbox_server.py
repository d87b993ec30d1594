"""`gamma brokers sandbox oanda`: OANDA on this machine, with a market that is made up."""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import final

from brokers.oanda.sandbox import ACCOUNT, MARKET, TOKEN, OandaSandbox
from brokers.oanda.sandbox_transactions import NOTED
from brokers.sandbox.answers import Answer, Request
from brokers.sandbox.faults import Fault, faults_of
from brokers.sandbox.orders import journal
from brokers.sandbox.prices import BarPrices
from brokers.sandbox.server import Server
from brokers.sandbox.store import EntryStore
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
        faults = faults_of(order.faults)
        name = f"{ACCOUNT} at oanda, from {order.capital_usd:g} usd"
        store = journal(order.state_path, name)
        notes = EntryStore(order.state_path, name, NOTED, lambda noted: str(noted.number), "notes")
        prices = BarPrices.simulated(order.seed, (MARKET,))
        sandbox = OandaSandbox(prices, store, notes, capital_usd=Decimal(str(order.capital_usd)))

        def told(request: Request, answer: Answer | None, fault: Fault | None) -> None:
            answered(
                SandboxAnswered(
                    method=request.method,
                    path=request.path,
                    asked=_order(request),
                    status=answer.status if answer is not None else 0,
                    text=_text(answer),
                    fault=str(fault or ""),
                )
            )

        server = Server(sandbox=sandbox, faults=faults, seed=order.seed, told=told)
        try:
            async with server.listening(order.port) as port:
                url = f"http://127.0.0.1:{port}/v3"
                settings = {"environment": "paper", "account_id": ACCOUNT, "token": TOKEN, "url": url}
                opened(SandboxOpened(url=url, settings=settings))
                await asyncio.Event().wait()
        finally:
            store.close()
            notes.close()


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


def _text(answer: Answer | None) -> str:
    return "" if answer is None or answer.status < 400 else answer.body[:200].decode(errors="replace")

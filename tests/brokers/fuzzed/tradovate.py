"""Tradovate's answers, to be fuzzed."""

import json
import tempfile
from collections.abc import Callable, Collection, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from brokers.tradovate.adapter import TradovateBroker
from brokers.tradovate.params import TradovateParams
from brokers.tradovate.sandbox_shapes import FILL_ID
from gamma.events import Fill, Intent
from tests.brokers.desk import approve, bracket, entry
from tests.brokers.fuzz import ODD, Case, Fuzzed, Said, recorded
from tests.contract.tradovate import LIMIT, MARKETS, PARAMS, START_UTC_NS, TradovateRig

MNQ_ALONE: Final = {"MNQ": MARKETS["MNQ"]}
PARAMS_READ: Final = TradovateParams.model_validate(PARAMS)


def opened(transport: httpx.AsyncBaseTransport) -> TradovateBroker:
    return TradovateBroker(PARAMS_READ, MNQ_ALONE, transport, now_utc_ns=lambda: START_UTC_NS)


def changes(request: httpx.Request) -> bool:
    """A login and a look at the cash are asked by POST too, and change nothing."""
    return request.method == "POST" and request.url.path.startswith("/v1/order/")


def accepted(status: int, told: Any) -> Collection[str]:
    """The numbers of the orders that the answer plainly says were taken."""
    plain = status == 200 and told.get("failureReason", "Success") == "Success" and not told.get("errorText")
    return [str(told[name]) for name in ("orderId", "oso1Id", "oso2Id") if told.get(name)] if plain else []


def wrong_fill(fill: Fill) -> bool:
    """Whole lots of our markets, at a price on the tick."""
    return fill.lots < 1 or fill.market not in MNQ_ALONE or type(fill.price_ticks) is not int


def placing(intent: Intent, children: Sequence[Intent] = ()) -> Callable[[Any], Coroutine[Any, Any, Any]]:
    """An entry goes out once it was seen to what it needs to know."""

    async def ask(broker: Any) -> Any:
        await broker.connect()
        return await broker.place(approve(intent), intent, children)

    return ask


def fuzzed() -> Fuzzed:
    """Calls at a sandbox with an order that filled in part, one that sleeps beside it, and a position."""
    with tempfile.TemporaryDirectory() as folder:
        rig = TradovateRig(Path(folder))
        held, waits = entry("g-1-1", 1, 2), rig.resting("g-1-2", 3)
        for intent, children in ((held, bracket(held, LIMIT - 50)), (waits, bracket(waits, LIMIT - 60, 90_000))):
            rig.run(rig.broker.place(approve(intent), intent, children))
            rig.settle()
        rig.trade(1)
        new = rig.resting("g-1-9", 1)
        order = str(min(rig.sandbox.floor.orders))
        asks = (
            lambda b: b.orders({"g-1-1": order}),
            lambda b: b.find("g-1-2"),
            lambda b: b.open_orders(),
            lambda b: b.fills_since(""),
            lambda b: b.fills_since(json.dumps([FILL_ID, [FILL_ID + 1]])),
            lambda b: b.positions(),
            lambda b: b.account(),
            lambda b: b.connect(),
            placing(new),
            placing(new, bracket(new, LIMIT - 100, LIMIT + 100)),
            lambda b: b.cancel("g-1-2"),
            lambda b: b.replace("g-1-1s", LIMIT - 40),
        )

        def run(doing: Any) -> Any:
            rig.network.wait(61)  # no more logins a minute than are taken
            return rig.run(doing)

        cases = list(recorded(opened, rig.network, run, asks, changes))
    taken = next(case for case in cases if case.answers[-1].body.startswith(b'{"orderId"'))
    refusals = (
        b'{"failureReason": "MaxPosLimitReached", "failureText": "no more"}',
        b'{"p-ticket": "ticket", "p-time": 15, "p-captcha": false}',
    )
    refused = [Case(taken.ask, (*taken.answers[:-1], Said(200, body, changing=True))) for body in refusals]
    odd = (*ODD, "Success", "Working", "Filled", "Completed", "Buy", "New", "MNQZ6", {"p-ticket": "t", "p-time": 1})
    return Fuzzed(
        open=opened, cases=[*cases, *refused], accepted=accepted, wrong_fill=wrong_fill, changes=changes, odd=odd
    )

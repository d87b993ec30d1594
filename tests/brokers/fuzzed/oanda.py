"""OANDA's answers, to be fuzzed."""

import json
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import httpx

from brokers.oanda.adapter import OandaBroker
from brokers.oanda.params import OandaParams
from gamma.events import Fill
from tests.brokers.desk import approve, bracket, entry
from tests.brokers.fuzz import ODD, Case, Fuzzed, Said, recorded
from tests.contract.oanda import GOLD, MARKETS, PARAMS, OandaRig

PARAMS_READ: Final = OandaParams.model_validate(PARAMS)


def opened(transport: httpx.AsyncBaseTransport) -> OandaBroker:
    return OandaBroker(PARAMS_READ, MARKETS, transport)


def changes(request: httpx.Request) -> bool:
    return request.method != "GET"


def accepted(status: int, told: Any) -> Collection[str]:
    """The numbers of the orders that the answer plainly says were taken, and work or were filled."""
    plain = status == 201 and ("orderFillTransaction" in told or not _ended(told))
    return [str(told["orderCreateTransaction"]["id"])] if plain else []


def _ended(told: Any) -> bool:
    number = told["orderCreateTransaction"]["id"]
    names = ("orderCancelTransaction", "replacingOrderCancelTransaction")
    ended = [told[name] for name in names if isinstance(told.get(name), dict)]
    return any(row.get("orderID") == number for row in ended)


def wrong_fill(fill: Fill) -> bool:
    """Whole lots of gold, at a price on a tick."""
    return fill.lots < 1 or fill.market != GOLD or type(fill.price_ticks) is not int or not fill.execution_id


def fuzzed() -> Fuzzed:
    """Calls at a sandbox with a position, its stop and target, an order that filled in part, and a day's swap."""
    with tempfile.TemporaryDirectory() as folder:
        rig = OandaRig(Path(folder))
        held, waits = entry("g-1-1", 1, 2, GOLD), rig.resting("g-1-2", 3)
        for intent, children in ((held, bracket(held, 264_000, 267_000)), (waits, ())):
            rig.run(rig.broker.place(approve(intent), intent, children))
            rig.settle()
        rig.sandbox.floor.depth_lots = 1
        rig.trade(1)
        rig.settle()
        new = rig.resting("g-1-9", 1)
        children = bracket(new, 264_000, 267_000)
        first = str(rig.sandbox.log.named("g-1-1")[0].row["id"])
        asks = (
            lambda b: b.orders({"g-1-1": first, "g-1-1s": ""}),
            lambda b: b.find("g-1-2"),
            lambda b: b.find("g-1-99"),
            lambda b: b.open_orders(),
            lambda b: b.fills_since(""),
            lambda b: b.fills_since(json.dumps([3, {GOLD: -5}])),
            lambda b: b.positions(),
            lambda b: b.account(),
            lambda b: b.connect(),
            lambda b: b.clock(),
            lambda b: b.quotes([GOLD]),
            lambda b: b.place(approve(new), new, children),
            lambda b: b.replace("g-1-1s", 264_250),
            lambda b: b.cancel("g-1-2"),
        )
        cases = list(recorded(opened, rig.network, rig.run, asks, changes))
    taken = next(case for case in cases if b"orderCreateTransaction" in case.answers[-1].body)
    odd = (
        *ODD,
        "PENDING",
        "FILLED",
        "CANCELLED",
        "ORDER_FILL",
        "ORDER_CANCEL",
        "0.15",
        "0.20",
        "5",
        "7",
        GOLD,
    )
    return Fuzzed(
        open=opened,
        cases=[*cases, *_refused(taken)],
        accepted=accepted,
        wrong_fill=wrong_fill,
        changes=changes,
        odd=odd,
    )


def _refused(taken: Case) -> list[Case]:
    """The same order, refused: in a 400, and in a 201 that cancels what it creates."""
    told = json.loads(taken.answers[-1].body)
    number = told["orderCreateTransaction"]["id"]
    ended = told | {"orderCancelTransaction": {"id": "99", "orderID": number, "reason": "INSUFFICIENT_MARGIN"}}
    plain = {"errorCode": "UNITS_PRECISION_EXCEEDED", "errorMessage": "Units precision exceeded"}
    said = [Said(201, json.dumps(ended).encode(), changing=True), Said(400, json.dumps(plain).encode(), changing=True)]
    return [Case(taken.ask, (*taken.answers[:-1], each)) for each in said]

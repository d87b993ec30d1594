"""Tradier's answers, to be fuzzed."""

import json
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import httpx

from brokers.tradier.adapter import TradierBroker
from brokers.tradier.params import TradierParams
from gamma.events import Fill
from tests.brokers.desk import approve
from tests.brokers.fuzz import ODD, Case, Fuzzed, Said, recorded
from tests.brokers.option_quotes import CONDOR, sold
from tests.contract.tradier import MARKETS, PARAMS, TradierRig

PARAMS_READ: Final = TradierParams.model_validate(PARAMS)


def opened(transport: httpx.AsyncBaseTransport) -> TradierBroker:
    return TradierBroker(PARAMS_READ, MARKETS, transport)


def accepted(status: int, told: Any) -> Collection[str]:
    """The number of an order that the answer plainly says was taken."""
    plain = 200 <= status < 300 and told["order"]["status"] == "ok" and "errors" not in told
    return [str(told["order"]["id"])] if plain else []


def wrong_fill(fill: Fill) -> bool:
    """A lot of SPX is a fill."""
    return fill.lots != 1 or fill.market != "SPX"


def fuzzed() -> Fuzzed:
    """Calls at a sandbox with three orders, of which one lot traded."""
    with tempfile.TemporaryDirectory() as folder:
        rig = TradierRig(Path(folder))
        for intent in (sold("g-1-1", 3), sold("g-1-2", 2, 12), sold("g-1-3", 1, 20, CONDOR)):
            rig.run(rig.broker.place(approve(intent), intent, ()))
        rig.settle()
        rig.trade(1)
        rig.settle()
        first, new = min(rig.sandbox.floor.tickets), sold("g-1-9")
        marker = json.dumps([0, {str(first): [0, 0]}])
        asks = (
            lambda b: b.orders({"g-1-1": str(first)}),
            lambda b: b.find("g-1-2"),
            lambda b: b.open_orders(),
            lambda b: b.fills_since(""),
            lambda b: b.fills_since(marker),
            lambda b: b.positions(),
            lambda b: b.account(),
            lambda b: b.connect(),
            lambda b: b.clock(),
            lambda b: b.quotes(["SPX"]),
            lambda b: b.place(approve(new), new, ()),
            lambda b: b.cancel("g-1-1"),
        )
        cases = list(recorded(opened, rig.network, rig.run, asks))
    refusal = Case(
        lambda b: b.place(approve(new), new, ()), (Said(200, b'{"errors": {"error": ["refused"]}}', changing=True),)
    )
    odd = (*ODD, {"order": None}, "100001", "VA00000001", "SPX", "multileg")
    return Fuzzed(open=opened, cases=[*cases, refusal], accepted=accepted, wrong_fill=wrong_fill, odd=odd)

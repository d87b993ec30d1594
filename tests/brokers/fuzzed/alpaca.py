"""Alpaca's answers, to be fuzzed."""

import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import httpx

from brokers.alpaca.adapter import AlpacaBroker
from brokers.alpaca.params import AlpacaParams
from gamma.events import Fill
from tests.brokers.desk import approve
from tests.brokers.fuzz import ODD, Case, Fuzzed, Said, recorded
from tests.contract.alpaca import CONDOR, MARKETS, PARAMS, AlpacaRig, sold
from tests.contract.rig import Trader

PARAMS_READ: Final = AlpacaParams.model_validate(PARAMS)


def opened(transport: httpx.AsyncBaseTransport) -> AlpacaBroker:
    return AlpacaBroker(PARAMS_READ, MARKETS, transport)


def accepted(status: int, told: Any) -> Collection[str]:
    """The number of an order that the answer plainly says was taken."""
    plain = 200 <= status < 300 and told["client_order_id"] == "g-1-9"
    return [told["id"]] if plain else []


def wrong_fill(fill: Fill) -> bool:
    """A lot of SPY is a fill."""
    return fill.lots != 1 or fill.market != "SPY"


def fuzzed() -> Fuzzed:
    """Calls at a sandbox with three orders, of which one lot traded."""
    with tempfile.TemporaryDirectory() as folder:
        rig = AlpacaRig(Path(folder))
        for intent in (sold("g-1-1", 3), sold("g-1-2", 2, 12), sold("g-1-3", 1, 35, CONDOR)):
            rig.run(rig.broker.place(approve(intent), intent, ()))
        rig.settle()
        rig.trade(1)
        rig.settle()
        marker, new = Trader(rig).marker(), sold("g-1-9")
        asks = (
            lambda b: b.orders({"g-1-1": "", "g-1-2": ""}),
            lambda b: b.find("g-1-2"),
            lambda b: b.open_orders(),
            lambda b: b.fills_since(""),
            lambda b: b.fills_since(marker),
            lambda b: b.positions(),
            lambda b: b.account(),
            lambda b: b.connect(),
            lambda b: b.clock(),
            lambda b: b.quotes(["SPY"]),
            lambda b: b.place(approve(new), new, ()),
            lambda b: b.cancel("g-1-1"),
        )
        cases = list(recorded(opened, rig.network, rig.run, asks))
    refusal = Case(
        lambda b: b.place(approve(new), new, ()),
        (Said(403, b'{"code": 40310000, "message": "insufficient options buying power"}', changing=True),),
    )
    odd = (*ODD, "g-1-9", "mleg", "SPY", "FILL", "OPEXP", "sell", "2026-11-20T15:00:00Z", "PA0000000001")
    return Fuzzed(open=opened, cases=[*cases, refusal], accepted=accepted, wrong_fill=wrong_fill, odd=odd)

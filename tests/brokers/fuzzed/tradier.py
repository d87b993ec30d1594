"""Tradier's answers, to be fuzzed."""

import json
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import httpx

from brokers.tradier.adapter import TradierBroker
from brokers.tradier.params import TradierParams
from gamma.clock import NS
from gamma.events import Fill
from gamma.markets import MICRO
from tests.brokers.desk import approve
from tests.brokers.fuzz import ODD, Case, Fuzzed, Said, recorded
from tests.brokers.option_quotes import CONDOR, PUT_SPREAD, sold
from tests.contract.tradier import MARKETS, PARAMS, START_UTC_NS, TradierRig

PARAMS_READ: Final = TradierParams.model_validate(PARAMS)


def opened(transport: httpx.AsyncBaseTransport) -> TradierBroker:
    return TradierBroker(PARAMS_READ, MARKETS, transport)


def accepted(status: int, told: Any) -> Collection[str]:
    """The number of an order that the answer plainly says was taken."""
    plain = 200 <= status < 300 and told["order"]["status"] == "ok" and "errors" not in told
    return [str(told["order"]["id"])] if plain else []


def wrong_fill(fill: Fill) -> bool:
    """A lot of SPX is a fill; two lots settle, for no more than the spread is wide."""
    worth = fill.settled_microusd_per_lot
    whole = fill.lots == 1 if worth is None else fill.lots == 2 and 0 <= worth <= 1_000 * MICRO
    return not whole or fill.market != "SPX"


def of_markets() -> list[Case]:
    """Bars, and a spread that has settled: what the clock, the daily history and the time and sales say of it."""
    held = {"100001": ["g-1-1", "SPX", -2, {leg.symbol: leg.ratio for leg in PUT_SPREAD}, True]}
    marker = json.dumps([100_009, {}, held, 0])
    opened_s = START_UTC_NS // NS
    price = {"open": 6000.5, "high": 6001, "low": 5999.25, "close": 6000}
    sales = {"series": {"data": [{"timestamp": opened_s + n * 300, "volume": 0, **price} for n in range(2)]}}
    history = {"history": {"day": {"date": "2026-11-20", "close": 5796.63}}}

    def clock(after_s: int) -> Said:
        told = {"clock": {"timestamp": opened_s + after_s, "state": "open"}}
        return Said(200, json.dumps(told).encode())

    return [
        Case(lambda b: b.bars("SPX", 300, START_UTC_NS), (clock(900), Said(200, json.dumps(sales).encode()))),
        Case(
            lambda b: b.fills_since(marker),
            (Said(200, b'{"orders": null}'), clock(8 * 3_600), Said(200, json.dumps(history).encode())),
        ),
    ]


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
    return Fuzzed(
        open=opened, cases=[*cases, *of_markets(), refusal], accepted=accepted, wrong_fill=wrong_fill, odd=odd
    )

"""Kalshi's answers, to be fuzzed."""

import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import httpx

from brokers.kalshi.adapter import KalshiBroker
from brokers.kalshi.marker import Marker
from brokers.kalshi.sandbox_keys import Gate
from gamma.bars import Bar
from gamma.clock import NS
from gamma.events import Fill
from tests.brokers.desk import approve
from tests.brokers.fuzz import ODD, Case, Fuzzed, Said, recorded
from tests.contract.kalshi import MARKETS, START_UTC_NS, TICKER, KalshiRig, bought, key, params_of

LATER_UTC_NS: Final = START_UTC_NS + 9 * 3_600 * NS


def opened(transport: httpx.AsyncBaseTransport) -> KalshiBroker:
    return KalshiBroker(params_of(Gate(key().public_key())), MARKETS, transport, lambda: LATER_UTC_NS)


def accepted(status: int, told: Any) -> Collection[str]:
    """The number of an order that the answer plainly says is taken."""
    counted = all(isinstance(told.get(field), str) for field in ("fill_count", "remaining_count"))
    plain = 200 <= status < 300 and told.get("client_order_id", "g-1-9") == "g-1-9" and counted
    return [told["order_id"]] if plain else []


def wrong_fill(fill: Fill) -> bool:
    """What a contract can have been traded at, or is worth in the end."""
    in_cents = 0 <= fill.price_ticks <= 100
    return fill.lots < 1 or not in_cents or (fill.settled and fill.market != TICKER)


def fuzzed() -> Fuzzed:
    """Calls at a sandbox where one order works, one has traded, and the market was settled."""
    with tempfile.TemporaryDirectory() as folder:
        rig = KalshiRig(Path(folder))
        minute = START_UTC_NS + 60 * NS
        prices: dict[str, Any] = {f"{name}_points": 50.0 for name in ("open", "high", "low", "close")}
        one = Bar(market=TICKER, ts_open_utc_ns=START_UTC_NS, ts_close_utc_ns=minute, volume_lots=3.0, **prices)
        rig.events.told = [one]
        new = bought("g-1-9")
        marker = Marker(ts_utc_ns=START_UTC_NS).text()
        for intent in (bought("g-1-1", 3), bought("g-1-2", 2, 60)):
            rig.run(rig.broker.place(approve(intent), intent, ()))
        rig.settle()
        working = (
            lambda b: b.orders({"g-1-1": "o-000001"}),
            lambda b: b.find("g-1-2"),
            lambda b: b.open_orders(),
            lambda b: b.positions(),
            lambda b: b.account(),
            lambda b: b.connect(),
            lambda b: b.clock(),
            lambda b: b.quotes([TICKER]),
            lambda b: b.event_book(TICKER),
            lambda b: b.bars(TICKER, 60, START_UTC_NS - NS),
            lambda b: b.place(approve(new), new, ()),
            lambda b: b.cancel("g-1-1"),
        )
        now = rig.network.now_utc_ns
        at_sandbox = _at(rig, lambda: rig.network.now_utc_ns)
        cases = list(recorded(at_sandbox, rig.network, rig.run, working))
        rig.network.wait((LATER_UTC_NS - now) / NS)
        settled = (
            lambda b: b.fills_since(""),
            lambda b: b.fills_since(marker),
            lambda b: b.orders({"g-1-1": "o-000001"}),
        )
        cases += recorded(opened, rig.network, rig.run, settled)
    refused = b'{"error": {"code": "insufficient_balance", "message": "no"}}'
    refusal = Case(lambda b: b.place(approve(new), new, ()), (Said(400, refused, changing=True),))
    odd = (*ODD, "resting", "executed", "0.5600", "10.00", "0.555", "bid", "ask", "yes", "void", "o-000001", TICKER)
    return Fuzzed(open=opened, cases=[*cases, refusal], accepted=accepted, wrong_fill=wrong_fill, odd=odd)


def _at(rig: KalshiRig, now_utc_ns: Any) -> Any:
    """Opens the adapter at the sandbox's own time, which it checks signatures by."""
    return lambda transport: KalshiBroker(rig.params, MARKETS, transport, now_utc_ns)

"""Kalshi's answers, to be fuzzed."""

import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import httpx

from brokers.kalshi.adapter import KalshiBroker
from brokers.kalshi.marker import Marker
from brokers.kalshi.sandbox_keys import Gate
from gamma.bars import Bar
from gamma.clock import NS
from gamma.events import Fill, OrderType
from gamma.markets import market
from gamma.ports import Placed
from tests.brokers.desk import approve, entry
from tests.brokers.fuzz import ODD, Case, Fuzzed, Said, recorded
from tests.brokers.hand_series import OPEN_S, SERIES, SeriesRig, ticker
from tests.brokers.hand_series import START_UTC_NS as SERIES_START_UTC_NS
from tests.contract.kalshi import MARKETS, START_UTC_NS, TICKER, KalshiRig, bought, key, params_of

LATER_UTC_NS: Final = START_UTC_NS + 9 * 3_600 * NS


@final
@dataclass
class Adapters:
    """The adapter of one who trades a question, and of one who trades a series."""

    transport: httpx.AsyncBaseTransport
    now_utc_ns: Callable[[], int] = lambda: LATER_UTC_NS

    @property
    def single(self) -> KalshiBroker:
        """Opened anew."""
        return KalshiBroker(params_of(Gate(key().public_key())), MARKETS, self.transport, self.now_utc_ns)

    @property
    def series(self) -> KalshiBroker:
        """Opened anew."""
        params = params_of(Gate(key().public_key())).model_copy(update={"series": (SERIES,)})
        return KalshiBroker(params, {SERIES: market(SERIES)}, self.transport, self.now_utc_ns)

    async def order(self) -> Placed:
        """An order in the series, decided once its question was traded."""
        new = {"order_type": OrderType.LIMIT, "price_ticks": 50, "ts_event_utc_ns": LATER_UTC_NS + NS}
        intent, broker = entry("g-1-9", 1, 2, SERIES, **new), self.series
        await broker.prepare(intent)
        return await broker.place(approve(intent), intent, ())


def accepted(status: int, told: Any) -> Collection[str]:
    """The number of an order that the answer plainly says is taken."""
    counted = all(isinstance(told.get(field), str) for field in ("fill_count", "remaining_count"))
    plain = 200 <= status < 300 and told.get("client_order_id", "g-1-9") == "g-1-9" and counted
    return [told["order_id"]] if plain else []


def wrong_fill(fill: Fill) -> bool:
    """What a contract can have been traded at, or is worth in the end."""
    in_cents = 0 <= fill.price_ticks <= 100
    return fill.lots < 1 or not in_cents or (fill.settled and fill.market not in (TICKER, SERIES))


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
            lambda b: b.single.orders({"g-1-1": "o-000001"}),
            lambda b: b.single.find("g-1-2"),
            lambda b: b.single.open_orders(),
            lambda b: b.single.positions(),
            lambda b: b.single.account(),
            lambda b: b.single.connect(),
            lambda b: b.single.clock(),
            lambda b: b.single.quotes([TICKER]),
            lambda b: b.single.event_book(TICKER),
            lambda b: b.single.bars(TICKER, 60, START_UTC_NS - NS),
            lambda b: b.single.place(approve(new), new, ()),
            lambda b: b.single.cancel("g-1-1"),
        )
        now = rig.network.now_utc_ns
        at_sandbox = _at(lambda: rig.network.now_utc_ns)
        cases = list(recorded(at_sandbox, rig.network, rig.run, working))
        rig.network.wait((LATER_UTC_NS - now) / NS)
        settled = (
            lambda b: b.single.fills_since(""),
            lambda b: b.single.fills_since(marker),
            lambda b: b.single.orders({"g-1-1": "o-000001"}),
        )
        cases += recorded(Adapters, rig.network, rig.run, settled)
    refused = b'{"error": {"code": "insufficient_balance", "message": "no"}}'
    refusal = Case(lambda b: b.single.place(approve(new), new, ()), (Said(400, refused, changing=True),))
    odd = (*ODD, "resting", "executed", "0.5600", "10.00", "0.555", "bid", "ask", "yes", "void", "o-000001", TICKER)
    return Fuzzed(
        open=Adapters, cases=[*cases, *_of_a_series(), refusal], accepted=accepted, wrong_fill=wrong_fill, odd=odd
    )


def _of_a_series() -> Iterator[Case]:
    """Calls in a series of which a question was settled and the next one is open; our clock is a little behind."""
    with tempfile.TemporaryDirectory() as folder:
        rig = SeriesRig(Path(folder))
        rig.at(number := (LATER_UTC_NS - SERIES_START_UTC_NS) // (OPEN_S * NS) - 2, 100)
        rig.ready()
        rig.place("g-1-1", 5)
        rig.place("g-1-2", 5, 40)
        rig.network.wait((LATER_UTC_NS - rig.network.now_utc_ns) / NS + 8)
        open_now = (
            lambda b: b.series.connect(),
            lambda b: b.series.event_book(SERIES),
            lambda b: b.series.bars(SERIES, 60, LATER_UTC_NS - 3_600 * NS),
            lambda b: b.series.quotes([SERIES]),
            lambda b: b.series.positions(),
            lambda b: b.series.account(),
            lambda b: b.series.fills_since(""),
            lambda b: b.series.orders({"g-1-1": "", "g-1-2": ""}),
            lambda b: b.series.find("g-1-2"),
            lambda b: b.order(),
        )
        assert rig.sent() == [ticker(number)] * 2
        yield from recorded(Adapters, rig.network, rig.run, open_now)


def _at(now_utc_ns: Any) -> Any:
    """Opens the adapter at the sandbox's own time, which it checks signatures by."""
    return lambda transport: Adapters(transport, now_utc_ns)

"""A series at Kalshi's sandbox whose questions are set by hand, one after another, and an account that trades it."""

from collections.abc import Coroutine, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, final

from brokers.kalshi.adapter import KalshiBroker
from brokers.kalshi.sandbox import KalshiSandbox
from brokers.kalshi.sandbox_events import Level, Listed
from brokers.kalshi.sandbox_floor import ENTRIES, key_of
from brokers.kalshi.sandbox_keys import Gate
from brokers.sandbox.store import EntryStore
from gamma.bars import Bar
from gamma.clock import NS
from gamma.errors import Transient
from gamma.events import Intent, OrderKind, OrderType
from gamma.markets import market
from gamma.ports import Placed, Rejected
from tests.brokers.desk import approve, entry
from tests.contract.in_process import InProcess
from tests.contract.kalshi import key, params_of

T = TypeVar("T")
START_UTC_NS = 1_795_186_800 * NS  # Friday 2026-11-20, 10:00 in New York
OPEN_S, DETERMINE_S, SETTLE_S = 900, 10, 30
SERIES = "KXHAND15M"


def ticker(number: int) -> str:
    """The question of a number; the first opens at the start."""
    return f"{SERIES}-N{number:03d}-00"


@final
class HandSeries:
    """Questions that follow one another without a gap; all are quoted alike, and end as they are told to."""

    def __init__(self) -> None:
        self.yes: list[Level] = [(54, 100)]
        self.no: list[Level] = [(44, 100)]  # YES is offered at 56
        self.ends: dict[str, str] = {}
        self.opens_s: dict[int, int] = {}
        self.beside = False

    def find(self, name: str) -> Listed | None:
        series, _, rest = name.partition("-N")
        if series != SERIES or not rest[:3].isdecimal():
            return None
        number = int(rest[:3])
        opens = START_UTC_NS + number * OPEN_S * NS
        closes = opens + OPEN_S * NS
        return Listed(
            ticker=name,
            event=name.rpartition("-")[0],
            series=SERIES,
            title="Up?",
            open_utc_ns=opens + self.opens_s.get(number, 0) * NS,
            close_utc_ns=closes,
            settle_utc_ns=closes + SETTLE_S * NS,
            determine_utc_ns=closes + DETERMINE_S * NS,
        )

    def listed(self, now_utc_ns: int, since_utc_ns: int = 0) -> Sequence[Listed]:
        at = (now_utc_ns - START_UTC_NS) // (OPEN_S * NS)
        first = (since_utc_ns - START_UTC_NS) // (OPEN_S * NS) if since_utc_ns else at - 2
        names = [ticker(number) for number in range(max(0, first), at + 2)]
        names += [f"{ticker(at)[:-2]}99"] if self.beside else []
        return [found for name in names if (found := self.find(name)) is not None]

    def bids(self, name: str, now_utc_ns: int) -> tuple[Sequence[Level], Sequence[Level]]:
        found = self.find(name)
        opened = found is not None and found.status(now_utc_ns) == "active"
        return (self.yes, self.no) if opened else ([], [])

    def bars(self, name: str, bar_s: int, after_utc_ns: int, until_utc_ns: int) -> Sequence[Bar]:
        found = self.find(name)
        assert found is not None
        first = max(after_utc_ns, found.open_utc_ns) // (bar_s * NS) * bar_s + bar_s
        last = min(until_utc_ns, found.close_utc_ns) // NS
        return [_bar(name, bar_s, closes) for closes in range(first, last + 1, bar_s)]

    def traded(self, name: str, now_utc_ns: int) -> int:
        """Three contracts a minute."""
        found = self.find(name)
        assert found is not None
        return max(0, min(now_utc_ns, found.close_utc_ns) - found.open_utc_ns) // (60 * NS) * 3

    def result(self, name: str) -> str:
        return self.ends.get(name, "yes")


def _bar(name: str, bar_s: int, closes_s: int) -> Bar:
    prices: dict[str, Any] = {f"{one}_points": 55.0 for one in ("open", "high", "low", "close")}
    opens, closes = (closes_s - bar_s) * NS, closes_s * NS
    return Bar(market=name, ts_open_utc_ns=opens, ts_close_utc_ns=closes, volume_lots=bar_s / 20, **prices)


@final
class SeriesRig:
    """A demo account that trades the series, `more` beside it, in time that is set by hand."""

    def __init__(self, folder: Path, *more: str, series: tuple[str, ...] = (SERIES,)) -> None:
        self.events = HandSeries()
        gate = Gate(key().public_key())
        store = EntryStore(folder / "kalshi.db", "demo", ENTRIES, key_of)
        self.sandbox = KalshiSandbox(self.events, store, gate, capital_usd=Decimal(1_000), unlimited=True)
        self.network = InProcess(self.sandbox, START_UTC_NS)
        self.params = params_of(gate).model_copy(update={"series": series})
        self.markets = {symbol: market(symbol) for symbol in (SERIES, *more)}
        self.broker = self.opened()

    def opened(self) -> KalshiBroker:
        """A new life."""
        return KalshiBroker(self.params, self.markets, self.network, lambda: self.network.now_utc_ns)

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        return self.network.run(doing)

    def at(self, number: int, seconds: float) -> None:
        """Let time pass until so long after a question opened."""
        self.network.wait((START_UTC_NS - self.network.now_utc_ns) / NS + number * OPEN_S + seconds)

    def place(self, client_order_id: str, lots: int, price_ticks: int = 58, **fields: Any) -> Placed:
        """Place an order as the daemon does: decided now, then prepared, then sent."""
        given: dict[str, Any] = {"order_type": OrderType.LIMIT, "price_ticks": price_ticks} | fields
        side = given.pop("side", 1)
        at = given.pop("ts_event_utc_ns", self.network.now_utc_ns)
        intent = entry(client_order_id, side, lots, SERIES, ts_event_utc_ns=at, **given)
        return self.send(intent)

    def leave(self, client_order_id: str, lots: int, side: int) -> Placed:
        """An exit at market."""
        out: dict[str, Any] = {"kind": OrderKind.EXIT, "reduces": True, "reduce_only": True}
        return self.place(client_order_id, lots, 0, side=side, order_type=OrderType.MARKET, **out)

    def send(self, intent: Intent) -> Placed:
        """Prepare an order and place it."""
        try:
            self.run(self.broker.prepare(intent))
        except Transient as error:
            return Rejected(code="not_sent", text=str(error))
        return self.run(self.broker.place(approve(intent), intent, ()))

    def ready(self) -> None:
        """Have a question taken up and become clear."""
        self.run(self.broker.connect())
        self.network.wait(6)
        self.run(self.broker.event_book(SERIES))
        self.network.wait(1)

    def fills(self, marker: str = "") -> list[tuple[str, int, int, bool]]:
        """Market, signed lots, price and whether it is a settlement, of all that happened after a marker."""
        page = self.run(self.broker.fills_since(marker))
        return [(f.market, f.side * f.lots, f.price_ticks, f.settled) for f in page.fills]

    def sent(self) -> list[str]:
        """The tickers that orders went to."""
        return [one.ticker for one in self.sandbox.floor.tickets.values()]

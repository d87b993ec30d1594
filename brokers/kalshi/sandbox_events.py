"""What the sandbox lists: contracts on the simulated indices, what others bid for them, and how they end.

Prices are those of `brokers.sandbox.event_prices`; around them others bid, so many contracts a level, anew each minute.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, final

from brokers.sandbox.event_prices import SERIES, Event, EventPrices, event_of
from gamma.bars import Bar
from gamma.clock import NS
from gamma.errors import InputInvalid

MINUTE_NS: Final = 60 * NS
SETTLES_AFTER_NS: Final = 3_600 * NS
LEVELS: Final = 5

Level = tuple[int, int]
"""A price of its own side [cents], and how many contracts are bid for there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A question: from when to when it trades, when it is decided, when it is paid out, and what it asks.

    One without a time at which it is decided is paid out then.
    """

    ticker: str
    event: str
    series: str
    title: str
    open_utc_ns: int
    close_utc_ns: int
    settle_utc_ns: int
    determine_utc_ns: int = 0

    def status(self, now_utc_ns: int) -> str:
        """How far it has come, in Kalshi's words."""
        if now_utc_ns < self.open_utc_ns:
            return "initialized"
        if now_utc_ns < self.close_utc_ns:
            return "active"
        if now_utc_ns < (self.determine_utc_ns or self.settle_utc_ns):
            return "closed"
        return "determined" if now_utc_ns < self.settle_utc_ns else "finalized"


class EventMarket(Protocol):
    """Where events are quoted: bids for YES and NO, the best first; none of what is not open.

    Of those that closed, those are listed that did so since then, as far as they are kept; without a time the last.
    `traded` is how many contracts others traded since a question opened.
    """

    def find(self, ticker: str) -> Listed | None: ...
    def listed(self, now_utc_ns: int, since_utc_ns: int = 0) -> Sequence[Listed]: ...
    def bids(self, ticker: str, now_utc_ns: int) -> tuple[Sequence[Level], Sequence[Level]]: ...
    def bars(self, ticker: str, bar_s: int, after_utc_ns: int, until_utc_ns: int) -> Sequence[Bar]: ...
    def traded(self, ticker: str, now_utc_ns: int) -> int: ...
    def result(self, ticker: str) -> str: ...


@final
class SimulatedEvents:
    """Contracts on how an index stands at 16:00 in New York, day by day, from a seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._prices = EventPrices(seed)

    def find(self, ticker: str) -> Listed | None:
        """A question by its ticker; None where it is none."""
        try:
            return _listed(event_of(ticker))
        except InputInvalid:
            return None

    def listed(self, now_utc_ns: int, since_utc_ns: int = 0) -> list[Listed]:  # noqa: ARG002  (none that closed)
        """The questions on the next close, for each series."""
        return [_listed(event) for series in SERIES for event in self._prices.listed(series, now_utc_ns)]

    def doubtful(self, now_utc_ns: int, most: int) -> list[str]:
        """The tickers of the questions that are the least decided."""
        listed = [listed.ticker for listed in self.listed(now_utc_ns)]
        middles = {ticker: self._prices.touch(ticker, now_utc_ns) for ticker in listed}
        return sorted(listed, key=lambda t: abs(middles[t].bid_ticks + middles[t].ask_ticks - 100))[:most]

    def bids(self, ticker: str, now_utc_ns: int) -> tuple[list[Level], list[Level]]:
        """What others bid: the next levels for more than the best."""
        touch = self._prices.touch(ticker, now_utc_ns)
        if not touch.traded:
            return [], []
        drawn = zlib.crc32(f"{self._seed} {ticker} {now_utc_ns // MINUTE_NS}".encode())
        return _levels(touch.bid_ticks, drawn), _levels(100 - touch.ask_ticks, drawn >> 8)

    def bars(self, ticker: str, bar_s: int, after_utc_ns: int, until_utc_ns: int) -> list[Bar]:
        """Bars of trades that closed between two times, with what was traded and the spread at the close."""
        told = []
        for bar in self._prices.bars(ticker, bar_s, after_utc_ns, until_utc_ns):
            touch = self._prices.touch(ticker, bar.ts_close_utc_ns - 1)
            lots = zlib.crc32(f"{ticker} {bar.ts_close_utc_ns}".encode()) % 90 + 1
            spread = float(touch.ask_ticks - touch.bid_ticks)
            told.append(replace(bar, volume_lots=float(lots), spread_points=spread))
        return told

    def traded(self, ticker: str, now_utc_ns: int) -> int:  # noqa: ARG002  (their bars tell)
        """None that are counted."""
        return 0

    def result(self, ticker: str) -> str:
        """How it ends."""
        outcome = self._prices.outcome(ticker, event_of(ticker).ts_close_utc_ns)
        return "yes" if outcome is not None and outcome.price_ticks else "no"


def _listed(event: Event) -> Listed:
    at = f"above {event.low:,g}" if event.high > 10**9 else f"from {event.low:,g} up to {event.high:,g}"
    return Listed(
        ticker=event.ticker,
        event=event.event_ticker,
        series=event.series,
        title=f"Will the simulated {event.underlying} be {at} at the close?",
        open_utc_ns=event.ts_open_utc_ns,
        close_utc_ns=event.ts_close_utc_ns,
        settle_utc_ns=event.ts_close_utc_ns + SETTLES_AFTER_NS,
    )


def _levels(best: int, drawn: int) -> list[Level]:
    return [(best - n, 5 + (drawn >> n) % 40 * (n + 1)) for n in range(LEVELS) if 1 <= best - n <= 99]

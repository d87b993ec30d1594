"""Prices of futures, spot and events that are set by hand, for whoever trades at a sandbox's floor."""

from collections.abc import Mapping, Sequence
from typing import final

from brokers.sandbox.prices import Outcome, Touch
from gamma.bars import Bar
from gamma.errors import InputInvalid
from gamma.markets import Market, market

CLOSE_UTC_NS = 1_795_212_000 * 10**9  # Friday 2026-11-20, 17:00 in New York


@final
class HandPrices:
    """What is quoted stays quoted until it is set again; `outcomes` are what markets that ended are worth."""

    def __init__(self, quotes: Mapping[str, tuple[int, int]], close_utc_ns: int = CLOSE_UTC_NS) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self.close_utc_ns = close_utc_ns
        self._quotes = dict(quotes)

    def set(self, symbol: str, bid_ticks: int, ask_ticks: int) -> None:
        """Quote a market."""
        self._quotes[symbol] = (bid_ticks, ask_ticks)

    def market(self, symbol: str) -> Market:
        if symbol not in self._quotes:
            raise InputInvalid(f"{symbol!r} is not traded here")
        return market(symbol)

    def touch(self, symbol: str, now_utc_ns: int) -> Touch:
        self.market(symbol)
        bid, ask = self._quotes[symbol]
        traded = now_utc_ns < self.close_utc_ns
        return Touch(
            ts_utc_ns=now_utc_ns, bid_ticks=bid, ask_ticks=ask, last_ticks=(bid + ask) // 2, traded=traded, jump=True
        )

    def path(self, symbol: str, after_utc_ns: int, until_utc_ns: int) -> Sequence[Touch]:  # noqa: ARG002
        return [self.touch(symbol, until_utc_ns)]

    def bars(self, symbol: str, bar_s: int, after_utc_ns: int, until_utc_ns: int) -> Sequence[Bar]:  # noqa: ARG002
        return []

    def closes_utc_ns(self, symbol: str, now_utc_ns: int) -> int:  # noqa: ARG002
        return self.close_utc_ns

    def outcome(self, symbol: str, now_utc_ns: int) -> Outcome | None:
        found = self.outcomes.get(symbol)
        return found if found is not None and found.ts_utc_ns <= now_utc_ns else None

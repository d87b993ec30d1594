"""Quotes of the two options of a spread in a schedule of crashes and faults."""

from datetime import date
from decimal import Decimal
from typing import Final, final

from brokers.sandbox.option_floor import option_of
from brokers.sandbox.option_market import Quoted
from gamma.chaos.drill import Prices
from gamma.chaos.simulation.world import Traded
from gamma.errors import InputInvalid
from gamma.markets import market
from gamma.options import Greeks, Option

_SPOT: Final = Decimal(600)
_LONG_POINTS: Final = Decimal(1)


@final
class SpreadQuotes:
    """Quotes of the options of a spread: the one that is sold is dearer by the world's price of the spread."""

    def __init__(self, prices: Prices, traded: Traded) -> None:
        self._prices = prices
        self._symbol = traded.symbol
        self._ticks_per_point = market(traded.symbol).ticks_per_point
        self._sold = option_of(traded.legs[0].symbol)

    def spot(self, underlying: str, now_utc_ns: int) -> Decimal:  # noqa: ARG002  (it stands still)
        """The price of what the options are on."""
        if underlying != self._symbol:
            raise InputInvalid(f"{underlying} is not quoted")
        return _SPOT

    def quote(self, option: Option, now_utc_ns: int) -> Quoted:
        """Bid and ask of an option, which are the same."""
        close = self._prices.move(self._symbol, now_utc_ns).close
        points = _LONG_POINTS + (Decimal(close) / self._ticks_per_point if option.symbol == self._sold.symbol else 0)
        return Quoted(bid=points, ask=points)

    def expirations(self, underlying: str, now_utc_ns: int) -> list[date]:  # noqa: ARG002
        """The one day on which options end."""
        return [self._sold.expires]

    def chain(self, underlying: str, expires: date, now_utc_ns: int) -> list[tuple[Option, Greeks]]:  # noqa: ARG002
        """Nobody asks for chains here."""
        return []

"""Quotes of options as a test sets them."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from brokers.sandbox.option_market import Quoted
from gamma.errors import InputInvalid
from gamma.events import Intent, Leg, OrderType
from gamma.options import Greeks, Option
from tests.brokers.desk import entry

SHORT, LONG = "SPXW261120P05800000", "SPXW261120P05790000"
SHORT_CALL, LONG_CALL = "SPXW261120C06100000", "SPXW261120C06110000"
# Sold at the bid and bought at the ask they bring in 0.60.
RESTING = {SHORT: ("1.00", "1.10"), LONG: ("0.30", "0.40"), SHORT_CALL: ("1.00", "1.10"), LONG_CALL: ("0.30", "0.40")}


class HandQuotes:
    """Bid and ask by symbol; the index stands at 6,000 unless it is moved."""

    def __init__(self, underlying: str = "SPX", resting: Mapping[str, tuple[str, str]] = RESTING) -> None:
        self.underlying = underlying
        self.quotes = {symbol: (Decimal(bid), Decimal(ask)) for symbol, (bid, ask) in resting.items()}
        self.index = Decimal(6_000)

    def set(self, symbol: str, bid: str, ask: str) -> None:
        self.quotes[symbol] = (Decimal(bid), Decimal(ask))

    def spot(self, underlying: str, now_utc_ns: int) -> Decimal:  # noqa: ARG002
        if underlying != self.underlying:
            raise InputInvalid(f"{underlying} is not quoted")
        return self.index

    def quote(self, option: Option, now_utc_ns: int) -> Quoted:  # noqa: ARG002
        if option.symbol not in self.quotes:
            raise InputInvalid(f"{option.symbol} is not listed")
        bid, ask = self.quotes[option.symbol]
        return Quoted(bid=bid, ask=ask)

    def expirations(self, underlying: str, now_utc_ns: int) -> list[date]:  # noqa: ARG002
        return [date(2026, 11, 20)]

    def chain(self, underlying: str, expires: date, now_utc_ns: int) -> list[tuple[Option, Greeks]]:  # noqa: ARG002
        return []


PUT_SPREAD = (Leg(symbol=SHORT, ratio=1), Leg(symbol=LONG, ratio=-1))
CONDOR = (*PUT_SPREAD, Leg(symbol=SHORT_CALL, ratio=1), Leg(symbol=LONG_CALL, ratio=-1))


def sold(client_order_id: str, lots: int = 1, price_ticks: int = 25, legs: tuple[Leg, ...] = PUT_SPREAD) -> Intent:
    """A structure sold for a credit by limit: 25 ticks are 1.25 points."""
    return entry(client_order_id, -1, lots, "SPX", order_type=OrderType.LIMIT, price_ticks=price_ticks, legs=legs)

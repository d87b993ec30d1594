"""What the sandbox trades, as Interactive Brokers names it; a contract's number tells which it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Final

from brokers.sandbox.option_floor import option_of, underlying_of
from brokers.sandbox.option_market import DAILY_ROOTS
from gamma import calendar
from gamma.calendar import rolls
from gamma.clock import NS
from gamma.errors import InputInvalid
from gamma.markets import TABLE, Kind, Market
from gamma.options import Option
from gamma.structures import Right

BAG_NUMBER: Final = 28_812_380
_FUTURES: Final = [symbol for symbol, m in TABLE.items() if m.kind in (Kind.EMINI, Kind.MICRO)]
_ROOTS: Final = list(DAILY_ROOTS.values())
_UNDERLYINGS: Final = list(DAILY_ROOTS)
_INDICES: Final = ("SPX", "NDX", "RUT", "XSP")
_MONTHS: Final = (3, 6, 9, 12)
_DAY_ZERO: Final = date(2020, 1, 1)
_QUARTERS_LISTED: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A contract: `market` is the symbol under which it trades on a floor, or an option's own."""

    con_id: int
    symbol: str
    sec_type: str
    expires: str
    strike: Decimal
    right: str
    multiplier: str
    exchange: str
    local_symbol: str
    trading_class: str
    market: str
    min_tick: Decimal


def future(market: Market, month: str) -> Listed:
    """A future by its market and month (YYYY-MM)."""
    found = rolls.contract(market.symbol, month)
    year, number = int(month[:4]), int(month[5:])
    con_id = 100_000 + (_FUTURES.index(market.symbol) * 100 + year - 2000) * 100 + number
    return Listed(
        con_id=con_id,
        symbol=market.symbol,
        sec_type="FUT",
        expires=f"{found.expiry:%Y%m%d}",
        strike=Decimal(0),
        right="",
        multiplier=f"{market.multiplier_usd_per_point:g}",
        exchange=market.exchange,
        local_symbol=found.symbol,
        trading_class=market.symbol,
        market=market.symbol,
        min_tick=market.tick_points,
    )


def option(named: Option) -> Listed:
    """An option; its strike is whole."""
    day = (named.expires - _DAY_ZERO).days
    right = named.right is Right.CALL
    con_id = ((_ROOTS.index(named.root) * 4096 + day) * 2 + right) * 65_536 + round(named.strike_points)
    return Listed(
        con_id=10**6 + con_id,
        symbol=underlying_of(named),
        sec_type="OPT",
        expires=f"{named.expires:%Y%m%d}",
        strike=Decimal(str(named.strike_points)),
        right="C" if right else "P",
        multiplier="100",
        exchange="SMART",
        local_symbol=f"{named.root:<6}{named.symbol[len(named.root) :]}",
        trading_class=named.root,
        market=named.symbol,
        min_tick=Decimal("0.05"),
    )


def underlying(symbol: str) -> Listed:
    """What options are on."""
    index = symbol in _INDICES
    return Listed(
        con_id=1_000 + _UNDERLYINGS.index(symbol),
        symbol=symbol,
        sec_type="IND" if index else "STK",
        expires="",
        strike=Decimal(0),
        right="",
        multiplier="",
        exchange="CBOE" if index else "SMART",
        local_symbol=symbol,
        trading_class=symbol,
        market=symbol,
        min_tick=Decimal("0.01"),
    )


# An account is told what each of its orders is in, at each request.
@cache
def by_number(con_id: int) -> Listed:
    """The contract of a number.

    Raises: InputInvalid when there is none.
    """
    try:
        if 1_000 <= con_id < 1_000 + len(_UNDERLYINGS):
            return underlying(_UNDERLYINGS[con_id - 1_000])
        if 100_000 <= con_id < 10**6:
            rest, month = divmod(con_id - 100_000, 100)
            index, year = divmod(rest, 100)
            return future(TABLE[_FUTURES[index]], f"20{year:02d}-{month:02d}")
        rest, strike = divmod(con_id - 10**6, 65_536)
        rest, right = divmod(rest, 2)
        root, day = divmod(rest, 4096)
        expires, side = _DAY_ZERO + timedelta(days=day), Right.CALL if right else Right.PUT
        return option(Option(root=_ROOTS[root], expires=expires, right=side, strike_points=float(strike)))
    except (IndexError, KeyError, ValueError, OverflowError):
        raise InputInvalid(f"there is no contract of the number {con_id}") from None


def futures(market: Market, now_utc_ns: int) -> Sequence[Listed]:
    """The months that are listed, the one in front first."""
    today = datetime.fromtimestamp(now_utc_ns // NS, UTC).date()
    session = calendar.session_at(market.symbol, now_utc_ns) or calendar.next_session(market.symbol, now_utc_ns)
    front = rolls.front_contract(market.symbol, session.date).month
    year, month = int(front[:4]), int(front[5:])
    found = []
    for _ in range(_QUARTERS_LISTED):
        listed = future(market, f"{year}-{month:02d}")
        if listed.expires >= f"{today:%Y%m%d}":
            found.append(listed)
        year, month = (year, month + 3) if month < 12 else (year + 1, 3)
    return found


def named(symbol: str) -> Listed:
    """The option of a symbol.

    Raises: InputInvalid.
    """
    return option(option_of(symbol))

"""Quarterly index futures: expiries, roll dates, and which contract is in front.

From the session of its roll date on, the next contract is the one to trade. Expiries come from the
calendar: the third Friday of June 2026 is a holiday, and that contract ends on Thursday the 18th.
Source: CME Group, contract specifications and roll dates of the equity index futures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final

from gamma import calendar, markets
from gamma.calendar.rules import FRIDAY, nth_weekday
from gamma.errors import InputInvalid

CODES: Final = {3: "H", 6: "M", 9: "U", 12: "Z"}


class RollRule(StrEnum):
    """How the day of a roll is found; without a rule, the one that the exchange named at the time."""

    MONDAY_OF_EXPIRY_WEEK = "monday_of_expiry_week"
    THURSDAY_MINUS_8 = "thursday_minus_8"
    VOLUME_CROSS = "volume_cross"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One quarterly contract: `month` is "YYYY-MM", `rolls_in` the first day on which it is in front."""

    symbol: str
    market: str
    month: str
    expiry: date
    ts_expiry_utc_ns: int
    rolls_in: date
    rolls_out: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Volumes:
    """Lots traded per session in the contract in front and in the next, by ISO trading day.

    Shapes: all three [D], days rising.
    """

    days: Sequence[str]
    front_lots: Sequence[float]
    next_lots: Sequence[float]


def expiry(year: int, month: int) -> date:
    """Last trading day: the third Friday, or the last day before it on which the cash market trades."""
    third_friday = nth_weekday(year, month, FRIDAY, 3)
    week = calendar.sessions("CME_Equity", third_friday - timedelta(days=4), third_friday)
    traded = [day.date for day in week if day.ts_cash_open_utc_ns < day.ts_cash_close_utc_ns]
    return date.fromisoformat(traded[-1])


def roll_date(market: str, month: str, rule: RollRule | None = None, volumes: Volumes | None = None) -> date:
    """The day from which the contract after the one of `month` ("YYYY-MM") is in front.

    `thursday_minus_8` is the Thursday eight days before the third Friday, `monday_of_expiry_week` the
    Monday of that Friday's week, holiday or not. `volume_cross` is the session after the first one in
    which the next contract traded more: the crossing is known only at its close.

    Raises: InputInvalid for a market without quarterly contracts, a month that has none, or volumes
        that are missing or never cross.
    """
    year, number = _quarter(market, month)
    third_friday = nth_weekday(year, number, FRIDAY, 3)
    chosen = rule or _rule_of(third_friday)
    if chosen is RollRule.VOLUME_CROSS:
        return _volume_cross(market, month, volumes)
    return third_friday - timedelta(days=4 if chosen is RollRule.MONDAY_OF_EXPIRY_WEEK else 8)


def front_contract(market: str, day: str | date, rule: RollRule | None = None) -> Contract:
    """The contract in front on a trading day.

    Raises: InputInvalid for a market without quarterly contracts, or the rule `volume_cross`, which
        needs volumes: keep the date that `roll_date` gave.
    """
    today = date.fromisoformat(day) if isinstance(day, str) else day
    year, number = today.year, -(-today.month // 3) * 3
    if today >= roll_date(market, f"{year}-{number:02d}", rule):
        year, number = (year, number + 3) if number < 12 else (year + 1, 3)
    return contract(market, f"{year}-{number:02d}", rule)


# Every bar and order of a future asks for it.
@lru_cache(maxsize=1024)
def contract(market: str, month: str, rule: RollRule | None = None) -> Contract:
    """The quarterly contract of `month` ("YYYY-MM"), with its expiry and the days between which it is in front.

    Raises: InputInvalid as `roll_date` does.
    """
    year, number = _quarter(market, month)
    last_day = expiry(year, number)
    before = f"{year}-{number - 3:02d}" if number > 3 else f"{year - 1}-12"
    return Contract(
        symbol=f"{market}{CODES[number]}{year % 10}",
        market=market,
        month=month,
        expiry=last_day,
        ts_expiry_utc_ns=calendar.utc_ns(last_day, "09:30"),
        rolls_in=roll_date(market, before, rule),
        rolls_out=roll_date(market, month, rule),
    )


@lru_cache(maxsize=1024)
def flat_by_utc_ns(market: str, day: str, flat_by: calendar.FlatBy | None = None) -> int:
    """The moment to be flat by of the last session in which the contract in front on that trading day is in front [ns].

    0 for a market without quarterly contracts, and where the calendar ends before it.
    """
    if markets.market(market).kind not in (markets.Kind.EMINI, markets.Kind.MICRO):
        return 0
    out = front_contract(market, day).rolls_out
    if out > calendar.LAST_DATE:
        return 0
    last = calendar.sessions(market, out - timedelta(days=7), out - timedelta(days=1), flat_by)[-1]
    return last.ts_flat_by_utc_ns


def _rule_of(third_friday: date) -> RollRule:
    return RollRule.MONDAY_OF_EXPIRY_WEEK if third_friday >= date(2022, 6, 1) else RollRule.THURSDAY_MINUS_8


def _quarter(market: str, month: str) -> tuple[int, int]:
    if markets.market(market).kind not in (markets.Kind.EMINI, markets.Kind.MICRO):
        raise InputInvalid(f"{market} has no quarterly contracts; rolls are for index futures")
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError as bad:
        raise InputInvalid(f"{market}: {month!r} is no month; write it as YYYY-MM") from bad
    if first.month not in CODES:
        raise InputInvalid(f"{market}: no contract expires in {month}; use March, June, September or December")
    return first.year, first.month


def _volume_cross(market: str, month: str, volumes: Volumes | None) -> date:
    if volumes is None:
        raise InputInvalid(f"{market} {month}: volume_cross needs the volumes of both contracts")
    columns = zip(volumes.days, volumes.front_lots, volumes.next_lots, strict=True)
    crossed = next((day for day, front, following in columns if following > front), None)
    if crossed is None:
        raise InputInvalid(f"{market} {month}: the next contract never traded more; give volumes up to the expiry")
    running = calendar.sessions(market, crossed, crossed)[0]
    return date.fromisoformat(calendar.next_session(market, running.ts_close_utc_ns).date)

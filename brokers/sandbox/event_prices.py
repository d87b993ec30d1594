"""Prices of event contracts at a sandbox: whether a simulated index will end above a level, or between two.

A ticker is written `KXINXU-26NOV20H1600-T6800` (above 6,800 at 16:00 in New York), or with B6812.5 (from 6,800 up to
6,825). What a contract is worth is its chance by a log-normal index of steady volatility, as of the index which
`[feed] use = "sim"` shows under this seed; so all of one event hang together, and end as the index does.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, final

from brokers.sandbox.prices import BarPrices, Outcome, Touch
from gamma import calendar
from gamma.bars import Bar
from gamma.calendar import NS
from gamma.errors import InputInvalid
from gamma.markets import Market, event_market
from gamma.options import YEAR_NS

SERIES: Final = {"KXINXU": "SPX", "KXINX": "SPX", "KXNASDAQ100U": "NDX", "KXNASDAQ100": "NDX"}
LISTED_NS: Final = 7 * 86_400 * NS
LEVELS_EACH_WAY: Final = 6
VOL_YEARLY: Final = 0.16
SPREAD_CENTS: Final = 2
STEP_NS: Final = 60 * NS
MIDS_KEPT: Final = 4_096
_STEPS: Final = {"SPX": 25, "NDX": 100}
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_TICKER: Final = re.compile(r"([A-Z0-9]+)-(\d\d)([A-Z]{3})(\d\d)(?:H(\d\d)(\d\d))?-([TB])(\d{1,6}(?:\.\d{1,4})?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What a contract is about: pays where the index ends above `low`, and not above `high`."""

    ticker: str
    series: str
    underlying: str
    low: float
    high: float
    ts_open_utc_ns: int
    ts_close_utc_ns: int

    @property
    def event_ticker(self) -> str:
        """All contracts on one moment."""
        return self.ticker.rpartition("-")[0]


@lru_cache(maxsize=MIDS_KEPT)
def event_of(ticker: str) -> Event:
    """What a ticker says.

    Raises: InputInvalid when it is none that is listed here.
    """
    found = _TICKER.fullmatch(ticker)
    if found is None or found[1] not in SERIES or found[3] not in _MONTHS:
        raise InputInvalid(f"{ticker!r} is not listed here; write it as KXINXU-26NOV20H1600-T6800")
    series, underlying, level = found[1], SERIES[found[1]], float(found[8])
    try:
        day = date(2000 + int(found[2]), _MONTHS.index(found[3]) + 1, int(found[4]))
        closes = calendar.utc_ns(day, f"{found[5] or 16}:{found[6] or '00'}")
    except ValueError as error:
        raise InputInvalid(f"{ticker!r} names no moment: {error}") from error
    half = _STEPS[underlying] / 2
    return Event(
        ticker=ticker,
        series=series,
        underlying=underlying,
        low=level if found[7] == "T" else level - half,
        high=math.inf if found[7] == "T" else level + half,
        ts_open_utc_ns=closes - LISTED_NS,
        ts_close_utc_ns=closes,
    )


@final
class EventPrices:
    """Contracts on the simulator's indices, a day's close each; they trade round the clock until then."""

    def __init__(self, seed: int) -> None:
        self._indices = BarPrices.simulated(seed, tuple(sorted(set(SERIES.values()))))
        self._mid = lru_cache(maxsize=MIDS_KEPT)(self._chance_cents)

    def listed(self, series: str, now_utc_ns: int) -> list[Event]:
        """The contracts of a series that trade now: on the next close, levels around where the index stands.

        Raises: InputInvalid when there is no such series.
        """
        if series not in SERIES:
            raise InputInvalid(f"{series!r} is not listed here; known: {', '.join(SERIES)}")
        underlying, today = SERIES[series], datetime.fromtimestamp(now_utc_ns // NS, UTC).date()
        days = calendar.sessions(underlying, today - timedelta(days=1), today + timedelta(days=7))
        day = next(date.fromisoformat(s.date) for s in days if s.ts_cash_close_utc_ns > now_utc_ns)
        opened = calendar.sessions(underlying, day, day)[0].ts_open_utc_ns
        step, seen = _STEPS[underlying], min(now_utc_ns, opened)
        middle = round(self._indices.touch(underlying, seen).last_ticks / self._per_point(underlying) / step)
        moment = f"{day:%y}{_MONTHS[day.month - 1]}{day:%d}H1600"
        levels = range(middle - LEVELS_EACH_WAY, middle + LEVELS_EACH_WAY + 1)
        return [event_of(f"{series}-{moment}-T{n * step}") for n in levels]

    def market(self, symbol: str) -> Market:
        """A contract that pays 1 usd.

        Raises: InputInvalid when it is none that is listed here.
        """
        event_of(symbol)
        return event_market(symbol)

    def touch(self, symbol: str, now_utc_ns: int) -> Touch:
        """Bid and ask [cents]; a bid of 0 and an ask of 100 are none."""
        event = event_of(symbol)
        traded = event.ts_open_utc_ns <= now_utc_ns < event.ts_close_utc_ns
        mid = self._mid(event, min(now_utc_ns, event.ts_close_utc_ns) // NS)
        bid = min(max(math.floor(mid - SPREAD_CENTS / 2 + 0.5), 0), 99)
        ask = min(bid + SPREAD_CENTS, 100) if bid else max(1, math.ceil(mid))
        last = min(max(round(mid), 1), 99)
        return Touch(ts_utc_ns=now_utc_ns, bid_ticks=bid, ask_ticks=ask, last_ticks=last, traded=traded)

    def path(self, symbol: str, after_utc_ns: int, until_utc_ns: int) -> list[Touch]:
        """Where the index turned between two times, and how it stands at the second."""
        event = event_of(symbol)
        after, until = max(after_utc_ns, event.ts_open_utc_ns), min(until_utc_ns, event.ts_close_utc_ns)
        turns = self._indices.path(event.underlying, after, until) if after < until else []
        return [*(self.touch(symbol, turn.ts_utc_ns) for turn in turns[:-1]), self.touch(symbol, until_utc_ns)]

    def bars(self, symbol: str, bar_s: int, after_utc_ns: int, until_utc_ns: int) -> list[Bar]:
        """Bars of `bar_s` seconds that closed after one time and by another, of prices once a minute."""
        event, width = event_of(symbol), bar_s * NS
        first = max(after_utc_ns - width + 1, event.ts_open_utc_ns)
        first += -first % width
        last = min(until_utc_ns, event.ts_close_utc_ns) - width
        return [self._bar(symbol, opens, opens + width) for opens in range(first, last + 1, width)]

    def closes_utc_ns(self, symbol: str, now_utc_ns: int) -> int:  # noqa: ARG002
        """When it is decided."""
        return event_of(symbol).ts_close_utc_ns

    def outcome(self, symbol: str, now_utc_ns: int) -> Outcome | None:
        """100 cents where it came true, 0 where it did not; None before."""
        event = event_of(symbol)
        if now_utc_ns < event.ts_close_utc_ns:
            return None
        return Outcome(ts_utc_ns=event.ts_close_utc_ns, price_ticks=100 if self._holds(event) else 0)

    def _bar(self, symbol: str, opens: int, closes: int) -> Bar:
        lasts = [float(self.touch(symbol, ts).last_ticks) for ts in (*range(opens, closes, STEP_NS), closes)]
        return Bar(
            market=symbol,
            ts_open_utc_ns=opens,
            ts_close_utc_ns=closes,
            open_points=lasts[0],
            high_points=max(lasts),
            low_points=min(lasts),
            close_points=lasts[-1],
        )

    def _holds(self, event: Event) -> bool:
        return event.low < self._index(event.underlying, event.ts_close_utc_ns) <= event.high

    def _chance_cents(self, event: Event, second: int) -> float:
        years = (event.ts_close_utc_ns - second * NS) / YEAR_NS
        if years <= 0:
            return 100.0 if self._holds(event) else 0.0
        spot, spread = self._index(event.underlying, second * NS), VOL_YEARLY * math.sqrt(years)
        above = [_above(spot, level, spread) for level in (event.low, event.high)]
        return 100 * (above[0] - above[1])

    def _index(self, underlying: str, ts_utc_ns: int) -> float:
        return self._indices.touch(underlying, ts_utc_ns).last_ticks / self._per_point(underlying)

    def _per_point(self, underlying: str) -> int:
        return self._indices.market(underlying).ticks_per_point


def _above(spot: float, level: float, spread: float) -> float:
    """The chance that a log-normal price ends above a level."""
    if math.isinf(level):
        return 0.0
    return 0.5 * math.erfc((math.log(level / spot) + spread * spread / 2) / (spread * math.sqrt(2)))

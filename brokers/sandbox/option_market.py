"""A market of index options that is made up: the simulator's index, and a smile of volatility around it.

The same seed gives the index that `[feed] use = "sim"` gives, so that a daemon and a sandbox see one market. Out of
hours prices stay as they were at the close.
"""

import itertools
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final, Protocol, final, runtime_checkable

from gamma import calendar
from gamma.bars import Bar
from gamma.calendar import NS
from gamma.errors import InputInvalid
from gamma.feeds.sim import SimFeed
from gamma.options import YEAR_NS, Greeks, Option, Terms, black_scholes, settlement_utc_ns
from gamma.structures import Right

FUNDS: Final = ("SPY", "QQQ", "IWM")
DAILY_ROOTS: Final = {"SPX": "SPXW", "NDX": "NDXP", "RUT": "RUTW", "XSP": "XSP"} | {fund: fund for fund in FUNDS}
DAYS_LISTED: Final = 5
VIX: Final = "VIX"
WEEK_NS: Final = 7 * 86_400 * NS
STRIKES_EACH_WAY: Final = 60
IV_AT_SPOT, IV_MIN, IV_SKEW, IV_SMILE = 0.14, 0.06, -0.9, 6.0
YEARS_MIN: Final = 60 / (365 * 86_400)
_TICK, _COARSE_TICK, _COARSE_FROM = Decimal("0.05"), Decimal("0.10"), Decimal(3)
_PENNY: Final = Decimal("0.01")
_STEPS: Final = {"SPX": 5, "NDX": 25, "RUT": 5, "XSP": 1} | dict.fromkeys(FUNDS, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """Bid and ask of an option [points]; a bid of 0 is none."""

    bid: Decimal
    ask: Decimal

    @property
    def mid(self) -> Decimal:
        """Halfway between them."""
        return (self.bid + self.ask) / 2


class OptionMarket(Protocol):
    """Where options and their indices are quoted; raises InputInvalid for what is not."""

    def spot(self, underlying: str, now_utc_ns: int) -> Decimal: ...
    def quote(self, option: Option, now_utc_ns: int) -> Quoted: ...
    def expirations(self, underlying: str, now_utc_ns: int) -> Sequence[date]: ...
    def chain(self, underlying: str, expires: date, now_utc_ns: int) -> Sequence[tuple[Option, Greeks]]: ...


@runtime_checkable
class BarMarket(Protocol):
    """An option market that tells bars of its indices, of whole minutes, that closed after a time and by another."""

    def bars(self, underlying: str, bar_s: int, after_utc_ns: int, until_utc_ns: int) -> Sequence[Bar]: ...


@final
class SimulatedOptions:
    """Options on the simulator's indices; each day of trading has an expiry."""

    def __init__(self, seed: int, underlyings: Sequence[str] = ("SPX", "NDX")) -> None:
        self._feed = SimFeed(markets=tuple(underlyings), seed=seed, bar_s=60)
        self._underlyings = tuple(underlyings)
        self._seed = seed
        self._last = lru_cache(maxsize=64)(self._last_close)

    def spot(self, underlying: str, now_utc_ns: int) -> Decimal:
        """The index, as of the last minute that was traded; VIX rises as the first of them falls."""
        if underlying == VIX:
            return self._vix(now_utc_ns)
        if underlying not in self._underlyings:
            raise InputInvalid(f"{underlying} is not quoted here; known: {', '.join(self._underlyings)}")
        return self._last(underlying, now_utc_ns // (60 * NS))

    def bars(self, underlying: str, bar_s: int, after_utc_ns: int, until_utc_ns: int) -> list[Bar]:
        """Bars of an index; of VIX there are none."""
        if underlying not in self._underlyings:
            raise InputInvalid(f"{underlying} has no bars here; known: {', '.join(self._underlyings)}")
        feed = SimFeed(markets=(underlying,), seed=self._seed, bar_s=bar_s)
        coming = feed.bars(after_utc_ns)
        return list(itertools.takewhile(lambda bar: bar.ts_close_utc_ns <= until_utc_ns, coming))

    def _vix(self, now_utc_ns: int) -> Decimal:
        """The volatility at the spot in points, and 8 times as far up as the first index is down on a week before."""
        now, before = (self.spot(self._underlyings[0], ts) for ts in (now_utc_ns, now_utc_ns - WEEK_NS))
        return (Decimal(str(IV_AT_SPOT)) * 100 * (1 - 8 * (now / before - 1))).quantize(Decimal("0.01"))

    def quote(self, option: Option, now_utc_ns: int) -> Quoted:
        """Bid and ask around what the option is worth; wider the dearer it is."""
        worth = max(0.0, float(self._greeks(option, now_utc_ns).price_points))
        tick = _PENNY if option.root in FUNDS else _TICK
        half = float(tick) / 2 + 0.01 * worth
        bid, ask = Decimal(str(max(0.0, worth - half))), Decimal(str(worth + half))
        return Quoted(bid=_on_tick(bid, tick, up=False), ask=max(_on_tick(ask, tick, up=True), tick))

    def expirations(self, underlying: str, now_utc_ns: int) -> list[date]:
        """The next days on which options end, today's too until its close."""
        self.spot(underlying, now_utc_ns)
        today = datetime.fromtimestamp(now_utc_ns // NS, UTC).date() - timedelta(days=1)
        days = [date.fromisoformat(s.date) for s in calendar.sessions(underlying, today, today + timedelta(days=14))]
        root = DAILY_ROOTS[underlying]
        return [day for day in days if settlement_utc_ns(root, day) > now_utc_ns][:DAYS_LISTED]

    def chain(self, underlying: str, expires: date, now_utc_ns: int) -> list[tuple[Option, Greeks]]:
        """Every option that is listed for a day, with its greeks."""
        if expires not in self.expirations(underlying, now_utc_ns):
            return []
        step, root = _STEPS[underlying], DAILY_ROOTS[underlying]
        middle = round(float(self.spot(underlying, now_utc_ns)) / step)
        found = []
        for n in range(middle - STRIKES_EACH_WAY, middle + STRIKES_EACH_WAY + 1):
            for right in Right:
                named = Option(root=root, expires=expires, right=right, strike_points=float(n * step))
                found.append(self._listed(named, now_utc_ns))
        return found

    def _listed(self, named: Option, now_utc_ns: int) -> tuple[Option, Greeks]:
        quoted, greeks = self.quote(named, now_utc_ns), self._greeks(named, now_utc_ns)
        drawn = zlib.crc32(named.symbol.encode()) % 1_000
        near = math.exp(-abs(named.strike_points / float(self.spot(_underlying(named), now_utc_ns)) - 1) * 60)
        return (
            Option(
                root=named.root,
                expires=named.expires,
                right=named.right,
                strike_points=named.strike_points,
                bid_points=float(quoted.bid),
                ask_points=float(quoted.ask),
                iv=self._iv(named, now_utc_ns),
                delta=float(greeks.delta),
                gamma=float(greeks.gamma),
                open_interest=float(round(drawn * 5 * near)),
                volume=float(round(drawn * 9 * near)),
            ),
            greeks,
        )

    def _iv(self, option: Option, now_utc_ns: int) -> float:
        away = math.log(option.strike_points / float(self.spot(_underlying(option), now_utc_ns)))
        return min(2.0, max(IV_MIN, IV_AT_SPOT + IV_SKEW * away + IV_SMILE * away * away))

    def _greeks(self, option: Option, now_utc_ns: int) -> Greeks:
        years = max(YEARS_MIN, (settlement_utc_ns(option.root, option.expires) - now_utc_ns) / YEAR_NS)
        terms = Terms(
            call=option.right is Right.CALL,
            spot_points=float(self.spot(_underlying(option), now_utc_ns)),
            strike_points=option.strike_points,
            years=years,
        )
        return black_scholes(terms, self._iv(option, now_utc_ns))

    def _last_close(self, underlying: str, minute: int) -> Decimal:
        [bar] = self._feed.history(underlying, minute * 60 * NS, 1)
        return Decimal(str(bar.close_points))


def intrinsic(option: Option, spot: Decimal) -> Decimal:
    """What an option is worth at its end [points]."""
    strike = Decimal(str(option.strike_points))
    return max(Decimal(0), spot - strike if option.right is Right.CALL else strike - spot)


def _underlying(option: Option) -> str:
    known = {root: underlying for underlying, root in DAILY_ROOTS.items()}
    if option.root not in known:
        raise InputInvalid(f"{option.symbol} is not listed here; roots: {', '.join(known)}")
    return known[option.root]


def _on_tick(points: Decimal, tick: Decimal, *, up: bool) -> Decimal:
    tick = _COARSE_TICK if tick == _TICK and points >= _COARSE_FROM else tick
    whole, rest = divmod(points, tick)
    return (whole + (1 if up and rest else 0)) * tick

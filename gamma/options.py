"""Option chains, and what one option is worth by Black and Scholes: price, greeks and implied volatility.

Options are European and on an index that pays its dividend as a yield. Time to expiry is that of the calendar, 365 days
a year, to the moment at which the settlement price is taken: 16:00 New York time, and 09:30 for the monthly options
of the roots in `MORNING_ROOTS`. On days on which the exchange closes early it is 13:00.

Source: Hull, Options, Futures, and Other Derivatives, chapters 15 and 19.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any, Final, final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from gamma.errors import InputInvalid
from gamma.structures import Right

Floats = NDArray[np.float64]

MORNING_ROOTS: Final = frozenset({"SPX", "NDX", "RUT"})
YEAR_NS: Final = 365 * 86_400 * 10**9
IV_MAX: Final = 20.0
_NEW_YORK: Final = ZoneInfo("America/New_York")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STEPS_MAX: Final = 200
_erfc: Final = np.frompyfunc(math.erfc, 1, 1)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option as a feed quotes it; what the feed does not tell is NaN.

    `root` is the class that it trades in (SPX has SPX and SPXW), `expires` the date on its contract. Prices and gamma
    are in index points, `iv` is a year's volatility as a fraction, open interest and volume are contracts.
    """

    root: str
    expires: date
    right: Right
    strike_points: float
    bid_points: float = math.nan
    ask_points: float = math.nan
    iv: float = math.nan
    delta: float = math.nan
    gamma: float = math.nan
    open_interest: float = math.nan
    volume: float = math.nan

    @property
    def symbol(self) -> str:
        """Its name at the Options Clearing Corporation, without blanks: SPXW230526C04200000."""
        letter = "C" if self.right is Right.CALL else "P"
        return f"{self.root}{self.expires:%y%m%d}{letter}{round(self.strike_points * 1000):08d}"

    @property
    def mid_points(self) -> float:
        """Halfway between bid and ask; NaN unless somebody bids and the ask is no lower."""
        two_sided = 0 < self.bid_points <= self.ask_points
        return (self.bid_points + self.ask_points) / 2 if two_sided else math.nan


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chain:
    """The options of one underlying at one moment, in columns [N]; what the feed does not tell is NaN.

    `expires` are dates, `call` tells calls from puts; the rest is as in `Option`. `vix_points` is the volatility index
    when it was quoted, where the feed tells it.

    Raises: InputInvalid where the columns differ in length, or the spot is no price.
    """

    underlying: str
    spot_points: float
    ts_utc_ns: int
    root: NDArray[np.str_]
    expires: NDArray[np.datetime64]
    call: NDArray[np.bool_]
    strike_points: Floats
    bid_points: Floats
    ask_points: Floats
    iv: Floats
    delta: Floats
    gamma: Floats
    open_interest: Floats
    volume: Floats
    vix_points: float = math.nan

    def __post_init__(self) -> None:
        if not 0 < self.spot_points < math.inf:
            raise InputInvalid(f"{self.underlying}: spot_points = {self.spot_points}: must be a price above 0")
        rows = len(self.strike_points)
        for name in COLUMNS:
            if len(getattr(self, name)) != rows:
                raise InputInvalid(
                    f"{self.underlying}: {name} has {len(getattr(self, name))} rows, and strike_points has {rows}"
                )

    def __len__(self) -> int:
        return len(self.strike_points)

    @property
    def years(self) -> Floats:
        """Time to each option's settlement [years]; 0 or below once it is over."""
        pairs = {(str(r), d.item()) for r, d in zip(self.root, self.expires, strict=True)}
        known = {key: settlement_utc_ns(*key) for key in pairs}
        ends = [known[str(r), d.item()] for r, d in zip(self.root, self.expires, strict=True)]
        return (np.array(ends, dtype=np.float64) - self.ts_utc_ns) / YEAR_NS

    def row(self, symbol: str) -> int | None:
        """The row of the option of this symbol; None where the chain has none.

        Raises: InputInvalid when it is no symbol of the clearing house's.
        """
        root, expires, right, strike = _parsed(symbol)
        same = (self.strike_points == strike) & (self.call == (right is Right.CALL))
        found = np.nonzero(same & (self.expires == np.datetime64(expires)) & (self.root == root))[0]
        return int(found[0]) if len(found) else None

    def rows(self, kept: NDArray[np.bool_]) -> "Chain":
        """The options that are kept."""
        columns: dict[str, Any] = {name: getattr(self, name)[kept] for name in COLUMNS}
        return replace(self, **columns)

    def option(self, row: int) -> Option:
        """One of its options."""
        told: dict[str, Any] = {name: float(getattr(self, name)[row]) for name in _NUMBERS}
        return Option(
            root=str(self.root[row]),
            expires=self.expires[row].item(),
            right=Right.CALL if self.call[row] else Right.PUT,
            **told,
        )


_NUMBERS: Final = (*("strike_points", "bid_points", "ask_points", "iv", "delta", "gamma", "open_interest", "volume"),)
COLUMNS: Final = ("root", "expires", "call", *_NUMBERS)


def chain_of(underlying: str, spot_points: float, ts_utc_ns: int, options: Sequence[Option]) -> Chain:
    """The chain of these options.

    Raises: InputInvalid where the spot is no price.
    """
    numbers: dict[str, Any] = {
        name: np.array([getattr(one, name) for one in options], dtype=np.float64) for name in _NUMBERS
    }
    return Chain(
        underlying=underlying,
        spot_points=spot_points,
        ts_utc_ns=ts_utc_ns,
        root=np.array([one.root for one in options], dtype=np.str_),
        expires=np.array([one.expires for one in options], dtype="datetime64[D]"),
        call=np.array([one.right is Right.CALL for one in options], dtype=np.bool_),
        **numbers,
    )


_SYMBOL: Final = re.compile(r"([A-Z]+)(\d{2})(\d{2})(\d{2})([CP])(\d{8})")


def settles_utc_ns(symbol: str) -> int:
    """When the option of this symbol settles [UTC ns].

    Raises: InputInvalid when it is no symbol of the clearing house's.
    """
    root, expires, _, _ = _parsed(symbol)
    return settlement_utc_ns(root, expires)


def _parsed(symbol: str) -> tuple[str, date, Right, float]:
    found = _SYMBOL.fullmatch(symbol)
    if found is None:
        raise InputInvalid(f"{symbol!r} is no option's symbol, as SPXW230526C04200000 is")
    expires = date(2000 + int(found[2]), int(found[3]), int(found[4]))
    return found[1], expires, Right.CALL if found[5] == "C" else Right.PUT, int(found[6]) / 1000


def closes_early(day: date) -> bool:
    """Whether the options exchange closes at 13:00 New York time: the day after Thanksgiving, and the eves of the
    Fourth of July and of Christmas, where they are no holiday, and no Friday or day of a weekend.
    """
    if (day.month, day.day) in ((7, 3), (12, 24)):
        return day.weekday() < 4
    return day.month == 11 and day.weekday() == 4 and 23 <= day.day <= 29


def settlement_utc_ns(root: str, expires: date) -> int:
    """When the settlement price of a root's options is taken [UTC ns]."""
    at = time(9, 30) if root in MORNING_ROOTS else time(13, 0) if closes_early(expires) else time(16, 0)
    return round((datetime.combine(expires, at, _NEW_YORK) - _EPOCH).total_seconds()) * 10**9


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Terms:
    """What options are about: spot and strike [points], time left [years], and the yearly rates of interest and yield.

    Shapes: scalars, or arrays that broadcast.
    """

    call: Any
    spot_points: Any
    strike_points: Any
    years: Any
    rate: float = 0.0
    dividend: float = 0.0


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Greeks:
    """Worth of options [points] and what it changes by: per point of the underlying (`delta`, `gamma`), per year
    (`theta`), per 1.00 of volatility (`vega`) and of the interest rate (`rho`).
    """

    price_points: Any
    delta: Any
    gamma: Any
    theta: Any
    vega: Any
    rho: Any


def black_scholes(terms: Terms, iv: Any) -> Greeks:
    """Price and greeks of European options; NaN where time or volatility is not above 0.

    d1 = (ln(S / K) + (r - q + iv^2 / 2) t) / (iv sqrt t),  d2 = d1 - iv sqrt t
    call = S e^-qt N(d1) - K e^-rt N(d2),  put = K e^-rt N(-d2) - S e^-qt N(-d1)
    gamma = e^-qt n(d1) / (S iv sqrt t)
    """
    sign = np.where(terms.call, 1.0, -1.0)
    strike, years, rate, dividend = terms.strike_points, terms.years, terms.rate, terms.dividend
    d1, d2, spread = _distances(terms, iv)
    spot = terms.spot_points * np.exp(-dividend * years)  # what it is worth without the dividends until then
    paid = strike * np.exp(-rate * years)
    likely, reached = _normal(sign * d1), _normal(sign * d2)
    density = np.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
    return Greeks(
        price_points=sign * (spot * likely - paid * reached),
        delta=sign * np.exp(-dividend * years) * likely,
        gamma=np.exp(-dividend * years) * density / (terms.spot_points * spread),
        theta=-spot * density * iv * iv / (2 * spread) + sign * (dividend * spot * likely - rate * paid * reached),
        vega=spot * density * spread / iv,
        rho=sign * paid * years * reached,
    )


def gamma_of(terms: Terms, iv: Any) -> Any:
    """Gamma alone, as `black_scholes` has it, in a tenth of the time."""
    d1, _, spread = _distances(terms, iv)
    return np.exp(-terms.dividend * terms.years - d1 * d1 / 2) / math.sqrt(2 * math.pi) / (terms.spot_points * spread)


def implied_vol(terms: Terms, price_points: Any) -> Any:
    """The volatility at which options are worth this much; NaN where none below 20 does that.

    By Newton's method, kept within a bracket that every step narrows.
    """
    price = np.asarray(price_points, dtype=np.float64)
    shape = np.broadcast_shapes(price.shape, *(np.shape(v) for v in (terms.call, terms.strike_points, terms.years)))
    low, high = np.zeros(shape), np.full(shape, IV_MAX)
    iv = np.full(shape, 0.3)
    ceiling = black_scholes(terms, high).price_points
    floor = np.maximum(0.0, _intrinsic(terms))
    known = (price > floor) & (price < ceiling)
    for _ in range(_STEPS_MAX):
        worth = black_scholes(terms, iv)
        error = worth.price_points - price
        high, low = np.where(error > 0, iv, high), np.where(error > 0, low, iv)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            newton = iv - error / worth.vega
        inside = (newton > low) & (newton < high)
        step = np.where(inside, newton, (low + high) / 2)
        done = np.abs(step - iv) <= 1e-13 * step
        iv = step
        if np.all(done | ~known):
            break
    return np.where(known, iv, np.nan)[()]


def _distances(terms: Terms, iv: Any) -> tuple[Any, Any, Any]:
    iv, years = np.asarray(iv, dtype=np.float64), np.asarray(terms.years, dtype=np.float64)
    whole = (iv > 0) & (years > 0)
    spread = np.where(whole, iv, np.nan) * np.sqrt(np.where(whole, years, np.nan))
    drift = (terms.rate - terms.dividend) * years + spread * spread / 2
    d1 = (np.log(terms.spot_points / np.asarray(terms.strike_points, dtype=np.float64)) + drift) / spread
    return d1, d1 - spread, spread


def _intrinsic(terms: Terms) -> Any:
    sign, years = np.where(terms.call, 1.0, -1.0), np.asarray(terms.years, dtype=np.float64)
    return sign * (
        terms.spot_points * np.exp(-terms.dividend * years) - terms.strike_points * np.exp(-terms.rate * years)
    )


def _normal(x: Any) -> Any:
    """The normal distribution's share below x, exact far into both tails."""
    return np.asarray(_erfc(-np.asarray(x, dtype=np.float64) / math.sqrt(2)) / 2, dtype=np.float64)[()]

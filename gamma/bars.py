"""`Bar` and `Session`: what the market did in a stretch of time, and when it may be traded."""

from dataclasses import dataclass

from gamma.books import EventBook

NAN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One closed bar of one market; it holds the trades of `ts_open <= t < ts_close`.

    Prices are in points and need not lie on a tick (back-adjusted history does not). `volume_lots`
    and `spread_points`, the quoted spread at the close, are NaN where the source has none.
    `book` is what was bid for an event contract at the close, where the source has it.
    """

    market: str
    ts_open_utc_ns: int
    ts_close_utc_ns: int
    open_points: float
    high_points: float
    low_points: float
    close_points: float
    volume_lots: float = NAN
    spread_points: float = NAN
    book: EventBook | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One trading day of one market.

    `date` is the ISO trading day: a futures session that opens on Sunday evening is Monday's. The cash
    times bound the hours in which the underlying trades, and both equal the close on a day on which it does
    not; `ts_flat_by_utc_ns` is the last moment to hold an intraday position, brought forward on an early close, and
    `ts_roll_utc_ns` that of the last session in which the contract of this one is in front; 0 where none ever rolls.
    """

    market: str
    date: str
    ts_open_utc_ns: int
    ts_close_utc_ns: int
    ts_cash_open_utc_ns: int
    ts_cash_close_utc_ns: int
    ts_flat_by_utc_ns: int
    early_close: bool
    ts_roll_utc_ns: int = 0

"""What can be traded: the table of markets, exact in ticks and micro-dollars.

A price inside gamma is an integer number of ticks, and money that is booked is an integer number of
micro-dollars, so that no cent is lost to a binary fraction. `points` are for people and for models.
Source: contract specifications of CME Group, Cboe and Kalshi.
"""

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal
from enum import IntEnum
from typing import Final

from gamma.errors import InputInvalid

MICRO: Final = 1_000_000


class Kind(IntEnum):
    """What sort of instrument a market is; a number, so that a traced sizer can compare it."""

    EMINI = 1
    MICRO = 2
    SPOT = 3
    OPTION_SPREAD = 4
    EVENT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One tradable market; one lot is the smallest thing that can be ordered.

    `tick_value_microusd` is what one tick is worth to one lot, `commission_microusd` is per lot and
    side, `mini_equivalent` counts one lot in e-minis of its family, `margin_frac` is the share of
    notional that a lot needs as margin.
    """

    symbol: str
    kind: Kind
    exchange: str
    ticks_per_point: int
    tick_value_microusd: int
    commission_microusd: int
    slippage_ticks: int
    lots_max: int
    family: str
    calendar: str
    mini_equivalent: float = 0.0
    lot_units: str = "1"
    margin_frac: float = 0.0
    margin_microusd_per_lot: int = 0

    @property
    def tick_points(self) -> Decimal:
        """Size of one tick [points]."""
        return Decimal(1) / Decimal(self.ticks_per_point)

    @property
    def multiplier_usd_per_point(self) -> float:
        """What one point is worth to one lot [usd/point]."""
        return self.tick_value_microusd * self.ticks_per_point / MICRO

    def points(self, ticks: float) -> float:
        """Convert a price or a distance from ticks to points, correctly rounded."""
        return ticks / self.ticks_per_point

    def shown(self, points: float) -> str:
        """A price or distance as people read it: with the decimals of a tick; `-` where it is unknown."""
        places = max(0, -int(self.tick_points.normalize().as_tuple().exponent))
        return f"{points:,.{places}f}" if points == points else "-"

    def ticks(self, points: float) -> int:
        """Convert points to the nearest whole tick.

        Raises: InputInvalid when `points` is not a finite number.
        """
        exact = points * self.ticks_per_point
        if not abs(exact) < 2**53:
            raise InputInvalid(f"{self.symbol}: {points!r} is no price; give a finite number of points")
        return round(exact)

    def exact_ticks(self, points: Decimal) -> int:
        """Convert an exact price in points to ticks.

        Raises: InputInvalid when the price does not lie on a tick.
        """
        exact = points * self.ticks_per_point
        whole = exact.to_integral_value(ROUND_HALF_EVEN)
        if not points.is_finite() or exact != whole:
            raise InputInvalid(
                f"{self.symbol}: price {points} is not on a tick of {self.tick_points}; use a multiple of it"
            )
        return int(whole)

    def value_microusd(self, ticks: int, lots: int) -> int:
        """Worth of a move of `ticks` to `lots` [micro-dollars]; signed like both."""
        return ticks * lots * self.tick_value_microusd

    def fee_microusd(self, lots: int, price_ticks: int) -> int:
        """Fee of one order of `lots` filled at `price_ticks`, one side [micro-dollars]."""
        if self.kind is Kind.EVENT:
            return event_fee_cents(abs(lots), price_ticks) * 10_000
        return abs(lots) * self.commission_microusd

    def cost_usd_per_lot(self, price_ticks: int = 50) -> float:
        """Round-trip cost of one lot, fees and expected slippage on both sides [usd]."""
        slippage = 2 * self.slippage_ticks * self.tick_value_microusd
        return (2 * self.fee_microusd(1, price_ticks) + slippage) / MICRO

    def margin_usd_per_lot(self, price_points: float) -> float:
        """Initial margin that one lot ties up [usd]."""
        if self.margin_microusd_per_lot:
            return self.margin_microusd_per_lot / MICRO
        return self.margin_frac * price_points * self.multiplier_usd_per_point


def event_fee_cents(contracts: int, price_cents: int) -> int:
    """Kalshi's taker fee of one order, in whole cents, rounded up: ceil(7 C p (100 - p) / 10,000).

    Raises: InputInvalid when the price is outside 0..100 cents or the size is negative.
    Source: Kalshi fee schedule (0.07 C P (1 - P) dollars, rounded up to the cent).
    """
    if contracts < 0 or not 0 <= price_cents <= 100:
        raise InputInvalid(f"fee of {contracts} contracts at {price_cents} cents: need size >= 0 and 0..100 cents")
    return -(-7 * contracts * price_cents * (100 - price_cents) // 10_000)


def event_ask_cents(other_side_best_bid_cents: int) -> int:
    """Ask of one side of an event contract, whose book lists bids only: 100 - the other side's best bid [cents].

    Raises: InputInvalid when the bid is outside 1..99 cents.
    """
    if not 1 <= other_side_best_bid_cents <= 99:
        raise InputInvalid(f"best bid of {other_side_best_bid_cents} cents: an event contract is bid at 1..99 cents")
    return 100 - other_side_best_bid_cents


def _future(
    symbol: str, exchange: str, ticks_per_point: int, tick_cents: int, margin_usd: int, *, micro: bool
) -> Market:
    return Market(
        symbol=symbol,
        kind=Kind.MICRO if micro else Kind.EMINI,
        exchange=exchange,
        ticks_per_point=ticks_per_point,
        tick_value_microusd=tick_cents * 10_000,
        commission_microusd=600_000 if micro else 2_500_000,
        slippage_ticks=1,
        lots_max=12 if micro else 1,
        family="us_index",
        calendar="CME_Equity",
        mini_equivalent=0.1 if micro else 1.0,
        margin_microusd_per_lot=margin_usd * MICRO,
    )


def _index_options(symbol: str) -> Market:
    """Options on an index: exercised at their end alone, and paid out in cash."""
    return Market(
        symbol=symbol,
        kind=Kind.OPTION_SPREAD,
        exchange="CBOE",
        ticks_per_point=20,
        tick_value_microusd=5 * MICRO,
        commission_microusd=1_300_000,
        slippage_ticks=1,
        lots_max=3,
        family=f"{symbol.lower()}_options",
        calendar="CBOE_Index_Options",
    )


def _fund_options(symbol: str) -> Market:
    """Options on a fund of the whole market: exercised at any time, for 100 shares; traded until 16:15 too.

    Their tick is a cent at every price: they are in the penny program (those on an index have 0.05 and 0.10).
    """
    return Market(
        symbol=symbol,
        kind=Kind.OPTION_SPREAD,
        exchange="OPRA",
        ticks_per_point=100,
        tick_value_microusd=MICRO,
        commission_microusd=1_300_000,
        slippage_ticks=2,
        lots_max=30,
        family=f"{symbol.lower()}_options",
        calendar="CBOE_Index_Options",
    )


# Day-trading margins are a house's, not an exchange's: these are round figures of the order that
# retail houses ask overnight, so that paper trading refuses what no broker would carry.
TABLE: Final[dict[str, Market]] = {
    m.symbol: m
    for m in (
        _future("ES", "CME", 4, 1250, 22_000, micro=False),
        _future("NQ", "CME", 4, 500, 33_000, micro=False),
        _future("YM", "CBOT", 1, 500, 14_000, micro=False),
        _future("RTY", "CME", 10, 500, 9_000, micro=False),
        _future("MES", "CME", 4, 125, 2_200, micro=True),
        _future("MNQ", "CME", 4, 50, 3_300, micro=True),
        _future("MYM", "CBOT", 1, 50, 1_400, micro=True),
        _future("M2K", "CME", 10, 50, 900, micro=True),
        Market(
            symbol="XAU_USD",
            kind=Kind.SPOT,
            exchange="OTC",
            ticks_per_point=100,
            tick_value_microusd=1_500,
            commission_microusd=0,
            slippage_ticks=15,
            lots_max=30,
            family="gold",
            calendar="OTC_Gold",
            lot_units="0.15",
            margin_frac=0.05,
        ),
        *(_index_options(s) for s in ("SPX", "NDX", "XSP", "RUT")),
        *(_fund_options(s) for s in ("SPY", "QQQ", "IWM")),
    )
}


def event_market(ticker: str) -> Market:
    """The market of one Kalshi ticker: pays 1 usd, ticks of 1 cent, cash margin."""
    return Market(
        symbol=ticker,
        kind=Kind.EVENT,
        exchange="KALSHI",
        ticks_per_point=1,
        tick_value_microusd=10_000,
        commission_microusd=0,
        slippage_ticks=0,
        lots_max=100,
        family=ticker.partition("-")[0].lower(),
        calendar="Kalshi",
        margin_frac=1.0,
    )


def market(symbol: str, **overrides: object) -> Market:
    """Look a market up by symbol; Kalshi tickers begin with KX.

    Raises: InputInvalid when there is no such market; the message lists those there are.
    """
    found = TABLE.get(symbol)
    if found is None and symbol.startswith("KX"):
        found = event_market(symbol)
    if found is None:
        raise InputInvalid(f"unknown market {symbol!r}; known: {', '.join(TABLE)}, and Kalshi tickers (KX...)")
    return replace(found, **overrides) if overrides else found  # type: ignore[arg-type]

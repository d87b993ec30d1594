"""Accounts, instruments, prices, positions and candles as OANDA writes them: numbers are text."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from brokers.sandbox.prices import Touch
from gamma.bars import Bar
from gamma.clock import NS
from gamma.markets import Market

if TYPE_CHECKING:
    from brokers.oanda.sandbox_transactions import Trade

UNITS_PRECISION: Final = 2
MARGIN_RATE: Final = Decimal("0.05")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MONEY: Final = Decimal("0.0001")

Row = dict[str, Any]


def stamp(ts_utc_ns: int) -> str:
    """A time with nine decimals of a second."""
    at = _EPOCH + timedelta(seconds=ts_utc_ns // NS)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ts_utc_ns % NS:09d}Z"


def money(usd: Decimal) -> str:
    """Money with four decimals."""
    return format(usd.quantize(_MONEY), "f")


def text_of(value: Decimal) -> str:
    """A number as text, without an exponent."""
    return format(value, "f")


def points_of(market: Market, ticks: int) -> str:
    """A price as text."""
    return text_of((ticks * market.tick_points).quantize(market.tick_points))


def decimals(market: Market) -> int:
    """Decimals of a price."""
    return max(0, -int(market.tick_points.normalize().as_tuple().exponent))


def instrument(market: Market) -> Row:
    """What can be traded, and in which steps."""
    return {
        "name": market.symbol,
        "type": "METAL",
        "displayName": "Gold",
        "pipLocation": -2,
        "displayPrecision": decimals(market),
        "tradeUnitsPrecision": UNITS_PRECISION,
        "minimumTradeSize": market.lot_units,
        "maximumTrailingStopDistance": "100.00",
        "minimumTrailingStopDistance": "0.05",
        "maximumPositionSize": "0",
        "maximumOrderUnits": "10000",
        "marginRate": text_of(MARGIN_RATE),
    }


def price(market: Market, touch: Touch) -> Row:
    """A quote; a closed market is quoted, and cannot be traded."""
    bid, ask = points_of(market, touch.bid_ticks), points_of(market, touch.ask_ticks)
    return {
        "type": "PRICE",
        "instrument": market.symbol,
        "time": stamp(touch.ts_utc_ns),
        "status": "tradeable" if touch.traded else "non-tradeable",
        "tradeable": touch.traded,
        "bids": [{"price": bid, "liquidity": 1000}],
        "asks": [{"price": ask, "liquidity": 1000}],
        "closeoutBid": bid,
        "closeoutAsk": ask,
    }


def candles(market: Market, granularity: str, bars: Iterable[Bar], *, growing: Bar | None = None) -> Row:
    """Bars of mid prices; the one that still grows is told too, as not complete."""
    return {
        "instrument": market.symbol,
        "granularity": granularity,
        "candles": [
            *(_candle(market, bar, complete=True) for bar in bars),
            *([_candle(market, growing, complete=False)] if growing is not None else []),
        ],
    }


def _candle(market: Market, bar: Bar, *, complete: bool) -> Row:
    named = {"o": bar.open_points, "h": bar.high_points, "l": bar.low_points, "c": bar.close_points}
    return {
        "time": stamp(bar.ts_open_utc_ns),
        "volume": max(1, int(bar.volume_lots)) if bar.volume_lots == bar.volume_lots else 1,
        "complete": complete,
        "mid": {name: points_of(market, market.ticks(points)) for name, points in named.items()},
    }


def worth_usd(trade: "Trade", touch: Touch, market: Market) -> Decimal:
    """Open P&L of a trade at the price that would close it [usd]."""
    ticks = touch.bid_ticks if trade.left > 0 else touch.ask_ticks
    return trade.left * (ticks * market.tick_points - trade.points)


def position(symbol: str, trades: Sequence["Trade"], open_usd: Decimal) -> Row:
    """What is held of an instrument; the side that is not held has no average price."""
    sides: dict[str, Row] = {}
    for name, sign in (("long", 1), ("short", -1)):
        held = [trade for trade in trades if trade.left * sign > 0]
        units = sum((trade.left for trade in held), Decimal(0))
        side: Row = {"units": text_of(units), "pl": "0.0000", "unrealizedPL": money(open_usd if held else Decimal(0))}
        if held:
            average = sum((trade.left * trade.points for trade in held), Decimal(0)) / units
            side |= {"averagePrice": text_of(round(average, 5)), "tradeIDs": [str(t.number) for t in held]}
        sides[name] = side
    return {"instrument": symbol, "pl": "0.0000", "unrealizedPL": money(open_usd), **sides}


def trade(row: "Trade", open_usd: Decimal, orders: Mapping[str, Row]) -> Row:
    """A trade, with the stop and target that hang on it."""
    return {
        "id": str(row.number),
        "instrument": row.symbol,
        "price": text_of(row.points),
        "openTime": stamp(row.ts_utc_ns),
        "state": "OPEN" if row.left else "CLOSED",
        "initialUnits": text_of(row.units),
        "currentUnits": text_of(row.left),
        "realizedPL": money(row.realised_usd),
        "unrealizedPL": money(open_usd),
        "financing": "0.0000",
        **orders,
    }

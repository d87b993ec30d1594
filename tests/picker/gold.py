"""Views of gold before a trade, and what the oracle makes of them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gamma.bars import Bar
from gamma.markets import market
from gamma.picking import Picking
from gamma.picks import Asking
from gamma.views import View
from sizers.size_picker import SizePicker
from tests.picker.oracle import CARD, Oracle
from tests.sizers.sized import in_market
from tests.views_example import NOW_UTC_NS

HOUR_NS = 3_600_000_000_000
GOLD = market("XAU_USD")
SHA256 = "0" * 64


def gold_view(
    equity_usd: float = 1_000.0, price_points: float = 2_000.0, side: int = 1, **overrides: Mapping[str, Any]
) -> View:
    """A long trade of gold by an account of 1,000 usd, at 2,000."""
    parts: dict[str, Mapping[str, Any]] = {
        "account": {
            "balance_usd": equity_usd,
            "equity_usd": equity_usd,
            "starting_capital_usd": 1_000.0,
            "peak_equity_usd": equity_usd,
            "cash_usd": equity_usd,
            "floor_usd": float("nan"),
            "floor_room_start_usd": float("nan"),
        },
        "market": {
            "price_points": price_points,
            "margin_usd_per_lot": GOLD.margin_usd_per_lot(price_points),
            "bid_points": price_points - 0.15,
            "ask_points": price_points + 0.15,
            "bar_s": 3600.0,
        },
        "signal": {"side": side},
    }
    for part, fields in overrides.items():
        parts[part] = {**parts.get(part, {}), **fields}
    return in_market("XAU_USD", **parts)


def bar_at(
    ts_close_utc_ns: int, price_points: float = 2_000.0, length_ns: int = HOUR_NS, symbol: str = "XAU_USD"
) -> Bar:
    """A bar that did not move."""
    return Bar(
        market=symbol,
        ts_open_utc_ns=ts_close_utc_ns - length_ns,
        ts_close_utc_ns=ts_close_utc_ns,
        open_points=price_points,
        high_points=price_points,
        low_points=price_points,
        close_points=price_points,
    )


def picking_of(sizer: Asking | None = None, bars: int = 32, **card: Any) -> Picking:
    """An oracle that has seen so many bars, the last of them now."""
    asking = sizer if sizer is not None else SizePicker(checkpoint="oracle", sha256=SHA256)
    picking = Picking(Oracle({**CARD, **card}), asking, GOLD)
    picking.warm_up([bar_at(NOW_UTC_NS - n * HOUR_NS) for n in reversed(range(bars))])
    return picking


def judged(view: View, sizer: Asking | None = None, **card: Any) -> View:
    """The view with what the oracle says of it."""
    return replace(view, curve=picking_of(sizer, **card).curve(view))

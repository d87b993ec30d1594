"""What the chain makes of sizers and a view, for the worked examples."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gamma.markets import market
from gamma.reasons import Fact
from gamma.sizing import Sizer, Sizing, size
from gamma.views import View
from tests.views_example import example_view


def sized(view: View, *sizers: Sizer) -> Sizing:
    """The whole chain, with its trace."""
    return size([(type(sizer).__name__, sizer) for sizer in sizers], view)


def facts(view: View, sizer: Sizer, lots: float = float("inf")) -> Mapping[str, Fact]:
    """The numbers behind one sizer's answer."""
    return sizer.explain(view, lots)


def traded(pnl_usd_per_lot: Sequence[float], **overrides: Mapping[str, Any]) -> View:
    """A view with 20,000 usd, 250 usd of risk a lot, and this record."""
    track = {
        "pnl_usd_per_lot": np.asarray(pnl_usd_per_lot, dtype=np.float64),
        "r_multiples": np.asarray(pnl_usd_per_lot, dtype=np.float64) / 250.0,
        "trades": len(pnl_usd_per_lot),
    }
    account = {"balance_usd": 20_000.0, "equity_usd": 20_000.0, "starting_capital_usd": 20_000.0}
    parts: dict[str, dict[str, Any]] = {"account": account, "signal": {"risk_usd_per_lot": 250.0}, "track": track}
    for part, fields in overrides.items():
        parts[part] = {**parts.get(part, {}), **fields}
    return example_view(**parts)


def in_market(symbol: str, **overrides: Mapping[str, Any]) -> View:
    """The example in another market, with the numbers of the table of markets."""
    found = market(symbol)
    fields: dict[str, Any] = {
        "symbol": found.symbol,
        "family": found.family,
        "kind": int(found.kind),
        "multiplier_usd_per_point": found.multiplier_usd_per_point,
        "tick_points": float(found.tick_points),
        "cost_usd_per_lot": found.cost_usd_per_lot(),
        "lots_max": found.lots_max,
        "mini_equivalent": found.mini_equivalent,
    }
    parts = {**overrides, "market": {**fields, **overrides.get("market", {})}}
    return example_view(**parts)

"""What several guards ask of a market: the limit that holds in it, and what one lot of an order ties up."""

from collections.abc import Mapping
from math import isfinite, nan
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from gamma.errors import InputInvalid
from gamma.markets import Kind, market
from gamma.views import MarketView, OrderView, View

_NAMES: Final = {int(kind): kind.name.lower() for kind in Kind}
KINDS: Final = tuple(_NAMES.values())


def _known(limits: dict[str, int]) -> dict[str, int]:
    for name in limits:
        if name not in KINDS:
            try:
                market(name)
            except InputInvalid as error:
                raise ValueError(f"{error}; or a kind of market: {', '.join(KINDS)}") from None
    return limits


LotsByMarket = Annotated[dict[str, Annotated[int, Field(gt=0)]], Field(min_length=1), AfterValidator(_known)]
"""Most lots by the market's symbol or its kind; a name that is neither is refused."""


def of_market(limits: Mapping[str, float], traded: MarketView) -> float:
    """The limit under the market's symbol, else under its kind (`emini`, `event`, ...); NaN where neither is."""
    limit = limits.get(traded.symbol)
    return limits.get(_NAMES.get(traded.kind, ""), nan) if limit is None else limit


def stake_usd_per_lot(view: View, order: OrderView) -> float:
    """What one lot of the order ties up [usd]: its price, its margin, or where it has none its largest loss.

    A short event contract is NO: it costs what its YES price lacks to the payout of 1 usd. Prices of
    event contracts are always of YES.
    """
    if view.market.kind == Kind.EVENT:
        yes_usd = _price_points(view, order) * view.market.multiplier_usd_per_point
        return float(yes_usd if order.side > 0 else 1.0 - yes_usd)
    margin_usd = float(view.market.margin_usd_per_lot)
    return margin_usd if margin_usd != 0 else float(view.signal.risk_usd_per_lot)


def _price_points(view: View, order: OrderView) -> float:
    return order.price_points if isfinite(order.price_points) else float(view.market.price_points)

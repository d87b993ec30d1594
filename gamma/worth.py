"""What an order takes on, read from a view: the exposure on its side and the money that one lot ties up.

Pure and traceable. A side that is neither long nor short makes all of it unknown.
"""

from typing import Final

from gamma.markets import Kind
from gamma.numeric import NAN, Num, floor, known, maximum, ratio, tolerance, where
from gamma.views import View

# What is spent was left of an account of some hundred usd, whose cents are rounded by a share of it all.
ROUNDED_CENTS: Final = 10_000.0


def by_side(side: Num, long: Num, short: Num) -> Num:
    """`long` for a buy (YES), `short` for a sale (NO), NaN for neither."""
    return where(side > 0, long, where(side < 0, short, NAN))


def by_event(kind: Num, event: Num, other: Num) -> Num:
    """`event` for an event contract, `other` for any other market, NaN where the kind is unknown."""
    return where(kind == Kind.EVENT, event, where(kind > 0, other, NAN))


def order_price_points(view: View) -> Num:
    """The limit, or the market's price where the order has none [points]."""
    limit = view.signal.price_points
    return where(known(limit), limit, view.market.price_points)


def event_cost_points(view: View) -> Num:
    """What one event contract costs on the order's side: YES at p, or NO at 100 - p [cents]."""
    price = order_price_points(view)
    return by_side(view.signal.side, price, 100.0 - price)


def lot_value_usd(view: View) -> Num:
    """What one lot ties up: an event contract's cost, a spread's greatest loss, else its margin [usd/lot]."""
    kind, market = view.market.kind, view.market
    event = event_cost_points(view) * market.multiplier_usd_per_point
    other = where(kind == Kind.OPTION_SPREAD, view.signal.risk_usd_per_lot, market.margin_usd_per_lot)
    return by_event(kind, event, other)


def exposure_lots(view: View) -> Num:
    """Lots held and working on the order's side, less those held against it; below 0 where it reduces.

    Working orders of the other side may never fill, so they offset nothing.
    """
    held = view.position
    return by_side(view.signal.side, held.lots + held.working_long_lots, held.working_short_lots - held.lots)


def reducing_lots(view: View) -> Num:
    """Lots that the order may have before it opens anything: what is held against it and not being closed yet."""
    return maximum(0.0 - exposure_lots(view), 0.0)


def opening_lots(view: View) -> Num:
    """Lots held and working on the order's side; 0 where it reduces."""
    return maximum(exposure_lots(view), 0.0)


def affordable_contracts(spend_usd: Num, cost_points: Num) -> Num:
    """The most event contracts whose cost and taker fee fit into `spend_usd`; exact in whole cents.

        n c + ceil(7 n c (100 - c) / 10,000) <= S   is   n <= 10,000 S / (10,000 c + 7 c (100 - c))

    for whole cents n c and S, since a whole number that is not below x is not below ceil(x). At a fraction
    of a cent the fee may round up by almost one cent, which is set aside. What rounding took from a whole
    number of cents is given back: in 32 bits 0.22 usd is a little less than 22 cents.
    Source: Kalshi fee schedule (see `gamma.markets.event_fee_cents`).
    """
    exact_cents = spend_usd * 100.0
    spend_cents = floor(exact_cents + tolerance(exact_cents) * maximum(exact_cents, ROUNDED_CENTS))
    whole = cost_points == floor(cost_points)
    spend_cents = where(whole, spend_cents, maximum(spend_cents - 1.0, 0.0))
    each = cost_points * (10_000.0 + 7.0 * (100.0 - cost_points))
    contracts = floor(ratio(spend_cents * 10_000.0, each))
    return where((cost_points > 0) & (cost_points < 100), contracts, 0.0)

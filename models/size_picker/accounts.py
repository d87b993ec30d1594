"""Whose trades are made: an account of spot gold that is liquidated, or one of index futures that ends at a floor."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gamma.errors import InputInvalid
from gamma.markets import TABLE, market
from gamma.params import parse
from models.size_picker.broker import Terms
from models.size_picker.form import SIZES

GOLD: Final = "XAU_USD"
# So much that it never binds: lots are limited by their number, and a floor ruins long before margin does.
FLOOR_LEVERAGE: Final = 1_000.0
MICRO: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """What trades are drawn with, each order of size as likely: prices of simulated paths, equity, room above a floor.

    Without room there is no floor. `flat_by_day` is whether a position is closed by 17:00 in New York.
    """

    prices_usd: tuple[float, float]
    equity_usd: tuple[float, float]
    room_usd: tuple[float, float] | None = None
    flat_by_day: bool = False


SPOT: Final = Accounts(prices_usd=(1_200.0, 5_000.0), equity_usd=(200.0, 5_000.0))
# One lot of a micro is worth so much: MNQ at 10,000 to 25,000 points, MES at 4,000 to 10,000.
LOT_WORTH_USD: Final = (20_000.0, 50_000.0)
PROP_EQUITY_USD: Final = (47_500.0, 55_000.0)
PROP_ROOM_USD: Final = (250.0, 5_000.0)


def accounts_of(symbol: str, terms: Terms) -> Accounts:
    """The accounts that trades of a market are drawn with."""
    if symbol == GOLD:
        return SPOT
    low, high = (worth / terms.ounces_per_lot for worth in LOT_WORTH_USD)
    return Accounts(prices_usd=(low, high), equity_usd=PROP_EQUITY_USD, room_usd=PROP_ROOM_USD, flat_by_day=True)


def terms_of(symbol: str, given: Mapping[str, Any]) -> Terms:
    """The broker's terms for a market: gold's, or those of a prop account that trades a micro; with what is given.

    Of a micro: a tick of spread at the drawn prices, half a tick of slippage and the commission at each fill, no swap.

    Raises: InputInvalid where the market is neither, or the terms are not of its kind.
    """
    if symbol == GOLD:
        terms = parse(Terms, given, "size-picker.terms")
        if terms.reading == "floor" or terms.ounces.tolist() != Terms().ounces.tolist():
            raise InputInvalid(
                "--term: trades are of gold at 0 to 30 lots, liquidated by reading A or B; leave others out"
            )
        return terms
    micros = [name for name, one in TABLE.items() if one.mini_equivalent == MICRO]
    if symbol not in micros:
        known = ", ".join([GOLD, *micros])
        raise InputInvalid(f"--symbol {symbol}: trades are made of {known}; a mini counts as ten of its micros")
    traded = market(symbol)
    multiplier, worth_usd = traded.multiplier_usd_per_point, (LOT_WORTH_USD[0] * LOT_WORTH_USD[1]) ** 0.5
    tick_usd = float(traded.tick_points) * multiplier
    usual = {
        "reading": "floor",
        "ounces_per_lot": multiplier,
        "leverage": FLOOR_LEVERAGE,
        "spread_frac": tick_usd / worth_usd,
        "slippage_frac": (tick_usd / 2 + traded.commission_microusd / 1e6) / worth_usd,
        "swap_long_frac": 0.0,
    }
    terms = parse(Terms, usual | dict(given), "size-picker.terms")
    if terms.reading != "floor" or terms.ounces_per_lot != multiplier or terms.lots_max != SIZES - 1:
        raise InputInvalid(f"--term: trades are of {symbol} at 0 to {SIZES - 1} lots, above a floor; leave others out")
    return terms

"""What a day's trades are charged: of each kind of fee the day's sum, rounded up to a cent."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Final

from brokers.alpaca.params import FeeRates
from gamma.markets import MICRO

_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turnover:
    """What was traded of options on a day: contracts, those of them that were sold, and what the sales brought in."""

    contracts: int = 0
    sold: int = 0
    sales_usd: Decimal = Decimal(0)

    def __add__(self, other: "Turnover") -> "Turnover":
        return Turnover(
            contracts=self.contracts + other.contracts,
            sold=self.sold + other.sold,
            sales_usd=self.sales_usd + other.sales_usd,
        )


def charged_microusd(day: Turnover, rates: FeeRates) -> int:
    """What is charged for a day.

    charge = sum over kinds of ceil(rate [usd/contract] * contracts) to the cent
    Source: Alpaca, Regulatory fees: each kind's sum of the day is rounded up to the cent.
    """
    kinds = (
        rates.orf_usd * day.contracts,
        rates.occ_usd * day.contracts,
        rates.cat_usd * day.contracts,
        rates.taf_usd * day.sold,
        rates.sec_frac * day.sales_usd,
    )
    return int(sum(kind.quantize(_CENT, ROUND_CEILING) for kind in kinds) * MICRO)

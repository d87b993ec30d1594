"""Contracts and products as Tradovate lists them: each quarter's contract of the index futures, by name and number."""

from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from brokers.tradovate.reading import stamp
from gamma import calendar, markets
from gamma.calendar import rolls
from gamma.calendar.rolls import CODES, Contract
from gamma.errors import InputInvalid

PRODUCTS: Final = ("MNQ", "NQ", "MES", "ES", "MYM", "YM", "M2K", "RTY")
FIRST_YEAR, LAST_YEAR = 2014, 2030
CONTRACT_ID, PRODUCT_ID, MATURITY_GAP = 3_000_000, 7_001, 500_000
_QUARTERS: Final = tuple(CODES)


@lru_cache(maxsize=512)
def contract_of(number: int) -> Contract:
    """The contract of a number.

    Raises: InputInvalid where there is none.
    """
    product, month = divmod(number - CONTRACT_ID, 1_000)
    year, quarter = divmod(month, 4)
    if not 0 <= product < len(PRODUCTS) or not FIRST_YEAR <= FIRST_YEAR + year <= LAST_YEAR:
        raise InputInvalid(f"there is no contract {number}")
    return rolls.contract(PRODUCTS[product], f"{FIRST_YEAR + year}-{_QUARTERS[quarter]:02d}")


def number_of(contract: Contract) -> int:
    """The number of a contract."""
    year, month = (int(part) for part in contract.month.split("-"))
    months = (year - FIRST_YEAR) * 4 + _QUARTERS.index(month)
    return CONTRACT_ID + PRODUCTS.index(contract.market) * 1_000 + months


def traded(name: str, now_utc_ns: int) -> Contract | None:
    """The contract of a name among those that trade now: the month in front and the next, and until its end the last.

    A name has one digit for its year, and so is one contract's only for a time.
    """
    for product in PRODUCTS:
        for contract in months(product, now_utc_ns):
            if contract.symbol == name:
                return contract
    return None


def front(product: str, now_utc_ns: int) -> Contract:
    """The contract in front."""
    session = calendar.session_at(product, now_utc_ns) or calendar.next_session(product, now_utc_ns)
    return rolls.front_contract(product, session.date)


def months(product: str, now_utc_ns: int) -> list[Contract]:
    """The contracts of a product that trade now, the first to end first."""
    number = number_of(front(product, now_utc_ns))
    near = [contract_of(n) for n in (number - 1, number, number + 1)]
    return [contract for contract in near if contract.ts_expiry_utc_ns > now_utc_ns]


def contract_row(contract: Contract) -> dict[str, Any]:
    """A contract."""
    number = number_of(contract)
    return {
        "id": number,
        "name": contract.symbol,
        "contractMaturityId": number + MATURITY_GAP,
        "timestamp": f"{contract.rolls_in - timedelta(days=400)}T00:00:00.000Z",
    }


def maturity_row(contract: Contract, now_utc_ns: int) -> dict[str, Any]:
    """When a contract ends."""
    return {
        "id": number_of(contract) + MATURITY_GAP,
        "productId": PRODUCT_ID + PRODUCTS.index(contract.market),
        "expirationMonth": int(contract.month.replace("-", "")),
        "expirationDate": stamp(contract.ts_expiry_utc_ns),
        "isFront": front(contract.market, now_utc_ns) == contract,
    }


def product_row(symbol: str) -> dict[str, Any]:
    """A product."""
    market = markets.market(symbol)
    return {
        "id": PRODUCT_ID + PRODUCTS.index(symbol),
        "name": symbol,
        "currencyId": 1,
        "productType": "Futures",
        "description": f"{symbol} of the sandbox",
        "exchangeId": 1,
        "contractGroupId": 1,
        "status": "Verified",
        "months": "HMUZ",
        "valuePerPoint": Decimal(str(market.multiplier_usd_per_point)),
        "priceFormatType": "Decimal",
        "priceFormat": -2,
        "tickSize": market.tick_points,
    }

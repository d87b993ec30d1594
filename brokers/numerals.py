"""Numbers and times as brokers write them in JSON: exact, and of a size that can be reckoned with."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from gamma.markets import MICRO

NUMBER_MAX: Final = 10**12
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def number(value: Any) -> Decimal:
    """A number that came as one.

    Raises: TypeError or ValueError.
    """
    if type(value) not in (int, Decimal):
        raise TypeError(f"{value!r} is no number")
    if not abs(value) < NUMBER_MAX:
        raise ValueError(f"{value!r} is out of all bounds")
    return Decimal(value)


def signed(value: Any) -> int:
    """A whole number.

    Raises: TypeError or ValueError.
    """
    found = number(value)
    if found != int(found):
        raise ValueError(f"{value!r} is no whole number")
    return int(found)


def count(value: Any) -> int:
    """A count: whole, and not below 0.

    Raises: TypeError or ValueError.
    """
    found = signed(value)
    if found < 0:
        raise ValueError(f"{value!r} is no count")
    return found


def positive(value: Any) -> int:
    """What a broker numbers a thing by: whole, and above 0; it has no decimals.

    Raises: ValueError.
    """
    if type(value) is not int or not 0 < value < 2**62:
        raise ValueError(f"{value!r} is no number of anything")
    return value


def microusd(value: Any) -> int:
    """Money in whole micro-dollars; a broker's binary fractions are rounded to them."""
    return int((number(value) * MICRO).to_integral_value(ROUND_HALF_EVEN))


def moment(text: Any) -> int:
    """A time in ISO 8601 with its zone, to the microsecond [UTC ns].

    Raises: TypeError or ValueError.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    since = at - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000

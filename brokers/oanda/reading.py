"""What OANDA's answers mean. Its numbers are text; what is not understood changes nothing, and says so."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from gamma.clock import NS
from gamma.errors import Transient
from gamma.events import OrderState
from gamma.markets import MICRO, Market

STATES: Final = {
    "PENDING": OrderState.ACKED,
    "FILLED": OrderState.FILLED,
    "TRIGGERED": OrderState.ACKED,
    "CANCELLED": OrderState.CANCELED,
}
# Reasons for which an order that was good ends without a fill; all others are refusals.
_CANCELED: Final = frozenset(
    {"CLIENT_REQUEST", "CLIENT_REQUEST_REPLACED", "LINKED_TRADE_CLOSED", "TIME_IN_FORCE_EXPIRED"}
)
_BY_THE_DAY: Final = ("GFD", "GTD")
NUMBER_MAX: Final = 10**12
_NUMBER: Final = re.compile(r"-?\d{1,15}(\.\d{1,15})?")
_ID: Final = re.compile(r"[1-9]\d{0,17}")
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Row = Mapping[str, Any]


def rows(told: Any, many: str) -> list[Row]:
    """A list of objects; the field must be there.

    Raises: KeyError or TypeError.
    """
    found = told[many]
    if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
        raise TypeError(f"{many!r} is no list of objects")
    return found


def number(value: Any) -> Decimal:
    """A number, written as text.

    Raises: TypeError or ValueError.
    """
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise TypeError(f"{value!r} is no number")
    found = Decimal(value)
    if not abs(found) < NUMBER_MAX:
        raise ValueError(f"{value!r} is out of all bounds")
    return found


def number_in(row: Row, name: str) -> Decimal:
    """A number that is 0 where it is not told."""
    return number(row[name]) if name in row else Decimal(0)


def microusd(amount_usd: Decimal) -> int:
    """Money in whole micro-dollars."""
    return int((amount_usd * MICRO).to_integral_value(ROUND_HALF_EVEN))


def positive(value: Any) -> int:
    """The number of a transaction, an order or a trade."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise ValueError(f"{value!r} is no transaction's number")
    return int(value)


def moment(text: Any) -> int:
    """A time as OANDA writes it, to the nanosecond [UTC ns]."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no time")
    whole, part = found.groups()
    since = datetime.fromisoformat(f"{whole}+00:00") - _EPOCH
    return (since.days * 86_400 + since.seconds) * NS + int((part or "0").ljust(9, "0"))


def lots_of(market: Market, units: Decimal) -> int:
    """Lots that units come to, signed; what is no whole lot counts as the nearest.

    Nobody but a stranger trades such units; the comparison of positions tells of what does not add up.
    """
    return int((units / Decimal(market.lot_units)).to_integral_value(ROUND_HALF_EVEN))


def held_lots(market: Market, units: Decimal) -> int:
    """Lots that are held, signed; what is no whole lot counts as one more, so that nothing that is held is left out."""
    whole, rest = divmod(abs(units), Decimal(market.lot_units))
    return (int(whole) + (1 if rest else 0)) * (1 if units > 0 else -1)


def nearest_ticks(market: Market, points: Decimal) -> int:
    """A price on the nearest tick: OANDA quotes gold finer than gamma's tick."""
    return int((points * market.ticks_per_point).to_integral_value(ROUND_HALF_EVEN))


def ended_as(reason: str, time_in_force: str, filled: int) -> OrderState:
    """What a cancelled order is told as, by the reason in its transaction; "" where there is none."""
    if reason == "TIME_IN_FORCE_EXPIRED" and time_in_force in _BY_THE_DAY:
        return OrderState.EXPIRED
    if filled or not reason or reason in _CANCELED:
        return OrderState.CANCELED
    return OrderState.REJECTED


def state_of(word: Any) -> OrderState:
    """The state that a word stands for.

    Raises: Transient for one that is not known.
    """
    state = STATES.get(word) if isinstance(word, str) else None
    if state is None:
        raise Transient(f"unknown state {word!r} of an order; its state stays as it was")
    return state


def client_id(row: Row) -> str:
    """The id that was given to an order by who placed it; "" where none was."""
    extensions = row.get("clientExtensions")
    found = extensions.get("id", "") if isinstance(extensions, Mapping) else ""
    if not isinstance(found, str):
        raise TypeError(f"{found!r} is no client's id")
    return found

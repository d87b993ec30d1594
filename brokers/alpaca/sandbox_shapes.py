"""An account as Alpaca writes it: numbers as texts, and what a structure has none of as an empty text or null."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

from brokers.sandbox.option_floor import MULTIPLIER
from brokers.sandbox.tickets import Ticket
from gamma.clock import NS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CENT: Final = Decimal("0.01")
_WORDS: Final = {
    "pending": "pending_new",
    "open": "new",
    "partially_filled": "partially_filled",
    "filled": "filled",
    "canceled": "canceled",
    "expired": "expired",
    "rejected": "rejected",
}
_NO_TIMES: Final = ("filled_at", "expired_at", "canceled_at", "failed_at", "replaced_at", "replaced_by", "replaces")
_ENDS: Final = {"filled": "filled_at", "expired": "expired_at", "canceled": "canceled_at", "rejected": "failed_at"}


def number_of(*parts: object) -> str:
    """The number of something: always the same one."""
    return str(uuid5(NAMESPACE_OID, " ".join(map(str, ("alpaca", *parts)))))


def order_number(ticket: Ticket, leg: int | None = None) -> str:
    """The number of an order, or of one of its legs."""
    return number_of("order", ticket.number, "" if leg is None else leg)


def order(ticket: Ticket, *, canceling: Collection[int], legs: bool) -> dict[str, Any]:
    """An order of several legs; it has neither a symbol nor a side."""
    status = word(ticket, canceling)
    return _times(ticket) | {
        "id": order_number(ticket),
        "client_order_id": ticket.tag,
        "asset_id": "",
        "symbol": "",
        "asset_class": "",
        "side": "",
        "position_intent": None,
        "qty": str(ticket.lots),
        "filled_qty": str(ticket.filled),
        "filled_avg_price": text(-ticket.net_points) if ticket.filled else None,
        "order_class": "mleg",
        "order_type": ticket.kind,
        "type": ticket.kind,
        "limit_price": None if ticket.limit_points is None else text(-ticket.limit_points),
        "status": status,
        "legs": [_leg(ticket, n, status) for n in range(len(ticket.legs))] if legs else None,
    }


def word(ticket: Ticket, canceling: Collection[int]) -> str:
    """The word for an order's state."""
    return "pending_cancel" if ticket.number in canceling and not ticket.ended else _WORDS[ticket.state]


def _leg(ticket: Ticket, n: int, status: str) -> dict[str, Any]:
    leg = ticket.legs[n]
    side = "buy" if leg.ratio > 0 else "sell"
    return _times(ticket) | {
        "id": order_number(ticket, n),
        "client_order_id": number_of("leg", ticket.number, n),
        "asset_id": number_of("asset", leg.symbol),
        "symbol": leg.symbol,
        "asset_class": "us_option",
        "side": side,
        "position_intent": f"{side}_to_{'open' if leg.opens else 'close'}",
        "qty": str(abs(leg.ratio) * ticket.lots),
        "filled_qty": str(abs(leg.ratio) * ticket.filled),
        "filled_avg_price": text(ticket.paid_points(n)) if ticket.filled else None,
        "order_class": "mleg",
        "order_type": "",
        "type": "",
        "limit_price": None,
        "status": status,
        "ratio_qty": str(abs(leg.ratio)),
        "legs": None,
    }


def _times(ticket: Ticket) -> dict[str, Any]:
    """What every order and every leg tells of itself."""
    created = stamp(ticket.ts_created_utc_ns)
    told: dict[str, Any] = dict.fromkeys(_NO_TIMES) | {
        "created_at": created,
        "updated_at": stamp(ticket.ts_updated_utc_ns),
        "submitted_at": created,
        "expires_at": stamp(ticket.until_utc_ns),
        "notional": None,
        "time_in_force": "day",
        "stop_price": None,
        "extended_hours": False,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
        "subtag": None,
        "source": None,
    }
    if ticket.state in _ENDS:
        told[_ENDS[ticket.state]] = told["updated_at"]
    return told


def position(symbol: str, count: int, cost_usd: Decimal, worth: Decimal) -> dict[str, Any]:
    """Contracts of an option, or shares: how many, what was paid for all of them, and what one is worth now."""
    shares = len(symbol) <= 6
    each = 1 if shares else MULTIPLIER
    value = worth * each * count
    return {
        "asset_id": number_of("asset", symbol),
        "symbol": symbol,
        "exchange": "ARCA" if shares else "",
        "asset_class": "us_equity" if shares else "us_option",
        "asset_marginable": shares,
        "side": "long" if count > 0 else "short",
        "qty": str(count),
        "qty_available": str(count),
        "avg_entry_price": text(cost_usd / each / count),
        "market_value": text(value),
        "cost_basis": text(cost_usd),
        "unrealized_pl": text(value - cost_usd),
        "unrealized_plpc": text(((value - cost_usd) / abs(cost_usd)).quantize(_CENT)) if cost_usd else "0",
        "current_price": text(worth),
    }


def account(number: str, money: Mapping[str, Decimal]) -> dict[str, Any]:
    """The account, with its money."""
    flags = ("trading_blocked", "transfers_blocked", "account_blocked", "trade_suspended_by_user")
    return {
        "id": number_of("account", number),
        "account_number": number,
        "status": "ACTIVE",
        "crypto_status": "INACTIVE",
        "currency": "USD",
        "created_at": "2026-01-02T14:30:00Z",
        "multiplier": "2",
        "shorting_enabled": True,
        "options_approved_level": 3,
        "options_trading_level": 3,
        **dict.fromkeys(flags, False),
        **{name: text(value) for name, value in money.items()},
    }


def text(value: Decimal) -> str:
    """A number as it is written there: without an exponent and without zeros at its end."""
    return f"{value.normalize():f}" if value else "0"


def stamp(ts_utc_ns: int) -> str:
    """A time as it is written there, to the nanosecond."""
    at = _EPOCH + timedelta(seconds=ts_utc_ns // NS)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ts_utc_ns % NS:09d}Z"


def sortable(ts_utc_ns: int, *parts: object) -> str:
    """The name of an activity: it sorts by time."""
    at = _EPOCH + timedelta(seconds=ts_utc_ns // NS)
    return f"{at:%Y%m%d%H%M%S}{ts_utc_ns % NS // 1_000_000:03d}::{number_of('activity', *parts)}"

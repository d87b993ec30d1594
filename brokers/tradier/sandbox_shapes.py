"""An account as Tradier writes it: numbers as JSON floats, and lists in three shapes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from brokers.sandbox.option_floor import MULTIPLIER, OptionFloor
from brokers.sandbox.tickets import Ticket

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CENT: Final = Decimal("0.01")


def envelope(one: str, rows: Sequence[Any]) -> Any:
    """A list as Tradier gives it: the text "null", its only item, or a list."""
    if not rows:
        return "null"
    return {one: rows[0] if len(rows) == 1 else list(rows)}


def order(ticket: Ticket, *, tags: bool) -> dict[str, Any]:
    """An order with its legs; its tag only where tags were asked for."""
    filled, left = ticket.filled, 0 if ticket.ended else ticket.lots - ticket.filled
    last = ticket.executions[-1] if ticket.executions else None
    average = abs(ticket.net_points)
    told: dict[str, Any] = {
        "id": ticket.number,
        "type": ticket.kind,
        "symbol": ticket.underlying,
        "side": "buy",
        "quantity": Decimal(ticket.lots),
        "status": ticket.state,
        "duration": ticket.duration,
        "avg_fill_price": average,
        "exec_quantity": Decimal(filled),
        "last_fill_price": average if last else Decimal(0),
        "last_fill_quantity": Decimal(last.lots if last else 0),
        "remaining_quantity": Decimal(left),
        "create_date": stamp(ticket.ts_created_utc_ns),
        "transaction_date": stamp(ticket.ts_updated_utc_ns),
        "class": "multileg",
        "num_legs": len(ticket.legs),
        "strategy": {2: "spread", 4: "condor"}.get(len(ticket.legs), "freeform"),
        "leg": [_leg(ticket, n) for n in range(len(ticket.legs))],
    }
    if ticket.limit_points:
        told["price"] = abs(ticket.limit_points)
    if ticket.reason:
        told["reason_description"] = ticket.reason
    return told | ({"tag": ticket.tag} if tags and ticket.tag else {})


def _leg(ticket: Ticket, n: int) -> dict[str, Any]:
    leg = ticket.legs[n]
    contracts = abs(leg.ratio)
    word = "buy" if leg.ratio > 0 else "sell"
    return {
        "id": ticket.number * 10 + n,
        "type": ticket.kind,
        "symbol": ticket.underlying,
        "side": f"{word}_to_{'open' if leg.opens else 'close'}",
        "quantity": Decimal(contracts * ticket.lots),
        "status": ticket.state,
        "duration": ticket.duration,
        "avg_fill_price": ticket.paid_points(n),
        "exec_quantity": Decimal(contracts * ticket.filled),
        "remaining_quantity": Decimal(0 if ticket.ended else contracts * (ticket.lots - ticket.filled)),
        "create_date": stamp(ticket.ts_created_utc_ns),
        "transaction_date": stamp(ticket.ts_updated_utc_ns),
        "class": "option",
        "option_symbol": leg.symbol,
    }


def preview(ticket: Ticket) -> dict[str, Any]:
    """What an order would be; it has no number."""
    return {
        "status": "ok",
        "result": True,
        "symbol": ticket.underlying,
        "class": "multileg",
        "type": ticket.kind,
        "duration": ticket.duration,
        "quantity": Decimal(ticket.lots),
    }


def profile(account: str) -> dict[str, Any]:
    """Who holds the token, and which accounts are theirs."""
    held = {
        "account_number": account,
        "classification": "individual",
        "date_created": "2026-01-02T14:30:00.000Z",
        "day_trader": False,
        "option_level": 6,
        "status": "active",
        "type": "margin",
        "last_update_date": "2026-01-02T14:30:00.000Z",
    }
    return {"profile": {"id": "id-sandbox", "name": "A Sandbox", "account": held}}


def balances(floor: OptionFloor, account: str, now_utc_ns: int) -> dict[str, Any]:
    """Money, and what of it new options can be covered with."""
    values = [(h.contracts, floor.worth_points(s, now_utc_ns)) for s, h in floor.held.items() if h.contracts]
    short = sum((MULTIPLIER * n * worth for n, worth in values if n < 0), Decimal(0))
    long = sum((MULTIPLIER * n * worth for n, worth in values if n > 0), Decimal(0))
    required = floor.requirement_usd() or Decimal(0)
    free = floor.cash_usd - required
    return {
        "balances": {
            "account_number": account,
            "account_type": "margin",
            "total_equity": floor.cash_usd + short + long,
            "total_cash": floor.cash_usd,
            "market_value": short + long,
            "open_pl": short + long - floor.cost_usd(),
            "close_pl": Decimal(0),
            "option_short_value": short,
            "option_long_value": long,
            "option_requirement": required,
            "current_requirement": required,
            "long_market_value": long,
            "short_market_value": short,
            "stock_long_value": Decimal(0),
            "uncleared_funds": Decimal(0),
            "pending_cash": Decimal(0),
            "pending_orders_count": sum(not ticket.ended for ticket in floor.tickets.values()),
            "margin": {
                "fed_call": Decimal(0),
                "maintenance_call": Decimal(0),
                "option_buying_power": free,
                "stock_buying_power": 2 * free,
                "stock_short_value": Decimal(0),
                "sweep": Decimal(0),
            },
        }
    }


def positions(floor: OptionFloor) -> dict[str, Any]:
    """Options that are held, one by one; what was paid is below 0 for those sold."""
    rows = [
        {
            "id": n + 1,
            "symbol": symbol,
            "quantity": Decimal(held.contracts),
            "cost_basis": (MULTIPLIER * held.cost_points).quantize(_CENT),
            "date_acquired": stamp(held.ts_utc_ns),
        }
        for n, (symbol, held) in enumerate(floor.held.items())
        if held.contracts
    ]
    return {"positions": envelope("position", rows)}


def stamp(ts_utc_ns: int) -> str:
    """A time as it is written there."""
    at = _EPOCH + timedelta(microseconds=ts_utc_ns // 1_000)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""An account and markets as Kalshi writes them: decimals in text, some money in whole cents."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

from brokers.kalshi.sandbox_account import Account, Held
from brokers.kalshi.sandbox_events import Level, Listed
from brokers.kalshi.sandbox_orders import Execution, Settled, Ticket
from gamma.bars import Bar
from gamma.clock import NS

T = TypeVar("T")
USER: Final = "u-sandbox"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO: Final = Decimal(0)


def order(ticket: Ticket, done: Sequence[Execution]) -> dict[str, Any]:
    """An order; `done` are its executions."""
    fees = {taker: sum((e.fee_usd for e in done if e.taker is taker), _ZERO) for taker in (True, False)}
    costs = {taker: sum(_cost(e) for e in done if e.taker is taker) for taker in (True, False)}
    return {
        "order_id": ticket.order_id,
        "user_id": USER,
        "client_order_id": ticket.client_order_id,
        "ticker": ticket.ticker,
        **_sides(ticket.side),
        "type": "limit",
        "status": ticket.status,
        **_prices(ticket.price),
        "initial_count_fp": count(ticket.count),
        "fill_count_fp": count(ticket.filled),
        "remaining_count_fp": count(ticket.left),
        "taker_fill_cost_dollars": dollars(costs[True]),
        "maker_fill_cost_dollars": dollars(costs[False]),
        "taker_fees_dollars": f"{fees[True]:.4f}",
        "maker_fees_dollars": f"{fees[False]:.4f}",
        "expiration_time": stamp(ticket.expires_s * NS) if ticket.expires_s else None,
        "created_time": stamp(ticket.ts_created_utc_ns),
        "last_update_time": stamp(ticket.ts_updated_utc_ns),
        "self_trade_prevention_type": ticket.prevention,
        "order_group_id": None,
        "cancel_order_on_pause": False,
        "subaccount_number": 0,
        "exchange_index": 0,
    }


def placed(ticket: Ticket, done: Sequence[Execution]) -> dict[str, Any]:
    """What an order is answered with."""
    told: dict[str, Any] = {
        "order_id": ticket.order_id,
        "client_order_id": ticket.client_order_id,
        "fill_count": count(ticket.filled),
        "remaining_count": count(ticket.left),
        "ts_ms": ticket.ts_updated_utc_ns // 1_000_000,
    }
    if ticket.filled:
        paid = Decimal(sum(e.count * e.price for e in done)) / ticket.filled / 100
        fees = sum((e.fee_usd for e in done), _ZERO) / ticket.filled
        told |= {"average_fill_price": f"{paid:.4f}", "average_fee_paid": f"{fees:.4f}"}
    return told


def fill(done: Execution) -> dict[str, Any]:
    """An execution; the order's client id is not told with it."""
    return {
        "fill_id": done.fill_id,
        "trade_id": f"t-{done.fill_id}",
        "order_id": done.order_id,
        "ticker": done.ticker,
        "market_ticker": done.ticker,
        **_sides(done.side),
        "count_fp": count(done.count),
        **_prices(done.price),
        "is_taker": done.taker,
        "created_time": stamp(done.ts_utc_ns),
        "fee_cost": f"{done.fee_usd:.4f}",
        "ts": done.ts_utc_ns // NS,
        "subaccount_number": 0,
        "exchange_index": 0,
    }


def settlement(one: Settled) -> dict[str, Any]:
    """A market that was paid out: counts and costs as text, what it brought in in whole cents."""
    yes, no = max(0, one.held), max(0, -one.held)
    return {
        "ticker": one.ticker,
        "event_ticker": one.event,
        "exchange_index": 0,
        "market_result": one.result,
        "yes_count_fp": count(yes),
        "yes_total_cost_dollars": dollars(one.cost if yes else 0),
        "no_count_fp": count(no),
        "no_total_cost_dollars": dollars(one.cost if no else 0),
        "revenue": one.revenue,
        "value": 100 if one.result == "yes" else 0,
        "settled_time": stamp(one.ts_utc_ns),
        "fee_cost": f"{one.fees_usd:.4f}",
    }


def position(ticker: str, held: Held) -> dict[str, Any]:
    """What is held of a market."""
    return {
        "ticker": ticker,
        "exchange_index": 0,
        "position_fp": count(held.count),
        "market_exposure_dollars": dollars(held.cost),
        "realized_pnl_dollars": dollars(held.realized),
        "total_traded_dollars": dollars(held.traded),
        "fees_paid_dollars": f"{held.fees_usd:.4f}",
        "resting_orders_count": 0,
        "last_updated_ts": stamp(held.ts_utc_ns),
    }


def balance(account: Account, worth: int, as_of_utc_ns: int) -> dict[str, Any]:
    """Cash, and what is held at what it would bring in, in whole cents."""
    return {
        "balance": int(account.cash_usd * 100),
        "balance_dollars": f"{account.cash_usd:.4f}",
        "portfolio_value": worth,
        "updated_ts": as_of_utc_ns // NS,
        "balance_breakdown": [{"exchange_index": 0, "balance": f"{account.cash_usd:.4f}"}],
    }


def market(
    listed: Listed, bids: tuple[Sequence[Level], Sequence[Level]], last: int, state: tuple[str, str]
) -> dict[str, Any]:
    """A question with its quotes, status and result; nothing bid is told as 0, nothing asked as a dollar."""
    yes, no = ((levels[0][0] if levels else 0) for levels in bids)
    status, result = state
    ends = stamp(listed.close_utc_ns)
    return {
        "ticker": listed.ticker,
        "event_ticker": listed.event,
        "series_ticker": listed.series,
        "market_type": "binary",
        "title": listed.title,
        "yes_sub_title": "Yes",
        "no_sub_title": "No",
        "open_time": stamp(listed.open_utc_ns),
        "close_time": ends,
        "expected_expiration_time": ends,
        "latest_expiration_time": stamp(listed.settle_utc_ns),
        "settlement_timer_seconds": (listed.settle_utc_ns - listed.close_utc_ns) // NS,
        "can_close_early": False,
        "status": status,
        "result": result,
        "yes_bid_dollars": dollars(yes),
        "yes_ask_dollars": dollars(100 - no),
        "no_bid_dollars": dollars(no),
        "no_ask_dollars": dollars(100 - yes),
        "last_price_dollars": dollars(last),
        "notional_value_dollars": "1.0000",
        "volume_fp": "0.00",
        "open_interest_fp": "0.00",
        "price_level_structure": "linear_cent",
        "price_ranges": [{"start": "0.0100", "end": "0.9900", "step": "0.0100"}],
        "fractional_trading_enabled": False,
        "exchange_index": 0,
    }


def series(name: str) -> dict[str, Any]:
    """What is told of a series."""
    return {
        "ticker": name,
        "title": name,
        "frequency": "custom",
        "category": "Simulated",
        "tags": [],
        "settlement_sources": [],
        "contract_url": "",
        "contract_terms_url": "",
        "additional_prohibitions": [],
        "fee_type": "quadratic",
        "fee_multiplier": 1,
    }


def book(bids: tuple[Sequence[Level], Sequence[Level]], depth: int) -> dict[str, Any]:
    """Bids of both sides, the best last."""
    yes, no = ([[dollars(p), count(n)] for p, n in reversed(levels[: depth or None])] for levels in bids)
    return {"orderbook_fp": {"yes_dollars": yes, "no_dollars": no}}


def candle(bar: Bar, previous: int, ends: tuple[tuple[int, int], tuple[int, int]]) -> dict[str, Any]:
    """A candle; `ends` are bid and ask when it began and when it closed."""
    traded = bar.volume_lots > 0
    prices = (bar.open_points, bar.high_points, bar.low_points, bar.close_points)
    names = ("open_dollars", "high_dollars", "low_dollars", "close_dollars")
    told: dict[str, Any] = dict.fromkeys(names)
    if traded:
        told = {name: dollars(int(price)) for name, price in zip(names, prices, strict=True)}
    return {
        "end_period_ts": bar.ts_close_utc_ns // NS,
        "yes_bid": _run(ends[0][0], ends[1][0]),
        "yes_ask": _run(ends[0][1], ends[1][1]),
        "price": {**told, "previous_dollars": dollars(previous)},
        "volume_fp": count(int(bar.volume_lots)),
        "open_interest_fp": "0.00",
    }


def page(field: str, rows: Sequence[T], params: Mapping[str, str], shape: Callable[[T], Any]) -> dict[str, Any]:
    """A page of a list; the cursor says how far it went."""
    limit = min(1_000, max(1, int(params.get("limit") or 100)))
    start = int(params.get("cursor") or 0)
    cursor = str(start + limit) if start + limit < len(rows) else ""
    return {field: [shape(row) for row in rows[start : start + limit]], "cursor": cursor}


def schedule() -> Mapping[str, Any]:
    """Round the clock, but for Thursday's maintenance."""
    whole = [{"open_time": "00:00", "close_time": "00:00"}]
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    hours = dict.fromkeys(days, whole) | {
        "thursday": [{"open_time": "00:00", "close_time": "03:00"}, {"open_time": "05:00", "close_time": "00:00"}]
    }
    span = {"start_time": "2026-01-01T00:00:00Z", "end_time": "2030-01-01T00:00:00Z"}
    return {"schedule": {"standard_hours": [{**span, **hours}], "maintenance_windows": []}}


def dollars(cents: int) -> str:
    """Cents as Kalshi writes them."""
    return f"{Decimal(cents) / 100:.4f}"


def count(contracts: int) -> str:
    """Contracts as Kalshi writes them."""
    return f"{contracts}.00"


def stamp(ts_utc_ns: int) -> str:
    """A time as it is written there."""
    at = _EPOCH + timedelta(microseconds=ts_utc_ns // 1_000)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _run(first: int, last: int) -> dict[str, str]:
    high, low = max(first, last), min(first, last)
    return {
        "open_dollars": dollars(first),
        "high_dollars": dollars(high),
        "low_dollars": dollars(low),
        "close_dollars": dollars(last),
    }


def _cost(done: Execution) -> int:
    return done.count * (done.price if done.side > 0 else 100 - done.price)


def _sides(side: int) -> dict[str, str]:
    return {"outcome_side": "yes" if side > 0 else "no", "book_side": "bid" if side > 0 else "ask"}


def _prices(cents: int) -> dict[str, str]:
    return {"yes_price_dollars": dollars(cents), "no_price_dollars": dollars(100 - cents)}

"""Kalshi's API in this process: what it answers, and how it says no."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import formatdate
from typing import Any, Final, final
from zoneinfo import ZoneInfo

from brokers.kalshi import sandbox_shapes
from brokers.kalshi.params import TIERS
from brokers.kalshi.requests import CANCEL_COST, COST, Bucket
from brokers.kalshi.sandbox_account import Account, worth_cents
from brokers.kalshi.sandbox_events import EventMarket
from brokers.kalshi.sandbox_floor import EventFloor
from brokers.kalshi.sandbox_keys import Gate
from brokers.kalshi.sandbox_markets import EventPages
from brokers.kalshi.sandbox_orders import Entry, Execution, Settled, Ticket, Wrong, count_of, price_of, ticket_of
from brokers.kalshi.sandbox_stream import Talks
from brokers.sandbox.answers import Answer, Request, in_json
from brokers.sandbox.sockets import Said
from brokers.sandbox.store import EntryStore
from gamma.clock import NS

PREFIX: Final = "/trade-api/v2"
PAUSE_DAY, PAUSE_HOURS = 3, (3, 4)
_NEW_YORK: Final = ZoneInfo("America/New_York")
_PUBLIC: Final = ("exchange", "markets", "events", "series")


@final
class KalshiSandbox:
    """One account at a Kalshi of its own.

    What it shows of the account is `lag_s` old. An order that works keeps its client id from others; one that is over
    does not. On Thursdays from 3 to 5 in New York nothing is placed or changed. Requests beyond the tier's are
    refused, unless `unlimited`.
    """

    def __init__(
        self,
        market: EventMarket,
        store: EntryStore[Entry],
        gate: Gate,
        *,
        capital_usd: Decimal,
        lag_s: float = 0.5,
        unlimited: bool = False,
    ) -> None:
        self.floor = EventFloor(market, store, capital_usd)
        self.gate = gate
        self.lag_s = lag_s
        self._pages = EventPages(self.floor)
        self._talks = Talks(self.floor, gate)
        reads, writes = TIERS["basic"]
        self._buckets = None if unlimited else (Bucket(reads), Bucket(writes))

    def advance(self, now_utc_ns: int) -> None:
        """Time passes: orders trade, markets close and are settled."""
        self.floor.advance(now_utc_ns)

    def handle(self, request: Request, now_utc_ns: int) -> Answer:
        """Answer a request, and say when."""
        answer = self._answer(request, now_utc_ns)
        date = {"Date": formatdate(now_utc_ns / NS, usegmt=True)}
        return replace(answer, headers={**answer.headers, **date})

    def _answer(self, request: Request, now_utc_ns: int) -> Answer:
        self.advance(now_utc_ns)
        rooms = request.path.removeprefix(PREFIX).strip("/").split("/")
        try:
            if rooms[0] not in _PUBLIC or rooms[-1] == "user_data_timestamp":
                self._let_in(request, now_utc_ns)
            self._count(request.method, now_utc_ns)
            if rooms[0] == "portfolio":
                return self._portfolio(request, rooms[1:], now_utc_ns)
            return in_json(self._told(rooms, request.params, now_utc_ns))
        except Wrong as wrong:
            if wrong.status == 429:
                return in_json({"error": "too many requests"}, 429)
            return in_json({"error": {"code": wrong.code, "message": wrong.text}}, wrong.status)
        except ValueError as error:
            return in_json({"code": "bad_request", "message": str(error)}, 400)

    # Conversations.

    def open_socket(self, number: int, request: Request, now_utc_ns: int) -> Said | Answer | None:
        """Open a conversation with who has signed."""
        return self._talks.open(number, request, now_utc_ns)

    def hear(self, number: int, message: str, now_utc_ns: int) -> Said:  # noqa: ARG002
        """Answer a message."""
        return self._talks.hear(number, message)

    def news(self, number: int, now_utc_ns: int) -> Said:
        """What is new."""
        self.advance(now_utc_ns)
        return self._talks.news(number)

    def close_socket(self, number: int) -> None:
        """A conversation is over."""
        self._talks.close(number)

    def _let_in(self, request: Request, now_utc_ns: int) -> None:
        refusal = self.gate.refusal(request.method, request.path, request.headers, now_utc_ns)
        if refusal:
            raise Wrong(401, "authentication_error", refusal)

    def _count(self, method: str, now_utc_ns: int) -> None:
        if self._buckets is None:
            return
        reads, writes = self._buckets
        bucket, cost = (reads, COST) if method == "GET" else (writes, CANCEL_COST if method == "DELETE" else COST)
        if bucket.take(cost, now_utc_ns / NS):
            raise Wrong(429, "too_many_requests")

    def _told(self, rooms: Sequence[str], params: Mapping[str, str], now_utc_ns: int) -> Any:
        match list(rooms):
            case ["exchange", "status"]:
                trading = not _paused(now_utc_ns)
                by_shard = [{"exchange_index": 0, "exchange_active": True, "trading_active": trading}]
                return {"exchange_active": True, "trading_active": trading, "exchange_index_statuses": by_shard}
            case ["exchange", "schedule"]:
                return sandbox_shapes.schedule()
            case ["exchange", "announcements"]:
                return {"announcements": []}
            case ["exchange", "user_data_timestamp"]:
                return {"as_of_time": sandbox_shapes.stamp(self._as_of(now_utc_ns))}
            case ["historical", "cutoff"]:
                cut = sandbox_shapes.stamp(now_utc_ns - 90 * 86_400 * NS)
                return {"market_settled_ts": cut, "trades_created_ts": cut, "orders_updated_ts": cut}
            case _:
                return self._pages.told(rooms, params, now_utc_ns)

    # The account.

    def _as_of(self, now_utc_ns: int) -> int:
        return now_utc_ns - round(self.lag_s * NS)

    def _portfolio(self, request: Request, asked: list[str], now_utc_ns: int) -> Answer:
        match request.method, asked:
            case "GET", _:
                return in_json(self._read(asked, request.params, now_utc_ns))
            case "POST", ["events", "orders"]:
                return in_json(self._place(request, now_utc_ns), 201)
            case "DELETE", ["events", "orders", order_id]:
                return in_json(self._cancel(order_id, now_utc_ns))
            case "POST", ["events", "orders", order_id, ("amend" | "decrease") as how]:
                return in_json(self._change(order_id, how, _json(request), now_utc_ns))
            case _, ["orders", *_]:
                raise Wrong(410, "deprecated_v1_order_endpoint", "switch to V2")
            case _:
                raise Wrong(404, "not_found", "page not found")

    def _read(self, asked: list[str], params: Mapping[str, str], now_utc_ns: int) -> Any:
        as_of = self._as_of(now_utc_ns)
        match asked:
            case ["balance"]:
                account = self.floor.account(as_of)
                return sandbox_shapes.balance(account, worth_cents(account, self.floor.market, now_utc_ns), as_of)
            case ["positions"]:
                return self._positions(self.floor.account(as_of), params)
            case ["orders", order_id]:
                return {"order": self._order(self._shown(order_id, as_of))}
            case [("orders" | "fills" | "settlements") as field]:
                return self._list(field, params, as_of)
            case ["summary", "total_resting_order_value"]:
                working = [t for t in self.floor.tickets.values() if t.status == "resting"]
                return {"total_resting_order_value": sum(t.left * _each(t) for t in working)}
            case _:
                raise Wrong(404, "not_found", "page not found")

    def _list(self, field: str, params: Mapping[str, str], as_of_utc_ns: int) -> Any:
        """A list, the newest first."""
        if field == "orders":
            return sandbox_shapes.page(field, self._listed(params, as_of_utc_ns), params, self._order)
        if field == "fills":
            done = [e for e in self.floor.executions if e.ts_utc_ns <= as_of_utc_ns and _wanted(e, params)]
            return sandbox_shapes.page(field, done[::-1], params, sandbox_shapes.fill)
        over = [s for s in self.floor.settlements if s.ts_utc_ns <= as_of_utc_ns and _wanted(s, params)]
        return sandbox_shapes.page(field, over[::-1], params, sandbox_shapes.settlement)

    def _positions(self, account: Account, params: Mapping[str, str]) -> Any:
        rows = [
            sandbox_shapes.position(ticker, held)
            for ticker, held in account.held.items()
            if held.count and params.get("ticker", ticker) == ticker
        ]
        return {"market_positions": rows, "event_positions": [], "cursor": ""}

    def _listed(self, params: Mapping[str, str], as_of_utc_ns: int) -> list[Ticket]:
        shown = [t for t in self.floor.tickets.values() if t.ts_created_utc_ns <= as_of_utc_ns]
        status, ticker = params.get("status"), params.get("ticker")
        since_s, until_s = int(params.get("min_ts") or 0), int(params.get("max_ts") or 2**40)
        return [
            t
            for t in reversed(shown)
            if (not status or t.status == status)
            and (not ticker or t.ticker == ticker)
            and since_s <= t.ts_created_utc_ns / NS <= until_s
        ]

    def _order(self, ticket: Ticket) -> dict[str, Any]:
        return sandbox_shapes.order(ticket, self._done(ticket.order_id))

    def _done(self, order_id: str) -> list[Execution]:
        return [e for e in self.floor.executions if e.order_id == order_id]

    def _shown(self, order_id: str, as_of_utc_ns: int) -> Ticket:
        ticket = self.floor.tickets.get(order_id)
        if ticket is None or ticket.ts_created_utc_ns > as_of_utc_ns:
            raise Wrong(404, "not_found", "order not found")
        return ticket

    def _place(self, request: Request, now_utc_ns: int) -> Any:
        _refuse_pause(now_utc_ns)
        ticket = self.floor.take(ticket_of(_json(request), self.floor.next_id(), now_utc_ns))
        return sandbox_shapes.placed(ticket, self._done(ticket.order_id))

    def _cancel(self, order_id: str, now_utc_ns: int) -> Any:
        ticket = self._working(order_id, now_utc_ns)
        left = ticket.left
        self.floor.cancel(ticket, now_utc_ns)
        told = {"order_id": order_id, "client_order_id": ticket.client_order_id}
        return told | {"reduced_by": sandbox_shapes.count(left), "ts_ms": now_utc_ns // 1_000_000}

    def _change(self, order_id: str, how: str, body: Mapping[str, Any], now_utc_ns: int) -> Any:
        _refuse_pause(now_utc_ns)
        ticket = self._working(order_id, now_utc_ns)
        if how == "amend":
            count, price = count_of(body.get("count")), price_of(body.get("price"))
        else:
            cut = "reduce_by" in body
            given = count_of(body.get("reduce_by" if cut else "reduce_to"))
            count, price = ticket.filled + (max(0, ticket.left - given) if cut else given), ticket.price
        done = self.floor.change(ticket, now_utc_ns, count=count, price=price)
        return sandbox_shapes.placed(done, self._done(order_id))

    def _working(self, order_id: str, now_utc_ns: int) -> Ticket:
        """An order that works, in a market that is open."""
        ticket = self.floor.tickets.get(order_id)
        listed = self.floor.market.find(ticket.ticker) if ticket is not None else None
        if listed is not None and now_utc_ns >= listed.close_utc_ns:
            raise Wrong(400, "MARKET_INACTIVE")
        if ticket is None or ticket.status != "resting":
            raise Wrong(404, "not_found", "order not found")
        return ticket


def _json(request: Request) -> Mapping[str, Any]:
    try:
        found = json.loads(request.body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Wrong(400, "bad_request", "the body is no JSON object")
    return found


def _wanted(one: Execution | Settled, params: Mapping[str, str]) -> bool:
    order_id = one.order_id if isinstance(one, Execution) else ""
    return (
        params.get("ticker", one.ticker) == one.ticker
        and params.get("order_id", order_id) == order_id
        and int(params.get("min_ts") or 0) <= one.ts_utc_ns / NS <= int(params.get("max_ts") or 2**40)
    )


def _each(ticket: Ticket) -> int:
    return ticket.price if ticket.side > 0 else 100 - ticket.price


def _paused(now_utc_ns: int) -> bool:
    at = datetime.fromtimestamp(now_utc_ns // NS, UTC).astimezone(_NEW_YORK)
    return at.weekday() == PAUSE_DAY and at.hour in PAUSE_HOURS


def _refuse_pause(now_utc_ns: int) -> None:
    if _paused(now_utc_ns):
        raise Wrong(400, "TRADING_PAUSED")

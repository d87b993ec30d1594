"""Alpaca's API in this process: what it answers, and how it says no."""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, final

from brokers.alpaca import sandbox_markets, sandbox_shapes
from brokers.alpaca.params import NO_FEES, FeeRates
from brokers.alpaca.sandbox_ledger import SandboxLedger
from brokers.alpaca.sandbox_orders import Wrong, body_of, ticket_of
from brokers.alpaca.sandbox_talk import PATH, Talks
from brokers.sandbox.answers import Answer, Request, in_json
from brokers.sandbox.option_floor import OptionFloor, option_of
from brokers.sandbox.option_market import OptionMarket
from brokers.sandbox.prices import Prices
from brokers.sandbox.sockets import Said
from brokers.sandbox.tickets import Store, Ticket
from gamma.clock import NS
from gamma.errors import InputInvalid

ACCOUNT: Final = "PA0000000001"
KEY_ID: Final = "PKSANDBOX"
SECRET: Final = "sandbox"  # noqa: S105  (everybody may know it)
PER_MINUTE: Final = 200
MINUTE_NS: Final = 60 * NS
ACTIVITIES_MAX: Final = 100
ORDERS_MAX: Final = 500
_NO_BODY: Final = Answer(status=204, body=b"")


@final
class AlpacaSandbox:
    """One paper account at an Alpaca of its own: orders, activities, positions, prices and chains.

    An order is answered `pending_new` before it is looked at; what the account cannot cover is refused at once, and
    what an exchange would refuse later. More than 200 requests a minute to a host are refused, unless `unlimited`. That
    an option has ended is told `ended_lag_s` after it is listed no more. Paper charges no fees; `rates` are those of a
    sandbox that does.
    """

    def __init__(
        self,
        quotes: OptionMarket,
        store: Store,
        *,
        capital_usd: Decimal,
        rates: FeeRates = NO_FEES,
        prices: Prices | None = None,
    ) -> None:
        self.floor = OptionFloor(quotes, store, capital_usd, lot_fee_usd=Decimal(0))
        self.ledger = SandboxLedger(self.floor, rates)
        self.unlimited = False
        self.ended_lag_s = 0.0
        self._prices = prices
        self._canceling: set[int] = set()
        self._sent: dict[str, deque[int]] = {}
        self._talks = Talks(self.floor, self._canceling, lambda *keys: keys == (KEY_ID, SECRET))

    def advance(self, now_utc_ns: int) -> None:
        """Time passes: orders trade, options end."""
        self.floor.advance(now_utc_ns)

    def handle(self, request: Request, now_utc_ns: int) -> Answer:
        """Answer a request; trading is under /v2, prices under /v2/stocks and /v1beta1."""
        self.advance(now_utc_ns)
        keys = (request.headers.get("apca-api-key-id"), request.headers.get("apca-api-secret-key"))
        if keys != (KEY_ID, SECRET):
            return _error(401, 40110000, "request is not authorized")
        rooms = request.path.strip("/").split("/")
        prices = rooms[0] == "v1beta1" or rooms[:2] == ["v2", "stocks"]
        limits, over = self._count("data" if prices else "trading", now_utc_ns)
        try:
            if over:
                answer = _error(429, 42910000, "rate limit exceeded")
            elif prices:
                answer = sandbox_markets.data(self.floor.quotes, self._prices, rooms, request.params, now_utc_ns)
            else:
                answer = self._trading(request, rooms[1:], now_utc_ns)
        except InputInvalid as error:
            answer = _error(404, 40410000, str(error))
        except Wrong as wrong:
            answer = _error(wrong.status, wrong.code, str(wrong))
        return replace(answer, headers={**answer.headers, **limits})

    def open_socket(self, number: int, request: Request, now_utc_ns: int) -> Said | None:
        """Open a conversation about trade updates."""
        is_one = request.path == PATH and request.headers.get("upgrade", "").lower() == "websocket"
        return self._talks.open(number, now_utc_ns) if is_one else None

    def hear(self, number: int, message: str, now_utc_ns: int) -> Said:
        """Answer a message."""
        self.advance(now_utc_ns)
        return self._talks.hear(number, message)

    def news(self, number: int, now_utc_ns: int) -> Said:
        """What happened to orders."""
        self.advance(now_utc_ns)
        return self._talks.news(number, now_utc_ns)

    def close_socket(self, number: int) -> None:
        """A conversation is over."""
        self._talks.close(number)

    def _trading(self, request: Request, rooms: list[str], now_utc_ns: int) -> Answer:
        match request.method, rooms:
            case "GET", ["account"]:
                return in_json(self._account(now_utc_ns))
            case "GET", ["account", "activities", *kinds]:
                wanted = kinds or [kind for kind in request.params.get("activity_types", "").split(",") if kind]
                return in_json(self._activities(wanted, request.params, now_utc_ns))
            case "GET", ["positions"]:
                return in_json(self._positions(now_utc_ns))
            case "GET", ["positions", symbol]:
                found = [row for row in self._positions(now_utc_ns) if row["symbol"] == symbol]
                return in_json(found[0]) if found else _error(404, 40410000, "position does not exist")
            case _, [("orders" | "orders:by_client_order_id"), *_]:
                return self._orders(request, rooms, now_utc_ns)
            case _:
                return sandbox_markets.trading(self.floor.quotes, rooms, request.params, now_utc_ns)

    def _orders(self, request: Request, rooms: list[str], now_utc_ns: int) -> Answer:
        match request.method, rooms:
            case "GET", ["orders"]:
                return in_json(self._listed(request.params))
            case "GET", ["orders:by_client_order_id"]:
                named = request.params.get("client_order_id", "")
                return self._one(next((t for t in self.floor.tickets.values() if t.tag == named), None), named)
            case "POST", ["orders"]:
                return self._place(request.body, now_utc_ns)
            case "DELETE", ["orders"]:
                return self._cancel_all(now_utc_ns)
            case method, ["orders", number]:
                return self._order(method, number, now_utc_ns)
            case _:
                return sandbox_markets.missing("endpoint")

    def _order(self, method: str, number: str, now_utc_ns: int) -> Answer:
        ticket = next((t for t in self.floor.tickets.values() if sandbox_shapes.order_number(t) == number), None)
        if ticket is None or method == "GET":
            return self._one(ticket, number)
        if method == "DELETE":
            return self._cancel(ticket, now_utc_ns)
        if ticket.ended:
            return _error(422, 42210000, f"order is not replaceable: {ticket.state}")
        # As Alpaca answers, of orders that close as of those that open.
        return _error(403, 40310000, f"insufficient qty available for order (requested: {ticket.lots}, available: 0)")

    def _one(self, ticket: Ticket | None, asked: str) -> Answer:
        if ticket is None:
            return _error(404, 40410000, f"order not found for {asked}")
        return in_json(sandbox_shapes.order(ticket, canceling=self._canceling, legs=True))

    def _listed(self, params: Mapping[str, str]) -> list[dict[str, Any]]:
        """Orders by when they were submitted, the newest first unless it is asked for otherwise."""
        status, after = params.get("status", "open"), _utc_ns(params.get("after"), 0)
        until = _utc_ns(params.get("until"), 2**63)
        found = [
            ticket
            for ticket in self.floor.tickets.values()
            if (status == "all" or ticket.ended == (status == "closed")) and after < ticket.ts_created_utc_ns < until
        ]
        found.sort(key=lambda t: (t.ts_created_utc_ns, t.number), reverse=params.get("direction", "desc") == "desc")
        some = found[: min(int(params.get("limit", "50")), ORDERS_MAX)]
        nested = params.get("nested", "").lower() == "true"
        return [sandbox_shapes.order(ticket, canceling=self._canceling, legs=nested) for ticket in some]

    def _place(self, content: bytes, now_utc_ns: int) -> Answer:
        ticket = ticket_of(body_of(content), self.floor.next_number, now_utc_ns, 0)
        if any(known.tag == ticket.tag for known in self.floor.tickets.values()):
            raise Wrong("client_order_id must be unique")
        for leg in ticket.legs:
            try:
                self.floor.quotes.quote(option_of(leg.symbol), now_utc_ns)
            except InputInvalid:
                raise Wrong(f"asset {leg.symbol} not found") from None
        if refusal := self.floor.refusal(ticket):
            raise Wrong(refusal, 403, 40310000)
        self.floor.take(ticket)
        return in_json(sandbox_shapes.order(ticket, canceling=(), legs=True))

    def _cancel(self, ticket: Ticket, now_utc_ns: int) -> Answer:
        if ticket.ended:
            return _error(422, 42210000, f'order is already in "{ticket.state}" state')
        self._canceling.add(ticket.number)
        self.floor.cancel(ticket, now_utc_ns)
        return _NO_BODY

    def _cancel_all(self, now_utc_ns: int) -> Answer:
        working = [ticket for ticket in self.floor.tickets.values() if not ticket.ended]
        for ticket in working:
            self._cancel(ticket, now_utc_ns)
        return in_json([{"id": sandbox_shapes.order_number(ticket), "status": 200} for ticket in working], 207)

    def _positions(self, now_utc_ns: int) -> list[dict[str, Any]]:
        options = [
            sandbox_shapes.position(
                symbol, held.contracts, 100 * held.cost_points, self.floor.worth_points(symbol, now_utc_ns)
            )
            for symbol, held in self.floor.held.items()
            if held.contracts
        ]
        shares = [
            sandbox_shapes.position(symbol, count, cost, self.floor.quotes.spot(symbol, now_utc_ns))
            for symbol, (count, cost) in self.ledger.shares().items()
            if count
        ]
        return options + shares

    def _account(self, now_utc_ns: int) -> dict[str, Any]:
        values = [Decimal(row["market_value"]) for row in self._positions(now_utc_ns)]
        long, short = sum((v for v in values if v > 0), Decimal(0)), sum((v for v in values if v < 0), Decimal(0))
        cash, required = self.ledger.cash_usd(), self.floor.requirement_usd() or Decimal(0)
        equity, free = cash + long + short, cash - required
        money = {
            "cash": cash,
            "equity": equity,
            "last_equity": equity,
            "portfolio_value": equity,
            "buying_power": 2 * free,
            "regt_buying_power": 2 * free,
            "non_marginable_buying_power": free,
            "options_buying_power": free,
            "initial_margin": required,
            "maintenance_margin": required,
            "last_maintenance_margin": required,
            "long_market_value": long,
            "short_market_value": short,
            "position_market_value": long - short,
            "accrued_fees": Decimal(0),
            "sma": Decimal(0),
        }
        return sandbox_shapes.account(ACCOUNT, money)

    def _activities(self, kinds: list[str], params: Mapping[str, str], now_utc_ns: int) -> list[Mapping[str, Any]]:
        """What happened, a page of it; `page_token` is the last one of the page before."""
        after, until = _utc_ns(params.get("after"), 0), _utc_ns(params.get("until"), 2**63)
        found = [
            one
            for one in self.ledger.activities(now_utc_ns - round(self.ended_lag_s * NS))
            if (not kinds or one.kind in kinds)
            and after < _utc_ns(one.told.get("transaction_time") or one.told.get("date"), 0) < until
        ]
        descending = params.get("direction", "desc") == "desc"
        found.sort(key=lambda one: one.when, reverse=descending)
        if token := params.get("page_token"):
            found = [one for one in found if (one.when < token if descending else one.when > token)]
        size = min(int(params.get("page_size", ACTIVITIES_MAX)), ACTIVITIES_MAX)
        return [one.told for one in found[:size]]

    def _count(self, host: str, now_utc_ns: int) -> tuple[dict[str, str], bool]:
        """Count a request; how many are left is told with each answer."""
        sent = self._sent.setdefault(host, deque())
        if sent and now_utc_ns - sent[0] >= MINUTE_NS:
            sent.clear()  # a window begins with its first request
        over = len(sent) >= PER_MINUTE and not self.unlimited
        if not over:
            sent.append(now_utc_ns)
        limits = {
            "X-RateLimit-Limit": str(PER_MINUTE),
            "X-RateLimit-Remaining": str(max(0, PER_MINUTE - len(sent))),
            "X-RateLimit-Reset": str((sent[0] + MINUTE_NS) // NS),
        }
        return limits, over


def _error(status: int, code: int, text: str) -> Answer:
    return in_json({"code": code, "message": text}, status)


def _utc_ns(text: str | None, default: int) -> int:
    """A time or a day of a request.

    Raises: Wrong.
    """
    if not text:
        return default
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Wrong(f"invalid time: {text}") from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return round(at.timestamp() * 1_000_000) * 1_000

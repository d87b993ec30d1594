"""Tradier's API in this process: what it answers, and how it says no."""

import re
from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, final

from brokers.sandbox.answers import JSON, Answer, Request, in_json, in_text
from brokers.sandbox.option_floor import OptionFloor, option_of
from brokers.sandbox.option_market import OptionMarket
from brokers.sandbox.tickets import Store, Ticket
from brokers.tradier import sandbox_markets, sandbox_shapes
from brokers.tradier.sandbox_orders import Wrong, ticket_of
from gamma.clock import NS
from gamma.errors import InputInvalid

ACCOUNT: Final = "VA00000001"
TOKEN: Final = "sandbox"  # noqa: S105  (everybody may know it)
PER_MINUTE: Final = 60
MINUTE_NS: Final = 60 * NS
_NUMBER: Final = re.compile(r"\d{1,18}")


@final
class TradierSandbox:
    """One paper account at a Tradier of its own: orders, balances, quotes and chains.

    An order is received with `ok` before it is looked at, so that a refusal comes later; it shows on lists `lag_s`
    after that. Lists come as null, as an object or as a list, of orders at most `page_most` at a time. More than 60
    requests of a kind in a minute are refused, unless `unlimited`.
    """

    def __init__(
        self, quotes: OptionMarket, store: Store, *, capital_usd: Decimal, lag_s: float = 0.5, unlimited: bool = False
    ) -> None:
        self.floor = OptionFloor(quotes, store, capital_usd)
        self.account = ACCOUNT
        self.token = TOKEN
        self.lag_s = lag_s
        self.page_most = 100
        self._unlimited = unlimited
        self._sent: dict[str, deque[int]] = {}

    def advance(self, now_utc_ns: int) -> None:
        """Time passes: orders trade, options end."""
        self.floor.advance(now_utc_ns)

    def handle(self, request: Request, now_utc_ns: int) -> Answer:
        """Answer a request; who asks for no JSON gets XML, as there."""
        self.advance(now_utc_ns)
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return in_text("Invalid Access Token", 401)
        rooms = request.path.strip("/").split("/")
        limits, over = self._count(_kind(request.method, rooms), now_utc_ns)
        answer = in_text("Quota Violation", 429) if over else self._routed(request, rooms[1:], now_utc_ns)
        if answer.headers.get("Content-Type") == JSON and JSON not in request.headers.get("accept", ""):
            answer = Answer(status=answer.status, body=b"<xml/>", headers={"Content-Type": "application/xml"})
        return Answer(status=answer.status, body=answer.body, headers={**answer.headers, **limits})

    def _routed(self, request: Request, rooms: list[str], now_utc_ns: int) -> Answer:
        match request.method, rooms:
            case "GET", ["user", "profile"]:
                return in_json(sandbox_shapes.profile(self.account))
            case "GET" | "POST", ["markets", *asked]:
                params = request.form if request.method == "POST" else request.params
                try:
                    return sandbox_markets.answer(self.floor.quotes, asked, params, now_utc_ns)
                except InputInvalid as error:
                    return in_text(str(error), 400)
            case _, ["accounts", account, *asked]:
                if account != self.account:
                    return in_text("Invalid account", 401)
                return self._account(request, asked, now_utc_ns)
            case _:
                return in_text("Not Found", 404)

    def _account(self, request: Request, asked: list[str], now_utc_ns: int) -> Answer:
        match request.method, asked:
            case "GET", ["balances"]:
                return in_json(sandbox_shapes.balances(self.floor, self.account, now_utc_ns))
            case "GET", ["positions"]:
                return in_json(sandbox_shapes.positions(self.floor))
            case "GET", ["orders"]:
                return self._listed(request.params, now_utc_ns)
            case "POST", ["orders"]:
                return self._place(request.form, now_utc_ns)
            case method, ["orders", number]:
                return self._one(method, number, request, now_utc_ns)
            case _:
                return in_text("Not Found", 404)

    def _one(self, method: str, number: str, request: Request, now_utc_ns: int) -> Answer:
        ticket = self.floor.tickets.get(int(number)) if _NUMBER.fullmatch(number) else None
        if ticket is None:
            return in_text("order not found", 404)
        if method == "GET":
            return in_json({"order": sandbox_shapes.order(ticket, tags=_tags(request.params))})
        if method == "DELETE":
            return self._cancel(ticket, now_utc_ns)
        return in_text("Invalid parameter, class: orders of several legs are not changed", 400)

    def _listed(self, params: Mapping[str, str], now_utc_ns: int) -> Answer:
        """The orders of today's session, a page of them, newest last."""
        today = sandbox_markets.session_date(now_utc_ns)
        shown = [
            t
            for t in self.floor.tickets.values()
            if t.shows_utc_ns <= now_utc_ns
            and (not t.ended or sandbox_markets.session_date(t.ts_created_utc_ns) == today)
        ]
        page, limit = (int(params.get(name, default)) for name, default in (("page", "1"), ("limit", "25")))
        limit = min(limit, self.page_most)
        rows = [sandbox_shapes.order(t, tags=_tags(params)) for t in shown[(page - 1) * limit : page * limit]]
        return in_json({"orders": sandbox_shapes.envelope("order", rows)})

    def _place(self, form: Mapping[str, str], now_utc_ns: int) -> Answer:
        try:
            ticket = ticket_of(form, self.floor.next_number, now_utc_ns, round(self.lag_s * NS))
            for leg in ticket.legs:
                self.floor.quotes.quote(option_of(leg.symbol), now_utc_ns)
        except Wrong as wrong:
            return in_text(str(wrong), 400)
        except InputInvalid as error:
            return in_json({"errors": {"error": str(error)}})
        if form.get("preview") == "true":
            return in_json({"order": sandbox_shapes.preview(ticket)})
        self.floor.take(ticket)
        return in_json({"order": {"id": ticket.number, "status": "ok", "partner_id": "sandbox"}})

    def _cancel(self, ticket: Ticket, now_utc_ns: int) -> Answer:
        if ticket.ended:
            return in_text(f"order already in finalized state: {ticket.state}", 400)
        self.floor.cancel(ticket, now_utc_ns)
        return in_json({"order": {"id": ticket.number, "status": "ok"}})

    def _count(self, kind: str, now_utc_ns: int) -> tuple[dict[str, str], bool]:
        """Count a request; how many are left is told with each answer."""
        sent = self._sent.setdefault(kind, deque())
        if sent and now_utc_ns - sent[0] >= MINUTE_NS:
            sent.clear()  # a window begins with its first request
        over = len(sent) >= PER_MINUTE and not self._unlimited
        if not over:
            sent.append(now_utc_ns)
        limits = {
            "X-Ratelimit-Allowed": str(PER_MINUTE),
            "X-Ratelimit-Used": str(len(sent)),
            "X-Ratelimit-Available": str(max(0, PER_MINUTE - len(sent))),
            "X-Ratelimit-Expiry": str((sent[0] + MINUTE_NS) // 1_000_000),
        }
        return limits, over


def _kind(method: str, rooms: list[str]) -> str:
    if "markets" in rooms:
        return "market"
    return "account" if method == "GET" else "trading"


def _tags(params: Mapping[str, str]) -> bool:
    return params.get("includeTags", "").lower() == "true"

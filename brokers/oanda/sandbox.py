"""OANDA's v20 API in this process: what it answers, and how it says no."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, final

from brokers.oanda import sandbox_orders, sandbox_reads
from brokers.oanda.sandbox_orders import Malformed, Refused
from brokers.oanda.sandbox_shapes import money
from brokers.oanda.sandbox_stream import TransactionStream
from brokers.oanda.sandbox_transactions import Noted, Place, Transactions
from brokers.sandbox.answers import Answer, Request, in_json
from brokers.sandbox.floor import Floor
from brokers.sandbox.orders import Journal
from brokers.sandbox.prices import Prices
from brokers.sandbox.sockets import Said
from brokers.sandbox.store import EntryStore
from gamma.clock import NS
from gamma.errors import InputInvalid
from gamma.markets import MICRO

ACCOUNT: Final = "101-001-1234567-001"
TOKEN: Final = "sandbox"  # noqa: S105  (everybody may know it)
MARKET: Final = "XAU_USD"
SWAP_RATE: Final = {1: Decimal("-0.06"), -1: Decimal("0.01")}
_UNKNOWN: Final = {"errorCode": "NO_SUCH_ORDER", "errorMessage": "The order specified does not exist"}


@final
class OandaSandbox:
    """One practice account at an OANDA of its own: orders, trades, transactions, prices and candles of gold.

    An order is decided on at once: a 201 may hold the cancellation of what it creates. It can be looked up `lag_s`
    after that. An id of the client's is refused while an order under it works, and not later. Swap is charged when
    gold's trading day ends. Units come in whole lots of 0.15 oz.
    """

    def __init__(
        self,
        prices: Prices,
        store: Journal,
        notes: EntryStore[Noted],
        *,
        capital_usd: Decimal,
        lag_s: float = 0.4,
    ) -> None:
        self.floor = Floor(prices, store, int(capital_usd * MICRO))
        self.account = ACCOUNT
        self.token = TOKEN
        self.lag_s = lag_s
        self.refuse_next: list[str] = []
        self._prices = prices
        self._notes = notes
        self.log = Transactions(ACCOUNT, {MARKET: prices.market(MARKET)}, capital_usd)
        self._stream = TransactionStream(self.log)
        self._seen, self._noted, self._rolled_utc_ns = 0, 0, 0
        self._take_in(list(notes.load()))

    def advance(self, now_utc_ns: int) -> None:
        """Time passes: orders trade or expire, and swap is charged at each end of a trading day."""
        cursor = self._rolled_utc_ns or now_utc_ns
        while cursor < (close_utc_ns := self._prices.closes_utc_ns(MARKET, cursor)) <= now_utc_ns:
            self._advance(close_utc_ns)
            self._charge_swap(close_utc_ns)
            cursor = close_utc_ns
        self._advance(now_utc_ns)
        self._rolled_utc_ns = max(cursor, self._rolled_utc_ns)

    def transfer(self, usd: Decimal, now_utc_ns: int) -> None:
        """Somebody pays money in, or out."""
        row = {"type": "TRANSFER_FUNDS", "amount": money(usd), "fundingReason": "CLIENT_FUNDING"}
        self._note(row, now_utc_ns, usd)

    def handle(self, request: Request, now_utc_ns: int) -> Answer:
        """Answer a request."""
        self.advance(now_utc_ns)
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return in_json({"errorMessage": "Insufficient authorization to perform request."}, 401)
        rooms = request.path.strip("/").split("/")[1:]
        match request.method, rooms:
            case "GET", ["accounts"]:
                return in_json({"accounts": [{"id": self.account, "tags": []}]})
            case _, ["accounts", account, *asked]:
                if account != self.account:
                    return in_json({"errorMessage": "Insufficient authorization to perform request."}, 403)
                return self._routed(request, asked, now_utc_ns)
            case "GET", ["instruments", *_]:
                return self._routed(request, rooms, now_utc_ns)
            case _:
                return in_json({"errorMessage": "Not Found"}, 404)

    def open_socket(self, number: int, request: Request, now_utc_ns: int) -> Said | None:
        """Open a stream of transactions, for whom the account is open."""
        is_one = request.path.endswith(f"/accounts/{self.account}/transactions/stream")
        let_in = request.headers.get("authorization") == f"Bearer {self.token}"
        return self._stream.open(number, now_utc_ns) if is_one and let_in else None

    def hear(self, number: int, message: str, now_utc_ns: int) -> Said:  # noqa: ARG002  (nothing is heard by a stream)
        """Say nothing to it."""
        return Said()

    def news(self, number: int, now_utc_ns: int) -> Said:
        """What happened to the account."""
        self.advance(now_utc_ns)
        return self._stream.news(number, now_utc_ns)

    def close_socket(self, number: int) -> None:
        """A stream is over."""
        self._stream.close(number)

    def _routed(self, request: Request, asked: list[str], now_utc_ns: int) -> Answer:
        try:
            if request.method == "GET":
                return self._read(request, asked, now_utc_ns)
            return self._write(request, asked, now_utc_ns)
        except (Malformed, InputInvalid) as wrong:
            return in_json({"errorMessage": str(wrong)}, 400)

    def _read(self, request: Request, asked: list[str], now_utc_ns: int) -> Answer:
        if len(asked) == 2 and asked[0] == "orders":
            place = self._shown(self._place_of(asked[1]), now_utc_ns)
            last = {"lastTransactionID": str(self.log.last)}
            return in_json({"order": place.row, **last}) if place is not None else in_json(_UNKNOWN, 404)
        lag_ns = round(self.lag_s * NS)
        view = sandbox_reads.View(self.log, self._prices, self.account, lag_ns, now_utc_ns)
        return sandbox_reads.answer(view, asked, request.params)

    def _write(self, request: Request, asked: list[str], now_utc_ns: int) -> Answer:
        match request.method, asked:
            case "POST", ["orders"]:
                return self._place(_body(request), now_utc_ns)
            case "PUT", ["orders", specifier]:
                return self._replace(specifier, _body(request), now_utc_ns)
            case "PUT", ["orders", specifier, "cancel"]:
                return self._cancel(specifier, now_utc_ns)
            case _:
                return in_json({"errorMessage": "Method Not Allowed"}, 405)

    # Orders.

    def _place(self, told: Any, now_utc_ns: int) -> Answer:
        asked = sandbox_orders.asked_of(told)
        try:
            self._admit(asked)
            market = self._prices.market(MARKET)
            closes_utc_ns = self._prices.closes_utc_ns(MARKET, now_utc_ns)
            orders = sandbox_orders.orders_of(asked, market, self.floor.next_number, now_utc_ns, closes_utc_ns)
        except Refused as refused:
            return self._reject(f"{asked['type']}_ORDER_REJECT", asked, str(refused), now_utc_ns)
        before = self.log.last
        self.floor.take(orders, now_utc_ns)
        self._advance(now_utc_ns)
        return self._carried_out(before, 201)

    def _replace(self, specifier: str, told: Any, now_utc_ns: int) -> Answer:
        """An order at another price takes the place of one that works: both are told of at once."""
        asked = sandbox_orders.asked_of(told)
        place = self._place_of(specifier)
        if place is None or place.ended:
            return self._gone(specifier, "ORDER_CANCEL_REJECT", now_utc_ns, "orderCancelRejectTransaction")
        try:
            self._admit(asked, place)
            order = sandbox_orders.moved(self.floor.orders[place.floor], asked, self._prices.market(MARKET))
        except Refused as refused:
            return self._reject(f"{asked['type']}_ORDER_REJECT", asked, str(refused), now_utc_ns)
        before = self.log.last
        self.floor.change(order, now_utc_ns)
        self._advance(now_utc_ns)
        return self._carried_out(before, 201)

    def _cancel(self, specifier: str, now_utc_ns: int) -> Answer:
        place = self._place_of(specifier)
        if place is None or place.ended:
            return self._gone(specifier, "ORDER_CANCEL_REJECT", now_utc_ns, "orderCancelRejectTransaction")
        before = self.log.last
        self.floor.cancel(self.floor.orders[place.floor], now_utc_ns)
        self._follow(now_utc_ns)
        return self._carried_out(before, 200)

    def _admit(self, asked: Mapping[str, Any], replaced: Place | None = None) -> None:
        """Refuse what is refused on sight.

        Raises: Refused.
        """
        if self.refuse_next:
            raise Refused(self.refuse_next.pop(0))
        if replaced is None and asked.get("instrument") != MARKET:
            raise Refused("INSTRUMENT_UNKNOWN")
        if replaced is not None and asked["type"] != replaced.row["type"]:
            raise Refused("REPLACING_ORDER_INVALID")
        named = [details for name in sandbox_orders.ON_FILL if isinstance(details := asked.get(name), Mapping)]
        for ours in filter(None, map(sandbox_orders.name_of, (asked, *named))):
            if any(not p.ended and p is not replaced for p in self.log.named(ours)):
                raise Refused("CLIENT_ORDER_ID_ALREADY_EXISTS")

    def _carried_out(self, before: int, status: int) -> Answer:
        """All that came of a request, by its parts."""
        told: dict[str, Any] = {}
        fresh = self.log.rows[before:]
        created = next((r for r in fresh if r["type"].endswith("_ORDER") and r["reason"] != "ON_FILL"), None)
        for row in fresh:
            name = _part(row, created)
            if name and name not in told:
                told[name] = row
        told["relatedTransactionIDs"] = [row["id"] for row in fresh]
        told["lastTransactionID"] = str(self.log.last)
        return in_json(told, status)

    def _reject(self, kind: str, asked: Mapping[str, Any], reason: str, now_utc_ns: int) -> Answer:
        fields = {name: value for name, value in asked.items() if name != "type"}
        row = self._note({"type": kind, **fields, "reason": "CLIENT_ORDER", "rejectReason": reason}, now_utc_ns)
        return self._refusal(row, "orderRejectTransaction", reason, 400)

    def _gone(self, specifier: str, kind: str, now_utc_ns: int, name: str) -> Answer:
        named = {"clientOrderID": specifier[1:]} if specifier.startswith("@") else {"orderID": specifier}
        reason = "ORDER_DOESNT_EXIST"
        return self._refusal(self._note({"type": kind, **named, "rejectReason": reason}, now_utc_ns), name, reason, 404)

    def _refusal(self, row: Mapping[str, Any], name: str, reason: str, status: int) -> Answer:
        told = {
            name: row,
            "relatedTransactionIDs": [row["id"]],
            "lastTransactionID": str(self.log.last),
            "errorCode": reason,
            "errorMessage": reason.replace("_", " ").capitalize(),
        }
        return in_json(told, status)

    def _place_of(self, specifier: str) -> Place | None:
        """The order by OANDA's number, or the newest by the client's id."""
        if specifier.startswith("@"):
            return next(reversed(self.log.named(specifier[1:])), None)
        return self.log.orders.get(int(specifier)) if specifier.isdecimal() and len(specifier) < 19 else None

    def _shown(self, place: Place | None, now_utc_ns: int) -> Place | None:
        """An order cannot be looked up at once."""
        return place if place is not None and place.ts_utc_ns + round(self.lag_s * NS) <= now_utc_ns else None

    # The record.

    def _advance(self, now_utc_ns: int) -> None:
        self.floor.advance(now_utc_ns)
        self._follow(now_utc_ns)

    def _follow(self, now_utc_ns: int) -> None:
        """Take in what became of orders; what works for a trade that is closed ends with it."""
        self._take_in(())
        while bare := [n for n in self.log.bare() if not self.floor.orders[n].ended]:
            for number in bare:
                self.floor.cancel(self.floor.orders[number], now_utc_ns)
            self._take_in(())

    def _take_in(self, notes: "list[Noted] | tuple[()]") -> None:
        """The journal, and in it the notes at the place where each was made."""
        left = list(notes)
        while True:
            while left and left[0].after_changes <= self._seen:
                self._put(left.pop(0))
            if self._seen == len(self.floor.changes):
                return
            change = self.floor.changes[self._seen]
            self.log.take(change)
            self._seen += 1
            self._rolled_utc_ns = max(self._rolled_utc_ns, change.ts_utc_ns)

    def _note(self, row: Mapping[str, Any], now_utc_ns: int, usd: Decimal = Decimal(0)) -> Mapping[str, Any]:
        self._take_in(())
        number = self._noted + 1
        noted = Noted(number=number, after_changes=self._seen, ts_utc_ns=now_utc_ns, row=row, usd=usd)
        self._notes.save([noted])
        return self._put(noted)

    def _put(self, noted: Noted) -> Mapping[str, Any]:
        self._noted = noted.number
        self._rolled_utc_ns = max(self._rolled_utc_ns, noted.ts_utc_ns)
        return self.log.note(noted)

    def _charge_swap(self, close_utc_ns: int) -> None:
        units = sum((trade.left for trade in self.log.open_trades(MARKET)), Decimal(0))
        if not units:
            return
        market = self._prices.market(MARKET)
        points = self._prices.touch(MARKET, close_utc_ns).last_ticks * market.tick_points
        usd = (abs(units) * points * SWAP_RATE[1 if units > 0 else -1] / 365).quantize(Decimal("0.0001"))
        row = {
            "type": "DAILY_FINANCING",
            "financing": money(usd),
            "accountFinancingMode": "DAILY",
            "positionFinancings": [{"instrument": MARKET, "financing": money(usd), "openTradeFinancings": []}],
        }
        self._note(row, close_utc_ns, usd)


def _part(row: Mapping[str, Any], created: Mapping[str, Any] | None) -> str:
    """Under which name a transaction stands in the answer; "" where it is only among the related ones."""
    if row is created:
        return "orderCreateTransaction"
    number = created["id"] if created is not None else None
    if row["type"] == "ORDER_FILL" and row["orderID"] == number:
        return "orderFillTransaction"
    if row["type"] == "ORDER_CANCEL":
        replaced = created is not None and created.get("replacesOrderID") is not None
        return "replacingOrderCancelTransaction" if replaced and row["orderID"] == number else "orderCancelTransaction"
    return ""


def _body(request: Request) -> Any:
    try:
        return json.loads(request.body)
    except ValueError:
        raise Malformed("Invalid JSON") from None

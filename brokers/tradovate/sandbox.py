"""Tradovate's API in this process: what it answers, and how it says no."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, final

from brokers.sandbox.answers import Answer, Request, in_json, in_text
from brokers.sandbox.floor import Floor
from brokers.sandbox.orders import LotOrder
from brokers.sandbox.sockets import Said
from brokers.tradovate import sandbox_contracts, sandbox_shapes
from brokers.tradovate.sandbox_orders import Failed, Malformed, changed, children_of, contract_of, order_of
from brokers.tradovate.sandbox_sessions import Sessions
from brokers.tradovate.sandbox_shapes import ACCOUNT_ID, COMMAND_ID
from brokers.tradovate.sandbox_talk import PATH, Talks
from gamma import calendar
from gamma.errors import InputInvalid

ACCOUNT: Final = "DEMO0000001"
_OPERATIONS: Final = ("list", "item", "items", "deps", "ldeps")


@final
class TradovateSandbox:
    """One demo account at a Tradovate of its own: orders, fills, positions, cash.

    Nearly all is answered with 200: a refusal by its `failureReason`, a penalty by its ticket. An order is received
    before it is looked at, so that a refusal for want of margin comes later. Names of operations are taken in any case.
    Where it `forgets_ids`, the commands of brackets do not keep the ids that they were given.
    """

    def __init__(self, floor: Floor, *, unlimited: bool = False) -> None:
        self.floor = floor
        self.account = ACCOUNT
        self.forgets_ids = False
        self.sessions = Sessions(unlimited=unlimited)
        self._talks = Talks(floor, self.sessions.admit, self._answered)

    def advance(self, now_utc_ns: int) -> None:
        """Time passes: orders trade, and end."""
        self.floor.advance(now_utc_ns)

    def handle(self, request: Request, now_utc_ns: int) -> Answer:
        """Answer a request."""
        self.advance(now_utc_ns)
        return self._answered(request, now_utc_ns)

    # Conversations.

    def open_socket(self, number: int, request: Request, now_utc_ns: int) -> Said | None:
        """Open a conversation; who it is with is said in it."""
        is_one = request.path.lower() == PATH and request.headers.get("upgrade", "").lower() == "websocket"
        return self._talks.open(number, now_utc_ns) if is_one else None

    def hear(self, number: int, message: str, now_utc_ns: int) -> Said:
        """Answer a message."""
        self.advance(now_utc_ns)
        return self._talks.hear(number, message, now_utc_ns)

    def news(self, number: int, now_utc_ns: int) -> Said:
        """What is new."""
        return self._talks.news(number, now_utc_ns)

    def close_socket(self, number: int) -> None:
        """A conversation is over."""
        self._talks.close(number)

    def _answered(self, request: Request, now_utc_ns: int) -> Answer:
        entity, _, operation = request.path.lower().partition("/v1/")[2].partition("/")
        try:
            if (entity, operation) == ("auth", "accesstokenrequest"):
                return self.sessions.log_in(_json(request), now_utc_ns)
            return self.sessions.admit(request, now_utc_ns) or self._routed(request, entity, operation, now_utc_ns)
        except Malformed as wrong:
            return in_text(str(wrong), 400)
        except Failed as failed:
            return in_json({"failureReason": failed.reason, "failureText": failed.text})

    def _routed(self, request: Request, entity: str, operation: str, now_utc_ns: int) -> Answer:
        if (entity, operation) == ("auth", "renewaccesstoken"):
            return self.sessions.renew(request, now_utc_ns)
        if request.method == "GET":
            return self._read(entity, operation, request.params, now_utc_ns)
        return self._write(f"{entity}/{operation}", _json(request), now_utc_ns)

    # Reads.

    def _read(self, entity: str, operation: str, params: Mapping[str, str], now_utc_ns: int) -> Answer:
        if (entity, operation) == ("auth", "me"):
            return in_json({"userId": sandbox_shapes.USER_ID, "name": "sandbox", "emailVerified": True})
        if entity in ("contract", "contractmaturity", "product"):
            return self._library(entity, operation, params, now_utc_ns)
        listed = self._listed(entity, now_utc_ns) if operation in _OPERATIONS else None
        if listed is None:
            return in_text("Not Found", 404)
        told = sandbox_shapes.chosen(listed[1], operation, params, listed[0])
        return Answer(status=404, body=b"") if told is None else in_json(told)

    def _listed(self, entity: str, now_utc_ns: int) -> tuple[str, list[dict[str, Any]]] | None:
        """What of there are lists: by what they hang on others, and all of them."""
        if entity == "account":
            return "userId", [sandbox_shapes.account(self.account)]
        if entity == "position":
            return "accountId", sandbox_shapes.positions(self.floor, now_utc_ns)
        known = sandbox_shapes.ENTITIES.get(entity)
        if known is None:
            return None
        rows = known[1](self.floor)
        if self.forgets_ids and entity == "command":
            forgotten = {order.number for order in self.floor.orders.values() if order.parent}
            rows = [{k: v for k, v in r.items() if k != "clOrdId" or r["orderId"] not in forgotten} for r in rows]
        return known[0], rows

    def _library(self, entity: str, operation: str, params: Mapping[str, str], now_utc_ns: int) -> Answer:
        """Contracts, their ends, and products: found by name, or read by number."""
        name, ids = params.get("name", ""), params.get("id") or params.get("ids") or ""
        found: list[dict[str, Any]] = []
        if entity == "product":
            known = [sandbox_contracts.product_row(symbol) for symbol in sandbox_contracts.PRODUCTS]
            found = [row for row in known if row["name"] == name or str(row["id"]) in ids.split(",")]
        elif operation == "find":
            contract = sandbox_contracts.traded(name, now_utc_ns)
            found = [sandbox_contracts.contract_row(contract)] if contract is not None else []
        else:
            gap = sandbox_contracts.MATURITY_GAP if entity == "contractmaturity" else 0
            for number in (int(text) - gap for text in ids.split(",") if text.isdecimal()):
                try:
                    contract = sandbox_contracts.contract_of(number)
                except InputInvalid:
                    continue
                row = sandbox_contracts.maturity_row(contract, now_utc_ns) if gap else None
                found.append(row or sandbox_contracts.contract_row(contract))
        if operation in ("items", "list"):
            return in_json(found)
        return in_json(found[0]) if found else Answer(status=404, body=b"")

    # Writes.

    def _write(self, path: str, body: Mapping[str, Any], now_utc_ns: int) -> Answer:
        known = {
            "cashbalance/getcashbalancesnapshot": self._cash,
            "order/placeorder": self._place,
            "order/placeoso": self._place_bracket,
            "order/cancelorder": self._cancel,
            "order/modifyorder": self._change,
            "order/liquidateposition": self._liquidate,
        }
        return known[path](body, now_utc_ns) if path in known else in_text("Not Found", 404)

    def _cash(self, body: Mapping[str, Any], now_utc_ns: int) -> Answer:
        if body.get("accountId") != ACCOUNT_ID:
            return in_json({"errorText": "Access is denied"})
        return in_json(sandbox_shapes.cash(self.floor, now_utc_ns))

    def _place_bracket(self, body: Mapping[str, Any], now_utc_ns: int) -> Answer:
        return self._place(body, now_utc_ns, bracket=True)

    def _place(self, body: Mapping[str, Any], now_utc_ns: int, *, bracket: bool = False) -> Answer:
        if body.get("accountId") != ACCOUNT_ID or body.get("accountSpec") not in (self.account, "sandbox"):
            raise Failed("UnknownReason", "Access is denied")
        contract = contract_of(body, now_utc_ns)
        if calendar.session_at(contract.market, now_utc_ns) is None:
            raise Failed("SessionClosed", f"{contract.market} is closed")
        closes = self.floor.prices.closes_utc_ns(contract.market, now_utc_ns)
        parent = order_of(body, contract, self.floor.next_number, now_utc_ns, closes)
        children = children_of(body, parent, contract, closes) if bracket else []
        self.floor.take([parent, *children], now_utc_ns)
        ids = {f"oso{n}Id": child.number for n, child in enumerate(children, 1)}
        return in_json({"orderId": parent.number, **ids})

    def _named(self, body: Mapping[str, Any]) -> LotOrder:
        number = body.get("orderId")
        if type(number) is not int:
            raise Malformed("orderId is required")
        order = self.floor.orders.get(number)
        if order is None:
            raise Failed("UnknownReason", "Access is denied")
        if order.ended:
            raise Failed("TooLate", f"the order is {sandbox_shapes.STATUSES[order.state]}")
        return order

    def _cancel(self, body: Mapping[str, Any], now_utc_ns: int) -> Answer:
        order = self._named(body)
        self.floor.cancel(order, now_utc_ns)
        return self._commanded(order)

    def _change(self, body: Mapping[str, Any], now_utc_ns: int) -> Answer:
        order = self._named(body)
        contract = contract_of({"symbol": order.notes["contract"]}, now_utc_ns)
        self.floor.change(changed(order, body, contract), now_utc_ns)
        return self._commanded(order)

    def _commanded(self, order: LotOrder) -> Answer:
        sequence = next(c.sequence for c in reversed(self.floor.changes) if c.order and c.order.number == order.number)
        return in_json({"commandId": COMMAND_ID + sequence})

    def _liquidate(self, body: Mapping[str, Any], now_utc_ns: int) -> Answer:
        """Cancel what works in a contract, and close what is held of it at market; nothing is sure to come of it."""
        try:
            contract = sandbox_contracts.contract_of(int(body["contractId"]))
        except (InputInvalid, KeyError, TypeError, ValueError) as error:
            raise Failed("InvalidContract", str(error)) from error
        for order in list(self.floor.orders.values()):
            if not self.floor.orders[order.number].ended and order.notes["contract"] == contract.symbol:
                self.floor.cancel(order, now_utc_ns)
        held = self.floor.account.lots(contract.market)
        if not held:
            return in_json({"failureReason": "Unsupported", "failureText": "there is no position"})
        asked = {"orderQty": abs(held), "action": "Sell" if held > 0 else "Buy", "orderType": "Market"}
        closes = self.floor.prices.closes_utc_ns(contract.market, now_utc_ns)
        order = order_of(asked, contract, self.floor.next_number, now_utc_ns, closes)
        self.floor.take([order], now_utc_ns)
        return in_json({"orderId": order.number})


def _json(request: Request) -> dict[str, Any]:
    """The body.

    Raises: Malformed.
    """
    if request.method == "GET":
        return {}
    try:
        told = json.loads(request.body or b"{}", parse_float=Decimal)
    except ValueError as error:
        raise Malformed("the body is no JSON") from error
    if not isinstance(told, dict):
        raise Malformed("the body is no object")
    return told

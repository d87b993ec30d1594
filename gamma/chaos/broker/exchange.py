"""A fake broker: pure, synchronous, and as awkward as its quirks say; it speaks HTTP in a dialect of its own.

POST   /orders                      place, with a bracket
GET    /orders?status=open|all      a list, in pages
GET    /orders/ID                   one order; /orders/by-client-id/ID where the broker can look it up
PUT    /orders/ID                   another price
DELETE /orders/ID                   cancel
GET    /fills  /positions  /account
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, final
from urllib.parse import parse_qsl

from gamma.chaos.broker.matching import Floor, Order
from gamma.chaos.broker.observed import Doubled, Record, Refused, Repeated
from gamma.chaos.broker.quirks import Contract, Quirks
from gamma.chaos.broker.screen import Screen

Answer = tuple[int, Mapping[str, str], bytes]
_JSON: Final = {"Content-Type": "application/json"}
_TEXT: Final = {"Content-Type": "text/plain"}
_NUMBERS: Final = ("page", "cursor", "after", "since_ns")
_KINDS: Final = ("market", "limit", "stop")


@final
class Exchange:
    """One account at one broker. The same seed and the same requests at the same times give the same answers.

    `log` is what an observer wrote down; `closed` holds the markets that take no orders now, and `refuse_next`
    the codes with which the next orders are refused.
    """

    def __init__(
        self, quirks: Quirks, markets: Mapping[str, Contract], seed: int = 1, *, start_microusd: int = 100_000_000_000
    ) -> None:
        self.floor = Floor(quirks, markets, seed, start_microusd)
        self.screen = Screen(self.floor)
        self.refuse_next: list[str] = []

    @property
    def quirks(self) -> Quirks:
        """The ways of the broker as they are now; `calm` takes chance out of them."""
        return self.floor.quirks

    def calm(self) -> None:
        """From now on no order is refused, filled in parts or told of in an unknown word by chance."""
        self.floor.quirks = replace(self.quirks, reject_frac=0.0, partial_frac=0.0, odd_status_frac=0.0)

    @property
    def log(self) -> list[Record]:
        """What happened, in its order."""
        return self.floor.log

    @property
    def closed(self) -> set[str]:
        """The markets that take no orders now."""
        return self.floor.closed

    def positions(self) -> dict[str, int]:
        """The true net positions of the markets that are not flat [signed lots]."""
        return {market: lots for market, lots in self.floor.purse.lots.items() if lots}

    def working(self) -> list[Order]:
        """The orders that have not ended, oldest first."""
        return self.floor.working()

    def trade(self, market: str, low_ticks: int, high_ticks: int, close_ticks: int, now_utc_ns: int) -> None:
        """The market traded between these prices, last at `close_ticks`."""
        self.floor.trade(market, low_ticks, high_ticks, close_ticks, now_utc_ns)

    def advance(self, now_utc_ns: int) -> None:
        """Time passes."""
        self.floor.advance(now_utc_ns)

    def expire(self, market: str, now_utc_ns: int) -> None:
        """The session of a market is over: what works there ends."""
        self.floor.advance(now_utc_ns)
        self.floor.expire(market, now_utc_ns)

    def handle(self, method: str, path: str, query: str, body: bytes, now_utc_ns: int) -> Answer:
        """Answer a request: status, headers, body."""
        self.floor.advance(now_utc_ns)
        self.screen.now_utc_ns = now_utc_ns
        params = dict(parse_qsl(query)) if query else {}
        given = [params.get(name, "0") for name in _NUMBERS]
        if not all(text.isdecimal() and len(text) < 20 for text in given):
            return _error(400, "malformed")
        rooms = path.strip("/").split("/")
        if rooms[0] == "orders":
            return self._orders(method, rooms[1:], params, body, now_utc_ns)
        if method == "GET" and len(rooms) == 1:
            if rooms[0] == "fills":
                return self._fills(params, now_utc_ns)
            if rooms[0] == "positions":
                return _answer(200, self.screen.positions())
            if rooms[0] == "account":
                return _answer(200, self.screen.account())
        return _error(404, "no_such_resource")

    def _fills(self, params: Mapping[str, str], now_utc_ns: int) -> Answer:
        if not self.screen.knows(params):
            return _error(410, "unknown_cursor")
        return _answer(200, self.screen.fills(params, now_utc_ns))

    def _orders(self, method: str, rooms: list[str], params: Mapping[str, str], body: bytes, now_utc_ns: int) -> Answer:
        if not rooms:
            if method == "POST":
                return self._place(body, now_utc_ns)
            return _answer(200, self.screen.orders(params, now_utc_ns))
        order = self._named(rooms, now_utc_ns)
        if order is None:
            return _error(404, "unknown_order")
        if method == "GET":
            return _answer(200, {"order": self.screen.order(order)})
        return self._change(method, order, body, now_utc_ns)

    def _named(self, rooms: list[str], now_utc_ns: int) -> Order | None:
        if len(rooms) == 1:
            return self.floor.orders.get(rooms[0])
        if len(rooms) != 2 or rooms[0] != "by-client-id" or self.quirks.lookup != "direct":
            return None
        same = self.floor.by_client.get(rooms[1], ())
        return next((o for o in same if self.screen.listed(o, now_utc_ns)), None)

    # Placing.

    def _place(self, body: bytes, now_utc_ns: int) -> Answer:
        try:
            asked = json.loads(body)
            order = self._made(asked, None, now_utc_ns)
            order.children = [self._made(child | _inherited(asked), order, now_utc_ns) for child in asked["bracket"]]
        except _Wrong as wrong:
            return self._refused("", str(wrong), now_utc_ns)
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
            return self._refused("", "malformed", now_utc_ns)
        known = self.floor.by_client.get(order.client_order_id, [])
        scoped = next((o for o in known if self._in_scope(o)), None)
        if scoped is not None:
            repeated = Repeated(ts_utc_ns=now_utc_ns, client_order_id=order.client_order_id, order_id=scoped.order_id)
            self.log.append(repeated)
            return self._accepted(scoped) if self.quirks.duplicate == "same" else _error(409, "duplicate_client_id")
        code = self.refuse_next.pop(0) if self.refuse_next else ""
        if not self.quirks.receipt or code:
            code = code or self.floor.refusal(order)
            if code:
                return self._refused(order.client_order_id, code, now_utc_ns, order)
        if known:
            doubled = Doubled(
                ts_utc_ns=now_utc_ns,
                client_order_id=order.client_order_id,
                order_id=order.order_id,
                first_order_id=known[0].order_id,
            )
            self.log.append(doubled)
        self.floor.admit(order, now_utc_ns)
        return self._accepted(order)

    def _made(self, asked: Mapping[str, Any], parent: Order | None, now_utc_ns: int) -> Order:
        """An order as it was asked for, not taken in yet.

        Raises: _Wrong, with the code.
        """
        quirks = self.quirks
        client_id, market, kind = asked["client_order_id"], asked["market"], asked["type"]
        contract = self.floor.contracts.get(market)
        if contract is None:
            raise _Wrong("unknown_market")
        if not 0 < len(client_id) <= quirks.client_id_max or not client_id.replace("-", "").isalnum():
            raise _Wrong("bad_client_id")
        lots, side = asked["lots"], {"buy": 1, "sell": -1}[asked["side"]]
        price = _ticks(asked["price"], contract) if kind != "market" else 0
        if type(lots) is not int or lots <= 0 or kind not in _KINDS:
            raise _Wrong("bad_order")
        legs = tuple((leg["symbol"], leg["ratio"]) for leg in asked.get("legs", ()))
        if (legs and not quirks.multi_leg) or (parent is None and asked["bracket"] and not quirks.bracket):
            raise _Wrong("not_supported")
        number = self.floor.number()
        shows = now_utc_ns + self.floor.within_ns(quirks.lag_s)
        return Order(
            order_id=f"{quirks.name[:2]}{number}",
            sequence=number,
            client_order_id=client_id,
            market=market,
            side=side,
            lots=lots,
            kind=kind,
            price_ticks=price,
            reduces=bool(asked.get("reduce_only")),
            legs=legs,
            parent=parent,
            shows_utc_ns=shows,
            ts_update_utc_ns=now_utc_ns,
        )

    def _in_scope(self, order: Order) -> bool:
        """Whether the broker still knows this order's client id."""
        match self.quirks.dedupe:
            case "forever":
                return True
            case "open_only":
                return not order.ended
            case "pending_only":
                return not order.ended and not order.filled
            case _:
                return False

    def _accepted(self, order: Order) -> Answer:
        told: dict[str, Any]
        if self.quirks.receipt:
            told = {"order": {"id": order.order_id, "status": "ok"}}
            children = [{"id": o.order_id, "client_order_id": o.client_order_id} for o in order.children]
        else:
            told = {"order": self.screen.order(order)}
            children = [self.screen.order(child) for child in order.children]
        if self.quirks.children_told:
            told["bracket"] = children
        return _answer(200 if self.quirks.receipt else 201, told)

    def _refused(self, client_id: str, code: str, now_utc_ns: int, order: Order | None = None) -> Answer:
        if self.quirks.refusal == "canceled_in_201" and order is not None:
            self.floor.admit(order, now_utc_ns, code)
            return _answer(201, {"order": self.screen.order(order), "cancel": {"reason": code}})
        self.log.append(Refused(ts_utc_ns=now_utc_ns, client_order_id=client_id, order_id="", code=code))
        if self.quirks.refusal == "in_200":
            return _answer(200, {"errors": {"error": code}})
        return _error(422, code)

    # Changing what works.

    def _change(self, method: str, order: Order, body: bytes, now_utc_ns: int) -> Answer:
        if order.ended:
            return self._too_late(order)
        if method == "DELETE":
            return self._cancel(order, now_utc_ns)
        return self._reprice(order, body, now_utc_ns)

    def _cancel(self, order: Order, now_utc_ns: int) -> Answer:
        self.floor.cancel(order, now_utc_ns)
        if self.quirks.cancel_s:
            return _answer(200, {"order": {"id": order.order_id, "status": "ok"}})
        return _answer(200, {"order": self.screen.order(order)})

    def _reprice(self, order: Order, body: bytes, now_utc_ns: int) -> Answer:
        if not self.quirks.replace:
            return _error(422, "not_supported")
        try:
            price = _ticks(json.loads(body)["price"], self.floor.contracts[order.market])
        except (_Wrong, ValueError, KeyError, TypeError, ArithmeticError):
            return _error(422, "bad_price")
        if order.at_market:
            return _error(422, "no_price")
        self.floor.reprice(order, price, now_utc_ns)
        return _answer(200, {"order": self.screen.order(order)})

    def _too_late(self, order: Order) -> Answer:
        match self.quirks.too_late:
            case "200":
                return _answer(200, {"result": "TooLate"})
            case "400_text":
                return 400, _TEXT, f"order already in finalized state: {order.state}".encode()
            case status:
                return _error(int(status), "not_open")


class _Wrong(Exception):
    """The order cannot be taken; the text is the code."""


def _inherited(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the children of a bracket have from their parent."""
    side = "sell" if asked["side"] == "buy" else "buy"
    return {"market": asked["market"], "side": side, "lots": asked["lots"], "legs": asked.get("legs", ())}


def _ticks(price: str, contract: Contract) -> int:
    ticks = Decimal(price) * contract.ticks_per_point
    if ticks != int(ticks) or ticks <= 0:
        raise _Wrong("bad_price")
    return int(ticks)


def _answer(status: int, told: Mapping[str, Any]) -> Answer:
    return status, _JSON, json.dumps(told).encode()


def _error(status: int, code: str) -> Answer:
    return _answer(status, {"error": {"code": code, "message": code.replace("_", " ")}})

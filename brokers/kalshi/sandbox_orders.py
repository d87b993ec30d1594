"""Orders at the sandbox, what became of them, and what is wrong with one that is asked for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

Status = Literal["resting", "executed", "canceled"]
Tif = Literal["good_till_canceled", "immediate_or_cancel", "fill_or_kill"]
_CLIENT_ID: Final = re.compile(r"[\w:+=/-]{1,64}", re.ASCII)
_DECIMAL: Final = re.compile(r"\d{1,9}(\.\d{1,4})?")
_TIFS: Final = ("good_till_canceled", "immediate_or_cancel", "fill_or_kill")
_PREVENTIONS: Final = ("taker_at_cross", "maker")
_SIDES: Final = {"bid": 1, "ask": -1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """Contracts of one order that traded at once, at a price of YES [cents], with what was charged for it [usd]."""

    fill_id: str
    order_id: str
    ticker: str
    side: int
    count: int
    price: int
    taker: bool
    fee_usd: Decimal
    ts_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """An order; a bid for YES (+1) or NO (-1) at a price of YES [cents]. `expires_s` is 0 where it does not."""

    order_id: str
    client_order_id: str
    ticker: str
    side: int
    count: int
    price: int
    tif: Tif
    ts_created_utc_ns: int
    ts_updated_utc_ns: int
    status: Status = "resting"
    filled: int = 0
    expires_s: int = 0
    post_only: bool = False
    reduce_only: bool = False
    prevention: str = "maker"

    @property
    def left(self) -> int:
        """What can still trade."""
        return self.count - self.filled if self.status == "resting" else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What was held of a market when it was paid out, what that had cost [cents], and what it brought in [cents]."""

    ticker: str
    event: str
    result: str
    held: int
    cost: int
    fees_usd: Decimal
    revenue: int
    ts_utc_ns: int


Entry = Ticket | Execution | Settled


class Wrong(Exception):
    """A request is refused: status, code and words."""

    def __init__(self, status: int, code: str, text: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.text = text or code.replace("_", " ")


def ticket_of(body: Any, order_id: str, now_utc_ns: int) -> Ticket:
    """An order as the body asks for it.

    Raises: Wrong.
    """
    if not isinstance(body, Mapping):
        raise Wrong(400, "bad_request", "the body is no object")
    lacking = [
        field
        for field in ("ticker", "side", "count", "price", "time_in_force", "self_trade_prevention_type")
        if field not in body
    ]
    if lacking:
        raise Wrong(400, "missing_parameters", f"missing: {', '.join(lacking)}")
    side, tif = _SIDES.get(body["side"]), body["time_in_force"]
    prevention, client_order_id = body["self_trade_prevention_type"], body.get("client_order_id", "")
    expires = body.get("expiration_time") or 0
    if side is None or tif not in _TIFS or prevention not in _PREVENTIONS or not isinstance(expires, int):
        raise Wrong(400, "invalid_order", "side, time_in_force, self_trade_prevention_type or expiration_time")
    if not isinstance(client_order_id, str) or (client_order_id and not _CLIENT_ID.fullmatch(client_order_id)):
        raise Wrong(400, "invalid_order", "client_order_id")
    if expires and tif != "good_till_canceled":
        raise Wrong(400, "invalid_order", "expiration_time needs good_till_canceled")
    return Ticket(
        order_id=order_id,
        client_order_id=client_order_id,
        ticker=str(body["ticker"]),
        side=side,
        count=count_of(body["count"]),
        price=price_of(body["price"]),
        tif=tif,
        ts_created_utc_ns=now_utc_ns,
        ts_updated_utc_ns=now_utc_ns,
        expires_s=expires,
        post_only=body.get("post_only") is True,
        reduce_only=body.get("reduce_only") is True,
        prevention=prevention,
    )


def count_of(value: Any) -> int:
    """Whole contracts; parts are not traded here.

    Raises: Wrong.
    """
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise Wrong(400, "invalid_order", "count is a number in text")
    found = Decimal(value)
    if found != int(found) or found < 1:
        raise Wrong(400, "invalid_order", "count: whole contracts, 1 or more")
    return int(found)


def price_of(value: Any) -> int:
    """A price on the grid [cents].

    Raises: Wrong.
    """
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise Wrong(400, "invalid_order", "price is a number of dollars in text")
    found = Decimal(value) * 100
    if found != int(found) or not 1 <= found <= 99:
        raise Wrong(400, "invalid_order", "price: from 0.01 to 0.99 in steps of 0.01")
    return int(found)

"""What the sandbox tells, field by field as server version 178 writes it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from brokers.ibkr.sandbox_contracts import BAG_NUMBER, Listed
from brokers.ibkr.sandbox_wire import UNSET, Field, packed
from gamma.clock import NS

_NEW_YORK: Final = ZoneInfo("America/New_York")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComboPart:
    """A leg of a structure, as the order named it."""

    con_id: int
    ratio: int
    action: str
    exchange: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """An execution; `part` 1 is all of it, 2 and more are its legs. `fee_usd` None where it has no commission."""

    exec_id: str
    listed: Listed | None
    side: int
    lots: int
    price_points: Decimal
    cumulative: int
    average_points: Decimal
    fee_usd: Decimal | None
    ts_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An order as clients see it; `word` is its status."""

    perm_id: int
    order_id: int
    client_id: int
    ref: str
    account: str
    symbol: str
    listed: Listed | None
    legs: tuple[ComboPart, ...]
    action: str
    lots: int
    kind: str
    limit_points: Decimal | None
    stop_points: Decimal | None
    tif: str
    parent_id: int
    outside_hours: bool
    word: str
    ended_text: str
    ended: bool
    filled: int
    average_points: Decimal
    ts_updated_utc_ns: int
    executions: tuple[Done, ...]

    @property
    def side(self) -> int:
        """1 where it buys."""
        return 1 if self.action == "BUY" else -1


def _contract(symbol: str, listed: Listed | None) -> list[Field]:
    """Number, symbol, type, expiry, strike, right, multiplier, exchange, currency, local symbol, class."""
    if listed is None:
        return [BAG_NUMBER, symbol, "BAG", "", 0, "?", "", "SMART", "USD", symbol, "COMB"]
    return [
        *(listed.con_id, listed.symbol, listed.sec_type, listed.expires, listed.strike, listed.right),
        *(listed.multiplier, listed.exchange, "USD", listed.local_symbol, listed.trading_class),
    ]


def _legs(order: Shown) -> list[Field]:
    found: list[Field] = [len(order.legs)]
    for leg in order.legs:
        found += [leg.con_id, leg.ratio, leg.action, leg.exchange, 0, 0, "", -1]
    return [*found, 0, 0]  # no prices of legs, no routing


def open_order(order: Shown) -> bytes:
    """An order that works, or that something became of."""
    fields: list[Field] = [
        *(5, order.order_id, *_contract(order.symbol, order.listed), order.action, order.lots, order.kind),
        *(order.limit_points or 0, order.stop_points or 0, order.tif, "", order.account, "", 0, order.ref),
        *(order.client_id, order.perm_id, order.outside_hours, False, 0, "", "", "", "", ""),
        *("", "", "", "", "", 0, "", -1, 0, "", "", "", "", "", "", False, False, False, "", 3, False, False, ""),
        *(order.parent_id, 0, "", 0, "", "", False, 0, "", "", "", "", ""),
        *_legs(order),
        *("", "", "", "", False, "", "", False, False, "", False, False, order.word),
        *([UNSET] * 9),
        *("", "", "", "", "", False, False, 0),
        *("None", UNSET, "", UNSET, UNSET, UNSET, UNSET, 0, "", "", "", "", False, False, False, 0),
        *("", "", False, "", "", "", "", ""),
    ]
    return packed(*fields)


def completed_order(order: Shown) -> bytes:
    """An order that ended today."""
    return packed(
        *(101, *_contract(order.symbol, order.listed), order.action, order.lots, order.kind),
        *(order.limit_points or 0, order.stop_points or 0, order.tif, "", order.account, "", 0, order.ref),
        *(order.perm_id, order.outside_hours, False, 0, "", "", "", ""),
        *("", "", "", "", "", 0, "", -1, "", "", "", "", "", "", False, False, "", 3, 0, "", 0, "", ""),
        *(False, 0, "", "", ""),
        *_legs(order),
        *("", "", "", "", "", "", False, False, "", False, order.word, False, False, 0),
        *("", "", "", False, False, "", order.filled, 0, False, "", False, False, 0),
        *(stamp(order.ts_updated_utc_ns), order.ended_text, "", "", "", "", ""),
    )


def order_status(order: Shown) -> bytes:
    """How an order stands."""
    average, last = order.average_points, order.executions[-1].price_points if order.executions else Decimal(0)
    return packed(
        *(3, order.order_id, order.word, order.filled, order.lots - order.filled, average, order.perm_id),
        *(order.parent_id, last, order.client_id, "", 0),
    )


def exec_details(request: int, order: Shown, done: Done) -> bytes:
    """An execution."""
    return packed(
        *(11, request, order.order_id, *_contract(order.symbol, done.listed)),
        *(done.exec_id, stamp(done.ts_utc_ns), order.account, "CME" if order.listed else "CBOE"),
        *("BOT" if done.side > 0 else "SLD", done.lots, done.price_points, order.perm_id, order.client_id, 0),
        *(done.cumulative, done.average_points, order.ref, "", "", "", 1, False),
    )


def commission_report(done: Done) -> bytes:
    """What an execution cost."""
    return packed(59, 1, done.exec_id, done.fee_usd, "USD", UNSET, UNSET, "")


def contract_details(request: int, listed: Listed) -> bytes:
    """What is known of a contract."""
    return packed(
        *(10, request, listed.symbol, listed.sec_type, listed.expires, listed.strike, listed.right, listed.exchange),
        *("USD", listed.local_symbol, listed.symbol, listed.trading_class, listed.con_id, listed.min_tick),
        *(listed.multiplier, "LMT,MKT,STP", listed.exchange, 1, 0, listed.symbol, "", listed.expires[:6]),
        *("", "", "", "US/Eastern", "", "", "", 0, 0, 1, listed.symbol, "IND", "26", listed.expires, "", 1, 1, 1),
    )


def position(account: str, listed: Listed, lots: int, average_usd: Decimal) -> bytes:
    """What is held of one contract."""
    return packed(61, 3, account, *_contract(listed.symbol, listed), lots, average_usd)


def complaint(about: int, code: int, text: str) -> bytes:
    """An error or a warning."""
    return packed(4, 2, about, code, text, "")


def stamp(ts_utc_ns: int) -> str:
    """A time as it is written there."""
    return f"{datetime.fromtimestamp(ts_utc_ns // NS, UTC).astimezone(_NEW_YORK):%Y%m%d %H:%M:%S} US/Eastern"

"""An account as Tradovate writes it: each order in parts, made of the floor's journal.

An order tells its state, its versions what it asks for, its commands who asked for what, and its fills what it did.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from brokers.sandbox.floor import Floor
from brokers.sandbox.orders import Change, Execution, LotOrder, State, What
from brokers.tradovate.reading import stamp
from gamma import calendar, markets
from gamma.markets import MICRO

ACCOUNT_ID, USER_ID = 21_001, 11_001
COMMAND_ID, VERSION_ID, REPORT_ID, FILL_ID, POSITION_ID = 5_000_000, 6_000_000, 8_000_000, 9_000_000, 10_000_000
STATUSES: Final = {
    State.PENDING: "PendingNew",
    State.HELD: "Suspended",
    State.WORKING: "Working",
    State.FILLED: "Filled",
    State.CANCELED: "Canceled",
    State.EXPIRED: "Expired",
    State.REJECTED: "Rejected",
}
COMMANDS: Final = {What.RECEIVED: "New", What.CHANGED: "Modify", What.CANCELED: "Cancel"}
EXECUTED_AS: Final = {
    What.ACCEPTED: "New",
    What.REFUSED: "Rejected",
    What.CHANGED: "Replaced",
    What.TRADED: "Trade",
    What.CANCELED: "Canceled",
    What.EXPIRED: "Expired",
}
# How a commission is told there: most of it is the exchange's, and all of it is told apart.
FEE_SHARES: Final = {"commission": Decimal("0.45"), "exchangeFee": Decimal("0.40"), "clearingFee": Decimal("0.12")}
Rows = list[dict[str, Any]]


def orders(floor: Floor) -> Rows:
    """Every order: its state, and which others it hangs together with; neither its lots nor its price."""
    return [_order(order, floor) for order in floor.orders.values()]


def versions(floor: Floor) -> Rows:
    """What each order asked for, each time that it asked for something else."""
    asked = (What.RECEIVED, What.CHANGED)
    return [_version(change, change.order) for change in floor.changes if change.what in asked and change.order]


def commands(floor: Floor) -> Rows:
    """What was asked for, with the ids of clients."""
    return [row for change in floor.changes if (row := _command(change, floor))]


def reports(floor: Floor) -> Rows:
    """What the exchange said of each order."""
    return [_report(change, change.order) for change in floor.changes if change.what in EXECUTED_AS and change.order]


def command_reports(floor: Floor) -> Rows:
    """Why orders were refused."""
    received = {c.order.number: c.sequence for c in floor.changes if c.what is What.RECEIVED and c.order}
    return [
        {
            "id": REPORT_ID + change.sequence,
            "commandId": COMMAND_ID + received[change.order.number],
            "timestamp": stamp(change.ts_utc_ns),
            "commandStatus": "RiskRejected",
            "rejectReason": "NotEnoughLiquidity" if "margin" in change.order.reason else "OtherExecutionRelated",
            "text": change.order.reason,
            "ordStatus": "Rejected",
        }
        for change in floor.changes
        if change.what is What.REFUSED and change.order
    ]


def fills(floor: Floor) -> Rows:
    """What traded."""
    return [_fill(done, floor.orders[done.order]) for done in floor.executions if done.order]


def fees(floor: Floor) -> Rows:
    """What each fill was charged, in parts."""
    return [_fees(done) for done in floor.executions if done.order]


def positions(floor: Floor, now_utc_ns: int) -> Rows:
    """What is held by contract; one that is flat stays on the list."""
    found: dict[str, list[Execution]] = {}
    for done in floor.executions:
        if done.order:
            found.setdefault(floor.orders[done.order].notes["contract"], []).append(done)
    return [_position(name, done, floor, now_utc_ns) for name, done in found.items()]


def cash(floor: Floor, now_utc_ns: int) -> dict[str, Any]:
    """Money, and what of it is bound."""
    balance, equity = floor.account.balance_microusd, floor.equity_microusd(now_utc_ns)
    margin = _usd(floor.margin_microusd(now_utc_ns))
    realized = _usd(sum(floor.account.realised_microusd.values()))
    return {
        "totalCashValue": _usd(balance),
        "totalPnL": realized + _usd(equity - balance),
        "initialMargin": margin,
        "maintenanceMargin": margin,
        "netLiq": _usd(equity),
        "openPnL": _usd(equity - balance),
        "realizedPnL": realized,
        "weekRealizedPnL": realized,
        "cashUSD": _usd(balance),
    }


ENTITIES: Final[Mapping[str, tuple[str, Callable[[Floor], Rows]]]] = {
    "order": ("accountId", orders),
    "orderversion": ("orderId", versions),
    "command": ("orderId", commands),
    "commandreport": ("commandId", command_reports),
    "executionreport": ("commandId", reports),
    "fill": ("orderId", fills),
    "fillfee": ("id", fees),
}


def account(name: str) -> dict[str, Any]:
    """The account."""
    return {
        "id": ACCOUNT_ID,
        "name": name,
        "userId": USER_ID,
        "accountType": "Customer",
        "clearingHouseId": 2,
        "riskCategoryId": 3,
        "autoLiqProfileId": 4,
        "marginAccountType": "Speculator",
        "legalStatus": "Individual",
        "timestamp": "2026-01-02T14:30:00.000Z",
    }


def chosen(rows: Rows, operation: str, params: Mapping[str, str], master: str) -> Any:
    """A list as its operation asks for it: all, one (None where it is not), some, or those of others."""
    wanted = params.get("id") or params.get("ids") or params.get("masterid") or params.get("masterids") or ""
    numbers = {int(text) for text in wanted.split(",") if text.isdecimal()}
    key: Callable[[dict[str, Any]], Any] = lambda row: row[master if operation in ("deps", "ldeps") else "id"]  # noqa: E731
    if operation == "list":
        return rows
    found = [row for row in rows if key(row) in numbers]
    return found if operation != "item" else next(iter(found), None)


def trade_date(ts_utc_ns: int, symbol: str) -> dict[str, int]:
    """The exchange's day."""
    day = date.fromisoformat(calendar.last_session(symbol, ts_utc_ns + 1).date)
    return {"year": day.year, "month": day.month, "day": day.day}


def _order(order: LotOrder, floor: Floor) -> dict[str, Any]:
    told = {
        "id": order.number,
        "accountId": ACCOUNT_ID,
        "contractId": _contract_id(order),
        "timestamp": stamp(order.ts_created_utc_ns),
        "action": "Buy" if order.side > 0 else "Sell",
        "ordStatus": STATUSES[order.state],
        "executionProviderId": 1,
        "admin": False,
    }
    if order.parent:
        others = [o.number for o in _beside(order, floor)]
        told |= {"parentId": order.parent} | ({"linkedId": others[0], "ocoId": others[0]} if others else {})
    return told


def _beside(order: LotOrder, floor: Floor) -> Iterator[LotOrder]:
    near = (floor.orders.get(order.parent + n) for n in (1, 2))
    return (o for o in near if o is not None and o.parent == order.parent and o.number != order.number)


def _version(change: Change, order: LotOrder) -> dict[str, Any]:
    tick = _tick(order)
    told = {
        "id": VERSION_ID + change.sequence,
        "orderId": order.number,
        "orderQty": order.lots,
        "orderType": order.notes["orderType"],
        "timeInForce": order.notes["timeInForce"],
    }
    return (
        told
        | ({"price": order.limit_ticks * tick} if order.limit_ticks else {})
        | ({"stopPrice": order.stop_ticks * tick} if order.stop_ticks else {})
        | ({"text": order.notes["text"]} if order.notes["text"] else {})
    )


def _command(change: Change, floor: Floor) -> dict[str, Any]:
    order = change.order
    if order is None or change.what not in COMMANDS or (change.what is What.CANCELED and order.reason != "client"):
        return {}
    state = floor.orders[order.number].state
    waits = {State.PENDING: "Pending", State.HELD: "ExecutionSuspended", State.REJECTED: "RiskRejected"}
    told = {
        "id": COMMAND_ID + change.sequence,
        "orderId": order.number,
        "timestamp": stamp(change.ts_utc_ns),
        "commandType": COMMANDS[change.what],
        "commandStatus": waits.get(state, "AtExecution") if change.what is What.RECEIVED else "AtExecution",
        "senderId": USER_ID,
        "isAutomated": bool(order.notes["isAutomated"]),
    }
    return told | ({"clOrdId": order.client_id} if change.what is What.RECEIVED and order.client_id else {})


def _report(change: Change, order: LotOrder) -> dict[str, Any]:
    tick, done = _tick(order), change.execution
    told = {
        "id": REPORT_ID + change.sequence,
        "commandId": COMMAND_ID + change.sequence,
        "name": str(REPORT_ID + change.sequence),
        "accountId": ACCOUNT_ID,
        "contractId": _contract_id(order),
        "timestamp": stamp(change.ts_utc_ns),
        "tradeDate": trade_date(change.ts_utc_ns, order.symbol),
        "orderId": order.number,
        "execType": EXECUTED_AS[change.what],
        "ordStatus": STATUSES[order.state],
        "action": "Buy" if order.side > 0 else "Sell",
        "cumQty": order.filled,
        "avgPx": order.paid_ticks * tick / order.filled if order.filled else Decimal(0),
    }
    if done is not None:
        told |= {"lastQty": done.lots, "lastPx": done.price_ticks * tick}
    return told | ({"text": order.reason} if order.reason else {})


def _fill(done: Execution, order: LotOrder) -> dict[str, Any]:
    return {
        "id": FILL_ID + done.number,
        "orderId": done.order,
        "contractId": _contract_id(order),
        "timestamp": stamp(done.ts_utc_ns),
        "tradeDate": trade_date(done.ts_utc_ns, done.symbol),
        "action": "Buy" if done.side > 0 else "Sell",
        "qty": done.lots,
        "price": done.price_ticks * _tick(order),
        "active": True,
        "finallyPaired": 0,
    }


def _fees(done: Execution) -> dict[str, Any]:
    whole = _usd(done.fee_microusd)
    parts = {name: share * whole for name, share in FEE_SHARES.items()}
    named = parts | {"nfaFee": whole - sum(parts.values(), Decimal(0))}
    told: dict[str, Any] = {"id": FILL_ID + done.number}
    for name, usd in named.items():
        told |= {name: usd, f"{name.removesuffix('Fee')}CurrencyId": 1}
    return told


def _position(name: str, done: list[Execution], floor: Floor, now_utc_ns: int) -> dict[str, Any]:
    order = floor.orders[done[0].order]
    tick, net = _tick(order), sum(d.side * d.lots for d in done)
    bought, sold = ([d for d in done if d.side == side] for side in (1, -1))
    told = {
        "id": POSITION_ID + _contract_id(order),
        "accountId": ACCOUNT_ID,
        "contractId": _contract_id(order),
        "timestamp": stamp(done[-1].ts_utc_ns),
        "tradeDate": trade_date(now_utc_ns, order.symbol),
        "netPos": net,
        "bought": sum(d.lots for d in bought),
        "boughtValue": tick * sum(d.lots * d.price_ticks for d in bought),
        "sold": sum(d.lots for d in sold),
        "soldValue": tick * sum(d.lots * d.price_ticks for d in sold),
        "prevPos": 0,
    }
    assert order.notes["contract"] == name  # noqa: S101  (they were grouped by it)
    return told | ({"netPrice": floor.account.average_ticks(order.symbol) * float(tick)} if net else {})


def _contract_id(order: LotOrder) -> int:
    return int(order.notes["contractId"])


def _tick(order: LotOrder) -> Decimal:
    return markets.market(order.symbol).tick_points


def _usd(microusd: int) -> Decimal:
    return Decimal(microusd) / MICRO

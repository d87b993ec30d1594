"""OANDA's transactions, orders and trades, as they follow from what became of the orders at a floor.

Every order at the floor carries what was asked for in its notes. The same journal gives the same numbers, so that
nothing but the journal, and the notes of what never came to the floor, is kept.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, final

from pydantic import TypeAdapter

from brokers.oanda.sandbox_shapes import money, stamp, text_of
from brokers.sandbox.orders import Change, Execution, LotOrder, What
from brokers.sandbox.store import EntryStore
from gamma.markets import MICRO, Market

FIRST_ORDER: Final = 3
_REASONS: Final = {
    "fok": "INSUFFICIENT_LIQUIDITY",
    "client": "CLIENT_REQUEST",
    "insufficient_margin": "INSUFFICIENT_MARGIN",
    "nothing_to_reduce": "REDUCE_ONLY_POSITION_MISSING",
}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A transaction that is none of the floor's: it comes after so many changes there; `usd` goes to the balance."""

    number: int
    after_changes: int
    ts_utc_ns: int
    row: Mapping[str, Any]
    usd: Decimal = Decimal(0)


_NOTED: Final[TypeAdapter[Noted]] = TypeAdapter(Noted)


def notes(path: Path | None, account: str) -> EntryStore[Noted]:
    """The notes of an account, on disk or in memory.

    Raises: ConfigInvalid when the file is no sandbox's, or another account's.
    """
    return EntryStore(path, account, _NOTED, lambda noted: str(noted.number), "notes")


@dataclass(slots=True, kw_only=True)
class Trade:
    """What one execution opened: units that are left of it, signed."""

    number: int
    symbol: str
    opener: int
    units: Decimal
    left: Decimal
    points: Decimal
    ts_utc_ns: int
    realised_usd: Decimal = Decimal(0)


@dataclass(slots=True, kw_only=True)
class Place:
    """An order as OANDA tells it, with the order at the floor that it is; `trade` is what a stop or target closes."""

    row: Row
    floor: int
    ts_utc_ns: int
    trade: int = 0
    ended: bool = False


@final
class Transactions:
    """One account's record: every transaction by number, from 1 without a gap."""

    def __init__(self, account: str, markets: Mapping[str, Market], capital_usd: Decimal) -> None:
        self.balance_usd = Decimal(0)
        self.realised_usd = Decimal(0)
        self.financing_usd = Decimal(0)
        self.rows: list[Row] = []
        self.orders: dict[int, Place] = {}
        self.trades: dict[int, Trade] = {}
        self.at_floor: dict[int, int] = {}
        self._executions: dict[int, int] = {}
        self._account = account
        self._markets = markets
        self._add("CREATE", 0, {"accountMode": "NETTING", "homeCurrency": "USD"})
        self.note(
            Noted(number=0, after_changes=0, ts_utc_ns=0, row={"type": "TRANSFER_FUNDS"}, usd=capital_usd),
            {"amount": money(capital_usd), "fundingReason": "CLIENT_FUNDING"},
        )

    @property
    def last(self) -> int:
        """The number of the last transaction."""
        return len(self.rows)

    def open_trades(self, symbol: str) -> list[Trade]:
        """What is held of an instrument, oldest first."""
        return [trade for trade in self.trades.values() if trade.symbol == symbol and trade.left]

    def named(self, client_id: str) -> list[Place]:
        """The orders under a client's id, oldest first."""
        return [p for p in self.orders.values() if p.row.get("clientExtensions", {}).get("id") == client_id]

    def bare(self) -> list[int]:
        """Orders at the floor that work on for a trade that is closed."""
        return [p.floor for p in self.orders.values() if p.trade and not p.ended and not self._held_for(p)]

    def execution(self, done: Execution) -> str:
        """The number of the transaction that an execution at the floor is."""
        return str(self._executions[done.number])

    def _held_for(self, place: Place) -> bool:
        """Whether anything is left of what the entry of a stop or target opened."""
        opener = self.trades[place.trade].opener
        return any(trade.left for trade in self.trades.values() if trade.opener == opener)

    def note(self, noted: Noted, more: Mapping[str, Any] | None = None) -> Row:
        """Take in what never came to the floor: a refusal, swap, a transfer."""
        self.balance_usd += noted.usd
        if noted.row["type"] == "DAILY_FINANCING":
            self.financing_usd += noted.usd
        fields = {name: value for name, value in noted.row.items() if name != "type"} | dict(more or {})
        if noted.usd:
            fields["accountBalance"] = money(self.balance_usd)
        return self._add(noted.row["type"], noted.ts_utc_ns, fields)

    def take(self, change: Change) -> None:
        """Take in what became of an order."""
        order = change.order
        if order is None:
            return
        match change.what:
            case What.RECEIVED if not order.parent:
                self._create(order, change.ts_utc_ns, asked_of(order), reason="CLIENT_ORDER")
            case What.AWOKEN:
                self._hang(order, change.ts_utc_ns)
            case What.CHANGED:
                self._replace(order, change.ts_utc_ns)
            case What.TRADED if change.execution is not None:
                self._fill(order, change.execution)
            case What.CANCELED | What.EXPIRED | What.REFUSED if order.number in self.at_floor:
                self._end(order, change)
            case _:
                pass

    def _add(self, kind: str, ts_utc_ns: int, fields: Mapping[str, Any]) -> Row:
        number = str(len(self.rows) + 1)
        row: Row = {
            "id": number,
            "time": stamp(ts_utc_ns),
            "userID": 1,
            "accountID": self._account,
            "batchID": number,
            "type": kind,
            **fields,
        }
        self.rows.append(row)
        return row

    def _create(self, order: LotOrder, ts_utc_ns: int, asked: Mapping[str, Any], **more: str) -> Row:
        """An order is there from now on, under the number of this transaction."""
        row = self._add(f"{asked['type']}_ORDER", ts_utc_ns, {**_without_type(asked), **more})
        told = {"id": row["id"], "createTime": row["time"], "state": "PENDING", **asked}
        trade = int(asked["tradeID"]) if "tradeID" in asked else 0
        told |= {name: more[name] for name in ("replacesOrderID",) if name in more}
        self.orders[int(row["id"])] = Place(row=told, floor=order.number, ts_utc_ns=ts_utc_ns, trade=trade)
        self.at_floor[order.number] = int(row["id"])
        return row

    def _hang(self, child: LotOrder, ts_utc_ns: int) -> None:
        """The stop or target of what an execution has just opened."""
        opened = [t for t in self.trades.values() if t.opener == child.parent and t.left]
        if opened:
            asked = {**asked_of(child), "tradeID": str(opened[0].number)}
            self._create(child, ts_utc_ns, asked, reason="ON_FILL")

    def _replace(self, order: LotOrder, ts_utc_ns: int) -> None:
        before = self.orders[self.at_floor[order.number]]
        new_id = str(len(self.rows) + 2)
        self._cancel(before, ts_utc_ns, "CLIENT_REQUEST_REPLACED", replacedByOrderID=new_id)
        asked = {**asked_of(order), **({"tradeID": str(before.trade)} if before.trade else {})}
        self._create(order, ts_utc_ns, asked, reason="REPLACEMENT", replacesOrderID=before.row["id"])

    def _end(self, order: LotOrder, change: Change) -> None:
        place = self.orders[self.at_floor[order.number]]
        word = order.reason.partition(":")[0]
        reason = _REASONS.get(word, word.upper())
        if change.what is What.EXPIRED:
            reason = "TIME_IN_FORCE_EXPIRED"
        elif place.trade:
            reason = "LINKED_TRADE_CLOSED" if not self._held_for(place) else "CLIENT_REQUEST"
        self._cancel(place, change.ts_utc_ns, reason)

    def _cancel(self, place: Place, ts_utc_ns: int, reason: str, **more: str) -> None:
        named = place.row.get("clientExtensions", {}).get("id")
        fields = {"orderID": place.row["id"], **({"clientOrderID": named} if named else {}), "reason": reason, **more}
        row = self._add("ORDER_CANCEL", ts_utc_ns, fields)
        place.row |= {"state": "CANCELLED", "cancellingTransactionID": row["id"], "cancelledTime": row["time"], **more}
        place.ended = True

    def _fill(self, order: LotOrder, done: Execution) -> None:
        """An execution closes what is held the other way round, the oldest first, and opens the rest."""
        place, market = self.orders[self.at_floor[order.number]], self._markets[done.symbol]
        units = done.side * done.lots * Decimal(market.lot_units)
        points, number = done.price_ticks * market.tick_points, len(self.rows) + 1
        self._executions[done.number] = number
        parts, left = self._closed(place, done.symbol, units, points)
        pl_usd = sum((Decimal(part["realizedPL"]) for part in parts), Decimal(0))
        fee_usd = Decimal(done.fee_microusd) / MICRO
        self.balance_usd += pl_usd - fee_usd
        self.realised_usd += pl_usd
        named = place.row.get("clientExtensions", {}).get("id")
        row = self._add(
            "ORDER_FILL",
            done.ts_utc_ns,
            {
                "orderID": place.row["id"],
                **({"clientOrderID": named} if named else {}),
                "instrument": done.symbol,
                "units": text_of(units),
                "price": text_of(points),
                "fullVWAP": text_of(points),
                "reason": f"{place.row['type']}_ORDER",
                "pl": money(pl_usd),
                "financing": "0.0000",
                "commission": money(fee_usd),
                "guaranteedExecutionFee": "0.0000",
                "accountBalance": money(self.balance_usd),
            },
        )
        shut = [part for part in parts if not self.trades[int(part["tradeID"])].left]
        if shut:
            row["tradesClosed"] = shut
        if len(parts) > len(shut):  # the last one, in part
            row["tradeReduced"] = parts[-1]
        if left:
            self.trades[number] = Trade(
                number=number,
                symbol=done.symbol,
                opener=order.number,
                units=left,
                left=left,
                points=points,
                ts_utc_ns=done.ts_utc_ns,
            )
            row["tradeOpened"] = {"tradeID": str(number), "units": text_of(left), "price": text_of(points)}
        self._filled(place, order, row)

    def _filled(self, place: Place, order: LotOrder, row: Row) -> None:
        """The order is done; what is left of it goes on under a new number."""
        place.row |= {"state": "FILLED", "fillingTransactionID": row["id"], "filledTime": row["time"]}
        if "tradeOpened" in row:
            place.row["tradeOpenedID"] = row["tradeOpened"]["tradeID"]
        place.ended = True
        if order.left and not order.ended:
            market = self._markets[order.symbol]
            rest = text_of(order.side * order.left * Decimal(market.lot_units))
            of_trade = {"tradeID": str(place.trade)} if place.trade else {"units": rest}
            asked = {**asked_of(order), **of_trade}
            self._create(order, order.ts_updated_utc_ns, asked, reason="REPLACEMENT", replacesOrderID=place.row["id"])

    def _closed(self, place: Place, symbol: str, units: Decimal, points: Decimal) -> tuple[list[Row], Decimal]:
        """The parts of trades that units close, and what is left of the units."""
        left, parts = units, []
        own = self.trades[place.trade].opener if place.trade else -1
        for trade in sorted(self.open_trades(symbol), key=lambda t: (t.opener != own, t.number)):
            if left * trade.left >= 0:
                break
            closed = min(abs(left), abs(trade.left)) * (1 if trade.left > 0 else -1)
            pl_usd = (closed * (points - trade.points)).quantize(Decimal("0.0001"))
            trade.left -= closed
            trade.realised_usd += pl_usd
            left += closed
            parts.append(
                {
                    "tradeID": str(trade.number),
                    "units": text_of(-closed),
                    "price": text_of(points),
                    "realizedPL": money(pl_usd),
                    "financing": "0.0000",
                }
            )
        return parts, left


def asked_of(order: LotOrder) -> Row:
    """What was asked for, at the price that it has now."""
    asked: Row = json.loads(order.notes["asked"])
    return asked


def notes_of(asked: Mapping[str, Any]) -> dict[str, str]:
    """What is kept with an order at the floor."""
    return {"asked": json.dumps(dict(asked))}


def _without_type(asked: Mapping[str, Any]) -> Row:
    return {name: value for name, value in asked.items() if name != "type"}


def rows_between(rows: Sequence[Row], begin: int, end: int) -> list[Row]:
    """Transactions by their numbers, both ends included."""
    return list(rows[max(0, begin - 1) : end])

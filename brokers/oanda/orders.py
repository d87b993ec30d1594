"""An order as it stands: its own words, its executions, and those that it replaced or was replaced by."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, final

from brokers.oanda.journal import Journal, transaction
from brokers.oanda.reading import (
    Row,
    client_id,
    ended_as,
    held_lots,
    lots_of,
    moment,
    nearest_ticks,
    number,
    positive,
    rows,
    state_of,
)
from brokers.oanda.writing import GONE, error_code
from gamma.errors import Transient
from gamma.events import OrderState
from gamma.markets import Market
from gamma.ports import BrokerOrder
from gamma.wire import Wire, understood

LINKS_MAX: Final = 64


@final
class Orders:
    """Reads orders, and puts together what OANDA tells in several places."""

    def __init__(self, wire: Wire, account: str, journal: Journal, markets: Mapping[str, Market]) -> None:
        self._wire = wire
        self._account = account
        self._journal = journal
        self._markets = markets

    async def pending(self) -> list[Row]:
        """All orders that work, whosever they are, oldest first; the journal is newer than they are.

        Raises: Transient.
        """
        told = await self._wire.read(f"{self._account}/pendingOrders")
        with understood("orders"):
            found = sorted(rows(told, "orders"), key=lambda row: positive(row["id"]))
            for row in found:
                client_id(row)
        await self._journal.catch_up()
        return found

    async def find(self, client_order_id: str, known_as: str = "") -> Row | None:
        """The newest order under an id of ours; None where OANDA says that there is none.

        Raises: Transient.
        """
        row = await self._one(f"@{client_order_id}")
        if row is None and known_as:
            row = await self._one(known_as)
        await self._journal.catch_up()
        if row is None:
            with understood(f"order {client_order_id}"):
                row = self._journaled(client_order_id)
        for _ in range(LINKS_MAX):
            if row is None or not row.get("replacedByOrderID"):
                break
            row = await self._one(str(row["replacedByOrderID"]))
            await self._journal.catch_up()
        with understood(f"order {client_order_id}"):
            if row is not None and client_id(row) != client_order_id:
                raise ValueError(f"told of {client_id(row)!r}")
        return row

    async def told(self, row: Row) -> BrokerOrder:
        """What an order's row says, with its executions.

        Raises: Transient where it is not understood, or its state has an unknown word.
        """
        with understood("order"):
            order_id = positive(row["id"])
            trade_id = positive(row["tradeID"]) if "tradeID" in row else order_id
            state, known = state_of(row["state"]), self._known(row)
        await self._journal.reach_back(min(order_id, trade_id, *known))
        with understood(f"order {order_id}"):
            return self._put_together(row, state)

    def never_worked(self, client_order_id: str) -> BrokerOrder | None:
        """An order that OANDA refused when it came; or a stop or target whose entry is over, and opened nothing."""
        placed = self._journal.placed(client_order_id)
        row = self._journal.row(placed[-1]) if placed else self._journal.entry_of(client_order_id)
        if row is None:
            return None
        refused = str(row["type"]).endswith("_REJECT")
        with understood(f"transaction {row['id']}"):
            if not refused and (placed or not self._journal.over(row)):
                return None
            instrument, units = str(row.get("instrument", "")), number(row.get("units", "0"))
            market, side = self._markets.get(instrument), 1 if units > 0 else -1
            return BrokerOrder(
                client_order_id=client_order_id,
                broker_order_id=str(positive(row["id"])) if refused else "",
                market=instrument,
                state=OrderState.REJECTED if refused else OrderState.CANCELED,
                side=side if refused else -side,
                lots=abs(lots_of(market, units)) if market is not None else 0,
                filled_lots=0,
                price_ticks=0 if market is None or refused else self._hung_at(row, client_order_id, market),
                ts_event_utc_ns=moment(row["time"]),
            )

    @staticmethod
    def _hung_at(row: Row, client_order_id: str, market: Market) -> int:
        details = [row[name] for name in ("stopLossOnFill", "takeProfitOnFill") if name in row]
        [points] = [number(one["price"]) for one in details if client_id(one) == client_order_id]
        return market.exact_ticks(points)

    async def _one(self, specifier: str) -> Row | None:
        """One order by its number, or by `@` and an id of ours; None where OANDA says plainly that it knows none."""
        path = f"{self._account}/orders/{specifier}"
        reply = await self._wire.look(path)
        if reply.status == 404 and error_code(reply.json) in GONE:
            return None
        if reply.status != 200:
            raise Transient(f"GET {path}: HTTP {reply.status}")
        with understood(path):
            row = transaction(reply.json, "order")
            if row is None or (not specifier.startswith("@") and row["id"] != specifier):
                raise ValueError("it is about another order, or none")
            positive(row["id"])
        return row

    def _journaled(self, client_order_id: str) -> Row | None:
        """An order that its transactions tell of, though it is not shown by our id: not yet, or not any more."""
        placed = [self._journal.row(n) or {} for n in self._journal.placed(client_order_id)]
        made = [row for row in placed if not str(row["type"]).endswith("_REJECT")]
        if not made:
            return None
        ended = self._journal.canceled(made[-1]["id"])
        return {
            **made[-1],
            "type": made[-1]["type"].removesuffix("_ORDER"),
            "createTime": made[-1]["time"],
            "state": "CANCELLED" if ended is not None else "PENDING",
            "replacedByOrderID": (ended or {}).get("replacedByOrderID"),
        }

    def _known(self, row: Row) -> list[int]:
        """The orders under the same id, and the one that it replaced."""
        known = self._journal.placed(client_id(row)) if client_id(row) else []
        return [*known, *([positive(row["replacesOrderID"])] if row.get("replacesOrderID") else [])]

    def _put_together(self, row: Row, state: OrderState) -> BrokerOrder:
        order_id, ours = str(row["id"]), client_id(row)
        instrument, units = self._asked(row)
        market = self._markets.get(instrument)
        own = self._journal.order_fills(order_id)
        fills = self._journal.fills(ours) or own
        done = _units(fills)
        # An order that took the place of another is for what that left; a stop or target for all of its trade.
        asked = abs(units) + (Decimal(0) if "tradeID" in row else done - _units(own))
        side = 1 if units > 0 else -1
        lots, filled = (_whole(market, asked), _whole(market, done)) if market is not None else (1, 0)
        ended = self._journal.canceled(order_id)
        if state is OrderState.CANCELED:
            reason = str(ended["reason"]) if ended is not None else ""
            state = ended_as(reason, str(row.get("timeInForce", "")), filled)
        else:  # a word may lag behind the executions
            over = ended is not None and state is OrderState.ACKED
            state = OrderState.FILLED if filled >= lots else OrderState.PARTIAL if filled else OrderState.ACKED
            if over and state is not OrderState.FILLED:
                raise Transient("it works by its own word, and is cancelled by its transactions")
        price = number(row["price"]) if "price" in row and market is not None else Decimal(0)
        ticks = 0 if market is None else market.exact_ticks(price) if ours else nearest_ticks(market, price)
        return BrokerOrder(
            client_order_id=ours,
            broker_order_id=order_id,
            market=instrument,
            state=state,
            side=side,
            lots=max(lots, filled),
            filled_lots=filled,
            price_ticks=ticks,
            ts_event_utc_ns=moment(row["createTime"]),
            ours=bool(ours),
        )

    def _asked(self, row: Row) -> tuple[str, Decimal]:
        """Instrument and units; those of a stop or target are what its trade opened, the other way round."""
        if "tradeID" not in row:
            return str(row["instrument"]), number(row["units"])
        opened = self._journal.row(positive(row["tradeID"]))
        if opened is None:
            raise ValueError(f"nothing opened its trade {row['tradeID']}")
        return str(opened["instrument"]), -number(opened["tradeOpened"]["units"])


def _units(fills: list[Row]) -> Decimal:
    return sum((abs(number(fill["units"])) for fill in fills), Decimal(0))


def _whole(market: Market, units: Decimal) -> int:
    """Lots of an order, of which at least one is asked for."""
    return held_lots(market, units)

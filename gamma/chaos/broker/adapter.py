"""`ChaosBroker`: an adapter to the fake broker, with the care that a real one needs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self, final
from urllib.parse import quote

from pydantic import BaseModel, Field

from gamma.chaos.broker.quirks import SETS, Quirks
from gamma.chaos.broker.reading import (
    UNTOLD,
    changed_of,
    fill_of,
    microusd,
    order_of,
    placed_of,
    rows_of,
    whole,
)
from gamma.chaos.broker.terms import capabilities
from gamma.decision import require_approved
from gamma.errors import MarkerUnknown, Transient
from gamma.events import Fill, Intent, OrderState, OrderType
from gamma.markets import Market
from gamma.params import parse
from gamma.ports import (
    Accepted,
    ApprovedLike,
    BrokerAccount,
    BrokerOrder,
    Capabilities,
    FillPage,
    Found,
    Inconclusive,
    Lookup,
    NotListed,
    Placed,
    Rejected,
)
from gamma.wire import Wire, understood

OVERLAP_S: Final = 60.0
PAGES_MAX: Final = 200
ORDERS_KEPT: Final = 256  # what is forgotten of an older order is asked for again
_CURSOR_UNKNOWN: Final = (400, 404, 410, 422)
_ENDS: Final = (OrderState.CANCELED, OrderState.EXPIRED)


@final
class ChaosParams(BaseModel, frozen=True, extra="forbid"):
    """Where the fake broker is, and which set of quirks it has."""

    url: Annotated[str, Field(min_length=1)]
    quirks: Literal["forever", "open_only", "pending_only", "never_scan", "never_receipt"] = "forever"


@final
class ChaosBroker:
    """A fake broker for crash and fault tests; it takes no real order."""

    Params: ClassVar = ChaosParams

    def __init__(self, wire: Wire, quirks: Quirks, *, account: str, markets: Mapping[str, Market]) -> None:
        self._wire = wire
        self._quirks = quirks
        self._account = account
        self._markets = markets
        self._capabilities = capabilities(quirks)
        self._ids: dict[str, str] = {}
        self._client_ids: dict[str, str] = {}
        self._traded: dict[str, str] = {}
        self._complete: set[str] = set()
        self._lots: dict[str, dict[str, int]] = {}
        self._counted: set[str] = set()

    @classmethod
    def open(
        cls,
        params: Mapping[str, Any],
        *,
        account: str,
        starting_capital_microusd: int,  # noqa: ARG003  (the broker knows what the account has)
        markets: Mapping[str, Market],
        state_path: Path | None,  # noqa: ARG003  (it has its own state, and we keep none)
    ) -> Self:
        """Open the way to the broker; nothing is sent yet.

        Raises: ConfigInvalid when the parameters are wrong.
        """
        checked = parse(ChaosParams, params, "brokers.chaos")
        return cls(Wire(checked.url), SETS[checked.quirks], account=account, markets=markets)

    @property
    def capabilities(self) -> Capabilities:
        """As its quirks allow."""
        return self._capabilities

    async def connect(self) -> BrokerAccount:
        """Ask for the account: who answers that is there."""
        return await self.account()

    async def close(self) -> None:
        """Close the connections."""
        await self._wire.close()

    # Writes: one attempt each.

    async def place(self, approved: ApprovedLike, intent: Intent, bracket: Sequence[Intent]) -> Placed:
        """Send an order with its bracket.

        Raises: TypeError when the order was not approved by `decide`; InvariantBroken when another one was.
        """
        require_approved(approved, intent)
        market = self._markets[intent.market]
        body = _body(intent, market) | {"bracket": [_body(child, market) for child in bracket]}
        placed = placed_of(intent.client_order_id, await self._wire.write("POST", "/orders", body))
        if isinstance(placed, Accepted):
            for client_order_id, order_id in placed.broker_order_ids.items():
                self._note(client_order_id, order_id, intent.market)
        return placed

    async def cancel(self, client_order_id: str) -> Placed:
        """Ask for an order to be cancelled; what became of it is to be read."""
        order_id, why = await self._id_of(client_order_id)
        if not order_id:
            return Rejected(code="not_sent", text=why)
        return changed_of(order_id, await self._wire.write("DELETE", f"/orders/{order_id}"))

    async def replace(self, client_order_id: str, price_ticks: int) -> Placed:
        """Ask for another price of a stop or a limit."""
        order_id, why = await self._id_of(client_order_id)
        if not order_id:
            return Rejected(code="not_sent", text=why)
        body = {"price": _points(self._markets[self._traded[order_id]], price_ticks)}
        return changed_of(order_id, await self._wire.write("PUT", f"/orders/{order_id}", body))

    async def _id_of(self, client_order_id: str) -> tuple[str, str]:
        """The broker's name of an order, or "" and why it is not known; nothing was sent then."""
        if client_order_id not in self._ids:
            try:
                found = await self._look_up([client_order_id])
            except Transient as error:
                return "", f"the broker's name of {client_order_id} cannot be asked for: {error}"
            if not found:
                return "", f"the broker does not list {client_order_id}"
        return self._ids[client_order_id], ""

    # Reads.

    async def find(self, client_order_id: str) -> Lookup:
        """Look for an order; not to see it proves nothing by itself."""
        try:
            found = await self.orders({client_order_id: ""})
        except Transient as error:
            return Inconclusive(text=str(error))
        return Found(order=found[0]) if found else NotListed(final=False)

    async def orders(self, wanted: Mapping[str, str]) -> Sequence[BrokerOrder]:
        """Those of the named orders that the broker tells of: by its own name where it is known, else on its lists."""
        found, unnamed = [], []
        for client_order_id, known_as in wanted.items():
            order_id = self._ids.get(client_order_id, known_as)
            if not order_id:
                unnamed.append(client_order_id)
            elif (order := await self._one(f"/orders/{order_id}")) is not None:
                if order.broker_order_id != order_id:
                    raise Transient(f"asked for order {order_id}, told of {order.broker_order_id}")
                found.append(order)
        if unnamed:
            found += await self._look_up(unnamed)
        return [await self._settled(order) for order in found]

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """All that works, whosever it is."""
        return [await self._settled(order) for order in await self._listed("open")]

    async def fills_since(self, marker: str) -> FillPage:
        """Executions after a cursor; where there is none, those since the newest that was told of, with an overlap.

        Raises: MarkerUnknown; Transient.
        """
        if marker and not marker.isdecimal():
            raise MarkerUnknown(f"{marker!r} is no marker of this broker")
        self._forget()
        if self._quirks.pages == "cursor":
            told = await self._after(marker or "0")
            with understood("fills"):
                fills = [await self._fill(row) for row in rows_of(told, "fills", "fill")]
                return FillPage(fills=fills, marker=str(int(told["cursor"])))
        newest_utc_ns = int(marker or "0")
        since_utc_ns = max(0, newest_utc_ns - round((OVERLAP_S + self._quirks.lag_s) * 1e9))
        rows = await self._pages("/fills", "fills", "fill", {"since_ns": str(since_utc_ns)})
        with understood("fills"):
            once = {row["id"]: row for row in rows}
            fills = sorted(
                [await self._fill(row) for row in once.values()], key=lambda f: (f.ts_event_utc_ns, f.execution_id)
            )
        last_utc_ns = fills[-1].ts_event_utc_ns if fills else 0
        return FillPage(fills=fills, marker=str(max(newest_utc_ns, last_utc_ns)))

    async def positions(self) -> Mapping[str, int]:
        """Net positions of the markets that are not flat [signed lots]."""
        told = await self._wire.read("/positions")
        with understood("positions"):
            return {row["market"]: whole(row["lots"]) for row in rows_of(told, "positions", "position")}

    async def account(self) -> BrokerAccount:
        """Money, with open P&L at the last prices."""
        told = await self._wire.read("/account")
        with understood("account"):
            balance, equity = (microusd(told["account"][name]) for name in ("balance", "equity"))
        return BrokerAccount(
            account=self._account, balance_microusd=balance, equity_microusd=equity, cash_microusd=balance
        )

    async def _after(self, cursor: str) -> Mapping[str, Any]:
        reply = await self._wire.look("/fills", {"after": cursor})
        if reply.status in _CURSOR_UNKNOWN:
            raise MarkerUnknown(f"the broker does not know the cursor {cursor}: HTTP {reply.status}")
        if reply.status != 200:
            raise Transient(f"GET /fills: HTTP {reply.status}")
        told: Mapping[str, Any] = reply.json
        return told

    async def _look_up(self, client_order_ids: Sequence[str]) -> list[BrokerOrder]:
        """Orders by client order id: asked for one by one, or picked from a complete list."""
        if self._quirks.lookup == "direct":
            asked = [await self._one(f"/orders/by-client-id/{quote(i, safe='')}") for i in client_order_ids]
            found = [order for order in asked if order is not None]
            if strange := {order.client_order_id for order in found} - set(client_order_ids):
                raise Transient(f"told of {', '.join(strange)}, which was not asked for")
            return found
        return await self._listed("all", set(client_order_ids))

    async def _one(self, path: str) -> BrokerOrder | None:
        """One order; None only where the broker says that it knows none of that name."""
        reply = await self._wire.look(path)
        with understood(path):
            if reply.status == 404 and reply.json["error"]["code"] == "unknown_order":
                return None
            if reply.status != 200:
                raise Transient(f"GET {path}: HTTP {reply.status}")
            return self._told(reply.json["order"])

    async def _listed(self, status: str, wanted: Collection[str] | None = None) -> list[BrokerOrder]:
        """A complete list, each order once: all that is on it, or what is wanted; the rest may be in any state."""
        rows = await self._pages("/orders", "orders", "order", {"status": status})
        with understood("orders"):
            for row in rows:
                self._note(str(row["client_order_id"] or ""), str(row["id"]), row["market"])
            told = [self._told(row) for row in rows if wanted is None or row["client_order_id"] in wanted]
        return list({order.broker_order_id: order for order in told}.values())

    async def _pages(self, path: str, many: str, one: str, params: dict[str, str]) -> list[Mapping[str, Any]]:
        """All pages; half a list is none."""
        rows: list[Mapping[str, Any]] = []
        for number in range(1, PAGES_MAX + 1):
            told = await self._wire.read(path, params)
            with understood(path):
                page = rows_of(told, many, one)
                rows += page
                cursor = "" if self._quirks.pages == "number" else told["cursor"]
            if self._quirks.pages == "number" and len(page) >= self._quirks.page_size:
                params = params | {"page": str(number + 1)}
            elif cursor:
                params = params | {"cursor": cursor}
            else:
                return rows
        raise Transient(f"{path}: more than {PAGES_MAX} pages")

    def _told(self, row: Mapping[str, Any]) -> BrokerOrder:
        order = order_of(row, self._markets)
        self._note(order.client_order_id, order.broker_order_id, order.market)
        if order.state in _ENDS and whole(row.get("fills_as_of_ns", 0)) >= order.ts_event_utc_ns:
            self._complete.add(order.broker_order_id)
        return order

    def _note(self, client_order_id: str, order_id: str, market: str) -> None:
        self._client_ids[order_id] = client_order_id
        self._traded.pop(order_id, None)  # so that the one that was told of last is the last to be forgotten
        self._traded[order_id] = market
        if client_order_id:
            self._ids.setdefault(client_order_id, order_id)

    def _forget(self) -> None:
        """Keep what is known of the orders that were told of last; it is between two reads that this is done."""
        for order_id in list(self._traded)[:-ORDERS_KEPT]:
            del self._traded[order_id]
            client_order_id = self._client_ids.pop(order_id)
            if self._ids.get(client_order_id) == order_id:
                del self._ids[client_order_id]
            self._complete.discard(order_id)
            self._counted.discard(order_id)
            self._lots.pop(order_id, None)

    async def _fill(self, row: Mapping[str, Any]) -> Fill:
        """An execution; whose order it was is asked where it does not tell."""
        client_order_id = row.get("client_order_id")
        if client_order_id is None:
            order_id = row["order_id"]
            if order_id not in self._client_ids:
                self._told((await self._wire.read(f"/orders/{order_id}"))["order"])
            client_order_id = self._client_ids[order_id]
        fill = fill_of(row, client_order_id, self._markets)
        if self._quirks.counts == "none":
            self._note(fill.client_order_id, row["order_id"], fill.market)
            self._lots.setdefault(row["order_id"], {})[fill.execution_id] = fill.lots
        return fill

    async def _settled(self, order: BrokerOrder) -> BrokerOrder:
        """Where the broker does not count fills, we do, and call an order over once no fill can still show."""
        if order.filled_lots != UNTOLD:
            return order
        order_id, state = order.broker_order_id, order.state
        if state in _ENDS or order_id not in self._counted:  # an earlier process may have read some of its fills
            await self._count(order_id)
        if state in _ENDS:
            state = state if order_id in self._complete else OrderState.ACKED
        filled = sum(self._lots.get(order_id, {}).values())
        if state is OrderState.ACKED and filled:
            state = OrderState.PARTIAL
        return replace(order, state=state, filled_lots=filled)

    async def _count(self, order_id: str) -> None:
        rows = await self._pages("/fills", "fills", "fill", {"order_id": order_id})
        with understood("fills"):
            self._lots.setdefault(order_id, {}).update({row["id"]: whole(row["lots"]) for row in rows})
        self._counted.add(order_id)


def _body(intent: Intent, market: Market) -> dict[str, Any]:
    body: dict[str, Any] = {
        "client_order_id": intent.client_order_id,
        "market": intent.market,
        "side": "buy" if intent.side > 0 else "sell",
        "lots": intent.lots,
        "type": str(intent.order_type),
        "price": None if intent.order_type is OrderType.MARKET else _points(market, intent.price_ticks),
    }
    if intent.reduce_only:
        body["reduce_only"] = True
    if intent.legs:
        body["legs"] = [{"symbol": leg.symbol, "ratio": leg.ratio} for leg in intent.legs]
    return body


def _points(market: Market, price_ticks: int) -> str:
    return str(price_ticks * market.tick_points)

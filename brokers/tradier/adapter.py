"""`TradierBroker`: one account at Tradier behind the `Broker` port."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Final, Self, final

import httpx

from brokers import numerals
from brokers.legs import contract
from brokers.tradier import reading, writing
from brokers.tradier.bars import bars_of
from brokers.tradier.marker import Marker, advanced, fills_of, marker_of
from brokers.tradier.market_data import TradierMarkets
from brokers.tradier.order_list import OrderList
from brokers.tradier.params import TradierParams
from brokers.tradier.requests import Requests
from brokers.tradier.settlement import endings, joined, standing
from gamma.bars import Bar
from gamma.decision import require_approved
from gamma.errors import ConfigInvalid, MarkerUnknown, Transient
from gamma.events import Intent
from gamma.markets import Kind, Market
from gamma.options import Chain
from gamma.params import parse
from gamma.ports import (
    Accepted,
    ApprovedLike,
    BrokerAccount,
    BrokerOrder,
    Capabilities,
    Dedupe,
    FillPage,
    Found,
    Inconclusive,
    Lookup,
    MarketClock,
    NotListed,
    Placed,
    Quote,
    Rejected,
)
from gamma.wire import NotSent, Reply, Unsure, Wire, understood

_NOT_LET_IN: Final = (401, 403)


@final
class TradierBroker:
    """Options at Tradier, on paper or live: credit spreads and iron condors as one order of several legs."""

    Params: ClassVar = TradierParams

    def __init__(
        self, params: TradierParams, markets: Mapping[str, Market], transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        token = params.token.get_secret_value()
        self._params = params
        wire = Wire(params.base_url, headers={"Authorization": f"Bearer {token}"}, transport=transport)
        self._requests = Requests(wire, params.environment)
        self._markets = {symbol: m for symbol, m in markets.items() if m.kind is Kind.OPTION_SPREAD}
        self._told = TradierMarkets(self._requests)
        self._account = f"/accounts/{params.account_id}"
        self._read = Marker()
        self._list = OrderList(self._requests, f"{self._account}/orders", self._markets)

    @classmethod
    def open(
        cls,
        params: Mapping[str, Any],
        *,
        account: str,  # noqa: ARG003  (Tradier has a number for it)
        starting_capital_microusd: int,  # noqa: ARG003  (it knows what the account has)
        markets: Mapping[str, Market],
        state_path: Path | None,  # noqa: ARG003  (it keeps the orders, and we keep none)
    ) -> Self:
        """Open the way to the account; nothing is sent yet.

        Raises: ConfigInvalid when the parameters are wrong, or of paper and live at once.
        """
        return cls(parse(TradierParams, params, "brokers.tradier"), markets)

    @property
    def capabilities(self) -> Capabilities:
        """An order id of ours is a tag: it is looked for in lists, and a second order of it would be made."""
        return Capabilities(
            name="tradier",
            dedupe=Dedupe.NONE,
            direct_lookup=False,
            bracket=False,
            multi_leg=True,
            replace=False,
            reduce_only=False,
            order_stream=False,
            client_id_max_len=64,
            real=self._params.real,
        )

    async def connect(self) -> BrokerAccount:
        """See that the token is good, here, for this account.

        Raises: ConfigInvalid when it is not; Transient.
        """
        got = await self._requests.hear("/user/profile")
        if isinstance(got, NotSent) or (isinstance(got, Unsure) and got.status not in _NOT_LET_IN):
            raise Transient(got.text)
        if got.status in _NOT_LET_IN:
            raise ConfigInvalid(
                f"[brokers.tradier] token: not accepted for {self._params.environment} (HTTP {got.status}); the tokens "
                "of paper and live differ, and one that was made anew ends the one before"
            )
        if not isinstance(got, Reply) or got.status != 200:
            raise Transient(f"GET /user/profile: HTTP {got.status}")
        with understood("profile"):
            accounts = reading.rows(got.json, "profile", "account")
            statuses = {str(account["account_number"]): str(account["status"]) for account in accounts}
        status = statuses.get(self._params.account_id)
        if status != "active":
            why = "is none of this token's accounts" if status is None else f"is {status}"
            raise ConfigInvalid(f"[brokers.tradier] account_id = {self._params.account_id}: {why}")
        return await self.account()

    async def permissions(self) -> str:
        """The kind of account, and how far its options go."""
        told = await self._requests.read("/user/profile")
        with understood("profile"):
            [row] = [
                row
                for row in reading.rows(told, "profile", "account")
                if row["account_number"] == self._params.account_id
            ]
            return f"{row['type']} account, option level {row['option_level']}"

    async def close(self) -> None:
        """Close the connections."""
        await self._requests.wire.close()

    # Writes: one attempt each.

    async def place(self, approved: ApprovedLike, intent: Intent, bracket: Sequence[Intent]) -> Placed:
        """Send an order of several legs.

        Raises: TypeError when the order was not approved by `decide`; InvariantBroken when another one was.
        """
        require_approved(approved, intent)
        market = self._markets.get(intent.market)
        refused = writing.unfit(intent, bracket, market)
        if refused is not None or market is None:
            return refused or Rejected(code="unknown_market", text=intent.market)
        got = await self._requests.write("POST", self._list.path, writing.form_of(intent, market))
        placed = got if isinstance(got, Rejected) else writing.placed_of(intent.client_order_id, got)
        if isinstance(placed, Accepted):
            self._list.note(intent.client_order_id, placed.broker_order_ids[intent.client_order_id])
        return placed

    async def cancel(self, client_order_id: str) -> Placed:
        """Ask for an order to be cancelled; what became of it is to be read."""
        ids = self._list.ids
        if client_order_id not in ids:
            try:
                await self._list.read()
            except Transient as error:
                return Rejected(code="not_sent", text=f"Tradier's number of {client_order_id}: {error}")
        order_id = ids.get(client_order_id)
        if order_id is None:
            return Rejected(code="not_sent", text=f"Tradier does not list {client_order_id}")
        got = await self._requests.write("DELETE", f"{self._list.path}/{order_id}")
        return got if isinstance(got, Rejected) else writing.canceled_of(order_id, got)

    async def replace(self, client_order_id: str, price_ticks: int) -> Placed:
        """Refused: whether the price of an order of several legs can be changed is not documented."""
        return Rejected(code="not_supported", text=f"{client_order_id} to {price_ticks} ticks: cancel, and place anew")

    # Reads.

    async def find(self, client_order_id: str) -> Lookup:
        """Look for an order; not to see it proves nothing by itself."""
        try:
            found = await self.orders({client_order_id: ""})
        except Transient as error:
            return Inconclusive(text=str(error))
        return Found(order=found[0]) if found else NotListed(final=False)

    async def orders(self, wanted: Mapping[str, str]) -> Sequence[BrokerOrder]:
        """Those of the named orders that are on the session's list, or that Tradier tells of by their numbers."""
        told, found = await self._list.read(), []
        listed = {str(row["id"]): row for row in told}
        for client_order_id, known_as in wanted.items():
            order_id = self._list.ids.get(client_order_id, known_as)
            row = listed.get(order_id) or await self._list.one(order_id)
            if row is not None:
                with understood(f"order {client_order_id}"):
                    order = reading.order_of(row, self._markets)
                if order.client_order_id != client_order_id:
                    raise Transient(f"asked for {client_order_id}, told of {order.client_order_id!r}")
                found.append(order)
        return found

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """All that works, whosever it is."""
        with understood("orders"):
            told = [reading.order_of(row, self._markets) for row in await self._list.read()]
        return [order for order in told if not order.ended]

    async def fills_since(self, marker: str) -> FillPage:
        """What was filled of orders beyond what the marker says was told of them, each lot a fill.

        Raises: MarkerUnknown; Transient.
        """
        # Read from the first, it is known all the same what orders of earlier sessions hold.
        known = marker_of(marker) if marker else replace(self._read, settled=0, told={})
        seen = self._list.alone | await self._list.executed()
        for number in known.told.keys() - seen.keys():
            if await self._list.one(str(number)) is None:
                raise MarkerUnknown(f"Tradier does not know order {number} any more")
        seen = self._list.alone | seen
        done = [seen[number] for number in sorted(seen) if number > known.settled or number in known.told]
        fills = []
        for each in done:
            before = known.told.get(int(each.order.broker_order_id), (0, 0))
            fills += fills_of(each, before, self._markets[each.order.market])
        after = advanced(known, done)
        ended = await endings(after.held, self._told, self._markets)
        held = {number: one for number, one in after.held.items() if number not in ended.numbers}
        self._read = replace(after, held=held, ended_utc_ns=max(after.ended_utc_ns, ended.ends_utc_ns))
        return FillPage(fills=[*fills, *ended.fills], marker=self._read.text())

    async def positions(self) -> Mapping[str, int]:
        """Structures that are held, by their underlying [signed lots].

        Tradier tells options one by one. Those of orders that were read are counted as they were traded, and the rest
        as what it adds up to. What has ended in cash counts until that was told.
        """
        told = await self._requests.read(f"{self._account}/positions")
        with understood("positions"):
            held: Counter[str] = Counter()
            for row in reading.rows(told, "positions", "position"):
                option = contract(str(row["symbol"]))
                if option is not None and option.underlying in self._markets:
                    held[str(row["symbol"])] += numerals.signed(row["quantity"])
        if not held and not self._read.held:
            return {}
        orders = joined(self._read.held, (await self._list.executed()).values(), self._read.ended_utc_ns)
        now_utc_ns = await self._told.now_utc_ns()
        with understood("positions"):
            return standing(orders, held, now_utc_ns)

    async def account(self) -> BrokerAccount:
        """Money: the balance is equity less what is open, the cash what new options can be covered with."""
        told = await self._requests.read(f"{self._account}/balances")
        with understood("balances"):
            balances = told["balances"]
            if balances["account_number"] != self._params.account_id:
                raise Transient("balances: of another account than was asked for")
            equity = numerals.microusd(balances["total_equity"])
            [free] = [balances[kind] for kind in ("margin", "pdt", "cash") if balances.get(kind)]
            buying_power = free.get("option_buying_power", free.get("cash_available"))
            return BrokerAccount(
                account=self._params.account_id,
                balance_microusd=equity - numerals.microusd(balances["open_pl"]),
                equity_microusd=equity,
                cash_microusd=min(numerals.microusd(balances["total_cash"]), numerals.microusd(buying_power)),
            )

    # Market data.

    async def clock(self) -> MarketClock:
        """What time it is there, and whether the cash market is open."""
        return await self._told.clock()

    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Quotes of indices and options by their symbols; on paper 15 minutes old."""
        return await self._told.quotes(symbols)

    async def bars(self, market: str, bar_s: int, since_utc_ns: int) -> Sequence[Bar]:
        """Bars of an index's cash session; on paper 15 minutes late."""
        now = await self._told.clock()
        return await bars_of(self._requests, market, bar_s, since_utc_ns, now.ts_utc_ns)

    async def expirations(self, underlying: str) -> Sequence[date]:
        """The days on which options on an underlying end, the next one first."""
        return await self._told.expirations(underlying)

    async def chain(self, underlying: str, expires: date) -> Chain:
        """Every option on an underlying that ends on a day."""
        return await self._told.chain(underlying, expires)

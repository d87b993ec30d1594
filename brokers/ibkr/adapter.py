"""`IbkrBroker`: one account at Interactive Brokers behind the `Broker` port."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Final, final

from ib_async.contract import Contract

from brokers.ibkr import placing, reading, writing
from brokers.ibkr.contracts import FUTURES, Contracts
from brokers.ibkr.fills import Fills
from brokers.ibkr.gateway import Dial, Gateway
from brokers.ibkr.listing import Lists
from brokers.ibkr.market_data import IbkrMarkets
from brokers.ibkr.params import IbkrParams
from brokers.ibkr.writing import Ticket
from brokers.legs import structures
from gamma.bars import Bar
from gamma.decision import require_approved
from gamma.errors import ConfigInvalid, InputInvalid, Transient
from gamma.events import Intent, OrderState
from gamma.markets import Market
from gamma.options import Chain
from gamma.ports import (
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
from gamma.wire import understood

_CROWDED: Final = Rejected(code="rate_limited", text="too many messages within a second")
_TELLING: Final = frozenset({"orderStatus", "openOrder", "execDetails", "commissionReport"})


@final
class IbkrBroker:
    """Futures, credit spreads and iron condors at Interactive Brokers, on paper or live."""

    def __init__(
        self,
        params: IbkrParams,
        markets: Mapping[str, Market],
        *,
        dial: Dial | None = None,
        now_utc_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._params = params
        self._now = now_utc_ns
        self._gateway = Gateway(params, dial)
        self._contracts = Contracts(self._gateway, markets)
        self._markets = self._contracts.markets
        self._lists = Lists(self._gateway, self._contracts)
        self._fills = Fills(self._gateway, self._lists, self._markets)
        self._told = IbkrMarkets(self._gateway, self._contracts)
        self._prepared = ("", Contract())

    @property
    def capabilities(self) -> Capabilities:
        """An order id of ours is a reference: it is looked for in lists, and a second order of it would be made."""
        return Capabilities(
            name="ibkr",
            dedupe=Dedupe.NONE,
            direct_lookup=False,
            bracket=True,
            multi_leg=True,
            replace=True,
            reduce_only=False,
            order_stream=True,
            client_id_max_len=40,
            real=self._params.real,
            shared=False,
        )

    async def connect(self) -> BrokerAccount:
        """See that TWS or IB Gateway is there, and logged in to this account.

        Raises: ConfigInvalid when it is another's; Transient.
        """
        await self._gateway.ready()
        return await self.account()

    async def close(self) -> None:
        """End the connection."""
        self._gateway.drop("it was closed")

    # Writes: one attempt each.

    async def prepare(self, intent: Intent) -> None:
        """Connect, and ask for what an order is of, so that `place` sends it at once.

        Raises: Transient.
        """
        market = self._markets.get(intent.market)
        if market is None:
            return  # `place` says so
        try:
            found = await self._contract(intent, market)
            await self._gateway.ready()
        except (ConfigInvalid, InputInvalid) as error:
            raise Transient(str(error)) from error
        self._prepared = (intent.client_order_id, found)

    async def place(self, approved: ApprovedLike, intent: Intent, bracket: Sequence[Intent]) -> Placed:
        """Send an order, with its bracket.

        Raises: TypeError when the order was not approved by `decide`; InvariantBroken when another one was.
        """
        require_approved(approved, intent)
        market = self._markets.get(intent.market)
        refused = writing.unfit(intent, bracket, market)
        if refused is not None or market is None:
            return refused or Rejected(code="unknown_market", text=intent.market)
        try:
            tickets = await self._tickets(intent, bracket, market)
        except (Transient, ConfigInvalid, InputInvalid) as error:
            return Rejected(code="not_sent", text=str(error))
        if not self._gateway.has_room(len(tickets)):
            return _CROWDED
        for ticket in tickets:
            self._lists.note(ticket.client_order_id, ticket.number)
        return await placing.place(self._gateway, tickets)

    async def _tickets(self, intent: Intent, bracket: Sequence[Intent], market: Market) -> list[Ticket]:
        """An order with its bracket, of which what is sent last lets all of it go."""
        prepared_for, found = self._prepared
        if prepared_for != intent.client_order_id:
            found = await self._contract(intent, market)
        client = await self._gateway.ready()
        tickets: list[Ticket] = []
        children = writing.in_their_order(bracket)
        for each in (intent, *children):
            order = writing.order_of(each, market, self._params.account_id)
            order.transmit = each is (children[-1] if children else intent)
            order.parentId = tickets[0].number if tickets else 0
            tickets.append(Ticket(number=self._gateway.number(client), contract=found, order=order))
        return tickets

    async def _contract(self, intent: Intent, market: Market) -> Contract:
        """What an order is of."""
        return await (
            self._future(intent, market) if market.kind in FUTURES else self._contracts.bag(intent.legs, market)
        )

    async def _future(self, intent: Intent, market: Market) -> Contract:
        """The month to trade: what closes a position closes it where it is held, all else is in front."""
        if intent.reduces:
            held = [
                contract
                for contract, lots in await self._held()
                if contract.symbol == market.symbol and contract.secType == "FUT" and lots * intent.side < 0
            ]
            if len(held) == 1:
                return writing.future(held[0].conId, market.symbol, market.exchange)
        front = await self._contracts.front(market, self._now())
        return writing.future(front.con_id, market.symbol, market.exchange)

    async def cancel(self, client_order_id: str) -> Placed:
        """Ask for an order to be cancelled; what became of it is to be read."""
        try:
            number = await self._number(client_order_id)
            await self._gateway.ready()
        except (Transient, ConfigInvalid) as error:
            return Rejected(code="not_sent", text=f"the number of {client_order_id}: {error}")
        if number is None:
            return Rejected(code="not_sent", text=f"no order {client_order_id} of this client works there")
        return await placing.cancel(self._gateway, number) if self._gateway.has_room(1) else _CROWDED

    async def replace(self, client_order_id: str, price_ticks: int) -> Placed:
        """Give an order another price."""
        try:
            rows = [row for row in await self._lists.working() if row.client_order_id == client_order_id]
            await self._gateway.ready()
        except (Transient, ConfigInvalid) as error:
            return Rejected(code="not_sent", text=str(error))
        if len(rows) != 1 or rows[0].client_id != self._params.client_id or price_ticks <= 0:
            text = f"{client_order_id} to {price_ticks} ticks: {len(rows)} such orders work"
            return Rejected(code="not_sent", text=text)
        market = self._contracts.market_of(rows[0].contract)
        if market is None or rows[0].order.orderType not in ("LMT", "STP"):
            return Rejected(code="not_supported", text=f"{client_order_id} has no price that could be another")
        if not self._gateway.has_room(1):
            return _CROWDED
        changed = await placing.change(self._gateway, writing.repriced(rows[0], market, price_ticks))
        self._lists.refused.pop(client_order_id, None)  # what was refused is the change: the order stands
        return changed

    async def _number(self, client_order_id: str) -> int | None:
        if client_order_id not in self._lists.numbers:
            await self._lists.working()
        return self._lists.numbers.get(client_order_id)

    # Reads.

    async def find(self, client_order_id: str) -> Lookup:
        """Look for an order; not to see it proves nothing by itself."""
        try:
            found = await self.orders({client_order_id: ""})
            if found:
                return Found(order=found[0])
            done = [e for e in (await self._lists.executions()).values() if e.client_order_id == client_order_id]
        except Transient as error:
            return Inconclusive(text=str(error))
        return Inconclusive(text="it was executed, and is on no list yet") if done else NotListed(final=False)

    async def orders(self, wanted: Mapping[str, str]) -> Sequence[BrokerOrder]:
        """Those of the named orders that work, or ended today."""
        await self._lists.executions()
        rows = list((await self._lists.all()).values())
        found = []
        for client_order_id, known_as in wanted.items():
            mine = [row for row in rows if row.client_order_id == client_order_id]
            named_so = [row for row in mine if str(row.perm_id) == known_as]
            if mine:
                found.append(self._order((named_so or mine)[0]))
        return found

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """All that works, whosever it is."""
        await self._lists.executions()
        told = [self._order(row) for row in await self._lists.working()]
        return [order for order in told if not order.ended]

    def _order(self, row: reading.Row) -> BrokerOrder:
        with understood(f"order {row.client_order_id or row.perm_id}"):
            lots = self._lists.lots_of(row.perm_id)
            order = reading.order_of(row, self._contracts.market_of(row.contract), lots, self._now())
        refused = row.client_order_id in self._lists.refused and not order.filled_lots
        stands = order.state is OrderState.ACKED and row.word != "Inactive"
        return replace(order, state=OrderState.REJECTED) if refused and not stands else order

    async def fills_since(self, marker: str) -> FillPage:
        """What was executed since, once its commission is told.

        Raises: MarkerUnknown; Transient.
        """
        return await self._fills.since(marker, self._now())

    async def positions(self) -> Mapping[str, int]:
        """What is held, by market [signed lots]: futures of all months together, and options as structures.

        Options are told one by one there. Those of structures that traded today count as they were traded, and the
        rest as what it adds up to.
        """
        done = (await self._lists.executions()).values()
        lots: Counter[str] = Counter()
        options: Counter[str] = Counter()
        symbols: dict[int, str] = {}
        for contract, count in await self._held():
            market = self._contracts.market_of(contract)
            if market is None:
                continue
            if contract.secType == "FUT":
                lots[market.symbol] += count
            else:
                symbols[contract.conId] = "".join(contract.localSymbol.split())
                options[symbols[contract.conId]] += count
        if options:
            together = {e.perm_id for e in done if e.con_id in symbols} & {
                e.perm_id for e in done if e.sec_type == "BAG"
            }
            for each in done:
                if each.sec_type == "BAG" and each.perm_id in together:
                    lots[each.market] += each.side * each.lots
                elif each.con_id in symbols and each.perm_id in together:
                    options[symbols[each.con_id]] -= each.side * each.lots
            lots.update(structures(options))
        return {market: count for market, count in lots.items() if count}

    async def _held(self) -> list[tuple[Contract, int]]:
        heard = await self._gateway.ask(
            "the positions", lambda client: client.reqPositions(), lambda h: h.name == "positionEnd"
        )
        with understood("positions"):
            told = {h.parts[1].conId: h.parts for h in heard if h.name == "position"}
            mine = [parts for parts in told.values() if parts[0] == self._params.account_id]
            return [(parts[1], reading.signed(parts[2])) for parts in mine if parts[2]]

    async def account(self) -> BrokerAccount:
        """Money: the balance is equity less what is open, the cash what is free for new risk."""
        account = self._params.account_id
        heard = await self._gateway.ask(
            "the account",
            lambda client: client.reqAccountUpdates(True, account),
            lambda h: h.name == "accountDownloadEnd" and h.parts[0] == account,
        )
        rows = {
            (h.parts[0], h.parts[2]): h.parts[1]
            for h in heard
            if h.name == "updateAccountValue" and h.parts[3] == account
        }
        (await self._gateway.ready()).reqAccountUpdates(False, account)
        with understood("the account"):
            equity = reading.money(rows, "NetLiquidation")
            free = reading.money(rows, "AvailableFunds")
            return BrokerAccount(
                account=account,
                balance_microusd=equity - reading.money(rows, "UnrealizedPnL"),
                equity_microusd=equity,
                cash_microusd=min(free, reading.money(rows, "TotalCashValue")),
            )

    # Market data.

    async def clock(self) -> MarketClock:
        """What time it is there, and whether the cash market is open."""
        return await self._told.clock()

    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Quotes of futures by their market, of indices, and of options by their symbols."""
        return await self._told.quotes(symbols, self._now())

    async def expirations(self, underlying: str) -> Sequence[date]:
        """The days on which options on an underlying end, the next one first."""
        return await self._told.expirations(underlying)

    async def chain(self, underlying: str, expires: date) -> Chain:
        """The options on an underlying that end on a day, around where it stands."""
        return await self._told.chain(underlying, expires, self._now())

    async def bars(self, market: str, bar_s: int, since_utc_ns: int) -> Sequence[Bar]:
        """Closed bars of the future in front."""
        return await self._told.bars(market, bar_s, since_utc_ns, self._now())

    def hints(self) -> AsyncIterator[None]:
        """Tell that something happened to an order."""
        return self._gateway.hints(_TELLING)

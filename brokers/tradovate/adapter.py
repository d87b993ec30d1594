"""`TradovateBroker`: one account at Tradovate behind the `Broker` port."""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self, final

import httpx

from brokers import numerals
from brokers.tradovate import reading, writing
from brokers.tradovate.contracts import Contracts
from brokers.tradovate.holdings import Holdings
from brokers.tradovate.listing import Listing
from brokers.tradovate.marker import advanced, marker_of
from brokers.tradovate.market_data import TradovateMarkets
from brokers.tradovate.params import TradovateParams
from brokers.tradovate.reading import Executed, Listed
from brokers.tradovate.requests import Requests
from brokers.tradovate.sockets import Hints
from gamma.bars import Bar
from gamma.decision import require_approved
from gamma.errors import ConfigInvalid, InputInvalid, MarkerUnknown, Transient
from gamma.events import Fill, Intent
from gamma.markets import Market
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
from gamma.wire import understood

PLACE, PLACE_BRACKET = "/order/placeorder", "/order/placeoso"
CANCEL, MODIFY = "/order/cancelorder", "/order/modifyorder"
FEES_PER_REQUEST: Final = 50


@final
class TradovateBroker:
    """Index futures at Tradovate, demo or live: an entry goes out with the stop and target that the broker holds."""

    Params: ClassVar = TradovateParams

    def __init__(
        self,
        params: TradovateParams,
        markets: Mapping[str, Market],
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        now_utc_ns: Callable[[], int] = time.time_ns,
        token_path: Path | None = None,
    ) -> None:
        self._params = params
        self._requests = Requests(params, transport, now_utc_ns, token_path)
        self._contracts = Contracts(self._requests, markets, now_utc_ns)
        self._list = Listing(self._requests)
        self._holdings = Holdings(params, self._requests, self._contracts)
        self._told_by = TradovateMarkets(self._requests, self._contracts, params.market_data_url)
        self._hints = Hints(params.events_url, self._token, self._token_refused)
        self._now_utc_ns = now_utc_ns

    @classmethod
    def open(
        cls,
        params: Mapping[str, Any],
        *,
        account: str,  # noqa: ARG003  (Tradovate has a name for it)
        starting_capital_microusd: int,  # noqa: ARG003  (it knows what the account has)
        markets: Mapping[str, Market],
        state_path: Path | None,
    ) -> Self:
        """Open the way to the account; nothing is sent yet. The token is kept beside the ledger.

        Raises: ConfigInvalid when the parameters are wrong, or of paper and live at once.
        """
        read = parse(TradovateParams, params, "brokers.tradovate")
        token_path = state_path.with_suffix(".tradovate-token") if state_path is not None else None
        return cls(read, markets, token_path=token_path)

    @property
    def capabilities(self) -> Capabilities:
        """An order id of ours is on the command that placed it: it is looked for in lists, and is no safeguard."""
        return Capabilities(
            name="tradovate",
            dedupe=Dedupe.NONE,
            direct_lookup=False,
            bracket=True,
            multi_leg=False,
            replace=True,
            reduce_only=False,
            order_stream=True,
            client_id_max_len=64,
            watch_s=1.5,  # of 5,000 requests an hour, half
            real=self._params.real,
        )

    async def connect(self) -> BrokerAccount:
        """See that the user is let in, here, and that the account is theirs.

        Raises: ConfigInvalid when it is not; Transient.
        """
        await self._requests.let_in()
        row = await self._holdings.own(anew=True)
        barred = [word for word in ("closed", "restricted", "readonly") if row.get(word)]
        if barred:
            text = f"[brokers.tradovate] account_id = {self._params.account_id}: is {' and '.join(barred)}"
            raise ConfigInvalid(f"{text} at Tradovate; ask its support, or name another account")
        await self._contracts.prepare()
        return await self.account()

    async def close(self) -> None:
        """Close the connections; the token stays good for the next start."""
        await self._requests.wire.close()

    # Writes: one attempt each.

    async def place(self, approved: ApprovedLike, intent: Intent, bracket: Sequence[Intent]) -> Placed:
        """Send an order to the month in front, with the bracket that Tradovate is to hold.

        Raises: TypeError when the order was not approved by `decide`; InvariantBroken when another one was.
        """
        require_approved(approved, intent)
        market = self._contracts.markets.get(intent.market)
        refused = writing.unfit(intent, bracket, market)
        if refused is not None or market is None:
            return refused or Rejected(code="unknown_market", text=intent.market)
        try:
            account, contract = await self._holdings.own(), await self._contract(intent)
        except (Transient, InputInvalid, ConfigInvalid) as error:
            return Rejected(code="not_sent", text=str(error))
        body = writing.body_of(intent, bracket, market, account, contract)
        path = PLACE_BRACKET if bracket else PLACE
        got = await self._requests.write(path, body, eases=intent.reduces)
        placed = got if isinstance(got, Rejected) else writing.placed_of(intent, bracket, got)
        if isinstance(placed, Accepted):
            for client_order_id, order_id in placed.broker_order_ids.items():
                self._list.note(client_order_id, order_id)
        return placed

    async def cancel(self, client_order_id: str) -> Placed:
        """Ask for an order to be cancelled; what became of it is to be read."""
        try:
            listed = await self._known(client_order_id)
        except (Transient, ConfigInvalid) as error:
            return Rejected(code="not_sent", text=f"Tradovate's number of {client_order_id}: {error}")
        if listed is None:
            return Rejected(code="not_sent", text=f"Tradovate does not list {client_order_id}")
        body = {"orderId": int(listed), "isAutomated": True}
        got = await self._requests.write(CANCEL, body, eases=True)
        return got if isinstance(got, Rejected) else writing.commanded_of(got)

    async def replace(self, client_order_id: str, price_ticks: int) -> Placed:
        """Ask for an order to work at another price, with all else as the broker has it now."""
        try:
            order_id = await self._known(client_order_id)
            account = await self._holdings.own()
            listed = await self._list.one(order_id, account["id"]) if order_id is not None else None
            if listed is None:
                return Rejected(code="not_sent", text=f"Tradovate does not list {client_order_id}")
            [order] = await self._told([listed])
            if order.ended:
                return Rejected(code="too_late", text=f"{client_order_id} is {order.state}")
            with understood(f"order {client_order_id}"):
                market = self._contracts.markets[order.market]
                body = writing.move_of(listed.number, listed.version, market, price_ticks)
        except (Transient, ConfigInvalid) as error:
            return Rejected(code="not_sent", text=f"{client_order_id}: {error}")
        got = await self._requests.write(MODIFY, body, eases=True)
        return got if isinstance(got, Rejected) else writing.commanded_of(got)

    # Reads.

    async def find(self, client_order_id: str) -> Lookup:
        """Look for an order; not to see it proves nothing by itself."""
        try:
            found = await self.orders({client_order_id: ""})
        except Transient as error:
            return Inconclusive(text=str(error))
        return Found(order=found[0]) if found else NotListed(final=False)

    async def orders(self, wanted: Mapping[str, str]) -> Sequence[BrokerOrder]:
        """Those of the named orders that are listed, or that Tradovate tells of by their numbers."""
        account = await self._holdings.own_or_wait()
        listed = {str(each.number): each for each in await self._list.read(account["id"])}
        found = []
        for client_order_id, known_as in wanted.items():
            order_id = self._list.ids.get(client_order_id, known_as)
            one = listed.get(order_id) or await self._list.one(order_id, account["id"])
            if one is not None:
                if one.client_order_id != client_order_id:
                    raise Transient(f"asked for {client_order_id}, told of {one.client_order_id!r}")
                found.append(one)
        return await self._told(found)

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """All that works, whosever it is."""
        account = await self._holdings.own_or_wait()
        told = await self._told(await self._list.read(account["id"]))
        return [order for order in told if not order.ended]

    async def fills_since(self, marker: str) -> FillPage:
        """Fills beyond those that the marker says were told; what the exchange took back is none.

        Raises: MarkerUnknown; Transient.
        """
        known, account = marker_of(marker), await self._holdings.own_or_wait()
        told = reading.rows(await self._requests.read("/fill/list"), "fill")
        with understood("fills"):
            seen = {fill.number: fill for fill in map(reading.executed_of, told)}
        if known.last and known.last not in seen:
            got = await self._requests.hear("/fill/item", {"id": str(known.last)})
            if got.status == 404 or got.json is None:
                raise MarkerUnknown(f"Tradovate does not know fill {known.last} any more")
        seen = self._list.alone | seen
        fresh = [fill for _, fill in sorted(seen.items()) if fill.active and known.fresh(fill.number)]
        named = await self._list.placed_as({fill.order for fill in fresh}, account["id"]) if fresh else {}
        ours = [fill for fill in fresh if fill.order in named]
        symbols = await self._contracts.symbols(fill.contract for fill in ours)
        ours = [fill for fill in ours if symbols[fill.contract] in self._contracts.markets]
        fees = await self._fees(ours)
        with understood("fills"):
            fills = [self._fill(f, named[f.order], self._contracts.markets[symbols[f.contract]], fees) for f in ours]
        return FillPage(fills=fills, marker=advanced(known, fresh, list(seen.values())).text())

    async def positions(self) -> Mapping[str, int]:
        """What is held of each market, all months together [signed lots]."""
        await self._contracts.prepare()
        return await self._holdings.positions()

    async def account(self) -> BrokerAccount:
        """Money: the cash with all that was realized, that with what is open, and what new positions can use."""
        return await self._holdings.account()

    # Market data and hints.

    async def clock(self) -> MarketClock:
        """What time it is there, and whether the futures trade, by the calendar."""
        return await self._told_by.clock(self._now_utc_ns())

    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Quotes of the months in front, by market."""
        return await self._told_by.quotes(symbols)

    async def bars(self, market: str, bar_s: int, since_utc_ns: int) -> Sequence[Bar]:
        """Closed bars of the month in front."""
        return await self._told_by.bars(market, bar_s, since_utc_ns, self._now_utc_ns())

    def hints(self) -> AsyncIterator[None]:
        """Says that something happened to the account."""
        return self._hints.hints()

    async def _token(self) -> tuple[str, int]:
        token = await self._requests.let_in()
        return token.access, token.user_id

    def _token_refused(self) -> None:
        self._requests.refused()

    async def _known(self, client_order_id: str) -> str | None:
        """Tradovate's number of an order; None where it lists none of that id."""
        if client_order_id not in self._list.ids:
            await self._list.read((await self._holdings.own())["id"])
        return self._list.ids.get(client_order_id)

    async def _contract(self, intent: Intent) -> str:
        """Where an order goes: to the month in front; an exit to the one before where that is what is held.

        An entry waits for nothing here: whoever stopped all submits in the meantime would not be heard.

        Raises: Transient where it cannot be told; InputInvalid where the calendar does not reach.
        """
        front = self._contracts.front(intent.market)
        if not intent.reduces:
            if why := self._contracts.unready(front):
                raise Transient(why)
            return front.symbol
        before = self._contracts.before(intent.market)
        if before is not None:
            held = await self._holdings.by_contract()
            if intent.side * held.get(before.symbol, 0) < 0 <= intent.side * held.get(front.symbol, 0):
                return before.symbol
        await self._contracts.check(front)
        return front.symbol

    async def _told(self, listed: Sequence[Listed]) -> list[BrokerOrder]:
        symbols = await self._contracts.symbols(each.contract for each in listed)
        with understood("orders"):
            return [
                reading.order_of(each, symbols[each.contract], self._contracts.markets.get(symbols[each.contract]))
                for each in listed
            ]

    async def _fees(self, fills: Sequence[Executed]) -> dict[int, int]:
        """What each fill was charged, of those of which Tradovate tells it already [micro-dollars]."""
        found: dict[int, int] = {}
        for at in range(0, len(fills), FEES_PER_REQUEST):
            ids = ",".join(str(fill.number) for fill in fills[at : at + FEES_PER_REQUEST])
            told = await self._requests.read("/fillFee/items", {"ids": ids})
            with understood("fees"):
                found |= {numerals.positive(row["id"]): reading.fee_microusd(row) for row in reading.rows(told, "fee")}
        return found

    def _fill(self, fill: Executed, client_order_id: str, market: Market, fees: Mapping[int, int]) -> Fill:
        ticks = market.exact_ticks(fill.points)
        return Fill(
            execution_id=str(fill.number),
            client_order_id=client_order_id,
            market=market.symbol,
            side=fill.side,
            lots=fill.lots,
            price_ticks=ticks,
            fee_microusd=fees.get(fill.number, market.fee_microusd(fill.lots, ticks)),
            fee_estimated=fill.number not in fees,
            ts_event_utc_ns=fill.ts_utc_ns,
        )

"""`KalshiBroker`: one account at Kalshi behind the `Broker` port."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self, final

import httpx

from brokers.kalshi import reading, writing
from brokers.kalshi.books import Books
from brokers.kalshi.executions import Executions
from brokers.kalshi.holdings import BALANCE, Holdings
from brokers.kalshi.market_data import KalshiMarkets
from brokers.kalshi.order_list import OrderList
from brokers.kalshi.params import KalshiParams
from brokers.kalshi.prices import Prices
from brokers.kalshi.questions import Questions
from brokers.kalshi.requests import CANCEL_COST, Requests, Row, said, text_of
from brokers.kalshi.signing import Signer, signer_of
from brokers.kalshi.stream import KalshiStream
from gamma.bars import Bar
from gamma.books import EventBook
from gamma.clock import MACHINE, NS
from gamma.decision import require_approved
from gamma.errors import ConfigInvalid, Transient
from gamma.events import Intent
from gamma.markets import Kind, Market
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

PLACE: Final = "/portfolio/events/orders"
_NOT_LET_IN: Final = (401, 403)
CLOCK_OFF_MAX_S: Final = 5.0  # how far off the clock that signs may be is not documented


@final
class KalshiBroker:
    """Event contracts at Kalshi, on its demo or live. Long is YES and short is NO; a price is that of YES."""

    Params: ClassVar = KalshiParams

    def __init__(
        self,
        params: KalshiParams,
        markets: Mapping[str, Market],
        transport: httpx.AsyncBaseTransport | None = None,
        now_utc_ns: Callable[[], int] = MACHINE.wall_ns,
    ) -> None:
        self._params = params
        self._signer: Signer = signer_of(params, now_utc_ns)
        self._requests = Requests(Wire(params.base_url, headers=self._signer.headers, transport=transport), params.tier)
        self._stream = KalshiStream(params.stream_url, self._signer)
        self._now_utc_ns = now_utc_ns
        self._markets = {symbol: m for symbol, m in markets.items() if m.kind is Kind.EVENT}
        self._told = KalshiMarkets(self._requests, now_utc_ns)
        self._list = OrderList(self._requests, now_utc_ns())
        names = (self._markets, params.series)
        self._questions = Questions(self._requests, self._told, self._list, names, now_utc_ns)
        self._prices = Prices(self._told, Books(self._requests, self._told, now_utc_ns), self._questions)
        self._holdings = Holdings(self._requests, self._questions, self._told)
        self._executions = Executions(self._requests, self._list, self._questions, now_utc_ns)

    @classmethod
    def open(
        cls,
        params: Mapping[str, Any],
        *,
        account: str,  # noqa: ARG003  (a key is of one account)
        starting_capital_microusd: int,  # noqa: ARG003  (it knows what the account has)
        markets: Mapping[str, Market],
        state_path: Path | None,  # noqa: ARG003  (it keeps the orders, and we keep none)
    ) -> Self:
        """Open the way to the account; nothing is sent yet.

        Raises: ConfigInvalid when the parameters are wrong, or of demo and live at once, or the key is none.
        """
        return cls(parse(KalshiParams, params, "brokers.kalshi"), markets)

    @property
    def capabilities(self) -> Capabilities:
        """That Kalshi refuses an order id that it has seen is sure only while the first order works."""
        return Capabilities(
            name="kalshi",
            dedupe=Dedupe.OPEN_ONLY,
            direct_lookup=False,
            bracket=False,
            multi_leg=False,
            replace=False,
            reduce_only=True,
            order_stream=True,
            client_id_max_len=64,
            real=self._params.real,
        )

    async def connect(self) -> BrokerAccount:
        """See that the key is good, here, and that each market is one that gamma can trade.

        Raises: ConfigInvalid when it is not; Transient, also while this machine's clock is wrong.
        """
        ts_signed_utc_ns = self._now_utc_ns()
        got = await self._requests.hear(BALANCE)
        if isinstance(got, Reply) and got.status in _NOT_LET_IN and said(got.json):
            self._check_clock(got, ts_signed_utc_ns)
            raise ConfigInvalid(
                f"[brokers.kalshi] key_id = {self._params.key_id}: not accepted for {self._params.environment} (HTTP "
                f"{got.status}: {text_of(got.json)}); keys of demo and live differ, and a signature is good "
                "only while this machine's clock is right"
            )
        if isinstance(got, NotSent | Unsure):
            raise Transient(got.text)
        if got.status != 200:
            raise Transient(f"GET {BALANCE}: HTTP {got.status}")
        for series in self._questions.series:
            await self._questions.check(series, self._params.environment)
        for ticker in sorted(self._questions.tickers):
            await self._check_market(ticker)
        return await self.account()

    async def _check_market(self, ticker: str) -> None:
        """Raises: ConfigInvalid where it is none that gamma can trade; Transient."""
        terms = await self._told.terms(ticker)
        if terms is None:
            more = ", or name it in [brokers.kalshi] series where it is a series" if "-" not in ticker else ""
            where = self._params.environment
            raise ConfigInvalid(
                f"market {ticker}: is no market of Kalshi's ({where}); take it out of the strategies{more}"
            )
        if terms.unfit:
            raise ConfigInvalid(f"market {ticker}: {terms.unfit}; take it out of the strategies")

    def _check_clock(self, got: Reply, ts_signed_utc_ns: int) -> None:
        """A signature of the wrong time says nothing of the key, and clocks are set right.

        Raises: Transient.
        """
        if not got.ts_utc_ns:
            return
        for ours in (ts_signed_utc_ns, self._now_utc_ns()):
            if abs(off_s := (ours - got.ts_utc_ns) / NS) > CLOCK_OFF_MAX_S:
                raise Transient(f"GET {BALANCE}: HTTP {got.status}, and this machine's clock is {off_s:+.0f} s off")

    async def close(self) -> None:
        """Close the connections."""
        await self._requests.wire.close()

    # Writes: one attempt each.

    async def prepare(self, intent: Intent) -> None:
        """See to the question that an order in a series would go to.

        Raises: Transient while none is traded.
        """
        if intent.market in self._questions.series:
            await self._questions.clear(intent.market)

    async def place(self, approved: ApprovedLike, intent: Intent, bracket: Sequence[Intent]) -> Placed:
        """Send an order by limit, or an exit at market, which takes what it gets at once; nothing is asked before.

        Raises: TypeError when the order was not approved by `decide`; InvariantBroken when another one was.
        """
        require_approved(approved, intent)
        refused = writing.unfit(intent, bracket, self._markets.get(intent.market))
        if refused is not None:
            return refused
        ticker = self._questions.ticker_for(intent)
        if isinstance(ticker, Rejected):
            return ticker
        self._list.sends(intent.client_order_id, ticker, self._now_utc_ns())
        got = await self._requests.write("POST", PLACE, writing.body_of(intent, ticker))
        placed = got if isinstance(got, Rejected) else writing.placed_of(intent, got)
        if isinstance(placed, Accepted):
            order_id = placed.broker_order_ids[intent.client_order_id]
            self._list.note(intent.client_order_id, order_id, ticker)
        elif isinstance(placed, Rejected) and placed.code.upper() == writing.INACTIVE:
            self._questions.forget(ticker)
        return placed

    async def cancel(self, client_order_id: str) -> Placed:
        """Cancel an order; its market is named, for without it another shard's is looked for."""
        order_id = self._list.ids.get(client_order_id, "")
        if not order_id:
            try:
                await self._list.search([client_order_id])
            except Transient as error:
                return Rejected(code="not_sent", text=f"Kalshi's number of {client_order_id}: {error}")
            order_id = self._list.ids.get(client_order_id, "")
        if not order_id:
            return Rejected(code="not_sent", text=f"Kalshi does not list {client_order_id}")
        path = f"{PLACE}/{order_id}?market_ticker={self._list.ticker(order_id)}"
        got = await self._requests.write("DELETE", path, cost=CANCEL_COST)
        return got if isinstance(got, Rejected) else writing.canceled_of(order_id, got)

    async def replace(self, client_order_id: str, price_ticks: int) -> Placed:
        """Refused: an amended order loses its place in the queue as a new one does."""
        return Rejected(code="not_supported", text=f"{client_order_id} to {price_ticks} cents: cancel, and place anew")

    # Reads.

    async def find(self, client_order_id: str) -> Lookup:
        """Look for an order; not to see it proves nothing by itself."""
        named = client_order_id in self._list.ids
        try:
            as_of_utc_ns = 0 if named else await self._list.as_of_utc_ns()
            found = await self.orders({client_order_id: ""})
        except Transient as error:
            return Inconclusive(text=str(error))
        if not found and (named or not self._list.shown_by(client_order_id, as_of_utc_ns)):
            return Inconclusive(text=f"what Kalshi shows is too old for {client_order_id}")
        return Found(order=found[0]) if found else NotListed(final=False)

    async def orders(self, wanted: Mapping[str, str]) -> Sequence[BrokerOrder]:
        """Those of the named orders that Kalshi tells of by their numbers, or lists by our ids."""
        known = {cid: self._list.ids.get(cid, order_id) for cid, order_id in wanted.items()}
        found: dict[str, Row] = {}
        for client_order_id, order_id in known.items():
            row = await self._list.one(order_id) if order_id else None
            if row is not None and row.get("client_order_id") != client_order_id:
                raise Transient(f"asked for {client_order_id}, told of {row.get('client_order_id')!r}")
            found |= {client_order_id: row} if row is not None else {}
        unnumbered = [cid for cid, order_id in known.items() if not order_id]
        if unnumbered:
            found |= await self._list.search(unnumbered)
        return [await self._order(row) for row in found.values()]

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """All that works, whosever it is."""
        told = [await self._order(row) for row in await self._list.working()]
        return [order for order in told if not order.ended]

    async def _order(self, row: Row) -> BrokerOrder:
        closes_utc_ns, symbol = 0, self._questions.symbol(row["ticker"])
        if row.get("status") == "canceled" and symbol:
            terms = await self._told.terms(row["ticker"])
            closes_utc_ns = terms.close_utc_ns if terms is not None else 0
        with understood(f"order {row['order_id']}"):
            return reading.order_of(row, symbol, closes_utc_ns)

    async def fills_since(self, marker: str) -> FillPage:
        """Executions with the fees that Kalshi booked, and settlements of markets that were held.

        Raises: MarkerUnknown; Transient.
        """
        page = await self._executions.since(marker)
        await self._questions.see()
        return page

    async def positions(self) -> Mapping[str, int]:
        """What is held and not settled, by market: YES above 0, NO below."""
        return await self._holdings.positions()

    async def account(self) -> BrokerAccount:
        """Money: the balance is cash and what was paid for what is held; the cash what each shard of ours has."""
        return await self._holdings.account(self._params.key_id)

    # Hints and market data.

    def hints(self) -> AsyncIterator[None]:
        """Says that something happened to the account."""
        return self._stream.hints()

    async def clock(self) -> MarketClock:
        """Up to when Kalshi shows what was done, which is all that it tells of its time; and whether it trades."""
        ts_utc_ns = await self._list.as_of_utc_ns()
        shards = await self._holdings.shards()
        return MarketClock(ts_utc_ns=ts_utc_ns, is_open=await self._told.is_open(shards), exact=False)

    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Bid, ask and last price of YES [cents], by market; of a series those of the question that is open."""
        return await self._prices.quotes(symbols)

    async def event_book(self, market: str) -> EventBook:
        """The bids for YES and for NO; of a series those of the question that is traded."""
        return await self._prices.event_book(market)

    async def bars(self, market: str, bar_s: int, since_utc_ns: int) -> Sequence[Bar]:
        """Bars of trades in YES [cents]; of a series those of the question that is traded, and none between two."""
        return await self._prices.bars(market, bar_s, since_utc_ns)

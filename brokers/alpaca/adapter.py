"""`AlpacaBroker`: one account at Alpaca behind the `Broker` port."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Final, Self, final

import httpx

from brokers.alpaca import reading, writing
from brokers.alpaca.endings import awaited
from brokers.alpaca.fills import Fills
from brokers.alpaca.hints import Hints
from brokers.alpaca.market_data import AlpacaMarkets
from brokers.alpaca.orders import Orders
from brokers.alpaca.params import AlpacaParams
from brokers.alpaca.requests import FOR_ORDERS, Requests
from brokers.legs import DoneStructure, contract, lots_held
from gamma.bars import Bar
from gamma.decision import require_approved
from gamma.errors import ConfigInvalid, Transient
from gamma.events import Intent
from gamma.markets import MICRO, Market
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

LEVEL_OF_SPREADS: Final = 3
_NOT_LET_IN: Final = (401, 403)
_BLOCKS: Final = ("trading_blocked", "account_blocked", "trade_suspended_by_user")


@final
class AlpacaBroker:
    """Options on funds at Alpaca, on paper or live: credit spreads and iron condors as one order of several legs."""

    Params: ClassVar = AlpacaParams

    def __init__(
        self, params: AlpacaParams, markets: Mapping[str, Market], transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._params = params
        headers = {"APCA-API-KEY-ID": params.key_id, "APCA-API-SECRET-KEY": params.secret.get_secret_value()}
        self._trading = Requests(Wire(params.trading_url, headers=headers, transport=transport), kept=FOR_ORDERS)
        self._data = Requests(Wire(params.data_url, headers=headers, transport=transport))
        self._markets = {symbol: m for symbol, m in markets.items() if symbol in writing.UNDERLYINGS}
        self._told = AlpacaMarkets(self._trading, self._data, params.data)
        self._hints = Hints(params)
        self._orders = Orders(self._trading, self._markets)
        self._fills = Fills(self._trading, self._orders, self._markets, params.fee_rates)

    @classmethod
    def open(
        cls,
        params: Mapping[str, Any],
        *,
        account: str,  # noqa: ARG003  (Alpaca has a number for it)
        starting_capital_microusd: int,  # noqa: ARG003  (it knows what the account has)
        markets: Mapping[str, Market],
        state_path: Path | None,  # noqa: ARG003  (it keeps the orders, and we keep none)
    ) -> Self:
        """Open the way to the account; nothing is sent yet.

        Raises: ConfigInvalid when the parameters are wrong, or of paper and live at once.
        """
        return cls(parse(AlpacaParams, params, "brokers.alpaca"), markets)

    @property
    def capabilities(self) -> Capabilities:
        """An order id of ours is taken once, for ever, and an order can be asked for by it.

        One look proves nothing by itself all the same: the request may still be on its way. After a minute it is not.
        """
        return Capabilities(
            name="alpaca",
            dedupe=Dedupe.FOREVER,
            direct_lookup=True,
            bracket=False,
            multi_leg=True,
            replace=False,
            reduce_only=False,
            order_stream=True,
            client_id_max_len=writing.CLIENT_ID_MAX,
            absence_listings=2,
            absence_spacing_s=10.0,
            quiet_window_s=60.0,
            real=self._params.real,
        )

    async def connect(self) -> BrokerAccount:
        """See that the key is good, here, for this account, and that it may trade spreads.

        Raises: ConfigInvalid when it is not; Transient.
        """
        got = await self._trading.hear("/account")
        if isinstance(got, NotSent) or (isinstance(got, Unsure) and got.status not in _NOT_LET_IN):
            raise Transient(got.text)
        if got.status in _NOT_LET_IN:
            raise ConfigInvalid(
                f"[brokers.alpaca] key_id, secret: not accepted for {self._params.environment} (HTTP {got.status}); "
                "the keys of paper and live differ, and a paper account that is reset ends its keys"
            )
        if not isinstance(got, Reply) or got.status != 200:
            raise Transient(f"GET /account: HTTP {got.status}")
        with understood("account"):
            wrong = self._wrong(got.json)
        if wrong:
            raise ConfigInvalid(f"[brokers.alpaca] {wrong}")
        return await self.account()

    def _wrong(self, told: Mapping[str, Any]) -> str:
        """What is wrong with the account; "" where nothing is."""
        number, status = reading.name(told["account_number"]), reading.name(told["status"])
        if number != self._params.account_id:
            return f"account_id = {self._params.account_id}: the key is of the account {number}"
        if status != "ACTIVE":
            return f"account_id = {number}: is {status}"
        if told["currency"] != "USD":
            return f"account_id = {number}: is kept in {told['currency']!r}, and only usd can be traded"
        blocked = [block for block in _BLOCKS if told.get(block) is not False]
        if blocked:
            return f"account_id = {number}: {', '.join(blocked)}; see Alpaca's dashboard"
        level = reading.count(told["options_trading_level"])
        if level < LEVEL_OF_SPREADS:
            return (
                f"account_id = {number}: options level {level}, and spreads need {LEVEL_OF_SPREADS}; apply for it there"
            )
        return ""

    async def close(self) -> None:
        """Close the connections."""
        await self._trading.wire.close()
        await self._data.wire.close()

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
        got = await self._trading.write("POST", "/orders", writing.body_of(intent, market))
        placed = got if isinstance(got, Rejected) else writing.placed_of(intent.client_order_id, got)
        if isinstance(placed, Accepted):
            self._orders.note(intent.client_order_id, placed.broker_order_ids[intent.client_order_id])
        return placed

    async def cancel(self, client_order_id: str) -> Placed:
        """Ask for an order to be cancelled; what became of it is to be read."""
        if client_order_id not in self._orders.ids:
            try:
                await self._orders.by_client_id(client_order_id)
            except Transient as error:
                return Rejected(code="not_sent", text=f"Alpaca's number of {client_order_id}: {error}")
        order_id = self._orders.ids.get(client_order_id)
        if order_id is None:
            return Rejected(code="not_sent", text=f"Alpaca does not know {client_order_id}")
        got = await self._trading.write("DELETE", f"/orders/{order_id}")
        return got if isinstance(got, Rejected) else writing.canceled_of(got)

    async def replace(self, client_order_id: str, price_ticks: int) -> Placed:
        """Refused: Alpaca makes a new order of it, under another id; of one with several legs it often makes none."""
        return Rejected(code="not_supported", text=f"{client_order_id} to {price_ticks} ticks: cancel, and place anew")

    # Reads.

    async def find(self, client_order_id: str) -> Lookup:
        """Ask for an order by our id; that there is none proves nothing by itself."""
        try:
            told = await self._orders.by_client_id(client_order_id)
        except Transient as error:
            return Inconclusive(text=str(error))
        return Found(order=told.order) if told is not None else NotListed(final=False)

    async def orders(self, wanted: Mapping[str, str]) -> Sequence[BrokerOrder]:
        """Those of the named orders that work, or that Alpaca tells of one by one."""
        if not wanted:
            return []
        working = {told.order.client_order_id: told for told in await self._orders.open()}
        found = [working.get(cid) or await self._orders.by_client_id(cid) for cid in wanted]
        return [told.order for told in found if told is not None]

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """All that works, whosever it is."""
        return [told.order for told in await self._orders.open() if not told.order.ended]

    async def fills_since(self, marker: str) -> FillPage:
        """The lots that were done since, each a fill at what its legs came to.

        Raises: MarkerUnknown; Transient.
        """
        return await self._fills.since(marker)

    async def positions(self) -> Mapping[str, int]:
        """Structures that are held, by their underlying [signed lots]; shares of one by themselves.

        Alpaca tells options one by one. Those of the newest orders are counted as they were traded, and the rest as
        what it adds up to. What has ended counts until it is told what became of it. Shares come of an assignment, and
        are nobody's of ours.
        """
        told = await self._trading.read("/positions")
        held: Counter[str] = Counter()
        shares: dict[str, int] = {}
        with understood("positions"):
            for row in reading.rows(told):
                symbol, option = reading.name(row["symbol"]), contract(str(row["symbol"]))
                if option is not None and option.underlying in self._markets:
                    held[symbol] += reading.whole(row["qty"])
                elif symbol in self._markets:
                    shares[f"{symbol} shares"] = -int(-reading.number(row["qty"]) // 1)
        traded = [
            one for one in await self._orders.recent() if one.order.filled_lots and one.order.market in self._markets
        ]
        done = [
            DoneStructure(market=one.order.market, side=one.order.side, lots=one.order.filled_lots, legs=one.traded)
            for one in traded
        ]
        lots = Counter(lots_held(held, done))
        now_utc_ns = (await self._told.clock()).ts_utc_ns if traded else 0
        with understood("positions"):
            lots.update(awaited(traded, held, self._fills.ended, now_utc_ns))
        return {market: count for market, count in lots.items() if count} | shares

    async def account(self) -> BrokerAccount:
        """Money: the balance is cash and what was paid for what is open, the cash what can cover new options."""
        told = await self._trading.read("/account")
        held = await self._trading.read("/positions")
        with understood("account"):
            if told["account_number"] != self._params.account_id:
                raise Transient("account: of another account than was asked for")
            cash = reading.microusd(told["cash"])
            paid = sum(_paid_microusd(row) for row in reading.rows(held))
            return BrokerAccount(
                account=self._params.account_id,
                balance_microusd=cash + paid,
                equity_microusd=reading.microusd(told["equity"]),
                cash_microusd=min(cash, reading.microusd(told["options_buying_power"])),
            )

    async def hints(self) -> AsyncIterator[None]:
        """Tells at once when something has happened to an order."""
        async for _ in self._hints.hints():
            yield None

    # Market data.

    async def clock(self) -> MarketClock:
        """What time it is there, and whether the market is open."""
        return await self._told.clock()

    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Quotes of funds and options by their symbols."""
        return await self._told.quotes(symbols)

    async def bars(self, market: str, bar_s: int, since_utc_ns: int) -> Sequence[Bar]:
        """Bars that closed after a time, oldest first."""
        return await self._told.bars(market, bar_s, since_utc_ns)

    async def expirations(self, underlying: str) -> Sequence[date]:
        """The days on which options on an underlying end, the next one first."""
        return await self._told.expirations(underlying)

    async def chain(self, underlying: str, expires: date) -> Chain:
        """Every option on an underlying that ends on a day."""
        return await self._told.chain(underlying, expires)


def _paid_microusd(row: Mapping[str, Any]) -> int:
    """What was paid for a position, below 0 for one that was sold; an option is of 100 shares."""
    multiplier = 100 if contract(str(row["symbol"])) is not None else 1
    return int(reading.number(row["avg_entry_price"]) * reading.number(row["qty"]) * multiplier * MICRO)

"""`OandaBroker`: one account at OANDA behind the `Broker` port."""

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Final, Self, final

import httpx

from brokers.oanda import reading, writing
from brokers.oanda.fills import fills_after, marker_of
from brokers.oanda.hints import Hints
from brokers.oanda.journal import Journal
from brokers.oanda.market_data import OandaMarkets
from brokers.oanda.orders import Orders
from brokers.oanda.params import OandaParams
from gamma.bars import Bar
from gamma.decision import require_approved
from gamma.errors import ConfigInvalid, MarkerUnknown, Transient
from gamma.events import Intent
from gamma.markets import MICRO, Kind, Market
from gamma.params import parse
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
from gamma.wire import Wire, understood

_NOT_LET_IN: Final = (401, 403)
PRECISION_MAX: Final = 12


@final
class OandaBroker:
    """Spot gold at OANDA, on practice or live: stop and target hang on the entry, and are held there."""

    Params: ClassVar = OandaParams

    def __init__(
        self, params: OandaParams, markets: Mapping[str, Market], transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        token = params.token.get_secret_value()
        self._params = params
        self._wire = Wire(params.base_url, headers={"Authorization": f"Bearer {token}"}, transport=transport)
        self._markets = {symbol: m for symbol, m in markets.items() if m.kind is Kind.SPOT}
        self._account = f"/accounts/{params.account_id}"
        self._journal = Journal(self._wire, self._account)
        self._orders = Orders(self._wire, self._account, self._journal, self._markets)
        self._told = OandaMarkets(self._wire, self._account)

    @classmethod
    def open(
        cls,
        params: Mapping[str, Any],
        *,
        account: str,  # noqa: ARG003  (OANDA has a number for it)
        starting_capital_microusd: int,  # noqa: ARG003  (it knows what the account has)
        markets: Mapping[str, Market],
        state_path: Path | None,  # noqa: ARG003  (it keeps the orders, and we keep none)
    ) -> Self:
        """Open the way to the account; nothing is sent yet.

        Raises: ConfigInvalid when the parameters are wrong, or of practice and live at once.
        """
        return cls(parse(OandaParams, params, "brokers.oanda"), markets)

    @property
    def capabilities(self) -> Capabilities:
        """An order id is known as such there, and refused while an order under it works; later, nobody has told."""
        return Capabilities(
            name="oanda",
            dedupe=Dedupe.OPEN_ONLY,
            direct_lookup=True,
            bracket=True,
            multi_leg=False,
            replace=True,
            reduce_only=True,
            order_stream=True,
            client_id_max_len=64,
            real=self._params.real,
        )

    async def connect(self) -> BrokerAccount:
        """See that the token is good, here, for this account, and that gamma can reckon with it.

        Raises: ConfigInvalid when it is not; Transient.
        """
        where = f"[brokers.oanda] account_id = {self._params.account_id}"
        reply = await self._wire.look("/accounts")
        if reply.status in _NOT_LET_IN:
            raise ConfigInvalid(
                f"[brokers.oanda] token: not accepted for {self._params.environment} (HTTP {reply.status}); the tokens "
                "of practice and live differ, and one that was made anew ends the one before"
            )
        if reply.status != 200:
            raise Transient(f"GET /accounts: HTTP {reply.status}")
        with understood("accounts"):
            accounts = {str(row["id"]) for row in reading.rows(reply.json, "accounts")}
        if self._params.account_id not in accounts:
            raise ConfigInvalid(f"{where}: is none of this token's accounts")
        told = await self._summary()
        with understood("summary"):
            currency, hedging = str(told["currency"]), told.get("hedgingEnabled", False)
        if currency != "USD":
            raise ConfigInvalid(f"{where}: is kept in {currency}, and gamma reckons in USD: make a sub-account in USD")
        if hedging is not False:
            raise ConfigInvalid(f"{where}: holds long and short side by side (hedging): make a sub-account without it")
        await self._check_units()
        return self._read_account(told)

    async def close(self) -> None:
        """Close the connections."""
        await self._wire.close()

    # Writes: one attempt each.

    async def place(self, approved: ApprovedLike, intent: Intent, bracket: Sequence[Intent]) -> Placed:
        """Send an order, with the stop and target that OANDA is to hold from its fill on.

        Raises: TypeError when the order was not approved by `decide`; InvariantBroken when another one was.
        """
        require_approved(approved, intent)
        market = self._markets.get(intent.market)
        refused = writing.unfit(intent, bracket, market)
        if refused is not None or market is None:
            return refused or Rejected(code="unknown_market", text=intent.market)
        body = {"order": writing.order_of(intent, bracket, market)}
        got = await self._wire.write("POST", f"{self._account}/orders", body)
        return writing.placed_of(intent.client_order_id, got)

    async def cancel(self, client_order_id: str) -> Placed:
        """Cancel an order; OANDA's answer is final."""
        if not writing.CLIENT_ID.fullmatch(client_order_id):
            return Rejected(code="bad_client_id", text=repr(client_order_id))
        got = await self._wire.write("PUT", f"{self._account}/orders/@{client_order_id}/cancel")
        return writing.canceled_of(client_order_id, got)

    async def replace(self, client_order_id: str, price_ticks: int) -> Placed:
        """Put an order at another price in the place of one that works, at once, under the same id of ours."""
        try:
            row = await self._orders.find(client_order_id)
            if row is None or row.get("state") != "PENDING":
                return Rejected(code="too_late", text=f"{client_order_id} does not work any more")
            told = await self._orders.told(row)
            with understood(f"order {client_order_id}"):
                order = writing.moved(row, self._markets[told.market], price_ticks)
        except Transient as error:
            return Rejected(code="not_sent", text=str(error))
        got = await self._wire.write("PUT", f"{self._account}/orders/{row['id']}", {"order": order})
        return writing.placed_of(client_order_id, got)

    # Reads.

    async def find(self, client_order_id: str) -> Lookup:
        """Look for an order; not to see it proves nothing by itself."""
        try:
            found = await self.orders({client_order_id: ""})
        except Transient as error:
            return Inconclusive(text=str(error))
        return Found(order=found[0]) if found else NotListed(final=False)

    async def orders(self, wanted: Mapping[str, str]) -> Sequence[BrokerOrder]:
        """Those of the named orders that work, or that OANDA tells of by our id or its own number."""
        works = {}
        if len(wanted) > 1:
            works = {reading.client_id(row): row for row in await self._orders.pending()}
        found = []
        for client_order_id, known_as in wanted.items():
            row = works.get(client_order_id) or await self._orders.find(client_order_id, known_as)
            order = await self._orders.told(row) if row is not None else self._orders.never_worked(client_order_id)
            if order is not None:
                found.append(order)
        return found

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """All that works, whosever it is."""
        told = [await self._orders.told(row) for row in await self._orders.pending()]
        return [order for order in told if not order.ended]

    async def fills_since(self, marker: str) -> FillPage:
        """Executions after a transaction, with the swap that was charged before each.

        Raises: MarkerUnknown; Transient.
        """
        known = marker_of(marker, self._params.after_transaction)
        await self._journal.catch_up()
        if marker and known.number > self._journal.last:
            raise MarkerUnknown(f"OANDA's last transaction is {self._journal.last}, before {known.number}")
        await self._journal.reach_back(known.number + 1)
        fills, advanced = fills_after(known, self._journal, self._markets)
        return FillPage(fills=fills, marker=advanced.text())

    async def positions(self) -> Mapping[str, int]:
        """What is held [signed lots]."""
        told = await self._wire.read(f"{self._account}/openPositions")
        with understood("positions"):
            held: dict[str, int] = {}
            for row in reading.rows(told, "positions"):
                market = self._markets.get(str(row["instrument"]))
                units = reading.number(row["long"]["units"]) + reading.number(row["short"]["units"])
                if market is not None and units:
                    held[market.symbol] = reading.held_lots(market, units)
            return held

    async def account(self) -> BrokerAccount:
        """Money: the balance is without what is open, the cash what new positions can be margined with."""
        return self._read_account(await self._summary())

    # Market data.

    async def clock(self) -> MarketClock:
        """What time it is there, and whether gold can be traded now."""
        return await self._told.clock()

    def hints(self) -> AsyncIterator[None]:
        """Something happened to the account, as OANDA's stream of transactions tells."""
        return Hints(self._params).hints()

    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Quotes of instruments; of one that cannot be traded now the last price alone."""
        return await self._told.quotes(symbols)

    async def bars(self, market: str, bar_s: int, since_utc_ns: int) -> Sequence[Bar]:
        """Closed bars of mid prices."""
        return await self._told.bars(market, bar_s, since_utc_ns)

    async def _summary(self) -> Mapping[str, Any]:
        told = await self._wire.read(f"{self._account}/summary")
        with understood("summary"):
            account: Mapping[str, Any] = told["account"]
            if account["id"] != self._params.account_id:
                raise ValueError("of another account than was asked for")
            return account

    def _read_account(self, told: Mapping[str, Any]) -> BrokerAccount:
        with understood("summary"):
            return BrokerAccount(
                account=self._params.account_id,
                balance_microusd=reading.microusd(reading.number(told["balance"])),
                equity_microusd=reading.microusd(reading.number(told["NAV"])),
                cash_microusd=reading.microusd(reading.number(told["marginAvailable"])),
            )

    async def _check_units(self) -> None:
        """See that the account trades gold, and in steps in which a lot can be had.

        Raises: ConfigInvalid when it does not; Transient.
        """
        wanted = ",".join(self._markets)
        told = await self._wire.read(f"{self._account}/instruments", {"instruments": wanted})
        with understood("instruments"):
            steps = {str(row["name"]): _steps(row) for row in reading.rows(told, "instruments")}
        for symbol, market in self._markets.items():
            lot = Decimal(market.lot_units)
            if symbol not in steps:
                raise ConfigInvalid(f"[brokers.oanda] account {self._params.account_id} does not trade {symbol}")
            step, least = steps[symbol]
            if lot % step or lot < least:
                raise ConfigInvalid(
                    f"[brokers.oanda] account {self._params.account_id} trades {symbol} from {least.normalize():f} "
                    f"units on, in steps of {step:f}, and gamma in lots of {lot:f}: take one with finer steps"
                )
            if round(lot * market.tick_points * MICRO) != market.tick_value_microusd:
                raise ConfigInvalid(f"[markets.{symbol}]: a tick of a lot of {lot} units is not worth what it says")


def _steps(row: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    """In which steps an instrument is traded, and from how many units on."""
    decimals = row["tradeUnitsPrecision"]
    if type(decimals) is not int or not 0 <= decimals <= PRECISION_MAX:
        raise ValueError(f"tradeUnitsPrecision {decimals!r}")
    least = reading.number(row["minimumTradeSize"]) if "minimumTradeSize" in row else Decimal(0)
    return Decimal(1).scaleb(-decimals), least

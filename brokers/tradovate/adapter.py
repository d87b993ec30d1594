"""`TradovateBroker`: one account at Tradovate behind the `Broker` port."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self, final

import httpx

from brokers.tradovate import reading, writing
from brokers.tradovate.contracts import Contracts
from brokers.tradovate.listing import Listing
from brokers.tradovate.marker import advanced, marker_of
from brokers.tradovate.params import TradovateParams
from brokers.tradovate.reading import Executed, Listed, Row
from brokers.tradovate.requests import Requests
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
    NotListed,
    Placed,
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
        self._account: Row | None = None

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
            order_stream=False,
            client_id_max_len=64,
            real=self._params.real,
        )

    async def connect(self) -> BrokerAccount:
        """See that the user is let in, here, and that the account is theirs.

        Raises: ConfigInvalid when it is not; Transient.
        """
        await self._requests.let_in()
        self._account = None
        row = await self._own()
        barred = [word for word in ("closed", "restricted", "readonly") if row.get(word)]
        if barred:
            text = f"[brokers.tradovate] account_id = {self._params.account_id}: is {' and '.join(barred)}"
            raise ConfigInvalid(f"{text} at Tradovate; ask its support, or name another account")
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
            account, contract = await self._own(), await self._contract(intent)
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
            account = await self._own()
            listed = await self._list.one(order_id, account["id"]) if order_id is not None else None
            if listed is None:
                return Rejected(code="not_sent", text=f"Tradovate does not list {client_order_id}")
            [order] = await self._told([listed])
            if order.state in reading.FINAL:
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
        account = await self._own_or_wait()
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
        account = await self._own_or_wait()
        told = await self._told(await self._list.read(account["id"]))
        return [order for order in told if order.state not in reading.FINAL]

    async def fills_since(self, marker: str) -> FillPage:
        """Fills beyond those that the marker says were told; what the exchange took back is none.

        Raises: MarkerUnknown; Transient.
        """
        known, account = marker_of(marker), await self._own_or_wait()
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
        return {symbol: lots for symbol, lots in Counter(await self._by_symbol()).items() if lots}

    async def account(self) -> BrokerAccount:
        """Money: the cash with all that was realized, that with what is open, and what new positions can use."""
        account = await self._own()
        told = await self._requests.ask("/cashBalance/getcashbalancesnapshot", {"accountId": account["id"]})
        with understood("cash balance"):
            equity = reading.microusd(told["netLiq"])
            return BrokerAccount(
                account=self._params.account_id,
                balance_microusd=reading.microusd(told["totalCashValue"]),
                equity_microusd=equity,
                cash_microusd=equity - reading.microusd(told["initialMargin"]),
            )

    async def _own(self) -> Row:
        """The account as Tradovate lists it.

        Raises: ConfigInvalid where it is none of this user's; Transient.
        """
        if self._account is None:
            told = reading.rows(await self._requests.read("/account/list"), "account")
            with understood("accounts"):
                named = {str(row["name"]): {**row, "id": reading.positive(row["id"])} for row in told}
            if self._params.account_id not in named:
                raise ConfigInvalid(
                    f"[brokers.tradovate] account_id = {self._params.account_id}: is none of this user's accounts in "
                    f"the {self._params.environment} environment; those are {', '.join(named) or 'none'}"
                )
            self._account = named[self._params.account_id]
        return self._account

    async def _own_or_wait(self) -> Row:
        try:
            return await self._own()
        except ConfigInvalid as error:
            raise Transient(str(error)) from error

    async def _known(self, client_order_id: str) -> str | None:
        """Tradovate's number of an order; None where it lists none of that id."""
        if client_order_id not in self._list.ids:
            await self._list.read((await self._own())["id"])
        return self._list.ids.get(client_order_id)

    async def _contract(self, intent: Intent) -> str:
        """Where an order goes: to the month in front; an exit to the one before where that is what is held.

        Raises: Transient where it cannot be told; InputInvalid where the calendar does not reach.
        """
        front, before = self._contracts.front(intent.market), self._contracts.before(intent.market)
        if intent.reduces and before is not None:
            held = await self._by_contract()
            if intent.side * held.get(before.symbol, 0) < 0 <= intent.side * held.get(front.symbol, 0):
                return before.symbol
        await self._contracts.check(front)
        return front.symbol

    async def _positions(self) -> list[Row]:
        account = await self._own_or_wait()
        told = reading.rows(await self._requests.read("/position/list"), "position")
        with understood("positions"):
            return [row for row in told if reading.positive(row["accountId"]) == account["id"]]

    async def _by_contract(self) -> dict[str, int]:
        held = await self._positions()
        with understood("positions"):
            lots = {reading.positive(row["contractId"]): reading.signed(row["netPos"]) for row in held}
        await self._contracts.symbols(lots)
        return {self._contracts.name(number): count for number, count in lots.items()}

    async def _by_symbol(self) -> Counter[str]:
        held: Counter[str] = Counter()
        for row in await self._positions():
            with understood("positions"):
                number, lots = reading.positive(row["contractId"]), reading.signed(row["netPos"])
            symbol = (await self._contracts.symbols([number]))[number] if lots else ""
            if symbol in self._contracts.markets:
                held[symbol] += lots
        return held

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
                found |= {reading.positive(row["id"]): reading.fee_microusd(row) for row in reading.rows(told, "fee")}
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

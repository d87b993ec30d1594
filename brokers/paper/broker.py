"""`PaperBroker`: the paper exchange behind the `Broker` port, on disk or in memory."""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final, Self, final

from brokers.paper.admission import refuse, refuse_move
from brokers.paper.exchange import Exchange
from brokers.paper.orders import PaperOrder
from brokers.paper.params import Fault, PaperParams
from brokers.paper.store import Store
from gamma.bars import Bar
from gamma.decision import require_approved
from gamma.errors import InputInvalid, MarkerUnknown, Transient
from gamma.events import Intent
from gamma.markets import Market
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
    Lookup,
    Lost,
    NotListed,
    Placed,
    Rejected,
)

_CAPABILITIES: Final = Capabilities(
    name="paper",
    dedupe=Dedupe.FOREVER,
    direct_lookup=True,
    bracket=True,
    multi_leg=True,
    replace=True,
    reduce_only=True,
    order_stream=False,
    absence_listings=1,
    absence_spacing_s=0.0,
    quiet_window_s=0.0,
)
_PAGE: Final = 500


@final
class PaperBroker:
    """One paper account.

    An order is on disk before its placing is answered, and a bar's fills before `trade_through` returns, so
    that a process killed at any moment leaves a whole exchange behind. `faults` goes wrong, in turn, with the
    requests to come.
    """

    Params: ClassVar = PaperParams

    def __init__(
        self,
        params: PaperParams,
        *,
        account: str,
        starting_capital_microusd: int,
        markets: Mapping[str, Market],
        state_path: Path | None,
    ) -> None:
        self.faults: deque[Fault] = deque(params.faults)
        self._account = account
        self._starting_capital_microusd = starting_capital_microusd
        self._fresh: Callable[[], Exchange] = lambda: Exchange(params, starting_capital_microusd, markets)
        self._store = Store(state_path, account, starting_capital_microusd) if state_path is not None else None
        self._exchange = self._fresh()
        self._stale = self._store is not None
        self._current()

    @classmethod
    def open(
        cls,
        params: Mapping[str, Any],
        *,
        account: str,
        starting_capital_microusd: int,
        markets: Mapping[str, Market],
        state_path: Path | None,
    ) -> Self:
        """Open the account's file, made where there is none; without a path it is in memory alone.

        Raises: ConfigInvalid when the parameters are wrong, or the file is another account's; Corrupt when it
            cannot be read.
        """
        return cls(
            parse(PaperParams, params, "brokers.paper"),
            account=account,
            starting_capital_microusd=starting_capital_microusd,
            markets=markets,
            state_path=state_path,
        )

    @property
    def capabilities(self) -> Capabilities:
        """A client order id is known for ever, and one look is proof."""
        return _CAPABILITIES

    @property
    def ts_last_bar_utc_ns(self) -> int:
        """Close of the last bar that was traded through [ns]; of several markets, of the one furthest behind.

        To feed bars again does no harm: what a market has seen it does not trade through again.
        """
        seen = [t.ts_bar_utc_ns for t in self._exchange.tapes.values() if t.ts_bar_utc_ns]
        return min(seen, default=0)

    async def connect(self) -> BrokerAccount:
        """Nothing to connect to: the account is open."""
        return await self.account()

    async def close(self) -> None:
        """Close the file."""
        if self._store is not None:
            self._store.close()

    def store(self, path: Path) -> None:
        """Leave the whole account in a new file, as if it had been kept there from the beginning.

        Raises: ConfigInvalid when the file is another account's; Transient when it cannot be written.
        """
        exchange = self._current()
        exchange.changed |= exchange.orders.keys()
        exchange.touched |= {symbol for symbol, tape in exchange.tapes.items() if tape.ts_bar_utc_ns}
        store = Store(path, self._account, self._starting_capital_microusd)
        try:
            store.begin()
            store.save(exchange)
            store.commit()
        except sqlite3.Error as error:
            raise Transient(f"paper broker: its account cannot be stored: {error}") from error
        finally:
            store.close()

    async def place(self, approved: ApprovedLike, intent: Intent, bracket: Sequence[Intent]) -> Placed:
        """Take an order with its bracket; a client order id that is known gets the answer that it got before.

        Raises: TypeError when the order was not approved by `decide`; InvariantBroken when another one was.
        """
        require_approved(approved, intent)
        return self._request(lambda exchange: _place(exchange, intent, bracket))

    async def cancel(self, client_order_id: str) -> Placed:
        """End an order; one that works no more is refused."""
        return self._request(lambda exchange: _cancel(exchange, client_order_id))

    async def replace(self, client_order_id: str, price_ticks: int) -> Placed:
        """Move the price of a stop or a limit."""
        return self._request(lambda exchange: _replace(exchange, client_order_id, price_ticks))

    def trade_through(self, bar: Bar) -> None:
        """Trade the working orders through a closed bar; a bar that begins before the last one ended is not news.

        Raises: InputInvalid when the bar's prices are no prices; Transient when the fills cannot be stored (the
            bar may be given again).
        """
        tape = self._exchange.tapes.get(bar.market)
        ends = bar.book is not None or (tape is not None and tape.by_quote_only)
        held = ends and self._exchange.account.lots(bar.market) != 0
        works = held or (tape is not None and bool(tape.working))
        if self._store is None and not works:
            self._exchange.trade(bar)
            return
        try:
            with self._writing(durable=works) as exchange:
                exchange.trade(bar)
        except sqlite3.Error as error:
            raise Transient(f"paper broker: the bar's fills could not be stored: {error}") from error

    def quote(self, market: str, bid_ticks: int | None, ask_ticks: int | None, ts_utc_ns: int = 0) -> None:
        """Trade the working orders against the best prices of a market, or of the structure that is traded in it.

        Raises: InputInvalid when the bid is not below the ask; Transient when the fills cannot be stored.
        """
        if bid_ticks is not None and ask_ticks is not None and bid_ticks >= ask_ticks:
            raise InputInvalid(f"{market}: bid {bid_ticks} must be below ask {ask_ticks}")
        try:
            tape = self._exchange.tapes.get(market)
            with self._writing(durable=tape is not None and bool(tape.working)) as exchange:
                tape = exchange.tape(market)
                if tape is not None:
                    exchange.quote(tape, bid_ticks, ask_ticks, ts_utc_ns)
        except sqlite3.Error as error:
            raise Transient(f"paper broker: the quote's fills could not be stored: {error}") from error

    def trade_on(self, chain: Chain) -> None:
        """Trade the option structures of a market on its chain; one that was seen before is not news.

        Raises: Transient when the fills cannot be stored.
        """
        try:
            tape = self._exchange.tapes.get(chain.underlying)
            with self._writing(durable=tape is not None and bool(tape.working)) as exchange:
                exchange.trade_chain(chain)
        except sqlite3.Error as error:
            raise Transient(f"paper broker: the chain's fills could not be stored: {error}") from error

    async def find(self, client_order_id: str) -> Lookup:
        """Look an order up; where it is not known it never arrived."""
        order = self._current().orders.get(client_order_id)
        return NotListed(final=True) if order is None else Found(order=order.told())

    async def orders(self, wanted: Mapping[str, str]) -> Sequence[BrokerOrder]:
        """Those of the named orders that are known."""
        known = self._current().orders
        return [known[i].told() for i in wanted if i in known]

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """What works, in the order in which it came."""
        exchange = self._current()
        working = [exchange.orders[i] for tape in exchange.tapes.values() for i in tape.working]
        return [order.told() for order in sorted(working, key=lambda order: order.sequence)]

    async def fills_since(self, marker: str) -> FillPage:
        """Executions after the marker, oldest first, a page at a time; from the first with an empty marker.

        Raises: MarkerUnknown where the marker's execution is not here: its state was put back or begun anew.
        """
        fills = self._current().fills
        count, _, last = marker.partition(" ")
        start = int(count) if count.isdecimal() else 0
        if marker and not (0 < start <= len(fills) and fills[start - 1].execution_id == last):
            raise MarkerUnknown(f"paper broker: it has no execution {marker!r}")
        page = fills[start : start + _PAGE]
        return FillPage(fills=page, marker=f"{start + len(page)} {page[-1].execution_id}" if page else marker)

    def quiet_since(self, marker: str) -> bool:
        """Whether there is no execution after the marker; of a file, which others may write to, it is asked."""
        return self._store is None and marker == self._marker()

    def _marker(self) -> str:
        fills = self._exchange.fills
        return f"{len(fills)} {fills[-1].execution_id}" if fills else ""

    async def positions(self) -> Mapping[str, int]:
        """Net positions of the markets that are not flat [signed lots]."""
        return self._current().account.positions()

    async def account(self) -> BrokerAccount:
        """Money, with open P&L at the last prices."""
        exchange = self._current()
        return BrokerAccount(
            account=self._account,
            balance_microusd=exchange.account.balance_microusd,
            equity_microusd=exchange.equity_microusd(),
            cash_microusd=exchange.cash_microusd(),
        )

    def _current(self) -> Exchange:
        """The exchange as it is on disk, whoever wrote last."""
        if self._store is not None:
            try:
                if self._stale or self._store.changed_elsewhere():
                    self._reload(self._store)
            except sqlite3.Error as error:
                raise Transient(f"paper broker: its state cannot be read: {error}") from error
        return self._exchange

    def _reload(self, store: Store) -> None:
        self._stale = True
        exchange = self._fresh()
        store.load(exchange)
        self._exchange, self._stale = exchange, False

    @contextmanager
    def _writing(self, *, durable: bool = True) -> Iterator[Exchange]:
        """Change the exchange, all or nothing: what cannot be stored did not happen."""
        store = self._store
        if store is None:
            yield self._exchange
            self._exchange.changed.clear()
            return
        store.begin(durable=durable)
        try:
            if self._stale or store.changed_elsewhere():
                self._reload(store)
            yield self._exchange
            if store.save(self._exchange):
                store.commit()
                store.saved(self._exchange)
            else:
                store.rollback()
        except BaseException:
            self._stale = True
            store.rollback()
            raise

    def _request(self, act: Callable[[Exchange], Placed]) -> Placed:
        fault = self.faults.popleft() if self.faults else Fault.NONE
        if fault is Fault.REJECT:
            return Rejected(code="fault", text="refused on purpose")
        if fault is Fault.DROP_REQUEST:
            return Lost(text="the request was dropped on purpose")
        try:
            with self._writing() as exchange:
                answer = act(exchange)
        except sqlite3.Error as error:
            return Lost(text=f"the paper broker could not store the request: {error}")
        return Lost(text="the answer was lost on purpose") if fault is Fault.LOSE_ANSWER else answer


def _place(exchange: Exchange, intent: Intent, bracket: Sequence[Intent]) -> Placed:
    if intent.client_order_id in exchange.orders:
        return exchange.answer(intent.client_order_id)
    return exchange.admit(intent, bracket, refuse(exchange, intent, bracket))


def _cancel(exchange: Exchange, client_order_id: str) -> Placed:
    order = exchange.orders.get(client_order_id)
    refused = _not_working(client_order_id, order)
    if order is None or refused:
        return refused or Rejected(code="unknown_order", text=client_order_id)
    exchange.cancel(order)
    return _accepted(order)


def _replace(exchange: Exchange, client_order_id: str, price_ticks: int) -> Placed:
    order = exchange.orders.get(client_order_id)
    refused = _not_working(client_order_id, order)
    if order is None or refused:
        return refused or Rejected(code="unknown_order", text=client_order_id)
    refused = refuse_move(exchange, order, price_ticks)
    if refused:
        return refused
    exchange.move(order, price_ticks)
    return _accepted(order)


def _not_working(client_order_id: str, order: PaperOrder | None) -> Rejected | None:
    if order is None:
        return Rejected(code="unknown_order", text=f"there is no order {client_order_id}")
    if not order.open:
        return Rejected(code="not_working", text=f"{client_order_id} is {order.state}")
    return None


def _accepted(order: PaperOrder) -> Accepted:
    return Accepted(broker_order_ids={order.client_order_id: order.broker_order_id})

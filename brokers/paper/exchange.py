"""The paper exchange: every order for ever, what works, and how bars and quotes trade it. No clock, no I/O."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, final

from brokers.paper import event_books
from brokers.paper.account import Account
from brokers.paper.matching import Costs, Reach, at_open, at_quote, inside, lots_allowed, reach, reachable, round_up
from brokers.paper.orders import PaperOrder, Tape
from brokers.paper.params import PaperParams
from brokers.paper.settling import Structures, over_utc_ns
from brokers.paper.structures import net_ticks
from gamma.bars import Bar
from gamma.books import CENTS, EventBook
from gamma.errors import InputInvalid
from gamma.events import Fill, Intent, Leg, OrderKind, OrderState, OrderType
from gamma.markets import Kind, Market, event_market
from gamma.options import Chain
from gamma.ports import Accepted, Placed, Rejected

_BRACKET: Final = (OrderKind.STOP, OrderKind.TARGET)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """One look at the working orders: what each would fill at, and the most lots of one.

    `traded` have had their share of the bar. Of a bracket whose entry fills inside the bar only the stop may
    follow in it: what the bar did after the entry is not known.
    """

    price: Callable[[PaperOrder], int | None]
    lots_max: float
    ts_event_utc_ns: int
    traded: set[str] = field(default_factory=set)
    targets_follow: bool = True


@final
class Exchange:
    """Orders, fills, money and tapes; `changed` and `touched` name the orders and tapes that are not on disk yet."""

    def __init__(self, params: PaperParams, starting_capital_microusd: int, markets: Mapping[str, Market]) -> None:
        self.params = params
        self.account = Account(starting_capital_microusd)
        self.orders: dict[str, PaperOrder] = {}
        self.fills: list[Fill] = []
        self.tapes: dict[str, Tape] = {symbol: Tape(market=market) for symbol, market in markets.items()}
        self.changed: set[str] = set()
        self.touched: set[str] = set()
        self._children: dict[str, list[str]] = {}
        self._structures = Structures()

    def tape(self, symbol: str) -> Tape | None:
        """The tape of a market that is traded here; Kalshi's tickers come and go, and need not be named before."""
        if symbol not in self.tapes and symbol.startswith("KX"):
            self.tapes[symbol] = Tape(market=event_market(symbol))
        return self.tapes.get(symbol)

    def admit(self, intent: Intent, bracket: Sequence[Intent], refused: Rejected | None) -> Placed:
        """Take an order with its bracket, or keep it as refused; either answer stands for ever."""
        for each in (intent, *bracket):
            self.restore(
                PaperOrder(
                    intent=each,
                    sequence=len(self.orders) + 1,
                    state=OrderState.REJECTED if refused else OrderState.ACKED,
                    price_ticks=each.price_ticks,
                    ts_event_utc_ns=each.ts_event_utc_ns,
                    code=refused.code if refused else "",
                    text=refused.text if refused else "",
                )
            )
            self.changed.add(each.client_order_id)
        if self.params.fill_at == "last" and refused is None and intent.order_type is OrderType.MARKET:
            self._fill_at_last(intent.client_order_id)
        return self.answer(intent.client_order_id)

    def answer(self, client_order_id: str) -> Placed:
        """What was answered when this order was placed."""
        order = self.orders[client_order_id]
        if order.state is OrderState.REJECTED:
            return Rejected(code=order.code, text=order.text)
        known = (order, *self._bracket(client_order_id))
        return Accepted(broker_order_ids={o.client_order_id: o.broker_order_id for o in known})

    def cancel(self, order: PaperOrder) -> None:
        """End an order, and of its bracket what has nothing to close any more."""
        self._end(order)
        self._sweep(self.tapes[order.intent.market])

    def move(self, order: PaperOrder, price_ticks: int) -> None:
        """Let an order work at another price."""
        self._put(replace(order, price_ticks=price_ticks))

    def restore(self, order: PaperOrder) -> None:
        """Put an order where it belongs; orders come in their sequence."""
        self.orders[order.client_order_id] = order
        if order.intent.parent:
            self._children.setdefault(order.intent.parent, []).append(order.client_order_id)
        if order.open:
            self.tapes[order.intent.market].working.append(order.client_order_id)

    def restored(self) -> None:
        """All orders and fills are back: what is held of structures follows from them."""
        for fill in self.fills:
            self._structures.book(fill, self.orders)

    def trade(self, bar: Bar) -> None:
        """Trade the working orders through one bar: first at its open, then inside it.

        Raises: InputInvalid when the bar's prices are no prices.
        """
        tape = self.tape(bar.market)
        if tape is None or bar.ts_open_utc_ns < tape.ts_bar_utc_ns:
            return
        low, high = bar.low_points, bar.high_points
        if not (low <= bar.open_points <= high and low <= bar.close_points <= high):
            raise InputInvalid(f"{bar.market}: a bar's open and close must be numbers between its low and high")
        tape.ts_bar_utc_ns = bar.ts_close_utc_ns
        self.touched.add(bar.market)
        if tape.by_quote_only:
            self._settle_options(tape, bar)
            return
        tape.ts_event_utc_ns = max(tape.ts_event_utc_ns, bar.ts_close_utc_ns)
        tape.price_ticks = bar.close_points * tape.market.ticks_per_point
        tape.volume_lots, tape.spread_points = bar.volume_lots, bar.spread_points
        tape.bid_ticks = tape.ask_ticks = None
        if bar.book is not None:
            self._trade_book(tape, bar.book, bar.ts_close_utc_ns)
        elif tape.working:
            self._trade_through(tape, bar)

    def _trade_book(self, tape: Tape, book: EventBook, ts_utc_ns: int) -> None:
        """Trade the working orders from the last look's book to this one's; first the question before it may end.

        What was ordered in a question that is over works no more. After a start the first book is the one to go from.
        """
        before, tape.book = tape.book, book
        tape.bid_ticks = book.yes_bid_cents or None
        tape.ask_ticks = CENTS - book.no_bid_cents if book.no_bids else None
        if book.ended_cents == book.ended_cents:
            self._end_question(tape, book.ended_cents, ts_utc_ns)
        if before is None:
            return
        if before.ts_close_utc_ns != book.ts_close_utc_ns:
            for client_order_id in list(tape.working):
                self._end(self.orders[client_order_id])
        for client_order_id in self._ranked(tape):
            for lots, price in event_books.fills(self.orders[client_order_id], before, book):
                order = self.orders[client_order_id]
                if order.open:
                    look = _Round(price=lambda _: None, lots_max=lots, ts_event_utc_ns=ts_utc_ns)
                    self._execute(order, price, look)

    def _end_question(self, tape: Tape, ended_cents: float, ts_utc_ns: int) -> None:
        """Pay out what is held of a question, to the cent; nobody trades, and there is no fee."""
        symbol, market = tape.market.symbol, tape.market
        lots = self.account.lots(symbol)
        if not lots:
            return
        fill = Fill(
            execution_id=f"ended-{symbol}-{ts_utc_ns}",
            client_order_id="",
            market=symbol,
            side=-1 if lots > 0 else 1,
            lots=abs(lots),
            price_ticks=round(ended_cents * market.ticks_per_point),
            fee_microusd=0,
            ts_event_utc_ns=ts_utc_ns,
            settled_microusd_per_lot=round(ended_cents * market.ticks_per_point) * market.tick_value_microusd,
        )
        self._book(fill, market)

    def _settle_options(self, tape: Tape, bar: Bar) -> None:
        """Pay out the structures that have ended, and end what was still ordered of them."""
        for fill in list(self._structures.settled(bar, tape.market, self.orders)):
            self._book(fill, tape.market)
        for client_order_id in list(tape.working):
            order = self.orders[client_order_id]
            if 0 < over_utc_ns(order) <= bar.ts_close_utc_ns:
                self._end(order)

    def _book(self, fill: Fill, market: Market) -> None:
        self.fills.append(fill)
        self.account.book(fill, market)
        self._structures.book(fill, self.orders)

    def quote(self, tape: Tape, bid_ticks: int | None, ask_ticks: int | None, ts_utc_ns: int) -> None:
        """Trade the working orders against a quote: at the touch at market, limits at their own price."""
        tape.bid_ticks, tape.ask_ticks = bid_ticks, ask_ticks
        self.touched.add(tape.market.symbol)
        tape.ts_event_utc_ns = max(tape.ts_event_utc_ns, ts_utc_ns)
        known = [p for p in (bid_ticks, ask_ticks) if p is not None]
        if known:
            tape.price_ticks = sum(known) / len(known)
        costs = self._costs(tape)
        look = _Round(
            price=lambda order: at_quote(order, tape.touch_ticks(order.intent.side), costs),
            lots_max=float("inf"),
            ts_event_utc_ns=tape.ts_event_utc_ns,
        )
        self._attempt_all(self._ranked(tape), look)

    def trade_chain(self, chain: Chain) -> None:
        """Trade the structures of a market on its option chain, each at the net price of its own legs.

        A chain that is no newer than what was seen of the market is not news.
        """
        tape = self.tape(chain.underlying)
        if tape is None or not tape.by_quote_only or chain.ts_utc_ns <= tape.ts_event_utc_ns:
            return
        tape.ts_event_utc_ns = chain.ts_utc_ns
        self.touched.add(tape.market.symbol)
        tape.bid_ticks = tape.ask_ticks = None
        legs = self._structure(tape)
        if legs:
            tape.bid_ticks, tape.ask_ticks = (net_ticks(chain, legs, tape.market, side) for side in (-1, 1))
            known = [price for price in (tape.bid_ticks, tape.ask_ticks) if price is not None]
            tape.price_ticks = sum(known) / len(known) if known else tape.price_ticks
        costs = self._costs(tape)
        look = _Round(
            price=lambda order: at_quote(
                order, net_ticks(chain, order.intent.legs, tape.market, order.intent.side), costs
            ),
            lots_max=float("inf"),
            ts_event_utc_ns=chain.ts_utc_ns,
        )
        self._attempt_all([i for i in self._ranked(tape) if self.orders[i].intent.legs], look)

    def _structure(self, tape: Tape) -> tuple[Leg, ...]:
        """The legs of what is held there, or else of what works."""
        symbol = tape.market.symbol
        held = bool(self.account.lots(symbol))
        orders = reversed(self.orders.values()) if held else (self.orders[i] for i in tape.working)
        return next(
            (
                order.intent.legs
                for order in orders
                if order.intent.market == symbol and order.intent.legs and (order.filled_lots or not held)
            ),
            (),
        )

    def equity_microusd(self) -> int:
        """Balance and open P&L at the last prices [micro-dollars]."""
        tapes = [t for t in self.tapes.values() if t.price_ticks == t.price_ticks]
        return self.account.balance_microusd + sum(self.account.open_microusd(t.market, t.price_ticks) for t in tapes)

    def cash_microusd(self) -> int:
        """Balance less what event contracts cost [micro-dollars]."""
        return self.account.balance_microusd - sum(self.account.spent_microusd(t.market) for t in self.tapes.values())

    def _costs(self, tape: Tape) -> Costs:
        params, market = self.params, tape.market
        spread_ticks = tape.spread_points * market.ticks_per_point
        half = (spread_ticks if spread_ticks == spread_ticks else params.spread_ticks) / 2
        slippage = market.slippage_ticks if params.slippage_ticks is None else params.slippage_ticks
        return Costs(
            slippage_ticks=slippage, half_spread_ticks=round_up(half), through_ticks=int(params.limit_needs_through)
        )

    def _trade_through(self, tape: Tape, bar: Bar) -> None:
        if not any(reachable(self.orders[i], bar, tape.market.ticks_per_point) for i in tape.working):
            return
        seen = {side: reach(side, bar, tape.market.ticks_per_point) for side in (1, -1)}
        costs = self._costs(tape)
        opening = _Round(
            price=lambda order: at_open(order, seen[order.intent.side], costs),
            lots_max=lots_allowed(bar.volume_lots, self.params.participation_frac),
            ts_event_utc_ns=bar.ts_open_utc_ns,
        )
        self._attempt_all(self._ranked(tape), opening)
        within = replace(
            opening,
            price=lambda order: inside(order, seen[order.intent.side], costs),
            ts_event_utc_ns=bar.ts_close_utc_ns,
            targets_follow=False,
        )
        self._attempt_all([i for i in self._ranked(tape) if self._active(self.orders[i])], within)

    def _fill_at_last(self, client_order_id: str) -> None:
        order = self.orders[client_order_id]
        tape, side = self.tapes[order.intent.market], order.intent.side
        costs = self._costs(tape)
        price = at_quote(order, tape.touch_ticks(side), costs)
        if price is None and tape.price_ticks == tape.price_ticks and not tape.by_quote_only:
            last = round_up(side * tape.price_ticks)
            price = at_open(order, Reach(side=side, first=last, worst=last, best=last), costs)
        if price is not None:
            most = lots_allowed(tape.volume_lots, self.params.participation_frac)
            look = _Round(price=lambda _: price, lots_max=most, ts_event_utc_ns=tape.ts_event_utc_ns)
            self._execute(order, price, look)

    def _ranked(self, tape: Tape) -> list[str]:
        return sorted(tape.working, key=lambda i: self.orders[i].rank)

    def _attempt_all(self, client_order_ids: Sequence[str], look: _Round) -> None:
        for client_order_id in client_order_ids:
            self._attempt(client_order_id, look)

    def _attempt(self, client_order_id: str, look: _Round) -> None:
        order = self.orders[client_order_id]
        if not order.open or client_order_id in look.traded or not self._active(order):
            return
        price = look.price(order)
        if price is None:
            return
        self._execute(order, price, look)
        for child in self._bracket(client_order_id):
            if look.targets_follow or child.intent.kind is OrderKind.STOP:
                self._attempt(child.client_order_id, look)

    def _execute(self, order: PaperOrder, price_ticks: int, look: _Round) -> None:
        """Fill what the order may have of this round, and settle what hangs on it."""
        intent, market = order.intent, self.tapes[order.intent.market].market
        if intent.order_type is OrderType.STOP and not order.triggered:
            order = replace(order, triggered=True)
            self._put(order)
        lots = int(min(self._room_lots(order), look.lots_max))
        if lots <= 0:
            return
        if market.kind is Kind.EVENT:
            price_ticks = min(max(price_ticks, 1), 100 * market.ticks_per_point - 1)
        before = sum(n for n, price in order.executions if price == price_ticks)
        fee = market.fee_microusd(before + lots, price_ticks) - market.fee_microusd(before, price_ticks)
        fill = Fill(
            execution_id=f"{order.client_order_id}-{len(order.executions) + 1}",
            client_order_id=order.client_order_id,
            market=intent.market,
            side=intent.side,
            lots=lots,
            price_ticks=price_ticks,
            fee_microusd=fee,
            ts_event_utc_ns=look.ts_event_utc_ns,
        )
        look.traded.add(order.client_order_id)
        self._book(fill, market)
        state = OrderState.FILLED if lots == order.left_lots else OrderState.PARTIAL
        executions = (*order.executions, (lots, price_ticks))
        self._put(replace(order, state=state, executions=executions, ts_event_utc_ns=look.ts_event_utc_ns))
        self._settle(intent)

    def _bracket(self, parent: str) -> list[PaperOrder]:
        return [self.orders[i] for i in self._children.get(parent, ())]

    def _active(self, order: PaperOrder) -> bool:
        """A stop or a target sleeps until its entry has filled."""
        parent = self.orders.get(order.intent.parent)
        return parent is None or parent.filled_lots > 0

    def _guarded_lots(self, parent: PaperOrder) -> int:
        """What a bracket still has to close: what its entry filled, less what stop and target did."""
        closed = sum(o.filled_lots for o in self._bracket(parent.client_order_id))
        return parent.filled_lots - closed

    def _room_lots(self, order: PaperOrder) -> int:
        """Most that may fill: a bracket closes what its entry filled, and no exit goes beyond flat."""
        lots = order.left_lots
        parent = self.orders.get(order.intent.parent)
        if parent is not None:
            lots = min(lots, self._guarded_lots(parent))
        if order.intent.reduce_only:
            lots = min(lots, -order.intent.side * self.account.lots(order.intent.market))
        return lots

    def _settle(self, intent: Intent) -> None:
        """After a fill: an entry whose stop or target has traded takes no more, and idle exits end."""
        parent = self.orders.get(intent.parent)
        if parent is not None and parent.open and intent.kind in _BRACKET:
            self._end(parent)
        self._sweep(self.tapes[intent.market])

    def _sweep(self, tape: Tape) -> None:
        for client_order_id in list(tape.working):
            order = self.orders[client_order_id]
            if order.intent.reduces and self._idle(order):
                self._end(order)

    def _idle(self, order: PaperOrder) -> bool:
        """Whether an exit has nothing to close, and nothing that may yet come."""
        parent = self.orders.get(order.intent.parent)
        if parent is not None and parent.open:
            return False
        return self._room_lots(order) <= 0

    def _end(self, order: PaperOrder) -> None:
        ts = max(order.ts_event_utc_ns, self.tapes[order.intent.market].ts_event_utc_ns)
        self._put(replace(order, state=OrderState.CANCELED, ts_event_utc_ns=ts))

    def _put(self, order: PaperOrder) -> None:
        self.orders[order.client_order_id] = order
        self.changed.add(order.client_order_id)
        if not order.open:
            self.tapes[order.intent.market].working.remove(order.client_order_id)

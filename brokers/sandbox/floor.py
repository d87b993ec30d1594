"""Where orders in one instrument trade at a sandbox: one account's orders, brackets, positions and cash.

Between two looks a price went from corner to corner of its path. What is at market trades at the quote; a limit that
the market comes to trades at its price, or at the quote where that is better already; a stop trades at its price, or
at the quote where the market jumped beyond it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, final

from brokers.paper.account import Account, margin_microusd
from brokers.sandbox.books import FIRST_NUMBER, Books
from brokers.sandbox.orders import Change, Duration, Execution, Journal, Kind, LotOrder, State, What
from brokers.sandbox.prices import Prices, Touch
from gamma.clock import NS
from gamma.markets import MICRO
from gamma.markets import Kind as MarketKind

_RANK: Final = {Kind.STOP: 0, Kind.STOP_LIMIT: 1, Kind.MARKET: 2, Kind.LIMIT: 3}


@final
class Floor:
    """One account's orders, positions and money; in the journal before anybody is told.

    Orders are decided on, and trade, when time next passes. At most `depth_lots` of an order trade at each look.
    `refuse_next` are reasons for which the next orders are refused. A cancel takes effect `cancel_s` after it was
    taken. `changes` is the journal so far.
    """

    def __init__(self, prices: Prices, store: Journal, capital_microusd: int, *, depth_lots: int | None = None) -> None:
        self.prices = prices
        self.depth_lots = depth_lots
        self.refuse_next: list[str] = []
        self.cancel_s = 0.0
        self._canceling: dict[int, int] = {}
        self._books = Books(prices, store, capital_microusd)
        self._now_utc_ns = self._books.ts_utc_ns

    @property
    def orders(self) -> Mapping[int, LotOrder]:
        """Every order, by number."""
        return self._books.orders

    @property
    def executions(self) -> Sequence[Execution]:
        """All that traded, oldest first."""
        return self._books.executions

    @property
    def changes(self) -> Sequence[Change]:
        """The journal so far."""
        return self._books.changes

    @property
    def account(self) -> Account:
        """What is held, and the balance."""
        return self._books.account

    @property
    def next_number(self) -> int:
        """The number of the next order."""
        return max(self.orders, default=FIRST_NUMBER - 1) + 1

    def named(self, client_id: str) -> list[LotOrder]:
        """The orders that came under a client's name, oldest first."""
        return [order for order in self.orders.values() if order.client_id == client_id]

    # What clients ask for.

    def take(self, orders: Sequence[LotOrder], now_utc_ns: int) -> None:
        """Take in orders that come together: a parent before its children.

        Raises: InputInvalid when a symbol is not traded here.
        """
        for order in orders:
            self.prices.market(order.symbol)
        self.advance(now_utc_ns)
        for order in orders:
            self._books.put(What.RECEIVED, replace(order, state=State.PENDING), now_utc_ns)
        self._books.save()

    def cancel(self, order: LotOrder, now_utc_ns: int) -> None:
        """End a working order, now or soon, and of its bracket what has nothing to close."""
        if self.cancel_s:
            self._canceling.setdefault(order.number, now_utc_ns + round(self.cancel_s * NS))
            return
        self._cancel(order, now_utc_ns)

    def _cancel(self, order: LotOrder, now_utc_ns: int) -> None:
        self._books.end(self.orders[order.number], State.CANCELED, "client", now_utc_ns)
        self._sweep(order.symbol, now_utc_ns)
        self._books.save()

    def change(self, order: LotOrder, now_utc_ns: int) -> None:
        """Let an order be as it is given here: at other prices, for more or fewer lots, good for longer."""
        self._books.put(What.CHANGED, order, now_utc_ns)
        self._books.save()

    # What the market does.

    def advance(self, now_utc_ns: int) -> None:
        """Time passes: orders are decided on, trade or expire, and markets end."""
        for due_utc_ns, number in sorted((due, number) for number, due in self._canceling.items()):
            if due_utc_ns <= now_utc_ns:
                self._pass_to(due_utc_ns)
                del self._canceling[number]
                if not self.orders[number].ended:
                    self._cancel(self.orders[number], due_utc_ns)
        self._pass_to(now_utc_ns)

    def _pass_to(self, now_utc_ns: int) -> None:
        now = max(now_utc_ns, self._now_utc_ns)
        for order in [o for o in self._books.working.values() if o.state is State.PENDING]:
            if self.orders[order.number].state is State.PENDING:
                self._decide(order, now)
        for symbol in sorted({order.symbol for order in self._books.working.values()}):
            self._trade_along(symbol, now)
        for symbol in sorted({*self.account.positions(), *(o.symbol for o in self._books.working.values())}):
            self._settle(symbol, now)
        self._now_utc_ns = now
        self._books.save()

    # What it comes to.

    def positions(self) -> dict[str, int]:
        """What is held, by symbol [signed lots]."""
        return self.account.positions()

    def equity_microusd(self, now_utc_ns: int) -> int:
        """Balance, and what is held at the last prices [micro-dollars]."""
        held = self.account.positions()
        return self.account.balance_microusd + sum(self.open_microusd(symbol, now_utc_ns) for symbol in held)

    def open_microusd(self, symbol: str, now_utc_ns: int) -> int:
        """Open P&L of one market at its last price [micro-dollars]."""
        last = self.prices.touch(symbol, now_utc_ns).last_ticks
        return self.account.open_microusd(self.prices.market(symbol), last)

    def cash_microusd(self) -> int:
        """Balance, less what was paid for event contracts [micro-dollars]."""
        spent = (self.account.spent_microusd(self.prices.market(symbol)) for symbol in self.account.positions())
        return self.account.balance_microusd - sum(spent)

    def margin_microusd(self, now_utc_ns: int) -> int:
        """Margin of what is held, and of what works to open more [micro-dollars]."""
        used = 0
        for symbol, lots in self.account.positions().items():
            last = self.prices.touch(symbol, now_utc_ns).last_ticks
            used += margin_microusd(self.prices.market(symbol), lots, last)
        working = (o for o in self._books.working.values() if o.state is State.WORKING and not o.reduces)
        return used + sum(self._added_margin(order, now_utc_ns) for order in working)

    # Deciding.

    def _decide(self, order: LotOrder, now: int) -> None:
        """Accept or refuse an order, and what came with it as its bracket."""
        parent = self.orders.get(order.parent)
        if parent is not None and parent.state is State.PENDING:
            return
        reason = self.refuse_next.pop(0) if self.refuse_next else self._odd(order) or self._refusal(order, now)
        children = [child for child in self._books.children(order.number) if child.state is State.PENDING]
        for each in (order, *children):
            if reason:
                self._books.end(each, State.REJECTED, reason, now)
            else:
                sleeps = each.parent and not self.orders[each.parent].filled
                self._books.put(What.ACCEPTED, replace(each, state=State.HELD if sleeps else State.WORKING), now)

    def _refusal(self, order: LotOrder, now: int) -> str:
        if self.prices.outcome(order.symbol, now) is not None:
            return f"market_ended: {order.symbol} trades no more"
        if order.parent:
            parent = self.orders[order.parent]
            return f"parent_ended: {order.parent} filled nothing" if parent.ended and not parent.filled else ""
        if order.reduce_only:
            held = self.account.lots(order.symbol)
            return "" if -order.side * held > 0 else f"nothing_to_reduce: {held:+d} lots of {order.symbol} are held"
        return self._lacking(order, now)

    def _odd(self, order: LotOrder) -> str:
        market = self.prices.market(order.symbol)
        if order.side not in (1, -1) or order.lots <= 0:
            return f"off_limits: side {order.side}, {order.lots} lots"
        most = 100 * market.ticks_per_point - 1 if market.kind is MarketKind.EVENT else 2**53
        limited, stopped = order.kind in (Kind.LIMIT, Kind.STOP_LIMIT), order.kind in (Kind.STOP, Kind.STOP_LIMIT)
        if (limited and not 0 < order.limit_ticks <= most) or (stopped and not 0 < order.stop_ticks <= most):
            return f"off_limits: {order.symbol} trades at 1 to {most} ticks"
        return ""

    def _lacking(self, order: LotOrder, now: int) -> str:
        market = self.prices.market(order.symbol)
        price = order.limit_ticks or order.stop_ticks or self.prices.touch(order.symbol, now).last_ticks
        fee = market.fee_microusd(order.lots, price)
        needed, equity = self.margin_microusd(now) + self._added_margin(order, now) + fee, self.equity_microusd(now)
        if needed > equity:
            return f"insufficient_margin: {needed / MICRO:,.2f} usd are needed of {equity / MICRO:,.2f}"
        return ""

    def _added_margin(self, order: LotOrder, now: int) -> int:
        """Margin of the lots that go beyond closing what is held [micro-dollars]."""
        closes = max(0, -order.side * self.account.lots(order.symbol))
        opens = max(0, order.left - closes)
        price = order.limit_ticks or order.stop_ticks or self.prices.touch(order.symbol, now).last_ticks
        return margin_microusd(self.prices.market(order.symbol), order.side * opens, price) if opens else 0

    # Trading.

    def _trade_along(self, symbol: str, now: int) -> None:
        since = self._now_utc_ns or now
        before = self.prices.touch(symbol, since)
        for touch in self.prices.path(symbol, since, now):
            self._look(symbol, before, touch)
            before = touch

    def _look(self, symbol: str, before: Touch, touch: Touch) -> None:
        """Let the orders of a market meet the prices from one moment to the next."""
        active = self._books.working_in(symbol)
        for order in sorted(active, key=lambda o: (_RANK[o.kind] if not o.triggered else 0, o.number)):
            current = self.orders[order.number]
            if current.ended:
                continue
            if current.until_utc_ns <= touch.ts_utc_ns:
                self._books.end(current, State.EXPIRED, "time", current.until_utc_ns)
            elif current.state is State.WORKING:
                self._attempt(current, before, touch)
        self._sweep(symbol, touch.ts_utc_ns)

    def _attempt(self, order: LotOrder, before: Touch, touch: Touch) -> None:
        quoted = touch.traded and self._quoted(order, touch)
        price = self._price(order, before, touch) if quoted else None
        current, lots = self.orders[order.number], self._room_lots(order)
        if order.duration is Duration.FOK and lots < order.lots:
            lots = 0
        if price is not None and lots > 0:
            self._execute(current, lots, price, touch.ts_utc_ns)
        current = self.orders[order.number]
        if order.duration is not Duration.TIMED and not current.ended:
            self._books.end(current, State.CANCELED, order.duration, touch.ts_utc_ns)

    def _quoted(self, order: LotOrder, touch: Touch) -> bool:
        """Whether there is anybody to trade with: an event contract may be bid at 0, or asked at 100."""
        market = self.prices.market(order.symbol)
        return market.kind is not MarketKind.EVENT or 0 < touch.against(order.side) < 100 * market.ticks_per_point

    def _price(self, order: LotOrder, before: Touch, touch: Touch) -> int | None:
        """What an order trades at [ticks]; None where it does not. More is worse, as one side sees prices."""
        side, here = order.side, order.side * touch.against(order.side)
        came = side * before.against(side) if before.traded and not touch.jump else here
        if order.kind is Kind.MARKET or (order.kind is Kind.STOP and order.triggered):
            return side * here
        if order.kind is Kind.LIMIT or order.triggered:
            limit = side * order.limit_ticks
            return side * min(came, limit) if min(came, here) <= limit else None
        stop = side * order.stop_ticks
        if max(came, here) < stop:
            return None
        self._books.put(What.TRIGGERED, replace(order, triggered=True), touch.ts_utc_ns)
        price = max(came, stop)
        if order.kind is Kind.STOP_LIMIT and price > side * order.limit_ticks:
            return None
        return side * price

    def _room_lots(self, order: LotOrder) -> int:
        """Most that may trade now [lots]."""
        lots = order.left if self.depth_lots is None else min(order.left, self.depth_lots)
        if order.parent or order.oco:
            lots = min(lots, self._books.guarded_lots(order))
        if order.reduce_only:
            lots = min(lots, -order.side * self.account.lots(order.symbol))
        return lots

    def _execute(self, order: LotOrder, lots: int, price_ticks: int, ts_utc_ns: int) -> None:
        market = self.prices.market(order.symbol)
        if market.kind is MarketKind.EVENT:
            price_ticks = min(max(price_ticks, 1), 100 * market.ticks_per_point - 1)
        done = Execution(
            number=len(self.executions) + 1,
            order=order.number,
            symbol=order.symbol,
            side=order.side,
            lots=lots,
            price_ticks=price_ticks,
            fee_microusd=self._books.fee_microusd(order, lots, price_ticks),
            ts_utc_ns=ts_utc_ns,
        )
        traded = replace(
            order,
            state=State.FILLED if lots == order.left else order.state,
            filled=order.filled + lots,
            paid_ticks=order.paid_ticks + lots * price_ticks,
        )
        self._books.put(What.TRADED, traded, ts_utc_ns, done)
        for child in list(self._books.children(order.number)):
            if child.state is State.HELD:
                self._books.put(What.AWOKEN, replace(child, state=State.WORKING), ts_utc_ns)
        parent = self.orders.get(order.parent)
        if parent is not None and not parent.ended:
            self._books.end(parent, State.CANCELED, "child", ts_utc_ns)
        self._sweep(order.symbol, ts_utc_ns)

    # Ending.

    def _sweep(self, symbol: str, ts_utc_ns: int) -> None:
        """End what has nothing to close, or to do, any more, and nothing that may yet come."""
        for order in [o for o in self._books.working.values() if o.symbol == symbol and o.state is not State.PENDING]:
            parent = self.orders.get(order.parent)
            if parent is not None and not parent.ended:
                continue
            if (order.parent or order.oco) and self._books.guarded_lots(order) <= 0:
                self._books.end(
                    order, State.CANCELED, "oco" if parent is None or parent.filled else "parent", ts_utc_ns
                )
            elif order.reduce_only and -order.side * self.account.lots(symbol) <= 0:
                self._books.end(order, State.CANCELED, "nothing_to_reduce", ts_utc_ns)

    def _settle(self, symbol: str, now: int) -> None:
        outcome = self.prices.outcome(symbol, now)
        if outcome is None:
            return
        for order in self._books.working_in(symbol):
            self._books.end(order, State.EXPIRED, "settled", outcome.ts_utc_ns)
        held = self.account.lots(symbol)
        if not held:
            return
        done = Execution(
            number=len(self.executions) + 1,
            order=0,
            symbol=symbol,
            side=-1 if held > 0 else 1,
            lots=abs(held),
            price_ticks=outcome.price_ticks,
            fee_microusd=0,
            ts_utc_ns=outcome.ts_utc_ns,
        )
        self._books.note(What.SETTLED, None, outcome.ts_utc_ns, done)

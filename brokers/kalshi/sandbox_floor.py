"""The exchange of the sandbox: orders against what others bid, fees, money, and markets that are settled."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final, final

from pydantic import TypeAdapter

from brokers.kalshi.sandbox_account import CENT, Account, Held, fee_usd
from brokers.kalshi.sandbox_events import MINUTE_NS, EventMarket, Level, Listed
from brokers.kalshi.sandbox_orders import Entry, Execution, Settled, Ticket, Wrong
from brokers.sandbox.store import EntryStore
from gamma.clock import NS

SWEPT_AFTER_NS: Final = 2 * NS  # so long after the close, what rests there ends
ENTRIES: Final[TypeAdapter[Entry]] = TypeAdapter(Entry)


def key_of(entry: Entry) -> str:
    """What an entry is kept under; a later state of an order takes the place of the earlier."""
    match entry:
        case Ticket():
            return entry.order_id
        case Execution():
            return entry.fill_id
        case Settled():
            return f"settled {entry.ticker}"


@final
class EventFloor:
    """One account at the exchange.

    At most `depth_lots` contracts of an order trade at each look; None for as many as are bid for. `refuse_next` are
    codes with which the next orders are refused. A cancel takes effect at once, whatever `cancel_s` is. `journal` is
    all that was kept, in its order.
    """

    def __init__(self, market: EventMarket, store: EntryStore[Entry], capital_usd: Decimal) -> None:
        self.market = market
        self.tickets: dict[str, Ticket] = {}
        self.executions: list[Execution] = []
        self.settlements: list[Settled] = []
        self.journal: list[Entry] = []
        self.depth_lots: int | None = None
        self.refuse_next: list[str] = []
        self.cancel_s = 0.0
        self._store = store
        self._capital_usd = capital_usd
        self._taken: Counter[tuple[str, int, int]] = Counter()
        self._taken_minute = 0
        for entry in store.load():
            self._remember(entry)
        self.executions.sort(key=lambda execution: (execution.ts_utc_ns, execution.fill_id))

    def account(self, as_of_utc_ns: int) -> Account:
        """Money and positions by what had happened by then."""
        account = Account(cash_usd=self._capital_usd)
        done: list[Execution | Settled] = [*self.executions, *self.settlements]
        for one in sorted(done, key=lambda each: (each.ts_utc_ns, isinstance(each, Settled))):
            if one.ts_utc_ns > as_of_utc_ns:
                continue
            held = account.held.setdefault(one.ticker, Held())
            held.ts_utc_ns = one.ts_utc_ns
            if isinstance(one, Settled):
                account.cash_usd += one.revenue * CENT
                held.lots.clear()
            else:
                account.cash_usd += held.book(one.side * one.count, one.price) * CENT - one.fee_usd
                held.fees_usd += one.fee_usd
        return account

    def lots(self, ticker: str) -> int:
        """What is held of a market now."""
        settled = any(one.ticker == ticker for one in self.settlements)
        return 0 if settled else sum(e.side * e.count for e in self.executions if e.ticker == ticker)

    # Orders.

    def next_id(self) -> str:
        """The number of the next order."""
        return f"o-{len(self.tickets) + 1:06d}"

    def take(self, ticket: Ticket) -> Ticket:
        """Take an order: what it can have at once it gets; then it rests, or ends.

        Raises: Wrong.
        """
        now_utc_ns = ticket.ts_created_utc_ns
        self._refuse(ticket, now_utc_ns)
        offers = self._offers(ticket, now_utc_ns)
        if ticket.post_only and offers:
            raise Wrong(400, "POST_ONLY_CROSS")
        if ticket.tif == "fill_or_kill" and sum(count for _, count in offers) < ticket.count:
            raise Wrong(409, "FOK_INSUFFICIENT_VOLUME")
        ended = self._prevented(ticket, now_utc_ns)
        done, fresh = self._trade(ticket, offers, now_utc_ns, taker=True)
        if done.left and done.tif != "good_till_canceled":
            done = replace(done, status="canceled")
        self._keep([*ended, done, *fresh])
        return done

    def cancel(self, ticket: Ticket, now_utc_ns: int) -> Ticket:
        """Take an order out."""
        done = replace(ticket, status="canceled", ts_updated_utc_ns=now_utc_ns)
        self._keep([done])
        return done

    def change(self, ticket: Ticket, now_utc_ns: int, *, count: int, price: int) -> Ticket:
        """Let an order work for so many contracts in all, at this price."""
        changed = replace(ticket, count=max(count, ticket.filled), price=price, ts_updated_utc_ns=now_utc_ns)
        if changed.count == changed.filled:
            changed = replace(changed, status="canceled")
        done, fresh = self._trade(changed, self._offers(changed, now_utc_ns), now_utc_ns, taker=True)
        self._keep([done, *fresh])
        return done

    def advance(self, now_utc_ns: int) -> None:
        """Time passes: orders that others reach trade, some run out, markets close and are settled."""
        for ticket in [one for one in self.tickets.values() if one.status == "resting"]:
            listed = self.market.find(ticket.ticker)
            closed_utc_ns = listed.close_utc_ns if listed is not None else now_utc_ns - SWEPT_AFTER_NS
            if now_utc_ns >= closed_utc_ns + SWEPT_AFTER_NS:
                self.cancel(ticket, closed_utc_ns + SWEPT_AFTER_NS)
            elif 0 < ticket.expires_s <= now_utc_ns // NS:
                self.cancel(ticket, ticket.expires_s * NS)
            else:
                offers = self._offers(ticket, now_utc_ns)
                done, fresh = self._trade(ticket, offers, now_utc_ns, taker=False)
                if fresh:
                    self._keep([done, *fresh])
        over = {one.ticker for one in self.settlements}
        for ticker in {execution.ticker for execution in self.executions} - over:
            listed = self.market.find(ticker)
            if listed is not None and now_utc_ns >= listed.settle_utc_ns:
                self._settle(listed)

    def bids(self, ticker: str, now_utc_ns: int) -> tuple[list[Level], list[Level]]:
        """Bids for YES and NO, the account's own among them, the best first."""
        others = self.market.bids(ticker, now_utc_ns)
        sides: list[list[Level]] = []
        for side, levels in zip((1, -1), others, strict=True):
            counted: Counter[int] = Counter()
            for price, count in self._left(ticker, side, levels, now_utc_ns):
                counted[price] += count
            for ticket in self.tickets.values():
                if ticket.status == "resting" and (ticket.ticker, ticket.side) == (ticker, side):
                    counted[ticket.price if side > 0 else 100 - ticket.price] += ticket.left
            sides.append(sorted(((p, n) for p, n in counted.items() if n), reverse=True))
        return sides[0], sides[1]

    def _refuse(self, ticket: Ticket, now_utc_ns: int) -> None:
        if self.refuse_next:
            raise Wrong(400, self.refuse_next.pop(0))
        listed = self.market.find(ticket.ticker)
        if listed is None:
            raise Wrong(404, "not_found", "market not found")
        if not listed.open_utc_ns <= now_utc_ns < listed.close_utc_ns:
            raise Wrong(400, "MARKET_INACTIVE")
        same = [t for t in self.tickets.values() if t.client_order_id == ticket.client_order_id]
        if ticket.client_order_id and any(t.status == "resting" for t in same):
            raise Wrong(409, "order_already_exists")
        closes = max(0, min(ticket.count, -ticket.side * self.lots(ticket.ticker)))
        if ticket.reduce_only and not closes:
            raise Wrong(400, "invalid_order", "reduce_only: there is nothing to reduce")
        each = ticket.price if ticket.side > 0 else 100 - ticket.price
        needed = (ticket.count - closes) * each * CENT
        if needed > self.account(now_utc_ns).cash_usd:
            raise Wrong(400, "insufficient_balance")

    def _offers(self, ticket: Ticket, now_utc_ns: int) -> list[Level]:
        """What the order can have, the best first: price of YES [cents], contracts."""
        yes, no = self.market.bids(ticket.ticker, now_utc_ns)
        other = no if ticket.side > 0 else yes
        found = []
        for price, count in self._left(ticket.ticker, -ticket.side, other, now_utc_ns):
            at = 100 - price if ticket.side > 0 else price
            if ticket.side * (ticket.price - at) >= 0:
                found.append((at, count if self.depth_lots is None else min(count, self.depth_lots)))
        return found

    def _left(self, ticker: str, side: int, levels: Sequence[Level], now_utc_ns: int) -> list[Level]:
        """What is left of others' bids: they come anew each minute."""
        if self._taken_minute != now_utc_ns // MINUTE_NS:
            self._taken.clear()
            self._taken_minute = now_utc_ns // MINUTE_NS
        return [(price, max(0, count - self._taken[ticker, side, price])) for price, count in levels]

    def _trade(
        self, ticket: Ticket, offers: Sequence[Level], now_utc_ns: int, *, taker: bool
    ) -> tuple[Ticket, list[Execution]]:
        """Who comes to the other trades at the other's price; who is come to pays no fee."""
        fresh: list[Execution] = []
        before = [e for e in self.executions if e.order_id == ticket.order_id]
        room = ticket.left if self.depth_lots is None else min(ticket.left, self.depth_lots)
        if ticket.reduce_only:
            room = min(room, max(0, -ticket.side * self.lots(ticket.ticker)))
        for at, count in offers:
            lots = min(room, count)
            if lots <= 0:
                continue
            room -= lots
            self._taken[ticket.ticker, -ticket.side, 100 - at if ticket.side > 0 else at] += lots
            price = at if taker else ticket.price
            number = len(self.executions) + len(fresh) + 1
            fresh.append(
                Execution(
                    fill_id=f"f-{number:06d}",
                    order_id=ticket.order_id,
                    ticker=ticket.ticker,
                    side=ticket.side,
                    count=lots,
                    price=price,
                    taker=taker,
                    fee_usd=fee_usd([*before, *fresh], lots, price) if taker else Decimal("0.00"),
                    ts_utc_ns=now_utc_ns,
                )
            )
        if not fresh:
            return ticket, []
        filled = ticket.filled + sum(execution.count for execution in fresh)
        status = "executed" if filled == ticket.count else ticket.status
        return replace(ticket, filled=filled, status=status, ts_updated_utc_ns=now_utc_ns), fresh

    def _prevented(self, ticket: Ticket, now_utc_ns: int) -> list[Ticket]:
        """The account's own orders that stand in the way end, where the order says so; else it is refused."""
        crossed = [
            one
            for one in self.tickets.values()
            if one.status == "resting"
            and (one.ticker, one.side) == (ticket.ticker, -ticket.side)
            and ticket.side * (ticket.price - one.price) >= 0
        ]
        if crossed and ticket.prevention != "maker":
            raise Wrong(409, "SELF_CROSS")
        return [replace(one, status="canceled", ts_updated_utc_ns=now_utc_ns) for one in crossed]

    def _settle(self, listed: Listed) -> None:
        held = self.account(listed.settle_utc_ns).held.get(listed.ticker, Held())
        result = self.market.result(listed.ticker)
        wins = held.count if result == "yes" else -held.count
        self._keep(
            [
                Settled(
                    ticker=listed.ticker,
                    event=listed.event,
                    result=result,
                    held=held.count,
                    cost=held.cost,
                    fees_usd=held.fees_usd,
                    revenue=100 * max(0, wins),
                    ts_utc_ns=listed.settle_utc_ns,
                )
            ]
        )

    def _keep(self, entries: Sequence[Entry]) -> None:
        """On disk first."""
        self._store.save(entries)
        for entry in entries:
            self._remember(entry)

    def _remember(self, entry: Entry) -> None:
        self.journal.append(entry)
        match entry:
            case Ticket():
                self.tickets[entry.order_id] = entry
            case Execution():
                self.executions.append(entry)
            case Settled():
                self.settlements.append(entry)

"""Where a sandbox's orders trade: against the quotes of an option market, all legs of a lot at once or none.

A lot trades at the quotes, sold at the bid and bought at the ask, once they bring in what its limit asks for. Options
that end are settled in cash for what they are worth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final, final

from brokers.sandbox.option_market import OptionMarket, intrinsic
from brokers.sandbox.tickets import Execution, Settled, State, Store, Ticket
from gamma.clock import NS
from gamma.errors import InputInvalid
from gamma.markets import MICRO, market
from gamma.options import Option, settlement_utc_ns
from gamma.structures import Right

MULTIPLIER: Final = 100
FIRST_NUMBER: Final = 100_001


@dataclass(slots=True, kw_only=True)
class Held:
    """Contracts of an option that are held, and what was paid for them together [points]."""

    contracts: int = 0
    cost_points: Decimal = Decimal(0)
    ts_utc_ns: int = 0

    def book(self, contracts: int, points: Decimal, ts_utc_ns: int) -> None:
        """Book a trade: what closes takes its share of the cost with it."""
        if self.contracts * contracts < 0:
            closed = min(abs(contracts), abs(self.contracts))
            self.cost_points -= self.cost_points * closed / abs(self.contracts)
            opened = abs(contracts) - closed
            self.contracts += contracts
            self.cost_points += (opened if contracts > 0 else -opened) * points
            return
        self.ts_utc_ns = self.ts_utc_ns or ts_utc_ns
        self.contracts += contracts
        self.cost_points += contracts * points


@final
class OptionFloor:
    """One account's orders, options and cash [usd]; kept in the store before anybody is told.

    At most `depth_lots` of an order trade each time that it is looked at. `refuse_next` are reasons for which the next
    orders are refused. A cancel takes effect `cancel_s` after it was taken; until then the order may trade. A lot costs
    `lot_fee_usd`, or the commission of its market. `settled` is what has ended.
    """

    def __init__(
        self, quotes: OptionMarket, store: Store, capital_usd: Decimal, lot_fee_usd: Decimal | None = None
    ) -> None:
        self.quotes = quotes
        self.depth_lots: int | None = None
        self.cancel_s = 0.0
        self.refuse_next: list[str] = []
        self.cash_usd = capital_usd
        self.tickets: dict[int, Ticket] = {}
        self.held: dict[str, Held] = {}
        self.settled: list[Settled] = []
        self._lot_fee_usd = lot_fee_usd
        self._store = store
        self._canceling: dict[int, int] = {}
        for entry in store.load():
            if isinstance(entry, Settled):
                self._book_settled(entry)
                continue
            self.tickets[entry.number] = entry
            for execution in entry.executions:
                self._book(entry, execution)

    @property
    def next_number(self) -> int:
        """The number of the next order."""
        return max(self.tickets, default=FIRST_NUMBER - 1) + 1

    def take(self, ticket: Ticket) -> None:
        """Take an order in; whether it may trade is decided when time next passes."""
        self._put(ticket)

    def cancel(self, ticket: Ticket, now_utc_ns: int) -> None:
        """End an order, now or soon."""
        if self.cancel_s:
            self._canceling.setdefault(ticket.number, now_utc_ns + round(self.cancel_s * NS))
        else:
            self._put(replace(ticket, state="canceled", ts_updated_utc_ns=now_utc_ns))

    def show(self, ticket: Ticket) -> None:
        """Put an order as it is now in the place of what it was."""
        self._put(ticket)

    def advance(self, now_utc_ns: int) -> None:
        """Time passes: orders are decided on, trade or expire, and options end."""
        for ticket in [t for t in self.tickets.values() if not t.ended]:
            if ticket.until_utc_ns <= now_utc_ns:
                self._put(replace(ticket, state="expired", ts_updated_utc_ns=ticket.until_utc_ns))
                continue
            if self._canceling.get(ticket.number, now_utc_ns + 1) <= now_utc_ns:
                due_utc_ns = self._canceling.pop(ticket.number)
                self._put(replace(ticket, state="canceled", ts_updated_utc_ns=due_utc_ns))
                continue
            decided = self._decided(ticket, now_utc_ns) if ticket.state == "pending" else ticket
            if not decided.ended:
                self._trade(decided, now_utc_ns)
        for symbol in [s for s, held in self.held.items() if held.contracts]:
            self._settle(symbol, now_utc_ns)

    def worth_points(self, symbol: str, now_utc_ns: int) -> Decimal:
        """What one contract is worth now, between bid and ask [points]."""
        return self.quotes.quote(option_of(symbol), now_utc_ns).mid

    def market_value_usd(self, now_utc_ns: int) -> Decimal:
        """What all that is held is worth [usd]."""
        values = (held.contracts * self.worth_points(s, now_utc_ns) for s, held in self.held.items() if held.contracts)
        return MULTIPLIER * sum(values, Decimal(0))

    def cost_usd(self) -> Decimal:
        """What was paid for all that is held [usd]."""
        return MULTIPLIER * sum((held.cost_points for held in self.held.values()), Decimal(0))

    def requirement_usd(self, more: Mapping[str, int] | None = None) -> Decimal | None:
        """The most that all options together can lose at their end [usd]; None where that has no bound.

        Each underlying's options count by the day on which they end, without what was paid for them.
        """
        groups: dict[tuple[str, date], list[tuple[Option, int]]] = {}
        counts = {symbol: held.contracts for symbol, held in self.held.items()}
        for symbol, contracts in (more or {}).items():
            counts[symbol] = counts.get(symbol, 0) + contracts
        for symbol, contracts in counts.items():
            if contracts:
                option = option_of(symbol)
                groups.setdefault((option.root, option.expires), []).append((option, contracts))
        worst = [_worst_points(options) for options in groups.values()]
        if any(points is None for points in worst):
            return None
        return MULTIPLIER * sum((points for points in worst if points is not None), Decimal(0))

    def _decided(self, ticket: Ticket, now_utc_ns: int) -> Ticket:
        reason = self.refuse_next.pop(0) if self.refuse_next else self.refusal(ticket)
        state: State = "rejected" if reason else "open"
        decided = replace(ticket, state=state, reason=reason, ts_updated_utc_ns=now_utc_ns)
        self._put(decided)
        return decided

    def refusal(self, ticket: Ticket) -> str:
        """Why an order cannot be taken as the account stands; "" where it can."""
        changes: dict[str, int] = {}
        for leg in ticket.legs:
            held = self.held.get(leg.symbol, Held()).contracts
            if not leg.opens and held * leg.ratio * ticket.lots >= 0:
                return "IncorrectOrderQuantity: there is no position to close"
            changes[leg.symbol] = changes.get(leg.symbol, 0) + leg.ratio * ticket.lots
        needed = self.requirement_usd(changes)
        if needed is None:
            return "AccountIsNotApproved: the account may not sell options that nothing covers"
        if needed > max(self.cash_usd, self.requirement_usd() or Decimal(0)):
            return f"DayTradingBuyingPowerExceeded: {needed:,.2f} usd are needed of {self.cash_usd:,.2f}"
        return ""

    def _trade(self, ticket: Ticket, now_utc_ns: int) -> None:
        lots = min(ticket.lots - ticket.filled, ticket.lots if self.depth_lots is None else self.depth_lots)
        if lots <= 0:
            return
        quoted = [self.quotes.quote(option_of(leg.symbol), now_utc_ns) for leg in ticket.legs]
        points = tuple(q.ask if leg.ratio > 0 else q.bid for q, leg in zip(quoted, ticket.legs, strict=True))
        brings = -sum((leg.ratio * p for leg, p in zip(ticket.legs, points, strict=True)), Decimal(0))
        if ticket.limit_points is not None and brings < ticket.limit_points:
            return
        fee_usd = self._lot_fee_usd
        if fee_usd is None:
            fee_usd = Decimal(market(ticket.underlying).commission_microusd) / MICRO
        done = Execution(lots=lots, leg_points=points, fee_usd=fee_usd * lots, ts_utc_ns=now_utc_ns)
        state: State = "filled" if ticket.filled + lots == ticket.lots else "partially_filled"
        traded = replace(ticket, state=state, executions=(*ticket.executions, done), ts_updated_utc_ns=now_utc_ns)
        self._put(traded)
        self._book(traded, done)

    def _book(self, ticket: Ticket, done: Execution) -> None:
        for leg, points in zip(ticket.legs, done.leg_points, strict=True):
            contracts = leg.ratio * done.lots
            self.held.setdefault(leg.symbol, Held()).book(contracts, points, done.ts_utc_ns)
            self.cash_usd -= contracts * points * MULTIPLIER
        self.cash_usd -= done.fee_usd

    def _settle(self, symbol: str, now_utc_ns: int) -> None:
        option = option_of(symbol)
        end_utc_ns = settlement_utc_ns(option.root, option.expires)
        if end_utc_ns > now_utc_ns:
            return
        spot = self.quotes.spot(underlying_of(option), end_utc_ns)
        settled = Settled(
            symbol=symbol, contracts=self.held[symbol].contracts, points=intrinsic(option, spot), ts_utc_ns=end_utc_ns
        )
        self._store.save([settled])
        self._book_settled(settled)

    def _book_settled(self, settled: Settled) -> None:
        self.cash_usd += settled.contracts * settled.points * MULTIPLIER
        self.held[settled.symbol] = Held()
        self.settled.append(settled)

    def _put(self, ticket: Ticket) -> None:
        self._store.save([ticket])
        self.tickets[ticket.number] = ticket


def option_of(symbol: str) -> Option:
    """The option of a symbol.

    Raises: InputInvalid.
    """
    root, rest = symbol[:-15], symbol[-15:]
    try:
        right = {"C": Right.CALL, "P": Right.PUT}[rest[6]]
        day = date.fromisoformat(f"20{rest[:2]}-{rest[2:4]}-{rest[4:6]}")
        return Option(root=root, expires=day, right=right, strike_points=int(rest[7:]) / 1000)
    except (ValueError, KeyError, IndexError) as error:
        raise InputInvalid(f"{symbol!r} is no option's symbol; write it as SPXW261120P05800000") from error


def underlying_of(option: Option) -> str:
    """The index of an option."""
    return {"SPXW": "SPX", "NDXP": "NDX", "RUTW": "RUT"}.get(option.root, option.root)


def _worst_points(options: Sequence[tuple[Option, int]]) -> Decimal | None:
    """The most that options of one day can cost at their end [points]; None where it has no bound.

    What they pay is a line between two strikes, so that the worst is at 0 or at a
    strike, unless it falls beyond the last.
    """
    if sum(contracts for option, contracts in options if option.right is Right.CALL) < 0:
        return None
    ends = [Decimal(0), *(Decimal(str(option.strike_points)) for option, _ in options)]
    paid = (sum((n * intrinsic(o, end) for o, n in options), Decimal(0)) for end in ends)
    return max(Decimal(0), -min(paid))

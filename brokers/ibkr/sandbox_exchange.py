"""The account behind the sandbox: futures on one floor, option structures on another, and all orders in one list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, final

from brokers.ibkr.sandbox_contracts import Listed, by_number, futures, named
from brokers.ibkr.sandbox_shapes import ComboPart, Done, Shown
from brokers.sandbox.floor import Floor
from brokers.sandbox.option_floor import MULTIPLIER, OptionFloor
from brokers.sandbox.orders import Execution, Kind, LotOrder, State
from brokers.sandbox.tickets import Ticket
from gamma.clock import NS
from gamma.markets import MICRO
from gamma.options import Greeks, Option

WORDS: Final = {
    State.PENDING: "PreSubmitted",
    State.HELD: "PreSubmitted",
    State.WORKING: "Submitted",
    State.FILLED: "Filled",
    State.CANCELED: "Cancelled",
    State.EXPIRED: "Cancelled",
    State.REJECTED: "Inactive",
}
_TICKET_WORDS: Final = {
    "pending": "PreSubmitted",
    "open": "Submitted",
    "partially_filled": "Submitted",
    "filled": "Filled",
    "canceled": "Cancelled",
    "expired": "Cancelled",
    "rejected": "Inactive",
}
KINDS: Final = {"MKT": Kind.MARKET, "LMT": Kind.LIMIT, "STP": Kind.STOP, "STP LMT": Kind.STOP_LIMIT}
_FUTURE, _STRUCTURE = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What is held of one contract: lots, and what one cost with its multiplier [usd]."""

    listed: Listed
    lots: int
    average_usd: Decimal


@final
class Exchange:
    """Orders by their lasting number, executions, holdings and money of one account."""

    def __init__(self, floor: Floor, options: OptionFloor, account: str, capital_usd: Decimal) -> None:
        self.floor = floor
        self.options = options
        self.account = account
        self._capital_usd = capital_usd
        self._chains: dict[tuple[str, date, int], dict[str, tuple[Option, Greeks]]] = {}

    def chain(self, underlying: str, expires: date, now_utc_ns: int) -> Mapping[str, tuple[Option, Greeks]]:
        """The options of a day by their symbols, as they were quoted when first asked for within a minute."""
        key = (underlying, expires, now_utc_ns // (60 * NS))
        if key not in self._chains:
            rows = self.options.quotes.chain(underlying, expires, now_utc_ns)
            self._chains = {key: {each.symbol: (each, greeks) for each, greeks in rows}}
        return self._chains[key]

    def advance(self, now_utc_ns: int) -> None:
        """Time passes."""
        self.floor.advance(now_utc_ns)
        self.options.advance(now_utc_ns)

    def orders(self) -> list[Shown]:
        """All orders, oldest first."""
        return [
            *(self._of_future(order) for order in self.floor.orders.values()),
            *(self._of_structure(ticket) for ticket in self.options.tickets.values()),
        ]

    def of_perm(self, perm_id: int) -> "LotOrder | Ticket | None":
        """An order on its floor."""
        number, kind = divmod(perm_id, 10)
        return self.floor.orders.get(number) if kind == _FUTURE else self.options.tickets.get(number)

    def cancel(self, perm_id: int, now_utc_ns: int) -> None:
        """Take an order back, now or soon."""
        order = self.of_perm(perm_id)
        if isinstance(order, LotOrder):
            self.floor.cancel(order, now_utc_ns)
        elif order is not None:
            self.options.cancel(order, now_utc_ns)

    def holdings(self, now_utc_ns: int) -> list[Holding]:
        """What is held."""
        found = []
        for symbol, lots in self.floor.positions().items():
            market = self.floor.prices.market(symbol)
            cost = Decimal(str(self.floor.account.average_ticks(symbol))) * market.tick_value_microusd / MICRO
            found.append(Holding(listed=self._month(symbol, now_utc_ns), lots=lots, average_usd=cost))
        for symbol, held in self.options.held.items():
            if held.contracts:
                average = MULTIPLIER * held.cost_points / held.contracts
                found.append(Holding(listed=named(symbol), lots=held.contracts, average_usd=average))
        return found

    def money(self, now_utc_ns: int) -> Mapping[str, Decimal]:
        """Values of the account by their tags [usd]."""
        futures_open = sum((self.floor.open_microusd(s, now_utc_ns) for s in self.floor.positions()), 0)
        worth = self.options.market_value_usd(now_utc_ns)
        options_usd = self.options.cash_usd - self._capital_usd
        cash = Decimal(self.floor.account.balance_microusd) / MICRO + options_usd
        equity = cash + Decimal(futures_open) / MICRO + worth
        margin = Decimal(self.floor.margin_microusd(now_utc_ns)) / MICRO + (self.options.requirement_usd() or 0)
        return {
            "NetLiquidation": equity,
            "TotalCashValue": cash,
            "SettledCash": cash,
            "UnrealizedPnL": Decimal(futures_open) / MICRO + worth - self.options.cost_usd(),
            "RealizedPnL": cash - self._capital_usd,
            "InitMarginReq": margin,
            "MaintMarginReq": margin,
            "AvailableFunds": equity - margin,
            "ExcessLiquidity": equity - margin,
            "BuyingPower": equity - margin,
            "GrossPositionValue": abs(worth),
        }

    def _month(self, symbol: str, now_utc_ns: int) -> Listed:
        """The month in which a future was traded last."""
        for order in reversed(list(self.floor.orders.values())):
            if order.symbol == symbol and order.filled:
                return by_number(int(order.notes["con_id"]))
        return futures(self.floor.prices.market(symbol), now_utc_ns)[0]

    # As they are shown.

    def _of_future(self, order: LotOrder) -> Shown:
        market, notes = self.floor.prices.market(order.symbol), order.notes
        listed = by_number(int(notes["con_id"]))
        done = [each for each in self.floor.executions if each.order == order.number]
        asleep = order.kind in (Kind.STOP, Kind.STOP_LIMIT) and not order.triggered and order.state is State.WORKING
        parent = self.floor.orders.get(order.parent)
        perm_id = order.number * 10 + _FUTURE

        def points(ticks: int) -> Decimal | None:
            return ticks * market.tick_points if ticks else None

        return Shown(
            perm_id=perm_id,
            order_id=int(notes["order_id"]),
            client_id=int(notes["client_id"]),
            ref=order.client_id,
            account=self.account,
            symbol=order.symbol,
            listed=listed,
            legs=(),
            action="BUY" if order.side > 0 else "SELL",
            lots=order.lots,
            kind=notes["kind"],
            limit_points=points(order.limit_ticks),
            stop_points=points(order.stop_ticks),
            tif=notes["tif"],
            parent_id=int(parent.notes["order_id"]) if parent is not None else 0,
            outside_hours=notes["outside_hours"] == "1",
            word="PreSubmitted" if asleep else WORDS[order.state],
            ended_text=_ended_text(order.state, order.filled, order.reason),
            ended=order.ended,
            filled=order.filled,
            average_points=Decimal(order.paid_ticks) / order.filled * market.tick_points
            if order.filled
            else Decimal(0),
            ts_updated_utc_ns=order.ts_updated_utc_ns,
            executions=self._done_futures(perm_id, listed, done),
        )

    def _done_futures(self, perm_id: int, listed: Listed, done: Sequence[Execution]) -> tuple[Done, ...]:
        found: list[Done] = []
        lots, paid = 0, Decimal(0)
        for each in done:
            points = each.price_ticks * self.floor.prices.market(each.symbol).tick_points
            lots, paid = lots + each.lots, paid + each.lots * points
            found.append(
                Done(
                    exec_id=exec_id(perm_id, each.number, 1),
                    listed=listed,
                    side=each.side,
                    lots=each.lots,
                    price_points=points,
                    cumulative=lots,
                    average_points=paid / lots,
                    fee_usd=Decimal(each.fee_microusd) / MICRO,
                    ts_utc_ns=each.ts_utc_ns,
                )
            )
        return tuple(found)

    def _of_structure(self, ticket: Ticket) -> Shown:
        notes = ticket.notes
        side = 1 if notes["action"] == "BUY" else -1
        perm_id = ticket.number * 10 + _STRUCTURE
        parts = tuple(
            ComboPart(
                con_id=named(leg.symbol).con_id,
                ratio=abs(leg.ratio),
                action="BUY" if leg.ratio * side > 0 else "SELL",
                exchange="SMART",
            )
            for leg in ticket.legs
        )
        return Shown(
            perm_id=perm_id,
            order_id=int(notes["order_id"]),
            client_id=int(notes["client_id"]),
            ref=ticket.tag,
            account=self.account,
            symbol=ticket.underlying,
            listed=None,
            legs=parts,
            action=notes["action"],
            lots=ticket.lots,
            kind=ticket.kind,
            limit_points=-side * ticket.limit_points if ticket.limit_points is not None else None,
            stop_points=None,
            tif=ticket.duration,
            parent_id=0,
            outside_hours=False,
            word=_TICKET_WORDS[ticket.state],
            ended_text=_ended_text(
                State(ticket.state) if ticket.ended else State.WORKING, ticket.filled, ticket.reason
            ),
            ended=ticket.ended,
            filled=ticket.filled,
            average_points=-side * ticket.net_points,
            ts_updated_utc_ns=ticket.ts_updated_utc_ns,
            executions=self._done_structures(perm_id, ticket, side),
        )

    def _done_structures(self, perm_id: int, ticket: Ticket, side: int) -> tuple[Done, ...]:
        """Each match as a whole, and then leg by leg; the legs have the commissions."""
        found: list[Done] = []
        lots, paid = 0, Decimal(0)
        for n, each in enumerate(ticket.executions, 1):
            cost = sum((leg.ratio * p for leg, p in zip(ticket.legs, each.leg_points, strict=True)), Decimal(0))
            lots, paid = lots + each.lots, paid + side * cost * each.lots
            whole = Done(
                exec_id=exec_id(perm_id, n, 1),
                listed=None,
                side=side,
                lots=each.lots,
                price_points=side * cost,
                cumulative=lots,
                average_points=paid / lots,
                fee_usd=None,
                ts_utc_ns=each.ts_utc_ns,
            )
            found.append(whole)
            for part, (leg, points) in enumerate(zip(ticket.legs, each.leg_points, strict=True), 2):
                found.append(
                    Done(
                        exec_id=exec_id(perm_id, n, part),
                        listed=named(leg.symbol),
                        side=1 if leg.ratio > 0 else -1,
                        lots=abs(leg.ratio) * each.lots,
                        price_points=points,
                        cumulative=abs(leg.ratio) * lots,
                        average_points=points,
                        fee_usd=each.fee_usd / len(ticket.legs),
                        ts_utc_ns=each.ts_utc_ns,
                    )
                )
        return tuple(found)


def exec_id(perm_id: int, number: int, part: int) -> str:
    """An execution's id: of what traded at once its part, and how often it was corrected."""
    return f"{perm_id:08x}.{number:08x}.{part:02d}.01"


def _ended_text(state: State, filled: int, reason: str) -> str:
    match state:
        case State.FILLED:
            return f"Filled Size: {filled}"
        case State.REJECTED:
            return f"Order rejected - reason:{reason}"
        case State.CANCELED:
            return "Cancelled by Trader"
        case State.EXPIRED:
            return "Cancelled by Exchange"
        case _:
            return ""

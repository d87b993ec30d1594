"""What an account at the sandbox comes to: shares that options were exercised for, fees of a day, and activities."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_UP, Decimal
from typing import Any, Final, final

from brokers.alpaca.params import FeeRates
from brokers.alpaca.sandbox_shapes import number_of, order_number, sortable, stamp, text, word
from brokers.sandbox.option_floor import MULTIPLIER, OptionFloor, option_of
from brokers.sandbox.tickets import Settled, Ticket
from gamma import calendar
from gamma.clock import NS
from gamma.structures import Right

ACCOUNT_ID: Final = number_of("account")
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One thing that happened; `when` is what a page is cut by."""

    when: str
    kind: str
    told: Mapping[str, Any]


@final
class SandboxLedger:
    """Reckons over the floor's orders and what was settled there; it keeps nothing by itself.

    The floor pays out in cash what an option is worth at its end. Those on funds are exercised for shares in truth: as
    many are bought or sold at what the fund stood at then, which comes to the same money.
    """

    def __init__(self, floor: OptionFloor, rates: FeeRates) -> None:
        self._floor = floor
        self._rates = rates

    def shares(self) -> dict[str, tuple[int, Decimal]]:
        """Shares that are held by their symbol, and what was paid for them [usd]."""
        counts: Counter[str] = Counter()
        costs: dict[str, Decimal] = defaultdict(Decimal)
        for settled in self._floor.settled:
            option = option_of(settled.symbol)
            count = _delivered(settled)
            if count:
                strike = Decimal(str(option.strike_points))
                spot = strike + settled.points if option.right is Right.CALL else strike - settled.points
                counts[option.root] += count
                costs[option.root] += count * spot
        return {symbol: (count, costs[symbol]) for symbol, count in counts.items() if count or costs[symbol]}

    def fees_usd(self) -> Decimal:
        """All fees: of each kind the sum of a day, rounded up to a cent."""
        return sum((fee for _, _, fee in self._fees()), Decimal(0))

    def cash_usd(self) -> Decimal:
        """Cash after fees, and after shares were paid for."""
        paid = sum((cost for _, cost in self.shares().values()), Decimal(0))
        return self._floor.cash_usd - self.fees_usd() - paid

    def activities(self, until_utc_ns: int) -> Iterator[Activity]:
        """All that happened, in no order; of options those that ended by a time."""
        for ticket in self._floor.tickets.values():
            yield from _executions(ticket)
        for settled in self._floor.settled:
            if settled.ts_utc_ns <= until_utc_ns:
                yield _ended(settled)
        for day, kind, fee in self._fees():
            told = _other(f"{day.replace('-', '')}000000000::{number_of('fee', day, kind)}", "FEE", day)
            yield Activity(
                when=told["id"],
                kind="FEE",
                told=told | {"net_amount": text(-fee), "description": f"{kind} fee of {day}"},
            )

    def _fees(self) -> Iterator[tuple[str, str, Decimal]]:
        sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for ticket in self._floor.tickets.values():
            for done in ticket.executions:
                day = _day(done.ts_utc_ns)
                for leg, points in zip(ticket.legs, done.leg_points, strict=True):
                    contracts = abs(leg.ratio) * done.lots
                    sums[day, "ORF"] += self._rates.orf_usd * contracts
                    sums[day, "OCC"] += self._rates.occ_usd * contracts
                    sums[day, "CAT"] += self._rates.cat_usd * contracts
                    if leg.ratio < 0:
                        sums[day, "TAF"] += self._rates.taf_usd * contracts
                        sums[day, "REG"] += self._rates.sec_frac * points * MULTIPLIER * contracts
        for (day, kind), total in sums.items():
            if total:
                yield day, kind, total.quantize(_CENT, ROUND_UP)


def _executions(ticket: Ticket) -> Iterator[Activity]:
    """Each leg's part of each execution; it says nothing of the structure that it belongs to."""
    done_lots = 0
    for n, done in enumerate(ticket.executions):
        done_lots += done.lots
        for number, (leg, points) in enumerate(zip(ticket.legs, done.leg_points, strict=True)):
            left = abs(leg.ratio) * (ticket.lots - done_lots)
            told = {
                "id": sortable(done.ts_utc_ns, ticket.number, number, n),
                "account_id": ACCOUNT_ID,
                "activity_type": "FILL",
                "transaction_time": stamp(done.ts_utc_ns),
                "type": "partial_fill" if left else "fill",
                "price": text(points),
                "qty": str(abs(leg.ratio) * done.lots),
                "side": "buy" if leg.ratio > 0 else "sell",
                "symbol": leg.symbol,
                "leaves_qty": str(left),
                "order_id": order_number(ticket, number),
                "cum_qty": str(abs(leg.ratio) * done_lots),
                "order_status": "partially_filled" if left else word(ticket, ()),
            }
            yield Activity(when=told["id"], kind="FILL", told=told)


def _ended(settled: Settled) -> Activity:
    """An option that ended: worthless, exercised, or assigned."""
    day = _day(settled.ts_utc_ns)
    kind = "OPEXP" if not settled.points else "OPEXC" if settled.contracts > 0 else "OPASN"
    names = {"OPEXP": "Option Expiry", "OPEXC": "Option Exercise", "OPASN": "Option Assignment"}
    told = _other(f"{day.replace('-', '')}000000000::{number_of(kind, settled.symbol, day)}", kind, day)
    told |= {"symbol": settled.symbol, "qty": str(-settled.contracts), "net_amount": "0", "description": names[kind]}
    return Activity(when=told["id"], kind=kind, told=told)


def _other(number: str, kind: str, day: str) -> dict[str, Any]:
    return {"id": number, "account_id": ACCOUNT_ID, "activity_type": kind, "date": day, "status": "executed"}


def _delivered(settled: Settled) -> int:
    """Shares that came (+) or went: a call brings its holder shares, a put takes them."""
    if not settled.points:
        return 0
    return settled.contracts * MULTIPLIER * (1 if option_of(settled.symbol).right is Right.CALL else -1)


def _day(ts_utc_ns: int) -> str:
    return datetime.fromtimestamp(ts_utc_ns // NS, UTC).astimezone(calendar.NEW_YORK).date().isoformat()

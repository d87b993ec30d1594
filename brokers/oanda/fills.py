"""Executions and their money: what each cost beside its price is its fee, so that the ledger comes to OANDA's cent.

OANDA charges swap once a day while a position is held, by a transaction of its own. It is booked with the next
execution in its market, which is at the latest the one that closes the position: so it is the trade's own cost, and
the books agree whenever the account is flat.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from brokers.oanda.journal import FILL, FINANCING, Journal
from brokers.oanda.reading import (
    Row,
    lots_of,
    microusd,
    moment,
    nearest_ticks,
    number,
    number_in,
    positive,
    rows,
)
from gamma.errors import MarkerUnknown
from gamma.events import Fill
from gamma.markets import Market
from gamma.wire import understood

MARKER_MAX = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Transactions up to `number` were told of; `swap_microusd` are credits (+) of swap not yet booked, by market."""

    number: int
    swap_microusd: Mapping[str, int] = field(default_factory=dict)

    def text(self) -> str:
        """As it is kept."""
        return json.dumps([self.number, dict(sorted(self.swap_microusd.items()))]) if self.number else ""


def marker_of(text: str, begin: int) -> Marker:
    """Read a marker back; an empty one stands for what comes after transaction `begin`.

    Raises: MarkerUnknown.
    """
    if not text:
        return Marker(number=begin)
    try:
        told, swap = json.loads(text)
        number_told = int(told)
        kept = {str(market): int(amount) for market, amount in swap.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise MarkerUnknown(f"{text[:80]!r} is no marker of OANDA's") from error
    if not 0 <= number_told < MARKER_MAX:
        raise MarkerUnknown(f"{text[:80]!r} is no marker of OANDA's")
    return Marker(number=number_told, swap_microusd=kept)


def fills_after(marker: Marker, journal: Journal, markets: Mapping[str, Market]) -> tuple[list[Fill], Marker]:
    """All executions in markets of ours after a marker, and the marker after them.

    Raises: Transient where a transaction is not understood.
    """
    fills, swap = [], dict(marker.swap_microusd)
    for number_told, row in journal.after(marker.number):
        with understood(f"transaction {number_told}"):
            if row["type"] == FINANCING:
                for market, amount in _financed(row, markets).items():
                    swap[market] = swap.get(market, 0) + amount
            elif row["type"] == FILL and row["instrument"] in markets:
                found = _fill(row, markets[row["instrument"]], swap.get(str(row["instrument"]), 0))
                if found is not None:
                    fills.append(found)
                    swap.pop(found.market, None)
    return fills, Marker(number=max(journal.last, marker.number), swap_microusd=swap)


def paid_points(row: Row) -> Decimal:
    """The average price of an execution, by its parts where it tells them [points]."""
    parts = [*rows({"all": row.get("tradesClosed") or []}, "all")]
    parts += [row[name] for name in ("tradeOpened", "tradeReduced") if isinstance(row.get(name), Mapping)]
    units = sum((abs(number(part["units"])) for part in parts), Decimal(0))
    if units == abs(number(row["units"])) and units and all("price" in part for part in parts):
        return sum((abs(number(part["units"])) * number(part["price"]) for part in parts), Decimal(0)) / units
    return number(row["fullVWAP"] if "fullVWAP" in row else row["price"])


def _fill(row: Row, market: Market, swap_microusd: int) -> Fill | None:
    """An execution. Its fee is all that it cost beside its price on a tick: below 0 where it brought money in."""
    units, points = number(row["units"]), paid_points(row)
    lots = lots_of(market, units)
    if not lots:
        return None
    ticks = nearest_ticks(market, points)
    off_tick_usd = units * (points - ticks * market.tick_points)
    costs_usd = number_in(row, "commission") + number_in(row, "guaranteedExecutionFee") - number_in(row, "financing")
    client_order_id = row.get("clientOrderID", "")
    if not isinstance(client_order_id, str):
        raise TypeError(f"{client_order_id!r} is no client's id")
    return Fill(
        execution_id=str(positive(row["id"])),
        client_order_id=client_order_id,
        market=market.symbol,
        side=1 if lots > 0 else -1,
        lots=abs(lots),
        price_ticks=ticks,
        fee_microusd=microusd(costs_usd + off_tick_usd) - swap_microusd,
        ts_event_utc_ns=moment(row["time"]),
    )


def _financed(row: Row, markets: Mapping[str, Market]) -> dict[str, int]:
    """Swap of one day by market [micro-dollars], a credit above 0; all of it counts where it tells no markets."""
    if "positionFinancings" not in row:
        only = next(iter(markets), None)
        return {only: microusd(number(row["financing"]))} if only is not None else {}
    told = rows(row, "positionFinancings")
    return {
        str(part["instrument"]): microusd(number(part["financing"])) for part in told if part["instrument"] in markets
    }

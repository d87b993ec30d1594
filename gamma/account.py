"""The account as the ledger tells it: the book folded again, read-only, and what `gamma status` says of it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gamma.assembly import rules_of, setup_of
from gamma.book import Book, fold, open_book
from gamma.config import Config
from gamma.events import Recorded
from gamma.guards import Gauge
from gamma.ledger.reader import Reader, Wanted
from gamma.markets import MICRO
from gamma.outlook import look
from gamma.reasons import Reason
from gamma.rules import Rules

ALL: Final = Wanted(limit=10_000_000)
_PAGE: Final = 10_000
# What leaves no trace in the book need not be read to make it.
_BOOK_FACTS: Final = (
    "BootStarted",
    "DayStarted",
    "EquityMarked",
    "OrderIntended",
    "OrderAccepted",
    "OrderRejected",
    "OrderLost",
    "OrderMissed",
    "OrderAbsent",
    "OrderQuarantined",
    "OrderFilled",
    "OrderCanceled",
    "OrderReplaced",
    "ExitWanted",
    "TradeClosed",
    "Halted",
    "Resumed",
    "PeakRebased",
    "PositionsCompared",
    "BalanceCompared",
    "ForeignOrderSeen",
    "Armed",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The book, and the rules that it is traded by."""

    book: Book
    rules: Rules


def facts_of(reader: Reader, kinds: tuple[str, ...] = _BOOK_FACTS) -> Iterator[Recorded]:
    """Facts in their order, page by page."""
    seq = 0
    while page := reader.events(seq, kinds=kinds, limit=_PAGE):
        for number, fact in page:
            seq = number
            yield fact  # type: ignore[misc]


def standing(config: Config, reader: Reader) -> Standing:
    """The book as the ledger has it now."""
    book, ts_last = open_book(setup_of(config)), 0
    for fact in facts_of(reader):
        book = fold(book, fact)
        ts_last = max(ts_last, fact.ts_event_utc_ns)
    return Standing(book=book.at(ts_last), rules=rules_of(config))


def summary(config: Config, reader: Reader) -> dict[str, Any]:
    """Everything that `gamma status` shows, as plain values."""
    now = standing(config, reader)
    book, money = now.book, now.book.money
    trades = reader.trades(ALL)
    equity = money.equity_microusd
    floor = money.floor.floor_microusd if money.floor else None
    return {
        "account": book.setup.account,
        "mode": book.setup.mode,
        "state": book.state,
        "ts_event_utc_ns": book.ts_event_utc_ns,
        "balance_usd": book.balance_microusd / MICRO,
        "equity_usd": equity / MICRO,
        "peak_usd": money.peak_microusd / MICRO,
        "floor_usd": None if floor is None else floor / MICRO,
        "room_usd": None if floor is None else (equity - floor) / MICRO,
        "day": money.day,
        "day_pnl_usd": (equity - money.day_equity_microusd) / MICRO,
        "trades": len(trades),
        "wins": sum(t["pnl_microusd"] > 0 for t in trades),
        "pnl_usd": sum(t["pnl_microusd"] for t in trades) / MICRO,
        "fees_usd": money.fees_microusd / MICRO,
        "positions": positions(book),
        "open_orders": sum(o.live or o.unresolved for o in book.orders.values()),
        "unresolved_orders": [o.intent.client_order_id for o in book.orders.values() if o.unresolved],
        "halts": [halt_row(book, h) for h in book.halts],
        "guards": guards(now),
        "acted": acted(reader, now.rules),
    }


def positions(book: Book) -> list[dict[str, Any]]:
    """What is held, with the stop and target that work for it."""
    rows = []
    for (strategy, symbol), position in book.positions.items():
        if not position.lots:
            continue
        market = book.market(symbol)
        held = {
            str(o.intent.kind): market.points(o.price_ticks)
            for o in book.orders.values()
            if o.intent.parent == position.entry_id and o.live
        }
        rows.append(
            {
                "id": f"{strategy}:{symbol}",
                "strategy": strategy,
                "market": symbol,
                "lots": position.lots,
                "entry_points": market.points(position.entry_ticks),
                "stop_points": held.get("stop"),
                "target_points": held.get("target"),
                "ts_open_utc_ns": position.ts_open_utc_ns,
                "exit_reason": position.exit_reason,
            }
        )
    return rows


def halt_row(book: Book, halt_id: str) -> dict[str, Any]:
    """One standing halt."""
    halt = book.halts[halt_id]
    return {
        "id": halt.halt_id,
        "scope": halt.scope,
        "target": halt.target,
        "level": str(halt.level),
        "reason": halt.reason,
        "actor": halt.actor,
        "ts_event_utc_ns": halt.ts_event_utc_ns,
        "until_utc_ns": halt.until_utc_ns,
        "evidence": dict(halt.evidence),
    }


def guards(now: Standing) -> list[dict[str, Any]]:
    """Each guard of each strategy: what it is, and where its dial stands."""
    rows = []
    for strategy in now.rules.strategies.values():
        view = look(now.book, now.rules, strategy)
        for name, guard in strategy.guards:
            dial: Mapping[str, Any] = guard.reading(view) if isinstance(guard, Gauge) else {}
            rows.append(
                {
                    "name": name,
                    "id": guard.id,
                    "strategy": strategy.name,
                    "scope": str(guard.scope),
                    "measures": guard.measures,
                    "resets": guard.resets,
                    "latches": guard.latches,
                    "limit": dial.get("limit"),
                    "now": dial.get("now"),
                }
            )
    return rows


def acted(reader: Reader, rules: Rules) -> list[dict[str, Any]]:
    """Which guards cut or denied orders, or halted, and how often."""
    names = {name for s in rules.strategies.values() for name, _ in s.guards}
    counts: Counter[tuple[str, str]] = Counter()
    for row in reader.decisions(ALL):
        if row["bound_by"] in names and row["reason"] != Reason.OK:
            counts[row["bound_by"], row["reason"]] += 1
    for row in reader.halts(ALL):
        if row["action"] == "halted" and str(row["actor"]).startswith("guard:"):
            counts[str(row["actor"]).removeprefix("guard:"), f"{row['level']}: {row['reason']}"] += 1
    return [{"by": by, "reason": why, "count": n} for (by, why), n in counts.most_common()]

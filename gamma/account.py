"""The account as the ledger tells it: the book folded again, read-only, and what `gamma status` says of it."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from heapq import merge
from itertools import groupby, takewhile
from operator import itemgetter
from typing import Any, Final

from gamma.assembly import rules_of, setup_of
from gamma.book import Book, Setup, fold, marked, open_book
from gamma.bookmark import find
from gamma.config import Config
from gamma.errors import ConfigInvalid
from gamma.events import EquityMarked, OrderState
from gamma.guards import Gauge, Guard, Leeway
from gamma.ledger.lease import holder
from gamma.ledger.reader import Reader
from gamma.markets import MICRO
from gamma.outlook import look
from gamma.reasons import Fact, Reason
from gamma.rules import Rules
from gamma.validation import against_validated, informed
from gamma.views import View

# What leaves no trace in the book need not be read to make it.
_BOOK_FACTS: Final = (
    "BootStarted",
    "DayStarted",
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
    "PositionManaged",
    "TradeClosed",
    "Halted",
    "Resumed",
    "PeakRebased",
    "PositionsCompared",
    "BalanceCompared",
    "ForeignOrderSeen",
    "Armed",
    "FillsRead",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The book, and the rules that it is traded by."""

    book: Book
    rules: Rules


def opened(config: Config) -> Reader:
    """The configuration's ledger, to be read.

    Raises: ConfigInvalid when there is none, or it is another account's.
    """
    reader = Reader.open(config.gamma.database)
    if (reader.account, reader.mode) == (config.account.name, config.gamma.mode):
        return reader
    reader.close()
    raise ConfigInvalid(
        f"[gamma] database is that of the {reader.mode} account {reader.account!r}, and the configuration "
        f"is of the {config.gamma.mode} account {config.account.name!r}; give each account its own"
    )


def book_of(reader: Reader, setup: Setup, until_utc_ns: float = math.inf, database: str = "") -> Book:
    """The book as the ledger has it, or had it at some time: every fact up to then, folded.

    Half of all facts are marks of equity: they are read as columns, and those in a row are folded as one. Where the
    daemon left a bookmark beside this `database`, folding goes on from there.
    """
    bookmark = find(database, setup, reader.hash_at) if database else None
    book, after_seq = open_book(setup), 0
    if bookmark is not None and bookmark.book.ts_event_utc_ns <= until_utc_ns:
        book, after_seq = bookmark.book, bookmark.seq
    ts_last = book.ts_event_utc_ns
    numbered = facts_after(reader, after_seq)
    facts = takewhile(lambda fact: fact.ts_event_utc_ns <= until_utc_ns, (fact for _, fact in numbered))
    for kind, run in groupby(facts, type):
        several = list(run)
        ts_last = max(ts_last, *(fact.ts_event_utc_ns for fact in several))
        if kind is EquityMarked:
            book = marked(book, several)
        else:
            for fact in several:
                book = fold(book, fact)
    return book.at(ts_last)


def standing(config: Config, reader: Reader) -> Standing:
    """The book as the ledger has it now."""
    return Standing(book=book_of(reader, setup_of(config), database=config.gamma.database), rules=rules_seen(config))


def rules_seen(config: Config) -> Rules:
    """What the account is traded by, to be looked at: nothing can be sent by them."""
    return informed(config, rules_of(config))


def facts_after(reader: Reader, seq: int) -> Iterator[tuple[int, Any]]:
    """Every fact that the book is made of and that was recorded after this event, with its number."""
    return merge(reader.every(*_BOOK_FACTS, after_seq=seq), reader.every_mark(after_seq=seq), key=itemgetter(0))


def summary(config: Config, reader: Reader) -> dict[str, Any]:
    """Everything that `gamma status` shows, as plain values of one moment."""
    with reader.at_once():
        now = standing(config, reader)
        return {
            **money(now.book, reader),
            "daemon_pid": holder(config.gamma.database),
            "positions": positions(now.book),
            "open_orders": sum(o.live or o.unresolved for o in now.book.orders.values()),
            "unresolved_orders": unresolved(now.book),
            "halts": [halt_row(now.book, h) for h in now.book.halts],
            "alerts": [{"id": a["id"], "key": a["key"], "title": a["title"]} for a in reader.standing_alerts()],
            "acted": acted(reader, now.rules),
            "guards": guards(now),
            "validated": against_validated(config, reader),
        }


def money(book: Book, reader: Reader) -> dict[str, Any]:
    """What the account holds, and how it came to it."""
    held, equity, totals = book.money, book.money.equity_microusd, reader.trade_totals()
    floor = held.floor.floor_microusd if held.floor else None
    return {
        "account": book.setup.account,
        "mode": book.setup.mode,
        "state": book.state,
        "ts_event_utc_ns": book.ts_event_utc_ns,
        "balance_usd": book.balance_microusd / MICRO,
        "equity_usd": equity / MICRO,
        "peak_usd": held.peak_microusd / MICRO,
        "floor_usd": None if floor is None else floor / MICRO,
        "room_usd": None if floor is None else (equity - floor) / MICRO,
        "day": held.day,
        "day_pnl_usd": (equity - held.day_equity_microusd) / MICRO,
        "trades": totals["trades"],
        "wins": totals["wins"],
        "pnl_usd": totals["pnl_microusd"] / MICRO,
        "fees_usd": held.fees_microusd / MICRO,
    }


def unresolved(book: Book) -> list[dict[str, Any]]:
    """Orders whose fate is not known; one that is being sent right now is not among them."""
    return [
        {"id": o.intent.client_order_id, "market": o.intent.market, "state": str(o.state)}
        for o in book.orders.values()
        if o.unresolved and o.state is not OrderState.PENDING
    ]


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
        view = _priced(now.book, look(now.book, now.rules, strategy))
        for name, guard in strategy.guards:
            rows.append(
                {
                    "name": name,
                    "id": guard.id,
                    "strategy": strategy.name,
                    "scope": str(guard.scope),
                    "measures": guard.measures,
                    "resets": guard.resets,
                    "latches": guard.latches,
                    **_dial(guard, view),
                }
            )
    return rows


def _priced(book: Book, view: View) -> View:
    """Prices are no facts: equity is what it was when it was last recorded, which is at the last bar."""
    if not math.isnan(view.account.equity_usd):
        return view
    money = book.money
    account = replace(
        view.account,
        equity_usd=money.equity_microusd / MICRO,
        peak_equity_usd=max(money.peak_microusd, money.equity_microusd) / MICRO,
        day_pnl_usd=(money.equity_microusd - money.day_equity_microusd) / MICRO,
    )
    return replace(view, account=account)


def _dial(guard: Guard, view: View) -> dict[str, Any]:
    """Where the guard stands, and how much of the way to its limit is left [1]; None where there is no such number."""
    try:
        dial: Mapping[str, Fact] = guard.reading(view) if isinstance(guard, Gauge) else {}
        limit, now = _nearest(dial)
        left = guard.leeway(view) if isinstance(guard, Leeway) else _left(now, limit)
    except Exception:  # a stranger's guard must not keep a person from seeing the account
        limit, now, left = None, None, math.nan
    known = not math.isnan(left)
    return {"limit": limit, "now": now, "leeway_frac": max(0.0, min(1.0, left)) if known else None}


def _nearest(dial: Mapping[str, Fact]) -> tuple[Fact | None, Fact | None]:
    """Limit and reading; of a guard with several of them (`day_limit`, `day_now`) those that are nearest."""
    names = [name.removesuffix("limit") for name in dial if name.endswith("limit")]
    pairs = [(dial[f"{name}limit"], dial.get(f"{name}now")) for name in names]
    known = [pair for pair in pairs if not math.isnan(_left(pair[1], pair[0]))]
    return min(known, key=lambda pair: _left(pair[1], pair[0]), default=(dial.get("limit"), dial.get("now")))


def _left(now: Fact | None, limit: Fact | None) -> float:
    if isinstance(now, str) or isinstance(limit, str) or now is None or not limit:
        return math.nan
    return 1 - now / limit


def acted(reader: Reader, rules: Rules, after_seq: int = 0) -> list[dict[str, Any]]:
    """Which guards cut or denied orders, or halted, and how often; since an event, where one is named."""
    names = {name for s in rules.strategies.values() for name, _ in s.guards}
    counts: Counter[tuple[str, str]] = Counter()
    for (by, reason), number in reader.tally("decisions", "bound_by", "reason", after_seq=after_seq).items():
        if by in names and reason != Reason.OK:
            counts[by, reason] += number
    halts = reader.tally("halts", "action", "actor", "level", "reason", after_seq=after_seq)
    for (action, actor, level, reason), number in halts.items():
        if action == "halted" and actor.startswith("guard:"):
            counts[actor.removeprefix("guard:"), f"{level}: {reason}"] += number
    return [{"name": by, "reason": why, "times": n} for (by, why), n in counts.most_common()]

"""The judge: the observer's log at the broker against the ledger's file, with none of gamma's own reading of it."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, cast

from gamma.chaos.broker.observed import Doubled, Executed, Received, Record, Repeated, Settled
from gamma.chaos.simulation import fates
from gamma.markets import MICRO, market

_TABLES: Final = ("intents", "orders", "fills", "trades")
# Client order id, market, side, lots, price or cost [ticks], fee [micro-dollars].
_Done = tuple[str, str, int, int, int, int]
# What the ledger says last of an order that has come to its end.
_ENDS: Final = ("absent", "canceled", "expired", "filled", "rejected")


def at_the_end(
    log: Sequence[Record],
    ledger: Path,
    caps: Mapping[str, int],
    *,
    told: bool = True,
    since_seq: int = 0,
    averages: bool = False,
) -> list[str]:
    """Everything that is wrong when all is at rest; `caps` are the most lots that a market's strategies may hold.

    With `told`, every alert must have gone out. Of the ledger it looks at what came after the event `since_seq`,
    when all was at rest before. With `averages` the broker tells what an order cost in all, and not what each
    execution did.
    """
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as db:
        for table in _TABLES:  # a view of this connection alone, which hides the table of its name
            query = f"SELECT * FROM main.{table} WHERE seq > {since_seq:d}"  # noqa: S608  (our own)
            db.execute(f"CREATE TEMP VIEW {table} AS {query}")
        return [
            *_orders(log, db),
            *_executions(log, db, by_order=averages),
            *_exposure(log, caps),
            *_closings(log, db),
            *_rest(log, db),
            *(_untold(db) if told else ()),
            *_money(log, db),
            *fates.differ(log, db),
            *fates.presumed_dead(log, db),
            *fates.refused(log, db),
        ]


def _orders(log: Sequence[Record], db: sqlite3.Connection) -> Iterator[str]:
    """I1, I6: each order at the broker has one intent, and none was sent twice."""
    yield from (f"I1: {r.client_order_id} was traded twice" for r in log if isinstance(r, Doubled))
    yield from (f"I1: {r.client_order_id} was sent twice" for r in log if isinstance(r, Repeated))
    columns = "client_order_id, market, side, lots"
    intents = {row[0]: row[1:] for row in db.execute(f"SELECT {columns} FROM intents")}  # noqa: S608  (our own)
    for order in log:
        if isinstance(order, Received):
            wanted = intents.get(order.client_order_id)
            if wanted is None:
                yield f"I6: {order.client_order_id} reached the broker without an intent"
            elif wanted != (order.market, order.side, order.lots):
                yield f"I1: {order.client_order_id} was intended as {wanted}, and sent as {order}"
    entries = Counter(
        decision
        for decision, cid in db.execute("SELECT decision_id, client_order_id FROM intents WHERE kind = 'entry'")
    )
    yield from (f"I1: {decision} led to {n} entries" for decision, n in entries.items() if n > 1)


def _executions(log: Sequence[Record], db: sqlite3.Connection, *, by_order: bool) -> Iterator[str]:
    """I3: the broker's executions and settlements, each once, and nothing else."""
    theirs = {r.execution_id: _done(r) for r in log if isinstance(r, Executed | Settled)}
    columns = "execution_id, client_order_id, market, side, lots, price_ticks, fee_microusd"
    ours: dict[str, _Done] = {}
    for execution_id, *rest in db.execute(f"SELECT {columns} FROM fills"):  # noqa: S608  (our own)
        if execution_id in ours:
            yield f"I3: {execution_id} is booked twice"
        ours[execution_id] = cast("_Done", tuple(rest))
    if by_order:
        theirs, ours = _by_order(theirs), _by_order(ours)
    yield from (f"I3: {one} was executed and never booked" for one in theirs.keys() - ours.keys())
    yield from (f"I3: {one} is booked and was never executed" for one in ours.keys() - theirs.keys())
    yield from (
        f"I3: {one} was executed as {theirs[one]}, and booked as {ours[one]}"
        for one in theirs.keys() & ours.keys()
        if theirs[one] != ours[one]
    )


def _done(r: Executed | Settled) -> _Done:
    if isinstance(r, Settled):
        return ("", r.market, r.side, r.lots, r.price_ticks, 0)
    return (r.client_order_id, r.market, r.side, r.lots, r.price_ticks, r.fee_microusd)


def _by_order(done: Mapping[str, _Done]) -> dict[str, _Done]:
    """What was done for each order, together: lots, cost and fee."""
    sums: dict[str, _Done] = {}
    for cid, symbol, side, lots, price, fee in done.values():
        _, _, _, lots_before, cost_before, fee_before = sums.get(cid, (cid, symbol, side, 0, 0, 0))
        sums[cid] = (cid, symbol, side, lots_before + lots, cost_before + lots * price, fee_before + fee)
    return sums


def _exposure(log: Sequence[Record], caps: Mapping[str, int]) -> Iterator[str]:
    """I2: at no moment was more held than all that may be held in that market."""
    held: dict[str, int] = defaultdict(int)
    for done in log:
        if isinstance(done, Executed | Settled):
            held[done.market] += done.side * done.lots
            if abs(held[done.market]) > caps[done.market]:
                yield f"I2: {done.execution_id} made it {held[done.market]:+d} {done.market}, of {caps[done.market]}"


def _closings(log: Sequence[Record], db: sqlite3.Connection) -> Iterator[str]:
    """I2: what was to close a position of its strategy opened none."""
    whose = {row[0]: row[1:] for row in db.execute("SELECT client_order_id, strategy, kind FROM intents")}
    held: dict[tuple[str, str], int] = defaultdict(int)
    for done in log:
        if isinstance(done, Settled):
            held |= {key: 0 for key in held if key[1] == done.market}
        if not isinstance(done, Executed) or done.client_order_id not in whose:
            continue
        strategy, kind = whose[done.client_order_id]
        before = held[strategy, done.market]
        after = held[strategy, done.market] = before + done.side * done.lots
        if kind != "entry" and (before * after < 0 or abs(after) > abs(before)):
            yield f"I2: the {kind} {done.client_order_id} took {strategy} from {before:+d} to {after:+d} {done.market}"


def _rest(log: Sequence[Record], db: sqlite3.Connection) -> Iterator[str]:
    """I4 and the target: nothing is held at the broker, nothing in the ledger; no order is open."""
    theirs: dict[str, int] = defaultdict(int)
    for done in log:
        if isinstance(done, Executed | Settled):
            theirs[done.market] += done.side * done.lots
    ours = dict(db.execute("SELECT market, SUM(side * lots) FROM fills GROUP BY market"))
    for symbol in sorted(theirs.keys() | ours.keys()):
        held, booked = theirs.get(symbol, 0), ours.get(symbol, 0)
        if held != booked:
            yield f"I4: the broker holds {held:+d} {symbol}, and the ledger {booked:+d}"
        elif held:
            yield f"target: {held:+d} {symbol} is left"
    yield from _ended(db)


def _untold(db: sqlite3.Connection) -> Iterator[str]:
    """I9: every alert was told."""
    waiting = db.execute(
        "SELECT COUNT(*) FROM alerts WHERE delivered_utc_ns IS NULL AND dropped_utc_ns IS NULL"
    ).fetchone()[0]
    if waiting:
        yield f"I9: {waiting} alerts were never told"


def _money(log: Sequence[Record], db: sqlite3.Connection) -> Iterator[str]:
    """I4: what the round trips of the ledger made is what the executions made, now that nothing is held."""
    theirs = sum(
        -done.side * done.lots * done.price_ticks * market(done.market).tick_value_microusd
        - (done.fee_microusd if isinstance(done, Executed) else 0)
        for done in log
        if isinstance(done, Executed | Settled)
    )
    ours = db.execute("SELECT COALESCE(SUM(pnl_microusd), 0) FROM trades").fetchone()[0]
    if theirs != ours:
        yield f"I4: the executions made {theirs / MICRO:+.2f} usd, and the ledger's trades {ours / MICRO:+.2f}"


def _ended(db: sqlite3.Connection) -> Iterator[str]:
    """I7: every order of the ledger has come to an end."""
    filled = dict(db.execute("SELECT client_order_id, SUM(lots) FROM fills GROUP BY client_order_id"))
    told = dict(db.execute("SELECT client_order_id, told FROM orders ORDER BY seq"))
    for cid, lots, kind, parent in db.execute("SELECT client_order_id, lots, kind, parent FROM intents"):
        if filled.get(cid, 0) > lots:
            yield f"I3: {cid} was of {lots} lots, and {filled[cid]} are booked"
        # A bracket ends with its entry, where that never traded.
        never = parent and told.get(parent) in _ENDS and not filled.get(parent)
        if filled.get(cid, 0) < lots and told.get(cid) not in _ENDS and kind not in ("cancel", "replace") and not never:
            yield f"I7: {cid} is {told.get(cid, 'pending')}, and no end of it is known"

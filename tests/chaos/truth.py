"""What must hold after any crash: the ledger against the paper broker's own file, and the ledger in itself."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from brokers.paper import paper_truth
from gamma.assembly import rules_of, setup_of
from gamma.effects import Tick
from gamma.events import DecisionMade, Fill, OrderFilled, OrderIntended, OrderKind, TradeClosed
from gamma.invariants.patrol import examine
from gamma.ledger.reader import Reader, Wanted
from gamma.ports import BrokerOrder
from tests.daemon_case import config_in, facts, ledger_in


def violations(folder: Path, slots: Sequence[int] = ()) -> list[str]:
    """What is wrong in this folder after its daemon's last start; `slots` are the bars that were to be decided on."""
    config = config_in(folder)
    examined = examine(config.gamma.database, setup_of(config), rules_of(config))
    recorded = facts(folder)
    positions, fills, orders = paper_truth(folder / "gamma.paper.db")
    placed = [o.client_order_id for o in orders]
    return [
        *map(str, examined.violations),
        *_orders(recorded, placed),
        *_states(folder, orders),
        *_executions(recorded, fills),
        *_positions(recorded, positions),
        *_decisions(recorded, slots),
    ]


def _orders(recorded: Sequence[Any], placed: Sequence[str]) -> Iterator[str]:
    """I1, I6: each broker order has one intent, and no slot two entries."""
    intents = [i for f in recorded if isinstance(f, OrderIntended) for i in (f.intent, *f.bracket)]
    counts = Counter(i.client_order_id for i in intents)
    yield from (f"I1: {cid} was intended {n} times" for cid, n in counts.items() if n > 1)
    yield from (f"I1: the broker has {cid} {n} times" for cid, n in Counter(placed).items() if n > 1)
    yield from (f"I6: {cid} was sent without an intent" for cid in placed if cid not in counts)
    entries = Counter(i.decision_id for i in intents if i.kind is OrderKind.ENTRY and i.client_order_id in set(placed))
    yield from (f"I1: {n} entries of {decision} reached the broker" for decision, n in entries.items() if n > 1)


def _states(folder: Path, orders: Sequence[BrokerOrder]) -> Iterator[str]:
    """What the ledger knows of each order of the broker's is what became of it."""
    with Reader.open(ledger_in(folder)) as reader:
        known = {o["id"]: o["state"] for o in reader.orders(Wanted(limit=10**9))}
    for order in orders:
        state = known.get(order.client_order_id)
        if state is not None and state != order.state:
            yield f"I7: {order.client_order_id} is {order.state}, and the ledger has it as {state}"


def _executions(recorded: Sequence[Any], fills: Sequence[Fill]) -> Iterator[str]:
    """I3: the broker's executions, each once, and nothing else."""
    booked = Counter(f.fill.execution_id for f in recorded if isinstance(f, OrderFilled))
    yield from (f"I3: {execution} was booked {n} times" for execution, n in booked.items() if n > 1)
    ours = {f.fill.execution_id: _core(f.fill) for f in recorded if isinstance(f, OrderFilled)}
    theirs = {f.execution_id: _core(f) for f in fills}
    yield from (f"I3: {execution} is not in the ledger" for execution in theirs.keys() - ours.keys())
    yield from (f"I3: {execution} never happened" for execution in ours.keys() - theirs.keys())
    yield from (
        f"I3: {e} was booked as {ours[e]}, and is {theirs[e]}"
        for e in ours.keys() & theirs.keys()
        if ours[e] != theirs[e]
    )


def _core(fill: Fill) -> tuple[str, int, int, int, int]:
    return fill.client_order_id, fill.side, fill.lots, fill.price_ticks, fill.fee_microusd


def _positions(recorded: Sequence[Any], positions: dict[str, int]) -> Iterator[str]:
    """I4: the sum of the fills is what the broker holds; closed trades are of what the fills closed."""
    summed: Counter[str] = Counter()
    for fact in recorded:
        if isinstance(fact, OrderFilled):
            summed[fact.fill.market] += fact.fill.side * fact.fill.lots
    held = {market: lots for market, lots in summed.items() if lots}
    if held != positions:
        yield f"I4: the fills add up to {held}, and the broker holds {positions}"
    trades = Counter(f.trade.trade_id for f in recorded if isinstance(f, TradeClosed))
    yield from (f"I4: trade {trade} was closed {n} times" for trade, n in trades.items() if n > 1)


def _decisions(recorded: Sequence[Any], slots: Sequence[int]) -> Iterator[str]:
    """A strategy decides on every bar, and on each once."""
    decided = Counter((t.strategy, t.slot_utc_ns) for t in recorded if isinstance(t, Tick))
    yield from (f"{who} decided {n} times on {slot}" for (who, slot), n in decided.items() if n > 1)
    made = Counter((d.strategy, d.slot_utc_ns) for d in recorded if isinstance(d, DecisionMade))
    yield from (f"{who} has a decision on {slot} and no tick" for who, slot in made.keys() - decided.keys())
    for strategy in {who for who, _ in decided} if slots else ():
        yield from (f"{strategy} did not decide on {slot}" for slot in slots if (strategy, slot) not in decided)

"""`gamma chaos --kind cuts`: power cuts at any moment of a daemon's life, and the next start on what the disk kept."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from gamma.assembly import assemble, paper_state_path
from gamma.chaos import Trial
from gamma.chaos.places import folder_for
from gamma.chaos.power.disk import Act, Did, Recording, surviving
from gamma.chaos.power.lives import PACED, config_of, live, tape_of
from gamma.chaos.power.vfs import heard
from gamma.config import Config
from gamma.errors import GammaError
from gamma.events import Fill, OrderState
from gamma.ledger import Reader, Wanted, verify
from gamma.ports import Broker, BrokerOrder

# So many cuts are made in one recorded session; the next ones have a session of their own.
SHARED: Final = 250
LIVES_BARS: Final = ((3, 9), (16, 28), (24, 48))
TAIL_BARS: Final = (1, 12)
BROKER_FILES: Final = "gamma.paper.db"
_OPEN: Final = (OrderState.PENDING, OrderState.UNKNOWN, OrderState.QUARANTINED)


def cut(seed: int) -> Trial:
    """Cut the power at one moment, see that what was promised is on disk, start again, and see that all is well.

    In one cut of four the paper broker loses its power too; in one of four the power goes a second time while
    the daemon starts again.
    """
    rng = Random(seed)
    session, broker_runs_on, twice = seed // SHARED, rng.random() < 0.75, rng.random() < 0.25
    acts = recorded(session)
    past: list[Act] = []
    points, violations = 0, list[str]()
    for last in (False, True) if twice else (True,):
        done = acts[: _moment(acts, rng)]
        points += len(done)
        with folder_for("cuts") as folder:
            for name, content in surviving(done, rng, BROKER_FILES if broker_runs_on else "").items():
                (folder / name).write_bytes(content)
            if rng.random() < 0.25:  # the index of the WAL is never synced: after a cut anything may be in it
                (folder / "gamma.db-shm").write_bytes(rng.randbytes(32_768))
            past += (act for act in done if act.did is Did.MARK)
            violations += kept(folder, Promise.of(past))
            try:
                acts = _start(folder, session, rng)
                if last:
                    sent = Promise.of([*past, *acts])
                    violations += agreed(config_of(folder, session), sent, every_row=rng.random() < 0.25)
            except Exception as error:  # noqa: BLE001  (whatever it is, the daemon did not get over the cut)
                violations.append(f"the next start failed: {type(error).__name__}: {error}")
                break
    return Trial(seed=seed, crashes=1 + twice, crash_points=points, violations=tuple(dict.fromkeys(violations)))


@lru_cache(maxsize=1)
def recorded(session: int) -> list[Act]:
    """What the disk was told in three lives of a daemon: its first minutes, a short life and a longer one."""
    rng = Random(f"session {session}")
    with folder_for("cuts") as folder:
        recording = Recording(folder)
        config = config_of(folder, session)
        with heard(folder, recording):
            for fewest, most in LIVES_BARS:
                live(config, rng.randint(fewest, most), rng.choice((PACED, float("inf"))), recording.mark)
    return recording.acts


def _start(folder: Path, session: int, rng: Random) -> list[Act]:
    """The next start, on what is there; gives what the disk was told in it."""
    recording = Recording(folder)
    with heard(folder, recording):
        live(config_of(folder, session), rng.randint(*TAIL_BARS), PACED, recording.mark)
    return recording.acts


def _moment(acts: Sequence[Act], rng: Random) -> int:
    """How much was done before the cut: anywhere, or around what is not a mere write."""
    first = sum(act.did is Did.FOUND for act in acts)
    if rng.random() < 0.5:
        return rng.randint(first, len(acts))
    turns = [n for n, act in enumerate(acts) if act.did not in (Did.FOUND, Did.WRITTEN)]
    return rng.choice(turns) + rng.randint(0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What was promised before a cut: where the acknowledged chain ended, and what had gone out."""

    seq: int = -1
    sha256: str = ""
    placed: tuple[str, ...] = ()
    asked: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(cls, acts: Sequence[Act]) -> "Promise":
        """From the marks of a recording; a life that starts after a cut begins with what the disk kept."""
        marks = [act.name.split() for act in acts if act.did is Did.MARK]
        commits = [(int(words[1]), words[2]) for words in marks if words[0] == "commit"]
        seq, sha256 = commits[-1] if commits else (-1, "")
        placed = tuple(words[1] for words in marks if words[0] == "place")
        asked = frozenset((words[0], words[1]) for words in marks if words[0] in ("cancel", "replace"))
        return cls(seq=seq, sha256=sha256, placed=placed, asked=asked)


def kept(folder: Path, promise: Promise) -> Iterator[str]:
    """What is missing of what was acknowledged or sent before the cut, read before the daemon starts again.

    Whether the ledger is whole the daemon sees for itself, and does not start where it is not.
    """
    try:
        Reader.open(f"sqlite:///{folder}/gamma.db").close()
    except (GammaError, SQLAlchemyError) as error:
        if promise.seq >= 0:
            yield f"I8: the ledger was opened, and is gone: {error}"
        return
    with closing(sqlite3.connect(f"file:{folder}/gamma.db?mode=ro", uri=True)) as db:
        found = db.execute("SELECT lower(hex(sha256)) FROM events WHERE seq = ?", (promise.seq,)).fetchone()
        intents = db.execute("SELECT client_order_id, kind, subject FROM intents").fetchall()
    if promise.seq > 0 and (found is None or found[0] != promise.sha256):
        yield f"I6: commit {promise.seq} was acknowledged, and is {'gone' if found is None else 'another'}"
    named = {cid for cid, _, _ in intents}
    asked = {(kind, subject) for _, kind, subject in intents}
    yield from (f"I6: {cid} was sent without an intent" for cid in promise.placed if cid not in named)
    yield from (f"I6: a {kind} of {cid} was sent without an intent" for kind, cid in promise.asked - asked)


def agreed(config: Config, promise: Promise, *, every_row: bool = True) -> Iterator[str]:
    """How ledger and broker differ after a start and a clean stop, what was sent twice, and what is not sound."""
    if every_row:
        yield from (f"I8: {problem}" for problem in verify(config.gamma.database).problems)
    yield from (f"I1: {cid} was sent {n} times" for cid, n in Counter(promise.placed).items() if n > 1)
    with closing(Reader.open(config.gamma.database)) as reader:
        all_of = Wanted(limit=1_000_000_000)
        orders = {order["id"]: order for order in reader.orders(all_of)}
        fills = {row["id"]: row for row in reader.fills(all_of)}
        held = Counter[str]()
        for row in reader.positions():
            held[row["market"]] += row["lots"]
        decided = {(row["strategy"], row["slot_utc_ns"]) for row in reader.ticks(all_of)}
    truth = asyncio.run(_truth(config, list(orders)))
    yield from (f"I6: {cid} was sent without an intent" for cid in {*promise.placed, *truth.working} - orders.keys())
    yield from _passed_over(config, decided)
    yield from _states(orders, truth.orders)
    yield from _executions(fills, truth.fills)
    if {market: lots for market, lots in held.items() if lots} != truth.positions:
        yield f"I4: the fills add up to {dict(held)}, and the broker holds {truth.positions}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Truth:
    orders: Sequence[BrokerOrder]
    working: Collection[str]
    fills: Sequence[Fill]
    positions: Mapping[str, int]


async def _truth(config: Config, ids: Sequence[str]) -> _Truth:
    """All that the broker can tell."""
    broker: Broker = assemble(config, state_path=paper_state_path(config)).broker
    fills: list[Fill] = []
    page = await broker.fills_since("")
    while page.fills:
        fills += page.fills
        page = await broker.fills_since(page.marker)
    told = _Truth(
        orders=await broker.orders(dict.fromkeys(ids, "")),
        working={order.client_order_id for order in await broker.open_orders()},
        fills=fills,
        positions=dict(await broker.positions()),
    )
    await broker.close()
    return told


def _passed_over(config: Config, decided: Collection[tuple[str, int]]) -> Iterator[str]:
    """Bars between a strategy's first and last slot on which it did not decide."""
    tape = tape_of(config.feed.seed)
    for strategy in config.strategies:
        slots = {slot for name, slot in decided if name == strategy.name}
        first, last = min(slots, default=0), max(slots, default=0)
        came = {bar.ts_close_utc_ns for bar in tape.traded if bar.market == strategy.market}
        yield from (f"{strategy.name} did not decide on {s}" for s in came - slots if first <= s <= last)


def _states(orders: Mapping[str, Mapping[str, Any]], truth: Sequence[BrokerOrder]) -> Iterator[str]:
    yield from (f"I7: {cid} is still {order['state']}" for cid, order in orders.items() if order["state"] in _OPEN)
    for order in truth:
        state = orders[order.client_order_id]["state"]
        if state != order.state:
            yield f"I7: {order.client_order_id} is {order.state}, and the ledger has it as {state}"


def _executions(fills: Mapping[str, Mapping[str, Any]], truth: Sequence[Fill]) -> Iterator[str]:
    theirs = {fill.execution_id: fill for fill in truth}
    yield from (f"I3: {execution} is not in the ledger" for execution in theirs.keys() - fills.keys())
    yield from (f"I3: {execution} never happened" for execution in fills.keys() - theirs.keys())
    for execution in theirs.keys() & fills.keys():
        names = ("client_order_id", "side", "lots", "price_ticks", "fee_microusd")
        booked, is_so = (tuple(fills[execution][n] for n in names), tuple(getattr(theirs[execution], n) for n in names))
        if booked != is_so:
            yield f"I3: {execution} was booked as {booked}, and is {is_so}"

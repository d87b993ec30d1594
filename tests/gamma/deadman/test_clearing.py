"""Clearing at Tradovate's sandbox, in made time: whatever goes wrong, the account comes to be flat, and never beyond.

Tradovate knows no reduce-only and no id of ours: an order that left twice would turn the account around.
"""

import os
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from gamma.book import Book, open_book
from gamma.clock import NS
from gamma.deadman.clearing import Clearing, Left
from gamma.deadman.journal import Journal
from gamma.errors import Transient
from gamma.events import Intent, OrderState
from gamma.orders import Order, Position
from tests.brokers.desk import approve, bracket, entry
from tests.contract.in_process import InProcess
from tests.contract.tradovate import MARKETS, TradovateRig
from tests.engine_case import setup_of

OURS, ITS = "g49-", "d49-"
LOOKS_MAX = 900
SEEDS = int(os.environ.get("GAMMA_DEADMAN", "8"))


class Died(BaseException):
    """The dead-man's process is gone."""


@dataclass
class World:
    """An account with a position and its bracket, and a network that fails by chance until `calm_after_s`."""

    folder: Path
    seed: int = 0
    lots: int = 3
    dies_at: int = -1
    faulty: float = 0.0
    calm_after_s: float = 90.0
    points: int = 0
    deaths: int = 0
    late: list[tuple[int, httpx.Request]] = field(default_factory=list)
    least: int = 0
    getting_in: bool = False
    loses: bool = False
    swallows: bool = False
    delays: bool = False
    stale_s: float = 0.0
    positions: list[tuple[float, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.rig = TradovateRig(self.folder)
        self.chance = random.Random(self.seed)
        whole = entry(f"{OURS}1-0", 1, self.lots)
        children = bracket(whole, 79_600, 80_400)
        self.rig.run(self.rig.broker.place(approve(whole), whole, children))
        self.rig.settle()
        assert self.held == self.lots
        self.least = self.lots
        self.began_ns = self.rig.network.now_utc_ns
        self.book = _book(whole, children)
        self.carry: Callable[[httpx.Request], Awaitable[httpx.Response]] = InProcess.handle_async_request.__get__(
            self.rig.network
        )
        self.rig.network.handle_async_request = self.carried  # type: ignore[method-assign]
        self.journal = Journal(self.folder, ITS)
        self.journal.take("a test", self.began_ns)
        self.journal.widen("MNQ")
        self.taken = True
        self.live()

    @property
    def held(self) -> int:
        return self.rig.sandbox.floor.account.lots("MNQ")

    @property
    def now_s(self) -> float:
        return (self.rig.network.now_utc_ns - self.began_ns) / NS

    def point(self) -> None:
        """A point at which the process may die."""
        self.points += 1
        if self.points == self.dies_at:
            raise Died

    async def carried(self, request: httpx.Request) -> httpx.Response:
        if self.getting_in:
            return await self.carry(request)
        self.point()
        if request.url.path.endswith("/position/list") and self.stale_s:
            return await self.stale(request)
        fault = ""
        if self.chance.random() < self.faulty and self.now_s < self.calm_after_s:
            fault = self.chance.choice(["lost request", "lost answer", "busy", "late"])
        writes = request.method == "POST" and "/order/" in request.url.path
        if request.url.path.endswith("/placeorder") and (self.loses or self.swallows):
            fault = "lost answer" if self.loses else "lost request"
            if self.delays:
                self.late.append((self.rig.network.now_utc_ns + 20 * NS, request))
            self.loses = self.swallows = False
        if fault == "late" and writes:
            due = self.rig.network.now_utc_ns + round(self.chance.uniform(1, 30) * NS)
            self.late.append((due, request))
        if fault in ("lost request", "late"):
            raise httpx.ReadTimeout("no answer")
        if fault == "busy":
            return httpx.Response(503, content=b"busy")
        response: httpx.Response = await self.carry(request)
        if fault == "lost answer":
            raise httpx.ReadTimeout("no answer")
        self.point()
        return response

    async def stale(self, request: httpx.Request) -> httpx.Response:
        """Positions as they were some time ago."""
        answer = await self.carry(request)
        self.positions.append((self.now_s, await answer.aread()))
        then = [body for at, body in self.positions if at <= self.now_s - self.stale_s] or [self.positions[0][1]]
        return httpx.Response(200, headers=answer.headers, content=then[-1])

    def live(self) -> None:
        """A process begins, on what is on disk; that it gets in is not what is tried here."""
        self.getting_in = True
        self.rig.restart()
        self.getting_in = False
        self.journal.close()
        self.journal = Journal(self.folder, ITS)
        write = self.journal._write

        def written(line: Any) -> None:
            self.point()
            write(line)
            self.point()

        self.journal._write = written  # type: ignore[method-assign]
        self.clearing = Clearing(
            self.rig.broker,
            self.journal,
            MARKETS,
            mine=(OURS, ITS),
            now_s=lambda: self.now_s,
            now_utc_ns=lambda: self.rig.network.now_utc_ns,
            may=lambda: self.taken,
        )

    def pass_time(self, seconds: float = 1.0) -> None:
        self.rig.network.wait(seconds)
        due = [request for at, request in self.late if at <= self.rig.network.now_utc_ns]
        self.late = [(at, request) for at, request in self.late if at > self.rig.network.now_utc_ns]
        for request in due:
            self.rig.run(_waited(self.carry(request)))
        self.least = min(self.least, self.held)

    def look(self) -> Left | None:
        try:
            return self.rig.run(self.clearing.look(["MNQ"], self.book))
        except Transient:
            return None
        except Died:
            self.deaths += 1
            self.live()
            return None

    def clear(self) -> int:
        """Look every second until two looks in a row find it flat; gives how many seconds that took."""
        flat = 0
        for second in range(LOOKS_MAX):
            left = self.look()
            flat = flat + 1 if left is not None and left.flat else 0
            if flat == 2:
                return second
            self.pass_time()
        raise AssertionError(f"not flat: {self.held:+d}, {self.journal.incident}")

    def check(self) -> None:
        """What must hold at the end, by the exchange's own books."""
        floor = self.rig.sandbox.floor
        assert self.held == 0
        assert self.least >= 0, "the account was turned around"
        assert [o.number for o in floor.orders.values() if not o.ended] == []
        incident = self.journal.incident
        assert incident is not None
        for cid in incident.exits:
            assert len(floor.named(cid)) <= 1, f"{cid} left twice"


def _book(whole: Intent, children: Sequence[Intent]) -> Book:
    """The book as the daemon's ledger has it: the entry filled, and its bracket works."""
    order = Order(intent=whole, state=OrderState.FILLED, deadline_utc_ns=0, price_ticks=0, filled_lots=whole.lots)
    works = [Order(intent=c, state=OrderState.ACKED, deadline_utc_ns=0, price_ticks=c.price_ticks) for c in children]
    held = Position(strategy="s", market="MNQ", lots=whole.lots, entry_ids=(whole.client_order_id,))
    orders = {o.intent.client_order_id: o for o in (order, *works)}
    return replace(open_book(setup_of()), positions={("s", "MNQ"): held}, orders=orders)


async def _waited(answer: Awaitable[httpx.Response]) -> None:
    await answer


def test_entries_go_first_then_the_stop_then_one_order_takes_it_to_flat(tmp_path: Path) -> None:
    world = World(tmp_path)
    resting = world.rig.resting(f"{OURS}1-1", 2)
    world.rig.run(world.rig.broker.place(approve(resting), resting, ()))
    assert world.clear() < 15
    world.check()
    asked = [line for line in (tmp_path / "journal.jsonl").read_text().splitlines() if '"cancel"' in line]
    assert f"{OURS}1-0s" in asked[-1]
    assert len(asked) == 3
    assert world.journal.incident is not None
    [order] = world.journal.incident.exits.values()
    assert (order.client_order_id.startswith(ITS), order.lots, order.state) == (True, 3, OrderState.FILLED)


def test_a_flat_account_gets_no_order(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.clear()
    sent = world.rig.sent()
    for _ in range(20):
        world.look()
        world.pass_time()
    assert world.rig.sent() == sent
    world.check()


def test_what_opens_while_the_account_is_held_is_closed(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.clear()
    late = entry(f"{OURS}1-2", -1, 1)
    world.rig.run(world.rig.broker.place(approve(late), late, ()))
    world.pass_time()
    assert world.held == -1
    world.least = 0
    world.clear()
    world.least = 0
    world.check()


def test_nothing_leaves_once_a_person_has_taken_the_account_back(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.taken = False
    sent = world.rig.sent()
    for _ in range(30):
        world.look()
        world.pass_time()
    assert (world.rig.sent(), world.held) == (sent, 3)


def test_a_stop_that_fills_while_it_is_cancelled_is_not_closed_twice(tmp_path: Path) -> None:
    world = World(tmp_path)
    for _ in range(3):
        world.look()
        world.pass_time()
    world.rig.prices.set("MNQ", 79_590, 79_591)
    world.clear()
    world.check()


def test_a_lost_answer_is_looked_for_and_never_sent_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.loses = True
    world.clear()
    world.check()
    assert world.journal.incident is not None
    [order] = world.journal.incident.exits.values()
    assert order.state is OrderState.FILLED


def test_what_never_arrived_is_sent_anew_once_its_absence_is_proved(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.swallows = True
    seconds = world.clear()
    world.check()
    assert seconds > world.rig.broker.capabilities.quiet_window_s
    assert world.journal.incident is not None
    assert [o.state for o in world.journal.incident.exits.values()] == [OrderState.ABSENT, OrderState.FILLED]


@pytest.mark.parametrize("dies_at", [-1, 5, 12, 20, 30, 40, 50, 60, 70])
def test_positions_that_are_told_late_are_not_closed_twice(tmp_path: Path, dies_at: int) -> None:
    world = World(tmp_path, stale_s=8.0, dies_at=dies_at)
    for second in range(60):
        world.look()
        world.pass_time()
        if second == 3:
            world.rig.prices.set("MNQ", 79_590, 79_591)
    world.clear()
    world.check()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEEDS))
def test_with_faults_it_comes_to_be_flat_and_never_beyond(tmp_path: Path, seed: int) -> None:
    world = World(tmp_path, seed=seed, faulty=0.3, stale_s=seed % 3 * 4.0)
    world.clear()
    world.pass_time(40)
    world.clear()
    world.check()


@pytest.mark.slow
def test_it_may_die_at_every_point_that_there_is(tmp_path: Path) -> None:
    plain = World(tmp_path / "plain")
    plain.clear()
    for point in range(1, plain.points + 1):
        world = World(tmp_path / str(point), dies_at=point)
        world.clear()
        world.check()
        assert world.deaths == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEEDS))
def test_it_may_die_while_all_else_fails(tmp_path: Path, seed: int) -> None:
    world = World(tmp_path, seed=seed, faulty=0.25, dies_at=10 + 7 * seed, stale_s=seed % 3 * 4.0)
    world.clear()
    world.pass_time(40)
    world.clear()
    world.check()


def test_the_law_sees_an_order_that_is_sent_again_before_its_fate_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead-man that forgets what it sent: the first order arrives late, and the second has sold already."""
    monkeypatch.setattr("gamma.deadman.journal.Exit.ended", property(lambda _: True))
    world = World(tmp_path)
    world.swallows = True
    world.delays = True
    world.clear()
    world.pass_time(40)
    world.pass_time()
    assert world.least < 0


def test_the_law_sees_positions_that_are_believed_too_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Clearing, "_await", lambda *_: None)
    monkeypatch.setattr("gamma.deadman.clearing.RETRY_S", 0.0)
    world = World(tmp_path, stale_s=8.0)
    for _ in range(60):
        world.look()
        world.pass_time()
    assert world.least < 0


def test_the_law_sees_a_start_that_does_not_hold_positions_against_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop fills, and the dead-man begins while the position does not show it yet."""
    monkeypatch.setattr(Clearing, "_square", lambda self, market, *_: self._squared.add(market))
    world = World(tmp_path, stale_s=20.0)
    world.look()
    world.rig.prices.set("MNQ", 79_590, 79_591)
    world.pass_time()
    assert world.held == 0
    world.live()
    for _ in range(60):
        world.look()
        world.pass_time()
    assert world.least < 0

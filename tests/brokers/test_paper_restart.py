"""The paper broker across restarts: a process that is killed at any moment leaves a whole exchange behind."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from brokers.paper import PaperBroker, paper_truth
from gamma.errors import ConfigInvalid, Corrupt, Transient
from gamma.events import OrderState, OrderType
from gamma.ports import Accepted, Lost
from tests.brokers.desk import MARKETS, MINUTE_NS, Desk, approve, bracket, entry, leave

ROOT = Path(__file__).parents[2]

# Places one order a bar for ever, and says which were answered; it never stops by itself.
TRADER = """
import asyncio, sys
from pathlib import Path
from brokers.paper import PaperBroker
from tests.brokers.desk import MARKETS, approve, bar, bracket, entry

path = Path(sys.argv[1])
broker = PaperBroker.open({}, account="paper-1", starting_capital_microusd=10**12, markets=MARKETS, state_path=path)
minute = broker.ts_last_bar_utc_ns // 60_000_000_000 + 1
while True:
    intent = entry(f"{sys.argv[2]}-{minute}", 1 if minute % 2 else -1, 2)
    price = 80_000 - intent.side * 40
    asyncio.run(broker.place(approve(intent), intent, bracket(intent, price, 160_000 - price)))
    print("placed", intent.client_order_id, flush=True)
    broker.trade_through(bar(minute, (20_000, 20_000 + minute % 13, 20_000 - minute % 11, 20_000), volume_lots=15.0))
    print("bar", minute, len(asyncio.run(broker.fills_since("")).fills), flush=True)
    minute += 1
"""


def reopen(desk: Desk, path: Path) -> Desk:
    asyncio.run(desk.broker.close())
    return Desk(path)


def test_all_of_it_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "paper.db"
    desk = Desk(path)
    desk.flat_bar(20_000)
    parent = entry("a", 1, 5)
    desk.accept(parent, bracket(parent, 79_960, 80_100))
    desk.place(entry("b", 1, 1, order_type=OrderType.STOP, price_ticks=1))
    desk.flat_bar(20_000, volume_lots=20)
    before = (desk.fills(), desk.balance_microusd(), desk.equity_microusd(), desk.broker.ts_last_bar_utc_ns)
    listed = asyncio.run(desk.broker.open_orders())

    after = reopen(desk, path)
    assert (after.fills(), after.balance_microusd(), after.equity_microusd(), after.broker.ts_last_bar_utc_ns) == before
    assert asyncio.run(after.broker.open_orders()) == listed
    assert after.state("b") is OrderState.REJECTED
    assert after.place(parent) == Accepted(broker_order_ids={"a": "P1", "as": "P2", "at": "P3"})
    after.minute = 2
    after.bar(20_000, 20_000, 19_980, 19_985)
    # The stop that the first process took closes, in the second, what was filled in the first.
    assert after.prices() == [("a", 2, 80_001), ("a", 3, 80_001), ("as", -5, 79_959)]


def test_a_triggered_stop_stays_triggered(tmp_path: Path) -> None:
    path = tmp_path / "paper.db"
    desk = Desk(path)
    desk.flat_bar(20_000)
    parent = entry("a", 1, 1)
    desk.accept(parent, bracket(parent, 79_960))
    desk.flat_bar(20_000)
    desk.bar(20_000, 20_000, 19_980, 20_000, volume_lots=0.0)
    after = reopen(desk, path)
    after.minute = 3
    after.flat_bar(20_000)
    assert after.prices()[1:] == [("as", -1, 79_999)]


def test_bars_given_again_after_a_restart_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "paper.db"
    desk = Desk(path)
    desk.flat_bar(20_000)
    desk.accept(entry("a", 1, 1))
    desk.flat_bar(20_000)
    for _ in range(5):
        desk.flat_bar(20_010)
    after = reopen(desk, path)
    assert after.broker.ts_last_bar_utc_ns == 8 * MINUTE_NS
    for points in (20_000, 20_000, *[20_010] * 5):
        after.flat_bar(points)
    assert after.prices() == [("a", 1, 80_001)]
    assert after.broker.ts_last_bar_utc_ns == 8 * MINUTE_NS


def test_two_processes_see_what_the_other_did(tmp_path: Path) -> None:
    """The dead-man switch has a session of its own at the same account."""
    path = tmp_path / "paper.db"
    one, other = Desk(path), Desk(path)
    one.flat_bar(20_000)
    one.accept(entry("a", 1, 2))
    one.flat_bar(20_000)
    assert other.positions() == {"MNQ": 2}
    other.accept(leave("x", -1, 2))
    one.flat_bar(20_000)
    assert one.positions() == other.positions() == {}
    assert one.fills() == other.fills()


def test_what_cannot_be_stored_did_not_happen(tmp_path: Path) -> None:
    path = tmp_path / "paper.db"
    desk = Desk(path)
    desk.flat_bar(20_000)
    desk.accept(entry("a", 1, 1))
    full = sqlite3.connect(path)
    full.execute("CREATE TRIGGER full_orders BEFORE INSERT ON fills BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    full.execute("CREATE TRIGGER full_fills BEFORE INSERT ON orders BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    full.commit()
    assert isinstance(desk.place(entry("b", 1, 1)), Lost)
    with pytest.raises(Transient, match="disk full"):
        desk.flat_bar(20_000)
    assert (desk.fills(), desk.positions()) == ([], {})
    full.executescript("DROP TRIGGER full_orders; DROP TRIGGER full_fills;")
    full.close()
    desk.minute -= 1
    desk.flat_bar(20_000)
    assert desk.prices() == [("a", 1, 80_001)]


def test_another_accounts_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "paper.db"
    asyncio.run(Desk(path).broker.close())
    with pytest.raises(ConfigInvalid, match="belongs to paper account 'paper-1' with 50000000000 micro-dollars"):
        Desk(path, capital_usd=1)


def test_a_file_with_a_market_that_is_not_configured_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "paper.db"
    desk = Desk(path)
    desk.accept(entry("a", 1, 1))
    with pytest.raises(ConfigInvalid, match="works in MNQ"):
        PaperBroker.open({}, account="paper-1", starting_capital_microusd=5 * 10**10, markets={}, state_path=path)
    desk.flat_bar(20_000)
    with pytest.raises(ConfigInvalid, match="has traded MNQ"):
        PaperBroker.open({}, account="paper-1", starting_capital_microusd=5 * 10**10, markets={}, state_path=path)


def test_a_file_of_another_kind_or_version_is_refused(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"no database" * 500)
    with pytest.raises(Corrupt, match="move the file away"):
        Desk(garbage)
    path = tmp_path / "paper.db"
    asyncio.run(Desk(path).broker.close())
    later = sqlite3.connect(path)
    later.execute("PRAGMA user_version = 9")
    later.close()
    with pytest.raises(ConfigInvalid, match="schema 9"):
        Desk(path)


@pytest.mark.parametrize("answers", [1, 8, 33, 74])
def test_a_killed_process_leaves_a_whole_exchange(tmp_path: Path, answers: int) -> None:
    path = tmp_path / "paper.db"
    said: list[str] = []
    for life in ("one", "two"):
        process = subprocess.Popen(
            [sys.executable, "-c", TRADER, str(path), life],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        with process, process.stdout as out:  # type: ignore[union-attr]
            said += [out.readline().strip() for _ in range(answers)]
            process.send_signal(signal.SIGKILL)
            said += [line.strip() for line in out]
    positions, fills, orders = paper_truth(path)
    known = {order.client_order_id: order for order in orders}
    placed = [line.split()[1] for line in said if line.startswith("placed")]
    bars = [line.split() for line in said if line.startswith("bar")]
    assert len(placed) >= answers // 2
    # What was answered is there, with its whole bracket; an order that was not answered is there whole or not at all.
    assert all({i, f"{i}s", f"{i}t"} <= known.keys() for i in placed)
    assert len(known) % 3 == 0
    assert all(len(fills) >= int(count) for _, _, count in bars)
    filled = Counter[str]()
    for fill in fills:
        filled[fill.client_order_id] += fill.lots
    assert {i: order.filled_lots for i, order in known.items() if order.filled_lots} == filled
    assert sum(fill.side * fill.lots for fill in fills) == positions.get("MNQ", 0)
    broker = PaperBroker.open({}, account="paper-1", starting_capital_microusd=10**12, markets=MARKETS, state_path=path)
    assert asyncio.run(broker.positions()) == positions
    intent = entry("after", 1, 1)
    assert isinstance(asyncio.run(broker.place(approve(intent), intent, [])), Accepted)
    asyncio.run(broker.close())


def test_a_file_that_cannot_be_read_gives_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "paper.db"
    desk = Desk(path)
    desk.flat_bar(20_000)
    breaking = sqlite3.connect(path)
    breaking.execute("ALTER TABLE fills RENAME TO lost")
    breaking.commit()
    with pytest.raises(Transient, match="cannot be read"):
        desk.positions()
    with pytest.raises(Transient, match="the quote's fills"):
        desk.quote("MNQ", 80_000, 80_001)
    breaking.execute("ALTER TABLE lost RENAME TO fills")
    breaking.commit()
    breaking.close()
    assert desk.positions() == {}

"""An old backup is put back while the broker has traded on: every fill comes home, no id is given twice, and
a person is told what to do about what this ledger cannot know."""

import asyncio
import shutil
from collections import Counter
from pathlib import Path

import pytest

from brokers.paper import paper_truth
from gamma.assembly import rules_of, setup_of
from gamma.daemon import Daemon
from gamma.effects import Answer
from gamma.events import (
    BootStarted,
    Command,
    FlattenRequested,
    ForeignOrderSeen,
    Halted,
    HaltRequested,
    Level,
    OrderFilled,
    OrderIntended,
    OrderKind,
    ResumeRequested,
    TradeClosed,
)
from gamma.invariants.patrol import examine
from gamma.ledger import backup
from gamma.notices import Notice, Severity
from gamma.offline import carry_out
from tests.daemon_case import config_in, facts, trade, write_config
from tests.gamma.test_daemon import holding, when


def put_back(folder: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        (folder / f"gamma.db{suffix}").unlink(missing_ok=True)
    shutil.copy(folder / "backup.db", folder / "gamma.db")


def back_up(folder: Path) -> None:
    backup(f"sqlite:///{folder}/gamma.db", folder / "backup.db")


def given(folder: Path, command: Command) -> Answer:
    return asyncio.run(carry_out(config_in(folder), command))


def flatten(folder: Path) -> Answer:
    return given(folder, FlattenRequested(command_id="f", actor="ann", market="", ts_event_utc_ns=0))


def unsound(folder: Path) -> list[str]:
    config = config_in(folder)
    return [str(v) for v in examine(config.gamma.database, setup_of(config), rules_of(config)).violations]


def at_work(folder: Path) -> list[str]:
    return [o.client_order_id for o in paper_truth(folder / "gamma.paper.db")[2] if o.state in ("acked", "partial")]


def held(folder: Path) -> dict[str, int]:
    return paper_truth(folder / "gamma.paper.db")[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Backed up while something was held; then many round trips, and something is held again."""
    write_config(tmp_path)
    trade(tmp_path, meddle=when(holding))
    back_up(tmp_path)
    trade(tmp_path, bars=60)
    trade(tmp_path, meddle=when(holding))
    assert held(tmp_path)
    put_back(tmp_path)
    return tmp_path


def test_every_fill_since_the_backup_comes_back_and_positions_and_money_are_the_brokers(folder: Path) -> None:
    known = len(facts(folder, OrderFilled))
    daemon = trade(folder, bars=20)
    positions, fills, _ = paper_truth(folder / "gamma.paper.db")
    assert len(fills) > known + 10
    assert {f.fill.execution_id for f in facts(folder, OrderFilled)} == {f.execution_id for f in fills}
    assert positions == {m: lots for m in ("MNQ", "MES") if (lots := daemon.shell.book.lots(m))}
    assert daemon.shell.book.control.balance_gap_microusd in (None, 0)
    assert unsound(folder) == []


def test_it_is_halted_and_a_person_is_told_what_to_do_once_critically(folder: Path) -> None:
    trade(folder, bars=20)
    [halted] = facts(folder, Halted)
    assert (halted.halt.level, halted.halt.reason) == (Level.HALTED, "position_mismatch")
    told = [n for n in facts(folder, Notice) if n.key.startswith("order_foreign:")]
    assert Counter(n.severity for n in told)[Severity.CRITICAL] == 1
    assert len(told) == len({f.client_order_id for f in facts(folder, ForeignOrderSeen)}) > 10
    assert "gamma flatten" in told[0].text
    opened = [f for f in facts(folder, OrderIntended) if f.intent.kind is OrderKind.ENTRY]
    assert opened[-1].ts_event_utc_ns < halted.ts_event_utc_ns


def test_no_id_is_given_a_second_time(folder: Path) -> None:
    issued = {o.client_order_id for o in paper_truth(folder / "gamma.paper.db")[2]}
    known = {i.client_order_id for f in facts(folder, OrderIntended) for i in (f.intent, *f.bracket)}
    trade(folder, bars=3)
    given(folder, ResumeRequested(command_id="r", actor="ann", halt_id="h1", ts_event_utc_ns=0))
    trade(folder, bars=80)
    again = {i.client_order_id for f in facts(folder, OrderIntended) for i in (f.intent, *f.bracket)} - known
    assert len(again) > 10
    assert again.isdisjoint(issued)
    assert len({b.epoch for b in facts(folder, BootStarted)}) == len(facts(folder, BootStarted))


def test_what_the_page_tells_a_person_to_do_brings_the_account_to_rest(folder: Path) -> None:
    trade(folder, bars=3)
    strays = {f.client_order_id for f in facts(folder, ForeignOrderSeen) if f.works}
    assert strays & set(at_work(folder))
    told = given(
        folder, HaltRequested(command_id="h", actor="ann", text="restored", level=Level.REDUCING, ts_event_utc_ns=0)
    )
    assert told.ok
    assert f"{len(strays)} order(s) that this ledger never issued" in flatten(folder).text
    assert not strays & set(at_work(folder))
    assert given(folder, ResumeRequested(command_id="r", actor="ann", halt_id="h1", ts_event_utc_ns=0)).ok
    assert flatten(folder).ok

    def flat(daemon: Daemon) -> bool:
        return not daemon.shell.book.positions

    trade(folder, meddle=when(flat))
    assert held(folder) == {}
    assert at_work(folder) == []
    assert given(folder, ResumeRequested(command_id="r", actor="ann", halt_id="h2", ts_event_utc_ns=0)).ok
    trades = len(facts(folder, TradeClosed))
    trade(folder, bars=60)
    assert len(facts(folder, TradeClosed)) > trades
    assert unsound(folder) == []

"""Commands while no daemon runs: the same engine on the same ledger."""

import asyncio
from pathlib import Path

import pytest

from brokers.paper import paper_truth
from gamma.effects import Answer
from gamma.errors import LedgerInUse
from gamma.events import (
    AckRequested,
    Command,
    FlattenRequested,
    Halted,
    HaltRequested,
    Level,
    OrderIntended,
    OrderKind,
    OrderRejected,
    PeakRebased,
    ReconcileRequested,
    ResolveRequested,
    Resumed,
    ResumeRequested,
    TradeClosed,
)
from gamma.ledger import Ledger
from gamma.offline import carry_out
from gamma.vitals import TAKEN
from tests.daemon_case import config_in, facts, trade, write_config
from tests.gamma.test_daemon import holding, when


def given(folder: Path, command: Command) -> Answer:
    return asyncio.run(carry_out(config_in(folder), command))


def halt(level: Level = Level.REDUCING) -> HaltRequested:
    return HaltRequested(command_id="h", actor="ann", text="news", level=level, ts_event_utc_ns=0)


def resume(halt_id: str = "h1", *, rebase: bool = False) -> ResumeRequested:
    return ResumeRequested(command_id="r", actor="ann", halt_id=halt_id, ts_event_utc_ns=0, rebase=rebase)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A daemon that was stopped while it held something."""
    write_config(tmp_path)
    trade(tmp_path, meddle=when(holding))
    return tmp_path


def test_a_halt_stands_when_the_daemon_comes_and_lifts_by_a_person(folder: Path) -> None:
    assert given(folder, halt()) == Answer(command_id="h", ok=True, text="the account is reducing")
    daemon = trade(folder, bars=100)
    assert daemon.shell.book.state == "REDUCING"
    assert [f.halt.actor for f in facts(folder, Halted)] == ["ann"]
    assert given(folder, resume()).ok
    assert [f.halt_id for f in facts(folder, Resumed)] == ["h1"]


def test_a_halt_that_does_not_stand_cannot_be_lifted(folder: Path) -> None:
    answer = given(folder, resume("h9"))
    assert (answer.ok, answer.text) == (False, "no halt h9; standing: none stands")


def test_positions_are_closed_with_the_first_bar_of_the_next_run(folder: Path) -> None:
    before = len(facts(folder, TradeClosed))
    assert given(folder, FlattenRequested(command_id="f", actor="ann", market="", ts_event_utc_ns=0)).ok
    assert len(facts(folder, TradeClosed)) == before
    trade(folder, bars=2)
    closed = [f.trade.exit_reason for f in facts(folder, TradeClosed)[before:]]
    assert "operator" in closed
    positions, _, _ = paper_truth(folder / "gamma.paper.db")
    assert positions == {}


def test_what_the_broker_did_meanwhile_is_heard_first(folder: Path) -> None:
    answer = given(folder, ReconcileRequested(command_id="c", actor="ann", ts_event_utc_ns=0))
    assert answer == Answer(command_id="c", ok=True, text="reconciled: the book is the broker's")


def test_alerts_are_acknowledged_by_their_key(folder: Path) -> None:
    given(folder, halt())
    ack = AckRequested(command_id="a", actor="ann", alert="halted:the account:news", ts_event_utc_ns=0)
    assert given(folder, ack).text == "acknowledged: halted:the account:news"
    assert not given(folder, AckRequested(command_id="a", actor="ann", alert="nothing", ts_event_utc_ns=0)).ok


def test_an_order_that_is_known_needs_no_word_of_a_person(folder: Path) -> None:
    command = ResolveRequested(
        command_id="x", actor="ann", client_order_id="g38-1-0", outcome="absent", ts_event_utc_ns=0
    )
    assert given(folder, command) == Answer(command_id="x", ok=False, text="g38-1-0 is no unresolved order")


def test_nothing_is_resumed_while_the_kill_switch_is_on(folder: Path) -> None:
    given(folder, halt(Level.HALTED))
    (folder / "gamma.kill").touch()
    answer = given(folder, resume())
    assert not answer.ok
    assert "remove" in answer.text
    (folder / "gamma.kill").unlink()
    assert given(folder, resume()).ok


def test_the_peak_that_a_person_sets_is_of_what_is_open_at_its_last_price(folder: Path) -> None:
    book = trade(folder, bars=2).shell.book
    assert book.money.equity_microusd != book.balance_microusd
    given(folder, halt())
    assert given(folder, resume(rebase=True)).ok
    (rebased,) = facts(folder, PeakRebased)
    assert rebased.equity_microusd == book.money.equity_microusd


def test_the_ledger_of_a_running_daemon_is_left_alone(folder: Path) -> None:
    config = config_in(folder)
    held = Ledger.open(config.gamma.database, account="paper", mode="paper")
    try:
        with pytest.raises(LedgerInUse, match="is in use by process"):
            given(folder, halt())
    finally:
        held.close()


def test_nobody_closes_positions_beside_the_dead_man_and_nothing_leaves_while_it_has_the_account(folder: Path) -> None:
    switch = folder / "gamma.kill"
    switch.write_text(f"{TAKEN}it hangs")
    flatten = FlattenRequested(command_id="f", actor="ann", market="", ts_event_utc_ns=0)
    before = len(facts(folder, OrderIntended))
    answer = given(folder, flatten)
    assert (answer.ok, str(switch) in answer.text) == (False, True)
    daemon = trade(folder, bars=30)
    assert daemon.shell.book.state == "HALTED"
    assert {h.reason for h in daemon.shell.book.halts.values()} == {"dead_man"}
    intended = [f.intent for f in facts(folder, OrderIntended)][before:]
    assert {intent.kind for intent in intended} <= {OrderKind.CANCEL}
    assert {r.code for r in facts(folder, OrderRejected)} <= {"taken"}
    assert len(facts(folder, OrderRejected)) == len(intended)
    switch.unlink()
    assert given(folder, resume()).ok
    assert given(folder, flatten).ok

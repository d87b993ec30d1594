"""What the daemon does about what must always hold: at its start, every hour, and when a person wants to go on."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gamma.assembly import rules_of, setup_of
from gamma.daemon import Daemon
from gamma.errors import Corrupt, InvariantBroken
from gamma.events import BootStarted, Halted, Level, OrderAccepted, OrderIntended, ResumeRequested
from gamma.invariants import Violation
from gamma.invariants.patrol import Patrol, examine, refuse
from gamma.ledger import Ledger
from gamma.notices import Notice, Severity
from gamma.offline import carry_out
from gamma.reasons import Reason
from gamma.recovery import recover
from tests.daemon_case import config_in, facts, gamma, trade, write_config
from tests.gamma.test_daemon import until


def ledger_in(folder: Path) -> Ledger:
    return Ledger.open(f"sqlite:///{folder}/gamma.db", account="paper", mode="paper")


def patrol_of(ledger: Ledger, folder: Path) -> Patrol:
    config = config_in(folder)
    return Patrol(ledger, setup_of(config), rules_of(config))


def break_i6(folder: Path) -> None:
    """The broker has accepted an order that nobody intended."""
    ledger = ledger_in(folder)
    ledger.append([OrderAccepted(client_order_id="g38-1-99", broker_order_id="P9", ts_event_utc_ns=1)])
    ledger.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A daemon that traded, and was stopped."""
    write_config(tmp_path, more="\n[schedule]\ninvariants_s = 0.05\n")
    trade(tmp_path, bars=120)
    return tmp_path


def test_the_start_refuses_a_ledger_in_which_something_does_not_hold(folder: Path) -> None:
    break_i6(folder)
    intended = len(facts(folder, OrderIntended))
    for _ in range(2):
        with pytest.raises(InvariantBroken, match=r"I6: .* g38-1-99.*; nothing is traded until .* gamma doctor"):
            trade(folder, bars=120)
    [halted] = facts(folder, Halted)
    assert (halted.halt.scope, halted.halt.level, halted.halt.reason) == ("account", Level.HALTED, Reason.INVARIANT)
    told = [n for n in facts(folder, Notice) if n.key == "invariant:I6"]
    assert [n.severity for n in told] == [Severity.CRITICAL]
    assert len(facts(folder, BootStarted)) == 1
    assert len(facts(folder, OrderIntended)) == intended


def test_the_process_ends_with_70_and_says_what_to_do(folder: Path) -> None:
    break_i6(folder)
    done = gamma(folder, "run", "--plain", "--speed", "max", "--bars", "3")
    assert done.returncode == 70
    assert "gamma doctor" in done.stderr
    assert "Traceback" not in done.stderr


def test_resume_is_refused_while_it_stands(folder: Path) -> None:
    break_i6(folder)
    with pytest.raises(InvariantBroken):
        trade(folder, bars=1)
    command = ResumeRequested(command_id="r", actor="ann", halt_id="h1", ts_event_utc_ns=0)
    answer = asyncio.run(carry_out(config_in(folder), command))
    assert not answer.ok
    assert answer.text.startswith("I6: OrderAccepted of g38-1-99")
    assert "gamma doctor" in answer.text


def spoilt(change: Callable[[Daemon], Any]) -> Callable[[Daemon], Any]:
    """Beside the daemon: spoil something while it trades, and let it go on."""

    async def beside(daemon: Daemon) -> None:
        await until(lambda: daemon.ready and daemon.desk.bars > 20)
        change(daemon)

    return beside


def miscount(daemon: Daemon) -> None:
    shell = daemon.shell
    shell.book = replace(shell.book, halt_count=shell.book.halt_count + 7)


def test_the_hourly_look_ends_a_daemon_whose_book_is_not_its_ledgers(folder: Path) -> None:
    with pytest.raises(InvariantBroken, match=r"I13: .* differ in halt_count"):
        trade(folder, meddle=spoilt(miscount))
    assert facts(folder, Halted)[-1].halt.reason == Reason.INVARIANT
    assert any(n.key == "invariant:I13" for n in facts(folder, Notice))


def test_the_next_start_is_halted_and_a_person_may_resume_when_the_ledger_is_sound(folder: Path) -> None:
    with pytest.raises(InvariantBroken):
        trade(folder, meddle=spoilt(miscount))
    halt = facts(folder, Halted)[-1].halt
    daemon = trade(folder, bars=3)
    assert daemon.shell.book.state == "HALTED"
    command = ResumeRequested(command_id="r", actor="ann", halt_id=halt.halt_id, ts_event_utc_ns=0)
    assert asyncio.run(carry_out(config_in(folder), command)).ok


def test_the_hourly_look_lets_a_sound_daemon_trade_on(folder: Path) -> None:
    before = Ledger.open(f"sqlite:///{folder}/gamma.db", account="paper", mode="paper")
    before.close()
    daemon = trade(folder, bars=200)
    assert daemon.desk.bars == 200
    assert daemon.housekeeping.patrol.seq > before.head[0]
    assert facts(folder, Halted) == []


def test_rounds_in_pieces_find_what_one_look_finds(folder: Path) -> None:
    break_i6(folder)
    config = config_in(folder)
    ledger = ledger_in(folder)
    try:
        patrol, book = patrol_of(ledger, folder), recover(setup_of(config), rules_of(config), ledger)
        pieces = 1
        while not patrol.advance(7):
            pieces += 1
        assert pieces == -(-ledger.head[0] // 7)
        whole = examine(config.gamma.database, setup_of(config), rules_of(config))
        assert patrol.found(book) == whole.violations
        assert [v.invariant for v in whole.violations] == ["I6"]
    finally:
        ledger.close()


def test_a_round_begins_where_the_last_one_ended(folder: Path) -> None:
    config = config_in(folder)
    ledger = ledger_in(folder)
    try:
        book = recover(setup_of(config), rules_of(config), ledger)
        patrol = patrol_of(ledger, folder)
        assert patrol.whole(config.gamma.database, book) == []
        ledger.append([OrderAccepted(client_order_id="g38-1-99", broker_order_id="P9", ts_event_utc_ns=1)])
        assert patrol.advance()
        assert [v.invariant for v in patrol.found(book)] == ["I6"]
    finally:
        ledger.close()


def test_a_row_that_was_changed_under_the_daemon_breaks_i8(folder: Path) -> None:
    config = config_in(folder)
    ledger = ledger_in(folder)
    try:
        book = recover(setup_of(config), rules_of(config), ledger)
        ledger._db.exec_driver_sql("DROP TRIGGER fills_no_update")
        ledger._db.exec_driver_sql("UPDATE fills SET lots = lots + 1")
        patrol = patrol_of(ledger, folder)
        while not patrol.advance():
            pass
        found = patrol.found(book)
        assert {v.invariant for v in found} == {"I8"}
        assert "lots is 2, the event says 1" in found[0].text
    finally:
        ledger.close()


def test_a_damaged_file_is_not_written_to_any_more() -> None:
    with pytest.raises(Corrupt, match="I8: file: database disk image is malformed; nothing is traded"):
        refuse([Violation(invariant="I8", text="file: database disk image is malformed")])
    refuse([])


def test_a_ledger_in_memory_is_looked_at_too(folder: Path) -> None:
    config = config_in(folder)
    ledger = Ledger.open("sqlite:///:memory:", account="paper", mode="paper")
    ledger.append([BootStarted(epoch=1, config_hash="", code_hash="", ts_event_utc_ns=1)])
    patrol = Patrol(ledger, setup_of(config), rules_of(config))
    assert patrol.whole("sqlite:///:memory:", recover(setup_of(config), rules_of(config), ledger)) == []
    ledger.close()

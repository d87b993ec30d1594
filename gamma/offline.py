"""What a command does when no daemon runs: the same engine, the same ledger, one event."""

import time
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from gamma.assembly import Assembly, assemble, paper_state_path
from gamma.book import Book
from gamma.bookmark import find
from gamma.config import Config
from gamma.effects import Answer
from gamma.errors import InvariantBroken
from gamma.events import (
    AckRequested,
    BarClosed,
    Command,
    FlattenRequested,
    ReconcileRequested,
    Recorded,
    ResumeRequested,
)
from gamma.invariants.patrol import examine
from gamma.ledger import Ledger
from gamma.recovery import recover
from gamma.shell import Shell
from gamma.vitals import taken

RECONCILED: Final = "reconciled: the book is the broker's"
WARM_BARS: Final = 60


class Answers:
    """An observer that keeps the answers to commands, until what they tell of is on disk."""

    def __init__(self) -> None:
        self.given: dict[str, Answer] = {}

    def recorded(self, fact: Recorded, book: Book) -> None:
        """Facts are not for it."""

    def answered(self, answer: Answer) -> None:
        """Keep it, under the command that it answers."""
        self.given[answer.command_id] = answer


async def carry_out(config: Config, command: Command) -> Answer:
    """Open the ledger, reconcile with the broker, and take the command through the engine.

    Raises: LedgerInUse when a daemon runs: the command is its to carry out; Transient when the broker gives no answer.
    """
    opened = Ledger.open(config.gamma.database, account=config.account.name, mode=config.gamma.mode)
    with closing(opened) as ledger:
        assembly = assemble(config, state_path=paper_state_path(config))
        try:
            answer = await _carry_out(assembly, ledger, command)
        finally:
            await assembly.broker.close()
        ledger.commit()
    return answer


async def _carry_out(assembly: Assembly, ledger: Ledger, command: Command) -> Answer:
    bookmark = find(assembly.config.gamma.database, assembly.setup, ledger.hash_at)
    answers, book = Answers(), recover(assembly.setup, assembly.rules, ledger, bookmark)
    now = book.ts_event_utc_ns
    shell = Shell(book, assembly.rules, store=ledger, broker=assembly.broker, now=lambda: now, observers=(answers,))
    shell.taken = partial(taken, Path(assembly.config.paths.kill_switch))
    shell.read_on((await assembly.broker.connect()).account)
    for market in assembly.setup.markets:  # what is open is worth what it last traded at
        for bar in assembly.feed.history(market, now, WARM_BARS):
            shell.see(BarClosed(bar=bar, ts_event_utc_ns=bar.ts_close_utc_ns))
    await (shell.reconcile_all() if isinstance(command, ReconcileRequested) else shell.reconcile())
    if isinstance(command, AckRequested):
        return acknowledge(ledger, command)
    if isinstance(command, ReconcileRequested):
        return Answer(command_id=command.command_id, ok=True, text=RECONCILED)
    if refused := refuse_switched(assembly.config, command) or _unsound(assembly, command):
        return refused
    await shell.feed(replace(command, ts_event_utc_ns=now))
    if command.command_id not in answers.given:
        raise InvariantBroken(f"{type(command).__name__} was given no answer")
    return answers.given[command.command_id]


def refuse_switched(config: Config, command: Command) -> Answer | None:
    """Nothing is resumed while the kill switch is on: it would halt again at once. Nor does anybody close positions
    beside the dead-man: both would close them.
    """
    switch = Path(config.paths.kill_switch)
    if isinstance(command, FlattenRequested) and taken(switch):
        text = (
            f"the dead-man has the account, and closes what must be flat; to do it yourself remove {switch.absolute()}"
        )
    elif isinstance(command, ResumeRequested) and switch.exists():
        text = f"the kill switch is on: remove {switch.absolute()} first"
    else:
        return None
    return Answer(command_id=command.command_id, ok=False, text=text)


def _unsound(assembly: Assembly, command: Command) -> Answer | None:
    """Nothing is resumed on a ledger in which something does not hold that always must: the daemon would not start."""
    if not isinstance(command, ResumeRequested):
        return None
    found = examine(assembly.config.gamma.database, assembly.setup, assembly.rules).violations
    text = f"{found[0]}; run gamma doctor, which lists all that is wrong and what to do" if found else ""
    return Answer(command_id=command.command_id, ok=False, text=text) if found else None


def acknowledge(ledger: Ledger, command: AckRequested) -> Answer:
    """Mark alerts as seen by a person."""
    seen = ledger.outbox.ack(command.alert, time.time_ns())
    named = f"{command.alert!r} waits" if command.alert else "waits"
    text = f"acknowledged: {', '.join(sorted({a.notice.key for a in seen}))}" if seen else f"no critical alert {named}"
    return Answer(command_id=command.command_id, ok=bool(seen) or not command.alert, text=text)

"""What a command does when no daemon runs: the same engine, the same ledger, one event."""

import time
from contextlib import closing
from dataclasses import replace

from gamma.assembly import assemble, paper_state_path
from gamma.config import Config
from gamma.effects import Answer
from gamma.errors import InvariantBroken
from gamma.events import AckRequested, Command, ReconcileRequested
from gamma.ledger import Ledger
from gamma.recovery import recover
from gamma.shell import Shell


class _Heard:
    """Keeps the answer."""

    def __init__(self) -> None:
        self.answer: Answer | None = None

    def recorded(self, fact: object, book: object) -> None:
        """Facts are not for it."""

    def answered(self, answer: Answer) -> None:
        """The answer is what it waits for."""
        self.answer = answer


async def carry_out(config: Config, command: Command) -> Answer:
    """Open the ledger, reconcile with the broker, and take the command through the engine.

    Raises: LedgerInUse when a daemon runs: the command is its to carry out.
    """
    opened = Ledger.open(config.gamma.database, account=config.account.name, mode=config.gamma.mode)
    with closing(opened) as ledger:
        assembly = assemble(config, state_path=paper_state_path(config))
        book = recover(assembly.setup, assembly.rules, ledger)
        heard = _Heard()
        now = book.ts_event_utc_ns
        shell = Shell(book, assembly.rules, store=ledger, broker=assembly.broker, now=lambda: now, observers=(heard,))
        await assembly.broker.connect()
        try:
            await shell.reconcile()
            if isinstance(command, AckRequested):
                return acknowledge(ledger, command)
            if isinstance(command, ReconcileRequested):
                return Answer(command_id=command.command_id, ok=True, text="reconciled: the book is the broker's")
            await shell.feed(replace(command, ts_event_utc_ns=now))
        finally:
            ledger.commit()
            await assembly.broker.close()
    if heard.answer is None:
        raise InvariantBroken(f"{type(command).__name__} was given no answer")
    return heard.answer


def acknowledge(ledger: Ledger, command: AckRequested) -> Answer:
    """Mark alerts as seen by a person."""
    seen = ledger.outbox.ack(command.alert, time.time_ns())
    text = ", ".join(sorted({a.notice.key for a in seen})) or "nothing"
    ok = bool(seen) or not command.alert
    return Answer(command_id=command.command_id, ok=ok, text=f"acknowledged: {text}")

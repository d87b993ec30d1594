"""A contender for an account: while it has the lease it sends orders as the daemon does, and writes each down.

The observer's log is a file that everybody appends to, one line a write: the kernel puts the lines in their
true order, whoever dies when. It is the broker as well: an order has arrived when its line is there.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final, final

from gamma.errors import ConfigInvalid, GammaError, LedgerFailed
from gamma.events import BootStarted, Intent, Leg, OrderAbsent, OrderAccepted, OrderIntended, OrderKind, OrderType
from gamma.ledger import Ledger

ACCOUNT: Final = "paper"
QUIET_S: Final = 1.0
"""How long an order may be on its way: whoever finds one in the ledger sends nothing before it is proved absent."""
_PATIENCE_S: Final = 60.0

Line = dict[str, Any]


@final
class Log:
    """The observer's log."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, what: str, who: int, **facts: int | str) -> None:
        """Add a line."""
        os.write(self._handle, json.dumps({"what": what, "who": who, **facts}).encode() + b"\n")

    def lines(self) -> Iterator[Line]:
        """All that was written, in its order."""
        with self._path.open(encoding="utf-8") as file:
            yield from map(json.loads, file)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._handle)


@final
@dataclass(slots=True, kw_only=True)
class Contender:
    """One process in the race; it never ends by itself, but for its parent's end."""

    url: str
    log: Log
    who: int
    chance: Random
    terms: int = 0

    def run(self) -> None:
        """Try for the lease, send while it is held, let go or lose it, and again."""
        parent, until = os.getppid(), time.monotonic() + _PATIENCE_S
        while os.getppid() == parent and time.monotonic() < until:
            began = time.monotonic_ns()
            try:
                ledger = Ledger.open(self.url, account=ACCOUNT, mode="paper")
            except (ConfigInvalid, LedgerFailed):  # held by another, or the server is down
                time.sleep(self.chance.uniform(0.0, 0.004))
                continue
            except GammaError as error:
                self.log.write("refused", self.who, text=f"{type(error).__name__}: {error}")
                continue
            with closing(ledger):
                self._term(ledger, began)

    def _term(self, ledger: Ledger, began_ns: int) -> None:
        self.terms += 1
        held = {"head": ledger.head[0], "session": _session(ledger), "ns": began_ns}
        self.log.write("took", self.who, term=self.terms, **held)
        try:
            epoch = self._boot(ledger)
            for number in range(self.chance.randrange(1, 60)):
                self._submit(ledger, f"g{epoch}-{number}")
            ledger.commit()
            self.log.write("left", self.who, term=self.terms)
        except GammaError as error:
            self.log.write("lost", self.who, term=self.terms, text=f"{type(error).__name__}: {error}")

    def _boot(self, ledger: Ledger) -> int:
        """A new epoch; then find out what became of each order of which that is not known."""
        epoch, unresolved = 0, dict[str, None]()
        for fact in ledger.facts():
            if isinstance(fact, BootStarted):
                epoch = fact.epoch
            elif isinstance(fact, OrderIntended):
                unresolved[fact.intent.client_order_id] = None
            elif isinstance(fact, OrderAccepted | OrderAbsent):
                unresolved.pop(fact.client_order_id, None)
        now = time.time_ns()
        ledger.append([BootStarted(epoch=epoch + 1, config_hash="", code_hash="", ts_event_utc_ns=now)])
        ledger.commit()
        for cid in unresolved:
            found = self._find(cid)
            fact = (
                OrderAccepted(client_order_id=cid, broker_order_id="", ts_event_utc_ns=now)
                if found
                else OrderAbsent(client_order_id=cid, actor="", ts_event_utc_ns=now)
            )
            ledger.append([fact])
        ledger.commit()
        return epoch + 1

    def _find(self, cid: str) -> bool:
        """Ask the broker until it has the order, or the quiet window has passed."""
        until = time.monotonic() + QUIET_S
        while time.monotonic() < until:
            if any(line.get("id") == cid for line in self.log.lines()):
                return True
            time.sleep(0.02)
        return False

    def _submit(self, ledger: Ledger, cid: str) -> None:
        """Recorded, seen to be alone, sent, answered."""
        now = time.time_ns()
        ledger.append([_intended(cid, now)])
        seq = ledger.head[0]
        self._dawdle()
        ledger.commit()
        self._dawdle()
        ledger.check_lease()
        self.log.write("sent", self.who, term=self.terms, id=cid, seq=seq)
        ledger.append([OrderAccepted(client_order_id=cid, broker_order_id="", ts_event_utc_ns=now)])

    def _dawdle(self) -> None:
        """Now and then, so that whatever may happen here has the time to."""
        if self.chance.random() < 0.1:
            time.sleep(self.chance.uniform(0.0, 0.005))


def _session(ledger: Ledger) -> int:
    """The server's process behind the ledger's connection; 0 for a file."""
    info = getattr(ledger._raw, "info", None)  # noqa: SLF001  (what is killed from without is not for everybody)
    return 0 if info is None else int(info.backend_pid)


def _intended(cid: str, now_utc_ns: int) -> OrderIntended:
    intent = Intent(
        client_order_id=cid,
        decision_id=cid,
        strategy="race",
        market="MNQ",
        kind=OrderKind.ENTRY,
        order_type=OrderType.MARKET,
        side=1,
        lots=1,
        legs=(Leg(symbol="MNQ", ratio=1),),
        ts_event_utc_ns=now_utc_ns,
    )
    return OrderIntended(intent=intent, bracket=(), deadline_utc_ns=now_utc_ns, ts_event_utc_ns=now_utc_ns)

"""Rivals: the shipped daemon, started twice at once on one configuration.

One trades, the other ends with 78 and says why.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from subprocess import Popen
from typing import Final, final

from gamma.chaos.races import postgresql
from gamma.ledger import Reader, verify

ROUNDS: Final = 2
FAILED: Final = 1
REFUSED: Final = 78
_WAIT_MAX_S: Final = 90.0
_POLL_S: Final = 0.02
_CONFIG: Final = """
[gamma]
database = {url}

[account]
starting_capital_usd = 1_000_000

[feed]
seed = {seed}
start = "2026-03-02"
speed = 30_000

[[strategies]]
name = "mnq"
market = "MNQ"
signal = {{ use = "breakout", entry_bars = 4, stop_atr = 1.0, target_r = 1.5 }}
sizers = ["fixed"]
guards = ["safety_halt"]

[sizers.fixed]
lots = 1

[guards.safety_halt]
halt_frac = 0.5
drawdown_half_frac = 0.97
drawdown_halt_frac = 0.98
"""


@final
class Rival:
    """One process of `gamma run`; what it says goes into files of the folder."""

    def __init__(self, folder: Path, number: int) -> None:
        self._said, self._wrong = folder / f"{number}.out", folder / f"{number}.err"
        command = [sys.executable, "-c", "from gamma.cli import main; main()", "run", "--plain"]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GAMMA")}
        with self._said.open("wb") as out, self._wrong.open("wb") as err:
            self.process = Popen(command, cwd=folder, env=clean | {"NO_COLOR": "1"}, stdout=out, stderr=err)

    @property
    def ended(self) -> int | None:
        """Its exit status; None while it runs."""
        return self.process.poll()

    @property
    def ready(self) -> bool:
        """Whether it has come to trade."""
        return bool(self.told("ready"))

    def told(self, event: str) -> list[str]:
        """Its log's lines of this event."""
        lines = self._said.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if line.startswith("{") and f'"event": {json.dumps(event)}' in line]

    @property
    def wrong(self) -> str:
        """What it said of an error, on one line."""
        return " ".join(self._wrong.read_text(encoding="utf-8").split())


@final
@dataclass(slots=True, kw_only=True)
class Contest:
    """Two daemons start, one is ended by force, and two start again; in the end one stops cleanly."""

    folder: Path
    url: str
    chance: Random
    server: postgresql.Server | None
    crashes: int = 0
    sent: int = 0
    found: list[str] = field(default_factory=list)

    def run(self) -> list[str]:
        """What was wrong."""
        config = self.folder / "config.toml"
        config.write_text(_CONFIG.format(url=json.dumps(self.url), seed=self.chance.randrange(1, 1000)))
        config.chmod(0o600)
        for number in range(ROUNDS):
            pair = self._pair(number)
            try:
                self._round(pair, last=number == ROUNDS - 1)
            finally:
                for rival in pair:
                    rival.process.kill()
                    rival.process.wait()
            if self.found:
                return self.found
        return [*self.found, *self._recorded()]

    def _pair(self, number: int) -> tuple[Rival, Rival]:
        first = Rival(self.folder, 2 * number)
        time.sleep(self.chance.choice((0.0, 0.0, self.chance.uniform(0.0, 0.5))))
        return first, Rival(self.folder, 2 * number + 1)

    def _round(self, pair: tuple[Rival, Rival], *, last: bool) -> None:
        _await(lambda: all(r.ready or r.ended is not None for r in pair))
        if sum(r.ready for r in pair) != 1 or all(r.ended is None for r in pair):
            told = [(r.ended, r.ready, r.wrong) for r in pair]
            self.found.append(f"of two daemons one is to trade and the other to give up: {told}")
            return
        winner, loser = pair if pair[0].ready else pair[::-1]
        if loser.ended != REFUSED or "in use by" not in loser.wrong:
            self.found.append(f"the second daemon ended with {loser.ended}: {loser.wrong}")
        self.sent += len(winner.told("decision"))
        if loser.told("decision"):
            self.found.append("both daemons decided")
        time.sleep(self.chance.uniform(0.0, 1.0))
        if winner.ended is not None:
            self.found.append(f"the first daemon ended by itself with {winner.ended}: {winner.wrong}")
        elif last:
            self._stop(winner)
        elif self.server is not None and self.chance.random() < 0.5:
            self._cut(winner, self.server)
        else:
            self.crashes += 1

    def _stop(self, winner: Rival) -> None:
        winner.process.send_signal(signal.SIGTERM)
        if not _await(lambda: winner.ended is not None) or winner.ended:
            self.found.append(f"asked to stop it ended with {winner.ended}: {winner.wrong}")

    def _cut(self, winner: Rival, server: postgresql.Server) -> None:
        """Without its session it must end by itself."""
        with postgresql.session(server.url) as db:
            for session in postgresql.leaseholders(db, self.url):
                db.execute("SELECT pg_terminate_backend(%s, 10000)", (session,))
        self.crashes += 1
        if not _await(lambda: winner.ended is not None):
            self.found.append("it goes on without its lease")
        elif winner.ended != FAILED or "nothing is sent that is not recorded" not in winner.wrong:
            self.found.append(f"without its lease it ended with {winner.ended}: {winner.wrong}")

    def _recorded(self) -> Iterator[str]:
        yield from verify(self.url).problems
        with closing(Reader.open(self.url)) as reader:
            epochs = [row["epoch"] for row in reader.boots()]
        if len(epochs) != ROUNDS or epochs != sorted(set(epochs)):
            yield f"{ROUNDS} daemons came to trade, and the ledger tells of epochs {epochs}"


def _await(true: Callable[[], bool]) -> bool:
    until = time.monotonic() + _WAIT_MAX_S
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(_POLL_S)
    return False

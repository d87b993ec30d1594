"""A second daemon on the account: it must not be let in, and where it was, the first must send nothing more."""

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, final

from gamma.chaos.drill import ACCOUNT
from gamma.chaos.simulation.gate import Gate
from gamma.chaos.simulation.loop import Time
from gamma.clock import NS
from gamma.errors import GammaError, LedgerInUse
from gamma.ledger import Ledger
from gamma.ledger.connections import file_of

SWEPT_FRAC: Final = 0.4
HOLD_MAX_S: Final = 40.0
TIMES_MAX: Final = 4


@final
class Rivalry:
    """Opens the ledger as a second daemon would, now and then after somebody has swept the lock away.

    The rival does nothing but hold what it got: whatever the first still sends in that time is one too many.
    """

    def __init__(self, url: str, time: Time, gate: Gate, say: Callable[[str], None]) -> None:
        self._url = url
        self._time = time
        self._gate = gate
        self._say = say
        self._swept = False
        self._rival: Ledger | None = None

    def begin(self, rng: random.Random, tail_utc_ns: int) -> None:
        """Choose when a second daemon is started; before the tail it is gone."""
        for _ in range(rng.randint(1, TIMES_MAX)):
            due = self._time.now + round(rng.random() * (tail_utc_ns - self._time.now))
            until = min(tail_utc_ns, due + round(rng.uniform(1.0, HOLD_MAX_S) * NS))
            swept = rng.random() < SWEPT_FRAC
            self._time.at(due, partial(self._challenge, until, swept=swept))

    def ended(self, error: GammaError) -> bool:
        """Whether a daemon ended as it should: somebody swept its lock away, and it says so."""
        return self._swept and "I11: the lease of the account is lost" in str(error)

    def _challenge(self, until_utc_ns: int, *, swept: bool) -> None:
        if self._rival is not None:
            return
        path = file_of(self._url)
        if swept and path is not None:
            self._say("somebody takes the lock away")
            Path(f"{path}.lock").unlink(missing_ok=True)
            self._swept = True
        try:
            self._rival = Ledger.open(self._url, account=ACCOUNT, mode="paper", clock_ns=self._time.wall_ns)
        except LedgerInUse:
            self._say("a second daemon is not let in")
            return
        self._say("a second daemon is let in")
        self._gate.rival = True
        self._time.at(until_utc_ns, self._leave)

    def _leave(self) -> None:
        self._say("the second daemon is gone")
        self._gate.rival = False
        if self._rival is not None:
            self._rival.abandon()
            self._rival = None

"""Signs of life: what the daemon leaves for whoever watches over it, and how an account is taken out of its hands.

After each heartbeat the daemon writes a small file beside its ledger, aside and renamed. It is written in the
scheduler's job, in the daemon's turn and after a commit, so that it tells that loop, scheduler and ledger live; that
the broker does not answer is said in it. Who reads it goes by whether it changes, by a clock of their own: no wall
clock is compared with another.

Where the kill switch was thrown by the dead-man, the account is in its hands for as long as the file stands: the
daemon sends nothing at all, exits neither.
"""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final, final

import structlog

from gamma.clock import NS, Clock
from gamma.ledger.backup import synced
from gamma.requests import folder_of

TAKEN: Final = "gamma deadman: "
"""How a kill switch begins that the dead-man has thrown."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_IN_MEMORY: Final = ("sqlite://", "sqlite:///", "sqlite:///:memory:")
_READ_MAX: Final = 4096

log = structlog.get_logger("gamma.vitals")


class Vital(StrEnum):
    """How the daemon said that it was."""

    ALIVE = "alive"
    ILL = "ill"
    """It runs, and its broker does not answer."""
    STOPPED = "stopped"
    """A person stopped it, or its bars came to an end."""
    FAILED = "failed"
    """It ended by itself, and says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One sign of life: the `beat`-th of a process.

    `monotonic_ns` counts from the start of the machine, which `boot_id` names: within it, it tells how old this is.
    """

    state: Vital
    why: str
    pid: int
    beat: int
    monotonic_ns: int
    boot_id: str
    kill_switch: str
    ts_wall_utc_ns: int

    def age_s(self, monotonic_ns: int, boot_id: str) -> float | None:
        """How old it is [s]; None where it was written before the machine was started anew."""
        if not boot_id or boot_id != self.boot_id:
            return None
        return max(0.0, (monotonic_ns - self.monotonic_ns) / NS)


def sign_path(database: str, account: str) -> Path:
    """Where a daemon's sign of life lies: beside the ledger's file."""
    return folder_of(database, account).with_suffix(".alive")


def boot_id() -> str:
    """What this start of the machine is called; "" where nobody names it."""
    with suppress(OSError):
        return _BOOT_ID.read_text().strip()
    return ""


def read_sign(path: Path) -> Sign | None:
    """The last sign of life; None where there is none that can be read."""
    try:
        told = json.loads(path.read_text())
        return Sign(**{**told, "state": Vital(told["state"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def taken(kill_switch: Path) -> bool:
    """Whether the account is in the dead-man's hands: it has thrown the kill switch, and nobody took that back."""
    try:
        with kill_switch.open("rb") as file:
            return file.read(_READ_MAX).startswith(TAKEN.encode())
    except FileNotFoundError:
        return False
    except OSError:  # it is there, and nobody can say whose it is
        return True


def throw(switch: Path, why: str) -> None:
    """Throw the kill switch whole, and only where nobody has.

    Raises: FileExistsError when it is thrown already; OSError.
    """
    draft = switch.with_name(f"{switch.name}.{os.getpid()}.draft")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(f"{TAKEN}{why}. Remove this file when you have looked, then: gamma resume --ack ID\n")
            file.flush()
            os.fsync(file.fileno())
        switch.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)
    synced(switch.parent)


@final
class Pulse:
    """The daemon's end: says after each heartbeat that it lives. A disk that does not take it costs the sign alone."""

    def __init__(self, database: str, account: str, kill_switch: Path, clock: Clock) -> None:
        self._path = None if database in _IN_MEMORY else sign_path(database, account)
        self._clock = clock
        self._sign = Sign(
            state=Vital.ALIVE,
            why="",
            pid=os.getpid(),
            beat=0,
            monotonic_ns=0,
            boot_id=boot_id(),
            kill_switch=str(kill_switch.absolute()),
            ts_wall_utc_ns=0,
        )

    def tell(self, state: Vital, why: str = "") -> None:
        """Leave a sign."""
        if self._path is None:
            return
        self._sign = replace(
            self._sign,
            state=state,
            why=why,
            beat=self._sign.beat + 1,
            monotonic_ns=self._clock.monotonic_ns(),
            ts_wall_utc_ns=self._clock.wall_ns(),
        )
        draft = self._path.with_suffix(f".{self._sign.pid}.draft")
        try:
            draft.write_text(json.dumps(asdict(self._sign)))
            draft.replace(self._path)
        except OSError as error:
            log.warning("no_sign_of_life", cause=str(error))

"""Telling a silent daemon from a living one: by whether its sign of life changes, on a clock of our own."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, final

from gamma.clock import NS, Clock
from gamma.vitals import Sign, Vital, boot_id, read_sign

GONE: Final = ""


class Cause(StrEnum):
    """What a daemon that is silent seems to be."""

    STOPPED = "stopped"
    """A person stopped it, cleanly."""
    FAILED = "failed"
    """It ended by itself, and said why."""
    GONE = "gone"
    """Its process is no more: it crashed, was killed, or the machine was started anew."""
    SUSPENDED = "suspended"
    """Its process stands still by a signal."""
    ILL = "ill"
    """It lives, and its broker does not answer it."""
    HUNG = "hung"
    """Its process is there, and its loop, its schedule or its ledger does not go on."""
    UNKNOWN = "unknown"
    """No daemon has left a sign of life."""


def state_of(pid: int) -> str:
    """What a process is doing, as the kernel's letter for it; "" where it is no more, "?" where nobody tells.

    Only its own page is read: in a service the rest of /proc is out of sight.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return GONE
    except OSError:  # it is another user's
        pass
    return "?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """How long the daemon has been silent [s], what it seems to be, and what it said last."""

    silent_s: float
    cause: Cause
    why: str
    kill_switch: Path | None


@final
class Watch:
    """Looks at the sign of life; only that the daemon says that it is alive counts, and only when it says it anew."""

    def __init__(self, path: Path, clock: Clock, state_of: Callable[[int], str] = state_of) -> None:
        self._path = path
        self._clock = clock
        self._state_of = state_of
        self._boot_id = boot_id()
        self._heard: tuple[int, int] | None = None
        self._heard_ns = clock.monotonic_ns()
        self._first = True

    def look(self) -> Silence:
        """How the daemon is now."""
        sign, now_ns = read_sign(self._path), self._clock.monotonic_ns()
        if sign is not None and sign.state is Vital.ALIVE and (sign.pid, sign.beat) != self._heard:
            self._heard, self._heard_ns = (sign.pid, sign.beat), now_ns
        # What lay there before we came, whatever it says, is old; its age is known within one start of the machine.
        if self._first and sign is not None and (age_s := sign.age_s(now_ns, self._boot_id)) is not None:
            self._heard_ns = now_ns - round(age_s * NS)
        self._first = False
        return Silence(
            silent_s=max(0.0, (now_ns - self._heard_ns) / NS),
            cause=self._cause(sign),
            why=sign.why if sign is not None else "",
            kill_switch=Path(sign.kill_switch) if sign is not None else None,
        )

    def _cause(self, sign: Sign | None) -> Cause:
        if sign is None:
            return Cause.UNKNOWN
        if sign.state in (Vital.STOPPED, Vital.FAILED):
            return Cause(sign.state)
        state = self._state_of(sign.pid) if sign.boot_id == self._boot_id else GONE
        if state in (GONE, "Z", "X"):
            return Cause.GONE
        if state in ("T", "t"):
            return Cause.SUSPENDED
        return Cause.ILL if sign.state is Vital.ILL else Cause.HUNG

"""One life of the daemon: how it is started, and how it is ended. It never ends by itself.

`installed`: the command as it is installed, a new process of its own, which takes a second to start.
`forked`: a process forked from one that has imported everything and run nothing (`nursery.py`); that takes a
tenth of the time. Both run the same entry point with the same arguments in the same folder.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from gamma.chaos.kill.points import DIES

COMMAND: Final = ("gamma", "run", "--plain")
KILLED: Final = -9
LIFE_MAX_S: Final = 60.0
_LOOK_S: Final = 0.005
_READY: Final = b'"event": "ready"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """When a life ends: at a point within, or `after_s` after its start, or after it was ready to trade [s].

    What dies at a point is killed from outside too, if it has not come to the point by then.
    """

    forked: bool
    starting: bool
    after_s: float
    point: str = ""
    nth: int = 0


Command = Callable[[], None]


class Process(Protocol):
    """A process that can be killed and waited for."""

    def poll(self) -> int | None: ...
    def kill(self) -> None: ...
    def wait(self) -> int: ...


def outlive(process: Process, log: Path, death: Death) -> int:
    """Kill the process in its time, and see it end; its exit code, -9 for SIGKILL."""
    begun_s = time.monotonic()
    since_s = begun_s if death.starting else None
    while (code := process.poll()) is None:
        now_s = time.monotonic()
        if since_s is None and is_ready(log):
            since_s = now_s
        if (since_s is not None and now_s - since_s >= death.after_s) or now_s - begun_s > LIFE_MAX_S:
            process.kill()
            return process.wait()
        time.sleep(_LOOK_S)
    return code


def is_ready(log: Path) -> bool:
    """Whether the daemon that writes this log has come to trade."""
    return _READY in log.read_bytes()


def installed(folder: Path, log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start the installed command in the folder; what it says goes to the log."""
    name, *arguments = COMMAND
    with log.open("wb") as out:
        return subprocess.Popen(
            [Path(sys.executable).with_name(name), *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )


def died_at(log: Path) -> tuple[str, int]:
    """The point at which the process killed itself, and how many it had passed; ("", 0) where it did not."""
    last = log.read_text(errors="replace").rstrip().rpartition("\n")[2].split(" ", 2)
    return (last[2], int(last[1])) if len(last) == 3 and last[0] == DIES else ("", 0)

"""Requests to a running daemon: one file a command, put down whole, answered beside it, then taken away.

A folder works when the daemon hangs, survives its crash, and needs no port. A request that nobody
answered in time is withdrawn, and one that lay there too long is refused: what a person asked for an
hour ago must not happen now. The kill switch is a file of its own, looked for before every order.
"""

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, final

from gamma.codec import decode_event, encode_event
from gamma.effects import Answer
from gamma.errors import GammaError, InputInvalid
from gamma.events import Command, HaltRequested
from gamma.mends import of_machine

POLL_S: Final = 0.05
EXPIRES_NS: Final = 60_000_000_000


def folder_of(database: str, account: str) -> Path:
    """The folder of an account's requests: beside the ledger's file."""
    path = database.removeprefix("sqlite:///") if database.startswith("sqlite:///") else f"{account}.db"
    return Path(f"{path}.requests")


def submit(folder: Path, command: Command) -> None:
    """Put a command down for the daemon."""
    kind, payload = encode_event(command)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(folder / f"{command.command_id}.request", {"kind": kind, "payload": payload})


def take(folder: Path, now_utc_ns: int) -> list[Command]:
    """The commands that wait, oldest first, marked as taken up; what a crash left unanswered is among them.

    What is no command is answered at once, and so is one that is too old. A halt is never too old.

    Raises: OSError when the folder cannot be looked into.
    """
    commands: list[Command] = []
    for path in sorted(_waiting(folder), key=_age):
        try:
            command = _read(path.replace(path.with_suffix(".taken")))
            if now_utc_ns - command.ts_event_utc_ns > EXPIRES_NS and not isinstance(command, HaltRequested):
                raise InputInvalid(f"it lay here for more than {EXPIRES_NS / 1e9:g} s; ask again")
            commands.append(command)
        except FileNotFoundError:  # withdrawn a moment ago
            continue
        except (OSError, ValueError, KeyError, TypeError, GammaError) as error:
            if isinstance(error, OSError) and of_machine(error):  # it waits until the machine lets us read it
                continue
            with suppress(OSError):
                answer(folder, Answer(command_id=path.stem, ok=False, text=f"not carried out: {error}"))
    return commands


@final
class Inbox:
    """The daemon's end of the folder: gives each command out once, though its answer cannot be written yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unwritten: dict[str, Answer] = {}

    def take(self, now_utc_ns: int) -> list[Command]:
        """The commands that wait; what could not be answered before is answered now.

        Raises: OSError when the folder cannot be looked into.
        """
        for given in list(self._unwritten.values()):
            self.reply(given)
        return [c for c in take(self._folder, now_utc_ns) if c.command_id not in self._unwritten]

    def reply(self, given: Answer) -> None:
        """Answer a command; where the disk does not take it, later."""
        self._unwritten[given.command_id] = given
        with suppress(OSError):
            answer(self._folder, given)
            del self._unwritten[given.command_id]


def answer(folder: Path, given: Answer) -> None:
    """Put the answer to a command beside it, and take the command away."""
    _write(folder / f"{given.command_id}.answer", {"ok": given.ok, "text": given.text})
    for suffix in ("request", "taken"):
        (folder / f"{given.command_id}.{suffix}").unlink(missing_ok=True)


def clear(folder: Path, now_utc_ns: int) -> None:
    """Take away answers that nobody came for, and drafts that were never finished."""
    for path in (*folder.glob("*.answer"), *folder.glob("*.draft")):
        if now_utc_ns - _age(path) > EXPIRES_NS:
            path.unlink(missing_ok=True)


def await_answer(folder: Path, command_id: str, timeout_s: float) -> Answer:
    """Wait for the daemon's answer, and take it away.

    Raises: InputInvalid when none came in time; the message says whether the command was withdrawn.
    """
    path = folder / f"{command_id}.answer"
    deadline = time.monotonic() + timeout_s
    try:
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(POLL_S)
    finally:
        withdrawn = _withdraw(folder, command_id)
    if not path.exists():
        what = "it was withdrawn" if withdrawn else "it was taken up; look at: gamma status"
        raise InputInvalid(f"the daemon gave no answer within {timeout_s:g} s; {what}")
    content = json.loads(path.read_text())
    path.unlink(missing_ok=True)
    return Answer(command_id=command_id, ok=bool(content["ok"]), text=str(content["text"]))


def _withdraw(folder: Path, command_id: str) -> bool:
    try:
        (folder / f"{command_id}.request").unlink()
    except FileNotFoundError:
        return False
    return True


def _age(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_mtime_ns
    return 0


def _waiting(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in os.listdir(folder) if name.endswith((".request", ".taken"))]  # noqa: PTH208
    except FileNotFoundError:  # nobody has asked for anything yet
        return []


def _read(path: Path) -> Command:
    content = json.loads(path.read_text())
    command = decode_event(content["kind"], content["payload"])
    if not isinstance(command, Command):
        raise InputInvalid(f"{content['kind']} is no command")
    if command.command_id != path.stem:
        raise InputInvalid(f"it is named {path.stem}, and says that it is {command.command_id}")
    return command


def _write(path: Path, content: Mapping[str, object]) -> None:
    """Written aside and renamed, so that nobody reads half of it."""
    draft = path.with_suffix(f".{os.getpid()}.draft")
    draft.write_text(json.dumps(content))
    draft.replace(path)

"""Requests to a running daemon: one file a command, put down whole, taken up once, answered beside it.

A folder works when the daemon hangs, survives its crash, and needs no port. The kill switch is a file
of its own, which is looked for before every order.
"""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gamma.codec import decode_event, encode_event
from gamma.effects import Answer
from gamma.errors import GammaError, InputInvalid
from gamma.events import Command

POLL_S: Final = 0.05


def folder_of(database: str, account: str) -> Path:
    """The folder of an account's requests: beside the ledger's file."""
    path = database.removeprefix("sqlite:///") if database.startswith("sqlite:///") else f"{account}.db"
    return Path(f"{path}.requests")


def submit(folder: Path, command: Command) -> None:
    """Put a command down for the daemon."""
    kind, payload = encode_event(command)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(folder / f"{command.command_id}.request", {"kind": kind, "payload": payload})


def take(folder: Path) -> list[Command]:
    """The commands that wait, oldest first. A file that is no command is put aside, with the reason in its answer."""
    if not folder.is_dir():
        return []
    commands: list[Command] = []
    for path in sorted(folder.glob("*.request"), key=lambda p: p.stat().st_mtime_ns):
        try:
            content = json.loads(path.read_text())
            command = decode_event(content["kind"], content["payload"])
            if not isinstance(command, Command):
                raise InputInvalid(f"{content['kind']} is no command")
            commands.append(command)
        except (OSError, ValueError, KeyError, TypeError, GammaError) as error:
            answer(folder, Answer(command_id=path.stem, ok=False, text=f"no command: {error}"))
        path.unlink(missing_ok=True)
    return commands


def answer(folder: Path, given: Answer) -> None:
    """Put the answer to a command beside it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(folder / f"{given.command_id}.answer", {"ok": given.ok, "text": given.text})


def await_answer(folder: Path, command_id: str, timeout_s: float) -> Answer:
    """Wait for the daemon's answer, and take it away.

    Raises: InputInvalid when none came in time; the command still waits for the daemon then.
    """
    path = folder / f"{command_id}.answer"
    deadline = time.monotonic() + timeout_s
    while not path.exists():
        if time.monotonic() > deadline:
            raise InputInvalid(f"the daemon gave no answer within {timeout_s:g} s; the request waits in {folder}")
        time.sleep(POLL_S)
    content = json.loads(path.read_text())
    path.unlink(missing_ok=True)
    return Answer(command_id=command_id, ok=bool(content["ok"]), text=str(content["text"]))


def _write(path: Path, content: Mapping[str, object]) -> None:
    """Written aside and renamed, so that nobody reads half of it."""
    draft = path.with_suffix(f".{os.getpid()}.draft")
    draft.write_text(json.dumps(content))
    draft.replace(path)

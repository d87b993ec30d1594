"""The dead-man's journal: what it took over, and every order that it sent, on disk before the first byte leaves.

Lines of JSON that are only added to. A line that was cut off by a power failure was never acted on, and is dropped.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self, final

import psutil

from gamma.errors import ConfigInvalid, Corrupt
from gamma.events import Leg, OrderState
from gamma.ledger.backup import synced

FILE: Final = "journal.jsonl"
LOCK: Final = "lock"
# How far the times that the kernel gives of a process and of a file may be apart.
_CLOCK_S: Final = 2.0
_ENDS: Final = frozenset(
    {OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED, OrderState.REJECTED, OrderState.ABSENT}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """An order that closes: what was held when it was sent [signed lots], and what is known of it."""

    client_order_id: str
    market: str
    side: int
    lots: int
    held_lots: int
    legs: tuple[Leg, ...] = ()
    state: OrderState = OrderState.PENDING
    filled_lots: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in _ENDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One time that the account was taken: its number, why, in which markets, and what was sent."""

    number: int
    why: str
    ts_utc_ns: int
    markets: tuple[str, ...] = ()
    exits: Mapping[str, Exit] = field(default_factory=dict)
    flat: bool = False
    over: bool = False


def watcher(folder: Path) -> int | None:
    """The process of the dead-man that watches an account; None where none does. The lock itself is left alone."""
    lock = folder / LOCK
    try:
        process = psutil.Process(int(lock.read_text()))
        return process.pid if process.create_time() <= lock.stat().st_mtime + _CLOCK_S else None
    except (OSError, ValueError, psutil.Error):
        return None


@final
class Journal:
    """The record of one account's dead-man; one process holds it.

    Raises: ConfigInvalid when another dead-man does; Corrupt when it is not what was written; OSError.
    """

    def __init__(self, folder: Path, prefix: str) -> None:
        self._prefix = prefix
        self.incident: Incident | None = None
        self._numbers = 0
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise ConfigInvalid(f"{folder}: another dead-man watches this account; one is enough") from error
        os.ftruncate(self._lock, 0)
        os.write(self._lock, f"{os.getpid()}\n".encode())
        self._file = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        synced(folder)
        self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let another in."""
        os.close(self._file)
        os.close(self._lock)

    @property
    def standing(self) -> Incident | None:
        """The incident that is not over."""
        return self.incident if self.incident is not None and not self.incident.over else None

    def take(self, why: str, ts_utc_ns: int) -> None:
        """The account is about to be taken; the number of the incident is above every one before."""
        number = max(self._numbers + 1, ts_utc_ns // 1_000_000)
        self._write({"what": "taken", "number": number, "why": why, "ts_utc_ns": ts_utc_ns})

    def widen(self, market: str) -> None:
        """Another market is to be cleared."""
        self._write({"what": "market", "market": market})

    def next_id(self) -> str:
        """The id of the next order: it follows from the journal alone."""
        assert self.incident is not None  # noqa: S101  (nothing is sent outside of one)
        return f"{self._prefix}{self.incident.number}-{len(self.incident.exits)}"

    def intend(self, exit_: Exit) -> None:
        """An order is about to be sent."""
        self._write({"what": "exit", **asdict(exit_)})

    def told(self, client_order_id: str, state: OrderState, filled_lots: int, text: str = "") -> None:
        """What is known of an order now."""
        self._write({"what": "told", "id": client_order_id, "state": state, "filled_lots": filled_lots, "text": text})

    def cancels(self, client_order_id: str, market: str) -> None:
        """An order of the daemon's is about to be cancelled."""
        self._write({"what": "cancel", "id": client_order_id, "market": market})

    def cleared(self) -> None:
        """Nothing is held, and nothing works."""
        self._write({"what": "flat"})

    def end(self) -> None:
        """A person took the account back."""
        self._write({"what": "released"})

    def _read(self) -> None:
        with os.fdopen(os.dup(self._file), "rb") as file:
            file.seek(0)
            text = file.read()
        whole = text.rpartition(b"\n")[0] + b"\n" if b"\n" in text else b""
        if len(whole) < len(text):
            os.ftruncate(self._file, len(whole))
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                self._fold(json.loads(line))
            except (ValueError, KeyError, TypeError, AssertionError) as error:
                raise Corrupt(
                    f"the dead-man's journal, line {number}: cannot be read ({error}); move it away"
                ) from error

    def _write(self, line: Mapping[str, Any]) -> None:
        """On disk first, then known."""
        text = json.dumps(line).encode() + b"\n"
        if os.write(self._file, text) != len(text):
            raise OSError("the journal took half of a line")
        os.fsync(self._file)
        self._fold(json.loads(text))

    def _fold(self, line: Mapping[str, Any]) -> None:
        if line["what"] == "taken":
            self._numbers = line["number"]
            self.incident = Incident(number=line["number"], why=line["why"], ts_utc_ns=line["ts_utc_ns"])
            return
        incident = self.incident
        assert incident is not None  # noqa: S101  (a journal begins with one)
        match line["what"]:
            case "market":
                incident = replace(incident, markets=(*incident.markets, line["market"]), flat=False)
            case "exit":
                legs = tuple(Leg(**leg) for leg in line["legs"])
                told = {k: v for k, v in line.items() if k != "what"}
                made = Exit(**{**told, "legs": legs, "state": OrderState(line["state"])})
                incident = replace(incident, exits={**incident.exits, made.client_order_id: made}, flat=False)
            case "told":
                before = incident.exits[line["id"]]
                after = replace(before, state=OrderState(line["state"]), filled_lots=line["filled_lots"])
                incident = replace(incident, exits={**incident.exits, line["id"]: after})
            case "flat":
                incident = replace(incident, flat=True)
            case "released":
                incident = replace(incident, over=True)
        self.incident = incident

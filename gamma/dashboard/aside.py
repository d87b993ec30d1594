"""What takes long to make of a long ledger is made aside, in a thread, and kept: a page shows what was made last."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, final

from gamma.account import opened
from gamma.config import Config
from gamma.errors import GammaError
from gamma.ledger import Reader

PATIENCE_S: Final = 0.5
REST: Final = 20
"""Between two makings lies so many times what one takes: a long one does not keep the machine busy."""

T = TypeVar("T")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Made(Generic[T]):
    """What was made up to an event, when, and how long that took; `error` tells why there is no `value`."""

    value: T | None
    error: str
    seq: int
    ts_utc_ns: int
    took_s: float


@final
class Aside:
    """For one account; one thing is made at a time."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._made: dict[str, Made[Any]] = {}
        self._coming: dict[str, threading.Event] = {}
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self.count = 0
        """How many things were made: it grows when there is something new to show."""

    def ask(
        self, name: str, head_seq: int, make: Callable[[Reader], T], *, patience_s: float = PATIENCE_S
    ) -> Made[T] | None:
        """What was made of the ledger under this name; made anew where that ended before `head_seq`.

        It waits so long at most, and not at all for what took longer last time; None where nothing was made yet.
        """
        with self._lock:
            made = self._made.get(name)
            if name not in self._coming and _is_due(made, head_seq):
                self._coming[name] = threading.Event()
                # The end of the process waits for no such thread: it only reads.
                threading.Thread(target=self._make, args=(name, make), name=f"aside-{name}", daemon=True).start()
            coming = self._coming.get(name)
        if coming is not None and (made is None or made.took_s < patience_s):
            coming.wait(patience_s)
        return self._made.get(name)

    def _make(self, name: str, make: Callable[[Reader], Any]) -> None:
        value, error, seq = None, "", 0
        with self._turn:
            begun = time.monotonic()
            try:
                with opened(self._config) as reader, reader.at_once():
                    seq, _ = reader.head
                    value = make(reader)
            except GammaError as refused:
                error = str(refused)
            finally:
                took_s = time.monotonic() - begun
                told = error or ("" if value is not None else "gamma failed here: its log tells why")
                made = Made(value=value, error=told, seq=seq, ts_utc_ns=time.time_ns(), took_s=took_s)
                with self._lock:
                    self.count += 1
                    self._made[name] = made
                    self._coming.pop(name).set()


def _is_due(made: Made[Any] | None, head_seq: int) -> bool:
    if made is None:
        return True
    age_s = (time.time_ns() - made.ts_utc_ns) / 1e9
    return made.seq != head_seq and not 0 <= age_s < REST * made.took_s

"""A loop whose time is made, not waited for: when all wait, the next moment comes at once.

The world around the daemon (prices, requests under way) moves between the daemon's own moments, so that a
process that has died leaves a world that goes on.
"""

import asyncio
import heapq
import selectors
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, tzinfo
from typing import Any, Final, TypeVar, final

from apscheduler.executors import base as executors
from apscheduler.schedulers import base as schedulers
from apscheduler.triggers import interval as triggers

from gamma.clock import NS

T = TypeVar("T")

# The rooms of APScheduler that read the wall clock by themselves.
_ROOMS: Final[tuple[Any, ...]] = (executors, schedulers, triggers)


class Crash(BaseException):
    """The process is gone: nothing of it runs any more."""


class Stuck(Exception):
    """Everybody waits for somebody, and no time is left in which anything could come."""


@final
class Time:
    """The one time of a schedule [ns]: true time, the daemon's two clocks, and what is to happen when."""

    def __init__(self, start_utc_ns: int) -> None:
        self.now = start_utc_ns
        self.skew = 0  # what somebody set the wall clock ahead by
        self.was_set = False
        self.dead = ""
        self._start = start_utc_ns
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def wall_ns(self) -> int:
        """What the machine's wall clock shows."""
        return self.now + self.skew

    def monotonic_ns(self) -> int:
        """What no one can set."""
        return self.now - self._start

    def at(self, ts_utc_ns: int, act: Callable[[], None]) -> None:
        """Have something happen in the world at that time."""
        self._count += 1
        heapq.heappush(self._due, (ts_utc_ns, self._count, act))

    def advance(self, ts_utc_ns: int) -> None:
        """Let time pass up to then, with all that happens in it."""
        while self._due and self._due[0][0] <= ts_utc_ns:
            ts, _, act = heapq.heappop(self._due)
            self.now = max(self.now, ts)
            act()
        self.now = max(self.now, ts_utc_ns)

    def next_ns(self) -> int | None:
        """When the next thing happens in the world."""
        return self._due[0][0] if self._due else None

    def die(self, where: str) -> None:
        """Kill the process.

        Raises: Crash, here and wherever the dead process comes to next.
        """
        self.dead = where
        raise Crash(where)


@final
class _Selector(selectors.SelectSelector):
    """Waits for nothing: it moves time instead."""

    def __init__(self, time: Time, until_utc_ns: int) -> None:
        super().__init__()
        self.time = time
        self.until_utc_ns = until_utc_ns

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.time.dead:
            raise Crash(self.time.dead)
        if timeout is None or timeout > 0:
            upcoming = self.time.next_ns()
            ends = [] if timeout is None else [self.time.now + max(1, round(timeout * NS))]
            ends += [] if upcoming is None else [upcoming]
            if not ends or self.time.now >= self.until_utc_ns:
                raise Stuck(f"nothing comes, {(self.time.now - self.until_utc_ns) / NS:+.0f} s past the last moment")
            self.time.advance(min(ends))
        return []


@final
class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, time: Time, until_utc_ns: int) -> None:
        super().__init__(_Selector(time, until_utc_ns))
        self._made = time
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._made.monotonic_ns() / NS


def live(time: Time, until_utc_ns: int, work: Coroutine[Any, Any, T]) -> T:
    """Run one life of a process to its end, or to its sudden death; then nothing of it runs any more.

    Raises: Crash when it was killed; Stuck when it waits past `until_utc_ns`; whatever it raises.
    """
    loop = _Loop(time, until_utc_ns)
    loop.set_exception_handler(lambda _loop, _context: None)
    time.dead = ""
    try:
        with _wall_clock(time):
            return loop.run_until_complete(work)
    finally:
        # What is left of a dead process ends here, and nobody hears its last words.
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
            coroutine = task.get_coro()
            with suppress(BaseException):
                coroutine.close()
        asyncio.set_event_loop(None)
        loop.close()


@contextmanager
def _wall_clock(time: Time) -> Iterator[None]:
    """Let APScheduler read the time that we make."""

    class Made(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(time.wall_ns() / NS, tz)

    real = [room.datetime for room in _ROOMS]
    for room in _ROOMS:
        room.datetime = Made
    try:
        yield
    finally:
        for room, was in zip(_ROOMS, real, strict=True):
            room.datetime = was

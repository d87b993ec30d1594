"""Clocks: the machine's, and a time of our own made of it that never jumps."""

import time
from typing import Final, Protocol, final

NS: Final = 1_000_000_000


class Clock(Protocol):
    """Wall time for stamps, and a monotonic one for everything that waits [ns]."""

    def wall_ns(self) -> int: ...
    def monotonic_ns(self) -> int: ...


@final
class Machine:
    """The clocks of this machine."""

    def wall_ns(self) -> int:
        """Time since 1970, UTC [ns]; a person or a time server may set it."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Time since some moment [ns]; it never goes back and is never set."""
        return time.monotonic_ns()


MACHINE: Final = Machine()


@final
class Steady:
    """The wall clock as it was at the start, carried on by the monotonic one.

    A deadline that is reckoned in it neither comes early nor late when somebody sets the clock. Where the wall clock
    was wrong at the start, it goes on from what is known to be past at half its speed, until that is past by the wall
    clock too: what waits goes on waiting, and is not stuck.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wall, self._monotonic = clock.wall_ns(), clock.monotonic_ns()
        self._past_ns, self._past_known_ns = 0, self._monotonic

    def know_past(self, ts_utc_ns: int) -> None:
        """Take note of a time that is past: that of something that has happened."""
        if ts_utc_ns > self.now_ns():
            self._past_ns, self._past_known_ns = ts_utc_ns, self._clock.monotonic_ns()

    def now_ns(self) -> int:
        """Time since 1970, UTC [ns], as the wall clock would tell it had nobody touched it."""
        since_ns = self._clock.monotonic_ns() - self._past_known_ns
        return max(self._past_ns + since_ns // 2, self._carried_ns())

    def _carried_ns(self) -> int:
        return self._wall + self._clock.monotonic_ns() - self._monotonic

    def elapsed_s(self) -> float:
        """How long it has run [s]."""
        return (self._clock.monotonic_ns() - self._monotonic) / NS

    def set_s(self) -> float:
        """By how much somebody has set the wall clock since the start [s]."""
        return (self._clock.wall_ns() - self._carried_ns()) / NS

    def offset_s(self) -> float:
        """How far the wall clock is ahead of it [s]."""
        return (self._clock.wall_ns() - self.now_ns()) / NS

"""Runs `gamma` in a process whose wall clock is set: python -m tests.shifted SECONDS ARGUMENTS.

Nothing of gamma knows of it; clocks that measure how long something takes are the machine's.
"""

import datetime as dt
import sys
import time
from typing import Any


def shift(offset_s: float) -> None:
    """Set the wall clock of this process, before anything has looked at it."""
    offset_ns, wall_ns, wall_s = round(offset_s * 1e9), time.time_ns, time.time
    time.time_ns = lambda: wall_ns() + offset_ns
    time.time = lambda: wall_s() + offset_s

    class Shifted(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return cls.fromtimestamp(time.time(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return cls.fromtimestamp(time.time(), dt.UTC).replace(tzinfo=None)

    dt.datetime = Shifted  # type: ignore[misc]


if __name__ == "__main__":
    shift(float(sys.argv[1]))
    sys.argv = ["gamma", *sys.argv[2:]]
    from gamma.cli import main

    main()

"""Timing for the benchmarks: many calls, the median and the 99th percentile, and a ratio to something known."""

import statistics
import time
from collections.abc import Callable, Sequence


def timed(call: Callable[[], object], times: int, warm: int = 50) -> list[float]:
    """Seconds of each of `times` calls, after `warm` that do not count."""
    for _ in range(warm):
        call()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return found


def p(seconds: Sequence[float], share: float) -> float:
    """A percentile [s]."""
    return statistics.quantiles(seconds, n=1000)[round(share * 1000) - 1]


def show(what: str, seconds: Sequence[float], beside: Sequence[float] | None = None) -> None:
    """One line: median and 99th percentile in microseconds, and the ratio of medians."""
    line = f"{what:<58} p50 {p(seconds, 0.5) * 1e6:9.1f} us   p99 {p(seconds, 0.99) * 1e6:9.1f} us"
    if beside is not None:
        line += f"   {p(seconds, 0.5) / p(beside, 0.5):6.1f} x"
    print(line)

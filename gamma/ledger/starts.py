"""Starts of the daemon as the ledger has them, and how each of them ended."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

_STARTS: Final = """
    SELECT boots.seq FROM boots JOIN events ON events.seq = boots.seq WHERE events.ts_recorded_utc_ns >= ?
    ORDER BY boots.seq DESC LIMIT 100
"""
_STOPS: Final = "SELECT 1 FROM events WHERE kind = 'ShutDown' AND seq > ? AND seq < ? LIMIT 1"

Rows = Callable[[str, tuple[object, ...]], Sequence[tuple[int, ...]]]


def unclean_in_a_row(rows: Rows, since_utc_ns: int) -> int:
    """How many of the last starts, recorded since then, came to no clean stop, up to the last one that did."""
    starts = [2**63 - 1, *(seq for (seq,) in rows(_STARTS, (since_utc_ns,)))]
    count = 0
    for after, start in pairwise(starts):
        if rows(_STOPS, (start, after)):
            return count
        count += 1
    return count

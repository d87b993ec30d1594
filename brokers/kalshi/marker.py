"""How far the executions of an account were read: up to a time, and what near it was told of already."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from gamma.clock import NS
from gamma.errors import MarkerUnknown
from gamma.events import Fill

# What happened may show so long after something later did [s].
OVERLAP_S: Final = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """All up to OVERLAP_S before `ts_utc_ns` was told, and of what was later these executions."""

    ts_utc_ns: int = 0
    told: frozenset[str] = frozenset()

    @property
    def since_s(self) -> int:
        """From when on executions are wanted [UTC s]."""
        return max(0, self.ts_utc_ns // NS - OVERLAP_S)

    def text(self) -> str:
        """As it is kept."""
        return json.dumps([self.ts_utc_ns, sorted(self.told)]) if self.ts_utc_ns else ""


def marker_of(text: str) -> Marker:
    """Read a marker back.

    Raises: MarkerUnknown.
    """
    if not text:
        return Marker()
    try:
        ts_utc_ns, told = _read(json.loads(text))
    except (ValueError, TypeError) as error:
        raise MarkerUnknown(f"{text[:80]!r} is no marker of Kalshi's") from error
    return Marker(ts_utc_ns=ts_utc_ns, told=told)


def _read(found: Any) -> tuple[int, frozenset[str]]:
    ts_utc_ns, told = found
    if type(ts_utc_ns) is not int or not 0 < ts_utc_ns < 2**63 or not all(type(one) is str for one in told):
        raise ValueError("no time and names")
    return ts_utc_ns, frozenset(told)


def advanced(marker: Marker, told: Sequence[Fill]) -> Marker:
    """The marker after these were told; `told` are all from its time on, those of the overlap too."""
    newest = max([marker.ts_utc_ns, *(fill.ts_event_utc_ns for fill in told)])
    since_ns = newest - (OVERLAP_S + 1) * NS
    near = {fill.execution_id for fill in told if fill.ts_event_utc_ns >= since_ns}
    return Marker(ts_utc_ns=newest, told=frozenset(near))

"""How far the fills of an account were read: numbers of fills grow, but one may show after one that came later."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from brokers.tradovate.reading import Executed
from gamma.errors import MarkerUnknown

# A fill may show on the list so long after one with a higher number [ns].
SETTLED_NS: Final = 900 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Fills up to number `settled` are told and past; `told` are those with higher numbers that were told."""

    settled: int = 0
    told: frozenset[int] = frozenset()

    @property
    def last(self) -> int:
        """The highest number that was told of; 0 where none was."""
        return max(self.told, default=self.settled)

    def fresh(self, number: int) -> bool:
        """Whether a fill was not told yet."""
        return number > self.settled and number not in self.told

    def text(self) -> str:
        """As it is kept."""
        return json.dumps([self.settled, sorted(self.told)]) if self.last else ""


def marker_of(text: str) -> Marker:
    """Read a marker back.

    Raises: MarkerUnknown.
    """
    if not text:
        return Marker()
    try:
        settled, told = json.loads(text)
        return Marker(settled=int(settled), told=frozenset(int(number) for number in told))
    except (ValueError, TypeError) as error:
        raise MarkerUnknown(f"{text[:80]!r} is no marker of Tradovate's") from error


def advanced(marker: Marker, fresh: Sequence[Executed], seen: Sequence[Executed]) -> Marker:
    """The marker after the fresh ones were told; `seen` are all that the broker lists."""
    told = marker.told | {fill.number for fill in fresh}
    newest = max((fill.ts_utc_ns for fill in seen), default=0)
    past = [fill.number for fill in seen if fill.number in told and newest - fill.ts_utc_ns >= SETTLED_NS]
    settled = max([marker.settled, *past])
    return Marker(settled=settled, told=frozenset(number for number in told if number > settled))

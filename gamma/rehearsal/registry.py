"""What was tried and what was looked at, as the ledger's database has it: the true N, and each look at report data."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

SELECT: Final = "select"
REPORT: Final = "report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Trading days of a market, both ends with them: ISO dates."""

    market: str
    first: str
    last: str

    def __str__(self) -> str:
        return f"{self.market} {self.first}..{self.last}"

    def overlaps(self, other: "Span") -> bool:
        """Whether a day is in both."""
        return self.market == other.market and self.first <= other.last and other.first <= self.last


def notes_of(family: str, candidates: Iterable[str]) -> str:
    """What a run of selection says of itself: whose checkpoints it compared, by their hashes."""
    return json.dumps({"family": family, "candidates": sorted(candidates)})


def trials(runs: Iterable[Mapping[str, Any]], family: str) -> int:
    """How many checkpoints of a family were ever compared: each once, however often it was looked at."""
    seen: set[str] = set()
    for run in runs:
        told = _told(run["notes"]) if run["run_kind"] == SELECT else {}
        if told.get("family") == family:
            seen.update(map(str, told.get("candidates", ())))
    return len(seen)


def looked(looks: Iterable[Mapping[str, Any]], family: str, span: Span) -> list[Mapping[str, Any]]:
    """The looks that were had at any day of a report span, for a family of models."""
    return [
        look
        for look in looks
        if look["family"] == family and (before := span_of(look["dataset"])) is not None and span.overlaps(before)
    ]


def span_of(text: str) -> Span | None:
    """The span that a data set is named by; None where the name is another."""
    market, _, days = text.partition(" ")
    first, dots, last = days.partition("..")
    return Span(market=market, first=first, last=last) if dots else None


def _told(notes: str) -> Mapping[str, Any]:
    try:
        told = json.loads(notes)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}

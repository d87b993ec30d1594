"""What was tried and what was looked at, as the ledger's database has it: the true N, and each look at report data."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

SELECT: Final = "select"
REPORT: Final = "report"
TRAINING: Final = "training"
ENDED: Final = "training ended"


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
    """How many tries a family had: the checkpoints that were ever compared, each once, or those that training made.

    The larger counts: of a run that was looked at only while it trained, every checkpoint could have been taken.
    """
    compared: set[str] = set()
    made: dict[str, int] = {}
    for run in runs:
        told = _told(run["notes"])
        if run["run_kind"] == SELECT and told.get("family") == family:
            compared.update(map(str, told.get("candidates", ())))
        elif run["run_kind"] == TRAINING and family_of(told.get("phase"), told.get("markets", ())) == family:
            made.setdefault(str(run["id"]), 1)
        elif run["run_kind"] == ENDED and str(told.get("run")) in made:
            seed = str(told["run"])
            made[seed] = max(made[seed], int(told.get("checkpoints", 0)))
    return max(len(compared), sum(made.values()))


def family_of(phase: object, markets: Iterable[str]) -> str:
    """What counts as tries of one thing: futures policies of a phase, for the same markets."""
    return f"futures phase {phase} {', '.join(markets)}"


def family_of_rule(use: str, market: str) -> str:
    """What counts as tries of one rule: its settings, in one market."""
    return f"{use} {market}"


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

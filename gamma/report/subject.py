"""What a report is about: a history, and what else is known of the account."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

from gamma.floor import FloorRule
from gamma.history import History
from gamma.history.figures import Figure


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The floor of a prop account: whose rule it is, and the balance that it began under [usd]."""

    name: str
    rule: FloorRule
    start_usd: float


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """A history, where it is from, and what is known beside it; `hashes` are of data, configuration and code."""

    title: str
    source: str
    history: History
    floor: Floor | None = None
    baselines: Sequence[Figure] | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)

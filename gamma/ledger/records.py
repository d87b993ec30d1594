"""What the ledger keeps beside the engine's facts: runs, and looks at test data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

from gamma.effects import Tick
from gamma.events import Recorded
from gamma.notices import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A training, backtest or search that was started; how many there were deflates what they found."""

    run_id: str
    run_kind: str
    config_hash: str
    seed: int
    notes: str
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Test data was looked at, by this run and for this family of models."""

    run_id: str
    dataset: str
    family: str
    notes: str
    ts_event_utc_ns: int


Kept = Recorded | Tick | Notice | Run | Look

FACTS: Final[Mapping[str, type[Any]]] = {c.__name__: c for c in get_args(Recorded)}
KEPT: Final[Mapping[str, type[Any]]] = {c.__name__: c for c in get_args(Kept)}

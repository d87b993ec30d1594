"""What a report is about: a history, and what else is known of the account."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

from gamma.floor import FloorRule
from gamma.history import History
from gamma.history.by_regime import Stretch
from gamma.report.event_orders import EventTrading


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The floor of a prop account: whose rule it is, and the balance that it began under [usd]."""

    name: str
    rule: FloorRule
    start_usd: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """A decision on a signal: how many lots, which step bound, and why."""

    ts_utc_ns: int
    strategy: str
    lots: int
    bound_by: str
    reason: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A halt: of what, why, by whom, and when it was lifted; 0 while it stands."""

    ts_utc_ns: int
    ts_lifted_utc_ns: int
    scope: str
    target: str
    level: str
    reason: str
    actor: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What something simpler would have done in a market on the same bars; NaN is unknown."""

    name: str
    market: str
    net_pnl_usd: float
    low_usd: float = math.nan
    high_usd: float = math.nan
    sharpe_annual: float = math.nan
    drawdown_usd: float = math.nan


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """A history, where it is from, and what is known beside it; what is None is not known.

    `kinds` says of a step's name whether it is a sizer or a guard, `hashes` are of data, configuration and code,
    `events` tells of event markets, `regimes` are by market; `trades_uncovered` lie outside the bars that regimes and
    baselines are from. Of the fees `fees_estimated_usd` were not told by the broker.
    """

    title: str
    source: str
    history: History
    floor: Floor | None = None
    sized: Sequence[Sized] | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    events: EventTrading | None = None
    stops: Sequence[Stop] | None = None
    fees_estimated_usd: float = 0.0
    regimes: Mapping[str, Sequence[Stretch]] | None = None
    baselines: Sequence[Baseline] | None = None
    trades_uncovered: int = 0
    hashes: Mapping[str, str] = field(default_factory=dict)

"""A strategy judged on days that it has not seen: figures, luck, baselines, regimes, windows, and what is left."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from gamma import stats
from gamma.config import Config, strategy_hash
from gamma.config.schema import Strategy
from gamma.feeds.contracts import chained
from gamma.feeds.inspection import inspect
from gamma.feeds.series import NS, Series
from gamma.history.by_regime import Stretch, by_regime
from gamma.history.degradation import Change, degradation
from gamma.history.figures import SESSIONS_A_YEAR, Figure, known, session_returns
from gamma.history.regimes import regimes
from gamma.history.windows import Sides, Window, sides, windows
from gamma.rehearsal.figures import figures
from gamma.rehearsal.play import Rehearsal
from gamma.rehearsal.promotion import NAME, BarFile, Held, against_others, as_strategy, compare
from gamma.rehearsal.registry import family_of_rule


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is judged: a strategy of the configuration, alone; `family` is what its trials and looks count for.

    `trials` is how many its card tells of, where it trades a policy: it may have been chosen on another machine.
    `learned` are the first and last times [ns] of the bars that the policy was trained on.
    """

    name: str
    config: Config
    chosen: Strategy
    family: str
    sha256: str
    trials: int = 0
    learned: tuple[tuple[int, int], ...] = ()

    @property
    def market(self) -> str:
        """Where it trades."""
        return self.chosen.market

    def saw(self, days: Held) -> bool:
        """Whether any of these days lies in time that its policy was trained on."""
        first, last = int(days.series.ts_open_utc_ns[0]), int(days.series.ts_close_utc_ns[-1])
        return any(begin < last and first < end for begin, end in self.learned)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All that is said of a subject on the days of a span; `changes` is empty without earlier days to compare.

    `in_sample` where the policy was trained on some of the days: then nothing here tells of days that it has not seen.
    """

    subject: Subject
    in_sample: bool
    own: Rehearsal
    figures: tuple[Figure, ...]
    baselines: tuple[Figure, ...]
    stretches: tuple[Stretch, ...]
    windows: tuple[Window, ...]
    sides: Sides
    changes: tuple[Change, ...]


def subject_of(config: Config, name: str) -> Subject:
    """A strategy of the configuration; a rule's family is its kind in its market.

    Raises: ConfigInvalid when there is none of this name.
    """
    chosen = config.strategy(name)
    alone = as_strategy(config, chosen, chosen.market, chosen.signal)
    return Subject(
        name=name,
        config=alone,
        chosen=alone.strategies[0],
        family=family_of_rule(chosen.signal["use"], chosen.market),
        sha256=strategy_hash(alone, NAME),
    )


def judge(subject: Subject, days: Held, files: Sequence[BarFile], *, learned: Held | None, trials: int) -> Evaluation:
    """Rehearse it on the days of a span, and on earlier ones where they are given; nothing is recorded.

    Regimes are labelled with all bars of the files before the span, so that none is unknown for want of them.
    """
    spans = [days, *([learned] if learned else [])]
    own, *before = compare({"own": subject.config}, spans, 1)["own"]
    seen = regimes(chained([one.series for one in files])).between(own.ts_first_utc_ns, own.ts_last_utc_ns)
    return Evaluation(
        subject=subject,
        in_sample=subject.saw(days),
        own=own,
        figures=(*figures([own]), *luck(own, trials), *missing(days.series)),
        baselines=tuple(against_others(subject.config, subject.chosen, days, own)),
        stretches=tuple(by_regime(own.history, seen, subject.market)),
        windows=tuple(windows(own.history)),
        sides=sides(own.history.trades),
        changes=tuple(degradation([one.history for one in before], [own.history])) if before else (),
    )


def missing(series: Series) -> list[Figure]:
    """Bars that are missing inside sessions: a position that is held over a hole leaves at its far end, stop or not."""
    holes = inspect(series).holes
    longest_ns = max((hole.ts_to_utc_ns - hole.ts_from_utc_ns for hole in holes), default=0)
    return [
        Figure(name="bars_missing", value=sum(hole.bars for hole in holes)),
        Figure(name="hole_longest_min", value=longest_ns / (60 * NS)),
    ]


def luck(own: Rehearsal, trials: int) -> list[Figure]:
    """The deflated Sharpe ratio by the true number of trials, and what the best of so many without skill shows.

    The variance of the trials is that of no skill, 1 / sessions.
    """
    seen = stats.moments(session_returns([own.history]))
    counted = max(trials, 1)
    spread = 1.0 / seen.observations if seen.observations else math.nan
    by_luck = math.sqrt(spread * SESSIONS_A_YEAR) * stats.expected_max(counted)
    return known(
        [
            Figure(name="trials", value=counted),
            Figure(name="luck_sharpe_annual", value=by_luck),
            Figure(name="dsr_prob", value=stats.deflated_sharpe(seen, counted, spread)),
        ]
    )

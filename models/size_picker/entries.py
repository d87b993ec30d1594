"""Plain rules of entry and exit on bars: the same ones cut trades from real bars and from simulated ones.

A rule says at each close what to be from then on: long, short, flat, or as before. A change is acted on at the next
bar's open, so that a trade knows nothing that was not known when it began, and the next change ends it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gamma.feeds.series import Floats, Series, Times
from models.size_picker.form import BARS_MAX

AS_BEFORE: Final = 2
# What the longest look of a rule needs, and a window of candles with it.
WARM_UP_BARS: Final = 401
Stance = NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of entry and exit by its name; `hold_max` is how many bars a trade of it lasts at most.

    `stance` gives what to be from each close on: 1 long, -1 short, 0 flat, 2 as before. It sees bars up to that close.
    """

    name: str
    stance: Callable[[Series], Stance]
    hold_max: int = BARS_MAX


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cuts:
    """Trades as bars: entered at the open of `entry_bar`, closed at that of `exit_bar`; `rule` is the rule's number.

    Shapes: [N].
    """

    side: Times
    entry_bar: Times
    exit_bar: Times
    rule: Times

    def __len__(self) -> int:
        return len(self.side)

    @classmethod
    def joined(cls, parts: "Sequence[Cuts]") -> "Cuts":
        """All of these trades, in their order."""
        columns = {each.name: np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(cls)}
        return cls(**columns)

    def of(self, rows: NDArray[np.bool_] | Times) -> "Cuts":
        """These trades alone."""
        return Cuts(
            side=self.side[rows], entry_bar=self.entry_bar[rows], exit_bar=self.exit_bar[rows], rule=self.rule[rows]
        )


def breakout(bars: int) -> Callable[[Series], Stance]:
    """Long at a close above the highest high of so many bars before it, short at one below the lowest low."""

    def stance(series: Series) -> Stance:
        high, low = highest(series.high_points, bars), -highest(-series.low_points, bars)
        found = np.full(len(series), AS_BEFORE, np.int8)
        found[1:][series.close_points[1:] > high[:-1]] = 1
        found[1:][series.close_points[1:] < low[:-1]] = -1
        return found

    return stance


def cross(fast: int, slow: int) -> Callable[[Series], Stance]:
    """Long while the mean of `fast` closes is above that of `slow`, short while it is below."""

    def stance(series: Series) -> Stance:
        apart = mean(series.close_points, fast) - mean(series.close_points, slow)
        return np.where(np.isnan(apart) | (apart == 0), AS_BEFORE, np.sign(apart)).astype(np.int8)

    return stance


def reversion(bars: int, deviations: float) -> Callable[[Series], Stance]:
    """Against a close so many deviations from the mean of so many, until the close is back at the mean."""

    def stance(series: Series) -> Stance:
        # Deviations of sums of squares need prices near 0, or their last digits are lost.
        close = series.close_points - series.close_points[0]
        middle = mean(close, bars)
        spread = np.sqrt(np.maximum(mean(close**2, bars) - middle**2, 0.0))
        apart = close - middle
        side = np.where(apart > deviations * spread, -1, np.where(apart < -deviations * spread, 1, AS_BEFORE))
        back = np.flatnonzero(np.diff(np.sign(apart), prepend=0.0))
        side[back] = np.where(side[back] == AS_BEFORE, 0, side[back])
        return np.where(np.isnan(apart) | (spread <= 0), AS_BEFORE, side).astype(np.int8)

    return stance


RULES: Final = (
    Rule(name="breakout 24", stance=breakout(24), hold_max=240),
    Rule(name="breakout 55", stance=breakout(55)),
    Rule(name="breakout 120", stance=breakout(120)),
    Rule(name="breakout 240", stance=breakout(240)),
    Rule(name="breakout 120, a week", stance=breakout(120), hold_max=115),
    Rule(name="cross 24 and 96", stance=cross(24, 96)),
    Rule(name="cross 50 and 200", stance=cross(50, 200)),
    Rule(name="cross 100 and 400", stance=cross(100, 400)),
    Rule(name="reversion 60, 2 deviations", stance=reversion(60, 2.0)),
    Rule(name="reversion 120, 2 deviations", stance=reversion(120, 2.0)),
    Rule(name="reversion 240, 2 deviations", stance=reversion(240, 2.0)),
)
BY_CHANCE: Final = len(RULES)
NAMES: Final = (*(rule.name for rule in RULES), "by chance")


def cut(series: Series, rng: np.random.Generator, rules: Sequence[Rule] = RULES) -> Cuts:
    """Every trade of the rules, and as many as one of them makes in the mean by chance, entered after 400 bars.

    Those by chance have any side, and hold for any time up to 500 bars. The last bar's open ends what is open there.
    """
    found = [_of_rule(rule.stance(series), rule.hold_max, number) for number, rule in enumerate(rules)]
    count = -(-sum(len(one) for one in found) // max(len(found), 1))
    found.append(_by_chance(len(series), count, rng))
    joined = Cuts.joined(found)
    joined = replace(joined, exit_bar=np.minimum(joined.exit_bar, len(series) - 1))
    joined = joined.of((joined.entry_bar >= WARM_UP_BARS) & (joined.entry_bar < joined.exit_bar))
    return joined.of(np.lexsort((joined.rule, joined.entry_bar)))


def _of_rule(stance: Stance, hold_max: int, number: int) -> Cuts:
    """A trade from each change of stance to the next one; what is decided at a close is done at the next open."""
    said = np.flatnonzero(stance != AS_BEFORE)
    changed = said[np.diff(stance[said], prepend=np.int8(0)) != 0]
    side = stance[changed].astype(np.int64)
    until = np.append(changed[1:], len(stance)) + 1
    begins = side != 0
    entry = changed[begins] + 1
    exits = np.minimum(until[begins], entry + hold_max)
    return Cuts(side=side[begins], entry_bar=entry, exit_bar=exits, rule=np.full(len(entry), number))


def _by_chance(bars: int, count: int, rng: np.random.Generator) -> Cuts:
    held = rng.integers(1, BARS_MAX + 1, count)
    entry = rng.integers(0, max(bars, 1), count)
    side = 2 * rng.integers(0, 2, count) - 1
    return Cuts(side=side, entry_bar=entry, exit_bar=entry + held, rule=np.full(count, BY_CHANCE))


def highest(values: Floats, bars: int) -> Floats:
    """The highest of each `bars` values up to and with each; infinite before there are so many."""
    if len(values) < bars:
        return np.full(len(values), np.inf)
    whole = -(-len(values) // bars) * bars
    padded = np.concatenate([values, np.full(whole - len(values), -np.inf)]).reshape(-1, bars)
    after = np.maximum.accumulate(padded, axis=1).ravel()[: len(values)]
    before = np.maximum.accumulate(padded[:, ::-1], axis=1)[:, ::-1].ravel()[: len(values)]
    found = np.full(len(values), np.inf)
    found[bars - 1 :] = np.maximum(after[bars - 1 :], before[: len(values) - bars + 1])
    return found


def mean(values: Floats, bars: int) -> Floats:
    """The mean of each `bars` values up to and with each; NaN before there are so many."""
    found = np.full(len(values), np.nan)
    if len(values) >= bars:
        sums = np.concatenate([[0.0], np.cumsum(values)])
        found[bars - 1 :] = (sums[bars:] - sums[:-bars]) / bars
    return found

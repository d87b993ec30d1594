"""The tries of a sweep side by side: session returns as a file, and what choosing the best of them is worth."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np

from gamma import stats
from gamma.errors import InputInvalid
from gamma.history import History
from gamma.history.figures import SESSIONS_A_YEAR, Figure, known, session_returns
from gamma.stats import Floats

SESSION: Final = "session"


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """Session returns of each try, over the same sessions. Shapes: `returns` [S, N]."""

    names: tuple[str, ...]
    sessions: tuple[str, ...]
    returns: Floats


def of_histories(told: Mapping[str, Sequence[History]]) -> Sweep:
    """What each try made over the same spans, which stand one after another."""
    first = next(iter(told.values()))
    return Sweep(
        names=tuple(told),
        sessions=tuple(day for one in first for day in one.sessions),
        returns=np.column_stack([session_returns(each) for each in told.values()]),
    )


def read(path: Path) -> Sweep:
    """A CSV with a header: one column a try, one row a session; a first column `session` names the rows.

    Raises: InputInvalid when it cannot be read, has no two tries, or a cell is no finite number.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as failed:
        raise InputInvalid(f"{path}: no table of session returns ({failed}); a header and a row a session") from failed
    named = int(header[0].strip() == SESSION)
    names = tuple(name.strip() for name in header[named:])
    if len(names) < 2:
        raise InputInvalid(f"{path}: {len(names)} tries; two columns of session returns are the fewest")
    for line, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputInvalid(f"{path}: line {line} has {len(row)} cells, and the header {len(header)}")
    cells = [[_number(path, line, cell) for cell in row[named:]] for line, row in enumerate(rows, start=2)]
    return Sweep(
        names=names,
        sessions=tuple(row[0] if named else str(n) for n, row in enumerate(rows)),
        returns=np.array(cells, dtype=np.float64).reshape(len(rows), len(names)),
    )


def write(sweep: Sweep, path: Path) -> None:
    """Write it as `read` takes it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow([SESSION, *sweep.names])
        table.writerows([day, *map(repr, row)] for day, row in zip(sweep.sessions, sweep.returns.tolist(), strict=True))


def overfitting_prob(sweep: Sweep) -> float:
    """PBO of the sweep in 16 blocks; NaN for one try, or fewer than 32 sessions."""
    if len(sweep.returns) < 2 * stats.BLOCKS:
        return math.nan
    return stats.overfitting(sweep.returns).probability


def judged(sweep: Sweep, trials: int, blocks: int = stats.BLOCKS) -> tuple[str, list[Figure]]:
    """The try with the best Sharpe ratio, and what is to be said of having chosen it.

    It is deflated by `trials`, the number of tries at least, with the variance of `choice.choose`.
    Raises: InputInvalid when the sessions do not fill the blocks, or no try ever varied.
    """
    seen = [stats.moments(column) for column in sweep.returns.T]
    sharpes = np.array([one.sharpe for one in seen])
    if not bool(np.isfinite(sharpes).any()):
        raise InputInvalid("no try has a Sharpe ratio: the returns of each are all alike")
    found = stats.overfitting(sweep.returns, blocks)
    best = int(np.nanargmax(sharpes))
    counted = max(trials, len(sweep.names))
    variance = max(_variance(sharpes), 1.0 / len(sweep.returns))
    luck = math.sqrt(variance) * stats.expected_max(counted)
    root = math.sqrt(SESSIONS_A_YEAR)
    return sweep.names[best], known(
        [
            Figure(name="tries", value=len(sweep.names)),
            Figure(name="trials", value=counted),
            Figure(name="sessions", value=len(sweep.returns)),
            Figure(name="overfitting_prob", value=found.probability),
            Figure(name="loss_prob", value=found.loss_probability),
            Figure(name="degradation_slope", value=found.slope),
            Figure(name="best_sharpe_annual", value=seen[best].sharpe * root),
            Figure(name="luck_sharpe_annual", value=luck * root),
            Figure(name="best_dsr_prob", value=stats.deflated_sharpe(seen[best], counted, variance)),
        ]
    )


def _variance(sharpes: Sequence[float] | Floats) -> float:
    finite = np.asarray(sharpes)[np.isfinite(sharpes)]
    return float(finite.var(ddof=1)) if len(finite) > 1 else 0.0


def _number(path: Path, line: int, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputInvalid(f"{path}: line {line} has {cell!r}, which is no return; every try needs all sessions")
    return value

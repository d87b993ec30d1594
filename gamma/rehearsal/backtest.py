"""Backtests: a configuration over recorded bars, in one account, with a ledger like any other; several at once."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import tomlkit

from gamma.assembly import paper_state_path
from gamma.config import Config, config_hash
from gamma.errors import InputInvalid
from gamma.history.figures import trades_sha256
from gamma.ledger import Run
from gamma.params import revealed
from gamma.rehearsal.play import Rehearsal, paper, play
from gamma.rehearsal.promotion import Held

BACKTEST: Final = "backtest"
LEDGER: Final = "gamma.db"
CONFIG: Final = "config.toml"
DATABASES: Final = (".db", ".sqlite", ".sqlite3")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """One backtest: a configuration over the bars of its markets; without `ledger` nothing is written."""

    name: str
    config: Config
    bars: Mapping[str, Held]
    ledger: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Done:
    """What came of a backtest, and how long the bars took [s]."""

    task: Task
    played: Rehearsal
    trades_sha256: str
    seconds: float


def on_paper(config: Config, markets: Sequence[str]) -> Config:
    """The configuration as it trades on paper, with the strategies of these markets alone.

    Raises: InputInvalid when no strategy trades one of them.
    """
    traded = {one.market for one in config.strategies}
    if unknown := sorted(set(markets) - traded):
        raise InputInvalid(
            f"bars of {', '.join(unknown)}, which no strategy trades; traded: {', '.join(sorted(traded))}"
        )
    chosen = [one for one in config.strategies if one.market in markets]
    return paper(config.model_copy(update={"strategies": tuple(chosen)}))


def place_of(out: Path) -> tuple[Path, Path]:
    """Where the ledger and its configuration are to lie: in the folder `out`, or beside the ledger `out`."""
    return (out, out.with_suffix(".toml")) if out.suffix in DATABASES else (out / LEDGER, out / CONFIG)


def place(out: Path) -> tuple[Path, Path]:
    """As `place_of`, for a new ledger.

    Raises: InputInvalid when one of them is there already.
    """
    ledger, config = place_of(out)
    for one in (ledger, config):
        if one.exists():
            raise InputInvalid(f"--out {out}: {one} is there already; give another name, or move it away")
    return ledger, config


def backtest(task: Task) -> Done:
    """Play the bars of a task; with a ledger, a configuration lies beside it that names it.

    Raises: as `play`; InputInvalid when the ledger is there already.
    """
    config, run = task.config, None
    if task.ledger is not None:
        ledger, beside = place(task.ledger)
        ledger.parent.mkdir(parents=True, exist_ok=True)
        config = _recording(config, ledger)
        write_config(config, beside)
        run = _run(task)
    began = time.perf_counter()
    played = play(config, {market: held.series for market, held in task.bars.items()}, run=run)
    seconds = time.perf_counter() - began
    return Done(task=task, played=played, trades_sha256=trades_sha256(played.history.trades), seconds=seconds)


def backtest_all(tasks: Sequence[Task], jobs: int) -> Iterator[Done]:
    """Play several, so many at once in processes of their own, each as it is done.

    Raises: as `backtest`.
    """
    if jobs == 1 or len(tasks) == 1:
        yield from map(backtest, tasks)
        return
    with ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=get_context("spawn")) as pool:
        pending = [pool.submit(backtest, task) for task in tasks]
        try:
            for future in as_completed(pending):
                yield future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def write_config(config: Config, path: Path) -> None:
    """Write a configuration that reads back as this one, but for whom alerts reach; nobody else may read it."""
    told = config.model_dump(exclude_unset=True, exclude={"alerts"})
    path.touch(mode=0o600)
    path.write_text("# Written by gamma backtest.\n" + tomlkit.dumps(_said(revealed(told))), encoding="utf-8")


def _recording(config: Config, ledger: Path) -> Config:
    recorded = config.gamma.model_copy(update={"database": f"sqlite:///{ledger.absolute()}"})
    made = config.model_copy(update={"gamma": recorded})
    state = paper_state_path(made)
    if state is not None and state.exists():
        raise InputInvalid(f"--out: {state} is there already; give another name, or move it away")
    return made


def _run(task: Task) -> Run:
    """What was played, as the ledger's register has it: the same bars and configuration give the same entry."""
    notes = {
        "bars": [
            {
                "market": market,
                "name": held.name,
                "sha256": held.sha256,
                "span": f"{held.span.first}..{held.span.last}",
                "rows": len(held.series),
            }
            for market, held in sorted(task.bars.items())
        ]
    }
    return Run(
        run_id=f"{BACKTEST}-{task.name}",
        run_kind=BACKTEST,
        config_hash=config_hash(task.config),
        seed=0,
        notes=json.dumps(notes),
        ts_event_utc_ns=min(int(held.series.ts_open_utc_ns[0]) for held in task.bars.values()),
    )


def _said(value: Any) -> Any:
    """The value without what is None, which TOML has no word for."""
    if isinstance(value, Mapping):
        return {key: _said(item) for key, item in value.items() if item is not None}
    return [_said(item) for item in value] if isinstance(value, list | tuple) else value

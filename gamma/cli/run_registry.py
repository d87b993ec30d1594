"""The registry of training in the ledger's database: runs by seed, how they ended, looks at held-out days.

A daemon that trades holds its ledger alone. What is to be registered meanwhile waits in a file beside the ledger,
`gamma.db.runs`, and goes in with the next command that finds the ledger free.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from gamma.errors import AlreadyRecorded, ConfigInvalid, LedgerInUse

if TYPE_CHECKING:
    from gamma.config import Config
    from gamma.ledger import Look, Run
    from gamma.ports import TrainingBars, TrainingRun

TRAINING: Final = "training"
ENDED: Final = "training ended"


def note_begin(config: "Config", order: "TrainingRun") -> None:
    """Register a run, once for each seed: each is a trial, whatever becomes of it."""
    notes = {
        "folder": str(order.out.absolute()),
        "markets": list(order.symbols),
        "steps": order.steps,
        "from": str(order.begin_from or ""),
        "code": order.code_commit,
        **order.noted,
    }
    note(config, [_run(order, seed, TRAINING, seed_id(order, seed), notes) for seed in order.seeds])


def note_end(config: "Config", order: "TrainingRun", steps: int, how: str) -> None:
    """Register how a run ended, or where it stands: `how`, after so many steps of each seed, with its checkpoints."""
    records = []
    for seed in order.seeds:
        notes = {"run": seed_id(order, seed), "how": how, "steps": steps, "checkpoints": checkpoints(order, seed)}
        records.append(_run(order, seed, ENDED, f"{seed_id(order, seed)}:{steps}", notes))
    note(config, records)


def note_look(config: "Config", order: "TrainingRun", family: str, spans: Sequence[str]) -> None:
    """Register a look at what is held out of a run, by each of its seeds; before it is had."""
    from gamma.ledger import Look

    note(
        config,
        [
            Look(
                run_id=seed_id(order, seed),
                dataset=span,
                family=family,
                notes="at the end of training",
                ts_event_utc_ns=time.time_ns(),
            )
            for seed in order.seeds
            for span in spans
        ],
    )


def note(config: "Config", records: "Sequence[Run | Look]") -> None:
    """Put records into the ledger, with those that wait; where a daemon holds it, they wait."""
    from gamma.ledger import Ledger

    with _waiting(config) as file:
        _write(file, records)
        try:
            opened = Ledger.open(config.gamma.database, account=config.account.name, mode=config.gamma.mode)
        except LedgerInUse:
            return
        with closing(opened) as ledger:
            for record in _read(file):
                with suppress(AlreadyRecorded):
                    ledger.register(record)
        file.truncate(0)


def rows(config: "Config") -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """All runs and all looks, oldest first, those that wait too."""
    from gamma.ledger import Run
    from gamma.ledger.connections import file_of
    from gamma.ledger.reader import Reader, Wanted

    runs: list[Mapping[str, Any]] = []
    looks: list[Mapping[str, Any]] = []
    path = file_of(config.gamma.database)
    if path is None or path.exists():
        with closing(Reader.open(config.gamma.database)) as reader:
            wanted = Wanted(limit=10**9)
            runs, looks = [*reader.runs(wanted)], [*reader.looks(wanted)]
    with _waiting(config) as file:
        for record in _read(file):
            (runs if isinstance(record, Run) else looks).append(asdict(record) | {"id": record.run_id})
    return runs, looks


def seed_id(order: "TrainingRun", seed: int) -> str:
    """What a seed of a run is called in the ledger."""
    return f"{order.run_id}-s{seed}"


def checkpoints(order: "TrainingRun", seed: int) -> int:
    """How many checkpoints of a seed there are."""
    folder = order.out if len(order.seeds) == 1 else order.out / f"seed-{seed}"
    return sum(1 for _ in (folder / "checkpoints").glob("[0-9]*"))


def _run(order: "TrainingRun", seed: int, kind: str, run_id: str, notes: Mapping[str, Any]) -> "Run":
    from gamma.ledger import Run

    return Run(
        run_id=run_id,
        run_kind=kind,
        config_hash=order.config_sha256,
        seed=seed,
        notes=json.dumps(notes),
        ts_event_utc_ns=time.time_ns(),
    )


def span_of(symbol: str, bars: "TrainingBars") -> str:
    """Days of a market as `gamma models promote` names them; simulated ones are no days of it."""
    first, last = (
        datetime.fromtimestamp(ts / 1e9, UTC).date().isoformat() for ts in bars.series.ts_close_utc_ns[[0, -1]].tolist()
    )
    made = "simulator " if bars.name.startswith("simulator ") else ""
    return f"{made}{symbol} {first}..{last}"


@contextmanager
def _waiting(config: "Config") -> Iterator[IO[str]]:
    """The file of records that wait, held by this process."""
    from gamma.ledger.connections import file_of

    path = file_of(config.gamma.database)
    beside = Path(f"{path or config.account.name}.runs")
    beside.parent.mkdir(parents=True, exist_ok=True)
    with beside.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _read(file: IO[str]) -> "list[Run | Look]":
    from gamma.ledger import Look, Run

    file.seek(0)
    found: list[Run | Look] = []
    for line in file:
        try:
            told = json.loads(line)
            found.append((Run if told.pop("kind") == "Run" else Look)(**told))
        except (ValueError, TypeError, KeyError):
            raise ConfigInvalid(
                f"{file.name}: a line of it is no record ({line.strip()[:80]!r}); take it out"
            ) from None
    return found


def _write(file: IO[str], records: "Sequence[Run | Look]") -> None:
    file.writelines(json.dumps({"kind": type(record).__name__, **asdict(record)}) + "\n" for record in records)
    file.flush()
    os.fsync(file.fileno())

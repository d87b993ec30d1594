"""The registry of the commands: what was tried, and each look at report days, in the ledger's database."""

import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from gamma.config import Config
    from gamma.ledger import Look, Run
    from gamma.rehearsal.registry import Span

ALL_ROWS: Final = 1_000_000


def note_trials(config: "Config", family: str, candidates: Sequence[str]) -> None:
    """Record that these checkpoints, by their hashes, were compared.

    Raises: ConfigInvalid when a daemon holds the ledger.
    """
    from gamma.config import config_hash
    from gamma.ledger import Run
    from gamma.rehearsal.registry import SELECT, notes_of

    _register(
        config,
        Run(
            run_id=_id(SELECT),
            run_kind=SELECT,
            config_hash=config_hash(config),
            seed=0,
            notes=notes_of(family, candidates),
            ts_event_utc_ns=time.time_ns(),
        ),
    )


def trials(config: "Config", family: str) -> int:
    """How many checkpoints of a family were ever compared."""
    from gamma.rehearsal import registry

    return registry.trials(_rows(config, "runs"), family)


def refuse(config: "Config", family: str, span: "Span", *, again: bool) -> None:
    """Let nobody look at report days a second time, unless he says so.

    Raises: InputInvalid, which says when they were looked at.
    """
    from datetime import UTC, datetime

    from gamma.rehearsal.registry import looked

    before = looked(_rows(config, "looks"), family, span)
    if before and not again:
        when = datetime.fromtimestamp(before[-1]["ts_event_utc_ns"] // 10**9, UTC).date().isoformat()
        raise InputInvalid(
            f"{family}: days of {span} were looked at on {when} ({before[-1]['notes']}), and a second look is not "
            "out of sample any more; take later days, or look --again with a --reason: it is counted"
        )


def note_look(config: "Config", family: str, span: "Span", *, why: str) -> None:
    """Record a look, before it is had: a crash after it is a look too.

    Raises: ConfigInvalid when a daemon holds the ledger.
    """
    from gamma.ledger import Look

    _register(
        config,
        Look(run_id=_id("look"), dataset=str(span), family=family, notes=why, ts_event_utc_ns=time.time_ns()),
    )


def _register(config: "Config", record: "Run | Look") -> None:
    """The ledger is held for a moment only: a daemon that starts meanwhile finds it free."""
    from gamma.ledger import Ledger

    opened = Ledger.open(config.gamma.database, account=config.account.name, mode=config.gamma.mode)
    with closing(opened) as ledger:
        ledger.register(record)


def _rows(config: "Config", name: str) -> list[Mapping[str, Any]]:
    from gamma.ledger.connections import file_of
    from gamma.ledger.reader import Reader, Wanted

    path = file_of(config.gamma.database)
    if path is not None and not path.exists():
        return []
    with closing(Reader.open(config.gamma.database)) as reader:
        wanted = Wanted(limit=ALL_ROWS)
        return list(reader.runs(wanted) if name == "runs" else reader.looks(wanted))


def _id(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(6)}"

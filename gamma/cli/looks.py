"""The registry of the commands: what was tried, and each look at report days, in the ledger's database."""

import secrets
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from gamma.cli import run_registry
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from gamma.config import Config
    from gamma.rehearsal.registry import Span

ALL_ROWS: Final = 1_000_000


def note_trials(config: "Config", family: str, candidates: Sequence[str]) -> None:
    """Record that these checkpoints, by their hashes, were compared."""
    from gamma.config import config_hash
    from gamma.ledger import Run
    from gamma.rehearsal.registry import SELECT, notes_of

    run = Run(
        run_id=_id(SELECT),
        run_kind=SELECT,
        config_hash=config_hash(config),
        seed=0,
        notes=notes_of(family, candidates),
        ts_event_utc_ns=time.time_ns(),
    )
    run_registry.note(config, [run])


def trials(config: "Config", family: str) -> int:
    """How many tries of a family the ledger knows of."""
    from gamma.rehearsal import registry

    runs, _ = run_registry.rows(config)
    return registry.trials(runs, family)


def refuse(config: "Config", family: str, span: "Span", *, again: bool) -> None:
    """Let nobody look at report days a second time, unless he says so.

    Raises: InputInvalid, which says when they were looked at.
    """
    from datetime import UTC, datetime

    from gamma.rehearsal.registry import looked

    _, looks = run_registry.rows(config)
    before = looked(looks, family, span)
    if before and not again:
        when = datetime.fromtimestamp(before[-1]["ts_event_utc_ns"] // 10**9, UTC).date().isoformat()
        raise InputInvalid(
            f"{family}: days of {span} were looked at on {when} ({before[-1]['notes']}), and a second look is not "
            "out of sample any more; take later days, or look --again with a --reason: it is counted"
        )


def note_look(config: "Config", family: str, span: "Span", *, why: str) -> None:
    """Record a look, before it is had: a crash after it is a look too."""
    from gamma.ledger import Look

    look = Look(run_id=_id("look"), dataset=str(span), family=family, notes=why, ts_event_utc_ns=time.time_ns())
    run_registry.note(config, [look])


def _id(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(6)}"

"""The registry of the commands: what was tried, and each look at report days, in the ledger's database."""

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

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
    before = _last_look(config, family, span)
    if before is not None and not again:
        raise InputInvalid(
            f"{family}: days of {span} were looked at on {_day(before)} ({before['notes']}), and a second look is not "
            "out of sample any more; take later days, or look --again with a --reason: it is counted"
        )


def warn_of_reuse(config: "Config", family: str, spans: "Sequence[Span]") -> None:
    """Say so where days to choose on were report days before: what is chosen on them has to be proved on later ones."""
    from rich.console import Console

    for span in spans:
        before = _last_look(config, family, span)
        if before is not None:
            Console(stderr=True, highlight=False, soft_wrap=True).print(
                f"[yellow]{family}: days of {span} were report days on {_day(before)}: what is chosen on them has seen "
                "them, and only later days can prove it[/]"
            )


def _last_look(config: "Config", family: str, span: "Span") -> "Mapping[str, Any] | None":
    from gamma.rehearsal.registry import looked

    _, looks = run_registry.rows(config)
    return next(reversed(looked(looks, family, span)), None)


def _day(look: "Mapping[str, Any]") -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(look["ts_event_utc_ns"] // 10**9, UTC).date().isoformat()


def note_look(config: "Config", family: str, span: "Span", *, why: str) -> None:
    """Record a look, before it is had: a crash after it is a look too."""
    from gamma.ledger import Look

    look = Look(run_id=_id("look"), dataset=str(span), family=family, notes=why, ts_event_utc_ns=time.time_ns())
    run_registry.note(config, [look])


def _id(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(6)}"

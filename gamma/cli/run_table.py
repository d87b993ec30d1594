"""Tables of training: what was ever trained, and how a policy did on held-out sessions beside its rivals."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gamma.cli.output import console

if TYPE_CHECKING:
    from gamma.config import Config
    from gamma.ports import TrainingRival


def told_of(config: "Config") -> dict[str, Any]:
    """Every seed of every run, oldest first, with the count of trials and of looks."""
    from gamma.cli import run_registry
    from gamma.rehearsal.registry import SELECT

    runs, looks = run_registry.rows(config)
    ended: dict[str, Mapping[str, Any]] = {}
    for row in runs:
        if row["run_kind"] == run_registry.ENDED:
            told = json.loads(row["notes"])
            ended[told["run"]] = told
    found = [
        _row(row, ended.get(row["id"]), sum(look["run_id"] == row["id"] for look in looks))
        for row in runs
        if row["run_kind"] == run_registry.TRAINING
    ]
    chosen = {sha for row in runs if row["run_kind"] == SELECT for sha in json.loads(row["notes"])["candidates"]}
    return {"runs": found, "trials": len(found), "checkpoints_compared": len(chosen), "looks": len(looks)}


def _row(row: Mapping[str, Any], end: Mapping[str, Any] | None, looks: int) -> dict[str, Any]:
    notes = json.loads(row["notes"])
    return {
        "run": row["id"],
        "began": datetime.fromtimestamp(row["ts_event_utc_ns"] / 1e9, UTC).isoformat(timespec="seconds"),
        "markets": notes["markets"],
        "phase": notes.get("phase"),
        "seed": row["seed"],
        "steps": end["steps"] if end else 0,
        "steps_max": notes["steps"],
        "state": end["how"] if end else "under way, or killed",
        "checkpoints": end["checkpoints"] if end else 0,
        "looks": looks,
        "config_hash": row["config_hash"],
        "code": notes["code"],
        "folder": notes["folder"],
    }


def print_runs(told: Mapping[str, Any]) -> None:
    """The runs as a table, and the counts under it."""
    from gamma.cli.tables import table

    out = console()
    if not told["runs"]:
        out.print("nothing was trained yet: gamma train futures")
        return
    titles = ("began", "markets", "phase", ">seed", ">steps", "state", ">checkpoints", ">looks", "?code", "folder")
    cells = [
        (
            row["began"][:16].replace("T", " "),
            ", ".join(row["markets"]),
            str(row["phase"] or "-"),
            str(row["seed"]),
            f"{row['steps']:,}",
            row["state"],
            str(row["checkpoints"]),
            str(row["looks"]),
            row["code"][:7] + ("-dirty" if row["code"].endswith("-dirty") else ""),
            row["folder"],
        )
        for row in told["runs"]
    ]
    out.print(table(titles, cells, out.width))
    out.print(
        f"\nN = {told['trials']:,} trained policies; {told['checkpoints_compared']:,} checkpoints compared by "
        f"gamma models promote; {told['looks']:,} looks at held-out days"
    )


def print_rivals(rivals: "Sequence[TrainingRival]", of: str) -> None:
    """The policy beside what needs no learning, on the same held-out sessions."""
    from rich.text import Text

    from gamma.cli.tables import table

    out = console()
    title = f"on {rivals[0].sessions:,} held-out sessions" + (f", {of}" if of else "")
    out.print(Text(f"\n{title}", style="bold"))
    titles = (
        "",
        ">P&L a session",
        ">95 % interval",
        ">trades",
        ">profit factor",
        ">drawdown",
        ">HOLD",
        ">managing",
        ">long",
    )
    out.print(table(titles, [_rival(one) for one in rivals], out.width))
    out.print(
        Text("P&L and drawdown in usd; HOLD where an entry is legal, managing where that is, long of entries\n", "dim")
    )


def _rival(one: "TrainingRival") -> tuple[str, ...]:
    told = one.figures
    if not told["trades"]:
        return (one.name, "0", *("-",) * 7)
    return (
        one.name,
        f"{told['pnl_usd_per_session']:+,.0f}",
        f"{told['low_usd_per_session']:+,.0f} to {told['high_usd_per_session']:+,.0f}",
        f"{told['trades']:,.0f}",
        f"{told['profit_factor']:.2f}",
        f"{told['drawdown_max_usd']:,.0f}",
        f"{told['entry_hold_frac']:.0%}",
        f"{told['manage_frac']:.0%}",
        f"{told['long_frac']:.0%}",
    )

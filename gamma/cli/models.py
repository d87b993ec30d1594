"""`gamma models`: trained policies on disk, and what their cards say of them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gamma.cli import promote
from gamma.cli.chosen import configuration
from gamma.cli.evaluated import show_figures
from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, group, print_json
from gamma.errors import ConfigInvalid, InputInvalid

if TYPE_CHECKING:
    from gamma.ports import Checkpoints, Trained

app = group("Trained policies and size pickers: what there is, and how each of them did.")

PAPER: Final = "paper only"


@app.callback()
def _models() -> None:
    """Trained policies and size pickers: what there is, and how each of them did."""


@app.command("list")
def list_models(
    folders: Annotated[list[Path] | None, typer.Argument(help="Look there instead.", metavar="FOLDER")] = None,
    *,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List the checkpoints in the configured folder, or those that ship with gamma; each is verified.

    A policy without an evaluation out of sample trades on paper only.

    Example: gamma models list
    """
    from gamma import checkpoints
    from gamma.cli.tables import table

    rows = [_row(shelf, one) for shelf, one in checkpoints.lying(_folders(folders, path))]
    if as_json:
        print_json(rows)
        return
    if not rows:
        console().print("no checkpoints yet")
        return
    titles = ("name", "markets", "kind", "?made", "?>steps", "standing", "hash begins, or why it is refused")
    console().print(table(titles, [_cells(row) for row in rows], console().width))


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A checkpoint by its name, or its folder.", metavar="NAME")],
    *,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show all that the card of a checkpoint says, and the hash to pin.

    Example: gamma models show mnq-phase2
    """
    from gamma import checkpoints

    shelf, folder = checkpoints.named(name, _folders(None, path))
    told = shelf.told(folder)
    if as_json:
        print_json({**_row(shelf, folder), "card": told.card})
        return
    _print_card(folder, told)


@app.command()
def join(
    out: Annotated[Path, typer.Argument(help="The new folder, beside its members.", metavar="OUT")],
    members: Annotated[list[Path], typer.Argument(help="Two checkpoints or more.", metavar="MEMBER...")],
    *,
    as_json: AsJson = False,
) -> None:
    """Write an ensemble: a card that names checkpoints, and answers with the mean of their logits.

    All must see and do the same. An ensemble needs an evaluation of its own.

    Example: gamma models join models/mnq-three models/mnq-1 models/mnq-2 models/mnq-3
    """
    from gamma import checkpoints

    shelf, _ = checkpoints.named(str(members[0]), ())
    sha256 = shelf.join(out, members)
    if as_json:
        print_json({"folder": str(out), "members": [str(member) for member in members], "sha256": sha256})
        return
    console().print(f"[green]✓[/] {out} is written; pin it by [bold]{sha256}[/]")


promote.add_to(app)


def _folders(given: Sequence[Path] | None, path: Path) -> list[Path]:
    """The folders that were given, or the configured one; empty: those that ship."""
    from gamma import checkpoints

    if given:
        for folder in given:
            if not folder.is_dir():
                raise InputInvalid(f"{folder} is no folder; give a checkpoint, or a folder with checkpoints in it")
        return list(given)
    configured = configuration(path).paths.models if path != DEFAULT_CONFIG or path.exists() else ""
    return list(checkpoints.folders(configured))


def _row(shelf: "Checkpoints", folder: Path) -> dict[str, Any]:
    row: dict[str, Any] = {"name": folder.absolute().name, "folder": str(folder)}
    try:
        told = shelf.told(folder)
    except ConfigInvalid as error:
        unknown = dict.fromkeys(("markets", "kind", "created", "steps", "paper_only", "sha256"))
        return row | {"ready": False} | unknown | {"error": str(error)}
    return row | {
        "ready": True,
        "markets": list(told.markets),
        "kind": told.kind,
        "created": told.created,
        "steps": told.steps,
        "paper_only": told.paper_only,
        "sha256": told.sha256,
        "error": "",
    }


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    if not row["ready"]:
        return (str(row["name"]), "-", "-", "-", "-", "refused", str(row["error"]))
    standing = PAPER if row["paper_only"] else "evaluated"
    told = (row["name"], ", ".join(row["markets"]), row["kind"], row["created"])
    return (*told, f"{row['steps']:,}", standing, str(row["sha256"])[:12])


def _print_card(folder: Path, told: "Trained") -> None:
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    shown.add_column(style="dim", no_wrap=True)
    shown.add_column(overflow="fold")
    standing = f"{PAPER}: it has not qualified out of sample" if told.paper_only else "qualified out of sample"
    rows = {"checkpoint": folder.absolute().name, "standing": standing, "hash to pin": told.sha256}
    evaluations = told.card.get("evaluations", ())
    for key, value in (*rows.items(), *_flat({k: v for k, v in told.card.items() if k != "evaluations"})):
        shown.add_row(key, Text(value))
    console().print(shown)
    for evaluation in evaluations:
        console().print()
        _print_evaluation(evaluation)


def _flat(card: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The card's values by their dotted keys; entries of a list of tables are numbered from 1."""
    for key, value in card.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for n, entry in enumerate(value, 1):
                yield from _flat(entry, f"{prefix}{key}.{n}.")
        elif isinstance(value, list):
            yield f"{prefix}{key}", ", ".join(map(str, value))
        else:
            yield f"{prefix}{key}", str(value)


def _print_evaluation(told: Mapping[str, Any]) -> None:
    from rich.text import Text

    # A size picker is judged by trades, an event policy by markets, any other by sessions of bars.
    of = next(told[key] for key in ("trades", "markets", "bars") if key in told)
    counted = f"{told['sessions']:,} sessions" if "sessions" in told else f"{of[_counted(told)]:,} {_counted(told)}"
    sample = "out of sample" if told["out_of_sample"] else "in sample"
    head = f"{told['name']}: {sample}, {counted} of {of['name']}"
    days = f", {of['first_utc'][:10]} to {of['last_utc'][:10]}" if "first_utc" in of else ""
    console().print(Text(head + days, style="bold"))
    if told["not_qualified"]:
        console().print(Text(f"did not qualify: {told['not_qualified']}", style="yellow"))
    show_figures(told["figures"])


def _counted(told: Mapping[str, Any]) -> str:
    return "trades" if "trades" in told else "markets"

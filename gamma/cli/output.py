"""How commands speak: tables for people, JSON for programs, errors as exit codes."""

import json
import math
import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from gamma.cli.chosen import let_choose
from gamma.errors import ConfigInvalid, Corrupt, GammaError, InvariantBroken
from gamma.mends import mend, of_machine

FAILED: Final = 1
INVARIANT: Final = 70
CONFIG: Final = 78
PIPE_COLUMNS: Final = 100

DEFAULT_CONFIG: Final = Path("config.toml")
ConfigPath = Annotated[
    Path, typer.Option("--config", "-c", envvar="GAMMA_CONFIG", help="The configuration file.", metavar="FILE")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]


class Commands(TyperGroup):
    """A group of commands in which every error of gamma's becomes a sentence and an exit code.

    Each of them that reads a configuration takes --account.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for command in self.commands.values():
            let_choose(command)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except GammaError as error:
            Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]gamma:[/] {escape(str(error))}")
            raise typer.Exit(exit_code(error)) from None
        except OSError as error:
            if not of_machine(error):
                raise
            named = f"{error.filename}: " if error.filename else ""
            Console(stderr=True, highlight=False, soft_wrap=True).print(
                f"[bold red]gamma:[/] {escape(named + mend(error))}"
            )
            raise typer.Exit(FAILED) from None


def group(help_text: str) -> typer.Typer:
    """A group of commands, as all of gamma's are."""
    return typer.Typer(
        cls=Commands,
        help=help_text,
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def exit_code(error: GammaError) -> int:
    """What the shell is told: 78 for the configuration, 70 where something that always holds does not, else 1."""
    if isinstance(error, ConfigInvalid):
        return CONFIG
    return INVARIANT if isinstance(error, InvariantBroken | Corrupt) else FAILED


def console() -> Console:
    """Standard output; plain, and 100 columns wide, where it is no terminal."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, emoji=False, width=PIPE_COLUMNS if piped else None)


def working(text: str) -> AbstractContextManager[object]:
    """A spinner on standard error while something takes seconds; nothing where that is no terminal."""
    return Console(stderr=True).status(text)


def print_json(value: Any) -> None:
    """Write JSON to standard output; an unknown number (NaN) is null."""
    json.dump(plain(value), sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def plain(value: Any) -> Any:
    """The value in JSON's own types."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return str(value) if isinstance(value, str) else value
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value

"""`--account`: which account of the configuration a command is about, told in one place for all commands."""

import os
from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from gamma.config import Config

_ACCOUNT: Final[ContextVar[str]] = ContextVar("account", default="")


def configuration(path: Path, given: Mapping[str, object] | None = None, account: str | None = None) -> "Config":
    """The configuration of an account: of the one that --account names, unless another is told here.

    `given` are values that the command line puts above it.

    Raises: ConfigInvalid; where there are several accounts and none is named, it says which.
    """
    from gamma.config import load

    return load(path, os.environ, given, chosen_account() if account is None else account)


def wanted_accounts(path: Path) -> tuple[str, ...]:
    """The accounts that a command over all of them is about: all that the file has, or the one of --account.

    A file of one account alone gives "", which stands for it.
    """
    from gamma.config import accounts_of

    return (chosen_account(),) if chosen_account() else accounts_of(path) or ("",)


def chosen_account() -> str:
    """The account that --account names; empty where it was not given."""
    return _ACCOUNT.get()


def again() -> str:
    """What a command that is named to a person has to be told, so that it is about the same account."""
    return f" --account {chosen_account()}" if chosen_account() else ""


def choose(account: str) -> str:
    """From now on this account is meant."""
    _ACCOUNT.set(account)
    return account


def let_choose(command: Any) -> None:
    """Give a command that reads a configuration its --account, unless it has one of its own."""
    places = {name: place for place, option in enumerate(command.params) for name in option.opts}
    if "--config" in places and "--account" not in places:
        command.params.insert(places["--config"] + 1, _option())


@cache
def _option() -> Any:
    """The option as typer makes it, of a command that nobody calls."""
    app = typer.Typer(add_completion=False)
    app.command()(_example)
    return typer.main.get_command(app).params[0]


def _example(
    account: Annotated[
        str,
        typer.Option(
            "--account",
            envvar="GAMMA_ACCOUNT",
            help="Which account, where the configuration has several.",
            metavar="NAME",
            callback=choose,
            expose_value=False,
        ),
    ] = "",
) -> None: ...

"""`gamma service`: gamma as a service of this machine, under systemd."""

import asyncio
import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gamma.cli.chosen import configuration, wanted_accounts
from gamma.cli.output import DEFAULT_CONFIG, FAILED, AsJson, ConfigPath, console, group, print_json
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from gamma.service.units import Host

SYSTEM = Path("/etc/systemd/system")

app = group("gamma as a service of this machine: systemd starts it, watches it, and tells you when it fails.")


@app.command()
def install(
    *,
    user: Annotated[str, typer.Option(help="Who runs it; not root.", metavar="NAME")] = "gamma",
    to: Annotated[Path, typer.Option(help="Where units are written.", metavar="FOLDER")] = SYSTEM,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the units, and write nothing.")] = False,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Write systemd units for this host: daemon, dashboard, dead-man, daily backup, and who tells you of failures.

    Example: gamma service install --dry-run
    """
    from gamma.config import accounts_of
    from gamma.service.units import host_of, started, units

    if user == "root":
        raise InputInvalid("--user root: the daemon needs no rights of root; name another user, as gamma")
    wanted = wanted_accounts(path)
    configs = [configuration(path, account=name) for name in wanted]
    host = host_of(configs, path, user=user, several=bool(accounts_of(path)))
    made = units(host)
    if not dry_run:
        to.mkdir(parents=True, exist_ok=True)
        for name, text in made.items():
            (to / name).write_text(text, encoding="utf-8")
    steps = [*_steps(host), f"systemctl enable --now {' '.join(started(wanted if host.several else ()))}"]
    if as_json:
        print_json({"written": [] if dry_run else [str(to / name) for name in made], "units": made, "next": steps})
    else:
        _show(made, None if dry_run else to, steps)


@app.command()
def alert(
    unit: Annotated[str, typer.Argument(help="The unit that failed.", metavar="UNIT")],
    *,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Tell by the configured webhook that a unit failed; systemd calls this by OnFailure=.

    Example: gamma service alert gamma.service
    """
    from gamma.alerts import Outcome, open_client
    from gamma.service.failure import page

    async def send() -> tuple[bool, str]:
        async with open_client() as client:
            answer = await page(client, path, os.environ, unit)
        return answer.outcome is Outcome.SENT, answer.error

    sent, error = asyncio.run(send())
    if as_json:
        print_json({"sent": sent, "error": error})
    else:
        console().print("told" if sent else f"[red]nobody could be told[/]: {error}")
    if not sent:
        raise typer.Exit(FAILED)


def _show(made: dict[str, str], to: Path | None, steps: list[str]) -> None:
    out = console()
    if to is None:
        for name, text in made.items():
            out.rule(name, style="dim", align="left")
            out.print(text, markup=False, soft_wrap=True)
        return
    for name in made:
        out.print(f"[green]✓[/] wrote {to / name}", soft_wrap=True)
    out.print("\nNext, as root:")
    for step in steps:
        out.print(f"  {step}", markup=False, soft_wrap=True)


def _steps(host: "Host") -> list[str]:
    """What is left to do, as commands; what is done already is not told again."""
    steps = []
    if not _known(host.user):
        home = f"--home-dir {host.folder} --no-create-home"
        steps.append(f"useradd --system {home} --shell /usr/sbin/nologin {host.user}")
    if not host.credentials.is_dir():
        steps.append(f"install -d -m 700 {host.credentials}")
    steps.extend(
        f"chown -R {host.user}: {folder}" if folder.exists() else f"install -d -m 700 -o {host.user} {folder}"
        for folder in host.writes
        if not _owned(folder, host.user)
    )
    return [*steps, "systemctl daemon-reload"]


def _known(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _owned(folder: Path, user: str) -> bool:
    return folder.exists() and _known(user) and folder.stat().st_uid == pwd.getpwnam(user).pw_uid

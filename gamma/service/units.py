"""The units of systemd for this host: templates of `deploy/systemd`, with the host's paths in them."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from gamma.config import Config
from gamma.errors import InputInvalid
from gamma.ledger import file_of

CREDENTIALS: Final = Path("/etc/gamma/credentials")
# One each for the machine; the others are of an account, and with several accounts each has them.
_OF_MACHINE: Final = ("gamma-alert@.service", "gamma-dashboard.service")
_HARDENING: Final = "hardening.conf"
_PLAIN: Final = re.compile(r"/[A-Za-z0-9_.,:+@/-]*")
_MARK: Final = re.compile(r"@([A-Z_]+)@")
_HOMES: Final = (Path("/home"), Path("/root"), Path("/run/user"))
_PASSING: Final = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108  (nothing is written there)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Where gamma is on this machine, what it reads and writes there, and who runs it.

    `several`: each account of the configuration has its units.
    """

    user: str
    program: Path
    config: Path
    writes: tuple[Path, ...]
    reads: tuple[Path, ...] = ()
    several: bool = False
    credentials: Path = CREDENTIALS

    @property
    def folder(self) -> Path:
        """The folder that the services run in: the configuration's, as by hand."""
        return self.config.parent


def host_of(configs: Sequence[Config], path: Path, *, user: str, several: bool = False) -> Host:
    """A host as it is: the command that runs, its configuration, and the folders that its accounts write to.

    Raises: InputInvalid when a path cannot stand in a unit.
    """
    path = path.absolute()
    program = Path(sys.executable).with_name("gamma")
    writes = {path.parent, *(folder for config in configs for folder in _written(config, path.parent))}
    within = {one for one in writes if not any(one != other and one.is_relative_to(other) for other in writes)}
    reads = (program.parent.parent, Path(sys.base_prefix), Path(str(files("gamma"))).parent)
    host = Host(user=user, program=program, config=path, writes=tuple(sorted(within)), reads=reads, several=several)
    for one in (program, path, *host.writes, *host.reads):
        if not _PLAIN.fullmatch(str(one)):
            raise InputInvalid(f"{str(one)!r} cannot stand in a unit; use a path of letters, digits and _ . , : + @ -")
    return host


def units(host: Host) -> dict[str, str]:
    """The text of each unit by its file's name."""
    return {_named(name, host): _filled((templates() / name).read_text(encoding="utf-8"), host) for name in _names()}


def started(accounts: Sequence[str] = ()) -> list[str]:
    """The units that a person starts: those of one account, or of each of several."""
    if not accounts:
        return ["gamma.service", "gamma-backup.timer"]
    return [unit for name in accounts for unit in (f"gamma@{name}.service", f"gamma-backup@{name}.timer")]


def templates() -> Path:
    """The folder of the templates: in the wheel, or beside the packages in a working copy."""
    return deployed("systemd")


def deployed(name: str) -> Path:
    """Something of `deploy/`: in the wheel, or beside the packages in a working copy."""
    inside = Path(str(files("gamma")))
    found = inside / "deploy" / name
    return found if found.exists() else inside.parent / "deploy" / name


def _runbook() -> Path:
    inside = deployed("runbook.md")
    return inside if inside.exists() else Path(str(files("gamma"))).parent / "docs" / "runbook.md"


def _names() -> list[str]:
    return sorted(path.name for path in templates().iterdir() if path.suffix in {".service", ".timer"})


def _named(name: str, host: Host) -> str:
    if not host.several or name in _OF_MACHINE:
        return name
    stem, _, kind = name.rpartition(".")
    return f"{stem}@.{kind}"


def _filled(text: str, host: Host) -> str:
    values = {
        "HARDENING": (templates() / _HARDENING).read_text(encoding="utf-8").rstrip("\n"),
        "GAMMA": str(host.program),
        "CONFIG": str(host.config),
        "FOLDER": str(host.folder),
        "USER": host.user,
        "CREDENTIALS": str(host.credentials),
        "RUNBOOK": str(_runbook()),
        "WRITES": " ".join(map(str, host.writes)),
        "HOME": "\n".join(_home(host)),
        "ACCOUNT": " --account %i" if host.several else "",
        "OF_ACCOUNT": " of %i" if host.several else "",
    }
    while marks := set(_MARK.findall(text)) & set(values):
        for mark in marks:
            text = text.replace(f"@{mark}@", values[mark])
    return text


def _home(host: Host) -> list[str]:
    """Homes and what others keep for a while are out of sight, but for what gamma itself has there."""
    reads = [path for path in dict.fromkeys(host.reads) if _is_in(path, _HOMES + _PASSING)]
    writes = [path for path in host.writes if _is_in(path, _HOMES + _PASSING)]
    binds = [f"BindReadOnlyPaths={path}" for path in reads] + [f"BindPaths={path}" for path in writes]
    at_home = any(_is_in(path, _HOMES) for path in (*reads, *writes))
    return ["ProtectHome=tmpfs" if at_home else "ProtectHome=yes", *binds]


def _is_in(path: Path, folders: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _written(config: Config, folder: Path) -> list[Path]:
    """The folders outside of its own that the configuration has it write to."""
    database = file_of(config.gamma.database)
    named = [Path(config.paths.backups), Path(config.paths.reports), Path(config.paths.kill_switch).parent]
    named += [database.parent] if database else []
    named += [Path(config.chains.record)] if config.chains.record else []
    return [Path(folder, one) for one in named]

"""A PostgreSQL server of one's own: a new cluster in a temporary folder, reached by a socket in it, gone afterwards."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, final

import psycopg
from sqlalchemy import URL, make_url

PACKAGED: Final = Path("/usr/lib/postgresql")
USER: Final = "gamma"
START_MAX_S: Final = 60.0
_POLL_S: Final = 0.02
# Nothing here must outlive the machine: without fsync a database is made in a third of the time.
_SETTINGS: Final = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "50",
    "autovacuum": "off",
}


def binaries() -> Path | None:
    """The folder of PostgreSQL's programs: what pg_config says, the newest of Debian's, or one on the PATH."""
    folders = [*_configured(), *_packaged()]
    if found := shutil.which("postgres"):
        folders.append(Path(found).resolve().parent)
    return next((f for f in folders if (f / "initdb").is_file() and (f / "postgres").is_file()), None)


def _configured() -> Iterator[Path]:
    if program := shutil.which("pg_config"):
        told = subprocess.run([program, "--bindir"], capture_output=True, text=True, check=False)
        yield Path(told.stdout.strip())


def _packaged() -> list[Path]:
    found = [f for f in PACKAGED.glob("*/bin") if f.parent.name.isdecimal()]
    return sorted(found, key=lambda f: int(f.parent.name), reverse=True)


def session(server: URL) -> "psycopg.Connection[tuple[Any, ...]]":
    """A connection of one's own; each statement is committed by itself.

    Raises: psycopg.OperationalError while the server is down.
    """
    plain = server.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True)


@contextmanager
def database(server: URL, name: str, template: str = "template1") -> Iterator[str]:
    """A new database and its URL, empty or a copy of another; dropped afterwards, whoever is connected to it."""
    with session(server) as db:
        db.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        with session(server) as db:
            db.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def leaseholders(db: "psycopg.Connection[tuple[Any, ...]]", url: str) -> list[int]:
    """The server's processes that hold an advisory lock in a database."""
    query = (
        "SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE l.locktype = 'advisory' AND l.granted AND d.datname = %s"
    )
    return [int(row[0]) for row in db.execute(query, (make_url(url).database,))]


@final
class Server:
    """A running server; `url` names its first database."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.folder = folder
        self.url = URL.create("postgresql+psycopg", USER, database="postgres", query={"host": str(folder)})
        self._programs = programs
        self._as = _other_user()
        if self._as:
            os.chown(folder, self._as["user"], self._as["group"])
        made = ["initdb", "--no-sync", "--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C"]
        self._run(*made, "--no-instructions", f"--pgdata={folder}/cluster")
        self.start()

    def restart(self) -> None:
        """Cut every session off as a crash does, and come up again."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """End the server as a crash does."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()

    def start(self) -> None:
        """Come up, and take connections.

        Raises: RuntimeError with the end of its log when it does not.
        """
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        # The server ends with whoever started it, even when that is killed.
        dying = ["setpriv", "--pdeathsig=INT"] if shutil.which("setpriv") else []
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [
                    *dying,
                    self._programs / "postgres",
                    "-D",
                    f"{self.folder}/cluster",
                    "-k",
                    str(self.folder),
                    *settings,
                ],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self._as,
            )
        self._process = process
        until = time.monotonic() + START_MAX_S
        while process.poll() is None and time.monotonic() < until:
            with suppress(psycopg.OperationalError):
                session(self.url).close()
                return
            time.sleep(_POLL_S)
        process.kill()
        process.wait()
        raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()[-2000:]}")

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **self._as,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stdout[-1000:]} {done.stderr[-1000:]}")


def _other_user() -> dict[str, Any]:
    """Who runs it: the server refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise RuntimeError("PostgreSQL does not run as root, and there is no user postgres or nobody")


@contextmanager
def serving(programs: Path) -> Iterator[Server]:
    """A server for as long as this lasts, and nothing of it afterwards."""
    # Not in a folder of the caller's: the server's user must reach it, and a socket's path is 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="gamma-pg-"))
    try:
        server = Server(programs, folder)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)

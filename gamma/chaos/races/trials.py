"""Races of two or three processes for one account: killed, cut off and stopped at any moment, never are two at it.

Each seed is a race on a SQLite ledger and, where PostgreSQL is installed, one on a server; on each fiftieth two of the
shipped daemon race too. The races are run by a stable: one process for each that asks, in which all is loaded, so
that a contender is forked in milliseconds. The seed says what is tried when; what comes of it is the machine's.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from random import Random
from shutil import copyfile
from subprocess import PIPE, Popen
from tempfile import TemporaryDirectory
from typing import Final, Self, final

from gamma.chaos import Trial
from gamma.chaos.races import postgresql
from gamma.chaos.races.contender import ACCOUNT
from gamma.chaos.races.race import Race
from gamma.chaos.races.rivals import Contest
from gamma.ledger import Ledger, store

DAEMONS_EACH: Final = 50
DATABASES: Final = ("sqlite", "postgresql")


def trial(seed: int) -> Trial:
    """A race on each database that is there."""
    stable = _stable()
    there = DATABASES if postgresql.binaries() else DATABASES[:1]
    raced = [stable.race(seed, database) for database in there]
    if seed % DAEMONS_EACH == 0:
        raced.append(stable.race(seed, there[seed // DAEMONS_EACH % len(there)], daemons=True))
    return Trial(
        seed=seed,
        crashes=sum(t.crashes for t in raced),
        crash_points=sum(t.crash_points for t in raced),
        violations=tuple(v for t in raced for v in t.violations),
    )


@cache
def _stable() -> "Stable":
    """The one of this process; it ends with its standard input, and so with this process, however that ends."""
    return Stable()


@final
class Stable:
    """The process in which races are run; `hold` names another way to take a lease, for a test of the judge."""

    def __init__(self, hold: str = "") -> None:
        command = [sys.executable, "-m", "gamma.chaos.races.trials", *([hold] if hold else [])]
        # In a session of its own: Ctrl-C ends whoever asks, and then it finds its input closed and tidies up.
        self._process = Popen(command, stdin=PIPE, stdout=PIPE, text=True, start_new_session=True)

    def race(self, seed: int, database: str, *, daemons: bool = False) -> Trial:
        """Run one race there, of contenders or of daemons.

        Raises: RuntimeError when the stable has ended.
        """
        told, heard = self._process.stdin, self._process.stdout
        if told is None or heard is None:
            raise AssertionError("both are pipes")
        told.write(f"{seed} {database} {int(daemons)}\n")
        told.flush()
        line = heard.readline()
        if not line:
            raise RuntimeError(f"the stable ended with {self._process.wait()} in race {seed} on {database}")
        found = json.loads(line)
        return Trial(**{**found, "violations": tuple(found["violations"])})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


# --- in the stable ----------------------------------------------------------------------------------


@final
@dataclass(slots=True, kw_only=True)
class Course:
    """What races are run on, made once: a new ledger as a file, and one on a server."""

    folder: Path
    server: postgresql.Server | None
    template: str = "race_template"
    raced: int = 0

    @contextmanager
    def ledger(self, database: str, folder: Path) -> Iterator[str]:
        """A new ledger."""
        if database == "sqlite":
            yield f"sqlite:///{copyfile(self.folder / 'new.db', folder / 'gamma.db')}"
            return
        if self.server is None:
            raise RuntimeError("PostgreSQL's programs are not installed (Debian: apt install postgresql)")
        self.raced += 1
        with postgresql.database(self.server.url, f"race_{self.raced}", self.template) as url:
            yield url

    def run(self, seed: int, database: str, *, daemons: bool) -> Trial:
        """One race, from its start to the judge's word."""
        server = self.server if database == "postgresql" else None
        chance = Random(f"{seed} {database}")
        with TemporaryDirectory(dir=self.folder) as made, self.ledger(database, Path(made)) as url:
            kind = Contest if daemons else Race
            one = kind(folder=Path(made), url=url, chance=chance, server=server)
            found = tuple(f"{kind.__name__} on {database}: {text}" for text in one.run())
        return Trial(seed=seed, crashes=one.crashes, crash_points=one.sent, violations=found)


@contextmanager
def laid_out() -> Iterator[Course]:
    """A course, gone afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="gamma-races-")))
        programs = postgresql.binaries()
        server = stack.enter_context(postgresql.serving(programs)) if programs else None
        course = Course(folder=folder, server=server)
        Ledger.open(f"sqlite:///{folder}/new.db", account=ACCOUNT, mode="paper").close()
        if server is not None:
            url = stack.enter_context(postgresql.database(server.url, course.template))
            Ledger.open(url, account=ACCOUNT, mode="paper").close()
        yield course


def main() -> None:
    """Run the races that standard input asks for, a line each; a line of JSON tells what came of it."""
    if len(sys.argv) > 1:
        module, name = sys.argv[1].split(":")
        vars(store)["hold"] = getattr(import_module(module), name)
    with laid_out() as course:
        for line in sys.stdin:
            seed, database, daemons = line.split()
            found = course.run(int(seed), database, daemons=bool(int(daemons)))
            sys.stdout.write(f"{json.dumps(asdict(found))}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()

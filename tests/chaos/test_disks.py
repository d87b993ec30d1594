"""Disks and machines that refuse: no order goes out without its intent on disk, and the daemon ends and says why.

What cannot be recorded may not be sent; so a ledger that takes nothing more ends the daemon at once. When the
cause is gone the next start asks the broker and trades on.
"""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import pytest

from gamma import daemon, housekeeping
from gamma.chaos.places import folder_for
from gamma.chaos.power.cuts import Promise, agreed, kept
from gamma.chaos.power.disk import Act, Did
from gamma.chaos.power.lives import PACED, config_of, live
from gamma.chaos.power.vfs import heard, reachable
from gamma.config.schema import Schedule
from gamma.errors import Corrupt, GammaError, LedgerFailed
from gamma.events import Halted, OrderIntended, ShutDown
from tests.daemon_case import facts, trade, write_config

SEED = 8
LIVED_BARS, BARS = 30, 8
# GAMMA_DISKS=1 refuses every write with every fault; a CI run does so with the first one.
STRIDE = 1 if os.environ.get("GAMMA_DISKS") else 15
LEDGER = ("gamma.db",)
EVERYTHING = ("gamma.",)

pytestmark = pytest.mark.skipif(bool(reachable()), reason=reachable() or "it is reachable")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """How the disk refuses: SQLite's code, whether it stays so, and what the daemon ends with."""

    code: int
    stays: bool
    ends: type[GammaError]
    says: str


FAULTS = {
    "full": Fault(code=13, stays=True, ends=LedgerFailed, says="disk is full: free some space"),
    "read-only": Fault(code=8, stays=True, ends=LedgerFailed, says="make its disk, its folder and the file writable"),
    "io-error": Fault(code=778, stays=True, ends=Corrupt, says="I/O error: free some space on its disk, or look after"),
    "one-io-error": Fault(code=1034, stays=False, ends=Corrupt, says="then run: gamma db verify"),
}


# A broker that cannot store is asked again and again; the ledger's own disk is looked at meanwhile.
OFTEN = Schedule(heartbeat_s=0.25)


@final
@dataclass
class Refusing:
    """A disk that refuses from the n-th thing on that would change it, or that one alone."""

    at: int = 0
    fault: Fault = FAULTS["full"]
    prefixes: tuple[str, ...] = LEDGER
    asked: list[str] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)

    def ask(self, name: str, what: str) -> int:
        if not name.startswith(self.prefixes):
            return 0
        self.asked.append(f"{what} {name}")
        n = len(self.asked)
        return self.fault.code if n == self.at or (self.fault.stays and 0 < self.at < n) else 0

    def opened(self, name: str, number: int, flags: int, *, created: bool) -> int:  # noqa: ARG002
        self.names[number] = name
        return self.ask(name, "make") if created else 0

    def written(self, number: int, offset: int, content: bytes) -> int:  # noqa: ARG002
        return self.ask(self.names[number], "write")

    def truncated(self, number: int, size: int) -> int:  # noqa: ARG002
        return self.ask(self.names[number], "truncate")

    def synced(self, number: int) -> int:
        return self.ask(self.names[number], "sync")

    def deleted(self, name: str) -> int:
        return self.ask(name, "delete")

    def folder_synced(self) -> int:
        return 0


@final
@dataclass
class Life:
    """One start of the daemon, what went out in it, and how it ended."""

    marks: list[Act] = field(default_factory=list)
    error: Exception | None = None

    def mark(self, text: str) -> None:
        self.marks.append(Act(did=Did.MARK, name=text))

    def words(self) -> Counter[str]:
        return Counter(act.name.split(" ")[0] for act in self.marks)


def lived(folder: Path, disk: Refusing, bars: int = BARS) -> Life:
    life = Life()
    try:
        with heard(folder, disk):
            live(config_of(folder, SEED).model_copy(update={"schedule": OFTEN}), bars, PACED, life.mark)
    except Exception as error:  # noqa: BLE001
        life.error = error
    return life


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """What a daemon left that has traded for a while."""
    with folder_for("disks") as folder:
        assert lived(folder, Refusing(), LIVED_BARS).error is None
        yield folder


@pytest.fixture
def fresh(template: Path) -> Iterator[Any]:
    """A copy of the template, made anew at each call."""
    with folder_for("disks") as root:

        def copy() -> Path:
            shutil.rmtree(root / "used", ignore_errors=True)
            return shutil.copytree(template, root / "used")

        yield copy


def wrong(folder: Path, life: Life) -> list[str]:
    """What does not hold after this life and the next, whose disk is well."""
    missing = list(kept(folder, Promise.of(life.marks)))
    after = lived(folder, Refusing(), 4)
    assert after.error is None
    return missing + list(agreed(config_of(folder, SEED), Promise.of(life.marks + after.marks)))


def test_the_session_has_entries_and_moves(fresh: Any) -> None:
    life = lived(fresh(), Refusing())
    assert life.words()["place"] == 6
    assert life.words()["replace"] == 2


def refuse_at_each(fresh: Any, fault: Fault, prefixes: tuple[str, ...], stride: int) -> None:
    whole = Refusing(prefixes=prefixes)
    lived(fresh(), whole)
    for at in range(1, len(whole.asked) + 1, stride):
        folder, where = fresh(), f"refused {whole.asked[at - 1]}, number {at}"
        life = lived(folder, Refusing(at, fault, prefixes))
        if life.error is None:  # only what could wait for the next start was left to be done
            assert len(facts(folder, ShutDown)) == 2, where
        elif prefixes == LEDGER:
            assert isinstance(life.error, fault.ends), where
            assert fault.says in str(life.error), where
        else:
            assert isinstance(life.error, GammaError), where
        assert wrong(folder, life) == [], where


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_disk_may_refuse_here_and_there_and_nothing_is_lost(fresh: Any, fault: Fault) -> None:
    refuse_at_each(fresh, fault, LEDGER, stride=41)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_disk_may_refuse_any_write_and_nothing_is_lost(fresh: Any, fault: Fault) -> None:
    refuse_at_each(fresh, fault, LEDGER, stride=1 if fault is FAULTS["full"] else STRIDE)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_disk_that_the_paper_broker_shares_may_refuse_it_too(
    fresh: Any, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "RETRY_S", 0.01)
    refuse_at_each(fresh, fault, EVERYTHING, stride=STRIDE)


def test_a_disk_that_is_nearly_full_halts_for_good_while_there_is_room_to_record_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_config(tmp_path, speed=300_000, more="\n[schedule]\nheartbeat_s = 0.02\n")
    monkeypatch.setattr(housekeeping, "DISK_MIN_BYTES", 1 << 60)
    trade(tmp_path, bars=150)
    (halted,) = facts(tmp_path, Halted)
    assert (halted.halt.level, halted.halt.actor) == ("reducing", "daemon")
    assert "MiB free" in halted.halt.evidence["text"]
    entries = len(facts(tmp_path, OrderIntended))
    monkeypatch.undo()
    trade(tmp_path, bars=150)
    assert len(facts(tmp_path, OrderIntended)) == entries, "room on the disk lifts no halt: a person does"

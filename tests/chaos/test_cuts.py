"""The power goes at any moment of a daemon's life: what was acknowledged is on disk, and the next start trades on.

`gamma chaos --kind cuts -n 10000` makes as many as one likes.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from gamma.chaos.power.cuts import SHARED, Promise, cut, recorded
from gamma.chaos.power.disk import Act, Did, Recording, surviving
from gamma.chaos.power.vfs import heard, reachable
from gamma.effects import Effect
from gamma.ledger import Ledger, connections
from gamma.shell import Shell

pytestmark = pytest.mark.skipif(bool(reachable()), reason=reachable() or "it is reachable")


@pytest.fixture(autouse=True)
def recorded_anew() -> Iterator[None]:
    """What one test does to the daemon is in no other's recording."""
    recorded.cache_clear()
    yield
    recorded.cache_clear()


def broken(seeds: Sequence[int]) -> Iterator[str]:
    return (f"{seed}: {text}" for seed in seeds for text in cut(seed).violations)


def test_no_cut_loses_what_was_promised() -> None:
    assert list(broken(range(16))) == []


@pytest.mark.slow
def test_no_cut_of_several_sessions_loses_what_was_promised() -> None:
    assert list(broken([session * SHARED + n for session in range(1, 5) for n in range(50)])) == []


def test_the_session_that_is_cut_has_all_that_a_disk_is_told() -> None:
    did = Counter((act.did, act.name.split(" ")[0]) for act in recorded(0))
    assert did[Did.MARK, "place"] > 12
    assert did[Did.MARK, "replace"] > 0
    assert did[Did.MARK, "cancel"] > 0
    assert did[Did.SYNCED, "gamma.db-wal"] > 80
    assert did[Did.SYNCED, "gamma.db"] > 4, "the WAL was taken over into the database while the daemon traded"
    assert did[Did.MADE, "gamma.db-wal"] == did[Did.DELETED, "gamma.db-wal"] == 3
    assert did[Did.FOLDER_SYNCED, ""] > 3


@pytest.mark.parametrize(("name", "held"), [("OFF", 0), ("NORMAL", 1)])
def test_a_ledger_that_syncs_less_is_caught(monkeypatch: pytest.MonkeyPatch, name: str, held: int) -> None:
    monkeypatch.setitem(connections._WRITER_PRAGMAS, "synchronous", (name, held))
    assert any("was acknowledged, and is gone" in text for text in broken(range(60)))


def test_a_daemon_that_sends_before_it_commits_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    keep = Shell._keep

    def later(shell: Shell, effects: Sequence[Effect], *, durable: bool) -> None:  # noqa: ARG001
        keep(shell, effects, durable=False)

    monkeypatch.setattr(Shell, "_keep", later)
    assert any("was sent without an intent" in text for text in broken(range(60)))


def test_a_daemon_that_passes_over_a_bar_at_its_start_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    last_tick = Ledger.last_tick

    def later(ledger: Ledger, strategy: str) -> int | None:
        tick = last_tick(ledger, strategy)
        return tick and tick + 300_000_000_000

    monkeypatch.setattr(Ledger, "last_tick", later)
    assert any("did not decide on" in text for text in broken(range(60)))


def test_the_same_seed_makes_the_same_cut() -> None:
    def size(act: Act) -> tuple[str, str, int, int]:
        return act.did, act.name.split(" ")[0], act.offset, len(act.content)

    first = [size(act) for act in recorded(7)]
    recorded.cache_clear()
    assert [size(act) for act in recorded(7)] == first
    assert cut(7 * SHARED + 3) == cut(7 * SHARED + 3)


# --- the model of a disk, by hand -----------------------------------------------------------------


def made(*acts: Act) -> list[Act]:
    """A file that was made and has its name for good, and then these."""
    return [Act(did=Did.MADE, number=1, name="f"), Act(did=Did.FOLDER_SYNCED), *acts]


def written(offset: int, content: bytes) -> Act:
    return Act(did=Did.WRITTEN, number=1, name="f", offset=offset, content=content)


SYNCED = Act(did=Did.SYNCED, number=1, name="f")


def outcomes(acts: Sequence[Act], spared: str = "") -> set[bytes | None]:
    return {surviving(acts, Random(seed), spared).get("f") for seed in range(400)}


def test_what_was_synced_is_there() -> None:
    assert outcomes(made(written(0, b"one"), written(3, b"two"), SYNCED)) == {b"onetwo"}


def test_what_was_not_synced_may_be_there_or_not_or_in_part() -> None:
    found = outcomes(made(written(0, b"a" * 1024), SYNCED, written(0, b"b" * 1024)))
    assert {b"a" * 1024, b"b" * 1024, b"b" * 512 + b"a" * 512, b"a" * 512 + b"b" * 512} <= found


def test_a_later_write_may_be_there_without_the_earlier_one() -> None:
    found = outcomes(made(written(0, b"--"), SYNCED, written(0, b"x"), written(1, b"y")))
    assert {b"--", b"x-", b"-y", b"xy"} <= found


def test_a_torn_write_harms_nothing_beside_it() -> None:
    found = outcomes(made(written(0, b"a" * 300), SYNCED, written(100, b"b" * 100)))
    assert {content and (content[:100], content[200:]) for content in found} == {(b"a" * 100, b"a" * 100)}


def test_a_file_without_a_synced_name_may_be_gone_whatever_is_in_it() -> None:
    acts = [Act(did=Did.MADE, number=1, name="f"), written(0, b"kept"), SYNCED]
    assert outcomes(acts) == {None, b"kept"}
    assert outcomes([*acts, Act(did=Did.FOLDER_SYNCED)]) == {b"kept"}


def test_a_file_that_was_deleted_may_be_back() -> None:
    acts = made(written(0, b"old"), SYNCED, Act(did=Did.DELETED, name="f"))
    assert outcomes(acts) == {None, b"old"}
    again = [*acts, Act(did=Did.MADE, number=2, name="f")]
    assert outcomes(again) == {None, b"old", b""}


def test_a_machine_that_runs_on_loses_nothing() -> None:
    assert outcomes(made(written(0, b"kept")), spared="f") == {b"kept"}


def test_a_promise_is_read_from_the_marks() -> None:
    words = ("commit 3 ab", "place g1", "commit 4 cd", "place g2", "cancel g1")
    promise = Promise.of([Act(did=Did.MARK, name=text) for text in words])
    assert (promise.seq, promise.sha256, promise.placed) == (4, "cd", ("g1", "g2"))
    assert promise.asked == {("cancel", "g1")}


# --- the layer under SQLite ------------------------------------------------------------------------


def test_without_a_cut_the_recording_is_what_lies_on_disk(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    with heard(tmp_path, recording):
        Ledger.open(f"sqlite:///{tmp_path}/gamma.db", account="paper", mode="paper").close()
    kept = surviving(recording.acts, Random(1), spared="gamma")
    assert kept == {"gamma.db": (tmp_path / "gamma.db").read_bytes()}

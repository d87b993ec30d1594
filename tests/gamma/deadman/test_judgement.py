"""When the dead-man acts, by hand; and how it tells a silent daemon from a living one."""

import json
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gamma.clock import NS
from gamma.deadman.journal import Exit, Journal
from gamma.deadman.judgement import Exposure, Judgement, Seen, judge
from gamma.deadman.watch import Cause, Silence, Watch, state_of
from gamma.errors import ConfigInvalid, Corrupt
from gamma.events import Leg, OrderState
from gamma.vitals import TAKEN, Pulse, Vital, sign_path, taken

NOW = 1_000_000 * NS
SOON, LATER = NOW + 100 * NS, NOW + 1_000 * NS


def judged(cause: Cause = Cause.GONE, *, silent_s: float = 61.0, **seen: Any) -> Judgement:
    exposures = seen.pop("exposures", {"MNQ": Exposure(lots=2, flat_by_utc_ns=SOON)})
    silence = Silence(silent_s=silent_s, cause=cause, why="", kill_switch=None)
    whole = Seen(silence=silence, now_utc_ns=NOW, exposures=exposures, **seen)
    return judge(whole, silence_s=60.0, before_close_s=240.0, limit_frac=0.9)


def test_a_living_daemon_is_left_alone_whatever_is_near() -> None:
    assert judged(silent_s=60.0, room_used_frac=1.0) == Judgement()


@pytest.mark.parametrize("cause", list(Cause))
def test_near_the_close_a_position_of_any_silent_daemon_is_closed(cause: Cause) -> None:
    assert judged(cause).markets == ("MNQ",)


def test_far_from_the_close_it_only_tells_and_a_clean_stop_is_not_grave() -> None:
    far = {"MNQ": Exposure(lots=-1, flat_by_utc_ns=LATER)}
    assert (judged(exposures=far).acts, judged(exposures=far).grave) == (False, True)
    assert "-1 MNQ" in judged(exposures=far).why
    assert (judged(Cause.STOPPED, exposures=far).acts, judged(Cause.STOPPED, exposures=far).grave) == (False, False)


def test_of_a_clean_stop_flat_nobody_is_told_and_of_a_crash_everybody() -> None:
    assert judged(Cause.STOPPED, exposures={}) == Judgement()
    assert not judged(Cause.GONE, exposures={}).grave
    assert "gone" in judged(Cause.GONE, exposures={}).why


def test_what_need_not_be_flat_today_is_closed_at_a_limit_alone() -> None:
    held = {"SPY": Exposure(lots=-1), "MNQ": Exposure(lots=0, orders=1, flat_by_utc_ns=LATER)}
    assert not judged(exposures=held, room_used_frac=0.89).acts
    assert judged(exposures=held, room_used_frac=0.9).markets == ("MNQ", "SPY")
    assert judged(exposures=held, day_used_frac=1.2).markets == ("MNQ", "SPY")


def test_a_moment_that_is_past_is_due_and_an_order_that_works_is_enough() -> None:
    past = {"MNQ": Exposure(lots=0, orders=1, flat_by_utc_ns=NOW - NS)}
    assert judged(exposures=past).acts


def test_a_kill_switch_that_a_person_threw_is_left_to_them() -> None:
    found = judged(switched=True)
    assert (found.acts, found.grave) == (False, True)


# --- the sign of life --------------------------------------------------------------------------


@dataclass
class Hands:
    """Clocks that a test moves: the wall clock may jump."""

    wall: int = 5_000 * NS
    monotonic: int = 700 * NS

    def wall_ns(self) -> int:
        return self.wall

    def monotonic_ns(self) -> int:
        return self.monotonic

    def go(self, seconds: float, *, wall_s: float | None = None) -> None:
        self.monotonic += round(seconds * NS)
        self.wall += round((seconds if wall_s is None else wall_s) * NS)


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def life(tmp_path: Path, hands: Hands) -> tuple[Pulse, Watch]:
    database = f"sqlite:///{tmp_path}/gamma.db"
    pulse = Pulse(database, "desk", tmp_path / "gamma.kill", hands)
    return pulse, Watch(sign_path(database, "desk"), hands)


def test_only_a_sign_that_is_new_counts_and_no_wall_clock_is_asked(life: tuple[Pulse, Watch], hands: Hands) -> None:
    pulse, watch = life
    pulse.tell(Vital.ALIVE)
    assert watch.look().silent_s == 0.0
    hands.go(10, wall_s=-7_200)
    assert watch.look().silent_s == 10.0
    pulse.tell(Vital.ALIVE)
    hands.go(1, wall_s=86_400)
    assert watch.look().silent_s == 0.0
    hands.go(3)
    pulse.tell(Vital.ILL, "the broker gives no answer")
    seen = watch.look()
    assert (seen.silent_s, seen.cause, seen.why) == (3.0, Cause.ILL, "the broker gives no answer")


def test_a_watch_that_begins_later_knows_how_old_the_sign_is(
    life: tuple[Pulse, Watch], hands: Hands, tmp_path: Path
) -> None:
    pulse, _ = life
    pulse.tell(Vital.ALIVE)
    hands.go(90)
    path = sign_path(f"sqlite:///{tmp_path}/gamma.db", "desk")
    assert Watch(path, hands).look().silent_s == 90.0
    pulse.tell(Vital.STOPPED, "asked to")
    hands.go(70)
    assert (Watch(path, hands).look().silent_s, Watch(path, hands).look().cause) == (70.0, Cause.STOPPED)
    pulse.tell(Vital.ALIVE)
    told = json.loads(path.read_text())
    path.write_text(json.dumps(told | {"boot_id": "another start of the machine"}))
    assert (Watch(path, hands).look().silent_s, Watch(path, hands).look().cause) == (0.0, Cause.GONE)


def test_causes_are_told_apart(life: tuple[Pulse, Watch], hands: Hands, tmp_path: Path) -> None:
    pulse, watch = life
    assert watch.look().cause is Cause.UNKNOWN
    pulse.tell(Vital.ALIVE)
    assert watch.look().cause is Cause.HUNG
    path = sign_path(f"sqlite:///{tmp_path}/gamma.db", "desk")

    for letter, cause in (("T", Cause.SUSPENDED), ("", Cause.GONE), ("Z", Cause.GONE), ("?", Cause.HUNG)):
        assert Watch(path, hands, lambda _, letter=letter: letter).look().cause is cause  # type: ignore[misc]
    pulse.tell(Vital.FAILED, "LedgerFailed: disk full")
    assert (watch.look().cause, watch.look().why) == (Cause.FAILED, "LedgerFailed: disk full")
    pulse.tell(Vital.STOPPED, "asked to")
    assert watch.look().cause is Cause.STOPPED
    path.write_text("{")
    assert watch.look().cause is Cause.UNKNOWN


def test_what_a_process_does_is_told_by_its_letter() -> None:
    process = subprocess.Popen(["sleep", "60"])
    assert state_of(process.pid) in "SRD"
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    assert state_of(process.pid) == "T"
    process.kill()
    process.wait()
    assert state_of(process.pid) == ""


def test_a_ledger_in_memory_leaves_no_sign_and_a_disk_that_refuses_costs_the_sign_alone(
    tmp_path: Path, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Pulse("sqlite://", "desk", tmp_path / "kill", hands).tell(Vital.ALIVE)
    Pulse(f"sqlite:///{tmp_path}/no/gamma.db", "desk", tmp_path / "kill", hands).tell(Vital.ALIVE)
    assert os.listdir(tmp_path) == []  # noqa: PTH208


def test_the_account_is_the_dead_mans_only_under_a_switch_of_its_own(tmp_path: Path) -> None:
    switch = tmp_path / "gamma.kill"
    assert not taken(switch)
    switch.write_text("news")
    assert not taken(switch)
    switch.write_text(f"{TAKEN}it hangs")
    assert taken(switch)


# --- the journal -------------------------------------------------------------------------------


def order(cid: str) -> Exit:
    legs = (Leg(symbol="A", ratio=1), Leg(symbol="B", ratio=-1))
    return Exit(client_order_id=cid, market="SPY", side=1, lots=2, held_lots=-2, legs=legs)


def test_a_journal_that_is_opened_again_knows_all_that_was_written(tmp_path: Path) -> None:
    with Journal(tmp_path, "d49-") as journal:
        journal.take("it hangs", NOW)
        journal.widen("SPY")
        assert journal.next_id() == f"d49-{NOW // 1_000_000}-0"
        journal.intend(order(journal.next_id()))
        journal.told(f"d49-{NOW // 1_000_000}-0", OrderState.UNKNOWN, 0, "no answer")
        before = journal.standing
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('{"what": "told", "id": "d49')  # the power went
    with Journal(tmp_path, "d49-") as again:
        assert again.standing == before
        assert again.next_id() == f"d49-{NOW // 1_000_000}-1"
        again.end()
        assert again.standing is None
        again.take("once more, by a clock that was set back", 5)
        assert again.next_id() == f"d49-{NOW // 1_000_000 + 1}-0"


def test_two_dead_men_do_not_share_a_journal(tmp_path: Path) -> None:
    with Journal(tmp_path, "d49-"), pytest.raises(ConfigInvalid, match="another dead-man"):
        Journal(tmp_path, "d49-")


def test_a_journal_that_is_not_what_was_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text('{"what": "exit"}\n')
    with pytest.raises(Corrupt, match="line 1"):
        Journal(tmp_path, "d49-")

"""Requests: one file a command, answered beside it."""

import os
import threading
import time
from pathlib import Path

import pytest

from gamma import requests
from gamma.codec import encode_event
from gamma.effects import Answer
from gamma.errors import InputInvalid
from gamma.events import Command, FlattenRequested, HaltRequested, Level, TimeAdvanced

NOW = time.time_ns()


def flatten(command_id: str = "c1", ts: int = NOW) -> FlattenRequested:
    return FlattenRequested(command_id=command_id, actor="ann", market="MNQ", ts_event_utc_ns=ts)


def halt(command_id: str = "h1", ts: int = NOW) -> HaltRequested:
    return HaltRequested(command_id=command_id, actor="ann", text="news", level=Level.REDUCING, ts_event_utc_ns=ts)


def answers(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in folder.glob("*.answer")}


def test_the_folder_lies_beside_the_ledger() -> None:
    assert requests.folder_of("sqlite:///lab/gamma.db", "paper") == Path("lab/gamma.db.requests")
    assert requests.folder_of("postgresql+psycopg://host/gamma", "u1") == Path("u1.db.requests")


def test_a_command_arrives_as_it_was_put_down(tmp_path: Path) -> None:
    commands: list[Command] = [flatten(), halt()]
    for n, command in enumerate(commands):
        requests.submit(tmp_path / "r", command)
        os.utime(tmp_path / "r" / f"{command.command_id}.request", ns=(NOW + n, NOW + n))
    assert requests.take(tmp_path / "r", NOW) == commands


def test_nobody_else_may_look_into_the_folder(tmp_path: Path) -> None:
    requests.submit(tmp_path / "r", flatten())
    assert (tmp_path / "r").stat().st_mode & 0o077 == 0


def test_where_nobody_asked_there_is_nothing(tmp_path: Path) -> None:
    assert requests.take(tmp_path / "never made", NOW) == []


def test_a_command_that_a_crash_left_unanswered_is_taken_up_again(tmp_path: Path) -> None:
    requests.submit(tmp_path, flatten())
    assert requests.take(tmp_path, NOW) == requests.take(tmp_path, NOW) == [flatten()]
    requests.answer(tmp_path, Answer(command_id="c1", ok=True, text="done"))
    assert requests.take(tmp_path, NOW) == []
    assert list(answers(tmp_path)) == ["c1"]


def test_the_answer_is_heard_and_taken_away(tmp_path: Path) -> None:
    given = Answer(command_id="c1", ok=False, text="no such halt")

    def daemon() -> None:
        while not requests.take(tmp_path, NOW):
            os.sched_yield()
        requests.answer(tmp_path, given)

    thread = threading.Thread(target=daemon)
    requests.submit(tmp_path, flatten())
    thread.start()
    assert requests.await_answer(tmp_path, "c1", 10.0) == given
    thread.join()
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_nobody_took_up_is_withdrawn(tmp_path: Path) -> None:
    requests.submit(tmp_path, flatten())
    with pytest.raises(InputInvalid, match="withdrawn"):
        requests.await_answer(tmp_path, "c1", 0.0)
    assert requests.take(tmp_path, NOW) == []


def test_a_command_that_was_taken_up_and_not_answered_is_said_to_be(tmp_path: Path) -> None:
    requests.submit(tmp_path, flatten())
    requests.take(tmp_path, NOW)
    with pytest.raises(InputInvalid, match="it was taken up; look at: gamma status"):
        requests.await_answer(tmp_path, "c1", 0.0)


def test_a_command_of_an_hour_ago_is_refused_but_a_halt_is_not(tmp_path: Path) -> None:
    requests.submit(tmp_path, flatten())
    requests.submit(tmp_path, halt())
    assert requests.take(tmp_path, NOW + 3_600_000_000_000) == [halt()]
    assert "ask again" in answers(tmp_path)["c1"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"kind": "FlattenRequested"}',
        '{"kind": "Nonsense", "payload": "{}"}',
        '{"kind": "FlattenRequested", "payload": "{}"}',
    ],
)
def test_a_file_that_is_no_command_is_answered_and_put_away(tmp_path: Path, content: str) -> None:
    (tmp_path / "c1.request").write_text(content)
    assert requests.take(tmp_path, NOW) == []
    assert '"ok": false' in answers(tmp_path)["c1"]
    assert not list(tmp_path.glob("*.request")) + list(tmp_path.glob("*.taken"))


def test_an_event_that_is_no_command_is_refused(tmp_path: Path) -> None:
    kind, payload = encode_event(TimeAdvanced(ts_event_utc_ns=NOW))
    requests._write(tmp_path / "c1.request", {"kind": kind, "payload": payload})
    assert requests.take(tmp_path, NOW) == []
    assert "TimeAdvanced is no command" in answers(tmp_path)["c1"]


def test_a_command_under_another_name_is_refused(tmp_path: Path) -> None:
    requests.submit(tmp_path, flatten("c1"))
    (tmp_path / "c1.request").rename(tmp_path / "c2.request")
    assert requests.take(tmp_path, NOW) == []
    assert list(answers(tmp_path)) == ["c2"]


def test_answers_that_nobody_came_for_are_cleared_away(tmp_path: Path) -> None:
    requests.answer(tmp_path, Answer(command_id="old", ok=True, text=""))
    requests.answer(tmp_path, Answer(command_id="new", ok=True, text=""))
    os.utime(tmp_path / "old.answer", ns=(0, 0))
    requests.clear(tmp_path, time.time_ns())
    assert list(answers(tmp_path)) == ["new"]


def test_a_command_whose_answer_cannot_be_written_is_given_out_once_and_answered_later(tmp_path: Path) -> None:
    inbox = requests.Inbox(tmp_path)
    requests.submit(tmp_path, flatten())
    (tmp_path / "c1.answer").mkdir()
    assert inbox.take(NOW) == [flatten()]
    inbox.reply(Answer(command_id="c1", ok=True, text="flat"))
    assert inbox.take(NOW) == []
    (tmp_path / "c1.answer").rmdir()
    assert inbox.take(NOW) == []
    assert requests.await_answer(tmp_path, "c1", 0).text == "flat"
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_that_cannot_be_written_keeps_no_other_command_waiting(tmp_path: Path) -> None:
    requests.submit(tmp_path, flatten(ts=0))
    (tmp_path / "c1.answer").mkdir()
    requests.submit(tmp_path, halt())
    assert requests.take(tmp_path, NOW) == [halt()]

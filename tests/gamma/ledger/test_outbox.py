"""A notice waits until it has arrived, and a grave one until a person has seen it."""

import pytest

from gamma.errors import AlreadyRecorded
from gamma.ledger import Ledger, Reader, verify
from gamma.notices import Severity
from tests.gamma.ledger.facts import T0, S, notice, tick


def test_a_notice_comes_back_whole(ledger: Ledger) -> None:
    ledger.append([], [notice()])
    (alert,) = ledger.outbox.due(T0, 10)
    assert (alert.id, alert.notice, alert.attempts) == (1, notice(), 0)


def test_the_gravest_goes_first_then_the_oldest(ledger: Ledger) -> None:
    waiting = [notice("a", Severity.INFO), notice("b", Severity.CRITICAL), notice("c", Severity.WARNING)]
    ledger.append([], [*waiting, notice("d", Severity.CRITICAL)])
    assert [a.notice.key for a in ledger.outbox.due(T0, 10)] == ["b", "d", "c", "a"]
    assert [a.notice.key for a in ledger.outbox.due(T0, 1)] == ["b"]


def test_what_was_delivered_or_dropped_is_not_due_again(url: str, ledger: Ledger) -> None:
    ledger.append([], [notice("a"), notice("b"), notice("c", Severity.INFO)])
    ledger.outbox.delivered([1], T0)
    ledger.outbox.dropped([3], T0, "too old")
    assert [a.id for a in ledger.outbox.due(T0, 10)] == [2]
    ledger.commit()
    with Reader.open(url) as reader:
        assert [(a["attempts"], a["delivered_utc_ns"], a["dropped_utc_ns"], a["error"]) for a in reader.alerts()] == [
            (1, T0, None, ""),
            (0, None, None, ""),
            (0, None, T0, "too old"),
        ]
    assert verify(url).sound


def test_what_could_not_be_sent_is_due_later(ledger: Ledger) -> None:
    ledger.append([], [notice()])
    ledger.outbox.postponed([1], T0 + 30 * S, "503")
    assert ledger.outbox.due(T0 + 29 * S, 10) == ()
    (alert,) = ledger.outbox.due(T0 + 30 * S, 10)
    assert alert.attempts == 1


def test_a_critical_notice_repeats_every_ten_minutes_until_it_is_acknowledged(ledger: Ledger) -> None:
    ledger.append([], [notice("grave"), notice("told", Severity.INFO)])
    ledger.outbox.delivered([1, 2], T0)
    assert ledger.outbox.repeats(T0 + 599 * S) == ()
    assert [a.notice.key for a in ledger.outbox.repeats(T0 + 600 * S)] == ["grave"]
    ledger.outbox.delivered([1], T0 + 600 * S)
    assert ledger.outbox.repeats(T0 + 601 * S) == ()
    assert [a.notice.key for a in ledger.outbox.ack("grave", T0 + 700 * S)] == ["grave"]
    assert ledger.outbox.repeats(T0 + 9000 * S) == ()


@pytest.mark.parametrize(("name", "seen"), [("", [1, 2]), ("a", [1]), ("2", [2]), ("nothing", [])])
def test_a_person_acknowledges_by_key_by_number_or_all(ledger: Ledger, name: str, seen: list[int]) -> None:
    ledger.append([], [notice("a"), notice("b"), notice("c", Severity.WARNING)])
    assert [a.id for a in ledger.outbox.ack(name, T0)] == seen
    assert ledger.outbox.ack(name, T0) == ()


def test_a_delivery_is_on_disk_at_once_when_no_step_is_open(url: str, ledger: Ledger) -> None:
    ledger.append([], [notice()])
    ledger.commit()
    ledger.outbox.delivered([1], T0)
    with Reader.open(url) as reader:
        assert reader.alerts()[0]["delivered_utc_ns"] == T0


def test_a_delivery_within_an_open_step_waits_for_its_commit(url: str, ledger: Ledger) -> None:
    ledger.append([], [notice()])
    ledger.commit()
    ledger.append([], [], [tick(0)])
    ledger.outbox.delivered([1], T0)
    with pytest.raises(AlreadyRecorded):
        ledger.append([], [], [tick(0)])
    with Reader.open(url) as reader:
        assert reader.alerts()[0]["delivered_utc_ns"] is None
        ledger.commit()
        assert reader.alerts()[0]["delivered_utc_ns"] == T0
    assert verify(url).sound

"""A ledger that is written many rows at once is the ledger that is written row by row."""

from contextlib import closing
from pathlib import Path

import pytest

from gamma.errors import AlreadyRecorded, Corrupt
from gamma.ledger import Ledger, verify
from gamma.ledger.reader import Reader
from tests.gamma.ledger.facts import T0, closed, day, notice, tick


def opened(url: str, *, bulk: bool) -> Ledger:
    return Ledger.open(url, account="DU1234", mode="paper", clock_ns=lambda: T0, bulk=bulk)


@pytest.mark.parametrize("rows_max", [1, 7, 20_000])
def test_its_chain_is_that_of_single_steps(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_max: int
) -> None:
    monkeypatch.setattr("gamma.ledger.bulk.ROWS_MAX", rows_max)
    heads = []
    for where, bulk in ((url, True), (f"sqlite:///{tmp_path}/single.db", False)):
        with closing(opened(where, bulk=bulk)) as ledger:
            for fact in day():
                ledger.append([fact])
            ledger.append([closed(2)], [notice()], [tick(0)])
        assert verify(where).sound
        assert verify(where).events == len(day()) + 3
        with closing(Reader.open(where)) as reader:
            heads.append(reader.head)
    assert heads[0] == heads[1]


def test_nothing_is_there_before_the_commit_and_all_of_it_after(url: str) -> None:
    with closing(opened(url, bulk=True)) as ledger:
        ledger.append([], [], [tick(0)])
        assert verify(url).events == 0
        ledger.commit()
        assert verify(url).events == 1


def test_a_slot_that_is_decided_on_twice_loses_what_was_not_committed(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gamma.ledger.bulk.ROWS_MAX", 5)
    ledger = opened(url, bulk=True)
    ledger.append([], [], [tick(0)])
    ledger.commit()
    ledger.append([], [], [tick(1)])
    with pytest.raises(AlreadyRecorded):
        ledger.append([], [], [tick(0), tick(2)])
    with pytest.raises(Corrupt, match="lost what was not committed"):
        ledger.append([], [], [tick(3)])
    ledger.abandon()
    assert verify(url).sound
    assert verify(url).events == 1

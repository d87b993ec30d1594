"""What takes long is made aside: once for many looks, one thing at a time, and nobody waits long for it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gamma.config import Config
from gamma.dashboard.aside import Aside
from gamma.errors import InputInvalid
from gamma.ledger import Reader
from tests.daemon_case import config_in, trade, write_config

LONG_S = 60.0


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("aside")
    write_config(folder)
    trade(folder, bars=4)
    return config_in(folder)


@pytest.fixture
def aside(config: Config) -> Aside:
    return Aside(config)


def head(reader: Reader) -> int:
    return reader.head[0]


def test_what_was_made_is_kept_until_the_ledger_has_grown(aside: Aside) -> None:
    calls: list[int] = []

    def make(reader: Reader) -> int:
        calls.append(head(reader))
        return len(calls)

    first = aside.ask("a", 0, make, patience_s=LONG_S)
    assert first is not None
    assert (first.value, first.error, [first.seq]) == (1, "", calls)
    assert aside.ask("a", first.seq, make, patience_s=LONG_S) == first
    # It has rested for twenty times what it took by the time that somebody looks at a ledger that has grown.
    while (again := aside.ask("a", first.seq + 1, make, patience_s=LONG_S)) == first:
        pass
    assert again is not None
    assert (again.value, aside.count) == (2, 2)


def test_a_refusal_is_told_in_its_own_words(aside: Aside) -> None:
    def refuse(_: Reader) -> int:
        raise InputInvalid("the account began with another balance")

    made = aside.ask("a", 1, refuse, patience_s=LONG_S)
    assert made is not None
    assert (made.value, made.error) == (None, "the account began with another balance")


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    opened = threading.Event()
    yield opened
    opened.set()


def test_nobody_waits_for_what_takes_long_and_it_is_begun_once(aside: Aside, gate: threading.Event) -> None:
    begun: list[str] = []

    def slow(reader: Reader) -> int:
        begun.append("slow")
        gate.wait(LONG_S)
        return head(reader)

    def quick(reader: Reader) -> int:
        begun.append("quick")
        return head(reader)

    assert [aside.ask("slow", 1, slow, patience_s=0) for _ in range(3)] == [None] * 3
    assert aside.ask("quick", 1, quick, patience_s=0) is None
    gate.set()
    made = aside.ask("quick", 1, quick, patience_s=LONG_S)
    assert made is not None
    assert begun == ["slow", "quick"]  # one at a time, in the order in which they were asked for


def test_without_a_ledger_it_says_so(config: Config, tmp_path: Path) -> None:
    nowhere = config.model_copy(
        update={"gamma": config.gamma.model_copy(update={"database": f"sqlite:///{tmp_path}/none.db"})}
    )
    made = Aside(nowhere).ask("a", 1, head, patience_s=LONG_S)
    assert made is not None
    assert "there is no" in made.error

"""A start that goes on from a bookmark is the start that folds everything; a bookmark that may be wrong is none."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gamma import bookmark, codec
from gamma.account import book_of, summary
from gamma.assembly import setup_of
from gamma.book import Book
from gamma.bookmark import Bookmark, find
from gamma.daemon import Daemon
from gamma.effects import Tick
from gamma.errors import InvariantBroken
from gamma.events import BootStarted, DecisionMade, OrderIntended
from gamma.ledger import Reader, verify
from tests.daemon_case import config_in, facts, trade, write_config
from tests.gamma.test_daemon import holding, when


@pytest.fixture(autouse=True)
def every_ledger_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bookmark, "EVENTS_MIN", 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Stopped while something was held, started again, and stopped again: its bookmark is of the second start."""
    made = tmp_path / "made"
    made.mkdir()
    write_config(made)
    trade(made, bars=120, meddle=when(holding))
    trade(made, bars=40)
    return made


def found(folder: Path) -> Bookmark | None:
    config = config_in(folder)
    with Reader.open(config.gamma.database) as reader:
        return find(config.gamma.database, setup_of(config), reader.hash_at)


def folded(folder: Path, database: str = "") -> Book:
    with Reader.open(config_in(folder).gamma.database) as reader:
        return book_of(reader, setup_of(config_in(folder)), database=database)


def file(folder: Path) -> Path:
    return folder / "gamma.db.bookmark"


def test_the_book_from_a_bookmark_is_the_fold_of_everything_to_the_last_byte(folder: Path) -> None:
    kept = found(folder)
    assert kept is not None
    with Reader.open(config_in(folder).gamma.database) as reader:
        assert 0 < kept.seq < reader.head[0]
    whole, onward = folded(folder), folded(folder, config_in(folder).gamma.database)
    assert onward.positions or onward.orders
    assert repr(onward) == repr(whole)


def test_what_is_shown_is_the_same_with_it_and_without(folder: Path) -> None:
    def shown() -> dict[str, Any]:
        with Reader.open(config_in(folder).gamma.database) as reader:
            return summary(config_in(folder), reader)

    with_it = codec.write(json.loads(json.dumps(shown(), default=str)))
    file(folder).unlink()
    assert codec.write(json.loads(json.dumps(shown(), default=str))) == with_it


def test_a_daemon_that_starts_from_it_trades_as_one_that_folds_everything(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    file(other).unlink()
    known = len(facts(folder))
    for place in (folder, other):
        trade(place, bars=60)
        assert verify(config_in(place).gamma.database).sound

    def made(place: Path) -> list[object]:
        kinds = (DecisionMade, OrderIntended, Tick)
        return [_unnumbered(fact) for fact in facts(place)[known:] if isinstance(fact, kinds)]

    assert made(folder) == made(other)
    assert len(made(folder)) > 60


def _unnumbered(fact: Any) -> str:
    """Without what names the start in it, which is made of the time."""
    return (
        repr(fact.intent.kind) + repr(fact.intent.price_ticks)
        if isinstance(fact, OrderIntended)
        else (f"{fact.strategy} {fact.slot_utc_ns} {getattr(fact, 'lots', '')} {getattr(fact, 'reason', '')}")
    )


def test_a_short_ledger_has_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file(folder).unlink()
    monkeypatch.setattr(bookmark, "EVENTS_MIN", 1_000_000)
    trade(folder, bars=4)
    assert not file(folder).exists()


def _other_capital(folder: Path) -> None:
    config = folder / "config.toml"
    config.write_text(config.read_text().replace("50000", "60000"))


def _other_event(folder: Path) -> None:
    text = file(folder).read_text().partition("\n")[2]
    tree = json.loads(text)
    tree["seq"] -= 1
    _seal(folder, tree)


def _beyond_the_end(folder: Path) -> None:
    tree = json.loads(file(folder).read_text().partition("\n")[2])
    tree["seq"] += 1_000_000
    _seal(folder, tree)


def _seal(folder: Path, tree: object) -> None:
    text = json.dumps(tree)
    file(folder).write_text(f"{bookmark._seal(text)}\n{text}")


def _flipped(folder: Path) -> None:
    text = file(folder).read_text()
    file(folder).write_text(text.replace('"sequence",', '"sequences",') if '"sequence",' in text else text[:-9] + "}")


def _cut(folder: Path) -> None:
    file(folder).write_bytes(file(folder).read_bytes()[:-100])


def _no_text(folder: Path) -> None:
    file(folder).write_bytes(b"\xff\xfe\x00")


@pytest.mark.parametrize("spoil", [_other_capital, _other_event, _beyond_the_end, _flipped, _cut, _no_text])
def test_one_that_is_not_of_this_ledger_and_setup_or_is_damaged_is_none(
    folder: Path, spoil: Callable[[Path], None]
) -> None:
    assert found(folder) is not None
    spoil(folder)
    assert found(folder) is None


def test_other_code_makes_it_void(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bookmark, "_code", lambda: "other")
    assert found(folder) is None


def test_what_lies_before_it_is_looked_at_again_while_the_daemon_trades(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "gamma.db")) as db:
        db.execute("DROP TRIGGER decisions_no_update")
        db.execute("UPDATE decisions SET lots = 0, sized_lots = 9 WHERE seq = (SELECT MIN(seq) FROM decisions)")
        db.commit()
    starts = len(facts(folder, BootStarted))

    async def look(daemon: Daemon) -> None:
        while not daemon.ready:  # noqa: ASYNC110  (it tells nobody)
            await asyncio.sleep(0)
        with pytest.raises(InvariantBroken, match="I8: decisions"):
            await daemon.housekeeping.look_over()

    with pytest.raises(InvariantBroken, match="I8: decisions"):
        trade(folder, meddle=look)
    assert len(facts(folder, BootStarted)) == starts + 1
    file(folder).unlink()
    with pytest.raises(InvariantBroken, match="I8: decisions"):
        trade(folder, bars=1)
    assert len(facts(folder, BootStarted)) == starts + 1

"""Up to where the broker's fills are read is a fact in the ledger: the next start reads on, and loses none."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from brokers.paper import PaperBroker, paper_truth
from gamma.chaos.broker import adapter
from gamma.chaos.broker.quirks import FOREVER, NEVER_RECEIPT, NEVER_SCAN, SETS, Quirks
from gamma.daemon import Daemon
from gamma.errors import MarkerUnknown, Transient
from gamma.events import Fill, FillsRead, FlattenRequested, OrderFilled, PositionsCompared, ReconcileRequested
from gamma.offline import carry_out
from gamma.ports import FillPage
from tests.daemon_case import config_in, facts, trade, write_config
from tests.gamma.chaos.broker.test_forgotten import Counter
from tests.gamma.test_shell import Faulty
from tests.stand import Stand

Make = Callable[..., Stand]


@pytest.fixture
def asked() -> list[str]:
    """The markers that the broker was asked with."""
    return []


@pytest.fixture
def stand(make_stand: Make, asked: list[str]) -> Stand:
    """An account that has traded, and whose ledger has that on disk."""

    def listening(paper: PaperBroker) -> Any:
        async def fills_since(marker: str) -> FillPage:
            asked.append(marker)
            return await paper.fills_since(marker)

        return Faulty(paper, "fills_since", fills_since)

    made = make_stand(wrap_broker=listening)
    made.boot()
    made.bar(want=1)
    made.bar()
    made.facts()
    assert made.lots == 2
    return made


def true_fills(stand: Stand) -> list[str]:
    return sorted(fill.execution_id for fill in stand.truth()[1])


def booked(stand: Stand) -> list[str]:
    return sorted(fact.fill.execution_id for fact in stand.facts(OrderFilled))


def test_a_start_reads_on_from_where_the_last_life_came_to(stand: Stand, asked: list[str]) -> None:
    read = stand.facts(FillsRead)[-1].marker
    stand.restart()
    asked.clear()
    stand.restart()
    assert asked[0] == read != ""
    assert booked(stand) == true_fills(stand)
    stand.refold()


def test_it_is_recorded_after_the_fills_that_it_stands_for(stand: Stand) -> None:
    kinds = [type(fact) for fact in stand.facts() if type(fact) in (OrderFilled, FillsRead)]
    assert kinds == [OrderFilled, FillsRead]


def test_a_look_that_shows_nothing_new_is_not_recorded(stand: Stand) -> None:
    before = len(stand.facts())
    for _ in range(5):
        stand.poll()
    assert len(stand.facts()) == before


def test_a_crash_that_takes_fills_back_takes_back_that_they_were_read(stand: Stand) -> None:
    stand.feed(FlattenRequested(command_id="", actor="ann", market="", ts_event_utc_ns=stand.now))
    stand.bar()
    assert stand.lots == 0
    stand.restart()
    assert stand.lots == 0
    assert booked(stand) == true_fills(stand)
    stand.refold()


def test_an_older_ledger_gets_every_fill_that_it_lacks(stand: Stand, tmp_path: Path) -> None:
    stand.close()
    shutil.copy(tmp_path / "gamma.db", tmp_path / "older.db")
    stand.open()
    stand.boot()
    stand.feed(FlattenRequested(command_id="", actor="ann", market="", ts_event_utc_ns=stand.now))
    stand.bar()
    stand.facts()
    stand.close()
    shutil.copy(tmp_path / "older.db", tmp_path / "gamma.db")
    stand.open()
    assert stand.lots == 2
    stand.boot()
    assert stand.lots == 0
    assert booked(stand) == true_fills(stand)


@pytest.mark.parametrize("change", [{"account": "DU2"}, {"broker": "other"}, {"markets": ("MES",)}])
def test_elsewhere_or_with_a_market_more_all_is_read_again(
    stand: Stand, asked: list[str], change: dict[str, Any]
) -> None:
    read = stand.facts(FillsRead)[-1]
    stand.feed(replace(read, **change))
    stand.facts()
    asked.clear()
    stand.restart()
    assert asked[0] == ""


def test_a_market_less_is_no_reason_to_read_again(stand: Stand, asked: list[str]) -> None:
    read = stand.facts(FillsRead)[-1]
    stand.feed(replace(read, markets=("GC", "MES", "MNQ")))
    stand.facts()
    asked.clear()
    stand.restart()
    assert asked[0] == read.marker


def test_a_marker_that_the_broker_does_not_know_loses_no_fill(stand: Stand, asked: list[str]) -> None:
    read = stand.facts(FillsRead)[-1]
    stand.feed(replace(read, marker="900 nothing"))
    stand.facts()
    stand.feed(FlattenRequested(command_id="", actor="ann", market="", ts_event_utc_ns=stand.now))
    stand.bar()
    stand.crash()
    stand.open()
    asked.clear()
    stand.boot()
    assert asked[:2] == ["900 nothing", ""]
    assert stand.lots == 0
    assert booked(stand) == true_fills(stand)
    assert stand.facts(FillsRead)[-1].marker.startswith("2 ")


def test_a_broker_that_does_not_know_its_own_markers_is_silent(make_stand: Make) -> None:
    async def unknown(marker: str) -> FillPage:
        raise MarkerUnknown(f"{marker!r} is not known")

    stand = make_stand(wrap_broker=lambda paper: Faulty(paper, "fills_since", unknown))
    with pytest.raises(Transient):
        stand.boot()


# --- at brokers that page by time ------------------------------------------------------------------------


@pytest.mark.parametrize("quirks", SETS.values(), ids=lambda q: q.name)
def test_a_fill_that_shows_late_is_found_by_the_next_life(tmp_path: Path, quirks: Quirks) -> None:
    counter = Counter(tmp_path, quirks)
    counter.enter()
    counter.facts()
    counter.trade(counter.stall.exchange.floor.last_ticks["MNQ"] - 4_000)
    counter.reconcile()  # the stop has filled, and where it shows late nothing of it is heard
    counter.facts()
    counter.restart()
    for _ in range(4):
        counter.pass_s(30)
        counter.reconcile()
    assert counter.lots == 0
    assert len(counter.facts(OrderFilled)) == 2
    counter.refold()
    counter.close()


def test_a_start_after_more_fills_than_a_broker_gives_at_once_reads_the_new_ones_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = Counter(tmp_path, NEVER_SCAN)
    counter.enter()
    for number in range(30):
        counter.pass_s(3_600)
        counter.reconcile()
        if counter.lots:
            counter.feed(FlattenRequested(command_id="", actor="ann", market="", ts_event_utc_ns=counter.now))
        else:
            counter.bar(want=1 if number % 4 else -1)
        counter.pass_s(60)
        counter.reconcile()
    monkeypatch.setattr(adapter, "PAGES_MAX", 2)
    fills = len(counter.facts(OrderFilled))
    assert fills > adapter.PAGES_MAX * NEVER_SCAN.page_size
    counter.restart()
    assert len(counter.facts(OrderFilled)) == fills
    with pytest.raises(Transient, match="more than 2 pages"):
        asyncio.run(counter.shell._take_from(""))
    asyncio.run(counter.shell.reconcile_all())
    counter.reconcile()
    counter.close()


@pytest.mark.parametrize("quirks", [FOREVER, NEVER_RECEIPT], ids=lambda q: q.name)
@pytest.mark.parametrize("marker", ["7 x", "-1", "999999", "9" * 30])
def test_a_marker_from_elsewhere_is_refused(tmp_path: Path, quirks: Quirks, marker: str) -> None:
    """Of a broker without cursors every number is a time."""
    counter = Counter(tmp_path, quirks)
    if quirks.pages == "cursor" or not marker.isdecimal():
        with pytest.raises(MarkerUnknown):
            counter.stall.run(counter.shell.broker.fills_since(marker))
    counter.close()


# --- the daemon -----------------------------------------------------------------------------------------------


def lose_a_fill(daemon: Daemon) -> None:
    """The broker's second execution is never told, though the marker is beyond it."""
    real, told = daemon.shell.broker, list[Fill]()

    async def fills_since(marker: str) -> FillPage:
        page = await real.fills_since(marker)
        first, told[len(told) :] = not told, page.fills
        if not page.fills or first:
            return page
        daemon.stop()
        return FillPage(fills=told[:1], marker=page.marker)

    daemon.shell.broker = Faulty(real, "fills_since", fills_since)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ledger that has passed over an execution, and knows that the positions differ."""
    write_config(tmp_path, strategies={"mnq": "MNQ"})
    trade(tmp_path, meddle=lose_a_fill)
    trade(tmp_path, bars=1)
    assert missing(tmp_path)
    assert facts(tmp_path, PositionsCompared)
    return tmp_path


def missing(folder: Path) -> set[str]:
    true = {fill.execution_id for fill in paper_truth(folder / "gamma.paper.db")[1]}
    return true - {fact.fill.execution_id for fact in facts(folder, OrderFilled)}


def test_a_start_whose_book_differs_from_the_broker_reads_all_fills_again(folder: Path) -> None:
    trade(folder, bars=1)
    assert not missing(folder)


def test_a_person_who_asks_to_reconcile_has_all_fills_read_again(folder: Path) -> None:
    command = ReconcileRequested(command_id="r", actor="ann", ts_event_utc_ns=0)
    assert asyncio.run(carry_out(config_in(folder), command)).ok
    assert not missing(folder)

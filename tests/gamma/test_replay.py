"""Replay: every recorded decision comes out again, bit for bit, or the difference is named."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from gamma.account import book_of
from gamma.assembly import rules_of, setup_of
from gamma.book import durable, fold, open_book
from gamma.events import DecisionMade, EquityMarked, Recorded
from gamma.ledger import Ledger
from gamma.ledger.reader import Reader
from gamma.recovery import recover
from gamma.replay import verify
from gamma.rules import Rules
from tests.daemon_case import config_in, facts, trade, write_config


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session of some hundred bars."""
    made = tmp_path_factory.mktemp("session")
    write_config(made)
    trade(made, bars=300)
    return made


def rules(folder: Path) -> Rules:
    return rules_of(config_in(folder))


def test_every_decision_comes_out_again(folder: Path) -> None:
    told: list[int] = []
    verdict = verify(facts(folder), rules(folder), progress=told.append)
    made = len(facts(folder, DecisionMade))
    assert (verdict.decisions, verdict.identical, verdict.skipped, verdict.differences) == (made, made, 0, [])
    assert told == list(range(1, made + 1))
    assert made > 20


def test_a_decision_that_comes_out_otherwise_is_named_with_the_step(folder: Path) -> None:
    first, *rest = facts(folder, DecisionMade)
    step = replace(first.steps[0], lots_after=first.steps[0].lots_after + 1)
    forged = replace(first, lots=first.lots + 1, steps=(step, *first.steps[1:]))
    verdict = verify([forged, *rest], rules(folder))
    (difference,) = verdict.differences
    assert (difference.decision_id, difference.lots_recorded, difference.lots_now) == (first.decision_id, 2, 1)
    assert difference.text == "fixed: 2 then, 1 now"


def test_the_same_lots_for_another_reason_are_a_difference(folder: Path) -> None:
    first = facts(folder, DecisionMade)[0]
    verdict = verify([replace(first, steps=first.steps[:-1])], rules(folder))
    assert [d.text for d in verdict.differences] == ["the chain has other steps now"]


def test_decisions_of_another_config_are_skipped_unless_they_are_asked_for(folder: Path, tmp_path: Path) -> None:
    write_config(tmp_path, lots=3)
    made = facts(folder, DecisionMade)
    assert verify(made, rules(tmp_path)).skipped == len(made)
    verdict = verify(made, rules(tmp_path), any_config=True)
    # A decision that was denied for what stood against it comes to 0 lots again, by another way.
    assert {d.lots_now for d in verdict.differences} == {0, 3}
    assert verdict.identical + len(verdict.differences) == len(made)


def test_decisions_of_a_strategy_that_is_gone_are_skipped(folder: Path, tmp_path: Path) -> None:
    write_config(tmp_path, strategies={"mnq": "MNQ"})
    made = facts(folder, DecisionMade)
    assert verify(made, rules(tmp_path)).skipped == sum(d.strategy == "mes" for d in made)


def test_the_book_of_any_moment_is_the_fold_up_to_it(folder: Path) -> None:
    setup = setup_of(config_in(folder))
    marks = facts(folder, EquityMarked)
    moment = marks[len(marks) // 2].ts_event_utc_ns
    folded = open_book(setup)
    for fact in facts(folder, *get_args(Recorded)):
        if fact.ts_event_utc_ns <= moment:
            folded = fold(folded, fact)
    with Reader.open(f"sqlite:///{folder}/gamma.db") as reader:
        then = book_of(reader, setup, moment)
        start = book_of(reader, setup, 0)
    assert repr(durable(replace(then, slots=folded.slots))) == repr(durable(folded))
    assert then.money.equity_microusd == [m for m in marks if m.ts_event_utc_ns <= moment][-1].close_microusd
    assert start.balance_microusd == 50_000_000_000


def test_a_reader_and_a_start_make_the_same_book(folder: Path) -> None:
    config = config_in(folder)
    with Reader.open(config.gamma.database) as reader:
        read = book_of(reader, setup_of(config))
    ledger = Ledger.open(config.gamma.database, account="paper", mode="paper")
    try:
        started = recover(setup_of(config), rules(folder), ledger)
    finally:
        ledger.close()
    assert repr(durable(replace(read, slots=started.slots))) == repr(durable(started))

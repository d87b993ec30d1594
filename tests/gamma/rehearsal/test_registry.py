"""How often was tried and looked, counted from what the ledger keeps."""

import json
from typing import Any

from gamma.rehearsal.registry import ENDED, REPORT, SELECT, TRAINING, Span, looked, notes_of, span_of, trials

FAMILY = "futures phase 2 MNQ"


def run(*candidates: str, family: str = FAMILY, kind: str = SELECT) -> dict[str, Any]:
    return {"run_kind": kind, "notes": notes_of(family, candidates)}


def look(dataset: str, family: str = FAMILY) -> dict[str, Any]:
    return {"dataset": dataset, "family": family, "notes": REPORT}


def test_each_checkpoint_of_a_family_is_one_trial_however_often_it_was_compared() -> None:
    runs = [run("a", "b"), run("b", "c"), run("d", family="futures phase 1 NQ"), run("e", kind="train")]
    assert trials(runs, FAMILY) == 3


def training(seed: str, *, markets: tuple[str, ...] = ("MNQ",), phase: int = 2) -> dict[str, Any]:
    return {"id": seed, "run_kind": TRAINING, "notes": json.dumps({"markets": markets, "phase": phase})}


def ended(seed: str, checkpoints: int) -> dict[str, Any]:
    return {"id": f"{seed}:9", "run_kind": ENDED, "notes": json.dumps({"run": seed, "checkpoints": checkpoints})}


def test_what_training_made_counts_though_nobody_compared_it() -> None:
    runs = [
        training("a-s1"),
        training("a-s2"),
        training("b-s1", phase=1),
        training("c-s1", markets=("MNQ", "NQ")),
        ended("a-s1", 4),
        ended("a-s1", 7),
        ended("b-s1", 90),
        run("a", "b"),
    ]
    assert trials(runs, FAMILY) == 8
    assert trials([*runs, run(*map(str, range(30)))], FAMILY) == 32


def test_notes_in_other_words_count_nothing() -> None:
    assert trials([{"run_kind": SELECT, "notes": text} for text in ("", "by hand", "[1]", "{}")], FAMILY) == 0


def test_a_look_at_one_day_of_a_span_is_a_look_at_it() -> None:
    span = Span(market="MNQ", first="2025-04-01", last="2025-06-30")
    looks = [
        look("MNQ 2025-06-30..2025-07-31"),
        look("MNQ 2025-07-01..2025-07-31"),
        look("NQ 2025-04-01..2025-06-30"),
        look("MNQ 2025-05-01..2025-05-02", family="another"),
        look("a file of mine"),
    ]
    assert looked(looks, FAMILY, span) == looks[:1]


def test_a_span_comes_back_from_its_name() -> None:
    span = Span(market="MNQ", first="2025-04-01", last="2025-06-30")
    assert span_of(str(span)) == span

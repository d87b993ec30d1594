"""The fuzz of files of bars: it finds nothing, it reaches both answers, and it would see a bad bar."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from gamma.bars import NAN, Bar
from gamma.chaos.fuzz import bars as fuzz
from gamma.errors import InputInvalid

GOOD = Bar(
    market="MNQ",
    ts_open_utc_ns=10**18,
    ts_close_utc_ns=10**18 + 300 * 10**9,
    open_points=2.0,
    high_points=3.0,
    low_points=1.0,
    close_points=2.5,
)


def test_mutated_files_are_refused_in_a_clear_sentence_or_give_well_formed_bars() -> None:
    assert [found for found in map(fuzz.trial, range(1, 501)) if found.violations] == []


def test_some_are_read_and_most_are_refused() -> None:
    answers = Counter(_answer(seed) for seed in range(200))
    assert answers["bars.csv read"] > 15
    assert answers["bars.parquet read"] >= 1
    assert answers["bars.csv refused"] > 60
    assert answers["bars.parquet refused"] > 15


def _answer(seed: int) -> str:
    given = fuzz.drawn(random.Random(seed))
    try:
        fuzz.read(given)
    except InputInvalid:
        return f"{given.name} refused"
    return f"{given.name} read"


def test_good_bars_are_well_formed() -> None:
    following = replace(GOOD, ts_open_utc_ns=GOOD.ts_close_utc_ns, ts_close_utc_ns=GOOD.ts_close_utc_ns + 1)
    assert list(fuzz.ill_formed([GOOD, following])) == []


@pytest.mark.parametrize(
    "bad",
    [
        replace(GOOD, close_points=NAN),
        replace(GOOD, high_points=float("inf")),
        replace(GOOD, low_points=0.0),
        replace(GOOD, high_points=2.25),
        replace(GOOD, low_points=2.25),
        replace(GOOD, volume_lots=-1.0),
        replace(GOOD, spread_points=float("inf")),
        replace(GOOD, ts_close_utc_ns=GOOD.ts_open_utc_ns),
        replace(GOOD, ts_open_utc_ns=0),
    ],
)
def test_a_bad_bar_would_be_seen(bad: Bar) -> None:
    assert list(fuzz.ill_formed([bad]))


def test_a_bar_twice_or_over_another_would_be_seen() -> None:
    assert list(fuzz.ill_formed([GOOD, GOOD]))
    assert list(
        fuzz.ill_formed([GOOD, replace(GOOD, ts_open_utc_ns=GOOD.ts_close_utc_ns - 1, ts_close_utc_ns=2 * 10**18)])
    )
    assert not list(fuzz.told_badly("/tmp/bars.csv, line 2, field ts: 'x' is no time"))
    assert list(fuzz.told_badly("something is wrong"))
    assert list(fuzz.told_badly("/tmp/bars.csv: \x1b[31m"))
    assert list(fuzz.told_badly("/tmp/bars.csv: " + "x" * 2_000))

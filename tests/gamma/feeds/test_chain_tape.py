"""Recorded chains as they were known at each moment."""

from dataclasses import replace
from pathlib import Path

import pytest

from gamma.errors import InputInvalid
from gamma.feeds.chain_tape import ChainTape
from gamma.ports import KnownChains
from tests.option_case import BAR, OPEN, chain_at, minutes, write_day


def test_of_each_underlying_the_newest_is_known_and_none_that_comes_later() -> None:
    first, second = chain_at(minutes(5), 6_000), chain_at(minutes(10), 6_001)
    other = replace(chain_at(minutes(7), 20_000, step=25), underlying="NDX")
    tape = ChainTape([second, other, first])
    assert isinstance(tape, KnownChains)
    assert set(tape.underlyings) == {"SPX", "NDX"}
    assert tape.known("SPX", minutes(5) - 1) is None
    assert tape.known("SPX", minutes(5)) is first
    assert tape.known("SPX", minutes(10) - 1) is first
    assert tape.known("SPX", minutes(390)) is second
    assert tape.known("NDX", minutes(390)) is other
    assert tape.known("RUT", minutes(390)) is None


def test_a_recorded_day_is_read_with_its_vix(tmp_path: Path) -> None:
    _, chains = write_day(tmp_path, lambda bar: 6_000.0 + bar, vix=17.5)
    found = ChainTape.open([chains]).known("SPX", OPEN + 3 * BAR + 1)
    assert found is not None
    assert (found.spot_points, found.vix_points, found.ts_utc_ns) == (6_003, 17.5, OPEN + 3 * BAR)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match=r"none\.csv: cannot be read"):
        ChainTape.open([tmp_path / "none.csv"])

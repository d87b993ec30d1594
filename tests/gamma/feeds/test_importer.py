"""Importing a file: the canonical Parquet, the quarantine beside it, and the summary."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from gamma.errors import InputInvalid
from gamma.feeds.bar_file import Wanted, load_bars
from gamma.feeds.importer import import_bars

Write = Callable[..., Path]
ROWS = [f"2026-01-06T15:0{i}:00Z,25000.10,25000.50,24999.50,25000.25,{i}" for i in range(5)]


def test_an_import_keeps_the_good_rows_and_sets_the_bad_aside(csv_file: Write, tmp_path: Path) -> None:
    source = csv_file(*ROWS[:2], "2026-01-06T15:02:00Z,25000.10,1,24999.50,25000.25,9", *ROWS[3:])
    done = import_bars(source, "MNQ", tmp_path / "out", Wanted(skip_bad=True))
    assert done.bars == tmp_path / "out/MNQ_60s.parquet"
    assert (done.rows, done.bar_s, done.off_tick_frac) == (4, 60, 1.0)
    assert (done.first, done.last) == ("2026-01-06T15:00:00+00:00", "2026-01-06T15:05:00+00:00")
    assert (done.quality.rows_bad, done.quality.gaps) == (1, 1)
    assert done.notes == ("no spread",)
    assert done.quarantine is not None
    with done.quarantine.open(newline="") as text:
        (row,) = csv.DictReader(text)
    assert (row["number"], row["field"], row["value"]) == ("4", "high", "1")
    assert row["reason"] == "is below open, close or low"
    again = load_bars(done.bars, "MNQ")
    assert [bar.volume_lots for bar in again.series.bars()] == [0.0, 1.0, 3.0, 4.0]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["MNQ_60s.bad.csv", "MNQ_60s.parquet"]


def test_a_clean_import_leaves_no_old_quarantine(csv_file: Write, tmp_path: Path) -> None:
    (tmp_path / "MNQ_60s.bad.csv").write_text("old")
    done = import_bars(csv_file(*ROWS), "MNQ", tmp_path)
    assert done.quarantine is None
    assert not (tmp_path / "MNQ_60s.bad.csv").exists()


def test_importing_what_was_imported_changes_nothing(csv_file: Write, tmp_path: Path) -> None:
    first = import_bars(csv_file(*ROWS), "MNQ", tmp_path / "one")
    second = import_bars(first.bars, "MNQ", tmp_path / "two")
    assert first.bars.read_bytes() == second.bars.read_bytes()


def test_a_folder_that_cannot_be_written_is_named(csv_file: Write, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputInvalid, match=r"taken: cannot be written"):
        import_bars(csv_file(*ROWS), "MNQ", tmp_path / "taken")

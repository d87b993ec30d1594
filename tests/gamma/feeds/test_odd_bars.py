"""Files of bars that crashed the reader once, each by a seed of `gamma chaos --kind bars`: refused, and named."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from gamma.errors import InputInvalid
from gamma.feeds.bar_file import Wanted, load_bars

Write = Callable[..., Path]
SKIP_BAD = Wanted(skip_bad=True)
T = 1_767_711_600  # 2026-01-06, 15:00 UTC
PRICES = ",25000.00,25010.25,24999.75,25005.50,120"


def parquet(path: Path, **columns: pl.Series) -> Path:
    prices = {"open": 25_000.0, "high": 25_010.25, "low": 24_999.75, "close": 25_005.5}
    rows = {name: pl.Series([price] * 3) for name, price in prices.items()}
    pl.DataFrame({"ts": pl.Series([T, T + 60, T + 120]), **rows, **columns}).write_parquet(path)
    return path


def refused(path: Path, how: Wanted | None = None) -> str:
    with pytest.raises(InputInvalid) as caught:
        load_bars(path, "MNQ", how)
    return str(caught.value)


@pytest.mark.parametrize(
    "cell",
    [
        "9" * 5_000,
        "9" * 30,
        "²" * 9,
        "\u0661" * 10,
        "9999-12-31",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Australia/Sydney"])
def test_a_time_beyond_all_calendars_is_named(csv_file: Write, cell: str, zone: str) -> None:
    path = csv_file(f"{T}{PRICES}", f"{cell}{PRICES}", f"{T + 60}{PRICES}")
    assert f"{path}, line 3, field ts: " in refused(path, Wanted(timezone=zone))


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pl.Series([b"1", b"2", b"3"]), "Binary"),
        (pl.Series([True, False, True]), "Boolean"),
        (pl.Series([[1.0], [2.0], [3.0]]), "List(Float64)"),
        (pl.Series([1, 2, 3]).cast(pl.Duration("ns")), "Duration"),
        (pl.Series([{"a": 1}, {"a": 2}, {"a": 3}]), "Struct"),
    ],
)
def test_a_column_of_another_type_is_named(tmp_path: Path, column: pl.Series, kind: str) -> None:
    told = refused(parquet(tmp_path / "bars.parquet", high=column), SKIP_BAD)
    assert f"column high is of type {kind}" in told
    assert told.endswith("write it again with numbers in it")
    assert "with times in it" in refused(parquet(tmp_path / "bars.parquet", ts=column), SKIP_BAD)


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([T, T + 60, T + 120]).cast(pl.Int32).cast(pl.Date),
        pl.Series([T, T + 60, 2**60]).cast(pl.Datetime("ms")),
        pl.Series([T, T + 60, 2**62]).cast(pl.Datetime("us", "America/New_York")),
        pl.Series([T, -(2**62), 2**62]).cast(pl.Datetime("us")),
    ],
)
def test_a_moment_beyond_all_calendars_is_named(tmp_path: Path, column: pl.Series) -> None:
    path = parquet(tmp_path / "bars.parquet", ts=column)
    assert f"{path}, row " in refused(path, Wanted(skip_bad=True, timezone="America/New_York"))


@pytest.mark.parametrize(("price", "said"), [("1e300", "is too large to be a price"), ("1e-300", "is too small")])
def test_a_price_that_no_tick_can_count_is_named(csv_file: Write, price: str, said: str) -> None:
    path = csv_file(f"{T}{PRICES}", f"{T + 60},{price},{price},{price},{price},1", f"{T + 120}{PRICES}")
    assert f"{path}, line 3, field open: '{price}' {said}" in refused(path)
    assert len(load_bars(path, "MNQ", SKIP_BAD).series) == 2


def test_a_time_that_the_clocks_leap_over_is_none(csv_file: Write, tmp_path: Path) -> None:
    """On 2026-03-08 New York goes from 01:59:59 to 03:00:00."""
    times = ["2026-03-08 01:58:00", "2026-03-08 01:59:00", "2026-03-08 02:30:00", "2026-03-08 03:00:00"]
    path = csv_file(*(f"{ts}{PRICES}" for ts in times))
    wanted = Wanted(timezone="America/New_York")
    assert f"{path}, line 4, field ts: '2026-03-08 02:30:00' is no time" in refused(path, wanted)
    naive = pl.Series([datetime.fromisoformat(ts) for ts in times[:1] + times[2:]])
    assert "row 2, field ts: " in refused(parquet(tmp_path / "bars.parquet", ts=naive), wanted)


def test_an_hour_that_the_clocks_repeat_is_told_apart_by_nobody(csv_file: Write) -> None:
    """On 2026-11-01 New York has 01:30 twice."""
    path = csv_file(*(f"2026-11-01 {ts}{PRICES}" for ts in ("01:00", "01:30", "01:00", "01:30", "02:00")))
    assert "repeats the time of line 2" in refused(path, Wanted(timezone="America/New_York"))
    offsets = [f"2026-11-01T{ts}{PRICES}" for ts in ("01:00-04:00", "01:30-04:00", "01:00-05:00", "01:30-05:00")]
    assert len(load_bars(csv_file(*offsets), "MNQ").series) == 4

"""Reading bars: accepted forms, each kind of bad row, and real files. Expected values are written by hand."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma.errors import InputInvalid
from gamma.feeds.bar_file import Wanted, load_bars
from gamma.feeds.file import FileFeed
from gamma.feeds.importer import import_bars

REAL = Path(__file__).parents[3] / "../shared/data"
NS = 1_000_000_000
SKIP_BAD = Wanted(skip_bad=True)
Write = Callable[..., Path]

FIVE = [  # 10:00 to 10:04 in New York on a Tuesday
    "2026-01-06T15:00:00Z,25000.00,25010.25,24999.75,25005.50,120",
    "2026-01-06T15:01:00Z,25005.50,25006.00,25001.00,25002.25,80",
    "2026-01-06T15:02:00Z,25002.25,25004.00,25000.00,25003.75,95",
    "2026-01-06T15:03:00Z,25003.75,25008.00,25003.50,25007.00,60",
    "2026-01-06T15:04:00Z,25007.00,25007.25,25004.25,25004.50,70",
]


def utc_ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NS


def real(name: str) -> Path:
    if not (REAL / name).exists():
        pytest.skip(f"{name} is not here: real bars are not shipped")
    return REAL / name


def test_a_file_becomes_bars_that_close_a_length_after_they_open(csv_file: Write) -> None:
    loaded = load_bars(csv_file(*FIVE), "MNQ")
    first, *_, last = loaded.series.bars()
    assert (first.market, first.ts_open_utc_ns, first.ts_close_utc_ns) == (
        "MNQ",
        utc_ns("2026-01-06T15:00:00"),
        utc_ns("2026-01-06T15:01:00"),
    )
    assert (first.open_points, first.high_points, first.low_points, first.close_points) == (
        25000.0,
        25010.25,
        24999.75,
        25005.5,
    )
    assert first.volume_lots == 120.0
    assert np.isnan(first.spread_points)
    assert last.ts_close_utc_ns == utc_ns("2026-01-06T15:05:00")
    assert loaded.notes == ("no spread",)
    assert (loaded.quality.rows, loaded.quality.rows_bad, loaded.quality.rows_off_tick) == (5, 0, 0)


@pytest.mark.parametrize(
    "form",
    [
        str,
        lambda s: str(s * 1_000),
        lambda s: str(s * 1_000_000),
        lambda s: str(s * NS),
        lambda s: datetime.fromtimestamp(s, UTC).strftime("%Y-%m-%d %H:%M"),
        lambda s: datetime.fromtimestamp(s, UTC).strftime("%Y%m%d %H%M%S"),
        lambda s: datetime.fromtimestamp(s - 18_000, UTC).strftime("%Y-%m-%dT%H:%M:%S-05:00"),
    ],
    ids=["s", "ms", "us", "ns", "iso", "compact", "offset"],
)
def test_times_may_be_epochs_or_iso(csv_file: Write, form: Callable[[int], str]) -> None:
    start = utc_ns("2026-01-06T15:00:00") // NS
    rows = [f"{form(start + 60 * i)},{line.split(',', 1)[1]}" for i, line in enumerate(FIVE)]
    loaded = load_bars(csv_file(*rows, header="Time,Open,High,Low,Close,Volume"), "MNQ")
    assert loaded.series.ts_open_utc_ns.tolist() == [(start + 60 * i) * NS for i in range(5)]


def test_a_date_and_a_time_of_day_in_new_york_with_semicolons(csv_file: Write) -> None:
    rows = [f"2026-01-06;10:0{i}:00;{line.split(',', 1)[1].replace(',', ';')}" for i, line in enumerate(FIVE)]
    path = csv_file(*rows, header="Date;Time;Open;High;Low;Close;Volume")
    loaded = load_bars(path, "MNQ", Wanted(timezone="America/New_York"))
    assert loaded.series.ts_open_utc_ns[0] == utc_ns("2026-01-06T15:00:00")


def test_parquet_may_carry_a_zone_none_or_plain_numbers(tmp_path: Path, csv_file: Write) -> None:
    columns = load_bars(csv_file(*FIVE), "MNQ").series
    prices = {
        "open": columns.open_points,
        "high": columns.high_points,
        "low": columns.low_points,
        "close": columns.close_points,
    }
    ts = pl.Series(columns.ts_open_utc_ns)
    forms = {
        "zoned": ts.cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone("Asia/Tokyo"),
        "naive": ts.cast(pl.Datetime("ns")),
        "seconds": ts // NS,
        "float seconds": (ts // NS).cast(pl.Float64),
    }
    for name, times in forms.items():
        pl.DataFrame({"ts": times, **prices}).write_parquet(tmp_path / f"{name}.parquet")
        loaded = load_bars(tmp_path / f"{name}.parquet", "MNQ")
        assert loaded.series.ts_open_utc_ns.tolist() == columns.ts_open_utc_ns.tolist(), name
        assert loaded.notes == ("no volume", "no spread")


BAD_ROWS = [
    ("open", "2026-01-06T15:02:00Z,,25004.00,25000.00,25003.75,95", "'' is no finite price"),
    ("open", "2026-01-06T15:02:00Z,abc,25004.00,25000.00,25003.75,95", "'abc' is no finite price"),
    ("close", "2026-01-06T15:02:00Z,25002.25,25004.00,25000.00,nan,95", "'nan' is no finite price"),
    ("high", "2026-01-06T15:02:00Z,25002.25,inf,25000.00,25003.75,95", "'inf' is no finite price"),
    ("low", "2026-01-06T15:02:00Z,25002.25,25004.00,0,25003.75,95", "'0' is not above 0"),
    ("low", "2026-01-06T15:02:00Z,25002.25,25004.00,-1,25003.75,95", "'-1' is not above 0"),
    ("high", "2026-01-06T15:02:00Z,25002.25,25003.50,25000.00,25003.75,95", "'25003.50' is below open, close or low"),
    ("low", "2026-01-06T15:02:00Z,25002.25,25004.00,25002.50,25003.75,95", "'25002.50' is above open or close"),
    ("volume", "2026-01-06T15:02:00Z,25002.25,25004.00,25000.00,25003.75,-5", "'-5' is negative"),
    ("volume", "2026-01-06T15:02:00Z,25002.25,25004.00,25000.00,25003.75,many", "'many' is no number"),
    ("ts", "06/01/2026 15:02,25002.25,25004.00,25000.00,25003.75,95", "'06/01/2026 15:02' is no time"),
    ("ts", "1026-01-06T15:02:00Z,25002.25,25004.00,25000.00,25003.75,95", "is not between 1980 and 2100"),
    ("ts", "99999999999999999999999,25002.25,25004.00,25000.00,25003.75,95", "9' is not between 1980 and 2100"),
    ("ts", "0000000000,25002.25,25004.00,25000.00,25003.75,95", "'0000000000' is not between 1980 and 2100"),
    ("ts", "2026-01-06T15:01:00Z,25002.25,25004.00,25000.00,25003.75,95", "repeats the time of line 3"),
    ("ts", "2026-01-06T14:00:00Z,25002.25,25004.00,25000.00,25003.75,95", "is out of order"),
    ("ts", "2026-02-06T15:02:00Z,25002.25,25004.00,25000.00,25003.75,95", "is out of order"),
    (
        "ts",
        "2026-01-06T15:01:30Z,25002.25,25004.00,25000.00,25003.75,95",
        "begins before the bar of 60 s before it ends",
    ),
    ("row", "2026-01-06T15:02:00Z,25,002.25,25004.00,25000.00,25003.75,95", "has 7 fields where the header has 6"),
    ("row", "2026-01-06T15:02:00Z,25002.25", "has 2 fields where the header has 6"),
]


@pytest.mark.parametrize(("field", "line", "reason"), BAD_ROWS, ids=[reason for _, _, reason in BAD_ROWS])
def test_a_bad_row_is_named_or_set_aside(csv_file: Write, field: str, line: str, reason: str) -> None:
    path = csv_file(*FIVE[:2], line, *FIVE[3:])
    with pytest.raises(InputInvalid) as refused:
        load_bars(path, "MNQ")
    assert str(refused.value).startswith(f"{path}, line 4, field {field}: ")
    assert reason in str(refused.value)
    assert "--skip-bad" in str(refused.value)
    loaded = load_bars(path, "MNQ", SKIP_BAD)
    assert [(row.line, row.field) for row in loaded.bad] == [(4, field)]
    assert len(loaded.series) == loaded.quality.rows == 4
    assert loaded.quality.rows_bad == 1


def test_wild_times_of_parquet_do_not_wrap_into_the_present(tmp_path: Path) -> None:
    prices = {name: [100.0, 100.0, 100.0] for name in ("open", "high", "low", "close")}
    now = datetime(2026, 1, 6, 15, tzinfo=UTC)
    wild = [datetime(9000, 1, 1, tzinfo=UTC), now, now.replace(minute=1)]
    numbers = [np.iinfo(np.int64).min, int(now.timestamp()), int(now.timestamp()) + 60]
    for ts in (pl.Series(wild, dtype=pl.Datetime("us", "UTC")), pl.Series(numbers)):
        pl.DataFrame({"ts": ts, **prices}).write_parquet(tmp_path / "x.parquet")
        with pytest.raises(InputInvalid, match=r"row 1, field ts: .* is not between 1980 and 2100"):
            load_bars(tmp_path / "x.parquet", "MNQ")


def test_a_bad_row_of_parquet_is_counted_from_one(tmp_path: Path) -> None:
    prices = {name: [100.0, 100.0, 100.0] for name in ("open", "high", "low")}
    ts = [1_767_711_600 + 60 * i for i in range(3)]
    pl.DataFrame({"ts": ts, **prices, "close": [100.0, None, 100.0]}).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(InputInvalid, match=r"x\.parquet, row 2, field close: '' is no finite price"):
        load_bars(tmp_path / "x.parquet", "MNQ")


def test_blank_lines_are_passed_over_and_lines_still_counted(csv_file: Write) -> None:
    path = csv_file(FIVE[0], "", FIVE[1], "", "", "2026-01-06T15:02:00Z,1,0,1,1,1", FIVE[3])
    with pytest.raises(InputInvalid, match="line 7, field high"):
        load_bars(path, "MNQ")


def test_a_missing_volume_is_unknown_not_bad(csv_file: Write) -> None:
    loaded = load_bars(csv_file(FIVE[0].rsplit(",", 1)[0] + ",", *FIVE[1:]), "MNQ")
    assert np.isnan(loaded.series.volume_lots[0])
    assert loaded.series.provides == {"bar", "volume"}


def test_off_tick_prices_gaps_and_rows_outside_the_session_are_counted(csv_file: Write) -> None:
    path = csv_file(
        "2026-01-06T21:58:00Z,100.00,100.00,100.00,100.00,1",
        "2026-01-06T21:59:00Z,100.10,100.10,100.10,100.10,1",  # off tick
        "2026-01-06T22:00:00Z,100.00,100.00,100.00,100.00,1",  # 17:00, shut
        "2026-01-08T23:00:00Z,100.00,100.00,100.00,100.00,1",  # Thursday evening: two sessions were left out
        "2026-01-08T23:05:00Z,100.00,100.00,100.00,100.00,1",  # four bars are missing
        "2026-01-08T23:06:00Z,100.00,100.00,100.00,100.00,1",
    )
    found = load_bars(path, "MNQ").quality
    assert (found.rows, found.rows_off_tick, found.rows_outside_session) == (6, 1, 1)
    assert (found.gaps, found.bars_missing, found.sessions_missing) == (1, 4, 2)


def test_the_last_bar_of_a_short_day_ends_with_it(csv_file: Write) -> None:
    rows = [f"2026-11-27T{hour}:00:00Z,100,100,100,100,1" for hour in (15, 16, 17, 18)]
    *_, last = load_bars(csv_file(*rows), "MNQ").series.bars()
    assert last.ts_close_utc_ns == utc_ns("2026-11-27T18:15:00")  # 13:15 in New York


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("ts,open,high,low,volume", "no column close; it has 'ts', 'open', 'high', 'low', 'volume'"),
        ("when,open,high,low,close", "no column ts"),
        ("ts,open,Open,high,low,close", "two columns 'open'"),
        ("", "no column ts; it has none"),
    ],
)
def test_a_file_without_its_columns_is_refused(csv_file: Write, header: str, message: str) -> None:
    with pytest.raises(InputInvalid, match=message):
        load_bars(csv_file(header=header), "MNQ")


def test_files_that_cannot_be_read_are_refused(tmp_path: Path, csv_file: Write) -> None:
    with pytest.raises(InputInvalid, match="no such file"):
        load_bars(tmp_path / "nothing.csv", "MNQ")
    with pytest.raises(InputInvalid, match="holds no bars"):
        load_bars(csv_file(), "MNQ")
    with pytest.raises(InputInvalid, match="and none is good"):
        load_bars(csv_file("x,1,1,1,1,1"), "MNQ", SKIP_BAD)
    with pytest.raises(InputInvalid, match="one bar does not tell"):
        load_bars(csv_file(FIVE[0]), "MNQ")
    with pytest.raises(InputInvalid, match="whole seconds"):
        load_bars(csv_file("2026-01-06T15:00:00Z,1,1,1,1,1", "2026-01-06T15:00:00.5Z,1,1,1,1,1"), "MNQ")
    with pytest.raises(InputInvalid, match="spans several lines"):
        load_bars(csv_file('"2026-01-06', 'T15:00:00Z",1,1,1,1,1'), "MNQ")
    with pytest.raises(InputInvalid, match="unknown market"):
        load_bars(csv_file(*FIVE), "XYZ")
    with pytest.raises(InputInvalid, match="no time zone"):
        load_bars(csv_file(*FIVE), "MNQ", Wanted(timezone="Mars/Olympus"))
    with pytest.raises(InputInvalid, match="no column symbol"):
        load_bars(csv_file(*FIVE), "MNQ", Wanted(symbol="NQZ6"))
    (tmp_path / "latin.csv").write_bytes(b"ts,open,high,low,close\n\xff\xfe,1,1,1,1\n")
    with pytest.raises(InputInvalid, match="not UTF-8"):
        load_bars(tmp_path / "latin.csv", "MNQ")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(InputInvalid, match="cannot be read as Parquet"):
        load_bars(tmp_path / "torn.parquet", "MNQ")
    pl.DataFrame({"date": ["a"], "time": ["b"], "open": 1, "high": 1, "low": 1, "close": 1}).write_parquet(
        tmp_path / "two.parquet"
    )
    with pytest.raises(InputInvalid, match="one column of time"):
        load_bars(tmp_path / "two.parquet", "MNQ")


CELLS = st.one_of(
    st.sampled_from(["", "100", "100.25", "-1", "0", "nan", "inf", "1e400", '"', "2026-01-06T15:03:00Z", "1767711780"]),
    st.text(max_size=6),
    st.floats().map(str),
)


@given(rows=st.lists(st.lists(CELLS, min_size=0, max_size=8).map(",".join), max_size=5), skip_bad=st.booleans())
def test_any_text_is_read_or_refused_and_bars_hold_together(rows: list[str], skip_bad: bool) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bars.csv"
        path.write_text("\n".join(["ts,open,high,low,close,volume", *FIVE[:2], *rows, *FIVE[2:]]), encoding="utf-8")
        try:
            loaded = load_bars(path, "MNQ", Wanted(skip_bad=skip_bad))
        except InputInvalid:
            return
    assert (np.diff(loaded.series.ts_open_utc_ns) > 0).all()
    for bar in loaded.series.bars():
        assert 0 < bar.low_points <= min(bar.open_points, bar.close_points)
        assert max(bar.open_points, bar.close_points) <= bar.high_points < np.inf
        assert not bar.volume_lots < 0


@pytest.mark.parametrize("kept", [0, 8, 100, 400, -9, -1])
def test_a_torn_parquet_is_refused(csv_file: Write, tmp_path: Path, kept: int) -> None:
    whole = import_bars(csv_file(*FIVE), "MNQ", tmp_path).bars
    (tmp_path / "torn.parquet").write_bytes(whole.read_bytes()[:kept])
    with pytest.raises(InputInvalid, match=r"torn\.parquet: cannot be read as Parquet"):
        load_bars(tmp_path / "torn.parquet", "MNQ")


def test_rows_of_one_symbol_are_picked_out_of_a_mixed_file(csv_file: Write) -> None:
    mixed = [f"{line},{symbol}" for line in FIVE for symbol in ("NQH6", "NQM6")]
    path = csv_file(*mixed, header="ts,open,high,low,close,volume,symbol")
    assert len(load_bars(path, "NQ", Wanted(symbol="NQM6")).series) == 5
    with pytest.raises(InputInvalid, match="repeats the time of line 2"):
        load_bars(path, "NQ")


def test_minutes_merge_into_longer_bars_from_the_open_of_the_session(csv_file: Write) -> None:
    (bar,) = load_bars(csv_file(*FIVE), "MNQ", Wanted(bar_s=300)).series.bars()
    assert (bar.ts_open_utc_ns, bar.ts_close_utc_ns) == (utc_ns("2026-01-06T15:00:00"), utc_ns("2026-01-06T15:05:00"))
    assert (bar.open_points, bar.high_points, bar.low_points, bar.close_points) == (
        25000.0,
        25010.25,
        24999.75,
        25004.5,
    )
    assert bar.volume_lots == 425.0
    with pytest.raises(InputInvalid, match="not one whole bar of 600 s"):
        load_bars(csv_file(*FIVE), "MNQ", Wanted(bar_s=600))
    with pytest.raises(InputInvalid, match="ask for a multiple"):
        load_bars(csv_file(*FIVE), "MNQ", Wanted(bar_s=90))


def test_real_minutes_merge_into_the_vendors_five_minute_bars() -> None:
    minutes = load_bars(real("cme/NQ_1m_202412_202506.parquet"), "MNQ", Wanted(bar_s=300)).series
    theirs = load_bars(real("cme/NQ_5m_202412_202506.parquet"), "MNQ").series
    both, ours_at, theirs_at = np.intersect1d(minutes.ts_open_utc_ns, theirs.ts_open_utc_ns, return_indices=True)
    assert len(both) > 40_000
    for name in ("open_points", "high_points", "low_points", "close_points"):
        same = getattr(minutes, name)[ours_at] == getattr(theirs, name)[theirs_at]
        assert same.mean() > 0.999, name


@pytest.mark.parametrize(
    ("name", "market", "bar_s", "off_tick"),
    [
        ("cme/NQ_5m_202301_202302.parquet", "MNQ", 300, False),
        ("cme/NQ_1h_2017_2023.parquet", "NQ", 3600, False),
        ("cme/YM_1h_2022_2024.parquet", "MYM", 3600, False),
        ("gold/XAUUSD_5m_202502_202506.parquet", "XAU_USD", 300, False),
        ("options/SPX_1h_2014_2024.parquet", "SPX", 3600, True),
    ],
)
def test_real_files_read_without_a_bad_row(name: str, market: str, bar_s: int, off_tick: bool) -> None:
    loaded = load_bars(real(name), market)
    assert loaded.series.bar_s == bar_s
    assert loaded.quality.rows_outside_session <= 13
    assert bool(loaded.quality.rows_off_tick) is off_tick


def test_ratio_adjusted_history_is_off_tick_and_still_read() -> None:
    loaded = load_bars(real("cme/NQ_1m_2021.parquet"), "MNQ")
    assert loaded.quality.rows_off_tick > 0.99 * loaded.quality.rows
    assert loaded.quality.rows_outside_session == 0
    assert loaded.quality.sessions_missing == 0


def test_a_feed_gives_history_and_goes_on_where_it_was_left(csv_file: Write) -> None:
    feed = FileFeed(files={"MNQ": csv_file(*FIVE), "MES": csv_file(*FIVE[1:], name="mes.csv")})
    assert feed.markets == ("MES", "MNQ")
    assert feed.bar_s == 60
    assert feed.provides == {"bar", "volume"}
    seen = [(bar.ts_close_utc_ns, bar.market) for bar in feed.bars(0)]
    assert seen == sorted(seen)
    assert len(seen) == 9
    middle = seen[4][0]
    assert [(bar.ts_close_utc_ns, bar.market) for bar in feed.bars(middle)] == [one for one in seen if one[0] > middle]
    warm = feed.history("MNQ", middle, 2)
    assert [bar.ts_close_utc_ns for bar in warm] == [middle - 60 * NS, middle]
    assert len(feed.history("MNQ", middle, 100)) == 3
    with pytest.raises(InputInvalid, match="no file for ES"):
        feed.history("ES", middle, 1)


def test_files_of_different_lengths_need_a_common_one(csv_file: Write) -> None:
    slow = [f"2026-01-06T{hour}:00:00Z,100,100,100,100,1" for hour in (15, 16, 17)]
    quick = [f"2026-01-06T15:{minute:02d}:00Z,100,100,100,100,1" for minute in range(60)]
    files = {"MES": csv_file(*slow, name="mes.csv"), "MNQ": csv_file(*quick)}
    with pytest.raises(InputInvalid, match="differ in length: MES 3600 s, MNQ 60 s"):
        FileFeed(files=files).bar_s  # noqa: B018
    assert FileFeed(files=files, bar_s=3600).bar_s == 3600

"""A file of trades: what is in it is taken to the cent, what is wrong is named by its line and column."""

from pathlib import Path

import numpy as np
import pytest

from gamma.errors import InputInvalid
from gamma.history import of_trade_file

HEADER = "ts_open,ts_close,market,side,lots,pnl_usd,fees_usd,mae_usd,mfe_usd"
FIRST = "2025-01-06T15:00:00Z,2025-01-06T15:30:00Z,MNQ,long,2,120.5,2.4,-40,150"
SECOND = "2025-01-08 10:00-05:00,2025-01-08 11:00-05:00,MNQ,short,1,-60.25,1.2,80,10"


def write(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "trades.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_trades_are_taken_as_they_stand_oldest_first(tmp_path: Path) -> None:
    found = of_trade_file(write(tmp_path, SECOND, FIRST), 50_000.0)
    assert [(t.side, t.lots_max, t.pnl_microusd, t.fees_microusd) for t in found.trades] == [
        (1, 2, 120_500_000, 2_400_000),
        (-1, 1, -60_250_000, 1_200_000),
    ]
    assert found.trades[0].ts_open_utc_ns == 1_736_175_600 * 10**9
    assert found.trades[1].ts_open_utc_ns == 1_736_348_400 * 10**9  # 10:00 in New York is 15:00 UTC


def test_every_trading_day_between_them_is_one_with_or_without_a_trade(tmp_path: Path) -> None:
    found = of_trade_file(write(tmp_path, FIRST, SECOND), 50_000.0)
    assert found.sessions == ("2025-01-06", "2025-01-07", "2025-01-08")
    assert found.session_close_usd.tolist() == [50_120.5, 50_120.5, 50_060.25]
    assert found.end_usd == 50_060.25


def test_excursions_make_the_extremes_of_equity(tmp_path: Path) -> None:
    found = of_trade_file(write(tmp_path, FIRST, SECOND), 50_000.0)
    assert found.open_pnl_known
    assert found.low_usd.tolist() == [49_960.0, 50_040.5]
    assert found.high_usd.tolist() == [50_150.0, 50_130.5]


def test_trades_that_overlap_are_at_their_worst_at_once(tmp_path: Path) -> None:
    within = "2025-01-06T15:10:00Z,2025-01-06T15:20:00Z,MNQ,long,1,10,0.6,30,20"
    found = of_trade_file(write(tmp_path, FIRST, within), 50_000.0)
    assert found.low_usd.tolist() == [50_000 - 30 - 40, 50_010 - 40]


def test_without_excursions_nothing_is_known_between_the_ends(tmp_path: Path) -> None:
    row = "2025-01-06T15:00:00Z,2025-01-06T15:30:00Z,MNQ,BUY,1,5"
    found = of_trade_file(write(tmp_path, row, header="ts_open,ts_close,market,side,lots,pnl_usd"), 1_000.0)
    assert not found.open_pnl_known
    assert np.array_equal(found.high_usd, found.low_usd)
    assert found.trades[0].side == 1


def test_a_trade_that_ends_after_the_close_belongs_to_the_day_that_it_followed(tmp_path: Path) -> None:
    late = "2025-01-10T21:00:00Z,2025-01-10T22:30:00Z,MNQ,long,1,10,0.6,0,20"
    found = of_trade_file(write(tmp_path, late), 50_000.0)
    assert found.sessions == ("2025-01-10",)
    assert found.session_close_usd.tolist() == [50_010.0]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (FIRST.replace("long", "up"), 'line 2: side: "up"'),
        (FIRST.replace("120.5", "nan"), 'line 2: pnl_usd: "nan"'),
        (FIRST.replace("120.5", ""), "line 2: pnl_usd: it is empty"),
        (FIRST.replace(",2,", ",1.5,"), 'line 2: lots: "1.5"'),
        (FIRST.replace("MNQ", "MNX"), "line 2: market:"),
        (FIRST.replace("15:30", "14:30"), "line 2: ts_close: 2025-01-06 14:30:00+00:00 lies before ts_open"),
        (FIRST.replace("2025-01-06T15:00:00Z", "yesterday"), 'line 2: ts_open: "yesterday"'),
    ],
)
def test_what_is_wrong_is_named_by_line_and_column(tmp_path: Path, row: str, told: str) -> None:
    with pytest.raises(InputInvalid) as refused:
        of_trade_file(write(tmp_path, row), 50_000.0)
    assert told in str(refused.value)


def test_a_missing_column_is_named_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match=r"no column pnl_usd; needed are ts_open, .*mae_usd"):
        of_trade_file(write(tmp_path, header="ts_open,ts_close,market,side,lots"), 50_000.0)


def test_many_bad_lines_are_counted_and_the_first_told(tmp_path: Path) -> None:
    bad = FIRST.replace("long", "up")
    with pytest.raises(InputInvalid, match=r"9 values are no trade's") as refused:
        of_trade_file(write(tmp_path, *[bad] * 9), 50_000.0)
    assert "and 4 more" in str(refused.value)


def test_an_empty_file_a_missing_one_and_no_balance_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="no trade in it"):
        of_trade_file(write(tmp_path), 50_000.0)
    with pytest.raises(InputInvalid, match="cannot be read as CSV"):
        of_trade_file(tmp_path / "none.csv", 50_000.0)
    with pytest.raises(InputInvalid, match="must be above 0 usd"):
        of_trade_file(write(tmp_path, FIRST), 0.0)

"""Rolls that show in continuous files, against those that are known of real ones."""

import csv
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from gamma import calendar
from gamma.errors import InputInvalid
from gamma.feeds.bar_file import load_bars
from gamma.feeds.jumps import compared, suspected
from gamma.feeds.series import NS, Series
from tests.gamma.feeds.series_case import made, moved

REAL = Path(__file__).parents[3] / "../shared/data/cme"
ROLL_OPENS = calendar.sessions("NQ", "2024-12-17", "2024-12-17")[0].ts_open_utc_ns


def real(name: str, market: str) -> Series:
    if not (REAL / name).exists():
        pytest.skip(f"{name} is not here: real bars are not shipped")
    return load_bars(REAL / name, market).series


def rolled() -> tuple[Series, Series]:
    """Bars that jump by 296 points at the roll of December 2024, and the same without it."""
    smooth = made("NQ", "2024-11-01", "2025-01-10", 900)
    return moved(smooth, np.where(smooth.ts_open_utc_ns < ROLL_OPENS, -296.0, 0.0)), smooth


def known(symbol: str, before: str) -> list[tuple[int, float]]:
    with (REAL / "roll_truth_es_nq_2024_2025.csv").open(newline="") as lines:
        return [
            (
                int(datetime.fromisoformat(line["first_bar_of_new_contract_utc"]).timestamp()) * NS,
                float(line["roll_gap_points"]),
            )
            for line in csv.DictReader(lines)
            if line["symbol"] == symbol and line["first_bar_of_new_contract_utc"] < before
        ]


def test_a_jump_on_a_day_of_rolls_is_suspected_and_one_on_another_day_is_not() -> None:
    jumping, smooth = rolled()
    (roll,) = suspected(jumping)
    assert (roll.ts_utc_ns, roll.found_by) == (ROLL_OPENS, "jump")
    assert roll.gap_points == pytest.approx(296.0, abs=0.5)
    assert suspected(smooth) == ()
    other = calendar.sessions("NQ", "2024-12-05", "2024-12-05")[0].ts_open_utc_ns
    assert suspected(moved(smooth, np.where(smooth.ts_open_utc_ns < other, -296.0, 0.0))) == ()


def test_a_market_without_contracts_has_no_rolls() -> None:
    assert suspected(made("XAU_USD", "2024-12-09", "2024-12-20", 900, price=2_600.0)) == ()


@pytest.mark.parametrize("bar_s", [60, 300, 900])
def test_against_adjusted_bars_a_roll_is_found_to_the_tick(bar_s: int) -> None:
    jumping, _ = rolled()
    finer = made("NQ", "2024-11-01", "2025-01-10", bar_s)
    level = np.interp(jumping.ts_close_utc_ns, finer.ts_close_utc_ns, finer.close_points)
    raw = replace(jumping, close_points=level + np.where(jumping.ts_open_utc_ns < ROLL_OPENS, -296.0, 0.0))
    (roll,) = compared(raw, moved(finer, 57.5))
    assert (roll.ts_utc_ns, roll.gap_points, roll.found_by) == (ROLL_OPENS, 296.0, "comparison")


def test_bars_that_were_adjusted_by_ratio_tell_the_roll_too() -> None:
    jumping, smooth = rolled()
    ratio = np.where(smooth.ts_open_utc_ns < ROLL_OPENS, 1.03 * 20_000 / 19_704, 1.03)
    (roll,) = compared(jumping, replace(smooth, close_points=jumping.close_points * ratio))
    assert roll.ts_utc_ns == ROLL_OPENS
    assert roll.gap_points == pytest.approx(296.0, abs=0.5)


def test_files_of_other_times_cannot_be_compared() -> None:
    with pytest.raises(InputInvalid, match="share no bar"):
        compared(made("NQ", "2024-12-09", "2024-12-10"), made("NQ", "2024-12-11", "2024-12-12"))


@pytest.mark.parametrize(
    ("raw", "adjusted", "market", "symbol"),
    [
        ("NQ_15m_unadjusted_202412_202506.parquet", "NQ_5m_202412_202506.parquet", "NQ", "NQ"),
        ("NQ_15m_unadjusted_202412_202506.parquet", "NQ_1m_202412_202506.parquet", "MNQ", "NQ"),
        ("MES_15m_unadjusted_202412_202506.parquet", "ES_5m_202412_202506.parquet", "MES", "ES/MES"),
    ],
)
def test_all_rolls_of_a_real_file_are_found_and_their_gaps_to_the_tick(
    raw: str, adjusted: str, market: str, symbol: str
) -> None:
    found = compared(real(raw, market), real(adjusted, market))
    assert [(roll.ts_utc_ns, roll.gap_points) for roll in found] == known(symbol, "2025-07")


def test_from_one_real_file_alone_the_rolls_overnight_are_suspected() -> None:
    found = suspected(real("NQ_15m_unadjusted_202412_202506.parquet", "NQ"))
    overnight = known("NQ", "2025-06")
    assert [roll.ts_utc_ns for roll in found] == [ts for ts, _ in overnight]
    for roll, (_, gap_points) in zip(found, overnight, strict=True):
        assert roll.gap_points == pytest.approx(gap_points, abs=5.0)


@pytest.mark.parametrize("name", ["NQ_5m_202412_202506.parquet", "ES_5m_202412_202506.parquet"])
def test_in_real_adjusted_bars_nothing_is_suspected(name: str) -> None:
    assert suspected(real(name, name[:2])) == ()

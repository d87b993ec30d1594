"""Expiries and rolls; expected dates are the exchange's."""

import csv
from datetime import date, datetime
from pathlib import Path

import pytest

from gamma import calendar
from gamma.calendar import NS
from gamma.calendar.rolls import RollRule, Volumes, contract, expiry, front_contract, roll_date
from gamma.errors import InputInvalid

REAL = Path(__file__).parents[3] / "../shared/data"


@pytest.mark.parametrize(
    ("year", "month", "last_day"),
    [(2026, 6, "2026-06-18"), (2026, 12, "2026-12-18"), (2025, 6, "2025-06-20"), (2024, 3, "2024-03-15")],
)
def test_a_contract_ends_on_the_third_friday_or_the_trading_day_before(year: int, month: int, last_day: str) -> None:
    assert expiry(year, month).isoformat() == last_day


@pytest.mark.parametrize(
    ("rule", "day"), [(RollRule.MONDAY_OF_EXPIRY_WEEK, "2026-12-14"), (RollRule.THURSDAY_MINUS_8, "2026-12-10")]
)
def test_december_2026_rolls_on_the_monday_or_the_thursday_before(rule: RollRule, day: str) -> None:
    assert roll_date("MNQ", "2026-12", rule).isoformat() == day


def test_the_exchange_named_another_day_before_june_2022() -> None:
    assert roll_date("ES", "2022-03").isoformat() == "2022-03-10"
    assert roll_date("ES", "2022-06").isoformat() == "2022-06-13"
    assert roll_date("MNQ", "2026-06").isoformat() == "2026-06-15"


def test_from_its_roll_date_on_the_next_contract_is_in_front() -> None:
    assert front_contract("MNQ", "2026-12-13").symbol == "MNQZ6"
    december = front_contract("MNQ", date(2026, 12, 14))
    assert december.symbol == "MNQH7"
    assert december == contract("MNQ", "2027-03")
    assert (december.expiry, december.rolls_in, december.rolls_out) == (
        date(2027, 3, 19),
        date(2026, 12, 14),
        date(2027, 3, 15),
    )
    assert december.ts_expiry_utc_ns == 1_805_463_000 * NS  # 2027-03-19 13:30 UTC, daylight time
    assert front_contract("ES", "2026-11-23").symbol == "ESZ6"


def test_a_volume_roll_waits_for_the_session_that_showed_it_to_end() -> None:
    volumes = Volumes(
        days=["2026-12-10", "2026-12-11", "2026-12-14"],
        front_lots=[900.0, float("nan"), 400.0],
        next_lots=[100.0, 500.0, 800.0],
    )
    assert roll_date("MNQ", "2026-12", RollRule.VOLUME_CROSS, volumes) == date(2026, 12, 15)


def test_a_roll_that_cannot_be_known_is_refused() -> None:
    never = Volumes(days=["2026-12-10"], front_lots=[9.0], next_lots=[9.0])
    with pytest.raises(InputInvalid, match="never traded more"):
        roll_date("MNQ", "2026-12", RollRule.VOLUME_CROSS, never)
    with pytest.raises(InputInvalid, match="needs the volumes"):
        front_contract("MNQ", "2026-12-01", RollRule.VOLUME_CROSS)
    with pytest.raises(InputInvalid, match="March, June"):
        roll_date("MNQ", "2026-11")
    with pytest.raises(InputInvalid, match="no month"):
        roll_date("MNQ", "Dec 2026")
    with pytest.raises(InputInvalid, match="no quarterly contracts"):
        front_contract("XAU_USD", "2026-12-01")


def test_a_vendors_rolls_fall_on_our_monday() -> None:
    path = REAL / "cme/roll_truth_es_nq_2024_2025.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not here: real bars are not shipped")
    with path.open(newline="") as lines:
        for line in csv.DictReader(lines):
            first_bar = datetime.fromisoformat(line["first_bar_of_new_contract_utc"])
            session = calendar.session_at("ES", int(first_bar.timestamp()) * NS)
            assert session is not None
            rolls_in = front_contract("ES", session.date).rolls_in
            # Theirs begins with Monday's session, or the one after it.
            assert (date.fromisoformat(session.date) - rolls_in).days in (0, 1)

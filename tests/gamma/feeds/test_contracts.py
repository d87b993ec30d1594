"""Contracts joined; each expected price and date is worked by hand."""

from dataclasses import replace

import numpy as np
import pytest

from gamma import calendar
from gamma.calendar.rolls import RollRule
from gamma.errors import InputInvalid
from gamma.feeds.contracts import Piece, Roll, chained, cut, join_contracts, levelled, month_of
from gamma.feeds.series import Series
from tests.gamma.feeds.series_case import made, moved

JANUARY_2025 = 1_735_800_000_000_000_000
ROLL_OPENS = calendar.sessions("NQ", "2024-12-16", "2024-12-16")[0].ts_open_utc_ns


def december(price: float = 20_000.0) -> Series:
    return made("NQ", "2024-12-09", "2024-12-20", price=price)


def march() -> Series:
    return moved(made("NQ", "2024-12-09", "2024-12-27"), 296.0)


@pytest.mark.parametrize(
    ("name", "month"),
    [
        ("NQH5", "2025-03"),
        ("nqz4", "2034-12"),
        ("NQZ24", "2024-12"),
        ("MNQU2025", "2025-09"),
        ("NQ M25", "2025-06"),
        ("ES-201312", "2013-12"),
        ("ES_2014-03", "2014-03"),
        ("NQ1!", None),
        ("NQ_1m_2014", None),
        ("NQF25", None),
        ("", None),
    ],
)
def test_a_name_tells_its_contract(name: str, month: str | None) -> None:
    assert month_of(name, JANUARY_2025) == month


def test_a_one_digit_year_is_the_first_in_which_the_contract_still_trades() -> None:
    assert month_of("NQH5", calendar.utc_ns(calendar.FIRST_DATE, "12:00")) == "2015-03"
    assert month_of("ESH6", JANUARY_2025) == "2026-03"


def test_before_the_roll_the_front_contract_is_moved_by_the_gap_and_after_it_prices_are_as_traded() -> None:
    joined = join_contracts([Piece(month="2025-03", series=march()), Piece(month="2024-12", series=december())])
    assert joined.rolls == (
        Roll(ts_utc_ns=ROLL_OPENS, gap_points=296.0, found_by="overlap", before="2024-12", after="2025-03"),
    )
    whole = march()
    assert np.array_equal(joined.series.ts_open_utc_ns, whole.ts_open_utc_ns)
    assert np.array_equal(joined.series.close_points, whole.close_points)


def test_unadjusted_the_gap_stays_in() -> None:
    joined = join_contracts(
        [Piece(month="2024-12", series=december()), Piece(month="2025-03", series=march())], adjust=False
    )
    first = int(np.searchsorted(joined.series.ts_open_utc_ns, ROLL_OPENS))
    assert joined.series.close_points[0] == december().close_points[0]
    assert joined.series.open_points[first] - joined.series.close_points[first - 1] == 296.0


def test_by_volume_a_contract_rolls_after_the_session_in_which_the_next_traded_more() -> None:
    opens = calendar.sessions("NQ", "2024-12-12", "2024-12-13")
    volume = np.where(march().ts_open_utc_ns >= opens[0].ts_open_utc_ns, 11.0, 1.0)
    joined = join_contracts(
        [
            Piece(month="2024-12", series=december()),
            Piece(month="2025-03", series=replace(march(), volume_lots=volume)),
        ],
        RollRule.VOLUME_CROSS,
    )
    assert [roll.ts_utc_ns for roll in joined.rolls] == [opens[1].ts_open_utc_ns]


def test_without_volume_there_is_no_roll_by_volume() -> None:
    silent = replace(march(), volume_lots=np.full(len(march()), np.nan))
    with pytest.raises(InputInvalid, match="no volume in the 30 days"):
        join_contracts(
            [Piece(month="2024-12", series=december()), Piece(month="2025-03", series=silent)], RollRule.VOLUME_CROSS
        )


def test_contracts_that_never_overlap_are_joined_at_the_jump_and_it_is_said() -> None:
    front, after = cut(december(), 0, ROLL_OPENS), cut(march(), ROLL_OPENS, 2**62)
    (roll,) = join_contracts([Piece(month="2024-12", series=front), Piece(month="2025-03", series=after)]).rolls
    assert (roll.found_by, roll.gap_points) == ("jump", 296.0)


def test_the_gap_between_contracts_that_lie_days_apart_is_not_made_up() -> None:
    early = cut(december(), 0, int(december().ts_open_utc_ns[3_000]))
    late = cut(march(), ROLL_OPENS + 3 * 86_400 * 10**9, 2**62)
    pieces = [Piece(month="2024-12", series=early), Piece(month="2025-03", series=late)]
    with pytest.raises(InputInvalid, match="the gap of their roll cannot be known"):
        join_contracts(pieces)
    (roll,) = join_contracts(pieces, adjust=False).rolls
    assert (roll.found_by, np.isnan(roll.gap_points)) == ("nothing", True)


def test_a_missing_contract_is_named() -> None:
    with pytest.raises(InputInvalid, match="2025-06 follows 2024-12, and 2025-03 is missing"):
        join_contracts([Piece(month="2024-12", series=december()), Piece(month="2025-06", series=march())])
    with pytest.raises(InputInvalid, match="2024-12: given twice"):
        join_contracts([Piece(month="2024-12", series=december()), Piece(month="2024-12", series=december())])


def test_a_contract_that_begins_after_its_roll_is_refused() -> None:
    late = cut(december(), ROLL_OPENS, 2**62)
    with pytest.raises(InputInvalid, match="no bars on both sides of the roll at 2024-12-15"):
        join_contracts([Piece(month="2024-12", series=late), Piece(month="2025-03", series=march())])


def test_prices_that_would_fall_to_nothing_are_refused() -> None:
    fall = Roll(ts_utc_ns=ROLL_OPENS, gap_points=-30_000.0, found_by="jump")
    with pytest.raises(InputInvalid, match="are not above 0"):
        levelled(december(), [fall])


def test_files_that_overlap_or_differ_in_length_are_refused() -> None:
    one = made("NQ", "2024-12-09", "2024-12-10")
    with pytest.raises(InputInvalid, match="overlap in time"):
        chained([one, made("NQ", "2024-12-10", "2024-12-11")])
    with pytest.raises(InputInvalid, match="bars of 60 s and of 300 s"):
        chained([one, made("NQ", "2024-12-11", "2024-12-12", 300)])

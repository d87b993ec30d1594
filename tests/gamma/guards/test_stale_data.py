import pytest

from gamma.guards.stale_data import StaleData
from gamma.reasons import Reason
from tests.views_example import example_order, example_view

GUARD = StaleData(quote_age_max_s=5, bar_age_max_bars=2, clock_offset_max_s=1)


@pytest.mark.parametrize(
    ("part", "field", "value", "lots"),
    [
        ("market", "quote_age_s", 5.0, 4),
        ("market", "quote_age_s", 5.001, 0),
        ("market", "quote_age_s", -1.0, 4),
        ("market", "quote_age_s", -1.001, 0),
        ("market", "bar_age_s", 600.0, 4),
        ("market", "bar_age_s", 600.1, 0),
        ("market", "bar_age_s", -2.0, 0),
        ("clock", "clock_offset_s", -1.0, 4),
        ("clock", "clock_offset_s", 1.001, 0),
        ("clock", "clock_offset_s", -1.001, 0),
        ("market", "quote_age_s", float("nan"), 0),
    ],
)
def test_old_data_and_data_from_the_future_allow_no_entry(part: str, field: str, value: float, lots: int) -> None:
    # Bars are 300 s long: two bars are 600 s.
    verdict = GUARD(example_view(**{part: {field: value}}), example_order())
    assert verdict.lots == lots
    assert verdict.reason is (Reason.OK if lots else Reason.STALE_DATA)

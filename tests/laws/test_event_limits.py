"""The limits of event contracts over random steps; `python -m tests.laws.event_limits` takes a million."""

import pytest

from tests.laws.event_limits import counted_over


@pytest.mark.slow
def test_no_random_action_breaks_a_limit_and_every_cent_is_accounted_for() -> None:
    counted = counted_over(75_000)
    assert counted.broken == dict.fromkeys(counted.broken, 0)
    assert min(counted.looked.values()) > 500


@pytest.mark.slow
@pytest.mark.parametrize(
    ("without", "balance_usd", "law"),
    [
        ("cash_buffer", 60.0, "50 usd stay in cash"),
        ("concentration_cap", 1_000.0, "20 % of the portfolio at most"),
        ("position_cap", 10_000.0, "position of 500 at most"),
    ],
)
def test_without_its_cap_a_limit_is_broken_soon(without: str, balance_usd: float, law: str) -> None:
    counted = counted_over(50_000, (balance_usd,), without)
    assert {name for name, broken in counted.broken.items() if broken} == {law}

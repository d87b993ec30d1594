"""Schedules of crashes and faults with Tradier's adapter; `python -m tests.chaos.tradier_schedule N` runs more."""

import os

import pytest

from tests.chaos.tradier_schedule import run

SCHEDULES = int(os.environ.get("GAMMA_TRADIER_SCHEDULES", "24"))
PARTS = 4


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_no_crash_or_fault_makes_an_order_twice_or_loses_one(part: int) -> None:
    outcomes = {seed: run(seed) for seed in range(1 + part, SCHEDULES + 1, PARTS)}
    assert {seed: outcome.violations for seed, outcome in outcomes.items() if outcome.violations} == {}
    assert sum(outcome.fills for outcome in outcomes.values()) > 0

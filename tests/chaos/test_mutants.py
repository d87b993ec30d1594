"""The simulation finds bugs that are put in on purpose, in schedules that break nothing without them."""

import pytest

from gamma.chaos.simulation.trials import trial
from tests.chaos.mutants import MUTANTS, hunt

# The first schedule that finds each, by `python -m tests.chaos.mutants`; what changes the simulation changes them.
FINDS: dict[str, int] = {
    "post_before_persist": 1,
    "timeout_means_failed": 2,
    "server_error_means_refused": 46,
    "repost_on_unknown": 2,
    "unresolved_market_traded": 20,
    "no_deadline": 1,
    "absent_too_soon": 80,
    "failed_look_means_absent": 265,
    "unlisted_means_cancelled": 3,
    "cancel_taken_for_done": 3,
    "exit_beside_the_stop": 1,
    "parts_not_counted": 152,
    "fills_without_unique_id": 1,
    "fills_after_a_cancel_dropped": 18,
    "first_fill_fills_the_order": 2,
    "fills_read_on_from_the_last_marker": 71,
    "marker_before_its_fills": 45,
    "fills_read_without_overlap": 3,
    "first_page_alone": 5,
    "halt_unread_at_the_socket": 32,
    "halts_lifted_by_a_start": 6,
    "stale_bars_decide": 2,
    "deadlines_by_the_wall_clock": 48,
    "slots_forgotten": 3,
    "epoch_kept": 2,
    "last_facts_skipped": 2,
    "lock_not_taken": 21,
    "lease_not_seen_again": 2,
    "nan_passes": 16,
    "alert_after_commit": 2,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_bug_that_is_put_in_is_found(name: str) -> None:
    assert next(hunt(MUTANTS[name], [FINDS[name]]), None) is not None


@pytest.mark.slow
def test_the_same_schedules_break_nothing_without_the_bug() -> None:
    schedules = sorted({(seed, MUTANTS[name].broker) for name, seed in FINDS.items()})
    assert {one: found for one in schedules if (found := trial(*one).violations)} == {}

import pytest
from pydantic import ValidationError

from gamma.guards import Action
from gamma.guards.order_rate import OrderRate
from gamma.reasons import Reason
from gamma.views import PastIntent, View
from tests.views_example import NOW_UTC_NS, S, example_order, example_view

GUARD = OrderRate(minute_max=10, day_max=100, exits_minute_max=20, exits_day_max=200, cancels_max=20)


def _after(count: int, *, age_s: int = 30, cancels: int = 0) -> View:
    past = PastIntent(
        ts_event_utc_ns=NOW_UTC_NS - age_s * S,
        strategy="mnq",
        market="MNQ",
        side=1,
        lots=1,
        signal_id="x",
        cancels=cancels,
    )
    return example_view(activity={"intents": (past,) * count})


def test_the_eleventh_entry_in_a_minute_is_denied_and_cuts_new_risk() -> None:
    assert GUARD(_after(9), example_order()).lots == 4
    verdict = GUARD(_after(10), example_order())
    assert (verdict.lots, verdict.reason) == (0, Reason.ORDER_RATE)
    assert verdict.trip is not None
    assert (verdict.trip.action, verdict.trip.realised, verdict.trip.until_utc_ns) == (Action.REDUCING, True, 0)


def test_orders_older_than_a_minute_count_for_the_day_only() -> None:
    assert GUARD(_after(99, age_s=60), example_order()).lots == 4
    assert GUARD(_after(100, age_s=60), example_order()).lots == 0


def test_a_day_has_more_orders_than_are_kept_in_mind() -> None:
    guard = OrderRate(minute_max=10, day_max=1_000, exits_minute_max=20, exits_day_max=1_200, cancels_max=20)
    kept = _after(256, age_s=60).activity.intents
    for count, lots in ((999, 4), (1_000, 0)):
        assert guard(example_view(activity={"intents": kept, "orders_today": count}), example_order()).lots == lots


def test_a_minute_has_no_more_orders_than_are_kept_in_mind() -> None:
    with pytest.raises(ValidationError, match="exits_minute_max"):
        OrderRate(minute_max=10, day_max=100, exits_minute_max=257, exits_day_max=300, cancels_max=20)


def test_an_order_stamped_after_now_counts_as_recent() -> None:
    assert GUARD(_after(10, age_s=-30), example_order()).lots == 0


def test_exits_outlive_the_entries_limit_but_not_their_own_ceiling() -> None:
    exit_ = example_order(side=-1, reduces=True)
    assert GUARD(_after(19), exit_).lots == 4
    assert GUARD(_after(20), exit_).lots == 0
    assert GUARD(_after(199, age_s=60), exit_).lots == 4
    assert GUARD(_after(200, age_s=60), exit_).lots == 0


def test_the_twenty_first_cancel_of_one_order_cuts_new_risk() -> None:
    assert GUARD(_after(1, cancels=20), example_order()).lots == 4
    assert GUARD.watch(_after(1, cancels=20)) is None
    assert GUARD(_after(1, cancels=21), example_order()).lots == 0
    assert GUARD.watch(_after(1, cancels=21)) is not None


def test_between_orders_only_a_passed_limit_trips() -> None:
    assert GUARD.watch(_after(10)) is None
    assert GUARD.watch(_after(11)) is not None
    assert GUARD.watch(_after(101, age_s=60)) is not None


def test_an_entry_without_a_time_is_denied() -> None:
    assert GUARD(example_view(clock={"ts_event_utc_ns": 0}), example_order()).reason is Reason.INPUT_MISSING


def test_exits_cannot_be_given_the_lower_ceiling() -> None:
    with pytest.raises(ValidationError, match="must not be below"):
        OrderRate(minute_max=10, day_max=100, exits_minute_max=9, exits_day_max=200, cancels_max=20)


def test_the_past_is_counted_anew_when_time_goes_on_or_it_is_another_one() -> None:
    early, late = (
        PastIntent(ts_event_utc_ns=at, strategy="a", market="MNQ", side=1, lots=1, signal_id="") for at in (1, 2)
    )
    guard = OrderRate(minute_max=1, day_max=9, exits_minute_max=9, exits_day_max=9, cancels_max=9)

    def now(intents: tuple[PastIntent, ...], ts_utc_ns: int) -> object:
        view = example_view(activity={"intents": intents}, clock={"ts_event_utc_ns": ts_utc_ns})
        return guard.reading(view)["now"]

    minute_ns = 60 * 10**9
    both = (early, late)
    assert [now(both, ts) for ts in (3, minute_ns, minute_ns + 1, minute_ns + 2, 3)] == [2, 2, 1, 0, 2]
    for n in range(30):
        assert now((early,) * n, 3) == n

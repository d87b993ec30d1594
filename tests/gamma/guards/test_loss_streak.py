import pytest

from gamma.guards import Action
from gamma.guards.loss_streak import LossStreak
from gamma.reasons import Reason
from gamma.views import PastTrade, View
from tests.views_example import NOW_UTC_NS, S, example_order, example_view

GUARD = LossStreak(losses_max=4, stops_max=4, stops_window_bars=24, pause_s=3600)


def _after(*trades: tuple[int, float, bool]) -> View:
    """Trades as (age in seconds, P&L in usd, stopped), oldest first; bars are 300 s, so 24 of them are 7,200 s."""
    past = tuple(
        PastTrade(ts_event_utc_ns=NOW_UTC_NS - age_s * S, strategy="mnq", market="MNQ", pnl_usd=pnl, stopped=stopped)
        for age_s, pnl, stopped in trades
    )
    return example_view(activity={"trades": past})


def test_the_fourth_loss_in_a_row_pauses_for_an_hour_from_it() -> None:
    view = _after((40_000, -1, False), (30_000, -1, False), (20_000, -1, False), (600, -1, False))
    trip = GUARD.watch(view)
    assert trip is not None
    assert (trip.action, trip.realised, trip.until_utc_ns) == (Action.PAUSE, True, NOW_UTC_NS + 3_000 * S)
    verdict = GUARD(view, example_order())
    assert (verdict.lots, verdict.reason) == (0, Reason.LOSS_STREAK)


def test_the_pause_ends_by_itself_though_the_row_stands() -> None:
    assert GUARD(_after(*[(3_600, -1, False)] * 4), example_order()).lots == 4
    assert GUARD(_after(*[(3_599, -1, False)] * 4), example_order()).lots == 0


@pytest.mark.parametrize("pnl_usd", [0.0, 5.0])
def test_a_scratch_or_a_win_ends_the_row(pnl_usd: float) -> None:
    assert GUARD.watch(_after(*[(9, -1, False)] * 3, (8, pnl_usd, False), *[(7, -1, False)] * 3)) is None


def test_four_stops_within_24_bars_pause_though_trades_between_them_won() -> None:
    crowded = [(7_199, -1, True), (5_000, 9, False), (900, -1, True), (800, 9, False), (60, -1, True), (0, -1, True)]
    trip = GUARD.watch(_after(*crowded))
    assert trip is not None
    assert trip.until_utc_ns == NOW_UTC_NS + 3_600 * S


def test_four_stops_over_24_bars_do_not() -> None:
    spread = [(7_200, -1, True), (5_000, 9, False), (900, -1, True), (800, 9, False), (60, -1, True), (0, -1, True)]
    assert GUARD.watch(_after(*spread)) is None


def test_three_stops_are_not_four() -> None:
    assert GUARD.watch(_after(*[(10, -1, True)] * 3)) is None


def test_without_the_length_of_a_bar_nothing_is_entered() -> None:
    view = example_view(market={"bar_s": float("nan")})
    assert GUARD(view, example_order()).reason is Reason.INPUT_MISSING
    assert GUARD.watch(view) is None

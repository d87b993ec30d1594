import math
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from gamma.guards import Action, inert
from gamma.guards.drift import Drift
from gamma.reasons import Reason
from gamma.views import TrackView, ValidatedView, View
from tests.views_example import example_order, example_view

GUARD = Drift(trades_min=20, half_p=0.01, off_p=0.001, slippage_over_ticks=1)


def _record(wins: int, losses: int, *, win_rate_frac: float = 0.5, r_mean: float = math.nan) -> View:
    """Wins of 2 R and losses of 1 R, losses last; R-multiples deviate by 1.5 R where their mean is known."""
    pnl = np.array([50.0] * wins + [-25.0] * losses)
    track = TrackView(pnl_usd_per_lot=pnl, r_multiples=pnl / 25.0, trades=wins + losses)
    told = ValidatedView(win_rate_frac=win_rate_frac, r_mean=r_mean, r_std=1.5)
    view = example_view()
    return View(
        **{part: getattr(view, part) for part in ("account", "market", "signal", "position", "clock", "control")},
        track=track,
        validated=told,
    )


@pytest.mark.parametrize(
    ("wins", "losses", "lots"),
    [
        (10, 10, 4),  # as validated
        (5, 15, 4),  # p = .0207
        (4, 16, 2),  # p = .0059: half size
        (3, 17, 2),  # p = .0013
        (2, 18, 0),  # p = .0002: off
        (0, 19, 4),  # too few trades to say
    ],
)
def test_a_falling_win_rate_halves_and_then_switches_off(wins: int, losses: int, lots: int) -> None:
    verdict = GUARD(_record(wins, losses), example_order())
    assert verdict.lots == lots
    assert verdict.reason is (Reason.OK if lots == 4 else Reason.DRIFT)


def test_off_is_latched_at_once_for_trades_are_money_that_is_gone() -> None:
    trip = GUARD.watch(_record(2, 18))
    assert trip is not None
    assert (trip.action, trip.reason, trip.realised) == (Action.STRATEGY_OFF, Reason.DRIFT, True)
    assert (trip.facts["wins"], trip.facts["trades"], trip.facts["validated_win_rate_frac"]) == (2, 20, 0.5)
    assert GUARD.watch(_record(4, 16)) is None


def test_r_multiples_tell_of_a_fall_that_wins_do_not() -> None:
    # A win rate of .5 as validated, but 15 losses of 1 R on end after a mean of 1 R: each is 4/3 deviations down.
    view = _record(15, 15, r_mean=1.0)
    reading = GUARD.reading(view)
    assert float(reading["win_rate_p"]) > 0.5
    assert float(reading["r_multiples_p"]) == pytest.approx(math.exp(-15 * (2 / 3 - 1 / 8)))
    assert float(reading["now"]) == pytest.approx(2 * float(reading["r_multiples_p"]))
    assert GUARD(view, example_order()).lots == 0


@pytest.mark.parametrize(
    ("ticks", "lots"),
    [
        ((2.0,) * 20, 4),  # one above the expected one is borne
        ((9.0,) * 19, 4),  # too few stops to say
        ((1.0, 4.0) * 10, 4),  # a mean of 2.5 may be chance: p = .07, times two
        ((2.0, 4.0) * 10, 0),  # a mean of 3 with a deviation of 1.03: 4.36 standard errors above 2
    ],
)
def test_stops_that_slip_more_than_is_borne_are_drift_too(ticks: tuple[float, ...], lots: int) -> None:
    view = _record(10, 10)
    slipped = replace(view.track, slippage_ticks=np.array(ticks))
    market = replace(view.market, slippage_ticks=1)
    assert GUARD(replace(view, track=slipped, market=market), example_order()).lots == lots


def test_of_a_padded_record_only_the_trades_count() -> None:
    view = _record(2, 18)
    padded = TrackView(
        pnl_usd_per_lot=np.concatenate((np.zeros(80), view.track.pnl_usd_per_lot)),
        r_multiples=np.concatenate((np.zeros(80), view.track.r_multiples)),
        trades=20,
    )
    same = View(account=view.account, market=view.market, signal=view.signal, track=padded, validated=view.validated)
    assert GUARD.reading(same)["trades"] == 20
    assert GUARD.reading(same)["now"] == GUARD.reading(view)["now"]


def test_without_validated_figures_it_is_inert_and_lets_nothing_through() -> None:
    view = _record(10, 10, win_rate_frac=math.nan)
    assert inert(GUARD, view) == ("validated.win_rate_frac",)
    assert GUARD(view, example_order()).reason is Reason.INPUT_MISSING
    assert GUARD.watch(view) is None


def test_a_win_rate_that_is_none_lets_nothing_through() -> None:
    view = _record(10, 10, win_rate_frac=1.5)
    assert GUARD(view, example_order()).reason is Reason.INPUT_INVALID
    assert GUARD.watch(view) is None
    assert math.isnan(GUARD.leeway(view))


def test_its_way_is_told_by_orders_of_magnitude() -> None:
    assert GUARD.leeway(_record(0, 5)) == pytest.approx(1.0)
    assert GUARD.leeway(_record(4, 16)) == pytest.approx(1 - math.log(0.005909) / math.log(0.01), abs=1e-3)
    assert GUARD.leeway(_record(0, 100, r_mean=1e6)) == 0.0


def test_half_size_comes_before_off() -> None:
    with pytest.raises(ValidationError, match="off_p must be below half_p"):
        Drift(trades_min=20, half_p=0.01, off_p=0.01, slippage_over_ticks=1)

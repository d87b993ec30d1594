"""The vectors P1 to P7 of the risk specification, in whole micro-dollars."""

import pytest

from gamma.errors import InputInvalid
from gamma.floor import FloorRule, FloorState, TrailsOn, close_day, mark, start

USD = 1_000_000
LEGACY = FloorRule(drawdown_microusd=2_500 * USD, trails_on=TrailsOn.INTRADAY)
LEGACY_FUNDED = FloorRule(drawdown_microusd=2_500 * USD, trails_on=TrailsOn.INTRADAY, lock_microusd=50_100 * USD)
INTRADAY = FloorRule(drawdown_microusd=2_000 * USD, trails_on=TrailsOn.INTRADAY)
INTRADAY_FUNDED = FloorRule(drawdown_microusd=2_000 * USD, trails_on=TrailsOn.INTRADAY, lock_microusd=50_100 * USD)
END_OF_DAY = FloorRule(drawdown_microusd=2_000 * USD, trails_on=TrailsOn.END_OF_DAY)
TOPSTEP = FloorRule(drawdown_microusd=2_000 * USD, trails_on=TrailsOn.END_OF_DAY, lock_microusd=50_000 * USD)
STATIC = FloorRule(drawdown_microusd=2_000 * USD, trails_on=TrailsOn.NONE)


def _marked(rule: FloorRule, *equities_usd: int) -> FloorState:
    state = start(rule, 50_000 * USD)
    for equity_usd in equities_usd:
        state = mark(rule, state, equity_usd * USD)
    return state


def test_p1_a_legacy_account_starts_with_its_floor_at_47_500() -> None:
    assert start(LEGACY, 50_000 * USD).floor_microusd == 47_500 * USD


def test_p2_an_open_profit_that_was_given_back_has_still_pulled_the_floor_up() -> None:
    state = _marked(LEGACY, 50_610, 49_500)
    assert state.floor_microusd == 48_110 * USD
    assert state.room_microusd(49_500 * USD) == 1_390 * USD
    assert not state.breached


def test_p3_touching_the_floor_is_a_breach_and_a_micro_dollar_above_it_is_none() -> None:
    assert _marked(LEGACY, 50_875, 48_375).breached
    above = mark(LEGACY, _marked(LEGACY, 50_875), 48_375 * USD + 1)
    assert not above.breached


def test_p4_a_funded_floor_locks_at_start_plus_100_and_stays() -> None:
    assert _marked(LEGACY_FUNDED, 52_600).floor_microusd == 50_100 * USD
    assert _marked(LEGACY_FUNDED, 52_600, 60_000).floor_microusd == 50_100 * USD


def test_p5_an_intraday_funded_floor_locks_at_a_peak_of_52_100() -> None:
    assert _marked(INTRADAY_FUNDED, 52_099).floor_microusd == 50_099 * USD
    assert _marked(INTRADAY_FUNDED, 52_100, 53_000).floor_microusd == 50_100 * USD


def test_p6_an_end_of_day_floor_follows_the_close_and_not_the_peak_of_the_day() -> None:
    state = _marked(END_OF_DAY, 51_500)
    assert state.floor_microusd == 48_000 * USD
    assert close_day(END_OF_DAY, state, 50_200 * USD).floor_microusd == 48_200 * USD
    assert _marked(INTRADAY, 51_500).floor_microusd == 49_500 * USD


def test_an_end_of_day_floor_is_tested_during_the_day() -> None:
    assert _marked(END_OF_DAY, 48_000, 50_000).breached


def test_p7_topsteps_floor_stops_at_the_start_balance() -> None:
    state = close_day(TOPSTEP, start(TOPSTEP, 50_000 * USD), 52_000 * USD)
    assert state.floor_microusd == 50_000 * USD
    assert close_day(TOPSTEP, state, 55_000 * USD).floor_microusd == 50_000 * USD


def test_a_losing_close_never_lowers_the_floor() -> None:
    state = close_day(END_OF_DAY, start(END_OF_DAY, 50_000 * USD), 51_000 * USD)
    later = close_day(END_OF_DAY, state, 49_500 * USD)
    assert (later.floor_microusd, later.reference_microusd) == (49_000 * USD, 51_000 * USD)


def test_a_close_moves_neither_an_intraday_nor_a_static_floor() -> None:
    for rule in (INTRADAY, STATIC):
        state = start(rule, 50_000 * USD)
        assert close_day(rule, state, 55_000 * USD) == state


def test_a_static_floor_ignores_peaks_but_is_tested() -> None:
    assert _marked(STATIC, 60_000).floor_microusd == 48_000 * USD
    assert _marked(STATIC, 60_000, 48_000).breached


def test_a_looser_rule_does_not_lower_a_floor_that_stood() -> None:
    state = _marked(INTRADAY, 51_000)
    assert mark(LEGACY, state, 51_200 * USD).floor_microusd == 49_000 * USD


@pytest.mark.parametrize("drawdown_microusd", [0, -1])
def test_a_floor_must_lie_below_its_reference(drawdown_microusd: int) -> None:
    with pytest.raises(InputInvalid, match="drawdown_microusd"):
        FloorRule(drawdown_microusd=drawdown_microusd, trails_on=TrailsOn.NONE)

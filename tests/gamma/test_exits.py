"""The rules that manage an open position. Numbers by hand, in points: long from 100, stop at 90, so R is 10."""

import numpy as np
import pytest
from pydantic import ValidationError

from gamma.exits import CreditRule, ExitRule, bracket, credit_exit, credit_kept_frac, managed_stop, tighter, time_is_up


def stop_of(rule: ExitRule, *, best: float, side: int = 1, stop: float | None = None, atr: float = 4.0) -> float:
    at = 100.0 - side * 10 if stop is None else stop
    return float(managed_stop(rule, side=side, entry=100.0, risk=10.0, stop=at, best=best, atr=atr))


def test_a_bracket_lies_around_its_reference() -> None:
    assert bracket(1, 100.0, 10.0, 20.0) == (90, 120)
    assert bracket(-1, 100.0, 10.0, 20.0) == (110, 80)


def test_a_rule_that_is_not_set_does_not_act() -> None:
    assert stop_of(ExitRule(), best=500) == 90
    assert not time_is_up(ExitRule(), 10_000)


def test_at_one_r_the_stop_goes_to_the_entry() -> None:
    rule = ExitRule(break_even_r=1.0)
    assert stop_of(rule, best=109.75) == 90
    assert stop_of(rule, best=110) == 100
    assert stop_of(rule, best=90, side=-1) == 100


def test_from_so_many_r_the_stop_follows_the_best_price() -> None:
    rule = ExitRule(trail_from_r=1.5, trail_atr=2.0)
    assert stop_of(rule, best=114.75) == 90
    assert stop_of(rule, best=115) == 107
    assert stop_of(rule, best=85, side=-1) == 93


def test_a_stop_never_loosens() -> None:
    rule = ExitRule(break_even_r=1.0, trail_from_r=1.0, trail_atr=3.0)
    assert stop_of(rule, best=111, stop=105) == 105
    assert stop_of(rule, best=89, side=-1, stop=95) == 95


def test_the_tighter_of_break_even_and_trail_wins() -> None:
    rule = ExitRule(break_even_r=1.0, trail_from_r=1.0, trail_atr=3.0)
    assert stop_of(rule, best=110) == 100
    assert stop_of(rule, best=120) == 108


def test_an_unknown_range_leaves_the_stop_where_it_is() -> None:
    assert stop_of(ExitRule(trail_from_r=0.0), best=120, atr=float("nan")) == 90
    assert tighter(1, 90.0, float("nan")) == 90


def test_a_batch_is_managed_like_each_of_its_positions() -> None:
    rule = ExitRule(break_even_r=1.0, trail_from_r=1.5, trail_atr=2.0)
    best = np.array([105.0, 110.0, 115.0, 130.0])
    stop = managed_stop(rule, side=1, entry=100.0, risk=10.0, stop=np.full(4, 90.0), best=best, atr=np.full(4, 4.0))
    assert stop.tolist() == [stop_of(rule, best=float(b)) for b in best] == [90, 100, 107, 122]


def test_time_is_up_after_so_many_bars() -> None:
    rule = ExitRule(time_bars=3)
    assert [bool(time_is_up(rule, n)) for n in (0, 2, 3, 4)] == [False, False, True, True]


@pytest.mark.parametrize("wrong", [{"break_even_r": 0}, {"trail_atr": -1}, {"time_bars": 0}, {"stop": 1}])
def test_a_rule_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        ExitRule(**wrong)  # type: ignore[arg-type]


def why(rule: CreditRule | None = None, *, kept: float, best: float = 0.0, left_s: float = 7_200.0) -> str:
    return credit_exit(rule or CreditRule(), kept_frac=kept, best_frac=max(best, kept), left_s=left_s)


def test_of_a_credit_of_two_bought_back_at_half_three_quarters_are_kept() -> None:
    assert credit_kept_frac(2.0, 0.5) == 0.75
    assert credit_kept_frac(2.0, 5.0) == -1.5


def test_a_structure_is_left_at_its_target_and_at_its_stop() -> None:
    assert [why(kept=kept) for kept in (0.49, 0.5, -0.99, -1.0)] == ["", "target", "", "stop"]


def test_half_of_the_best_is_locked_in_once_a_quarter_was_made() -> None:
    assert why(kept=0.1, best=0.24) == ""
    assert why(kept=0.13, best=0.25) == ""
    assert why(kept=0.125, best=0.25) == "lock"
    assert why(kept=-0.2, best=0.4) == "lock"


def test_half_an_hour_before_they_settle_options_are_left_whatever_they_are_worth() -> None:
    assert why(kept=0.0, left_s=1_801) == ""
    assert why(kept=0.0, left_s=1_800) == "time"
    assert why(kept=float("nan"), left_s=60) == "time"


def test_the_worst_reason_comes_first() -> None:
    assert why(kept=-2.0, left_s=0) == "stop"
    assert why(kept=0.9, left_s=0) == "time"


def test_an_unknown_cost_and_rules_that_are_not_set_leave_nothing() -> None:
    assert why(kept=float("nan"), best=0.6) == ""
    none = CreditRule(target_frac=None, stop_frac=None, lock_from_frac=None, out_before_s=0)
    assert [why(none, kept=kept, best=0.9) for kept in (0.99, -5.0, 0.0)] == ["", "", ""]

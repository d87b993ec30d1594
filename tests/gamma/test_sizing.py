"""The chain: the first proposes, later ones only shrink, floors once, and keeps a trace."""

import math
from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma.errors import InputInvalid, InputMissing
from gamma.numeric import floor, maximum, minimum, namespace, ratio, scalar, where
from gamma.sizing import Sizer, chain_lots, fraction_lots, require, shrink, size, whole_lots
from gamma.views import View
from sizers.half_kelly import HalfKelly
from tests.sizers.sized import traded
from tests.views_example import example_view

VIEW = example_view()
ANY = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, 1.0, 2.0, math.nan, math.inf, -1.0])


class Says:
    """A sizer that answers what it is told to, and keeps what came in."""

    def __init__(self, lots: Any, **facts: Any) -> None:
        self.lots, self.facts = lots, facts
        self.came_in: list[float] = []

    def __call__(self, view: View, lots: Any) -> Any:  # noqa: ARG002 - a stub
        self.came_in.append(lots)
        return self.lots

    def explain(self, view: View, lots: float) -> Mapping[str, Any]:  # noqa: ARG002 - a stub
        return self.facts


class Raises:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self, view: View, lots: Any) -> Any:  # noqa: ARG002 - a stub
        raise self.error

    def explain(self, view: View, lots: float) -> Mapping[str, Any]:  # noqa: ARG002 - a stub
        raise self.error


def named(*sizers: Sizer) -> list[tuple[str, Sizer]]:
    return [(f"s{index}", sizer) for index, sizer in enumerate(sizers)]


def test_the_first_proposes_and_a_later_one_shrinks() -> None:
    found = size(named(Says(7.9), Says(4.2), Says(9.0)), VIEW)
    assert (found.lots, found.bound_by) == (4, "s1")
    assert [(s.lots_before, s.lots_after) for s in found.steps] == [(None, 7.9), (7.9, 4.2), (4.2, 4.2)]


def test_the_proposer_is_offered_no_end_of_lots_and_the_next_what_was_left() -> None:
    first, second = Says(7.9), Says(4.2)
    size(named(first, second), VIEW)
    assert (first.came_in, second.came_in) == ([math.inf], [7.9])


def test_lots_are_floored_once_at_the_end() -> None:
    assert size(named(Says(7.9), Says(2.9)), VIEW).lots == 2


def test_a_shrink_within_the_same_whole_lot_did_not_bind() -> None:
    assert size(named(Says(3.9), Says(3.1)), VIEW).bound_by == "s0"


@pytest.mark.parametrize("answer", [math.nan, math.inf, -math.inf, -3.0, 0.0])
def test_an_answer_that_is_no_size_is_none_at_all_and_has_a_reason(answer: float) -> None:
    for chain in (named(Says(answer)), named(Says(5.0), Says(answer))):
        found = size(chain, VIEW)
        assert (found.lots, found.bound_by, found.steps[-1].reason) == (0, chain[-1][0], "input_missing")


def test_after_nothing_nothing_needs_another_reason() -> None:
    found = size(named(Says(0.0, reason="no_edge"), Says(5.0)), VIEW)
    assert [s.reason for s in found.steps] == ["no_edge", "ok"]
    assert found.bound_by == "s0"


def test_an_empty_chain_proposes_nothing() -> None:
    found = size([], VIEW)
    assert (found.lots, found.steps, found.bound_by) == (0, (), "")
    assert chain_lots([], VIEW) == 0


def test_the_reason_and_the_facts_are_the_sizers() -> None:
    step = size(named(Says(2.0, budget_usd=500.0, reason="cap")), VIEW).steps[0]
    assert (step.reason, step.facts) == ("cap", {"budget_usd": 500.0})


def test_facts_are_plain_numbers_and_words() -> None:
    odd = Says(2.0, a=np.float32(1.5), b=np.int64(3), c=np.bool_(True), d=[1], e="word", f=None)
    facts = size(named(odd), VIEW).steps[0].facts
    assert facts == {"a": 1.5, "b": 3, "c": True, "d": "[1]", "e": "word", "f": "None"}
    assert [type(value) for value in facts.values()] == [float, int, bool, str, str, str]


def test_a_sizer_may_tell_of_a_halt() -> None:
    assert size(named(Says(2.0, halted=True), Says(1.0)), VIEW).halted
    assert not size(named(Says(2.0, halted=False)), VIEW).halted


@pytest.mark.parametrize(
    ("error", "reason", "invalid", "fault"),
    [
        (InputInvalid("balance = -1"), "input_invalid", "balance = -1", ""),
        (InputMissing("balance is unknown"), "input_missing", "balance is unknown", ""),
        (ZeroDivisionError("by zero"), "fault", "", "s1: ZeroDivisionError: by zero"),
    ],
)
def test_a_sizer_that_raises_gives_nothing_and_is_named(
    *, error: Exception, reason: str, invalid: str, fault: str
) -> None:
    never = Says(9.0)
    found = size(named(Says(5.0), Raises(error), never), VIEW)
    assert (found.lots, found.bound_by) == (0, "s1")
    assert (found.invalid, found.fault) == (invalid, fault)
    assert found.steps[-1].reason == reason
    assert found.steps[-1].facts == {"error": str(error) if invalid else fault}
    assert never.came_in == []


def test_a_proposer_that_raises_has_had_nothing_before_it() -> None:
    found = size(named(Raises(RuntimeError("no"))), VIEW)
    assert (found.lots, found.steps[0].lots_before, found.steps[0].lots_after) == (0, None, 0.0)


@pytest.mark.parametrize("answer", [None, "three", [1, 2], np.array([1.0, 2.0]), object()])
def test_an_answer_that_is_no_number_is_a_fault(answer: object) -> None:
    found = size(named(Says(answer)), VIEW)
    assert (found.lots, found.steps[0].reason) == (0, "fault")


@given(st.lists(ANY, min_size=1, max_size=6))
def test_no_later_answer_ever_raises_a_size(answers: list[float]) -> None:
    found = size(named(*map(Says, answers)), VIEW)
    lots = [math.inf, *(step.lots_after for step in found.steps)]
    assert all(0 <= after <= before for before, after in pairwise(lots))
    assert found.lots == chain_lots([Says(answer) for answer in answers], VIEW)
    usable = [answer for answer in answers if 0 < answer < math.inf]
    expected = whole_lots(min(usable)) if len(usable) == len(answers) else 0
    assert found.lots == expected


@given(ANY, st.floats(0, 1e9))
def test_shrinking_is_within_nothing_and_what_came_in(proposed: float, before: float) -> None:
    assert 0 <= shrink(before, proposed) <= before


@pytest.mark.parametrize(
    ("lots", "whole"),
    [
        (2.0, 2),
        (1.9999999999999998, 2),
        (2 - 1e-9, 2),
        (1.999999, 1),
        (1e6 - 1e-4, 1e6),
        (1e6 - 1e-2, 1e6 - 1),
        (0.999999, 0),
        (0.0, 0),
        (-0.5, 0),
        (math.nan, 0),
        (math.inf, 0),
        (-math.inf, 0),
    ],
)
def test_whole_lots_are_floored_with_a_billionth_of_tolerance(lots: float, whole: float) -> None:
    assert whole_lots(lots) == whole
    assert whole_lots(np.asarray([lots])).tolist() == [whole]


def test_numbers_of_half_the_digits_have_a_tolerance_of_their_own() -> None:
    assert whole_lots(np.float32(2 - 2e-6)) == 2
    assert whole_lots(np.asarray([2 - 2e-6, 2 - 1e-5], dtype=np.float32)).tolist() == [2, 1]


def _exact_cases() -> list[tuple[float, list[float], float, int]]:
    """Balance, trades, risk and lots, where balance * K / 2 / risk is exactly a whole number."""
    cases = []
    for wins, loss_tenths in ((w, tenths) for w in (4, 5, 6, 7) for tenths in range(300, 1_000, 10)):
        kelly = Fraction(wins * 1_000 - (10 - wins) * loss_tenths, 10 * 1_000)
        if kelly <= 0:
            continue
        for risk in (90, 125, 210, 250, 330, 900):
            for lots in (1, 2, 3, 5, 7, 11, 13):
                balance_cents = 100 * 2 * lots * risk / kelly
                if balance_cents.denominator == 1:
                    pnl = [100.0] * wins + [-loss_tenths / 10] * (10 - wins)
                    cases.append((balance_cents.numerator / 100, pnl, float(risk), lots))
    return cases


def test_at_exact_whole_lots_none_is_lost_where_plain_truncation_loses_many() -> None:
    cases, truncated = _exact_cases(), 0
    sizer = HalfKelly(starting_capital_usd=1.0, max_lots=1_000)
    for balance, pnl, risk, lots in cases:
        account = {"balance_usd": balance}
        view = traded(pnl, account=account, signal={"risk_usd_per_lot": risk})
        assert size([("half_kelly", sizer)], view).lots == lots
        less = traded(pnl, account={"balance_usd": balance - 0.01}, signal={"risk_usd_per_lot": risk})
        assert size([("half_kelly", sizer)], less).lots == max(1, lots - 1)
        win_frac, loss_frac, loss_mean = pnl.count(100.0) / 10, 1 - pnl.count(100.0) / 10, -pnl[-1]
        kelly = (win_frac * 100.0 - loss_frac * loss_mean) / 100.0
        truncated += int(balance * kelly / 2 / risk) < lots
    assert len(cases) > 200
    assert truncated / len(cases) > 0.05


@pytest.mark.parametrize(
    ("balance", "fraction", "risk", "lots"),
    [
        (20_000.0, 0.275, 250.0, 22.0),
        (20_000.0, -0.1, 250.0, -8.0),
        (math.nan, 0.1, 250.0, 0.0),
        (20_000.0, math.nan, 250.0, 0.0),
        (20_000.0, 0.1, 0.0, 0.0),
        (20_000.0, 0.1, math.inf, 0.0),
        (0.0, 0.1, 250.0, 0.0),
    ],
)
def test_lots_of_a_fraction(balance: float, fraction: float, risk: float, lots: float) -> None:
    assert fraction_lots(balance, fraction, risk) == pytest.approx(lots)


def test_what_is_required_is_refused_by_name_with_the_mend() -> None:
    require("a", 1.0, "mend it")
    require("a", 0.0, "mend it", least=0)
    with pytest.raises(InputMissing, match=r"a is unknown \(nan\): mend it"):
        require("a", math.nan, "mend it")
    with pytest.raises(InputInvalid, match="a = 0: must be above 0 and finite; mend it"):
        require("a", 0.0, "mend it")
    with pytest.raises(InputInvalid, match="a = inf: must be 0 or more and finite; mend it"):
        require("a", math.inf, "mend it", least=0)


@given(ANY, ANY)
def test_plain_numbers_and_arrays_have_the_same_arithmetic(a: float, b: float) -> None:
    for function in (minimum, maximum):
        assert np.array_equal(function(a, b), function(np.asarray([a]), np.asarray([b]))[0], equal_nan=True)
    assert np.array_equal(floor(a), floor(np.asarray([a]))[0], equal_nan=True)
    assert np.array_equal(where(a > b, a, b), where(np.asarray([a > b]), a, b)[0], equal_nan=True)


@pytest.mark.parametrize(
    ("part", "whole", "quotient"), [(1.0, 4.0, 0.25), (1.0, 0.0, 0.0), (1.0, -4.0, 0.0), (0.0, 0.0, 0.0)]
)
def test_a_ratio_to_nothing_is_nothing(part: float, whole: float, quotient: float) -> None:
    assert ratio(part, whole) == quotient
    assert ratio(np.asarray([part]), np.asarray([whole])).tolist() == [quotient]


def test_a_ratio_to_the_unknown_is_unknown() -> None:
    assert math.isnan(ratio(1.0, math.nan))
    assert np.isnan(ratio(np.asarray([1.0]), np.asarray([math.nan]))).all()


def test_a_namespace_is_that_of_the_first_array() -> None:
    assert namespace(1.0, 2).asarray([1.0]).tolist() == [1.0]
    assert namespace(1.0, np.zeros(2)) is namespace(np.zeros(2))
    assert scalar(np.float32(0.5)) == 0.5
    assert type(scalar(np.int64(2))) is int


@given(st.floats(max_value=1e300) | st.sampled_from([math.nan, math.inf]), st.floats(allow_nan=False))
def test_a_plain_number_is_floored_and_shrunk_as_one_in_an_array(lots: float, before: float) -> None:
    alone = np.array([lots])
    assert repr(float(whole_lots(alone)[0])) == repr(whole_lots(lots))
    assert whole_lots(1.7976931348623157e308) == math.inf
    assert repr(float(shrink(np.array([before]), alone)[0])) == repr(shrink(before, lots))

import math
from dataclasses import replace

import pytest

from gamma.sizing import chain_lots
from sizers.fixed import Fixed
from sizers.size_picker import SizePicker
from tests.picker.gold import SHA256, gold_view, judged
from tests.sizers.sized import facts, sized

SIZER = SizePicker(checkpoint="oracle", sha256=SHA256)


def test_it_takes_the_size_with_the_most_growth() -> None:
    told = facts(judged(gold_view()), SIZER)
    assert (told["chosen_lots"], told["chosen_oz"], told["reason"]) == (8.0, 1.2, "ok")
    assert (told["next_lots"], told["next_why"]) == (9.0, "less growth")
    assert told["growth_mean_frac"] == pytest.approx(2.4 * 0.001 - (2.4 * 0.02) ** 2 / 2)


@pytest.mark.parametrize(("ruin_max", "lots"), [(0.10, 30), (0.05, 26), (0.01, 20), (0.001, 15)])
def test_a_tighter_limit_is_a_smaller_size(ruin_max: float, lots: int) -> None:
    """A lot is worth 0.3 of equity: at 4.5 % of volatility 0.7 / (0.3 lots * 0.045) is 1.96 at 26.4 lots."""
    sizer = SIZER.model_copy(update={"ruin_max": ruin_max, "by": "return"})
    view = judged(gold_view(), sizer, vol_frac=0.045)
    told = facts(view, sizer)
    assert (told["chosen_lots"], told["reason"]) == (lots, "ok")
    assert told["ruin_prob_frac"] <= ruin_max  # type: ignore[operator]
    if lots < 30:
        assert str(told["next_why"]).startswith("ruin ")


def test_by_size_it_takes_the_largest_that_is_safe_whatever_it_earns() -> None:
    sizer = SIZER.model_copy(update={"by": "size", "ruin_max": 0.01})
    told = facts(judged(gold_view(), sizer, vol_frac=0.045, mean_frac=-0.01), sizer)
    assert (told["chosen_lots"], told["reason"]) == (20.0, "ok")
    assert told["growth_mean_frac"] < 0  # type: ignore[operator]
    none = facts(judged(gold_view(), sizer, vol_frac=5.0), sizer)
    assert (none["chosen_lots"], none["reason"]) == (0.0, "ruin_limit")


def test_of_few_sizes_that_margin_bears_it_takes_the_last_and_says_why_no_more() -> None:
    sizer = SIZER.model_copy(update={"by": "return"})
    told = facts(judged(gold_view(200.0), sizer), sizer)
    assert (told["chosen_lots"], told["next_why"]) == (13.0, "margin")


@pytest.mark.parametrize(
    ("card", "equity_usd", "reason"),
    [
        ({"vol_frac": 5.0}, 1_000.0, "ruin_limit"),
        ({"mean_frac": -0.001}, 1_000.0, "no_edge"),
        ({}, 14.0, "budget"),
    ],
)
def test_no_size_at_all_has_its_reason(card: dict[str, float], equity_usd: float, reason: str) -> None:
    sizer = SIZER.model_copy(update={"by": "return"})
    found = sized(judged(gold_view(equity_usd), sizer, **card), sizer)
    assert (found.lots, found.steps[0].reason) == (0, reason)


def test_a_conformal_bound_holds_beside_the_probability() -> None:
    view = judged(gold_view())
    assert view.curve is not None
    bounded = replace(view, curve=replace(view.curve, ruin_bound=0.02 * view.curve.lots))
    told = facts(bounded, SIZER)
    assert (told["chosen_lots"], told["ruin_bound_frac"], told["next_why"]) == (5.0, 0.1, "bound 12.00%")


def test_a_smaller_size_that_came_in_is_kept() -> None:
    found = sized(judged(gold_view()), Fixed(lots=3), SIZER)
    assert (found.lots, found.steps[1].reason) == (3, "cap")


def test_the_largest_size_has_no_next() -> None:
    sizer = SIZER.model_copy(update={"by": "return"})
    assert "next_lots" not in facts(judged(gold_view(), sizer), sizer)


@pytest.mark.parametrize(
    ("equity_usd", "price_points", "lots"),
    [
        (1_000.0, 2_000.0, 8),
        (1_000.01, 2_000.0, 8),
        (999.99, 2_000.0, 0),
        (1_000.0, 2_002.0, 8),
        (1_000.0, 2_002.1, 0),
        (1_000.0, 1_997.9, 0),
        (math.nan, 2_000.0, 0),
        (1_000.0, math.nan, 0),
    ],
)
def test_the_answer_holds_for_its_own_equity_and_price_alone(equity_usd: float, price_points: float, lots: int) -> None:
    then = judged(gold_view())
    now = replace(gold_view(equity_usd, price_points), curve=then.curve)
    found = sized(now, SIZER)
    assert (found.lots, found.steps[0].reason) == (lots, "ok" if lots else "curve_stale")


def test_an_answer_for_the_other_side_is_none() -> None:
    short = replace(gold_view(side=-1), curve=judged(gold_view()).curve)
    assert sized(short, SIZER).steps[0].reason == "curve_stale"


@pytest.mark.parametrize("other", [{"sha256": "1" * 64}, {"liquidation": "margin"}, {"left_frac": 0.5}])
def test_an_answer_of_another_picker_or_for_another_ruin_is_none(other: dict[str, object]) -> None:
    found = sized(judged(gold_view()), SIZER.model_copy(update=other))
    assert (found.lots, found.steps[0].reason) == (0, "model_unfit")


def test_where_no_picker_was_asked_there_are_no_lots() -> None:
    found = sized(gold_view(), SIZER)
    assert (found.lots, found.steps[0].reason) == (0, "input_missing")
    assert "no size picker was asked" in found.invalid
    assert chain_lots([SIZER], gold_view()) == 0


def test_what_is_not_gold_has_no_ounces() -> None:
    assert "chosen_oz" not in facts(judged(gold_view(market={"kind": 2})), SIZER)

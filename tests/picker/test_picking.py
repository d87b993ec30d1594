"""A size picker at work: what it is asked, what it answers, and what becomes of each of its faults."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gamma.codec import decode, encode
from gamma.picking import Picking
from gamma.reasons import Reason
from gamma.views import View
from sizers.floor_picker import FloorPicker
from sizers.size_picker import SizePicker
from tests.picker.gold import GOLD, HOUR_NS, SHA256, bar_at, gold_view, judged, picking_of
from tests.picker.oracle import CARD, Oracle
from tests.sizers.sized import facts, sized
from tests.views_example import NOW_UTC_NS, example_view

SIZER = SizePicker(checkpoint="oracle", sha256=SHA256)
NAN = float("nan")


def why(view: View) -> str:
    found = sized(view, SIZER)
    assert found.lots == 0
    return found.steps[0].reason


# The documented numbers of both readings of liquidation, at 1,000 usd, 2,000 usd an ounce and 4.5 ounces.


@pytest.mark.parametrize(
    ("liquidation", "level", "short_level"), [("equity", 1_844.444, 2_155.556), ("margin", 1_807.778, 2_192.222)]
)
def test_it_is_asked_where_each_size_is_liquidated(liquidation: Any, level: float, short_level: float) -> None:
    sizes = SizePicker(checkpoint="oracle", liquidation=liquidation).sizes(gold_view())
    assert (sizes.side, sizes.lots[30], sizes.leverage[30]) == (1, 30, 9.0)
    assert 2_000 * (1 - sizes.ruin_frac[30]) == pytest.approx(level, abs=5e-4)
    assert 2_000 * (1 + sizes.ruin_frac[30]) == pytest.approx(short_level, abs=5e-4)
    assert (sizes.leverage[0], sizes.ruin_frac[0]) == (0.0, np.inf)


@pytest.mark.parametrize(("equity_usd", "lots"), [(200.0, 13), (450.0, 30), (449.99, 29), (14.99, 0)])
def test_it_is_asked_for_no_size_that_margin_does_not_bear(equity_usd: float, lots: int) -> None:
    allowed = SIZER.sizes(gold_view(equity_usd)).allowed
    assert np.flatnonzero(allowed).tolist() == list(range(lots + 1))


def test_what_is_tied_up_already_is_not_to_be_had_again() -> None:
    view = gold_view(account={"cash_usd": 300.0, "pending_usd": 100.0})
    assert np.flatnonzero(SIZER.sizes(view).allowed)[-1] == 13


def test_it_is_asked_with_the_spread_as_quoted_or_else_as_costs_have_it() -> None:
    assert SIZER.sizes(gold_view()).spread_frac == pytest.approx(0.30 / 2_000)
    unquoted = gold_view(market={"bid_points": NAN, "ask_points": NAN, "cost_usd_per_lot": 0.06})
    assert SIZER.sizes(unquoted).spread_frac == pytest.approx(0.40 / 2_000)


def test_the_floor_ruins_a_size_after_the_room_over_what_a_point_is_worth() -> None:
    sizes = FloorPicker(checkpoint="oracle").sizes(example_view())
    assert sizes.lots.tolist() == list(range(13))
    assert sizes.ruin_frac[1] == 2_500 / (2 * 20_000)
    assert sizes.ruin_frac[10] == 2_500 / (10 * 2 * 20_000)


def test_of_very_many_sizes_some_are_left_out() -> None:
    lots = SIZER.sizes(gold_view(market={"lots_max": 1_000})).lots
    assert lots.tolist() == list(range(0, 1_001, 9))


def test_of_a_market_that_may_not_be_traded_there_is_no_size() -> None:
    assert SIZER.sizes(gold_view(market={"lots_max": 0})).lots.tolist() == [0.0]


# What it answers.


def test_what_it_answers_is_in_the_view_with_its_grounds() -> None:
    curve = picking_of(novelty=1.5).curve(gold_view())
    assert (curve.equity_usd, curve.price_points, curve.side, curve.novelty) == (1_000.0, 2_000.0, 1, 1.5)
    assert (curve.bar_age_s, curve.bar_s, curve.why, curve.calibration) == (0.0, 3600.0, "", "closed")
    assert (curve.ruin, curve.model_sha256) == ("equity at 0.3", SHA256)


def test_the_oracle_is_right_at_twenty_times() -> None:
    curve = judged(gold_view(450.0)).curve
    assert curve is not None
    assert curve.leverage[30] == 20.0
    assert curve.ruin_prob[30] == pytest.approx(0.0801, abs=5e-5)


def test_a_size_that_margin_does_not_bear_has_no_chances() -> None:
    curve = picking_of().curve(gold_view(200.0))
    for name in ("ruin_prob", "return_mean", "growth_mean"):
        assert np.isnan(getattr(curve, name)).tolist() == [False] * 14 + [True] * 17


def test_it_is_written_and_read_bit_for_bit() -> None:
    view = judged(gold_view(200.0))
    assert encode(decode(View, encode(view))) == encode(view)
    again = decode(View, encode(view))
    assert repr(sized(again, SIZER)) == repr(sized(view, SIZER))
    assert sized(again, SIZER).lots > 0


def test_nothing_of_it_can_be_changed_afterwards() -> None:
    curve = picking_of().curve(gold_view())
    for each in (curve.lots, curve.leverage, curve.ruin_frac, curve.ruin_prob, curve.growth_mean):
        assert not each.flags.writeable


# What goes wrong.


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        ({"fails": "raises"}, Reason.MODEL_FAILED),
        ({"fails": "nan"}, Reason.MODEL_FAILED),
        ({"vol_frac": -0.02}, Reason.MODEL_FAILED),
        ({"mean_frac": NAN}, Reason.MODEL_FAILED),
        ({"novelty": NAN}, Reason.MODEL_FAILED),
        ({"novelty": 3.01}, Reason.UNFAMILIAR),
        ({"bars_needed": 33}, Reason.WARMING_UP),
        ({"bar_s": 300}, Reason.MODEL_UNFIT),
    ],
)
def test_whatever_is_wrong_with_it_comes_to_no_lots_and_says_so(card: dict[str, Any], reason: Reason) -> None:
    assert why(judged(gold_view(), **card)) == reason


def test_a_fault_is_told_with_what_was_raised() -> None:
    told = facts(judged(gold_view(), fails="raises"), SIZER)
    assert told["told"] == "RuntimeError: out of memory"


def test_a_bound_that_is_none_is_a_fault() -> None:
    class Bounded(Oracle):
        def pick(self, sizes: Any) -> Any:
            found = super().pick(sizes)
            return replace(found, curve=replace(found.curve, ruin_bound=np.full(31, 1.5)))

    picking = Picking(Bounded(dict(CARD), bars_seen=32), SIZER, GOLD)
    assert picking.curve(gold_view()).why == Reason.MODEL_FAILED


def test_a_sizer_that_cannot_ask_comes_to_no_lots() -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            return getattr(SIZER, name)

        def sizes(self, _: View) -> Any:
            raise ZeroDivisionError("no sizes")

    curve = picking_of(Broken()).curve(gold_view())
    assert (curve.why, curve.told) == (Reason.MODEL_FAILED, "ZeroDivisionError: no sizes")
    assert curve.lots.tolist() == [0.0]


@pytest.mark.parametrize(
    "part",
    [
        {"account": {"equity_usd": NAN}},
        {"account": {"cash_usd": NAN}},
        {"market": {"price_points": NAN}},
    ],
)
def test_what_is_unknown_is_not_asked_about(part: dict[str, Any]) -> None:
    picking = picking_of()
    assert picking.curve(gold_view(**part)).why == Reason.INPUT_MISSING
    assert not picking.picker.asked  # type: ignore[attr-defined]


def test_without_a_floor_there_is_nothing_to_ask_about_the_floor() -> None:
    assert picking_of(FloorPicker(checkpoint="oracle")).curve(gold_view()).why == Reason.INPUT_MISSING


def test_no_side_is_no_signal() -> None:
    assert picking_of().curve(gold_view(side=0)).why == Reason.NO_SIGNAL


# What it sees.


def test_it_sees_each_bar_of_its_market_once() -> None:
    picking = picking_of()
    last = bar_at(NOW_UTC_NS)
    for bar in (last, bar_at(NOW_UTC_NS - HOUR_NS), bar_at(NOW_UTC_NS + HOUR_NS, symbol="MNQ"), bar_at(1, NAN)):
        picking.see(bar)
    assert picking.picker.bars_seen == 32
    picking.see(bar_at(NOW_UTC_NS + HOUR_NS))
    assert picking.picker.bars_seen == 33


def test_a_bar_of_another_length_closes_until_the_next_right_one() -> None:
    picking = picking_of()
    picking.see(bar_at(NOW_UTC_NS + HOUR_NS // 2, length_ns=HOUR_NS // 2))
    curve = picking.curve(gold_view())
    assert (curve.why, curve.told) == (Reason.MODEL_UNFIT, "a bar of 1800 s, and 3600 s are due")
    picking.see(bar_at(NOW_UTC_NS + HOUR_NS))
    assert not picking.curve(gold_view()).why


def test_a_picker_that_has_seen_no_bar_for_long_is_stale() -> None:
    later = gold_view(clock={"ts_event_utc_ns": NOW_UTC_NS + 2 * HOUR_NS + 1})
    assert why(judged(later)) == Reason.STALE_DATA
    in_time = gold_view(clock={"ts_event_utc_ns": NOW_UTC_NS + 2 * HOUR_NS})
    assert sized(judged(in_time), SIZER).lots > 0

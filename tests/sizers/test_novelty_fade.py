import math

import pytest

from sizers.fixed import Fixed
from sizers.novelty_fade import NoveltyFade
from tests.sizers.sized import facts, sized
from tests.views_example import example_view


@pytest.mark.parametrize(
    ("novelty", "lots", "reason"),
    [
        (0.0, 12, "ok"),
        (1.5, 12, "ok"),
        (2.0, 8, "cap"),
        (2.25, 6, "cap"),
        (2.99, 0, "cap"),
        (3.0, 0, "cap"),
        (9.0, 0, "cap"),
    ],
)
def test_twelve_lots_fade_from_one_and_a_half_on_and_are_gone_at_three(novelty: float, lots: int, reason: str) -> None:
    found = sized(example_view(signal={"novelty": novelty}), Fixed(lots=12), NoveltyFade())
    assert found.lots == lots
    assert found.steps[1].reason == reason


def test_a_signal_that_no_policy_made_gets_no_lots() -> None:
    found = sized(example_view(signal={"novelty": math.nan}), Fixed(lots=12), NoveltyFade())
    assert (found.lots, found.steps[1].reason) == (0, "input_missing")
    assert "signal.novelty" in found.invalid


def test_it_proposes_nothing() -> None:
    view = example_view(signal={"novelty": 1.0})
    assert sized(view, NoveltyFade()).lots == 0
    assert facts(view, NoveltyFade())["reason"] == "input_missing"


def test_the_share_is_told() -> None:
    told = facts(example_view(signal={"novelty": 2.0}), NoveltyFade(all_until=1.0, none_from=5.0), 12.0)
    assert told == {"novelty": 2.0, "share": 0.75, "reason": "cap"}


def test_it_must_end_above_where_it_begins() -> None:
    with pytest.raises(ValueError, match="none_from must be above all_until"):
        NoveltyFade(all_until=3.0, none_from=3.0)

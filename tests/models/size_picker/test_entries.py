from dataclasses import replace

import numpy as np
import pytest

from gamma.feeds.series import PRICES, Series
from models.size_picker.entries import NAMES, RULES, WARM_UP_BARS, Cuts, Rule, cut, highest, mean
from models.size_picker.form import BARS_MAX
from tests.models.size_picker.market_case import hours


def with_another_future(series: Series, first: int) -> Series:
    """The same bars up to `first`, and from there on those of later days in another order."""
    rows = np.arange(len(series))
    rows[first:] = np.random.default_rng(2).permutation(rows[first:])
    return replace(series, **{name: getattr(series, name)[rows] for name in PRICES})


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_what_a_rule_says_does_not_know_the_future(rule: Rule) -> None:
    series = hours()[0]
    first = len(series) // 2
    before, after = rule.stance(series), rule.stance(with_another_future(series, first))
    np.testing.assert_array_equal(before[:first], after[:first])
    assert not np.array_equal(before[first:], after[first:])


def test_entries_before_a_moment_do_not_know_what_comes_after_it() -> None:
    series = hours(weeks=20)[0]
    first = len(series) // 2

    def entered(of: Series) -> list[tuple[int, int, int]]:
        cuts = cut(of, np.random.default_rng(1))
        # Of a bar's open alone, nothing of the bar is known yet; chance looks at no bar at all.
        kept = (cuts.entry_bar <= first) & (cuts.rule < len(RULES))
        return list(zip(cuts.side[kept].tolist(), cuts.entry_bar[kept].tolist(), cuts.rule[kept].tolist(), strict=True))

    assert entered(series) == entered(with_another_future(series, first))
    assert len(entered(series)) > 50


def test_a_trade_lasts_at_least_one_bar_and_at_most_so_many_as_its_rule_lets_it() -> None:
    cuts = cut(hours(weeks=26)[0], np.random.default_rng(1))
    held = cuts.exit_bar - cuts.entry_bar
    most = np.array([*(rule.hold_max for rule in RULES), BARS_MAX])
    assert held.min() >= 1
    assert (held <= most[cuts.rule]).all()
    assert set(cuts.rule.tolist()) == set(range(len(NAMES)))
    assert cuts.entry_bar.min() >= WARM_UP_BARS
    assert set(cuts.side.tolist()) == {-1, 1}


def test_trades_of_one_rule_follow_one_another() -> None:
    cuts = cut(hours(weeks=26)[0], np.random.default_rng(1))
    for rule in range(len(RULES)):
        own = cuts.of(cuts.rule == rule)
        assert (own.entry_bar[1:] >= own.exit_bar[:-1]).all()


def test_a_breakout_is_bought_at_the_open_after_it() -> None:
    series = hours()[0]
    own = Cuts.joined([cut(series, np.random.default_rng(1), RULES[:1])])
    own = own.of(own.rule == 0)
    for side, entry in zip(own.side[:20].tolist(), own.entry_bar[:20].tolist(), strict=True):
        decided, before = series.close_points[entry - 1], slice(entry - 25, entry - 1)
        if side > 0:
            assert decided > series.high_points[before].max()
        else:
            assert decided < series.low_points[before].min()


def test_bars_too_few_for_any_rule_have_no_trades() -> None:
    for count in (1, 30, WARM_UP_BARS):
        assert len(cut(hours()[0].rows(slice(count)), np.random.default_rng(1))) == 0


def test_running_means_and_highs_are_those_of_their_windows() -> None:
    values = np.random.default_rng(1).standard_normal(100)
    windows = np.lib.stride_tricks.sliding_window_view(values, 7)
    np.testing.assert_array_equal(highest(values, 7)[6:], windows.max(axis=1))
    np.testing.assert_allclose(mean(values, 7)[6:], windows.mean(axis=1))
    assert np.isinf(highest(values, 7)[:6]).all()
    assert np.isnan(mean(values, 7)[:6]).all()

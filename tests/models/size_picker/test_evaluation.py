from dataclasses import replace

import numpy as np
import pytest

from gamma.errors import InputInvalid
from models.size_picker import conformal, evaluation, picture, rivals
from models.size_picker.evaluation import Entrant
from models.size_picker.samples import Days
from tests.models.size_picker.drawn import HOUR_NS, Known, Reckless, trades


def entrants(alpha: float) -> list[Entrant]:
    layer = conformal.over(Known(), trades(400, 9, drift=0.2))
    return [
        *evaluation.entrants(layer, alpha),
        *evaluation.rules(trades(1_000, 8, drift=0.2), alpha),
    ]


def test_every_entrant_is_judged_on_the_same_trades() -> None:
    drawn = trades(300, 1, drift=0.2)
    found = evaluation.judge("drawn", drawn, entrants(0.1), "known + conformal", 0.1)
    by_name = {row.name: row for row in found.rows}
    none, most, best = by_name["always 0"], by_name["always the most"], by_name["hindsight"]
    assert none.zero_frac == 1.0
    assert (none.growth_mean.value, none.ruin_rate.value) == (0.0, 0.0)
    assert most.ruin_rate.low < most.ruin_rate.value < most.ruin_rate.high
    assert best.growth_mean.value == max(row.growth_mean.value for row in found.rows)
    assert best.regret_hindsight == pytest.approx(0.0)
    fixed = by_name["best fixed leverage"]
    assert fixed.regret_hindsight == pytest.approx(best.growth_mean.value - fixed.growth_mean.value)
    assert fixed.regret_fixed == pytest.approx(0.0)
    assert by_name["MAE quantile"].regret_mae == pytest.approx(0.0)
    assert by_name["known"].brier < none.brier  # the law knows more than the base rate does
    assert {pair.other for pair in found.pairs} == set(by_name) - {"known + conformal", "hindsight"}
    assert set(found.reliability) == {"known"}


def test_a_difference_stands_beyond_its_interval_and_at_no_more_risk() -> None:
    drawn = trades(400, 1, drift=0.5)
    two = [
        Entrant(name="low", kind="rule", picker=replace(rivals.most(drawn.adverse_frac), limit=1.0)),
        Entrant(name="lower", kind="rule", picker=replace(rivals.most(drawn.adverse_frac), limit=0.3)),
        Entrant(name="most", kind="rule", picker=rivals.most(drawn.adverse_frac)),
    ]
    pairs = {pair.other: pair for pair in evaluation.judge("drawn", drawn, two, "low", 0.1).pairs}
    assert pairs["most"].ruin_rate < pairs["most"].ruin_rate_other
    assert pairs["lower"].ahead.low > 0.0
    assert pairs["lower"].stands  # neither was ever ruined
    assert not evaluation.judge("drawn", drawn, two, "lower", 0.1).pairs[0].stands


def test_an_interval_takes_clusters_of_days_for_what_they_are() -> None:
    days = Days.drawn(trades(2_400, 1))
    rng = np.random.default_rng(1)
    alone = evaluation.interval(rng.normal(size=2_400), days)
    of_a_month = np.repeat(rng.normal(size=4), 600)  # 25 days each
    together = evaluation.interval(of_a_month, days)
    assert together.high - together.low > 3 * (alone.high - alone.low)
    assert alone.low < alone.value < alone.high


def test_the_rule_of_the_same_rate_is_liquidated_no_more_often_and_the_next_bolder_one_is() -> None:
    train, drawn = trades(500, 8), trades(1_000, 1)
    found = evaluation.matched(train, drawn, 0.05)
    assert isinstance(found.picker, rivals.Rule)
    bolder = replace(found.picker, limit=found.picker.limit + rivals.LEVERAGE_STEP)
    rates = [np.mean(evaluation.took(drawn, rivals.taken(rule, drawn)).ruined) for rule in (found.picker, bolder)]
    assert rates[0] <= 0.05 < rates[1]


def test_trades_that_began_before_training_ended_are_purged() -> None:
    drawn = trades(100, 1)
    assert len(evaluation.later(drawn, 59 * HOUR_NS)) == 40


def test_a_size_beyond_leverage_weights_and_no_trades_are_refused() -> None:
    drawn = trades(50, 1)
    with pytest.raises(InputInvalid, match="lots were picked, which its leverage does not allow"):
        evaluation.took(drawn, np.full(50, 30))
    for wrong in (drawn.of(slice(0)), replace(drawn, weights=np.arange(50.0))):
        with pytest.raises(InputInvalid, match="natural mix"):
            evaluation.judge("drawn", wrong, [], "", 0.1)


def test_the_picture_is_a_png_and_the_same_each_time() -> None:
    drawn = trades(100, 1)
    layer = conformal.over(Reckless(), trades(200, 9))
    both = [*evaluation.entrants(layer, 0.1), *evaluation.rules(trades(200, 8), 0.1)]
    found = [evaluation.judge("drawn", drawn, both, "reckless + conformal", 0.1)]
    assert picture.draw(found).startswith(b"\x89PNG")
    assert picture.draw(found) == picture.draw(found)

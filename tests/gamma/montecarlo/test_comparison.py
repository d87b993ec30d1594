"""Every installed sizer is compared, or it is said why not; the differences are taken path by path."""

import math
from dataclasses import replace

import numpy as np
import pytest

from gamma import plugins
from gamma.errors import InputInvalid
from gamma.montecarlo.comparison import LIMITS_ONLY, candidates, compare
from gamma.montecarlo.simulation import Ask
from sizers.contract_cap import ContractCap
from sizers.fixed import Fixed
from tests.gamma.montecarlo.case import account, chance_stream

CAP = (("contract_cap", ContractCap()),)
ASK = Ask(paths=50, trades=40, block=4.0, seed=1)


def test_each_installed_sizer_is_a_candidate_or_has_a_reason() -> None:
    able, unable = candidates(chance_stream(), account("none"), {}, CAP)
    assert set(able) | set(unable) == set(plugins.find(plugins.SIZERS))
    assert not set(able) & set(unable)
    assert set(able) == {
        "bayes_kelly",
        "bounded_kelly",
        "fixed",
        "floor_room",
        "half_kelly",
        "risk_constrained_kelly",
        "risk_frac",
        "shrunk_kelly",
    }
    assert {name for name, why in unable.items() if why == LIMITS_ONLY} == {
        "cash_buffer",
        "concentration_cap",
        "contract_cap",
        "order_value_cap",
        "position_cap",
    }
    assert unable["atr_risk"] == "market.atr_points is not known of these trades"
    assert unable["novelty_fade"] == "signal.novelty is not known of these trades"


def test_without_a_floor_there_is_no_room_above_it() -> None:
    able, unable = candidates(chance_stream(), account(""), {}, CAP)
    assert "floor_room" not in able
    assert unable["floor_room"] == "account.floor_usd is not known of these trades"


def test_what_a_ledger_saw_makes_a_sizer_able() -> None:
    stream = chance_stream()
    seen = replace(stream, scene=replace(stream.scene, market=replace(stream.scene.market, atr_points=40.0)))
    assert "atr_risk" in candidates(seen, account("none"), {}, CAP)[0]


def test_a_section_gives_the_parameters_and_the_cap_follows() -> None:
    able, _ = candidates(chance_stream(), account(""), {"fixed": {"lots": 7}}, CAP)
    assert able["fixed"] == (("fixed", Fixed(lots=7)), *CAP)


def test_a_section_that_is_wrong_is_a_reason() -> None:
    _, unable = candidates(chance_stream(), account(""), {"fixed": {"lots": 0}}, CAP)
    assert "lots" in unable["fixed"]


def test_two_sizes_of_one_sizer_differ_by_their_sizes_alone() -> None:
    stream, where = chance_stream(win_prob=0.6), account("", start_usd=100_000)
    found = compare(stream, where, {str(n): [("fixed", Fixed(lots=n))] for n in (1, 2)}, ASK, "1")
    one, two = sorted(found.rows, key=lambda row: row.name)
    assert (one.ahead.mean, one.ahead.low, one.ahead.high, one.better.prob) == (0, 0, 0, 0)
    assert two.realised_usd - 100_000 == pytest.approx(2 * (one.realised_usd - 100_000))
    assert two.realised_drawdown_usd == pytest.approx(2 * one.realised_drawdown_usd)
    assert (one.lots_mean, two.lots_mean) == (1.0, 2.0)
    # On a path that wins, two lots win more; on one that loses, they lose more.
    assert two.better.prob == found.better_prob["2"]["1"]
    assert found.better_prob["1"]["2"] == pytest.approx(1 - two.better.prob)
    assert two.ahead.low <= two.ahead.mean <= two.ahead.high
    assert two.growth.mean - one.growth.mean == pytest.approx(two.ahead.mean)
    assert found.rows[0].growth.mean >= found.rows[1].growth.mean


def test_a_sizer_that_loses_all_grows_by_minus_infinity_and_is_last() -> None:
    chains = {str(n): [("fixed", Fixed(lots=n))] for n in (1, 500)}
    found = compare(chance_stream(win_prob=0.3), account(""), chains, ASK, "500")
    assert [row.name for row in found.rows] == ["1", "500"]
    assert found.rows[1].growth.mean == -math.inf
    assert found.rows[1].ruin.prob > 0.7
    assert not np.isnan(found.rows[1].ahead.mean)


def test_what_cannot_be_compared_against_is_refused() -> None:
    with pytest.raises(InputInvalid, match="half_kelly is not among"):
        compare(chance_stream(), account(""), {"fixed": [("fixed", Fixed(lots=1))]}, ASK, "half_kelly")

"""PBO: against plain loops, and on sweeps of which the answer is known."""

import math
from itertools import combinations

import numpy as np
import pytest

from gamma import stats
from gamma.errors import InputInvalid
from gamma.stats import Floats


def loops(x: Floats, blocks: int) -> tuple[list[float], list[tuple[float, float]]]:
    """CSCV as the paper's steps have it: cut, put halves together, choose, rank."""
    parts = np.split(x[len(x) % blocks :], blocks)
    logits, pairs = [], []
    for chosen in combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[n] for n in chosen])
        outside = np.concatenate([parts[n] for n in range(blocks) if n not in chosen])
        sharpe = [stats.sharpe_per_period(column) for column in inside.T]
        best = int(np.argmax(sharpe))
        there = [stats.sharpe_per_period(column) for column in outside.T]
        rank = sorted(there).index(there[best]) + 1
        share = rank / (x.shape[1] + 1)
        logits.append(math.log(share / (1 - share)))
        pairs.append((sharpe[best], there[best]))
    return logits, pairs


def test_it_is_what_plain_loops_make_of_it() -> None:
    x = np.random.default_rng(4).normal(0.01, 1.0, (75, 7))
    logits, pairs = loops(x, 8)
    found = stats.overfitting(x, 8)
    assert found.logits.tolist() == pytest.approx(logits)
    assert found.probability == np.mean(np.array(logits) <= 0)
    assert found.loss_probability == np.mean([out < 0 for _, out in pairs])
    assert found.slope == pytest.approx(np.polyfit(*zip(*pairs, strict=True), 1)[0])  # type: ignore[call-overload]


def test_one_that_is_really_better_is_no_overfitting() -> None:
    x = np.random.default_rng(5).normal(0.0, 1.0, (480, 20))
    x[:, 3] += 0.5
    found = stats.overfitting(x)
    assert len(found.logits) == math.comb(16, 8) == 12_870
    assert found.probability < 0.001
    assert found.loss_probability < 0.001


def test_the_best_of_many_without_skill_is_as_likely_as_not_below_the_middle() -> None:
    found = [
        stats.overfitting(np.random.default_rng(seed).normal(0.0, 1.0, (320, 30)), 8).probability for seed in range(300)
    ]
    assert np.mean(found) == pytest.approx(0.5, abs=0.04)


def test_what_won_in_one_half_and_loses_in_the_other_is_all_overfitting() -> None:
    # Each try gains in one block alone and loses in all others.
    x = np.random.default_rng(6).normal(-0.2, 0.01, (160, 16))
    for n in range(16):
        x[10 * n : 10 * n + 10, n] += 1.0
    found = stats.overfitting(x)
    assert found.probability == 1.0
    assert found.loss_probability == 1.0


def test_tries_that_do_nothing_share_the_middle_and_do_not_count_as_good() -> None:
    found = stats.overfitting(np.zeros((32, 3)))
    assert found.probability == 1.0
    assert found.logits.tolist() == pytest.approx([0.0] * 12_870)
    idle = np.random.default_rng(7).normal(1.0, 1.0, (64, 2))
    idle[:, 0] = 0.0
    assert stats.overfitting(idle).probability == 0.0, "the other one gains in every half"


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(8).normal(0.0, 1.0, (64, 6))
    whole = stats.overfitting(x, 8)
    monkeypatch.setattr("gamma.stats.selection._ROOM", 11)
    assert stats.overfitting(x, 8).logits.tolist() == whole.logits.tolist()


def test_one_try_has_nothing_to_be_chosen_from() -> None:
    found = stats.overfitting(np.zeros((32, 1)))
    assert math.isnan(found.probability)
    assert len(found.logits) == 0


@pytest.mark.parametrize(
    ("rows", "blocks", "why"),
    [(32, 7, "blocks = 7"), (31, 16, "31 sessions for 16 blocks"), (32, 0, "blocks = 0")],
)
def test_what_cannot_be_halved_is_refused(rows: int, blocks: int, why: str) -> None:
    with pytest.raises(InputInvalid, match=why):
        stats.overfitting(np.zeros((rows, 2)), blocks)


def test_a_return_that_is_no_number_is_named_by_its_place() -> None:
    x = np.zeros((32, 3))
    x[4, 2] = math.nan
    with pytest.raises(InputInvalid, match="session 4 of try 2 returned nan"):
        stats.overfitting(x)
    with pytest.raises(InputInvalid, match="1 dimensions"):
        stats.overfitting(np.zeros(32))

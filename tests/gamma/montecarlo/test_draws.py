"""Which trades are drawn: evenly, in blocks of the length asked for, and at the win rate of the path."""

from typing import Any, cast

import numpy as np
import pytest

from gamma.errors import InputInvalid
from gamma.montecarlo.chains import setting_of
from gamma.montecarlo.draws import mixed, path_salts, step_salts
from gamma.montecarlo.simulation import Ask, Simulated, plain
from gamma.montecarlo.stream import stream_of
from gamma.stats import Ints
from sizers.fixed import Fixed
from tests.gamma.montecarlo.case import MNQ, account, chance_stream, trade

CHAIN = [("fixed", Fixed(lots=1))]


def drawn(**how: Any) -> Ints:
    found = played(**how).trade
    assert found is not None
    return found


def played(count: int = 50, uncertain: bool = False, **how: Any) -> Simulated:
    ask = Ask(paths=2_000, trades=200, uncertain=uncertain, **how)
    return plain(setting_of(chance_stream(count), account(""), CHAIN, uncertain=uncertain), ask)


def test_the_hash_is_that_of_its_source() -> None:
    # lowbias32 of Wellons, of 1 and of all bits, worked out by its C source.
    def by_hand(x: int) -> int:
        x = (x ^ (x >> 16)) * 0x7FEB352D & 0xFFFFFFFF
        x = (x ^ (x >> 15)) * 0x846CA68B & 0xFFFFFFFF
        return x ^ (x >> 16)

    values = np.array([0, 1, 12_345, 0xFFFFFFFF], dtype=np.uint32)
    assert mixed(values).tolist() == [by_hand(int(value)) for value in values]


def test_no_two_paths_and_no_two_steps_share_their_salts() -> None:
    assert len(np.unique(path_salts(0, 100_000))) == 100_000
    assert len(np.unique(step_salts(10_000))) == 40_000
    assert not np.intersect1d(path_salts(0, 1_000), path_salts(1, 1_000)).size
    assert path_salts(2**33 + 1, 3).tolist() != path_salts(1, 3).tolist()


def test_independent_draws_take_every_trade_as_often() -> None:
    counts = np.bincount(drawn(seed=4).ravel(), minlength=50)
    # 400,000 draws of 50: chi-square of 49 degrees has a standard deviation of 9.9.
    assert float(((counts - 8_000) ** 2 / 8_000).sum()) < 49 + 5 * 9.9


def test_independent_draws_know_nothing_of_the_one_before() -> None:
    found = drawn(seed=5)
    followed = np.mean(found[1:] == (found[:-1] + 1) % 50)
    assert abs(followed - 1 / 50) < 5 * np.sqrt(0.02 * 0.98 / 398_000)


@pytest.mark.parametrize("block", [2.0, 8.0])
def test_blocks_last_as_long_in_the_mean_as_asked_and_go_round_the_end(block: float) -> None:
    found = drawn(seed=6, block=block)
    follows = found[1:] == (found[:-1] + 1) % 50
    # A block goes on with probability 1 - 1/L; a new one follows by chance once in fifty.
    expected = 1 - 1 / block + 1 / block / 50
    assert abs(follows.mean() - expected) < 0.005
    assert bool(np.any(follows & (found[1:] == 0)))
    assert len(np.unique(found[0])) == 50


def test_the_win_rate_of_a_path_is_one_of_its_posterior() -> None:
    stream = chance_stream(50)
    won = stream.pnl_microusd > 0
    rates = np.mean(won[drawn(seed=7, uncertain=True)], axis=0)
    wins = int(won.sum())
    a, b = 1 + wins, 51 - wins
    # Of Beta(a, b), and of 200 draws at each rate.
    mean, variance = a / (a + b), a * b / (a + b) ** 2 / (a + b + 1)
    counted = mean * (1 - mean) / 200
    assert abs(rates.mean() - mean) < 5 * np.sqrt(variance / 2_000)
    assert abs(rates.var() / (variance + counted) - 1) < 0.2


def test_a_drawn_win_rate_keeps_blocks_together() -> None:
    found = drawn(seed=8, uncertain=True, block=20.0)
    assert np.mean(found[1:] == (found[:-1] + 1) % 50) > 0.6


def test_a_win_rate_cannot_be_drawn_where_all_won() -> None:
    stream = stream_of([trade(i, 50.0) for i in range(12)], MNQ)
    with pytest.raises(InputInvalid, match="12 of 12 trades won"):
        plain(setting_of(stream, account(""), CHAIN, uncertain=True), Ask(paths=2, trades=3, uncertain=True))


@pytest.mark.parametrize(
    ("field", "value"), [("paths", 0), ("trades", 0), ("block", 0.5), ("seed", -1), ("paths", 10**7)]
)
def test_a_question_that_makes_no_sense_is_refused(field: str, value: float) -> None:
    with pytest.raises(InputInvalid, match=field):
        Ask(**cast("dict[str, Any]", {"paths": 10, "trades": 10, field: value}))


def test_too_much_at_once_is_refused() -> None:
    with pytest.raises(InputInvalid, match="too many"):
        Ask(paths=1_000_000, trades=10_000)

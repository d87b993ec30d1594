from dataclasses import dataclass, replace

import numpy as np
import pytest

from gamma.curves import SizeCurve
from models.size_picker import drift, form
from models.size_picker.drift import Drift
from models.size_picker.form import Floats, Shown, Trades
from tests.models.size_picker.drawn import Known, trades


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Expecting:
    """A model that expects so much of each trade's move."""

    moves: Floats
    name: str = "expecting"

    def curve(self, shown: Shown) -> SizeCurve:
        worth = np.where(shown.allowed, shown.leverage * self.moves[:, None], np.nan)
        return replace(Known().curve(shown), return_mean=worth, growth_mean=worth)


def moved(count: int, moves: Floats) -> Trades:
    drawn = trades(count, 1)
    return replace(drawn, move_frac=moves + 0.01 * np.random.default_rng(2).standard_normal(count))


def test_what_is_borne_out_is_trusted() -> None:
    moves = 0.01 * np.random.default_rng(1).standard_normal(3_000)
    found = drift.fit(Expecting(moves=moves), moved(3_000, moves))
    assert found.trust > 0.9
    assert found.mean_frac == pytest.approx(moves.mean())


def test_what_is_chance_is_not() -> None:
    moves = 0.01 * np.random.default_rng(1).standard_normal(3_000)
    assert drift.fit(Expecting(moves=moves), moved(3_000, np.zeros(3_000))).trust == 0.0


def test_a_model_that_expects_the_same_of_all_stays_as_it_is() -> None:
    found = drift.fit(Expecting(moves=np.full(300, 0.001)), moved(300, np.zeros(300)))
    assert found.mean_frac == pytest.approx(0.001)
    assert found.trust == 0.0


def test_without_trust_every_trade_is_expected_to_move_as_the_mean() -> None:
    shown = form.shown(trades(200, 1))
    moves = 0.01 * np.random.default_rng(1).standard_normal(200)
    curve = Expecting(moves=moves).curve(shown)
    found = Drift(mean_frac=0.002, trust=0.0)(curve, shown)
    lives = 1.0 - curve.ruin_prob
    due = curve.return_mean + lives * shown.leverage * (0.002 - moves)[:, None]
    assert found.return_mean == pytest.approx(due, nan_ok=True)
    assert found.ruin_prob is curve.ruin_prob
    assert Drift(mean_frac=0.002, trust=1.0)(curve, shown).growth_mean == pytest.approx(curve.growth_mean, nan_ok=True)

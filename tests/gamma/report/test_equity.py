"""The picture of equity: what is drawn is what was measured."""

from pathlib import Path

import numpy as np
import pytest

from gamma.floor import FloorRule, TrailsOn
from gamma.history.figures import deepest
from gamma.report import equity
from gamma.report.subject import Floor
from tests.gamma.report.case import subject


def test_the_path_falls_as_deep_as_the_figure_says(tmp_path: Path) -> None:
    told = subject(tmp_path).history
    path = equity.path_of(told)
    assert path.fall_usd.max() == deepest(told).depth_usd
    assert path.close_usd[0] == 50_000.0
    assert path.close_usd[-1] == told.end_usd
    assert np.all(np.diff(path.ts_utc_ns) >= 0)


def test_a_thinned_path_keeps_its_extremes_and_its_end(tmp_path: Path) -> None:
    path = equity.path_of(subject(tmp_path).history)
    few = equity.thinned(path, 40)
    assert len(few.ts_utc_ns) <= 40 < len(path.ts_utc_ns)
    assert few.high_usd.max() == path.high_usd.max()
    assert few.low_usd.min() == path.low_usd.min()
    assert few.fall_usd.max() == path.fall_usd.max()
    assert few.close_usd[-1] == path.close_usd[-1]


def test_equity_stands_still_where_nothing_was_held(tmp_path: Path) -> None:
    path = equity.path_of(subject(tmp_path).history)
    still = equity.carried(path, 200)
    added = np.flatnonzero(~np.isin(still.ts_utc_ns, path.ts_utc_ns))
    assert len(added) > 10
    assert np.array_equal(still.close_usd[added], still.close_usd[added - 1])
    assert np.array_equal(added[1::2], added[::2] + 1)
    assert np.array_equal(still.high_usd[added], still.low_usd[added])
    assert np.all(np.diff(still.ts_utc_ns) >= 0)
    assert still.fall_usd.max() == path.fall_usd.max()


def test_the_floor_follows_the_highest_equity_and_never_falls(tmp_path: Path) -> None:
    told = subject(tmp_path).history
    rule = FloorRule(drawdown_microusd=2_000_000_000, trails_on=TrailsOn.INTRADAY)
    path = equity.path_of(told, Floor(name="made", rule=rule, start_usd=50_000.0))
    assert path.floor_usd[0] == 48_000.0
    assert np.all(np.diff(path.floor_usd) >= 0)
    assert path.floor_usd[-1] == pytest.approx(told.high_usd.max() - 2_000.0)


def test_without_a_profile_there_is_no_floor(tmp_path: Path) -> None:
    assert np.isnan(equity.path_of(subject(tmp_path).history).floor_usd).all()

"""What is looked at in columns before a search: session returns as the engine has them, and every setting counted."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gamma import stats
from gamma.config import Config, load
from gamma.feeds.series import Series
from gamma.rehearsal import tuning
from gamma.rehearsal.open_loop import reckon, rule_of
from gamma.rehearsal.play import rehearse
from gamma.rehearsal.prescreen import prescreened, session_returns
from gamma.rehearsal.promotion import Held
from gamma.rehearsal.registry import Span
from gamma.rehearsal.space import Setting, parse
from gamma.rehearsal.tuning import Search, search
from tests.gamma.feeds.series_case import simulated
from tests.gamma.rehearsal.test_open_loop import config_of

SERIES = simulated("MNQ", "2026-03-02", "2026-03-05", bar_s=300)


def held(series: Series) -> Held:
    return Held(span=Span(market="MNQ", first="2026-03-02", last="2026-03-05"), series=series, name="sim", sha256="0")


@pytest.mark.parametrize(
    "signal", ["entry_bars = 4, stop_atr = 0.8, target_r = 2.0", "entry_bars = 10, stop_atr = 2.0"]
)
def test_session_returns_are_the_engines(tmp_path: Path, signal: str) -> None:
    config = config_of(tmp_path, signal)
    (found,) = reckon(SERIES, [rule_of(config, "one")])
    played = rehearse(config, "one", SERIES).history
    mine = session_returns(SERIES, found)
    whole = slice(0, -1)  # at the end a trade may be open that never ended
    assert len(mine) == len(played.session_returns)
    assert np.allclose(mine[whole], played.session_returns[whole], rtol=0, atol=1e-12)


def test_a_search_begins_with_the_best_of_what_was_looked_at(tmp_path: Path) -> None:
    config_of(tmp_path, "entry_bars = 4, stop_atr = 1.0, target_r = 2.0")
    counted: list[str] = []

    def configured(settings: Mapping[str, Setting]) -> Config:
        return load(tmp_path / "config.toml", {}, dict(settings))

    plan = Search(
        configured=configured,
        strategy="one",
        varies=(parse("strategies.one.signal.entry_bars=3:20"), parse("strategies.one.signal.stop_atr=0.5:2.0:log")),
        folds=(held(SERIES),),
        trials=2,
        storage=f"sqlite:///{tmp_path}/tune.db",
        prune=False,
        counted=counted.extend,
    )
    begun = prescreened(plan, 30)
    assert begun.first == prescreened(plan, 30).first
    assert len(set(counted)) == 30
    study = search(begun)
    assert [one.params for one in tuning.ended(study)] == [dict(one) for one in begun.first]
    ranked = prescreened(replace(plan, trials=30), 30).first
    rules = [rule_of(configured(one), "one") for one in ranked]
    sharpe = [stats.moments(session_returns(SERIES, one)).sharpe for one in reckon(SERIES, rules)]
    assert sharpe == sorted(sharpe, reverse=True)
    assert ranked[:2] == begun.first

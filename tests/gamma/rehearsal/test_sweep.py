"""A sweep as a file, and what its best is worth."""

import math
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from gamma import stats
from gamma.cli import app
from gamma.errors import InputInvalid
from gamma.rehearsal.sweep import Sweep, judged, of_histories, overfitting_prob, read, write
from tests.gamma.rehearsal.test_figures import played

NOISE = Sweep(
    names=("a", "b", "c"),
    sessions=tuple(str(n) for n in range(64)),
    returns=np.random.default_rng(1).normal(0.0, 0.01, (64, 3)),
)


def test_what_is_written_is_read_bit_for_bit(tmp_path: Path) -> None:
    write(NOISE, tmp_path / "sweep.csv")
    found = read(tmp_path / "sweep.csv")
    assert (found.names, found.sessions) == (NOISE.names, NOISE.sessions)
    assert (found.returns == NOISE.returns).all()


def test_sessions_need_no_names(tmp_path: Path) -> None:
    (tmp_path / "sweep.csv").write_text("a,b\n0.1,0.2\n-0.1,0\n")
    found = read(tmp_path / "sweep.csv")
    assert (found.names, found.sessions, found.returns.tolist()) == (("a", "b"), ("0", "1"), [[0.1, 0.2], [-0.1, 0.0]])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no table"),
        ("session,a\nx,0.1\n", "1 tries"),
        ("a,b\n0.1\n", "line 2 has 1 cells"),
        ("a,b\n0.1,0.2\n0.1,nan\n", "line 3 has 'nan'"),
        ("a,b\n0.1,one\n", "line 2 has 'one'"),
    ],
)
def test_what_is_no_sweep_is_refused_by_its_line(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "sweep.csv").write_text(text)
    with pytest.raises(InputInvalid, match=why):
        read(tmp_path / "sweep.csv")


def test_the_best_is_deflated_by_all_that_was_tried() -> None:
    best, figures = judged(NOISE, trials=500)
    found = {one.name: one.value for one in figures}
    assert best == NOISE.names[int(np.argmax([stats.sharpe_per_period(column) for column in NOISE.returns.T]))]
    assert found["overfitting_prob"] == stats.overfitting(NOISE.returns).probability
    assert (found["tries"], found["trials"], found["sessions"]) == (3, 500, 64)
    assert found["best_dsr_prob"] < {one.name: one.value for one in judged(NOISE, trials=0)[1]}["best_dsr_prob"]


def test_histories_stand_side_by_side_span_after_span() -> None:
    spans = [played(50_500.0, 50_000.0).history, played(51_000.0).history]
    found = of_histories({"a": spans, "b": spans})
    assert (found.names, found.sessions) == (("a", "b"), ("0", "1", "0"))
    assert found.returns == pytest.approx(np.array([[0.01, 0.01], [-0.01, -0.01], [0.02, 0.02]]))
    assert math.isnan(overfitting_prob(found)), "three sessions have no halves to speak of"
    assert overfitting_prob(NOISE) == stats.overfitting(NOISE.returns).probability


def test_tries_that_never_traded_have_no_best() -> None:
    idle = Sweep(names=("a", "b"), sessions=NOISE.sessions, returns=np.zeros((64, 2)))
    with pytest.raises(InputInvalid, match="no try has a Sharpe ratio"):
        judged(idle, 0)


def test_the_command_says_how_often_the_best_disappointed() -> None:
    result = CliRunner().invoke(app, ["evaluate", "overfitting", "docs/examples/sweep.csv"])
    assert result.exit_code == 0, result.output
    assert "8 tries over 126 sessions; the best is entry_bars=" in result.stdout
    assert "stood in the lower half" in result.stdout

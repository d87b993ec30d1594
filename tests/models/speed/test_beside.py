"""What stands beside ours in the benchmark, where it cannot be run."""

import sys

import pytest

from models.speed import beside


@pytest.mark.slow
def test_what_is_not_installed_is_not_measured_and_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(beside.PYTHON, sys.executable)
    with pytest.raises(beside.NotMeasured, match=r"Stable-Baselines3 did not run: .*No module named 'gymnasium'"):
        beside.stable_baselines()
    monkeypatch.setenv(beside.PYTHON, "/no/such/python")
    with pytest.raises(beside.NotMeasured, match="No such file"):
        beside.stable_baselines()

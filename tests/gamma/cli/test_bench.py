"""`gamma bench`: it measures, and tells it."""

import json

import pytest
from typer.testing import CliRunner

from gamma.cli import app


@pytest.mark.slow
def test_the_environment_is_timed() -> None:
    result = CliRunner().invoke(app, ["bench", "train", "--only", "env256", "--rounds", "1", "--json"])
    figure, meanwhile = json.loads(result.output)
    assert figure["what"] == "environment and sizer chain, 256 environments"
    assert figure["steps_per_s"] > 0
    assert meanwhile["beside"].endswith("cores")


def test_what_cannot_be_timed_is_said() -> None:
    result = CliRunner().invoke(app, ["bench", "train", "--only", "nothing"])
    assert result.exit_code == 1
    assert "--only nothing" in result.output + str(result.exception)

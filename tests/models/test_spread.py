"""Training spread over devices."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.models.corridor import BEST

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_two_devices_learn_together_and_go_on_as_they_went_bit_for_bit() -> None:
    given = [sys.executable, "-m", "tests.models.spread_case"]
    done = subprocess.run(given, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["devices"] == 2
    assert min(told["rewards"]) > 0.95 * BEST
    assert told["same"]

"""Stable-Baselines3 beside ours: installed into a throw-away environment, or run by a Python that has it."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from models.futures.tape import MAY_START
from models.speed import case

PYTHON: Final = "GAMMA_BENCH_PYTHON"
NEEDED: Final = ("stable-baselines3", "gymnasium")
LIMIT_S: Final = 1_800


class NotMeasured(Exception):
    """It could not be run; the sentence says why."""


def stable_baselines() -> Mapping[str, float]:
    """Steps a second of its PPO, by name of the row.

    Raises: NotMeasured.
    """
    with tempfile.TemporaryDirectory() as folder:
        python = os.environ.get(PYTHON) or _installed(Path(folder) / "environment")
        tape = case.tape()
        starts = (tape.flags & MAY_START != 0).nonzero()[0]
        file = Path(folder) / "tape.npz"
        np.savez(file, ticks=tape.ticks, seen=tape.seen, atr_points=tape.atr_points, flags=tape.flags, starts=starts)
        program = Path(__file__).with_name("stable_baselines.py")
        told = _run("Stable-Baselines3 did not run", python, "-P", str(program), str(file))
    return {str(name): float(value) for name, value in json.loads(told).items()}


def _installed(folder: Path) -> str:
    _run("no environment could be made for Stable-Baselines3", sys.executable, "-m", "venv", str(folder))
    python = str(folder / "bin" / "python")
    _run("Stable-Baselines3 could not be installed", python, "-m", "pip", "install", "--quiet", *NEEDED)
    return python


def _run(failed: str, *command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LIMIT_S)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise NotMeasured(f"{failed}: {said[-1] if said else error}; or name a Python that has it: {PYTHON}") from None
    return done.stdout

"""A few weeks of simulated gold, as bars of one path."""

import numpy as np

from gamma.feeds.series import Series
from models.size_picker.market import shape_of
from models.size_picker.simulator import simulate


def hours(weeks: int = 12, seed: int = 1, paths: int = 1) -> list[Series]:
    return simulate(shape_of(), np.random.default_rng(seed), weeks, np.full(paths, 2_000.0))

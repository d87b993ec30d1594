"""From bars to the candles that a model is shown: one function for training and serving. Nothing here needs JAX."""

from typing import Final

import numpy as np

from models.size_picker.form import WINDOW_BARS, Floats, Ints

BARS_NEEDED: Final = WINDOW_BARS + 1  # the first candle's return is from the close before it


def candles(bars: Floats) -> Floats:
    """The five numbers of each bar but the first: `FEATURES`, as shares of its close.

    Shapes: `bars` [..., B, 4], open, high, low and close in the order of time, to [..., B - 1, 5], float32.
    """
    at = np.asarray(bars, dtype=np.float64)
    opened, high, low, close = (at[..., 1:, n] for n in range(4))
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    shares = ((high - low) / close, (top - bottom) / close, (high - top) / close, (bottom - low) / close)
    return np.stack((np.log(close / at[..., :-1, 3]), *shares), axis=-1).astype(np.float32)


def windows(bars: Floats, last: Ints) -> Floats:
    """The candles up to and with each of these bars. Shapes: `bars` [B, 4], `last` [N] whole numbers of at least W."""
    found = candles(bars)
    places: Floats = found[last[:, None] - np.arange(WINDOW_BARS, 0, -1)[None, :]]
    return places

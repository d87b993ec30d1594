"""What a network is shown of a trade: its candles in units of their own scale, and a few sums of them.

One function for training and serving, in NumPy; nothing here needs JAX. All is seen from a long trade's side, and
nothing of equity or size is in it: what the candles say of the market is one thing, how much is at stake another.
"""

import hashlib
from typing import Final

import numpy as np

from models.size_picker.form import FEATURES, SCALE_MIN, WINDOW_BARS, Floats, Shown, scale

SPANS: Final = (4, 8, 16, 32)
SUMS: Final = (
    "scale_log",
    *(f"range_{n}" for n in SPANS[:-1]),
    *(f"return_rms_{n}" for n in SPANS),
    "return_top",
    "range_top",
    *(f"trend_{n}" for n in (1, *SPANS)),
    *(f"wicks_{n}" for n in SPANS[1:]),
    "place_in_range",
    "straightness",
    "persistence",
    "spread_log",
)
SEEN: Final = (*(f"{name}_{n}" for n in range(WINDOW_BARS) for name in FEATURES), *SUMS)
SCHEMA_SHA256: Final = hashlib.sha256(repr((1, SEEN, SCALE_MIN)).encode()).hexdigest()
_SMALL: Final = 1e-12


def seen(shown: Shown) -> Floats:
    """The candles, oldest first, then `SUMS`. Shapes: [N, F], float32."""
    scaled = shown.candles / scale(shown.candles)[:, None, None]
    return np.concatenate([scaled.reshape(len(scaled), -1).astype(np.float32), sums(shown)], axis=1)


def sums(shown: Shown) -> Floats:
    """What is reckoned of the candles alone, in the order of `SUMS`. Shapes: [N, S], float32."""
    unit = scale(shown.candles)
    scaled, spread_frac = shown.candles / unit[:, None, None], np.asarray(shown.spread_frac, dtype=np.float64)
    moved, reach, upper, lower = (scaled[:, :, n] for n in (0, 1, 3, 4))
    back = moved[:, ::-1]
    squares, path = np.square(back), np.cumsum(moved, axis=1)
    top, bottom = np.max(path + upper, axis=1), np.min(path - lower, axis=1)
    way, far = np.abs(moved).sum(axis=1), path[:, -1]
    columns = [
        np.log(unit),
        *(_log(np.mean(np.square(reach[:, -n:]), axis=1)) for n in SPANS[:-1]),
        *(_log(np.mean(squares[:, :n], axis=1)) for n in SPANS),
        _log(np.max(squares, axis=1)),
        _log(np.max(reach, axis=1)),
        *(back[:, :n].sum(axis=1) / n**0.5 for n in (1, *SPANS)),
        *((lower - upper)[:, -n:].mean(axis=1) for n in SPANS[1:]),
        (far - bottom) / np.maximum(top - bottom, _SMALL) - 0.5,
        far / np.maximum(way, _SMALL),
        np.sum(moved[:, 1:] * moved[:, :-1], axis=1) / np.maximum(squares.sum(axis=1), _SMALL),
        np.log(np.maximum(spread_frac, SCALE_MIN) / unit),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _log(value: Floats) -> Floats:
    found: Floats = np.log(np.maximum(value, 1e-4))
    return found

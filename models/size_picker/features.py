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
_LEAST: Final = 1e-4


def seen(shown: Shown) -> Floats:
    """The candles, oldest first, then `SUMS`. Shapes: [N, F], float32."""
    scaled = shown.candles / scale(shown.candles)[:, None, None]
    return np.concatenate([scaled.reshape(len(scaled), -1).astype(np.float32), sums(shown)], axis=1)


# Of one trade a picker asks several times: for its curve, for the unit of its conformal layer, for its novelty.
_last: Final[list[tuple[Floats, Floats, Floats]]] = []


def sums(shown: Shown) -> Floats:
    """What is reckoned of the candles alone, in the order of `SUMS`; of one trade once. Shapes: [N, S], float32."""
    if len(shown.candles) != 1:
        return _sums(shown)
    for candles, spread_frac, known in _last:
        if np.array_equal(candles, shown.candles) and np.array_equal(spread_frac, shown.spread_frac):
            return known
    found = _sums(shown)
    found.flags.writeable = False
    _last[:] = [(np.array(shown.candles), np.array(shown.spread_frac), found)]
    return found


def _sums(shown: Shown) -> Floats:
    unit = scale(shown.candles)
    scaled, spread_frac = shown.candles / unit[:, None, None], np.asarray(shown.spread_frac, dtype=np.float64)
    # Newest first, so that a sum over the last n bars is one place of a running one.
    moved, reach, upper, lower = (scaled[:, ::-1, n] for n in (0, 1, 3, 4))
    squares, path = np.square(moved), np.cumsum(scaled[:, :, 0], axis=1)[:, ::-1]
    top, bottom = np.max(path + upper, axis=1), np.min(path - lower, axis=1)
    way, far = np.abs(moved).sum(axis=1), path[:, 0]
    whole = np.cumsum(squares, axis=1)
    powers = (
        _over(np.cumsum(np.square(reach), axis=1), SPANS[:-1], 1.0),
        _over(whole, SPANS, 1.0),
        np.max(squares, axis=1)[:, None],
        np.max(reach, axis=1)[:, None],
    )
    straight = (
        (far - bottom) / np.maximum(top - bottom, _SMALL) - 0.5,
        far / np.maximum(way, _SMALL),
        np.sum(moved[:, 1:] * moved[:, :-1], axis=1) / np.maximum(whole[:, -1], _SMALL),
        np.log(np.maximum(spread_frac, SCALE_MIN) / unit),
    )
    columns = (
        np.log(unit)[:, None],
        np.log(np.maximum(np.concatenate(powers, axis=1), _LEAST)),
        _over(np.cumsum(moved, axis=1), (1, *SPANS), 0.5),
        _over(np.cumsum(lower - upper, axis=1), SPANS[1:], 1.0),
        np.stack(straight, axis=1),
    )
    return np.concatenate(columns, axis=1).astype(np.float32)


def _over(running: Floats, spans: tuple[int, ...], power: float) -> Floats:
    """Running sums over these many bars, by their number to a power. Shapes: [N, W] to [N, spans]."""
    number = np.array(spans)
    found: Floats = running[:, number - 1] / number**power
    return found

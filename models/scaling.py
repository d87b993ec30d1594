"""How what is seen is scaled: one rule for training and serving, NumPy or JAX. Nothing here needs JAX."""

from typing import Any, Final

VARIANCE_MIN: Final = 1e-6
CLIP: Final = 10.0
CONSTANT_VARIANCE: Final = 1e-8


def inverse(variance: Any) -> Any:
    """One by the standard deviation. Shapes: any."""
    return 1.0 / (variance + VARIANCE_MIN) ** 0.5


def varied(variance: Any) -> Any:
    """What was ever seen to vary. Shapes: any, bool."""
    return variance >= CONSTANT_VARIANCE


def scaled(seen: Any, mean: Any, inverse: Any, varied: Any) -> Any:
    """What is seen, in standard deviations from its mean, within ten of them. Shapes: [..., O], and [O] each.

    What never varied (a volume, where the bars had none) is shown as it was, whatever it is now: the weights on it
    were never learned.
    """
    off = ((seen - mean) * inverse).clip(-CLIP, CLIP)
    return off * (varied | (abs(off) <= 1.0))

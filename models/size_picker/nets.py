"""The network that every model has: what is seen, scaled, through layers of ReLU to a head; NumPy live, JAX to train.

Weights go by name, as in a checkpoint; nothing here needs JAX.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np

from models import scaling

Weights = Mapping[str, Any]
SCALE: Final = ("scale.mean", "scale.variance")


def shapes(inputs: int, hidden: Sequence[int], outputs: int, context: int = 0) -> dict[str, tuple[int, ...]]:
    """The shape of every weight of a network with so many inputs and outputs, and of its scale.

    The first layer may have so many numbers of context beside what is seen of the market.
    """
    sizes = (inputs, *hidden)
    found: dict[str, tuple[int, ...]] = {"context.w": (context, sizes[1])} if context else {}
    for n, (before, after) in enumerate(pairwise(sizes)):
        found |= {f"trunk{n}.w": (before, after), f"trunk{n}.b": (after,)}
    found |= {"head.w": (sizes[-1], outputs), "head.b": (outputs,)}
    return found | dict.fromkeys(SCALE, (inputs,))


def fresh(rng: np.random.Generator, of: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Weights of chance (He et al., 2015), with a head that at first says the same of all."""
    found: dict[str, Any] = {}
    for name, shape in of.items():
        if name.endswith(".w") and not name.startswith("head"):
            found[name] = (rng.normal(size=shape) * (2 / shape[0]) ** 0.5).astype(np.float32)
        else:
            found[name] = np.zeros(shape, dtype=np.float32)
    return found


def scaled(weights: Weights, seen: Any) -> Any:
    """What is seen in standard deviations of the training trades. Shapes: [N, F] to [N, F]."""
    mean, variance = (weights[name] for name in SCALE)
    return scaling.scaled(seen, mean, scaling.inverse(variance), scaling.varied(variance))


def trunk(weights: Weights, scaled: Any, context: Any = None) -> Any:
    """The last layer before the head. Shapes: [N, F], context [N, C], to [N, H]."""
    found, n = scaled, 0
    while f"trunk{n}.w" in weights:
        found = found @ weights[f"trunk{n}.w"] + weights[f"trunk{n}.b"]
        if context is not None and not n:
            found = found + context @ weights["context.w"]
        found = found.clip(0.0)
        n += 1
    return found


def head(weights: Weights, scaled: Any, context: Any = None) -> Any:
    """The outputs. Shapes: [N, F], context [N, C], to [N, O]."""
    return trunk(weights, scaled, context) @ weights["head.w"] + weights["head.b"]


def novelty(scaled: Any) -> Any:
    """How far what is seen lies from the training trades, in standard deviations: a root mean square. Shapes: [N]."""
    return np.sqrt(np.mean(np.square(scaled), axis=-1))

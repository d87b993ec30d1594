"""A trained network in plain NumPy. Weights are 32-bit numbers, the sums 64-bit, so that two machines come to the same.

Nothing here needs JAX.
"""

from typing import final

import numpy as np
from numpy.typing import NDArray

from models import scaling
from models.sealed import Tensors

Floats = NDArray[np.float64]


@final
class Network:
    """The trained network of one checkpoint, with the scale of what it was shown."""

    def __init__(self, tensors: Tensors) -> None:
        def of(name: str) -> Floats:
            return np.ascontiguousarray(tensors[name], dtype=np.float64)

        trunk = sum(name.startswith("trunk") for name in tensors) // 2
        self._trunk = [(of(f"trunk{n}.w"), of(f"trunk{n}.b")) for n in range(trunk)]
        self._head = (of("policy.w"), of("policy.b"))
        self._mean = of("scale.mean")
        self._inverse = scaling.inverse(of("scale.variance"))
        self._varied = scaling.varied(of("scale.variance"))

    def scaled(self, seen: Floats) -> Floats:
        """What is seen, as it was scaled in training."""
        found: Floats = scaling.scaled(seen, self._mean, self._inverse, self._varied)
        return found

    def logits(self, scaled: Floats) -> Floats:
        """The logits of the actions. Shapes: [O] to [A]."""
        hidden = scaled
        for weights, bias in self._trunk:
            hidden = np.maximum(hidden @ weights + bias, 0.0)
        found: Floats = hidden @ self._head[0] + self._head[1]
        return found


def novelty(scaled: Floats) -> float:
    """How far what is seen lies from what was trained on: the root of its mean square, scaled."""
    return float(np.sqrt(np.mean(np.square(scaled))))

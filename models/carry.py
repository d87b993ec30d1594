"""Weights of one policy carried over into another: phase 2 goes on from phase 1.

Trunk, value and the scale of what is seen carry over whole, and of the policy's head the columns of those actions
that both know; the columns of the others are fresh. What a policy is shown, its window and its layers must be equal.
"""

from pathlib import Path

import jax.numpy as jnp
import numpy as np

from gamma.errors import ConfigInvalid
from models import checkpoints, ppo
from models.checkpoints import Checkpoint

HEAD = ("policy.w", "policy.b")


def source(folder: Path, window_bars: int, hidden: tuple[int, ...]) -> Checkpoint:
    """A checkpoint whose weights can be carried over into a policy of this window and these layers.

    Raises: ConfigInvalid when it is damaged, or they cannot.
    """
    found = checkpoints.load(folder, pinned_sha256=None)
    card = found.card
    if card.window_bars != window_bars:
        raise ConfigInvalid(
            f"--from {folder}: it is shown {card.window_bars} bars, and this run shows {window_bars};"
            f" train with --window {card.window_bars}, or begin without it"
        )
    if card.hidden != hidden:
        raise ConfigInvalid(
            f"--from {folder}: its layers are {_layers(card.hidden)}, and this run's are {_layers(hidden)};"
            " its weights fit no other layers: begin without it"
        )
    return found


def carried(train: ppo.Train, found: Checkpoint) -> ppo.Train:
    """A run that has just begun, with the weights and the scale of a checkpoint; of several seeds, in each."""
    tensors, weights = found.tensors, dict(train.weights)
    for name, fresh in weights.items():
        old = jnp.asarray(tensors[name])
        if name in HEAD:
            both = min(old.shape[-1], fresh.shape[-1])
            weights[name] = fresh.at[..., :both].set(old[..., :both])
        else:
            weights[name] = jnp.broadcast_to(old, fresh.shape)
    scale = ppo.Scale(
        mean=jnp.broadcast_to(jnp.asarray(tensors["scale.mean"]), train.scale.mean.shape),
        variance=jnp.broadcast_to(jnp.asarray(tensors["scale.variance"]), train.scale.variance.shape),
        number=jnp.full_like(train.scale.number, np.float32(found.card.training.steps)),
    )
    return train._replace(weights=weights, scale=scale)


def _layers(hidden: tuple[int, ...]) -> str:
    return " x ".join(map(str, hidden))

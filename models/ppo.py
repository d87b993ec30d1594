"""Proximal policy optimisation in one compiled program; every part is a pure function.

    train = begin(config, env, seed);  train, told = update(config, env, train, lesson)

A batch is a rollout of `steps` decisions in `envs` environments. Its advantages are normalised once; minibatches are
blocks of whole environments in an order drawn anew each epoch, so that nothing is gathered decision by decision, and
a gradient is the sum of those of its blocks, each of which stays in a core's cache. The network is one trunk of ReLU
layers with two heads: on a CPU tanh and a second trunk each cost half of the speed. Several devices share the
environments (`models.spread`).
Sources: Schulman et al. (2017), Proximal Policy Optimization Algorithms; Schulman et al. (2016), High-Dimensional
Continuous Control Using Generalized Advantage Estimation.

Shapes: E environments, T steps, O numbers seen, A actions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from models import scaling
from models.noise import even, mixed
from models.product import product

ILLEGAL: Final = -1e9
LANES: Final = "lanes"
BLOCKS: Final = 16
BLOCK_ROWS: Final = 256
TOLD: Final = ("policy_loss", "value_loss", "entropy", "divergence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How a policy is trained; `updates` is how many there will be, by which the learning rate falls to zero.

    `envs` are shared by `devices`, each of which has a whole number of `BLOCKS`.
    """

    envs: int = 256
    devices: int = 1
    steps: int = 128
    epochs: int = 4
    minibatches: int = 4
    hidden: tuple[int, ...] = (128, 128)
    discount: float = 0.95
    smoothing: float = 0.95
    clip: float = 0.15
    entropy: float = 0.01
    value: float = 0.5
    gradient_max: float = 0.5
    rate: float = 5e-4
    warm_up_frac: float = 0.02
    updates: int = 1_000


class Told(NamedTuple):
    """What an environment says after a step. Shapes: [E]; `counted` is 0 where no decision was made.

    Of a rollout's `figures` the sums are told, and of `peaks` the largest; both are scalars.
    """

    reward: Array
    terminated: Array
    truncated: Array
    counted: Array
    figures: Any
    peaks: Any = ()


class Env(NamedTuple):
    """E environments as four pure functions; `lesson` is whatever they are taught by now.

    `step` begins an episode that is over anew, and counts no decision for it: its last observation is shown first.
    """

    reset: Callable[[Any, Array], Any]
    step: Callable[[Any, Any, Array], tuple[Any, Told]]
    observe: Callable[[Any], Array]
    legal: Callable[[Any], Array]


class Scale(NamedTuple):
    """Mean and variance of what was seen so far. Shapes: [O], [O], scalar: how many."""

    mean: Array
    variance: Array
    number: Array


class Train(NamedTuple):
    """All of a training run; two that are equal go on equally."""

    weights: Any
    learned: Any
    scale: Scale
    state: Any
    done: Array
    salt: Array


class Batch(NamedTuple):
    """A rollout. Shapes: [T, E, ...]."""

    seen: Array
    legal: Array
    action: Array
    log_prob: Array
    value: Array
    reward: Array
    terminated: Array
    truncated: Array
    counted: Array


def begin(config: Config, env: Env, seed: Array, lesson: Any) -> Train:
    """A run before its first update. Shapes: `seed` scalar, uint32."""
    key = jax.random.key(seed)
    salts = mixed(jnp.arange(config.envs, dtype=jnp.uint32) + mixed(seed.astype(jnp.uint32)))
    state = env.reset(lesson, salts)
    width, actions = env.observe(state).shape[1], env.legal(state).shape[1]
    weights = network(key, width, actions, config.hidden)
    return Train(
        weights=weights,
        learned=optimiser(config).init(weights),
        scale=Scale(jnp.zeros(width, jnp.float32), jnp.ones(width, jnp.float32), jnp.float32(1e-4)),
        state=state,
        done=jnp.int32(0),
        salt=mixed(seed.astype(jnp.uint32) + jnp.uint32(77)),
    )


def network(key: Array, width: int, actions: int, hidden: tuple[int, ...]) -> dict[str, Array]:
    """Fresh weights: orthogonal, with a head for the actions that at first prefers none."""
    sizes, weights = (width, *hidden), {}
    keys = jax.random.split(key, len(hidden) + 2)
    for n, (before, after) in enumerate(pairwise(sizes)):
        weights[f"trunk{n}.w"] = jax.nn.initializers.orthogonal(2**0.5)(keys[n], (before, after), jnp.float32)
        weights[f"trunk{n}.b"] = jnp.zeros(after, jnp.float32)
    weights["policy.w"] = jax.nn.initializers.orthogonal(0.01)(keys[-2], (sizes[-1], actions), jnp.float32)
    weights["policy.b"] = jnp.zeros(actions, jnp.float32)
    weights["value.w"] = jax.nn.initializers.orthogonal(1.0)(keys[-1], (sizes[-1], 1), jnp.float32)
    weights["value.b"] = jnp.zeros(1, jnp.float32)
    return weights


def forward(weights: dict[str, Array], seen: Array) -> tuple[Array, Array]:
    """Logits [..., A] and value [...] of what is seen, scaled, [..., O]."""
    hidden, n = seen, 0
    while f"trunk{n}.w" in weights:
        hidden = jax.nn.relu(product(hidden, weights[f"trunk{n}.w"]) + weights[f"trunk{n}.b"])
        n += 1
    heads, bias = (jnp.concatenate([weights[f"policy.{x}"], weights[f"value.{x}"]], axis=-1) for x in ("w", "b"))
    found = product(hidden, heads) + bias
    return found[..., :-1], found[..., -1]


def scaled(scale: Scale, seen: Array) -> Array:
    """What is seen, as `models.scaling` scales it."""
    found: Array = scaling.scaled(seen, scale.mean, scaling.inverse(scale.variance), scaling.varied(scale.variance))
    return found


def update(config: Config, env: Env, train: Train, lesson: Any) -> tuple[Train, dict[str, Any]]:
    """One rollout and what is learned from it; gives what is to be told of it, as means over the batch."""
    salt = mixed(train.salt + jnp.uint32(1))
    state, batch, scale, (figures, peaks) = _rollout(config, env, train, lesson, salt)
    last = forward(train.weights, scaled(train.scale, env.observe(state)))[1]
    advantage, target = advantages(config, batch, last)
    weights, learned, losses = _learn(config, train, batch, (advantage, target), salt)
    told = {"reward": _mean(config, batch.reward, batch.counted), **losses, "figures": figures, "peaks": peaks}
    after = Train(weights=weights, learned=learned, scale=scale, state=state, done=train.done + 1, salt=mixed(salt))
    return after, told


def _rollout(config: Config, env: Env, train: Train, lesson: Any, salt: Array) -> tuple[Any, Batch, Scale, Any]:
    envs = config.envs // config.devices
    first = jax.lax.axis_index(LANES) * envs if config.devices > 1 else 0
    lanes = mixed((first + jnp.arange(envs)).astype(jnp.uint32) ^ salt)

    def decide(carry: tuple[Any, Array], _: None) -> tuple[tuple[Any, Array], tuple[Batch, Any, Any, Any]]:
        state, lanes = carry
        raw, legal = env.observe(state), env.legal(state)
        seen = scaled(train.scale, raw)
        logits, value = forward(train.weights, seen)
        logits = jnp.where(legal, logits, ILLEGAL)
        lanes, action = _draw(lanes, logits)
        state, told = env.step(lesson, state, action)
        log_prob = jnp.take_along_axis(jax.nn.log_softmax(logits), action[:, None], axis=1)[:, 0]
        kept = Batch(
            seen=seen,
            legal=legal,
            action=action,
            log_prob=log_prob,
            value=value,
            reward=told.reward,
            terminated=told.terminated,
            truncated=told.truncated,
            counted=told.counted.astype(jnp.float32),
        )
        moments = (raw.sum(axis=0), jnp.square(raw - train.scale.mean).sum(axis=0))
        return (state, lanes), (kept, moments, told.figures, told.peaks)

    (state, _), (kept, moments, figures, peaks) = jax.lax.scan(decide, (train.state, lanes), None, length=config.steps)
    moments, figures = _all(config, jax.tree.map(lambda x: x.sum(axis=0), (moments, figures)))
    peaks = _most(config, jax.tree.map(lambda x: x.max(axis=0), peaks))
    return state, kept, _merged(train.scale, moments, config), (figures, peaks)


def _draw(lanes: Array, logits: Array) -> tuple[Array, Array]:
    """An action for each environment by its chance: the largest logit with Gumbel noise on it."""
    lanes = mixed(lanes + jnp.uint32(0x9E3779B9))
    spread = mixed(lanes[:, None] ^ (jnp.arange(logits.shape[1], dtype=jnp.uint32) * jnp.uint32(0x85EBCA6B))[None, :])
    return lanes, jnp.argmax(logits - jnp.log(-jnp.log(even(spread))), axis=1).astype(jnp.int32)


def _merged(scale: Scale, moments: tuple[Array, Array], config: Config) -> Scale:
    """Mean and variance with a batch more in them, of its sums (Chan et al., 1979)."""
    fresh = jnp.float32(config.envs * config.steps)
    mean = moments[0] / fresh
    off = mean - scale.mean
    variance = jnp.maximum(moments[1] / fresh - jnp.square(off), 0.0)
    count = scale.number + fresh
    merged = (scale.variance * scale.number + variance * fresh + jnp.square(off) * scale.number * fresh / count) / count
    return Scale(scale.mean + off * fresh / count, merged, count)


def advantages(config: Config, batch: Batch, last: Array) -> tuple[Array, Array]:
    """Advantages and value targets [T, E] of a rollout; `last` [E] is the worth of where it stopped.

    An episode that is cut off by its end of bars is worth what its last observation is; one that ended is worth 0.
    """
    after = jnp.concatenate([batch.value[1:], last[None]])
    alive = 1.0 - batch.terminated.astype(jnp.float32)
    goes_on = alive * (1.0 - batch.truncated.astype(jnp.float32)) * batch.counted
    delta = (batch.reward + config.discount * after * alive - batch.value) * batch.counted

    def back(carry: Array, row: tuple[Array, Array]) -> tuple[Array, Array]:
        now = row[0] + config.discount * config.smoothing * row[1] * carry
        return now, now

    _, found = jax.lax.scan(back, jnp.zeros_like(last), (delta, goes_on), reverse=True)
    return found, found + batch.value


def _learn(
    config: Config, train: Train, batch: Batch, targets: tuple[Array, Array], salt: Array
) -> tuple[Any, Any, dict[str, Array]]:
    advantage, target = targets
    mean = _mean(config, advantage, batch.counted)
    deviation = jnp.sqrt(_mean(config, jnp.square(advantage - mean), batch.counted))
    advantage = (advantage - mean) / (deviation + 1e-8)
    envs = config.envs // config.devices
    # A device alone is a whole CPU: blocks are then large enough for all cores to share.
    rows = BLOCK_ROWS if config.devices > 1 else 8 * BLOCK_ROWS
    size = max(n for n in range(1, max(2, rows // config.steps + 1)) if envs // BLOCKS % n == 0)
    blocks = envs // size
    share = blocks // config.minibatches
    data = jax.tree.map(lambda x: x.reshape(config.steps, blocks, size, *x.shape[2:]), (batch, advantage, target))
    counted = _all(config, data[0].counted.sum(axis=(0, 2)))
    rule = optimiser(config)
    small = jax.default_backend() == "cpu"

    def minibatch(carry: Any, n: Array) -> tuple[Any, Any]:
        weights, learned = carry
        epoch, part = n // config.minibatches, n % config.minibatches
        order = _order(blocks, salt + epoch.astype(jnp.uint32))
        chosen = jax.lax.dynamic_slice(order, (part * share,), (share,))
        whole = jnp.maximum(counted[chosen].sum(), 1.0)

        def block(total: Any, number: Array) -> tuple[Any, None]:
            taken = jax.tree.map(lambda x: x[:, number].reshape(-1, *x.shape[3:]), data)
            found = jax.grad(_loss, has_aux=True)(weights, config, taken, whole)
            return jax.tree.map(jnp.add, total, found), None

        none = jax.tree.map(jnp.zeros_like, (weights, dict.fromkeys(TOLD, jnp.float32(0))))
        gradient, told = _all(config, jax.lax.scan(block, none, chosen if small else chosen[None])[0])
        change, learned = rule.update(gradient, learned)
        return (optax.apply_updates(weights, change), learned), {**told, "gradient": optax.tree.norm(gradient)}

    carry, told = jax.lax.scan(
        minibatch, (train.weights, train.learned), jnp.arange(config.epochs * config.minibatches)
    )
    return *carry, jax.tree.map(jnp.mean, told)


def _order(blocks: int, salt: Array) -> Array:
    """The blocks in an order of chance."""
    return jnp.argsort(mixed(jnp.arange(blocks, dtype=jnp.uint32) + mixed(salt)))


def _loss(weights: Any, config: Config, part: tuple[Batch, Array, Array], whole: Array) -> tuple[Array, Any]:
    """What these decisions, their advantages and their targets add to the loss of a minibatch of `whole` ones."""
    batch, advantage, target = part
    logits, value = forward(weights, batch.seen)
    logs = jax.nn.log_softmax(jnp.where(batch.legal, logits, ILLEGAL))
    log_prob = jnp.take_along_axis(logs, batch.action[:, None], axis=1)[:, 0]
    ratio = jnp.exp(log_prob - batch.log_prob)
    clipped = jnp.clip(ratio, 1 - config.clip, 1 + config.clip)
    near = batch.value + jnp.clip(value - batch.value, -config.clip, config.clip)
    worst = jnp.maximum(jnp.square(value - target), jnp.square(near - target))
    share = batch.counted / whole
    told = {
        "policy_loss": -(jnp.minimum(ratio * advantage, clipped * advantage) * share).sum(),
        "value_loss": 0.5 * (worst * share).sum(),
        "entropy": -((jnp.exp(logs) * jnp.where(batch.legal, logs, 0.0)).sum(axis=1) * share).sum(),
        "divergence": ((ratio - 1 - jnp.log(ratio)) * share).sum(),
    }
    return told["policy_loss"] + config.value * told["value_loss"] - config.entropy * told["entropy"], told


def optimiser(config: Config) -> optax.GradientTransformation:
    """Adam on gradients of at most so long; the rate rises over the warm-up, then falls to zero."""
    steps = config.updates * config.epochs * config.minibatches
    risen = max(1, round(config.warm_up_frac * steps))
    rate = optax.join_schedules(
        [optax.linear_schedule(0.0, config.rate, risen), optax.linear_schedule(config.rate, 0.0, steps - risen)],
        [risen],
    )
    return optax.chain(optax.clip_by_global_norm(config.gradient_max), optax.adam(rate, eps=1e-5))


def _mean(config: Config, value: Array, counted: Array) -> Array:
    """The mean over all decisions that were made."""
    total, count = _all(config, jnp.stack([(value * counted).sum(), counted.sum()]))
    return jnp.asarray(total / jnp.maximum(count, 1.0))


def _all(config: Config, part: Any) -> Any:
    """The sum over all devices."""
    return _met(part, jax.lax.psum) if config.devices > 1 else part


def _most(config: Config, part: Any) -> Any:
    """The largest of all devices."""
    return _met(part, jax.lax.pmax) if config.devices > 1 else part


def _met(part: Any, reduce: Callable[[Array, str], Any]) -> Any:
    """A tree reduced over all devices, which meet once for each kind of number in it, and not once for each array."""
    leaves, tree = jax.tree.flatten(part)
    met = list(leaves)
    for kind in dict.fromkeys(leaf.dtype for leaf in leaves):
        alike = [n for n, leaf in enumerate(leaves) if leaf.dtype == kind]
        ends = [*accumulate(leaves[n].size for n in alike)]
        parts = jnp.split(reduce(jnp.concatenate([leaves[n].ravel() for n in alike]), LANES), ends[:-1])
        for n, found in zip(alike, parts, strict=True):
            met[n] = found.reshape(leaves[n].shape)
    return jax.tree.unflatten(tree, met)

"""PureJaxRL's PPO on an environment of ours: what training costs when it is written the usual way.

Key split at every step, two networks, a new permutation of all decisions each epoch, advantages normalised in each
minibatch, what is seen stored as it is. The loss is `models.ppo`'s, so that both learn the same.
Source: Lu et al. (2022), Discovered Policy Optimisation, and its program `ppo.py`; written anew from its description.

Shapes: E environments, T steps, O numbers seen, A actions.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from models import ppo

Weights = dict[str, dict[str, Array]]


class Style(NamedTuple):
    """How the network is made: one trunk with two heads, or a network each for the policy and the value."""

    shared: bool
    activation: Callable[[Array], Array]


class Run(NamedTuple):
    """All of a training run."""

    weights: Weights
    learned: Any
    state: Any
    key: Array


class _Step(NamedTuple):
    """A step in all environments. Shapes: [E, ...]; later [T, E, ...]."""

    seen: Array
    legal: Array
    action: Array
    log_prob: Array
    value: Array
    reward: Array
    done: Array


def begin(config: ppo.Config, style: Style, env: ppo.Env, seed: Array) -> Run:
    """A run before its first update. Shapes: `seed` scalar, uint32."""
    key, reset, *keys = jax.random.split(jax.random.key(seed), 4)
    state = env.reset(None, jax.random.bits(reset, (config.envs,)))
    width, actions = env.observe(state).shape[1], env.legal(state).shape[1]
    names = ("both",) if style.shared else ("policy", "value")
    weights = {name: ppo.network(k, width, actions, config.hidden) for name, k in zip(names, keys, strict=False)}
    return Run(weights, _optimiser(config).init(weights), state, key)


def update(config: ppo.Config, style: Style, env: ppo.Env, run: Run) -> tuple[Run, Array]:
    """One rollout and what is learned from it; gives the mean reward."""

    def decide(carry: tuple[Any, Array], _: None) -> tuple[tuple[Any, Array], _Step]:
        state, key = carry
        key, draw = jax.random.split(key)
        seen, legal = env.observe(state), env.legal(state)
        logs, value = _forward(style, run.weights, seen, legal)
        action = jax.random.categorical(draw, logs)
        state, told = env.step(None, state, action.astype(jnp.int32))
        done = told.terminated | told.truncated
        return (state, key), _Step(seen, legal, action, _taken(logs, action), value, told.reward, done)

    (state, key), steps = jax.lax.scan(decide, (run.state, run.key), None, length=config.steps)
    last = _forward(style, run.weights, env.observe(state), env.legal(state))[1]
    advantage = _advantages(config, steps, last)
    after = (run.weights, run.learned, key)
    flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), (steps, advantage, advantage + steps.value))

    def epoch(carry: tuple[Any, Any, Array], _: None) -> tuple[tuple[Any, Any, Array], None]:
        weights, learned, key = carry
        key, shuffle = jax.random.split(key)
        order = jax.random.permutation(shuffle, config.envs * config.steps)
        parts = jax.tree.map(lambda x: x[order].reshape(config.minibatches, -1, *x.shape[1:]), flat)
        (weights, learned), _ = jax.lax.scan(lambda c, part: (_learn(config, style, c, part), None), carry[:2], parts)
        return (weights, learned, key), None

    (weights, learned, key), _ = jax.lax.scan(epoch, after, None, length=config.epochs)
    return Run(weights, learned, state, key), steps.reward.mean()


def _forward(style: Style, weights: Weights, seen: Array, legal: Array) -> tuple[Array, Array]:
    if style.shared:
        logits, value = _network(style, weights["both"], seen)
    else:
        logits, _ = _network(style, weights["policy"], seen)
        _, value = _network(style, weights["value"], seen)
    return jax.nn.log_softmax(jnp.where(legal, logits, ppo.ILLEGAL)), value


def _network(style: Style, weights: dict[str, Array], seen: Array) -> tuple[Array, Array]:
    """Layers and heads as they are usually written; what is not used of them is not computed."""
    hidden, n = seen, 0
    while f"trunk{n}.w" in weights:
        hidden = style.activation(hidden @ weights[f"trunk{n}.w"] + weights[f"trunk{n}.b"])
        n += 1
    logits = hidden @ weights["policy.w"] + weights["policy.b"]
    return logits, (hidden @ weights["value.w"] + weights["value.b"])[..., 0]


def _taken(logs: Array, action: Array) -> Array:
    return jnp.take_along_axis(logs, action[:, None], axis=1)[:, 0]


def _advantages(config: ppo.Config, steps: _Step, last: Array) -> Array:
    def back(carry: tuple[Array, Array], step: _Step) -> tuple[tuple[Array, Array], Array]:
        advantage, after = carry
        goes_on = 1.0 - step.done
        delta = step.reward + config.discount * after * goes_on - step.value
        advantage = delta + config.discount * config.smoothing * goes_on * advantage
        return (advantage, step.value), advantage

    return jax.lax.scan(back, (jnp.zeros_like(last), last), steps, reverse=True, unroll=16)[1]


def _learn(config: ppo.Config, style: Style, carry: tuple[Any, Any], part: Any) -> tuple[Any, Any]:
    weights, learned = carry
    step, advantage, target = part
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)

    def loss(weights: Weights) -> Array:
        logs, value = _forward(style, weights, step.seen, step.legal)
        ratio = jnp.exp(_taken(logs, step.action) - step.log_prob)
        clipped = jnp.clip(ratio, 1 - config.clip, 1 + config.clip)
        near = step.value + jnp.clip(value - step.value, -config.clip, config.clip)
        worth = 0.5 * jnp.maximum(jnp.square(value - target), jnp.square(near - target)).mean()
        entropy = -(jnp.exp(logs) * jnp.where(step.legal, logs, 0.0)).sum(axis=1).mean()
        policy = -jnp.minimum(ratio * advantage, clipped * advantage).mean()
        return policy + config.value * worth - config.entropy * entropy

    change, learned = _optimiser(config).update(jax.grad(loss)(weights), learned)
    return optax.apply_updates(weights, change), learned


def _optimiser(config: ppo.Config) -> optax.GradientTransformation:
    rate = optax.linear_schedule(config.rate, 0.0, config.updates * config.epochs * config.minibatches)
    return optax.chain(optax.clip_by_global_norm(config.gradient_max), optax.adam(rate, eps=1e-5))

"""How an event policy does in markets that it did not learn from, each from its opening to its close.

Greedy is how the daemon trades: the legal action that the policy prefers. Beside it stand actions drawn by the policy's
own chances, as in training, random legal actions, and never trading.

Shapes: S markets.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from gamma import stats
from gamma.actions import ACTIONS, Base, encode
from gamma.ports import TrainingRival
from models import ppo
from models.events import env
from models.events.orders import held_reward
from models.events.records import Course, State
from models.events.sight import observe
from models.events.sizes import CENTS, legal
from models.noise import even, mixed
from models.sealed import Tensors

POLICY, SAMPLED, RANDOM, FLAT = "policy", "policy, sampled", "random", "never trading"
HOLDS: Final = encode(Base.HOLD, 0)

Act = Callable[[Array, Array, Array], Array]
"""An action [S] of what is seen [S, width], what is legal [S, 21] and a salt [S]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Played:
    """Markets as they were played. Shapes: [S]; by action [21].

    `traded_usd` is what the fills were worth at the next look, less fees: the P&L without what became of them later, of
    which chance made nearly all. By action are `taken`, how often it was, and `lots`, what of it filled.
    """

    pnl_usd: NDArray[np.float64]
    traded_usd: NDArray[np.float64]
    fee_usd: NDArray[np.float64]
    orders: NDArray[np.float64]
    ordered_lots: NDArray[np.float64]
    filled_lots: NDArray[np.float64]
    taken: NDArray[np.float64]
    lots: NDArray[np.float64]


def greedy(tensors: Tensors) -> Act:
    """The legal action that the policy prefers."""
    logits = _logits(tensors)
    return lambda seen, allowed, _: jnp.argmax(jnp.where(allowed, logits(seen), ppo.ILLEGAL), axis=1).astype(jnp.int32)


def sampled(tensors: Tensors) -> Act:
    """A legal action by the policy's chances."""
    logits = _logits(tensors)

    def act(seen: Array, allowed: Array, salt: Array) -> Array:
        return _drawn(jnp.where(allowed, logits(seen), ppo.ILLEGAL), salt)

    return act


def random(_: Array, allowed: Array, salt: Array) -> Array:
    """Any legal action, all alike."""
    return _drawn(jnp.where(allowed, 0.0, ppo.ILLEGAL), salt)


def played(course: Course, act: Act) -> Played:
    """Every market of the world once, with a fresh account each."""
    told, lots = jax.jit(partial(walked, course.terms, act))(course.world)
    found = {name: np.asarray(value, dtype=np.float64) for name, value in told.items()}
    return Played(**found, lots=np.asarray(lots, dtype=np.float64))


def compared(course: Course, tensors: Tensors) -> list[TrainingRival]:
    """The policy and its rivals in every market of the world."""
    acts: dict[str, Act] = {POLICY: greedy(tensors), SAMPLED: sampled(tensors), RANDOM: random}
    found = [_rival(name, played(course, act)) for name, act in acts.items()]
    none = {"pnl_usd_per_session": 0.0, "orders": 0.0}
    return [*found, TrainingRival(name=FLAT, sessions=found[0].sessions, figures=none)]


def figures_of(one: Played) -> dict[str, float]:
    """What a record comes to, a market."""
    low, high = stats.bootstrap(one.pnl_usd, stats.mean)
    deviation = float(one.pnl_usd.std())
    return {
        "pnl_usd_per_session": float(one.pnl_usd.mean()),
        "low_usd_per_session": low,
        "high_usd_per_session": high,
        "orders": float(one.orders.mean()),
        "lots_per_order": float(one.ordered_lots.sum() / max(one.orders.sum(), 1.0)),
        "filled_frac": float(one.filled_lots.sum() / max(one.ordered_lots.sum(), 1.0)),
        "fees_usd": float(one.fee_usd.mean()),
        "deviation_usd": deviation,
        "worst_usd": float(one.pnl_usd.min()),
        "won_frac": float((one.pnl_usd > 0).mean()),
        "hold_frac": float(one.taken[HOLDS] / max(one.taken.sum(), 1.0)),
    }


def _rival(name: str, one: Played) -> TrainingRival:
    return TrainingRival(name=name, sessions=len(one.pnl_usd), figures=figures_of(one))


def _logits(tensors: Tensors) -> Callable[[Array], Array]:
    mean, variance = (jnp.asarray(tensors[f"scale.{part}"]) for part in ("mean", "variance"))
    scale = ppo.Scale(mean=mean, variance=variance, number=jnp.float32(1))
    weights = {name: jnp.asarray(tensor) for name, tensor in tensors.items() if not name.startswith("scale.")}
    return lambda seen: ppo.forward(weights, ppo.scaled(scale, seen))[0]


def _drawn(logits: Array, salt: Array) -> Array:
    spread = mixed(salt[:, None] ^ (jnp.arange(ACTIONS, dtype=jnp.uint32) * jnp.uint32(0x85EBCA6B))[None, :])
    return jnp.argmax(logits - jnp.log(-jnp.log(even(spread))), axis=1).astype(jnp.int32)


def walked(terms: Any, act: Act, world: Any) -> tuple[dict[str, Array], Array]:
    """Every market at once, each to its end; what comes after it does not count."""
    course = Course(terms, world)
    markets = jnp.arange(world.looks.shape[0], dtype=jnp.int32)
    salts = mixed(markets.astype(jnp.uint32))
    first = env.reset(course, salts)._replace(row=markets)
    begun = first.cash_cents * 1.0

    def walk(carry: tuple[State, Array, Any, Array], _: None) -> tuple[tuple[State, Array, Any, Array], Any]:
        state, live, sums, salt = carry
        salt = mixed(salt + jnp.uint32(1))
        action = act(observe(course, state), legal(course, state), salt)
        after, seen = env.step(course, state, action)
        new = {
            "equity": jnp.where(live, seen.equity_cents, sums["equity"]),
            "traded": sums["traded"] + jnp.where(live, seen.reward - held_reward(course, state, seen), 0.0),
            "fee": sums["fee"] + jnp.where(live, seen.fee_cents, 0),
            "orders": sums["orders"] + (live & (seen.ordered_lots > 0)),
            "ordered": sums["ordered"] + jnp.where(live, seen.ordered_lots, 0),
            "filled": sums["filled"] + jnp.where(live, seen.filled_lots, 0),
            "taken": sums["taken"].at[action].add(live),
            "lots": sums["lots"].at[action].add(jnp.where(live, seen.filled_lots, 0)),
        }
        return (after, live & (after.over == 0), new, salt), None

    zero, by_action = jnp.zeros(markets.shape, jnp.int32), jnp.zeros(ACTIONS, jnp.int32)
    sums = {"equity": begun, "traded": begun * 0.0, **dict.fromkeys(("fee", "orders", "ordered", "filled"), zero)}
    sums |= {"taken": by_action, "lots": by_action}
    live = jnp.ones(markets.shape, bool)
    (_, _, sums, _), _ = jax.lax.scan(walk, (first, live, sums, salts), None, length=world.yes_bid.shape[1])
    told = {
        "pnl_usd": (sums["equity"] - begun) / CENTS,
        "traded_usd": sums["traded"] * course.terms.reward_usd,
        "fee_usd": sums["fee"] / CENTS,
        "orders": sums["orders"],
        "ordered_lots": sums["ordered"],
        "filled_lots": sums["filled"],
        "taken": sums["taken"],
    }
    return told, sums["lots"]

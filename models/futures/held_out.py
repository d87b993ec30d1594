"""How a policy does on bars that it did not learn from, session by session, beside what needs no learning.

Each session is an episode of its own, under production's terms: from its first bar at which one may enter to its end,
flat by then. Greedy is how the daemon trades: the legal action that the policy prefers. Beside it stand random legal
actions, buying and selling whenever it is legal, and never trading.

Shapes: S sessions (the random actions play each of them several times).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from gamma import stats
from gamma.calendar import FlatBy
from gamma.ports import TrainingBars, TrainingMarket, TrainingOrder, TrainingRival
from models import ppo
from models.checkpoints import Tensors
from models.futures import env
from models.futures.features import BARS_NEEDED
from models.futures.figures import peaks_of, sums_of
from models.futures.orders import joined, terms_of
from models.futures.records import CENTS, Course, Lesson, Seen, State, Terms, World, world_of
from models.futures.schema import Action
from models.futures.sight import legal, observe
from models.futures.tape import MAY_START, Tape, tape_of
from models.noise import mixed

POLICY, RANDOM, BUY, SELL, FLAT = "policy", "random", "always buy", "always sell", "always flat"
REPEATS: Final = 16

Act = Callable[[Array, Array, Array], Array]
"""An action [B] of what is seen [B, width], what is legal [B, actions] and a salt [B]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Played:
    """Sessions as they were played: each one's P&L [usd], and sums of what was done. Shapes: `pnl_usd` [S]."""

    pnl_usd: NDArray[np.float64]
    sums: dict[str, float]
    drawdown_max_usd: float


def compared(order: TrainingOrder, tensors: Tensors) -> list[TrainingRival]:
    """The policy and its rivals on the held-out bars of all markets together; empty where there are none."""
    grounds = [_ground(order, market) for market in order.markets if market.held_out]
    if not grounds:
        return []
    mean, variance = (jnp.asarray(tensors[f"scale.{part}"]) for part in ("mean", "variance"))
    scale = ppo.Scale(mean=mean, variance=variance, number=jnp.float32(1))
    weights = {name: jnp.asarray(tensor) for name, tensor in tensors.items() if not name.startswith("scale.")}
    acts: dict[str, tuple[Act, int]] = {
        POLICY: (partial(_greedy, weights, scale), 1),
        RANDOM: (_random, REPEATS),
        BUY: (partial(_always, Action.BUY), 1),
        SELL: (partial(_always, Action.SELL), 1),
    }
    found = [_rival(name, [_played(ground, act, times) for ground in grounds]) for name, (act, times) in acts.items()]
    sessions = found[0].sessions
    return [*found, TrainingRival(name=FLAT, sessions=sessions, figures={"pnl_usd_per_session": 0.0, "trades": 0.0})]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ground:
    """A market's held-out sessions. Shapes: `starts`, `ends` [S]."""

    terms: Terms
    world: World
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


def _ground(order: TrainingOrder, market: TrainingMarket) -> _Ground:
    """Held-out bars behind the last ones that were learned from, which only warm up what is seen."""
    before = market.bars[-1]
    tail = TrainingBars(name=before.name, sha256=before.sha256, series=before.series.rows(slice(-BARS_NEEDED, None)))
    tape = tape_of(joined([tail, *market.held_out]), flat_by=FlatBy(time=order.flat_by_new_york))
    starts = _starts(tape, int(market.held_out[0].series.ts_close_utc_ns[0]))
    ends = np.append(starts[1:] - 1, len(tape) - 1)
    return _Ground(terms=terms_of(order, market), world=world_of(tape), starts=starts, ends=ends)


def _starts(tape: Tape, since_ns: int) -> NDArray[np.int64]:
    """The first bar of each session at which one may enter."""
    may = (tape.flags & MAY_START) != 0
    first = may & ~np.append(False, may[:-1]) & (tape.ts_close_utc_ns >= since_ns)
    first[-1] = False
    return np.flatnonzero(first)


def _greedy(weights: dict[str, Array], scale: ppo.Scale, *now: Array) -> Array:
    seen, allowed, _ = now
    logits, _ = ppo.forward(weights, ppo.scaled(scale, seen))
    return jnp.argmax(jnp.where(allowed, logits, ppo.ILLEGAL), axis=1).astype(jnp.int32)


def _random(_: Array, allowed: Array, salt: Array) -> Array:
    draws = mixed(salt[:, None] + jnp.arange(allowed.shape[1], dtype=jnp.uint32)[None, :] * jnp.uint32(0x9E3779B9))
    return jnp.argmax(jnp.where(allowed, draws >> 1, 0).astype(jnp.int32), axis=1).astype(jnp.int32)


def _always(wanted: Action, _: Array, allowed: Array, salt: Array) -> Array:
    return jnp.where(allowed[:, wanted], wanted, Action.HOLD).astype(jnp.int32) + jnp.zeros_like(salt, jnp.int32)


def _played(ground: _Ground, act: Act, times: int) -> Played:
    starts, ends = (jnp.asarray(np.tile(at, times), dtype=jnp.int32) for at in (ground.starts, ground.ends))
    length = int((ground.ends - ground.starts).max()) + 1
    pnl, sums, fall = jax.jit(partial(_walked, ground.terms, act, length))(ground.world, (starts, ends))
    whole = {name: float(value) / times for name, value in sums.items()}
    per_session = np.asarray(pnl, dtype=np.float64).reshape(times, -1).mean(axis=0)
    return Played(pnl_usd=per_session, sums=whole, drawdown_max_usd=float(fall) / CENTS)


def _walked(terms: Terms, act: Act, length: int, world: World, spans: tuple[Array, Array]) -> tuple[Array, Any, Array]:
    """Every session at once, each to its end; what comes after it does not count."""
    starts, ends = spans
    course = Course(terms=terms, world=world, lesson=Lesson())
    salts = mixed(jnp.arange(starts.size, dtype=jnp.uint32))
    first = env.reset(course, salts)._replace(at=starts, until=ends)
    begun = round(terms.balance_usd * CENTS)

    def walk(carry: tuple[State, Array, Array, Array], _: None) -> tuple[tuple[State, Array, Array, Array], Any]:
        state, live, equity, salt = carry
        salt = mixed(salt + jnp.uint32(1))
        action = act(observe(course, state), legal(course, state), salt)
        after, seen = env.step(course, state, action)
        counted = state._replace(over=jnp.where(live, state.over, 1))
        equity = jnp.where(live, seen.equity_cents, equity)
        seen = Seen(*(jnp.where(live, told, 0).astype(told.dtype) for told in seen))
        told, fall = sums_of(course, counted, action, seen), peaks_of(counted, after, seen)["drawdown_cents"]
        return (after, live & (after.over == 0), equity, salt), (told, fall)

    live = jnp.ones(starts.shape, bool)
    equity = jnp.full(starts.shape, begun, jnp.int32)
    (_, _, equity, _), (told, falls) = jax.lax.scan(walk, (first, live, equity, salts), None, length=length)
    return (equity - begun) / CENTS, jax.tree.map(lambda x: x.sum(axis=0), told), falls.max()


def _rival(name: str, played: Sequence[Played]) -> TrainingRival:
    """Several markets as one record: their sessions one after another."""
    pnl = np.concatenate([one.pnl_usd for one in played])
    sums = {key: sum(one.sums[key] for one in played) for key in played[0].sums}
    low, high = stats.bootstrap(pnl, stats.mean)
    entries = max(sums["took_buy"] + sums["took_sell"], 1e-9)
    return TrainingRival(
        name=name,
        sessions=len(pnl),
        figures={
            "pnl_usd_per_session": float(pnl.mean()),
            "low_usd_per_session": low,
            "high_usd_per_session": high,
            "trades": sums["trades"],
            "win_frac": sums["wins"] / max(sums["trades"], 1e-9),
            "profit_factor": sums["won_cents"] / max(sums["lost_cents"], 1.0),
            "drawdown_max_usd": max(one.drawdown_max_usd for one in played),
            "entry_hold_frac": sums["entry_holds"] / max(sums["enters"], 1e-9),
            "manage_frac": sums["managed"] / max(sums["manages"], 1e-9),
            "long_frac": sums["took_buy"] / entries,
        },
    )

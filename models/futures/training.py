"""Train a futures policy: bars and a sizer chain in, a checkpoint with its card out."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, final

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gamma.calendar import FlatBy
from gamma.errors import InputInvalid
from gamma.feeds.series import Series
from gamma.floor import TrailsOn
from gamma.markets import MICRO
from gamma.ports import TrainingOrder, TrainingTold
from models import cards, checkpoints, ppo
from models.futures import env as futures
from models.futures.lessons import Curriculum, lesson
from models.futures.records import Course, Floor, Lesson, Seen, State, Terms, World, world_of
from models.futures.schema import actions
from models.futures.sight import legal, observe
from models.futures.tape import tape_of

ENVS: Final = 256
STEPS: Final = 128
PHASE_ONE_FLOOR_USD: Final = 15_000.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Run:
    """A run as it is set up."""

    terms: Terms
    world: World
    config: ppo.Config
    curriculum: Curriculum | None


@final
class FuturesTrainer:
    """Trains futures policies; one market a run."""

    def train(self, order: TrainingOrder) -> Iterator[TrainingTold]:
        run = _set_up(order)
        begin = jax.jit(lambda world, seed: ppo.begin(run.config, _env(run, world), seed, _lesson(run, 0.0)))
        update = jax.jit(partial(_updated, run), donate_argnums=1)
        train = begin(run.world, jnp.uint32(order.seed))
        batch = run.config.envs * run.config.steps
        for done in range(1, run.config.updates + 1):
            train, told = update(run.world, train)
            figures = _figures(run.terms, jax.device_get(told))
            if not all(np.isfinite(value) for value in (figures["reward"], figures["value_loss"])):
                raise InputInvalid(
                    f"training of {order.market}: the weights are no numbers any more after {done * batch:,} steps; "
                    "nothing was written; try another seed, or a lower rate"
                )
            yield TrainingTold(steps=done * batch, steps_max=run.config.updates * batch, figures=figures)
        checkpoints.save(order.out, _tensors(train), _card(order, run.config.updates * batch))


def _set_up(order: TrainingOrder) -> _Run:
    if order.phase not in (1, 2):
        raise InputInvalid(f"phase = {order.phase}: must be 1 (entries) or 2 (positions managed too)")
    if order.steps < ENVS * STEPS:
        raise InputInvalid(f"steps = {order.steps}: must be {ENVS * STEPS} or more, which is one update")
    tape = tape_of(_joined([series for _, series in order.bars]), flat_by=FlatBy(time=order.flat_by_new_york))
    terms = Terms(
        phase=order.phase,
        market=tape.market,
        sizers=tuple(order.sizers),
        window=order.window_bars,
        balance_usd=order.balance_usd,
        floor=_floor(order),
    )
    config = ppo.Config(envs=ENVS, steps=STEPS, hidden=tuple(order.hidden), updates=order.steps // (ENVS * STEPS))
    curriculum = Curriculum() if order.phase == 2 else None
    return _Run(terms=terms, world=world_of(tape), config=config, curriculum=curriculum)


def _joined(parts: Sequence[Series]) -> Series:
    """Bars of several files as one; they follow one another."""
    for before, after in pairwise(parts):
        if after.ts_open_utc_ns[0] < before.ts_close_utc_ns[-1] or after.bar_s != before.bar_s:
            raise InputInvalid(f"{after.market}: give files of bars of one length, oldest first, and none over another")
    columns = [name for name in Series.__slots__ if name not in ("market", "bar_s")]
    joined: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in columns}
    return Series(market=parts[0].market, bar_s=parts[0].bar_s, **joined)


def _floor(order: TrainingOrder) -> Floor | None:
    """The account's floor; that of phase 1 is relaxed, so that a policy lives to learn."""
    rule = order.floor_rule
    if rule is None:
        return None
    relaxed, drawdown_usd = order.phase == 1, rule.drawdown_microusd / MICRO
    return Floor(
        drawdown_usd=max(PHASE_ONE_FLOOR_USD, drawdown_usd) if relaxed else drawdown_usd,
        trails=rule.trails_on is not TrailsOn.NONE,
        lock_usd=None if rule.lock_microusd is None or relaxed else rule.lock_microusd / MICRO,
    )


def _lesson(run: _Run, progress: Array | float) -> Lesson:
    return lesson(run.curriculum, run.terms.market, progress)


def _env(run: _Run, world: World) -> ppo.Env:
    def course(now: Lesson) -> Course:
        return Course(terms=run.terms, world=world, lesson=now)

    plain = course(Lesson())

    def step(now: Lesson, state: State, action: Array) -> tuple[State, ppo.Told]:
        after, seen = futures.step(course(now), state, action)
        counted = state.over == 0
        return after, ppo.Told(
            reward=seen.reward,
            terminated=seen.terminated,
            truncated=seen.truncated,
            counted=counted,
            figures=_sums(run.terms, plain, state, action, seen),
        )

    return ppo.Env(
        reset=lambda now, salt: futures.reset(course(now), salt),
        step=step,
        observe=lambda state: observe(plain, state),
        legal=lambda state: legal(plain, state),
    )


def _sums(terms: Terms, course: Course, state: State, action: Array, seen: Seen) -> dict[str, Array]:
    """What is told of a step, summed over the environments."""
    allowed = legal(course, state)
    decides = (state.over == 0) & (allowed.sum(axis=1) > 1)
    closed = seen.closed_lots > 0
    return {
        "trades": closed.sum(),
        "wins": (closed & (seen.pnl_cents > 0)).sum(),
        "won_cents": jnp.maximum(seen.pnl_cents, 0).sum().astype(jnp.float32),
        "lost_cents": jnp.maximum(-seen.pnl_cents, 0).sum().astype(jnp.float32),
        "lots": seen.closed_lots.sum(),
        "breaches": seen.terminated.sum(),
        "decides": decides.sum(),
        **{f"took_{a.name.lower()}": (decides & (action == a)).sum() for a in actions(terms.phase)},
    }


def _updated(run: _Run, world: World, train: ppo.Train) -> tuple[ppo.Train, dict[str, Any]]:
    return ppo.update(run.config, _env(run, world), train, _lesson(run, train.done / run.config.updates))


def _figures(terms: Terms, told: Mapping[str, Any]) -> dict[str, float]:
    sums = {name: float(value) for name, value in told["figures"].items()}
    trades, decides = max(sums["trades"], 1.0), max(sums["decides"], 1.0)
    return {
        **{name: float(told[name]) for name in ("reward", "policy_loss", "value_loss", "entropy", "divergence")},
        "trades": sums["trades"],
        "win_frac": sums["wins"] / trades,
        "profit_factor": sums["won_cents"] / max(sums["lost_cents"], 1.0),
        "pnl_usd_per_trade": (sums["won_cents"] - sums["lost_cents"]) / 100 / trades,
        "lots_per_trade": sums["lots"] / trades,
        "breaches": sums["breaches"],
        **{f"{a.name.lower()}_frac": sums[f"took_{a.name.lower()}"] / decides for a in actions(terms.phase)},
    }


def _tensors(train: ppo.Train) -> dict[str, Any]:
    weights = {name: np.asarray(value, dtype=np.float32) for name, value in train.weights.items()}
    return weights | {
        "scale.mean": np.asarray(train.scale.mean, dtype=np.float32),
        "scale.variance": np.asarray(train.scale.variance, dtype=np.float32),
    }


def _card(order: TrainingOrder, steps: int) -> cards.Card:
    return cards.Card(
        format=1,
        notice=cards.NOTICE,
        markets=(order.market,),
        kind="futures",
        phase=1 if order.phase == 1 else 2,
        actions=cards.names(order.phase),
        window_bars=order.window_bars,
        hidden=tuple(order.hidden),
        created_utc=datetime.now(UTC).replace(microsecond=0),
        seen=cards.seen_of(order.phase, order.window_bars),
        training=cards.Training(
            bars=tuple(_bars(path, series) for path, series in order.bars),
            seed=order.seed,
            steps=steps,
            code_commit="unknown",
            config_sha256=order.config_sha256,
        ),
    )


def _bars(path: Path, series: Series) -> cards.Bars:
    first, last = (
        datetime.fromtimestamp(int(series.ts_close_utc_ns[n]) / 1e9, UTC).replace(microsecond=0) for n in (0, -1)
    )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return cards.Bars(name=path.name, sha256=digest, bars=len(series), first_utc=first, last_utc=last)

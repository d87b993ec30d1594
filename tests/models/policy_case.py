"""A policy with weights of chance, in the environment and through the daemon's engine."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gamma.config import Config, load
from gamma.events import Trade
from gamma.feeds.series import Series
from gamma.markets import market
from gamma.rehearsal.play import Rehearsal, rehearse
from models import ppo
from models.cards import Card
from models.checkpoints import Tensors, save
from models.ensembles import join
from models.futures import env
from models.futures.features import BARS_NEEDED
from models.futures.fills import Exit, through_bar
from models.futures.records import Course, Floor, Lesson, State, Terms, world_of
from models.futures.schema import Action
from models.futures.sight import leaving, legal, observe
from models.futures.tape import MUST_LEAVE, Tape, tape_of
from sizers.atr_risk import AtrRisk
from sizers.contract_cap import ContractCap
from sizers.fixed import Fixed
from sizers.floor_room import FloorRoom
from tests.models.checkpoint_case import card, tensors

WINDOW = 5
CAPITAL_USD = 200_000.0
DRAWDOWN_USD = 150_000.0
CONFIG = """
[account]
starting_capital_usd = 200_000
{profile}

[brokers.paper]
participation_frac = 1.0
spread_ticks = {spread_ticks}

[[strategies]]
name = "one"
market = "{market}"
signal = {{ use = "policy", checkpoint = "{folder}", sha256 = "{sha256}" }}
sizers = [{sizers}]
guards = ["flat_by", "model_sanity"]

[guards.flat_by]
cancel_before_s = 600
flat_before_s = 300
verify_before_s = 60

[sizers.fixed]
lots = 3

[guards.model_sanity]
actions = 6
age_max_days = 10_000
"""
PROFILE = """profile = "own_50k"
[account.overrides]
start_balance_usd = 200_000
drawdown_usd = 150_000
trails_on = "intraday"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """A trade as either side tells it."""

    ts_open_utc_ns: int
    ts_close_utc_ns: int
    side: int
    lots: int
    entry_ticks: float
    exit_ticks: float
    pnl_cents: float
    exit_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One policy in one market."""

    market: str
    phase: int
    seed: int
    floor: bool
    spread_ticks: int = 1
    quoted: bool = False
    members: int = 1

    @property
    def chain(self) -> dict[str, Any]:
        """The sizers by name; without a floor there is no room to size by, and one NQ is more than the budget bears."""
        if self.market == "NQ":
            return {"fixed": Fixed(lots=3), "contract_cap": ContractCap()}
        room = {"floor_room": FloorRoom()} if self.floor else {}
        return {"atr_risk": AtrRisk(), **room, "contract_cap": ContractCap()}


def weights_of(case: Case, member: int = 0) -> tuple[Card, Tensors]:
    """A card, and weights of chance that give each action its turn."""
    seed = case.seed + 100 * member
    told = card(phase=case.phase, window_bars=WINDOW, hidden=(24, 16 + member), markets=("MNQ", "NQ"), seed=seed)
    drawn = tensors(told, seed)
    rng = np.random.default_rng(seed)
    for name in list(drawn):
        if name.endswith(".w"):
            drawn[name] = (drawn[name] * 1.5 / np.sqrt(drawn[name].shape[0])).astype(np.float32)
    drawn["scale.mean"] = rng.normal(0, 0.2, told.width).astype(np.float32)
    drawn["scale.variance"] = rng.uniform(0.2, 1.0, told.width).astype(np.float32)
    return told, drawn


def shipped(case: Case, folder: Path) -> tuple[Path, str]:
    """Write the checkpoint; gives its folder and hash."""
    name = f"{case.market.lower()}-{case.phase}-{case.seed}"
    parts = [folder / f"{name}-{member}" for member in range(case.members)]
    hashes = []
    for member, part in enumerate(parts):
        told, drawn = weights_of(case, member)
        hashes.append(save(part, drawn, told))
    if case.members == 1:
        return parts[0], hashes[0]
    return folder / name, join(folder / name, parts)


def config_of(case: Case, folder: Path) -> Config:
    where, sha256 = shipped(case, folder)
    text = CONFIG.format(
        market=case.market,
        folder=where,
        sha256=sha256,
        profile=PROFILE if case.floor else "",
        sizers=", ".join(f'"{name}"' for name in case.chain),
        spread_ticks=case.spread_ticks,
    )
    path = folder / f"{where.name}.toml"
    path.write_text(text)
    return load(path, {}, {"gamma.database": f"sqlite:///{folder}/{where.name}.db"})


def by_engine(case: Case, series: Series, folder: Path) -> tuple[list[RoundTrip], Rehearsal]:
    """What the daemon's engine trades of these bars."""
    told = rehearse(config_of(case, folder), "one", series)
    return [round_trip(trade) for trade in told.history.trades], told


def round_trip(trade: Trade) -> RoundTrip:
    ticks_per_point = market(trade.market).ticks_per_point
    return RoundTrip(
        ts_open_utc_ns=trade.ts_open_utc_ns,
        ts_close_utc_ns=trade.ts_close_utc_ns,
        side=trade.side,
        lots=trade.lots_max,
        entry_ticks=trade.entry_points * ticks_per_point,
        exit_ticks=trade.exit_points * ticks_per_point,
        pnl_cents=trade.pnl_microusd / 10_000,
        exit_reason=trade.exit_reason,
    )


def course_of(case: Case, tape: Tape) -> Course:
    """One long episode, which begins when the policy has seen what it needs."""
    terms = Terms(
        phase=case.phase,
        market=tape.market,
        sizers=tuple(case.chain.values()),
        window=WINDOW,
        bars=len(tape),
        balance_usd=CAPITAL_USD,
        floor=Floor(drawdown_usd=DRAWDOWN_USD) if case.floor else None,
    )
    world = world_of(tape)._replace(starts=jnp.array([BARS_NEEDED + WINDOW - 2], jnp.int32))
    return Course(terms=terms, world=world, lesson=Lesson())


def acting(case: Case, course: Course) -> Any:
    """The policy's largest logit among what is legal, by the arithmetic that trained it. Shapes: [1]."""
    networks = []
    for member in range(case.members):
        wide = {name: jnp.asarray(tensor, jnp.float64) for name, tensor in weights_of(case, member)[1].items()}
        networks.append((ppo.Scale(wide.pop("scale.mean"), wide.pop("scale.variance"), jnp.float64(1.0)), wide))

    def act(state: State) -> Array:
        seen = observe(course, state)
        each = [ppo.forward(wide, ppo.scaled(scale, seen))[0] for scale, wide in networks]
        logits = sum(each[1:], each[0]) / len(each)
        return jnp.argmax(jnp.where(legal(course, state), logits, ppo.ILLEGAL), axis=1).astype(jnp.int32)

    return act


def by_environment(case: Case, series: Series) -> tuple[list[RoundTrip], Counter[str]]:
    """What the environment trades of these bars, in 64-bit numbers, and how often it took each action."""
    with jax.enable_x64(True):
        tape = tape_of(series, half_spread_ticks=(case.spread_ticks + 1) // 2)
        course = course_of(case, tape)
        act = acting(case, course)

        def one(state: State, _: None) -> tuple[State, tuple[Any, ...]]:
            action = act(state)
            managed = env._manage(course, state, action)
            opened = env._open(course, managed, action)
            row = course.world.ticks[state.at + 1]
            filled = through_bar(opened, row, leaving(course, managed), course.terms.slippage)
            due = (course.world.flags[state.at] & MUST_LEAVE) != 0
            after, seen = env.step(course, state, action)
            told = (state.at, action, opened.side, opened.lots, opened.entry_ticks, filled.exit, filled.exit_ticks)
            return after, (*told, due, seen.pnl_cents, state.lots)

        first = env.reset(course, jnp.zeros(1, jnp.uint32))
        steps = len(tape) - 1 - (BARS_NEEDED + WINDOW - 2)
        _, columns = jax.jit(lambda s: jax.lax.scan(one, s, None, length=steps))(first)
        rows = np.stack([np.asarray(column)[:, 0].astype(np.int64) for column in columns], axis=1)
    return _round_trips(rows, series), Counter(Action(act).name for act in rows[:, 1])


def _round_trips(rows: np.ndarray, series: Series) -> list[RoundTrip]:
    found: list[RoundTrip] = []
    opened = 0
    for at, _, side, lots, entry, why, out, due, pnl, before in rows.tolist():
        if lots and not before:
            opened = int(series.ts_open_utc_ns[at + 1])
        if why:
            left = "flat_by" if due else "trail"
            found.append(
                RoundTrip(
                    ts_open_utc_ns=opened,
                    ts_close_utc_ns=int(series.ts_close_utc_ns[at + 1]),
                    side=side,
                    lots=lots,
                    entry_ticks=entry,
                    exit_ticks=out,
                    pnl_cents=pnl,
                    exit_reason={Exit.STOP: "stop", Exit.TARGET: "target", Exit.LEFT: left}[Exit(why)],
                )
            )
    return found


def differ(one: Sequence[RoundTrip], other: Sequence[RoundTrip]) -> str:
    """The first trade that is not the same, in words; empty where all are."""
    for n, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return f"trade {n}: {a} and {b}"
    return "" if len(one) == len(other) else f"{len(one)} and {len(other)} trades"

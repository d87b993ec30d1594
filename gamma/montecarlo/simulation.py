"""What is asked of a simulation, and what it tells; `plain` runs it in NumPy, `jitted` in one compiled pass of JAX."""

import math
from dataclasses import dataclass, replace
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from gamma.errors import InputInvalid
from gamma.markets import MICRO
from gamma.montecarlo import draws
from gamma.montecarlo.paths import Ground, Paths, Setting, Step, Time, advance, begin, tables_of
from gamma.stats import Floats, Ints

PATHS: Final = 10_000
PATHS_MAX: Final = 1_000_000
TRADES_MAX: Final = 100_000
CELLS_MAX: Final = 200_000_000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """How many paths of how many trades, drawn how; a mean block of 1 is independent draws.

    With `uncertain` each path has a win rate of its own, drawn from its posterior, Beta(1 + wins, 1 + others).
    """

    paths: int = PATHS
    trades: int
    block: float = 1.0
    seed: int = 0
    uncertain: bool = False

    def __post_init__(self) -> None:
        limits = {"paths": PATHS_MAX, "trades": TRADES_MAX}
        for name, most in limits.items():
            value = getattr(self, name)
            if not 1 <= value <= most:
                raise InputInvalid(f"{name} = {value:,}: give 1 to {most:,}")
        if self.paths * self.trades > CELLS_MAX:
            raise InputInvalid(f"{self.paths:,} paths of {self.trades:,} trades are too many; {CELLS_MAX:,} at most")
        if not 1 <= self.block < math.inf:
            raise InputInvalid(f"block = {self.block}: the mean length of a block is 1 trade or more")
        if not 0 <= self.seed < 2**63:
            raise InputInvalid(f"seed = {self.seed}: give a whole number of 0 or more")


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Simulated:
    """How each path ended. Shapes: [B]; `balance_usd`, `lots` and `trade` of every step [T, B], where they were kept.

    A drawdown is on equity, with open P&L where it is known; `ruined` touched its floor or lost all.
    """

    start_usd: float
    final_usd: Floats
    drawdown_usd: Floats
    drawdown_frac: Floats
    halted: NDArray[np.bool_]
    ruined: NDArray[np.bool_]
    trades: Ints
    lots_total: Floats
    balance_usd: Floats | None = None
    lots: Floats | None = None
    trade: Ints | None = None


def chances_of(setting: Setting, ask: Ask) -> draws.Chances:
    """What the draws of a run go by; posteriors are drawn by the seed.

    Raises: InputInvalid when the win rate is to be drawn, and all trades won, or none did.
    """
    won = setting.stream.pnl_microusd > 0
    wins, others = (np.flatnonzero(found).astype(np.int32) for found in (won, ~won))
    spoil = lift = np.zeros(ask.paths)
    if ask.uncertain:
        if not len(wins) or not len(others):
            raise InputInvalid(
                f"{len(wins)} of {len(won)} trades won: a win rate can only be drawn where some did and some did not"
            )
        rate = np.random.default_rng(ask.seed).beta(1 + len(wins), 1 + len(others), size=ask.paths)
        seen = len(wins) / len(won)
        spoil = np.maximum(0.0, 1.0 - rate / seen)
        lift = np.maximum(0.0, (rate - seen) / (1.0 - seen))
    return draws.Chances(begin_prob=1.0 / ask.block, spoil_prob=spoil, lift_prob=lift, wins=wins, others=others)


def times_of(setting: Setting, ask: Ask) -> Time:
    """What tells the steps apart; on a path longer than the stream its days begin again."""
    repeats = -(-ask.trades // len(setting.stream))
    ends = np.tile(setting.stream.day_ends > 0, repeats)[: ask.trades]
    return Time(salts=draws.step_salts(ask.trades), day_ends=ends)


def starts_of(setting: Setting, salts: draws.Salts) -> Ints:
    """Before which trade each path begins: any, so that a block may begin it anywhere. Shapes: [B]."""
    return draws.starts(salts, len(setting.stream))


def plain(setting: Setting, ask: Ask) -> Simulated:
    """The simulation in NumPy, all paths at once, one trade after another."""
    salts = draws.path_salts(ask.seed, ask.paths)
    order = (chances_of(setting, ask), times_of(setting, ask))
    return _played(setting, order, salts, starts_of(setting, salts))


def realised(setting: Setting) -> Simulated:
    """The one path on which every trade comes once, in the order in which it came."""
    none = np.zeros(1)
    kept = draws.Chances(begin_prob=-1.0, spoil_prob=none, lift_prob=none, wins=none, others=none)
    times = times_of(setting, Ask(paths=1, trades=len(setting.stream)))
    return _played(replace(setting, uncertain=False), (kept, times), draws.path_salts(0, 1), np.array([-1]))


def _played(setting: Setting, order: tuple[draws.Chances, Time], salts: draws.Salts, starts: Ints) -> Simulated:
    chances, times = order
    place = np.arange(len(salts))

    def put(ring: Any, row: Any, value: Any) -> Any:
        ring[row, place] = value
        return ring

    ground = Ground(np, setting, tables_of(setting, chances), put)
    paths, steps = begin(np, setting, starts), []
    with np.errstate(all="ignore"):
        for t in range(len(times.salts)):
            paths, done = advance(ground, paths, salts, Time(times.salts[t], times.day_ends[t]))
            steps.append(done)
    whole = Step(*(np.stack([np.broadcast_to(getattr(s, name), len(salts)) for s in steps]) for name in Step._fields))
    return told(setting, paths, whole)


def told(setting: Setting, paths: Paths, steps: Step | None) -> Simulated:
    """What a run came to, in dollars."""
    kept: dict[str, Any] = {}
    if steps is not None:
        trade, lots, balance = (np.asarray(part) for part in steps)
        kept = {"trade": trade, "lots": lots, "balance_usd": balance / MICRO}
    return Simulated(
        start_usd=setting.account.start_usd,
        final_usd=np.asarray(paths.balance) / MICRO,
        drawdown_usd=np.asarray(paths.fall) / MICRO,
        drawdown_frac=np.asarray(paths.fall_frac),
        halted=np.asarray(paths.halted),
        ruined=np.asarray(paths.ruined),
        trades=np.asarray(paths.traded, dtype=np.int64),
        lots_total=np.asarray(paths.lots),
        **kept,
    )

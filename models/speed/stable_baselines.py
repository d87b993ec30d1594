"""Stable-Baselines3's PPO on a Gymnasium environment like ours; a program for a Python that has both.

    python stable_baselines.py TAPE.npz

One futures account over the same bars, with the same numbers shown, actions, stops, targets and costs, and lots by
`atr_risk`'s formula: what a user would write who does not write JAX. Prints steps a second as JSON.
"""

import json
import statistics
import sys
import time
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

OPEN_UP, HIGH_UP, LOW_UP, OPEN_DOWN, HIGH_DOWN, LOW_DOWN, CLOSE = range(7)
MAY_ENTER, MUST_LEAVE = 1, 2
MOVES, WINDOW, EPISODE_BARS, LOTS_MAX = 11, 20, 400, 12
TICK_USD, TICKS_PER_POINT, FEE_USD, SLIPPAGE_TICKS = 0.5, 4, 0.62, 1
BALANCE_USD, DRAWDOWN_USD, LOSS_MAX_USD = 50_000.0, 2_500.0, 500.0
ROUNDS = 3


class Futures(gymnasium.Env[NDArray[np.float32], np.int64]):
    """One account, from one decision on a closed bar to the next."""

    def __init__(self, tape: dict[str, NDArray[Any]], window: int) -> None:
        self.ticks, self.seen, self.atr = tape["ticks"], tape["seen"], tape["atr_points"] * TICKS_PER_POINT
        self.flags, self.starts, self.window = tape["flags"], tape["starts"], window
        width = self.seen.shape[1] + (window - 1) * MOVES + 14
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (width,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(6)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self.at = int(self.np_random.choice(self.starts))
        self.until = min(self.at + EPISODE_BARS, len(self.flags) - 2)
        self.side = self.lots = self.held = self.trailing = self.even = 0
        self.entry = self.stop = self.target = self.risk = self.best = 0
        self.balance = self.highest = BALANCE_USD
        return self._shown(), {}

    def step(self, action: np.int64) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        before = self.balance + self._open_usd(int(self.ticks[self.at, CLOSE]))
        self._act(int(action))
        self._through(self.ticks[self.at + 1], leave=bool(self.flags[self.at] & MUST_LEAVE))
        self.at += 1
        row = self.ticks[self.at]
        best, worst = (row[HIGH_DOWN], row[LOW_DOWN]) if self.side > 0 else (row[LOW_UP], row[HIGH_UP])
        self.highest = max(self.highest, self.balance + self._open_usd(int(best)))
        breached = self.balance + self._open_usd(int(worst)) <= self.highest - DRAWDOWN_USD
        equity = self.balance + self._open_usd(int(row[CLOSE]))
        return self._shown(), (equity - before) / LOSS_MAX_USD, breached, self.at >= self.until, {}

    def _act(self, action: int) -> None:
        close, atr = int(self.ticks[self.at, CLOSE]), float(self.atr[self.at])
        profit = self.side * (close - self.entry)
        if self.lots == 0 and action in (1, 2) and self.flags[self.at] & MAY_ENTER:
            self._enter(1 if action == 1 else -1, close, atr)
        elif self.lots and action == 3 and not self.even and profit >= 0.5 * atr:
            self.stop, self.even = self._tighter(self.entry), 1
        elif self.lots and action == 4 and profit >= self.risk:
            self.trailing = 1
        elif self.lots and action == 5:
            self.trailing = 0
        if self.lots and self.trailing:
            self.stop = self._tighter(self.best - self.side * round(atr))

    def _enter(self, side: int, close: int, atr: float) -> None:
        risk = max(1, int(np.ceil(min(1.5 * atr, LOSS_MAX_USD / TICK_USD))))
        room = self.balance - (self.highest - DRAWDOWN_USD)
        budget = min(LOSS_MAX_USD, 0.9 * room, 0.01 * self.balance)
        lots = min(LOTS_MAX, int(budget / (risk * TICK_USD + 2 * FEE_USD)))
        if lots > 0:
            row = self.ticks[self.at + 1]
            self.side, self.lots, self.risk, self.held = side, lots, risk, 0
            self.entry = self.best = int(row[OPEN_UP if side > 0 else OPEN_DOWN]) + side * SLIPPAGE_TICKS
            self.stop, self.target, self.trailing, self.even = close - side * risk, close + side * 3 * risk, 0, 0
            self.balance -= FEE_USD * lots

    def _through(self, row: NDArray[np.int32], *, leave: bool) -> None:
        """The stop counts before the target; what is gapped over fills at the open."""
        if not self.lots:
            return
        side = self.side
        first, worst, best = (
            (row[OPEN_DOWN], row[LOW_DOWN], row[HIGH_DOWN]) if side > 0 else (row[OPEN_UP], row[HIGH_UP], row[LOW_UP])
        )
        price = None
        if leave:
            price = first - side * SLIPPAGE_TICKS
        elif side * (worst - self.stop) <= 0:
            price = (first if side * (first - self.stop) <= 0 else self.stop) - side * SLIPPAGE_TICKS
        elif side * (best - self.target) >= 1:
            price = max(side * first, side * self.target) * side
        if price is None:
            self.held, self.best = self.held + 1, side * max(side * self.best, side * int(best))
            return
        self.balance += self._open_usd(int(price)) - FEE_USD * self.lots
        self.side = self.lots = 0

    def _tighter(self, candidate: int) -> int:
        return candidate if self.side * (candidate - self.stop) > 0 else self.stop

    def _open_usd(self, ticks: int) -> float:
        return self.side * (ticks - self.entry) * self.lots * TICK_USD

    def _shown(self) -> NDArray[np.float32]:
        atr, close = max(float(self.atr[self.at]), 1e-3), int(self.ticks[self.at, CLOSE])
        side = self.side if self.lots else 0
        off = [side * (ticks - close) / atr for ticks in (self.entry, self.stop, self.target)]
        open_r = -off[0] * atr / max(self.risk, 1)
        left = (self.balance - self.highest + DRAWDOWN_USD) / DRAWDOWN_USD
        own = [
            side, self.lots / LOTS_MAX, -off[0], off[1], off[2], self.held / 100, open_r, self.trailing,
            self.even, 1 - left, left, 1.0, float(self.flags[self.at] & MAY_ENTER), LOTS_MAX / 12,
        ]  # fmt: skip
        past = self.seen[max(0, self.at - self.window + 1) : self.at, :MOVES][::-1].ravel()
        return np.concatenate([self.seen[self.at], past, np.asarray(own, np.float32)]).astype(np.float32)


def steps_per_s(tape: dict[str, NDArray[Any]], window: int, envs: int, **settings: Any) -> float:
    """Training included; the median of some rounds after one that does not count."""
    made = DummyVecEnv([lambda: Futures(tape, window) for _ in range(envs)])
    policy = PPO("MlpPolicy", made, policy_kwargs={"net_arch": [128, 128]}, device="cpu", seed=1, **settings)
    steps, found = int(policy.n_steps) * envs, list[float]()
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        policy.learn(steps, reset_num_timesteps=False)
        found.append(steps / (time.perf_counter() - began))
    return statistics.median(found[1:])


def main() -> None:
    """Measure with its own settings, and with ours as far as it has them."""
    with np.load(sys.argv[1]) as file:
        tape = dict(file)
    like_ours = {"n_steps": 128, "n_epochs": 4, "batch_size": 512, "gamma": 0.95, "clip_range": 0.15}
    json.dump(
        {
            "sb3-own": steps_per_s(tape, 1, 1),
            "sb3": steps_per_s(tape, 1, 16, **like_ours),
            "sb3-wide": steps_per_s(tape, WINDOW, 16, **like_ours),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()

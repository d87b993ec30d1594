"""The law of the limits: random actions, and an account kept by hand beside the environment's.

python -m tests.laws.event_limits --steps 1000000 [--recordings FOLDER ...]

A third of the actions are drawn from all 21, whatever is legal; the rest from what the mask allows. Half of the
environments seldom sell, so that positions grow to their limits. After each step all
is reckoned again in whole cents, by nothing but what was ordered and filled: position, cash, fees, what closing made,
and each limit at the time of the order. Whatever is not as it must be is counted under its own name.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from gamma.actions import LOTS, OPENS, SIDES
from gamma.feeds.events import BITCOIN_15M, Tape, simulate
from gamma.markets import event_fee_cents
from models.events import env
from models.events.quotes import read
from models.events.records import Course, Seen, State
from models.events.sizes import equity_cents, legal, look
from tests.models.events.market_case import CHAIN, course_of

ENVS: Final = 500
CHUNK: Final = 100
MARKETS: Final = 400
BALANCES_USD: Final = (60.0, 1_000.0, 10_000.0)
"""At 60 usd the cash binds, at 1,000 the share of the portfolio, at 10,000 position and order value."""
FREELY: Final = 1 / 3
SELDOM: Final = 4.0
SELLS: Final = ~np.array(OPENS) & (np.array(SIDES) != 0)
POSITION_MAX, VALUE_MAX_CENTS, SHARE_MAX, CASH_MIN_CENTS = 500, 50_000, 0.20, 5_000
FEES: Final = np.array([[event_fee_cents(lots, price) for price in range(100)] for lots in range(101)])

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Took(NamedTuple):
    """One step: where it began, what was asked and seen of it, where it ended. Shapes: [T, B]."""

    before: State
    after: State
    seen: Seen
    action: Array
    allowed: Array
    yes_bid: Array
    no_bid: Array
    equity_cents: Array


@final
@dataclass(slots=True)
class Counted:
    """How often each law was looked at, and how often it was broken."""

    looked: dict[str, int]
    broken: dict[str, int]

    def held(self, name: str, where: Flags, holds: Flags) -> None:
        """Count one law, where it applies."""
        self.looked[name] = self.looked.get(name, 0) + int(where.sum())
        self.broken[name] = self.broken.get(name, 0) + int((where & ~holds).sum())


def played(course: Course, steps: int, seed: int) -> Iterator[Took]:
    """So many random steps or a few more, in chunks."""
    run = jax.jit(partial(_chunk, course))
    state, key = env.reset(course, jnp.arange(ENVS, dtype=jnp.uint32) + seed), jax.random.key(seed)
    for _ in range(-(-steps // (ENVS * CHUNK))):
        key, own = jax.random.split(key)
        state, took = run(state, own)
        yield jax.device_get(took)


def _chunk(course: Course, state: State, key: Array) -> tuple[State, Took]:
    def one(state: State, key: Array) -> tuple[State, Took]:
        mask, at = legal(course, state), look(course, state)
        drawn, free = jax.random.split(key)
        freely = jax.random.uniform(free, (ENVS,)) < FREELY
        logits = jnp.where(mask | freely[:, None], -SELDOM * (jnp.arange(ENVS) % 2)[:, None] * SELLS, -1e9)
        action = jax.random.categorical(drawn, logits).astype(jnp.int32)
        after, seen = env.step(course, state, action)
        allowed = jnp.take_along_axis(mask, action[:, None], axis=1)[:, 0]
        worth = equity_cents(state, at.middle)
        return after, Took(state, after, seen, action, allowed, at.yes_bid, at.no_bid, worth)

    return jax.lax.scan(one, state, jax.random.split(key, CHUNK))


def check(took: Took, counted: Counted) -> None:
    """Reckon every step again by hand, in whole numbers of 64 bits, and count what is not as it must be."""
    before, after, seen = (_whole(record) for record in (took.before, took.after, took.seen))
    live = before["over"] == 0
    act = np.where(took.allowed, took.action, 0)
    side, lots, price, filled = seen["side"], seen["ordered_lots"], seen["price_cents"], seen["filled_lots"]
    held, opens = before["lots"], np.array(OPENS)[act] & live
    cost = np.where(side > 0, price, 100 - price)
    orders = live & (lots > 0)
    counted.held("an illegal action orders nothing", live & ~took.allowed, lots == 0)
    counted.held("an order is of its action's side", orders, side == np.array(SIDES)[act])
    counted.held("a buy is of its action's size", opens, lots == np.array(LOTS)[act])
    counted.held("prices lie within 1 and 99", orders, (price >= 1) & (price <= 99))
    counted.held("sizes lie within 0 and 100", live, (lots >= 0) & (lots <= 100))
    ask = 100 - took.no_bid
    waits = np.where(side > 0, price < ask, price > took.yes_bid)
    counted.held("a buy takes nothing", opens, waits)
    counted.held("nothing is bought against what is held", opens, held * side >= 0)
    sells = orders & ~opens
    counted.held("a sale closes, and no more than is held", sells, (held * side < 0) & (lots <= np.abs(held)))
    counted.held("no more fills than was ordered", live, (filled >= 0) & (filled <= lots))
    counted.held("the position moves by what was filled", live, after["lots"] == held + side * filled)
    counted.held("fees are exact", live, seen["fee_cents"] == FEES[filled, np.clip(price, 0, 99)])
    moved = np.where(opens, -filled * cost, filled * (100 - cost)) - FEES[filled, np.clip(price, 0, 99)]
    counted.held("cash is conserved to the cent", live, after["cash_cents"] == before["cash_cents"] + moved)
    counted.held("cash is never below 0", live, after["cash_cents"] >= 0)
    counted.held("who is flat has paid for nothing", live & (after["lots"] == 0), after["paid_cents"] == 0)
    # The limits, at the time of the order.
    worst = np.abs(held) + lots
    counted.held("position of 500 at most", opens, worst <= POSITION_MAX)
    counted.held("order value of 500 usd at most", opens, lots * cost <= VALUE_MAX_CENTS)
    share = worst * cost <= SHARE_MAX * took.equity_cents * (1 + 1e-5)
    counted.held("20 % of the portfolio at most", opens, share)
    keeps = before["cash_cents"] - lots * cost - FEES[np.clip(lots, 0, 100), np.clip(price, 0, 99)] >= CASH_MIN_CENTS
    counted.held("50 usd stay in cash", opens, keeps)


def _whole(record: Any) -> Mapping[str, Ints]:
    return {name: np.asarray(value).astype(np.int64) for name, value in record._asdict().items()}


def counted_over(
    steps: int, balances_usd: Sequence[float] = BALANCES_USD, without: str = "", tape: Tape | None = None
) -> Counted:
    """The laws over so many steps, as many at each balance; `without` one of the sizers, to see what it is for.

    In simulated markets, or in those of a tape.
    """
    counted = Counted(looked={}, broken={})
    sizers = tuple(sizer for name, sizer in CHAIN.items() if name != without)
    for seed, balance_usd in enumerate(balances_usd, start=1):
        drawn = simulate(BITCOIN_15M, np.random.default_rng(seed), MARKETS) if tape is None else tape
        course = course_of(drawn, sizers, balance_usd=balance_usd)
        for took in played(course, -(-steps // len(balances_usd)), seed):
            counted.held("steps", np.ones(took.action.shape, bool), np.ones(took.action.shape, bool))
            check(took, counted)
    return counted


def main() -> int:
    """Count, and tell; 1 where a law was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--recordings", type=Path, nargs="+", metavar="FOLDER", help="play in these instead")
    chosen = parser.parse_args()
    counted = counted_over(chosen.steps, tape=read(chosen.recordings)[0] if chosen.recordings else None)
    for name, looked in counted.looked.items():
        sys.stdout.write(f"{name:45}{looked:>12,}{counted.broken[name]:>8,} broken\n")
    return int(any(counted.broken.values()))


if __name__ == "__main__":
    raise SystemExit(main())

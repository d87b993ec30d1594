"""What is told of training: sums over a rollout's decisions, and the figures that they make. Units last in names."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
from jax import Array

from models.futures.records import CENTS, Course, Seen, State, Terms
from models.futures.schema import Action, actions
from models.futures.sight import legal

LEARNED = ("reward", "policy_loss", "value_loss", "entropy", "divergence")


def sums_of(course: Course, state: State, action: Array, seen: Seen) -> dict[str, Array]:
    """What is told of a step, summed over the environments of one market."""
    allowed, live = legal(course, state), state.over == 0
    enters = live & allowed[:, Action.BUY]
    manages = live & allowed[:, Action.SL_TO_BE :].any(axis=1)
    decides = enters | manages
    closed = seen.closed_lots > 0
    return {
        "decisions": live.sum(),
        "trades": closed.sum(),
        "wins": (closed & (seen.pnl_cents > 0)).sum(),
        "won_cents": jnp.maximum(seen.pnl_cents, 0).sum().astype(jnp.float32),
        "lost_cents": jnp.maximum(-seen.pnl_cents, 0).sum().astype(jnp.float32),
        "lots": seen.closed_lots.sum(),
        "breaches": seen.terminated.sum(),
        "episodes": (seen.terminated | seen.truncated).sum(),
        "enters": enters.sum(),
        "entry_holds": (enters & (action == Action.HOLD)).sum(),
        "manages": manages.sum(),
        "managed": (manages & (action >= Action.SL_TO_BE)).sum(),
        "decides": decides.sum(),
        **{f"took_{a.name.lower()}": (decides & (action == a)).sum() for a in actions(course.terms.phase)},
    }


def peaks_of(state: State, after: State, seen: Seen) -> dict[str, Array]:
    """The deepest fall of open equity below its highest of the episode, at the bar's adverse extreme [cents]."""
    fall = jnp.where(state.over == 0, after.reference_cents - seen.equity_low_cents, 0)
    return {"drawdown_cents": fall.max().astype(jnp.float32)}


def figures(terms: Sequence[Terms], told: Mapping[str, Any]) -> dict[str, float]:
    """The figures of an update; of several markets together, then of each what it made.

    `return_usd` is what closed trades made, by episodes that ended. `entry_hold_frac` is how often the
    policy held where an entry was legal, `manage_frac` how often it managed where that was.
    """
    each = [{name: float(value) for name, value in sums.items()} for sums in told["figures"]]
    total = {name: sum(one[name] for one in each) for name in each[0]}
    peaks = max(float(one["drawdown_cents"]) for one in told["peaks"])
    trades, entries = max(total["trades"], 1.0), max(total["took_buy"] + total["took_sell"], 1.0)
    found = {
        **{name: float(told[name]) for name in LEARNED},
        "return_usd": _return_usd(total),
        "trades": total["trades"],
        "win_frac": total["wins"] / trades,
        "profit_factor": total["won_cents"] / max(total["lost_cents"], 1.0),
        "pnl_usd_per_trade": (total["won_cents"] - total["lost_cents"]) / CENTS / trades,
        "lots_per_trade": total["lots"] / trades,
        "drawdown_max_usd": peaks / CENTS,
        "breaches": total["breaches"],
        "entry_hold_frac": total["entry_holds"] / max(total["enters"], 1.0),
        "manage_frac": total["managed"] / max(total["manages"], 1.0),
        "long_frac": total["took_buy"] / entries,
    }
    for action in actions(terms[0].phase):
        found[f"{action.name.lower()}_frac"] = total[f"took_{action.name.lower()}"] / max(total["decides"], 1.0)
    if len(terms) > 1:
        for of, sums in zip(terms, each, strict=True):
            found[f"return_usd_{of.market.symbol.lower()}"] = _return_usd(sums)
    return found


def _return_usd(sums: Mapping[str, float]) -> float:
    return (sums["won_cents"] - sums["lost_cents"]) / CENTS / max(sums["episodes"], 1.0)

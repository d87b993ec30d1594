"""What markets of one question are like: how they move, and what stands and trades in their books."""

from dataclasses import dataclass
from typing import Final, final


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EventShape:
    """How event markets behave, from one look to the next.

    Each asks whether something that wanders ends above a line: it lies `z` above it, in standard deviations of the time
    from open to close, and begins `start_sd` around it. In all its moves come to 1 in that time, so that what YES is
    worth is exactly the chance that it ends above, given `z` and how much of its moves is left. They cluster: the log
    of their size is an autoregression of deviation `vol_sd` that keeps `vol_kept`. News makes it leap with `jump_prob`
    a look, by `jump_vols` moves. Quotes make up `reach` of what they lag behind its worth, and err by `error_sd_cents`.

    The spread is 1, 2, ... cents with `spread_probs`, and stays with `spread_kept`. `depth_logs` is the mean log of
    what is bid on each level, best first, with deviation `depth_sd`, of which a level keeps `depth_kept`; it is deeper
    by `depth_lean` for each cent that the market lags on it, and by up to `depth_ends` at the last ten cents. What
    trades has a mean log `flow_log`, deviation `flow_sd` and keeps `flow_kept`; `flow_lean` of it more goes with each
    cent of the next move. Once nobody offers one of the sides any more, it has `decided_flow_log` and
    `decided_flow_sd` instead.
    """

    open_s: float
    start_sd: float
    vol_sd: float
    vol_kept: float
    jump_prob: float
    jump_vols: float
    reach: float
    error_sd_cents: float
    spread_probs: tuple[float, ...]
    spread_kept: float
    depth_logs: tuple[float, ...]
    depth_sd: float
    depth_kept: float
    depth_lean: float
    depth_ends: float
    flow_log: float
    flow_sd: float
    flow_kept: float
    flow_lean: float
    decided_flow_log: float
    decided_flow_sd: float


# Made by `python -m models.events.fit` from 24 recordings of Kalshi's 15-minute markets on bitcoin (KXBTC15M: 37
# of them, 2,781 looks of 5 s, May 2026); docs/events.md shows how near it comes, and what it cannot tell.
BITCOIN_15M: Final = EventShape(
    open_s=900.0,
    start_sd=0.1888,
    vol_sd=1.0,
    vol_kept=0.97,
    jump_prob=0.02,
    jump_vols=12.0,
    reach=0.6857,
    error_sd_cents=1.268,
    spread_probs=(0.8178, 0.1655, 0.0167),
    spread_kept=0.1312,
    depth_logs=(5.9279, 5.9855, 6.1422, 5.8547, 5.522),
    depth_sd=1.4533,
    depth_kept=0.2164,
    depth_lean=0.2206,
    depth_ends=2.4037,
    flow_log=7.9586,
    flow_sd=1.0142,
    flow_kept=0.4587,
    flow_lean=0.0461,
    decided_flow_log=4.509,
    decided_flow_sd=3.6632,
)

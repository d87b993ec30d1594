"""The simulator fitted to recorded order books: each number of the shape is led to where its figure is as recorded.

python -m models.events.fit FOLDER ... --picture fit.png
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from gamma.errors import InputInvalid
from gamma.feeds.events.shape import EventShape
from gamma.feeds.events.simulator import simulate
from gamma.feeds.events.tape import LEVELS, Tape
from models.events.compared import compared, lines
from models.events.fit_picture import draw
from models.events.measures import SHARES, like, measured
from models.events.quotes import read

SEED: Final = 1
COPIES: Final = 16
"""Simulated markets for each recorded one."""
ROUNDS: Final = 20
# What a recording of some hours cannot tell apart from the rest, and is taken to be so.
JUMP_PROB: Final = 0.02
VOL_KEPT: Final = 0.97
# Beyond it the little that else happens would not move a quote.
JUMP_VOLS_MAX: Final = 12.0
VOL_SD_MAX: Final = 1.0
# Beyond it the levels of a side would rise and fall together, which those that were recorded do not.
DEPTH_LEAN_MAX: Final = 0.7


def fitted(recorded: Tape, open_s: float) -> EventShape:
    """The shape whose simulated markets, cut to the same stretches, have the figures of the recorded ones.

    As near as it comes in `ROUNDS`.
    """
    real = measured(recorded)
    shape = _begun(real, open_s)
    for _ in range(ROUNDS):
        rng = np.random.default_rng(SEED)  # the same draws in each round: only the shape moves
        shape = _nearer(shape, real, measured(like(simulate(shape, rng, COPIES * len(recorded)), recorded)))
    return shape


def _begun(real: Mapping[str, float], open_s: float) -> EventShape:
    one, two = real["spread of 1 cent"], real["spread of 2 cents"]
    return EventShape(
        open_s=open_s,
        start_sd=0.5,
        vol_sd=0.4,
        vol_kept=VOL_KEPT,
        jump_prob=JUMP_PROB,
        jump_vols=4.0,
        reach=0.8,
        error_sd_cents=0.4,
        spread_probs=(one, two, max(0.0, 1 - one - two)),
        spread_kept=0.2,
        depth_logs=tuple(real[f"log of bids, level {level + 1}"] for level in range(LEVELS)),
        depth_sd=real["log of bids, deviation"],
        depth_kept=max(0.0, real["best bid, after one look"]),
        depth_lean=0.3,
        depth_ends=3.0,
        flow_log=real["log of trades"],
        flow_sd=real["log of trades, deviation"],
        flow_kept=real["trades, after one look"],
        flow_lean=0.04,
        decided_flow_log=real["log of trades, decided"],
        decided_flow_sd=real["log of trades, decided, deviation"],
    )


def _nearer(shape: EventShape, real: Mapping[str, float], got: Mapping[str, float]) -> EventShape:
    """One step of each number towards its own figure."""

    def ratio(name: str, power: float = 1.0) -> float:
        """How much more there should be of it, and at most half as much again."""
        return float(np.clip(max(real[name], 1e-3) / max(got[name], 1e-3), 0.67, 1.5) ** power)

    def short(name: str) -> float:
        return real[name] - got[name]

    middle, far, last = (f"move, {share:.0%} of looks within" for share in SHARES[1:])
    one = float(np.clip(shape.spread_probs[0] + short("spread of 1 cent"), 0.0, 1.0))
    two = float(np.clip(shape.spread_probs[1] + short("spread of 2 cents"), 0.0, 1.0 - one))
    tail = real[far] / real[middle] / (got[far] / got[middle])
    return replace(
        shape,
        start_sd=shape.start_sd * ratio("start, deviation"),
        vol_sd=float(np.clip(shape.vol_sd + 0.5 * (tail - 1), 0.0, VOL_SD_MAX)),
        jump_vols=float(np.clip(shape.jump_vols * ratio(last, 0.5), 1.0, JUMP_VOLS_MAX)),
        reach=float(np.clip(shape.reach - 0.5 * short(_over(6)), 0.2, 1.0)),
        error_sd_cents=float(np.clip(shape.error_sd_cents - 1.0 * (short(_over(3)) - short(_over(6))), 0.0, 2.0)),
        spread_probs=(one, two, 1.0 - one - two),
        spread_kept=float(np.clip(shape.spread_kept + short("spread as one look before"), 0.0, 0.99)),
        depth_logs=tuple(mean + short(f"log of bids, level {k + 1}") for k, mean in enumerate(shape.depth_logs)),
        depth_sd=shape.depth_sd * ratio("log of bids, deviation"),
        depth_kept=float(np.clip(shape.depth_kept + short("best bid, after one look"), 0.0, 0.99)),
        depth_lean=min(shape.depth_lean * ratio("lean of the book with the next 3 looks", 0.5), DEPTH_LEAN_MAX),
        depth_ends=shape.depth_ends + short("log of bids within 5 cents of an end"),
        flow_log=shape.flow_log + short("log of trades"),
        flow_sd=shape.flow_sd * ratio("log of trades, deviation"),
        flow_kept=float(np.clip(shape.flow_kept + short("trades, after one look"), 0.0, 0.99)),
        flow_lean=shape.flow_lean * ratio("share bought with the move", 0.5),
        decided_flow_log=shape.decided_flow_log + short("log of trades, decided"),
        decided_flow_sd=shape.decided_flow_sd * ratio("log of trades, decided, deviation"),
    )


def _over(looks: int) -> str:
    return f"variance over {looks} looks, to {looks} times that over 1"


def main(arguments: list[str] | None = None) -> int:
    """Fit, and tell how near it comes; 1 where the recordings cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="recordings; see models.events.quotes")
    parser.add_argument("--open-s", type=float, default=900.0, help="how long each market is open [s]")
    parser.add_argument("--picture", type=Path, help="where to draw the comparison, as PNG")
    chosen = parser.parse_args(arguments)
    try:
        recorded, _ = read(chosen.folders, chosen.open_s)
    except InputInvalid as error:
        sys.stderr.write(f"{error}\n")
        return 1
    shape = rounded(fitted(recorded, chosen.open_s))
    found = compared(shape, recorded)
    for line in (f"{name} = {value}" for name, value in asdict(shape).items()):
        sys.stdout.write(f"{line}\n")
    for line in ("", *lines(found)):
        sys.stdout.write(f"{line}\n")
    if chosen.picture:
        draw(found, chosen.picture)
    return 0


def rounded(shape: EventShape, digits: int = 4) -> EventShape:
    """The shape in so many digits: what lies behind them no recording tells, and a constant in the code is read."""
    probs = [round(prob, digits) for prob in shape.spread_probs]
    kept: dict[str, Any] = {
        name: round(value, digits) if isinstance(value, float) else tuple(round(one, digits) for one in value)
        for name, value in asdict(shape).items()
    }
    return EventShape(**kept | {"spread_probs": (*probs[:-1], round(1 - sum(probs[:-1]), digits))})


if __name__ == "__main__":
    raise SystemExit(main())

"""A policy that chooses its size held against one of a fixed size, in the same markets, market by market.

    python -m models.events.comparison runs/btc runs/btc-10 --choose 1001 --markets 8000 --seed 2002
    python -m models.events.comparison VARIABLE FIXED --recordings FOLDER ... --seal OUT_VARIABLE OUT_FIXED

Both trade each market from its opening, each with an account of its own, by the legal action that they prefer: as they
are served. Of a run that checkpoint is taken which trades best in other simulated markets, those of the seed --choose:
by what its fills were worth at the next look, less fees. What becomes of them until the close is nearly all chance.
--seal writes both anew with what was found on their cards.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, final

import jax
import numpy as np

from gamma import plugins, stats
from gamma.actions import LOTS, SIZES_LOTS
from gamma.errors import InputInvalid
from gamma.feeds.events import BITCOIN_15M, Tape, simulate
from gamma.markets import market
from models import runs
from models.cards import Figure
from models.events import cards
from models.events.checkpoints import EventCheckpoint, load, save
from models.events.held_out import Played, greedy, played, walked
from models.events.lessons import REAL_FROM_FRAC
from models.events.markets import markets_of
from models.events.quotes import read
from models.events.records import Course, Terms, world_of


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How one of both did, a market: P&L with its 95 % interval, deviation and worst, orders, and what filled.

    `traded_usd` is what its fills were worth at the next look, less fees.
    """

    name: str
    pnl_usd: float
    low_usd: float
    high_usd: float
    traded_usd: float
    traded_low_usd: float
    traded_high_usd: float
    deviation_usd: float
    worst_usd: float
    orders: float
    lots_per_order: float
    filled_frac: float
    fees_usd: float
    filled_by_size: dict[int, int]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Both, and how much more the first made of each market than the second, with its 95 % interval [usd]."""

    markets: int
    rows: tuple[Row, Row]
    more_usd: float
    low_usd: float
    high_usd: float
    more_traded_usd: float
    traded_low_usd: float
    traded_high_usd: float


def compared(both: Sequence[EventCheckpoint], names: Sequence[str], tape: Tape) -> Compared:
    """Both policies in every market of the tape.

    Raises: InputInvalid where they were not trained for equal accounts, or by equal chains.
    """
    first, second = (one.card.conditions for one in both)
    if (first.balance_usd, first.chain) != (second.balance_usd, second.chain):
        raise InputInvalid("they were trained for other accounts, or with other sizers; compare two that are alike")
    world = world_of(tape)
    found = [played(Course(terms_of(one), world), greedy(one.tensors)) for one in both]
    more = found[0].pnl_usd - found[1].pnl_usd
    low, high = stats.bootstrap(more, stats.mean)
    traded = found[0].traded_usd - found[1].traded_usd
    traded_low, traded_high = stats.bootstrap(traded, stats.mean)
    rows = [_row(name, one) for name, one in zip(names, found, strict=True)]
    return Compared(
        markets=len(tape),
        rows=(rows[0], rows[1]),
        more_usd=float(more.mean()),
        low_usd=low,
        high_usd=high,
        more_traded_usd=float(traded.mean()),
        traded_low_usd=traded_low,
        traded_high_usd=traded_high,
    )


def terms_of(checkpoint: EventCheckpoint) -> Terms:
    """The terms that its card tells of: its account, its sizes, and its sizers with their parameters."""
    told = checkpoint.card.conditions
    named = [text.partition(" ") for text in told.chain]
    return Terms(
        market=market(checkpoint.card.markets[0]),
        sizers=tuple(plugins.build(plugins.SIZERS, name, json.loads(params or "{}")) for name, _, params in named),
        balance_usd=told.balance_usd,
        sizes_lots=told.sizes_lots,
        open_s=told.open_s,
    )


def chosen(where: Path, tape: Tape) -> Path:
    """The checkpoint itself, or that of a run's which trades best in these markets, of those that knew real costs."""
    last = runs.last_checkpoint(where)
    if last is None:
        return where
    real_from = REAL_FROM_FRAC * int(last.name)
    found = sorted(one for one in last.parent.iterdir() if one.name.isdigit() and int(one.name) >= real_from)
    loaded = [load(one, pinned_sha256=None) for one in found]
    world, terms = world_of(tape), terms_of(loaded[0])
    act = jax.jit(lambda tensors: walked(terms, greedy(tensors), world)[0]["traded_usd"].mean())
    made = [float(act(dict(one.tensors))) for one in loaded]
    return found[int(np.argmax(made))]


def evaluation(found: Compared, of: int, tape: Tape, source: str) -> cards.Evaluation:
    """What a card tells of it, of the first or of the second.

    Recordings are called in sample: the simulator that the policy learned in was fitted to such as these.
    """
    row, sign, real = found.rows[of], 1 - 2 * of, not source.startswith("simulator")
    low, high = sorted((sign * found.low_usd, sign * found.high_usd))
    figures = [
        _figure("pnl_usd_per_market", row.pnl_usd, row.low_usd, row.high_usd),
        _figure(f"more_than_{('fixed', 'variable')[of]}_size_usd_per_market", sign * found.more_usd, low, high),
        _figure("traded_usd_per_market", row.traded_usd, row.traded_low_usd, row.traded_high_usd),
        *(_figure(name, getattr(row, name)) for name in _PLAIN),
        *(_figure(f"filled_by_{size}_lots", lots) for size, lots in row.filled_by_size.items()),
    ]
    return cards.Evaluation(
        name="replayed recordings" if real else "held-out simulated markets",
        out_of_sample=not real,
        markets=markets_of(tape, source, real=real),
        served="greedy",
        not_qualified=cards.NO_EDGE,
        figures=tuple(figures),
    )


_PLAIN: Final = ("deviation_usd", "worst_usd", "orders", "lots_per_order", "filled_frac", "fees_usd")


def _figure(name: str, value: float, low: float = math.nan, high: float = math.nan) -> Figure:
    known = math.isfinite(low) and math.isfinite(high)
    return Figure(name=name, value=value, low=low if known else None, high=high if known else None)


def _row(name: str, one: Played) -> Row:
    low, high = stats.bootstrap(one.pnl_usd, stats.mean)
    traded_low, traded_high = stats.bootstrap(one.traded_usd, stats.mean)
    by_size = {size: int(one.lots[[lots == size for lots in LOTS]].sum()) for size in SIZES_LOTS}
    return Row(
        name=name,
        pnl_usd=float(one.pnl_usd.mean()),
        low_usd=low,
        high_usd=high,
        traded_usd=float(one.traded_usd.mean()),
        traded_low_usd=traded_low,
        traded_high_usd=traded_high,
        deviation_usd=float(one.pnl_usd.std()),
        worst_usd=float(one.pnl_usd.min()),
        orders=float(one.orders.mean()),
        lots_per_order=float(one.ordered_lots.sum() / max(one.orders.sum(), 1.0)),
        filled_frac=float(one.filled_lots.sum() / max(one.ordered_lots.sum(), 1.0)),
        fees_usd=float(one.fee_usd.mean()),
        filled_by_size=by_size,
    )


def tapes(markets: int, seed: int, recordings: Sequence[Path]) -> Iterator[tuple[str, Tape]]:
    """The markets to compare in: simulated, then recorded."""
    if markets:
        yield f"simulator KXBTC15M seed {seed}", simulate(BITCOIN_15M, np.random.default_rng(seed), markets)
    if recordings:
        yield f"{len(recordings)} recordings, {recordings[0].name} and on", read(recordings)[0]


def main() -> None:
    """Compare, tell of it, and write it on the cards."""
    asked = _asked()
    ground = simulate(BITCOIN_15M, np.random.default_rng(asked.choose), asked.choose_markets)
    folders = [chosen(where, ground) for where in (asked.variable, asked.fixed)]
    both = [load(folder, pinned_sha256=None) for folder in folders]
    told: list[dict[str, Any]] = []
    written: tuple[list[cards.Evaluation], list[cards.Evaluation]] = ([], [])
    for source, tape in tapes(asked.markets, asked.seed, asked.recordings):
        found = compared(both, ("variable", "fixed"), tape)
        told.append({"source": source, **asdict(found)})
        for of in (0, 1):
            written[of].append(evaluation(found, of, tape, source))
    sys.stdout.write(
        json.dumps({"variable": str(folders[0]), "fixed": str(folders[1]), "found": told}, indent=1) + "\n"
    )
    for out, one, added in zip(asked.seal or (), both, written, strict=False):
        card = one.card.model_copy(update={"evaluations": (*one.card.evaluations, *added)})
        sys.stdout.write(f"{out} {save(out, one.tensors, cards.Card.model_validate(card.model_dump()))}\n")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variable", type=Path)
    parser.add_argument("fixed", type=Path)
    parser.add_argument("--choose", type=int, default=1001, metavar="SEED")
    parser.add_argument("--choose-markets", type=int, default=8_000)
    parser.add_argument("--markets", type=int, default=8_000)
    parser.add_argument("--seed", type=int, default=2002)
    parser.add_argument("--recordings", type=Path, nargs="*", default=[])
    parser.add_argument("--seal", type=Path, nargs=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()

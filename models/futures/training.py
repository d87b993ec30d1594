"""Train futures policies: bars of markets and their sizer chains in, a run's folder with checkpoints out."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, final

from gamma.ports import TrainingBars, TrainingOrder, TrainingRival, TrainingTold
from models import cards, carry, checkpoints, ppo, runs, training
from models.checkpoints import Checkpoint, Tensors
from models.futures.deadlines import Deadlines
from models.futures.figures import figures
from models.futures.held_out import compared
from models.futures.orders import program_of, terms_of
from models.futures.picture import draw
from models.program import Program
from models.spread import use_cores
from models.training import Training


@final
class FuturesTrainer:
    """Trains futures policies: one or more markets, one policy a seed."""

    def train(self, order: TrainingOrder) -> Iterator[TrainingTold]:
        use_cores()
        parent = carry.source(order.begin_from, order.window_bars, tuple(order.hidden)) if order.begin_from else None
        program = program_of(order)
        training.begin(order, "futures", _same(order, parent))
        return training.going(_training(order, program, parent))

    def compare(self, order: TrainingOrder, checkpoint: Path) -> Sequence[TrainingRival]:
        found = compared(order, checkpoints.load(checkpoint, pinned_sha256=None).tensors)
        told = {"checkpoint": checkpoint.name, "rivals": [asdict(one) for one in found]}
        runs.replace(checkpoint.parents[1] / runs.HELD_OUT, (json.dumps(told, indent=1) + "\n").encode())
        return found

    def picture(self, folder: Path) -> Path:
        return draw(folder)


def _training(order: TrainingOrder, program: Program, parent: Checkpoint | None) -> Training:
    terms = [terms_of(order, market) for market in order.markets]

    def keep(seed: int, done: int, tensors: Tensors) -> Path:
        card = _card(order, parent, seed, done * program.batch)
        written = runs.Written(tensors=tensors, save=lambda to: checkpoints.save(to, tensors, card), load=_tensors)
        return runs.keep(runs.member(order.out, program.seeds, seed), done, written)

    def begun() -> ppo.Train:
        train = program.begin()
        return carry.carried(train, parent) if parent else train

    return Training(order=order, program=program, figures=lambda told: figures(terms, told), keep=keep, begun=begun)


def _tensors(folder: Path) -> Tensors:
    return checkpoints.load(folder, pinned_sha256=None).tensors


def _same(order: TrainingOrder, parent: Checkpoint | None) -> dict[str, Any]:
    """What must not change while a run goes on."""
    return {
        "bars": {
            of.market.symbol: [[one.name, one.sha256, len(one.series)] for one in of.bars] for of in order.markets
        },
        "phase": order.phase,
        "window": order.window_bars,
        "bonuses": [order.entry_bonus_usd, order.manage_bonus_usd],
        "beginning": parent.sha256 if parent else None,
        **training.same_of(order),
    }


def _card(order: TrainingOrder, parent: Checkpoint | None, seed: int, steps: int) -> cards.Card:
    own = [bars_of(one) for market in order.markets for one in market.bars]
    learned = {bars.model_dump_json(): bars for bars in (*(parent.card.training.bars if parent else ()), *own)}
    return cards.Card(
        format=1,
        notice=cards.NOTICE,
        markets=tuple(of.market.symbol for of in order.markets),
        kind="futures",
        phase=1 if order.phase == 1 else 2,
        actions=cards.names(order.phase),
        window_bars=order.window_bars,
        hidden=tuple(order.hidden),
        created_utc=datetime.now(UTC).replace(microsecond=0),
        conditions=cards.conditions_of(terms_of(order, order.markets[0]), Deadlines(), order),
        seen=cards.seen_of(order.phase, order.window_bars),
        training=cards.Training(
            bars=tuple(learned.values()),
            seed=seed,
            steps=steps,
            code_commit=order.code_commit,
            config_sha256=order.config_sha256,
            began_from_sha256=parent.sha256 if parent else None,
        ),
    )


def bars_of(given: TrainingBars) -> cards.Bars:
    """Bars as a card tells of them."""
    ends = given.series.ts_close_utc_ns[[0, -1]].tolist()
    first, last = (datetime.fromtimestamp(ts / 1e9, UTC).replace(microsecond=0) for ts in ends)
    return cards.Bars(name=given.name, sha256=given.sha256, bars=len(given.series), first_utc=first, last_utc=last)

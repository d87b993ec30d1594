"""Train futures policies: bars of markets and their sizer chains in, a run's folder with checkpoints out."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, final

import jax
import numpy as np

from gamma.errors import InputInvalid
from gamma.ports import TrainingBars, TrainingOrder, TrainingRival, TrainingTold
from models import cards, carry, checkpoints, ppo, resume, runs
from models.checkpoints import Checkpoint
from models.futures.deadlines import Deadlines
from models.futures.figures import figures
from models.futures.held_out import compared
from models.futures.orders import program_of, terms_of
from models.futures.picture import draw
from models.futures.program import Program
from models.spread import use_cores


@final
class FuturesTrainer:
    """Trains futures policies: one or more markets, one policy a seed."""

    def train(self, order: TrainingOrder) -> Iterator[TrainingTold]:
        use_cores()
        parent = carry.source(order.begin_from, order.window_bars, tuple(order.hidden)) if order.begin_from else None
        program = program_of(order)
        same = _same(order, parent)
        if order.resume:
            runs.check_same(order.out, same)
        else:
            told = {"run_id": order.run_id, "seeds": list(order.seeds), "asked": dict(order.asked), "same": same}
            runs.begin(order.out, told)
        return _going(order, program, parent)

    def compare(self, order: TrainingOrder, checkpoint: Path) -> Sequence[TrainingRival]:
        found = compared(order, checkpoints.load(checkpoint, pinned_sha256=None).tensors)
        told = {"checkpoint": checkpoint.name, "rivals": [asdict(one) for one in found]}
        runs.replace(checkpoint.parents[1] / runs.HELD_OUT, (json.dumps(told, indent=1) + "\n").encode())
        return found

    def picture(self, folder: Path) -> Path:
        return draw(folder)


def _going(order: TrainingOrder, program: Program, parent: Checkpoint | None) -> Iterator[TrainingTold]:
    with runs.held(order.out):
        yield from _updates(order, program, parent)


def _updates(order: TrainingOrder, program: Program, parent: Checkpoint | None) -> Iterator[TrainingTold]:
    """Update by update; the state is kept where a run stops, or is stopped."""
    train, done = _begun(order, program, parent)
    update, train = program.updater(train)
    kept = done
    try:
        while done < program.config.updates:
            before = time.monotonic()
            train, raw = update(train)
            raw = jax.device_get(raw)
            done += 1
            told = [figures(program.terms, program.part(raw, seed)) for seed in program.seeds]
            _check(order, program, raw, told)
            rate = program.batch * len(program.seeds) / (time.monotonic() - before)
            for seed, one in zip(program.seeds, told, strict=True):
                line = {"update": done, "steps": done * program.batch, "steps_per_s": round(rate), **one}
                runs.tell(runs.member(order.out, program.seeds, seed), line)
            due = done % order.checkpoint_updates == 0 or done == program.config.updates
            written = [_kept(order, program, parent, (seed, done), train) if due else None for seed in program.seeds]
            if due:  # last of all: whoever goes on from here finds the checkpoints that lie before it
                resume.save(order.out / runs.RESUME, train, done)
                kept = done
            for seed, one, path in zip(program.seeds, told, written, strict=True):
                steps, last = done * program.batch, program.config.updates * program.batch
                yield TrainingTold(seed=seed, steps=steps, steps_max=last, figures=one, checkpoint=path)
    except GeneratorExit:
        if kept < done:
            resume.save(order.out / runs.RESUME, train, done)
        raise


def _begun(order: TrainingOrder, program: Program, parent: Checkpoint | None) -> tuple[ppo.Train, int]:
    """The run's state, and how many updates it has had."""
    train, done = program.begin(), 0
    if order.resume and (order.out / runs.RESUME).exists():
        train, done = resume.load(order.out / runs.RESUME, train)
    elif parent:
        train = carry.carried(train, parent)
    for seed in program.seeds:
        runs.cut(runs.member(order.out, program.seeds, seed), done)
    return train, done


def _check(order: TrainingOrder, program: Program, raw: Any, told: Sequence[dict[str, float]]) -> None:
    """Stop a run whose weights are no numbers any more; what was written before stays as it is."""
    for seed, one in zip(program.seeds, told, strict=True):
        if program.part(raw["finite"], seed) and all(np.isfinite(value) for value in one.values()):
            continue
        last = runs.last_checkpoint(runs.member(order.out, program.seeds, seed))
        good = f"the last good checkpoint is {last}" if last else "there is no checkpoint before it"
        raise InputInvalid(
            f"{order.out}: the weights of seed {seed} are no numbers any more; nothing of this update was kept, and"
            f" {good}; begin anew with another seed{', or from there: --from' if last else ''}"
        )


def _kept(
    order: TrainingOrder, program: Program, parent: Checkpoint | None, at: tuple[int, int], train: ppo.Train
) -> Any:
    seed, done = at
    folder = runs.member(order.out, program.seeds, seed)
    own = program.part(train, seed)
    return runs.keep(folder, done, tensors_of(own), _card(order, parent, seed, done * program.batch))


def tensors_of(train: ppo.Train) -> dict[str, Any]:
    """What a checkpoint holds of a run."""
    weights = {name: np.asarray(value, dtype=np.float32) for name, value in train.weights.items()}
    return weights | {
        "scale.mean": np.asarray(train.scale.mean, dtype=np.float32),
        "scale.variance": np.asarray(train.scale.variance, dtype=np.float32),
    }


def _same(order: TrainingOrder, parent: Checkpoint | None) -> dict[str, Any]:
    """What must not change while a run goes on."""
    return {
        "bars": {
            of.market.symbol: [[one.name, one.sha256, len(one.series)] for one in of.bars] for of in order.markets
        },
        "configuration": order.config_sha256,
        "code": order.code_sha256,
        "steps": order.steps,
        "seeds": list(order.seeds),
        "phase": order.phase,
        "window": order.window_bars,
        "bonuses": [order.entry_bonus_usd, order.manage_bonus_usd],
        "beginning": parent.sha256 if parent else None,
        "machine": f"jax {jax.__version__}, {jax.device_count()} x {jax.default_backend()}",
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

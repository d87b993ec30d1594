"""A training run update by update, whatever it trains: figures, checkpoints, and the state to go on from."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import jax
import numpy as np

from gamma.errors import InputInvalid
from gamma.ports import TrainingRun, TrainingTold
from models import ppo, resume, runs
from models.program import Program
from models.sealed import Tensors
from models.spread import devices_for


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Training:
    """A run: its program, and what each kind of policy does in its own way.

    `figures` are told of a seed's update; `keep` writes the checkpoint of a seed after so many updates, and gives where
    it lies; `begun` is the state before the first update.
    """

    order: TrainingRun
    program: Program
    figures: Callable[[Any], dict[str, float]]
    keep: Callable[[int, int, Tensors], Path]
    begun: Callable[[], ppo.Train]

    def folder(self, seed: int) -> Path:
        """The folder of a seed."""
        return runs.member(self.order.out, self.program.seeds, seed)


def config_of(order: TrainingRun, plain: ppo.Config, markets: int = 1) -> ppo.Config:
    """The settings of a run, with as many updates as its steps are, on as many devices as may share its environments.

    Raises: InputInvalid where its seeds or its steps are none.
    """
    if len(set(order.seeds)) < len(order.seeds) or not order.seeds:
        raise InputInvalid(f"seeds = {', '.join(map(str, order.seeds))}: give each once, and at least one")
    batch = plain.envs * plain.steps
    if order.steps < batch:
        raise InputInvalid(f"steps = {order.steps}: must be {batch} or more, which is one update")
    return replace(plain, devices=devices_for(plain.envs, markets), updates=order.steps // batch)


def begin(order: TrainingRun, kind: str, same: dict[str, Any]) -> None:
    """Make the folder of the run, or see that it goes on as it began: `same` must not change meanwhile.

    Raises: InputInvalid, ConfigInvalid.
    """
    if order.resume:
        runs.check_same(order.out, same)
        return
    told = {"run_id": order.run_id, "kind": kind, "seeds": list(order.seeds), "asked": dict(order.asked), "same": same}
    runs.begin(order.out, told)


def same_of(order: TrainingRun) -> dict[str, Any]:
    """What must not change while a run of any kind goes on."""
    return {
        "configuration": order.config_sha256,
        "code": order.code_sha256,
        "steps": order.steps,
        "seeds": list(order.seeds),
        "machine": f"jax {jax.__version__}, {jax.device_count()} x {jax.default_backend()}",
    }


def going(training: Training) -> Iterator[TrainingTold]:
    """Update by update, in this process alone; the state is kept where a run stops, or is stopped.

    Raises: InputInvalid when another process trains the run, or its weights are no numbers any more.
    """
    with runs.held(training.order.out):
        yield from _updates(training)


def _updates(training: Training) -> Iterator[TrainingTold]:
    order, program = training.order, training.program
    train, done = _begun(training)
    update, train = program.updater(train)
    kept = done
    try:
        while done < program.config.updates:
            before = time.monotonic()
            train, raw = update(train)
            raw = jax.device_get(raw)
            done += 1
            told = [training.figures(program.part(raw, seed)) for seed in program.seeds]
            _check(training, raw, told)
            rate = program.batch * len(program.seeds) / (time.monotonic() - before)
            for seed, one in zip(program.seeds, told, strict=True):
                line = {"update": done, "steps": done * program.batch, "steps_per_s": round(rate), **one}
                runs.tell(training.folder(seed), line)
            due = done % order.checkpoint_updates == 0 or done == program.config.updates
            written = [_kept(training, train, seed, done) if due else None for seed in program.seeds]
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


def _begun(training: Training) -> tuple[ppo.Train, int]:
    """The run's state, and how many updates it has had."""
    path = training.order.out / runs.RESUME
    if training.order.resume and path.exists():
        train, done = resume.load(path, training.program.begin())
    else:
        train, done = training.begun(), 0
    for seed in training.program.seeds:
        runs.cut(training.folder(seed), done)
    return train, done


def _check(training: Training, raw: Any, told: Sequence[dict[str, float]]) -> None:
    """Stop a run whose weights are no numbers any more; what was written before stays as it is."""
    program = training.program
    for seed, one in zip(program.seeds, told, strict=True):
        if program.part(raw["finite"], seed) and all(np.isfinite(value) for value in one.values()):
            continue
        last = runs.last_checkpoint(training.folder(seed))
        good = f"the last good checkpoint is {last}" if last else "there is no checkpoint before it"
        raise InputInvalid(
            f"{training.order.out}: the weights of seed {seed} are no numbers any more; nothing of this update was"
            f" kept, and {good}; begin anew with another seed{', or from there: --from' if last else ''}"
        )


def _kept(training: Training, train: ppo.Train, seed: int, done: int) -> Path:
    return training.keep(seed, done, tensors_of(training.program.part(train, seed)))


def tensors_of(train: ppo.Train) -> Tensors:
    """What a checkpoint holds of a run."""
    weights = {name: np.asarray(value, dtype=np.float32) for name, value in train.weights.items()}
    return weights | {
        "scale.mean": np.asarray(train.scale.mean, dtype=np.float32),
        "scale.variance": np.asarray(train.scale.variance, dtype=np.float32),
    }

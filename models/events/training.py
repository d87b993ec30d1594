"""Train event policies: markets of a kind and a sizer chain in, a run's folder with checkpoints out."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, final

import jax.numpy as jnp

from gamma.actions import NAMES
from gamma.errors import ConfigInvalid
from gamma.feeds.events.tape import LOOK_S, Tape
from gamma.ports import EventTrainingOrder, TrainingRival, TrainingTold
from models import ppo, runs, training
from models.cards import NOTICE
from models.events import cards, checkpoints
from models.events.checkpoints import EventCheckpoint
from models.events.figures import figures
from models.events.held_out import compared
from models.events.markets import markets_of
from models.events.orders import PLAIN, program_of, tapes_of, terms_of
from models.events.picture import draw
from models.events.records import Course, world_of
from models.program import Program
from models.sealed import Tensors
from models.spread import use_cores
from models.training import Training


@final
class EventTrainer:
    """Trains event policies: one kind of markets, one policy a seed."""

    def train(self, order: EventTrainingOrder) -> Iterator[TrainingTold]:
        use_cores()
        parent = _source(order)
        tape, _ = tapes_of(order)
        program = program_of(order, tape)
        learned = learned_of(order, tape)
        training.begin(order, "events", _same(order, learned, parent))
        return training.going(_training(order, program, learned, parent))

    def compare(self, order: EventTrainingOrder, checkpoint: Path) -> Sequence[TrainingRival]:
        _, held = tapes_of(order)
        if held is None:
            return []
        tensors = checkpoints.load(checkpoint, pinned_sha256=None).tensors
        found = compared(Course(terms_of(order), world_of(held)), tensors)
        told = {"checkpoint": checkpoint.name, "rivals": [asdict(one) for one in found]}
        runs.replace(checkpoint.parents[1] / runs.HELD_OUT, (json.dumps(told, indent=1) + "\n").encode())
        return found

    def picture(self, folder: Path) -> Path:
        return draw(folder)


def learned_of(order: EventTrainingOrder, tape: Tape) -> tuple[cards.Markets, ...]:
    """What is learned from, as a card tells of it."""
    parts = []
    if order.simulated:
        parts.append(f"simulator {order.market.symbol} seed {order.simulated_seed}")
    parts += [folder.name for folder in order.recordings]
    real = bool(order.recordings) and not order.simulated
    return (markets_of(tape, ", ".join(parts), real=real),)


def _source(order: EventTrainingOrder) -> EventCheckpoint | None:
    """The checkpoint whose weights are gone on from."""
    if order.begin_from is None:
        return None
    found = checkpoints.load(order.begin_from, pinned_sha256=None)
    if found.card.hidden != tuple(order.hidden):
        raise ConfigInvalid(
            f"--from {order.begin_from}: it has layers of {found.card.hidden}, and this version trains"
            f" {tuple(order.hidden)}; begin without it"
        )
    return found


def _training(
    order: EventTrainingOrder, program: Program, learned: tuple[cards.Markets, ...], parent: EventCheckpoint | None
) -> Training:
    def keep(seed: int, done: int, tensors: Tensors) -> Path:
        card = _card(order, learned, parent, (seed, done * program.batch))
        written = runs.Written(tensors=tensors, save=lambda to: checkpoints.save(to, tensors, card), load=_tensors)
        return runs.keep(runs.member(order.out, program.seeds, seed), done, written)

    def begun() -> ppo.Train:
        train = program.begin()
        return _carried(train, parent) if parent else train

    return Training(order=order, program=program, figures=figures, keep=keep, begun=begun)


def _carried(train: ppo.Train, parent: EventCheckpoint) -> ppo.Train:
    """The run with the weights and the scale of a checkpoint; of several seeds each has them."""

    def like(name: str, own: Any) -> Any:
        return jnp.broadcast_to(jnp.asarray(parent.tensors[name]), own.shape)

    weights = {name: like(name, own) for name, own in train.weights.items()}
    scale = train.scale._replace(
        mean=like("scale.mean", train.scale.mean),
        variance=like("scale.variance", train.scale.variance),
        number=jnp.full_like(train.scale.number, PLAIN.envs * PLAIN.steps),
    )
    return train._replace(weights=weights, scale=scale)


def _tensors(folder: Path) -> Tensors:
    return checkpoints.load(folder, pinned_sha256=None).tensors


def _same(
    order: EventTrainingOrder, learned: Sequence[cards.Markets], parent: EventCheckpoint | None
) -> dict[str, Any]:
    """What must not change while a run goes on."""
    return {
        "markets": [[one.name, one.sha256, one.markets] for one in learned],
        "sizes": list(order.sizes_lots),
        "chain": list(order.chain),
        "balance": order.balance_usd,
        "beginning": parent.sha256 if parent else None,
        **training.same_of(order),
    }


def _card(
    order: EventTrainingOrder, learned: tuple[cards.Markets, ...], parent: EventCheckpoint | None, at: tuple[int, int]
) -> cards.Card:
    seed, steps = at
    before = parent.card.training.learned if parent else ()
    return cards.Card(
        format=1,
        notice=NOTICE,
        edge=cards.NO_EDGE,
        markets=tuple(order.symbols),
        kind="event",
        actions=NAMES,
        hidden=tuple(order.hidden),
        created_utc=datetime.now(UTC).replace(microsecond=0),
        conditions=cards.Conditions(
            look_s=LOOK_S,
            open_s=terms_of(order).open_s,
            balance_usd=order.balance_usd,
            sizes_lots=tuple(order.sizes_lots),
            chain=tuple(order.chain),
            fee=cards.FEE,
            discount=PLAIN.discount,
            paper_only=True,
        ),
        seen=cards.seen_of(),
        training=cards.Training(
            learned=tuple(dict.fromkeys((*before, *learned))),
            seed=seed,
            steps=steps,
            code_commit=order.code_commit,
            config_sha256=order.config_sha256,
            began_from_sha256=parent.sha256 if parent else None,
        ),
    )

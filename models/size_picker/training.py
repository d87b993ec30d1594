"""Train a size picker: sets of trades in, a sealed folder out.

What is learned from and what is validated on are parted by time: the last trades of each set are validated on, and
none is learned from that was still open when the first of those began.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast, final

import numpy as np

from gamma.errors import InputInvalid
from gamma.ports import PickerEpoch, PickerTraining
from models import sealed
from models.cards import NOTICE
from models.size_picker import cards, checkpoints, lessons, store, v3_cells
from models.size_picker.cards import BAR_S, Card, ModelName, TradeSet
from models.size_picker.features import SCHEMA_SHA256
from models.size_picker.form import FEATURES, WINDOW_BARS, Trades
from models.size_picker.learning import Learned, Plan, fit

HIDDEN: Final[Mapping[str, tuple[int, ...]]] = {"v1": (64, 32), "v2": (64, 32), "v3": (32,)}
HELD_OUT_FRAC: Final = 0.15
SET_RIGHT: Final = Plan(epochs=60, batch=1 << 20, rate=1e-2, decay=0.0, patience=60)

Tell = Callable[[PickerEpoch], bool]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """One set of trades, parted by time, and as the card tells of it."""

    told: TradeSet
    learned: Trades
    held: Trades


@final
class GoldTrainer:
    """Trains size pickers, each of one market: gold, or a micro of an index."""

    def train(self, order: PickerTraining, tell: Tell) -> Mapping[str, Any]:
        sealed.check_new(order.out)
        if order.model not in cards.MODELS:
            raise InputInvalid(f"--model {order.model}: is none; give one of {', '.join(cards.MODELS)}")
        began, symbol = time.monotonic(), _symbol(order)
        sources = _sources(order)
        learned = trained(cast("ModelName", order.model), sources, _plan(order), tell)
        sha256 = checkpoints.save(order.out, learned.tensors, _card(order, sources, learned, symbol))
        return {
            "folder": str(order.out),
            "model": order.model,
            "sha256": sha256,
            "steps": learned.steps,
            "validation_loss": learned.loss,
            "ending": learned.ending,
            "seconds": round(time.monotonic() - began, 1),
            "bytes": sum(file.stat().st_size for file in order.out.iterdir()),
            "sets": [source.told.model_dump(mode="json") for source in sources],
        }


def trained(model: ModelName, sources: Sequence[Source], plan: Plan, tell: Tell = lambda _: True) -> Learned:
    """The model, trained on all sources; V3 is then set right on the real ones, where there are any."""
    learned, held = (store.joined([getattr(source, part) for source in sources]) for part in ("learned", "held"))
    lesson = lessons.lesson(model, learned, HIDDEN[model], plan.seed)
    found = fit(lesson, plan, learned, held, tell)
    real = [source for source in sources if source.told.real]
    if model != "v3" or not real or found.ending == "stopped":
        return found
    own, apart = (store.joined([getattr(source, part) for source in real]) for part in ("learned", "held"))
    second = lessons.set_right(found.tensors, v3_cells.made(learned)[0])
    again = fit(second, replace(SET_RIGHT, seed=plan.seed), own, apart, tell)
    return replace(again, steps=found.steps + again.steps, loss=found.loss)


def parted(trades: Trades, held_frac: float = HELD_OUT_FRAC) -> tuple[Trades, Trades]:
    """The trades that ended before the last ones began, and those last ones.

    Raises: InputInvalid where that leaves none of either.
    """
    first = np.quantile(trades.ts_entry_utc_ns, 1 - held_frac)
    before, after = trades.of(trades.ts_exit_utc_ns < first), trades.of(trades.ts_entry_utc_ns >= first)
    if not len(before) or not len(after):
        raise InputInvalid(f"{len(trades)} trades cannot be parted by time; give more, or of a longer span")
    return before, after


def source(told: TradeSet, trades: Trades) -> Source:
    """A set of trades with its share of the weight, parted."""
    share = told.weight_frac / trades.weights.sum() * 1e6
    learned, held = parted(replace(trades, weights=trades.weights * share))
    return Source(told=told, learned=learned, held=held)


def _folders(order: PickerTraining) -> list[Path]:
    return [*((order.sets,) if order.sets else ()), *order.real]


def _symbol(order: PickerTraining) -> str:
    """The one market that all trades are of.

    Raises: InputInvalid where there is none, or more than one.
    """
    found = sorted({store.symbol_of(folder) for folder in _folders(order)})
    if not found:
        raise InputInvalid("nothing to learn from; name trades with --sets or --real")
    if len(found) > 1:
        raise InputInvalid(f"trades of {' and '.join(found)}: a picker is of one market; leave the others out")
    return found[0]


def _sources(order: PickerTraining) -> list[Source]:
    """Sets as they are weighed: the real ones have their share together, each by how many trades it has."""
    folders = _folders(order)
    loaded = [(folder, folder in order.real, store.load(folder)) for folder in folders]
    counts = {real: sum(len(trades) for _, of, trades in loaded if of == real) for real in (False, True)}
    shares = {True: order.real_frac if order.sets else 1.0, False: 1 - order.real_frac if order.real else 1.0}
    found = []
    for folder, real, trades in loaded:
        share = shares[real] * len(trades) / counts[real]
        if share > 0:
            found.append(source(_told(folder, real, trades, share), trades))
    return found


def _told(folder: Path, real: bool, trades: Trades, share: float) -> TradeSet:
    first, last = (int(of(trades.ts_entry_utc_ns)) for of in (np.min, np.max))
    return TradeSet(
        name=folder.absolute().name,
        sha256=str(store.manifest_of(folder)["sha256"]),
        real=real,
        trades=len(trades),
        first_utc=datetime.fromtimestamp(first // 10**9, UTC),
        last_utc=datetime.fromtimestamp(last // 10**9, UTC),
        weight_frac=share,
    )


def _plan(order: PickerTraining) -> Plan:
    return Plan(epochs=order.epochs, decay=0.1, patience=max(4, order.epochs // 2), seed=order.seed)


def _card(order: PickerTraining, sources: Sequence[Source], learned: Learned, symbol: str) -> Card:
    return Card(
        format=1,
        notice=NOTICE,
        kind="size_picker",
        model=cast("ModelName", order.model),
        markets=(symbol,),
        bar_s=BAR_S,
        window_bars=WINDOW_BARS,
        features=FEATURES,
        schema_sha256=SCHEMA_SHA256,
        hidden=HIDDEN[order.model],
        created_utc=datetime.now(UTC).replace(microsecond=0),
        training=cards.Training(
            sets=tuple(source.told for source in sources),
            seed=order.seed,
            steps=learned.steps,
            loss_validation=learned.loss,
            code_commit=order.code_commit,
        ),
    )

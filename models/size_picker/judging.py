"""What `gamma size-picker evaluate` and `calibrate` do: pickers from folders, on sets of trades from folders."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from gamma.clock import NS
from gamma.errors import InputInvalid
from gamma.ports import PickerCalibration, PickerEvaluation
from models.size_picker import (
    calibration,
    cards,
    checkpoints,
    conformal,
    drift,
    edges,
    evaluation,
    form,
    picture,
    sealing,
    store,
)
from models.size_picker.calibration import Calibrated
from models.size_picker.drift import Drift
from models.size_picker.evaluation import Entrant, Judged
from models.size_picker.form import Picker, Trades

NATURAL: Final = "natural"
REAL: Final = "real"
SYNTHETIC_MAX: Final = 20_000
BEST: Final = ("V3 + conformal", "V3", "V2 + conformal", "V2", "V1 + conformal", "V1")


@final
class Judge:
    """Evaluates and calibrates size pickers."""

    def evaluate(self, order: PickerEvaluation) -> tuple[Mapping[str, Any], bytes]:
        """The figures, in JSON's own types, and the picture.

        Raises: InputInvalid, ConfigInvalid where a folder is none.
        """
        loaded = [checkpoints.load(folder, pinned_sha256=None) for folder in order.pickers]
        for one in loaded:
            _check_market(one.card, [*((order.sets,) if order.sets else ()), *order.real])
        pickers = [checkpoints.picker(one) for one in loaded]
        if len({one.name for one in pickers}) < len(pickers):
            raise InputInvalid(f"two pickers are both {_twice(pickers)}; give one folder of each model")
        found = [
            _judged(
                [one for picker in pickers for one in _entrants(picker, order, ruin_max)],
                name,
                edges.credited(trades, order.edge_frac),
                edges.credited(train, order.edge_frac),
                ruin_max,
            )
            for name, trades, train in _sets(order)
            for ruin_max in order.ruin_max
        ]
        if order.seal is not None:
            sealing.sealed(order, [one for one in found if one.trades_name == REAL])
        told = [_told(one) for one in found]
        return {"edge_frac": order.edge_frac, "by": order.by, "sets": told}, picture.draw(found)

    def calibrate(self, order: PickerCalibration) -> Mapping[str, Any]:
        """Fit the calibration and the conformal scores to trades, and seal the picker with both in a new folder.

        Raises: InputInvalid, ConfigInvalid where a folder is none, or the picker was trained on these trades.
        """
        checkpoint = checkpoints.load(order.picker, pinned_sha256=None)
        model = checkpoints.bare(checkpoint)
        sets = [sealing.set_of(folder) for folder in order.trades]
        _check_unseen(checkpoint.card, sets)
        _check_market(checkpoint.card, order.trades)
        trades = store.joined([_natural(folder) for folder in order.trades])
        fitted = calibration.fit(calibration.predictions(model, trades))
        # V1 ranks sizes: what its curve has for growth is none, and it expects no move.
        moved = Drift(mean_frac=0.0, trust=0.0) if checkpoint.card.model == "v1" else drift.fit(model, trades)
        added = {
            "calibration.predicted": _rising(fitted.predicted),
            "calibration.observed": _rising(fitted.observed),
            "conformal.scores": conformal.sealed(conformal.scores(model, trades)),
        }
        if checkpoint.card.model != "v1":
            added["calibration.drift"] = np.array([moved.mean_frac, moved.trust])
        tensors, card = checkpoints.calibrated(checkpoint, added, sets)
        sha256 = checkpoints.save(order.out, tensors, card)
        before = calibration.predictions(model, trades)
        after = calibration.predictions(Calibrated(picker=model, calibration=fitted), trades)
        return {
            "folder": str(order.out),
            "sha256": sha256,
            "model": model.name,
            "trades": len(trades),
            "knots": len(fitted.predicted),
            "ece_before": calibration.reliability(before).ece,
            "ece_after": calibration.reliability(after).ece,
            "brier_before": calibration.brier(before),
            "brier_after": calibration.brier(after),
            "drift_mean_frac": moved.mean_frac,
            "drift_trust": moved.trust,
            "alpha_min": 1.0 / (len(trades) + 1),
        }


def _sets(order: PickerEvaluation) -> Iterator[tuple[str, Trades, Trades]]:
    """Each set of held-out trades by its name, with the past ones that rules are fitted to."""
    if order.sets is not None:
        trades = _natural(order.sets)
        yield "synthetic", trades.of(slice(SYNTHETIC_MAX)), store.load(order.sets, "balanced").of(slice(SYNTHETIC_MAX))
    if order.real:
        if order.train is None:
            raise InputInvalid("--real: rules are fitted to real trades of the past; name them with --train")
        train = _natural(order.train)
        every = store.joined([_natural(folder) for folder in order.real])
        held_out = evaluation.later(every, int(train.ts_exit_utc_ns.max()))
        if not len(held_out):
            raise InputInvalid("--real: all trades began before those of --train ended; name later ones")
        yield REAL, held_out.of(np.argsort(held_out.ts_entry_utc_ns, kind="stable")), train


def _entrants(picker: Picker, order: PickerEvaluation, ruin_max: float) -> list[Entrant]:
    return evaluation.entrants(edges.told(picker, order.edge_frac), ruin_max, order.by)


def _judged(entrants: list[Entrant], name: str, trades: Trades, train: Trades, ruin_max: float) -> Judged:
    if name != REAL:  # simulated trades are of many markets at once: they have no order of time
        entrants = [one for one in entrants if one.kind != "adaptive"]
    names = [one.name for one in entrants]
    first = next((best for best in BEST if best in names), names[0] if names else "")
    entrants += evaluation.rules(train, ruin_max)
    if first:
        entrants += _of_the_same_rate(train, trades, next(one for one in entrants if one.name == first))
    return evaluation.judge(name, trades, entrants, first, ruin_max)


def _of_the_same_rate(train: Trades, trades: Trades, first: Entrant) -> list[Entrant]:
    curve = first.picker.curve(form.shown(trades))
    rate = float(np.mean(evaluation.pick(first, trades, curve).ruined))
    return [evaluation.matched(train, trades, rate, of) for of in ("leverage", "ranges")]


def _told(one: Judged) -> dict[str, Any]:
    return {
        "name": one.trades_name,
        "first": _day(one.ts_first_utc_ns),
        "last": _day(one.ts_last_utc_ns),
        "trades": one.rows[0].trades,
        "ruin_max": one.ruin_max,
        "rows": [asdict(row) for row in one.rows],
        "pairs": [asdict(pair) | {"stands": pair.stands} for pair in one.pairs],
        "reliability": {
            name: {key: each.tolist() for key, each in asdict(seen).items()} for name, seen in one.reliability.items()
        },
    }


def _natural(folder: Path) -> Trades:
    return store.load(folder, NATURAL)


def _check_unseen(card: cards.Card, sets: Sequence[cards.TradeSet]) -> None:
    """Scores of trades that a model was trained on are too small, and bounds by them too."""
    for learned in card.training.sets:
        for one in sets:
            if one.real and learned.real and one.first_utc <= learned.last_utc and learned.first_utc <= one.last_utc:
                raise InputInvalid(
                    f"{one.name}: the picker was trained on trades of its time ({learned.name}); name others"
                )


def _check_market(card: cards.Card, folders: Sequence[Path]) -> None:
    """What a picker says of another market's trades is nothing that its card may tell."""
    for folder in folders:
        if (symbol := store.symbol_of(folder)) not in card.markets:
            raise InputInvalid(f"{folder}: has trades of {symbol}, the picker is of {', '.join(card.markets)}")


def _rising(values: Any) -> Any:
    """As float32 that still rise: neighbours that rounding turned round are made equal."""
    return np.maximum.accumulate(np.asarray(values, dtype=np.float32))


def _day(ts_utc_ns: int) -> str:
    return datetime.fromtimestamp(ts_utc_ns // NS, UTC).date().isoformat()


def _twice(pickers: Sequence[Picker]) -> str:
    names = [one.name for one in pickers]
    return next(name for name in names if names.count(name) > 1)

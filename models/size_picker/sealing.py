"""What was found of a picker on real trades, sealed in its card."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gamma.clock import NS
from gamma.curves import By
from gamma.errors import InputInvalid
from gamma.ports import PickerEvaluation
from models.cards import Figure
from models.size_picker import cards, checkpoints, store
from models.size_picker.evaluation import Judged, Pair, Row

RIVALS: Final = ("always 0", "best fixed leverage", "best leverage by ranges", "MAE quantile", "MAE quantile in ranges")
NO_EDGE: Final = "not shown to make more log growth than the best fixed leverage, at no more liquidations"


def sealed(order: PickerEvaluation, found: Sequence[Judged]) -> str:
    """Seal the picker that was held against the others anew, with each of these findings in its card; gives its hash.

    Raises: InputInvalid where there is nothing to seal, or the folder is there.
    """
    if order.seal is None or not found or not found[0].pairs:
        raise InputInvalid("--seal: no picker was held against others on real trades; give --picker and --real")
    best = found[0].pairs[0].name
    loaded = [checkpoints.load(folder, pinned_sha256=None) for folder in order.pickers]
    one = next(each for each in loaded if checkpoints.picker(each).name == best)
    told = one.card.model_dump(mode="json")
    told["evaluations"] += [
        _told(each, best, set_of(order.real[0]), one.card, order.by).model_dump(mode="json") for each in found
    ]
    return checkpoints.save(order.seal, one.tensors, cards.Card.model_validate_json(json.dumps(told)))


def _limit(ruin_max: float, by: By) -> str:
    return f"{'' if by == 'growth' else f'the best by {by}, '}risk of liquidation at most {ruin_max:.0%}"


def set_of(folder: Path) -> cards.TradeSet:
    """What a card says of a set."""
    told, trades = store.manifest_of(folder), store.load(folder, "natural")
    first, last = int(trades.ts_entry_utc_ns.min()), int(trades.ts_entry_utc_ns.max())
    return cards.TradeSet(
        name=folder.name,
        sha256=told["sha256"],
        real=told["market"] is None,
        trades=len(trades),
        first_utc=datetime.fromtimestamp(first // NS, UTC),
        last_utc=datetime.fromtimestamp(last // NS, UTC),
    )


def _told(found: Judged, best: str, real: cards.TradeSet, card: cards.Card, by: By) -> cards.Evaluation:
    row = next(each for each in found.rows if each.name == best)
    pairs = {pair.other: pair for pair in found.pairs}
    trades = real.model_copy(
        update={
            "trades": row.trades,
            "first_utc": datetime.fromtimestamp(found.ts_first_utc_ns // NS, UTC),
            "last_utc": datetime.fromtimestamp(found.ts_last_utc_ns // NS, UTC),
        }
    )
    return cards.Evaluation(
        name=f"report span, {_limit(found.ruin_max, by)}",
        out_of_sample=all(
            trades.first_utc > learned.last_utc or trades.last_utc < learned.first_utc
            for learned in card.training.sets
            if learned.real
        ),
        trades=trades,
        not_qualified=None if pairs["best fixed leverage"].stands else NO_EDGE,
        figures=(*_figures(row), *(_ahead(pairs[name]) for name in RIVALS if name in pairs)),
    )


def _figures(row: Row) -> list[Figure]:
    rate, grown = row.ruin_rate, row.growth_mean
    plain = ("return_mean", "regret_hindsight", "regret_fixed", "regret_mae", "brier", "ece", "zero_frac", "lots_mean")
    return [
        Figure(name="ruin_rate_frac", value=rate.value, low=rate.low, high=rate.high),
        Figure(name="growth_mean_log", value=grown.value, low=grown.low, high=grown.high),
        *(Figure(name=name, value=getattr(row, name)) for name in plain),
    ]


def _ahead(pair: Pair) -> Figure:
    ahead = pair.ahead
    return Figure(name=f"ahead_of {pair.other}", value=ahead.value, low=ahead.low, high=ahead.high)

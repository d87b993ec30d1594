"""The size pickers that ship: whole, small, calibrated, and asked without more."""

from pathlib import Path

import numpy as np
import pytest

from gamma.markets import market
from gamma.ports import SizePicker
from models.size_picker.checkpoints import load
from models.size_picker.shelf import PickerShelf
from tests.models.size_picker.test_serving import bars, sizes

SHIPPED = PickerShelf().found(PickerShelf().shipped)
BYTES_MAX = 1_000_000


@pytest.mark.parametrize("symbol", ["XAU_USD", "MNQ"])
def test_there_is_one_for_gold_and_one_above_a_floor(symbol: str) -> None:
    assert symbol in {symbol for one in SHIPPED for symbol in PickerShelf().told(one).markets}


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_each_is_small_calibrated_and_trained_on_what_came_before(folder: Path) -> None:
    card = load(folder, pinned_sha256=None).card
    assert sum(path.stat().st_size for path in folder.iterdir()) < BYTES_MAX
    assert card.calibration is not None
    assert card.calibration.scores >= 99, "for a bound of 1 %"
    learned = max(one.last_utc for one in card.training.sets if one.real)
    assert all(one.first_utc > learned for one in card.calibration.sets)
    assert all(one.trades.first_utc > learned for one in card.evaluations if one.out_of_sample and one.trades.real)


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_each_answers_after_the_bars_that_it_needs(folder: Path) -> None:
    checkpoint = load(folder, pinned_sha256=None)
    traded = market(checkpoint.card.markets[0])
    picker = PickerShelf().open(folder, market=traded, pinned_sha256=checkpoint.sha256)
    assert isinstance(picker, SizePicker)
    for bar in bars(picker.bars_needed):
        picker.see(bar)
    told = picker.pick(sizes(1))
    assert told.calibration
    assert 0 < told.novelty < 3
    assert (np.diff(told.curve.ruin_prob[told.curve.lots <= 20]) >= 0).all()
    assert np.isfinite(told.curve.growth_mean[1:20]).all()
    assert (told.curve.ruin_bound[1:20] > 0).all()

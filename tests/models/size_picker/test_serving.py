from pathlib import Path

import numpy as np
import pytest

from gamma.bars import Bar
from gamma.curves import Sizes, chosen
from gamma.markets import market
from gamma.ports import SizePicker
from models.size_picker import cards, form
from models.size_picker.candles import windows
from models.size_picker.checkpoints import load, picker, save
from models.size_picker.serving import BarPicker
from models.size_picker.shelf import PickerShelf
from tests.models.size_picker.checkpoint_case import card, tensors
from tests.models.size_picker.trades_case import HOUR_NS

LEVERAGE = np.arange(31) * 0.15 * 2_000 / 1_000


def bars(number: int, seed: int = 1) -> list[Bar]:
    rng = np.random.default_rng(seed)
    close = 2_000 * np.exp(np.cumsum(rng.normal(scale=1e-3, size=number)))
    opened = np.concatenate([[2_000.0], close[:-1]])
    high = np.maximum(opened, close) * np.exp(rng.exponential(5e-4, number))
    low = np.minimum(opened, close) * np.exp(-rng.exponential(5e-4, number))
    return [
        Bar(
            market="XAU_USD",
            ts_open_utc_ns=n * HOUR_NS,
            ts_close_utc_ns=(n + 1) * HOUR_NS,
            open_points=float(opened[n]),
            high_points=float(high[n]),
            low_points=float(low[n]),
            close_points=float(close[n]),
        )
        for n in range(number)
    ]


def sizes(side: int) -> Sizes:
    with np.errstate(divide="ignore"):
        ruin = 0.7 / LEVERAGE
    return Sizes(
        side=side,
        lots=np.arange(31),
        leverage=LEVERAGE,
        ruin_frac=ruin,
        allowed=LEVERAGE <= 20,
        equity_ratio=1.0,
        spread_frac=1.5e-4,
    )


def opened(folder: Path, model: str) -> BarPicker:
    sha256 = save(folder / model, tensors(card(model)), card(model))
    found = PickerShelf().open(folder / model, market=market("XAU_USD"), pinned_sha256=sha256)
    assert isinstance(found, BarPicker)
    assert isinstance(found, SizePicker)
    return found


@pytest.mark.parametrize("model", ["v1", "v2", "v3"])
@pytest.mark.parametrize("side", [-1, 1])
def test_bar_by_bar_it_sees_and_says_the_numbers_of_training(model: str, side: int, tmp_path: Path) -> None:
    live, given = opened(tmp_path, model), bars(90)
    ohlc = np.array([[b.open_points, b.high_points, b.low_points, b.close_points] for b in given])
    ends = np.arange(32, 90)
    candles = form.turned(windows(ohlc, ends), np.full(len(ends), side))
    every = form.Shown(
        candles=candles,
        leverage=np.tile(LEVERAGE, (len(ends), 1)),
        ruin_frac=np.tile(sizes(side).ruin_frac, (len(ends), 1)),
        allowed=np.tile(LEVERAGE <= 20, (len(ends), 1)),
        equity_ratio=np.ones(len(ends)),
        spread_frac=np.full(len(ends), 1.5e-4),
    )
    seen = cards.MODELS[model].seen(every)
    told = picker(load(tmp_path / model, pinned_sha256=None)).curve(every)
    for n, bar in enumerate(given):
        live.see(bar)
        if n < 32:
            continue
        assert live.bars_seen >= live.bars_needed
        assert (live.seen(live.shown(sizes(side)))[0] == seen[n - 32]).all()
        curve = live.pick(sizes(side)).curve
        for name in ("ruin_prob", "return_mean", "growth_mean"):
            assert np.allclose(getattr(curve, name), getattr(told, name)[n - 32], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("model", ["v1", "v2", "v3"])
def test_too_few_bars_or_no_numbers_choose_no_size(model: str, tmp_path: Path) -> None:
    live, given = opened(tmp_path, model), bars(60)
    for bar in given[:32]:
        live.see(bar)
    early = live.pick(sizes(1))
    assert np.isnan(early.novelty)
    assert not (early.curve.ruin_prob[1:] <= 1).any()
    assert chosen(early.curve, 1.0) == 0
    for bar in given[32:]:
        live.see(bar)
    fine = live.pick(sizes(1))
    assert fine.novelty > 0
    assert (fine.curve.ruin_prob >= 0).all()
    live.see(Bar(market="XAU_USD", ts_open_utc_ns=0, ts_close_utc_ns=1, open_points=1, high_points=float("nan"),
                 low_points=-1, close_points=0))  # fmt: skip
    assert chosen(live.pick(sizes(1)).curve, 1.0) == 0

"""A size picker as the daemon asks it: closed bars in, the curve over the sizes out, in plain NumPy without JAX.

What the model is shown comes from the functions that training calls: `candles.candles`, `form.turned`, `features.seen`.
"""

from typing import final

import numpy as np

from gamma.bars import Bar
from gamma.curves import Sizes
from gamma.ports import Picked, Trained
from models.size_picker import cards, nets
from models.size_picker.candles import BARS_NEEDED, candles
from models.size_picker.checkpoints import PickerCheckpoint, picker
from models.size_picker.form import Floats, Shown, turned


@final
class BarPicker:
    """One checkpoint, and the bars that it has seen last; before it has seen enough all that it says is NaN."""

    def __init__(self, trained: Trained, checkpoint: PickerCheckpoint) -> None:
        self._trained, self._card = trained, checkpoint.card
        self._picker = picker(checkpoint)
        self._scale = {name: np.asarray(checkpoint.tensors[name], dtype=np.float64) for name in nets.SCALE}
        self._calibration = checkpoint.card.calibration.id if checkpoint.card.calibration else ""
        self._bars = np.full((BARS_NEEDED, 4), np.nan)
        self._bars_seen = 0

    @property
    def trained(self) -> Trained:
        return self._trained

    @property
    def bar_s(self) -> int:
        return self._card.bar_s

    @property
    def bars_needed(self) -> int:
        return BARS_NEEDED

    @property
    def bars_seen(self) -> int:
        return self._bars_seen

    def see(self, bar: Bar) -> None:
        self._bars[:-1] = self._bars[1:]
        self._bars[-1] = (bar.open_points, bar.high_points, bar.low_points, bar.close_points)
        self._bars_seen += 1

    def pick(self, sizes: Sizes) -> Picked:
        with np.errstate(all="ignore"):  # what is no number stays none, and no size is chosen by it
            shown = self.shown(sizes)
            curve = self._picker.curve(shown)
            far = nets.novelty(nets.scaled(self._scale, self.seen(shown)))
        return Picked(
            curve=type(curve)(
                lots=np.asarray(sizes.lots),
                ruin_prob=curve.ruin_prob[0],
                return_mean=curve.return_mean[0],
                growth_mean=curve.growth_mean[0],
                ruin_bound=np.broadcast_to(curve.ruin_bound, curve.ruin_prob.shape)[0],
            ),
            novelty=float(far[0]),
            calibration=self._calibration,
        )

    def shown(self, sizes: Sizes) -> Shown:
        """What the model is shown of these sizes, after the bar that was seen last: one trade."""
        return Shown(
            candles=turned(candles(self._bars)[None], np.array([sizes.side])),
            leverage=np.asarray(sizes.leverage, dtype=np.float64)[None],
            ruin_frac=np.asarray(sizes.ruin_frac, dtype=np.float64)[None],
            allowed=np.asarray(sizes.allowed, dtype=np.bool_)[None],
            equity_ratio=np.array([float(sizes.equity_ratio)]),
            spread_frac=np.array([float(sizes.spread_frac)]),
        )

    def seen(self, shown: Shown) -> Floats:
        """The features of what is shown. Shapes: [1, F]."""
        found: Floats = cards.MODELS[self._card.model].seen(shown)
        return found

"""`Picking`: a strategy's size picker at work. It sees the bars of its market, and is asked once for each signal.

Whatever goes wrong with the picker ends here: its answer is then none, with the reason, and comes to 0 lots.
"""

import math
from collections.abc import Sequence
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from gamma.bars import Bar
from gamma.clock import NS
from gamma.curves import Sizes
from gamma.markets import Market
from gamma.numeric import NAN
from gamma.picks import Asking
from gamma.ports import Picked, SizePicker
from gamma.reasons import Reason
from gamma.views import CurveView, View

Floats = NDArray[np.float64]

_CHANCES: Final = ("ruin_prob", "ruin_bound", "return_mean", "growth_mean")
_TOLD_MAX: Final = 200
_NO_SIZES: Final = Sizes(
    side=0,
    lots=np.zeros(1),
    leverage=np.zeros(1),
    ruin_frac=np.full(1, np.inf),
    allowed=np.ones(1, dtype=bool),
    equity_ratio=NAN,
    spread_frac=NAN,
)


@final
class Picking:
    """A picker, the sizer that asks it, and the market whose bars it sees."""

    def __init__(self, picker: SizePicker, sizer: Asking, market: Market) -> None:
        self.picker = picker
        self.sizer = sizer
        self.market = market
        self._ts_utc_ns = 0
        self._wrong = ""

    @property
    def bars_needed(self) -> int:
        """History after which it answers."""
        return self.picker.bars_needed

    def warm_up(self, bars: Sequence[Bar]) -> None:
        """Take history."""
        for bar in bars:
            self.see(bar)

    def see(self, bar: Bar) -> None:
        """Take one closed bar; one of another market, one that is no news or no bar at all changes nothing.

        A bar of another length is not shown: there is no answer until one of the right length comes.
        """
        whole = -math.inf < bar.low_points <= bar.close_points <= bar.high_points < math.inf
        if bar.market != self.market.symbol or bar.ts_close_utc_ns <= self._ts_utc_ns or not whole:
            return
        bar_s = (bar.ts_close_utc_ns - bar.ts_open_utc_ns) / NS
        self._ts_utc_ns = bar.ts_close_utc_ns
        self._wrong = "" if bar_s == self.picker.bar_s else f"a bar of {bar_s:g} s, and {self.picker.bar_s} s are due"
        if not self._wrong:
            self.picker.see(bar)

    def curve(self, view: View) -> CurveView:
        """What the picker says of every size of the trade in view, or why it says nothing."""
        sizes = _NO_SIZES
        try:
            sizes = self.sizer.sizes(view)
            why, told = self._unready(view, sizes)
            if why:
                return self._none(view, sizes, why, told)
            picked = self.picker.pick(sizes)
            chances = _chances(picked, sizes)
        except Exception as error:  # a fault of the model must not take the daemon down, nor the strategy's exits
            return self._none(view, sizes, Reason.MODEL_FAILED, f"{type(error).__name__}: {error}"[:_TOLD_MAX])
        return self._view(view, sizes, chances, novelty=float(picked.novelty), calibration=picked.calibration)

    def _unready(self, view: View, sizes: Sizes) -> tuple[str, str]:
        """Why the picker is not asked, and more of it; nothing where it is."""
        if self._wrong:
            return Reason.MODEL_UNFIT, self._wrong
        missing = self.picker.bars_needed - self.picker.bars_seen
        if missing > 0:
            return Reason.WARMING_UP, f"{missing} of {self.picker.bars_needed} bars are missing"
        if not sizes.side:
            return Reason.NO_SIGNAL, ""
        account, market = view.account, view.market
        known = {
            "account.equity_usd": account.equity_usd,
            "account.available_usd": account.available_usd,
            "account.starting_capital_usd": account.starting_capital_usd,
            "market.price_points": market.price_points,
            "market.margin_usd_per_lot": market.margin_usd_per_lot,
        }
        if unknown := [name for name, value in known.items() if not math.isfinite(value)]:
            return Reason.INPUT_MISSING, f"{', '.join(unknown)} unknown"
        if not np.all(sizes.ruin_frac == sizes.ruin_frac):
            return Reason.INPUT_MISSING, "what ruins a size is unknown"
        return "", ""

    def _none(self, view: View, sizes: Sizes, why: str, told: str) -> CurveView:
        nothing = {name: np.full(np.shape(sizes.lots), NAN) for name in _CHANCES}
        return self._view(view, sizes, nothing, why=str(why), told=told)

    def _view(
        self,
        view: View,
        sizes: Sizes,
        chances: dict[str, Floats],
        *,
        novelty: float = NAN,
        calibration: str = "",
        why: str = "",
        told: str = "",
    ) -> CurveView:
        found = CurveView(
            lots=sizes.lots,
            leverage=sizes.leverage,
            ruin_frac=sizes.ruin_frac,
            ruin_prob=chances["ruin_prob"],
            ruin_bound=chances["ruin_bound"],
            return_mean=chances["return_mean"],
            growth_mean=chances["growth_mean"],
            side=sizes.side,
            equity_usd=float(view.account.equity_usd),
            room_usd=float(view.account.room_usd),
            price_points=float(view.market.price_points),
            novelty=novelty,
            bar_age_s=(view.clock.ts_event_utc_ns - self._ts_utc_ns) / NS if self._ts_utc_ns else NAN,
            bar_s=float(self.picker.bar_s),
            ruin=self.sizer.ruin,
            model_sha256=self.picker.trained.sha256,
            calibration=calibration,
            why=why,
            told=told,
        )
        for each in (found.lots, found.leverage, found.ruin_frac, *chances.values()):
            each.flags.writeable = False  # what was recorded must not change afterwards
        return found


def _chances(picked: Picked, sizes: Sizes) -> dict[str, Floats]:
    """The chances of each size that is allowed, and NaN of the others.

    Raises: ValueError where they are none.
    """
    allowed = np.asarray(sizes.allowed)
    found: dict[str, Floats] = {}
    for name in _CHANCES:
        given = np.broadcast_to(np.asarray(getattr(picked.curve, name), dtype=np.float64), allowed.shape)
        found[name] = np.where(allowed, given, NAN)
    ruin, bound = found["ruin_prob"][allowed], found["ruin_bound"][allowed]
    if not np.all((ruin >= 0) & (ruin <= 1)):
        raise ValueError("a chance of ruin is not within 0 and 1")
    if not np.all(np.isnan(bound)) and not np.all((bound >= 0) & (bound <= 1)):
        raise ValueError("a bound on the chance of ruin is not within 0 and 1")
    if not np.all(found["growth_mean"][allowed] < np.inf) or not np.all(np.isfinite(found["return_mean"][allowed])):
        raise ValueError("a mean return or growth is no number")
    if not math.isfinite(picked.novelty):
        raise ValueError("its novelty is no number")
    return found

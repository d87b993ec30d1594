"""What the sizers that ask a size picker share: the sizes that they ask for, and the choice on what was answered.

Pure and traceable. The picker itself is asked by the shell, once for a signal; its answer comes with the view and is
recorded in it, so that a decision is made again without the model.
"""

from collections.abc import Mapping
from typing import Final, Protocol, runtime_checkable

import numpy as np

from gamma.curves import By, SizeCurve, Sizes, chosen, worth
from gamma.errors import InputMissing
from gamma.numeric import Num, known, minimum, tolerance, where
from gamma.reasons import Fact, Reason
from gamma.sizing import Sizer
from gamma.views import CurveView, View

# A market may allow more lots than is sensible to judge one by one; steps are coarser then.
STEPS_MAX: Final = 120


class Limits(Protocol):
    """What a sizer demands of a picker and of its answer.

    `ruin` says what ruins a size; an answer for another ruin, or of another checkpoint than `sha256`, is none.
    """

    @property
    def sha256(self) -> str: ...
    @property
    def ruin(self) -> str: ...
    @property
    def ruin_max(self) -> float: ...
    @property
    def by(self) -> By: ...
    @property
    def novelty_max(self) -> float: ...
    @property
    def bar_age_max_bars(self) -> float: ...
    @property
    def price_move_max_frac(self) -> float: ...


@runtime_checkable
class Asking(Limits, Sizer, Protocol):
    """A sizer that asks a size picker; `sizes` is what it is asked: every size of the trade in view."""

    @property
    def checkpoint(self) -> str: ...
    def sizes(self, view: View) -> Sizes: ...


def notional_usd(view: View) -> Num:
    """What each size of the market is worth at its price, from 0 lots up [usd]. Shapes: [K]."""
    return lots_of(view) * (view.market.multiplier_usd_per_point * view.market.price_points)


def lots_of(view: View) -> Num:
    """Every size of the market, from 0 lots up. Shapes: [K]."""
    most = float(view.market.lots_max)
    if not 0 < most < np.inf:
        return np.zeros(1)
    return np.arange(0.0, most + 1.0, np.ceil(most / STEPS_MAX))


def sizes_of(view: View, ruin_loss_usd: Num) -> Sizes:
    """Every size of the trade in view, each ruined by the loss of so much.

    Shapes: `ruin_loss_usd` [K], or a scalar that holds for all of them.
    """
    account, market = view.account, view.market
    lots, worth = lots_of(view), notional_usd(view)
    margin_usd, free_usd = lots * market.margin_usd_per_lot, account.available_usd
    with np.errstate(divide="ignore", invalid="ignore"):
        ruin_frac = np.where(lots > 0, ruin_loss_usd / worth, np.inf)
        leverage = worth / account.equity_usd
    allowed = (margin_usd <= free_usd * (1 + tolerance(1.0))) & (ruin_frac > 0) | (lots == 0)
    return Sizes(
        side=int(view.signal.side > 0) - int(view.signal.side < 0),
        lots=lots,
        leverage=leverage,
        ruin_frac=ruin_frac,
        allowed=allowed,
        equity_ratio=float(account.equity_usd / account.starting_capital_usd),
        spread_frac=float(_spread_points(view) / market.price_points),
    )


def _spread_points(view: View) -> Num:
    """The quoted spread; where none is quoted what a round trip is reckoned to cost."""
    market = view.market
    quoted = market.ask_points - market.bid_points
    return quoted if quoted >= 0 else market.cost_usd_per_lot / market.multiplier_usd_per_point


def lots_allowed(limits: Limits, view: View, lots: Num) -> Num:
    """The best lots that the limits allow; 0 where the answer in view does not hold. Shapes: scalar, or [B]."""
    curve = view.curve
    if curve is None or _no_answer(limits, curve):
        return 0.0
    sound = _fresh(limits, curve) & _familiar(limits, curve) & _holds(limits, view, curve)
    best = minimum(chosen(_size_curve(curve), limits.ruin_max, limits.by), view.market.lots_max)
    return where(sound, minimum(best, lots), 0.0)


def _no_answer(limits: Limits, curve: CurveView) -> str:
    """Why what is in view is no answer to this sizer; text alone, and so the same for every row of a batch."""
    if curve.why:
        return curve.why
    mine = curve.model_sha256 == limits.sha256 and curve.ruin == limits.ruin
    return "" if mine else Reason.MODEL_UNFIT


def _fresh(limits: Limits, curve: CurveView) -> Num:
    return curve.bar_age_s <= limits.bar_age_max_bars * curve.bar_s


def _familiar(limits: Limits, curve: CurveView) -> Num:
    return curve.novelty <= limits.novelty_max


def _holds(limits: Limits, view: View, curve: CurveView) -> Num:
    """Whether all is still as it was asked for, or better."""
    account, price = view.account, curve.price_points
    moved = view.market.price_points - price
    within = (moved <= limits.price_move_max_frac * price) & (-moved <= limits.price_move_max_frac * price)
    roomy = (curve.room_usd != curve.room_usd) | (account.room_usd >= curve.room_usd)
    same = known(curve.equity_usd, price) & (curve.side * view.signal.side > 0)
    return same & within & roomy & (account.equity_usd >= curve.equity_usd)


def _size_curve(curve: CurveView) -> SizeCurve:
    return SizeCurve(
        lots=curve.lots,
        ruin_prob=curve.ruin_prob,
        return_mean=curve.return_mean,
        growth_mean=curve.growth_mean,
        ruin_bound=curve.ruin_bound,
    )


# Live only: why.


def explained(limits: Limits, view: View, lots: float) -> Mapping[str, Fact]:
    """The numbers at the chosen size, the limits, and why the next larger size is not taken.

    Raises: InputMissing where no picker was asked.
    """
    curve = view.curve
    if curve is None:
        raise InputMissing("curve is unknown (nan): no size picker was asked, as it is for a configured strategy")
    ground: dict[str, Fact] = {
        "ruin": limits.ruin,
        "ruin_max_frac": limits.ruin_max,
        "novelty": float(curve.novelty),
        "novelty_max": limits.novelty_max,
        "model": curve.model_sha256[:8],
        "calibration": curve.calibration[:8] or "none",
    }
    if why := _no_answer(limits, curve):
        return ground | ({"told": curve.told} if curve.told else {}) | {"reason": why}
    if not _fresh(limits, curve):
        facts: dict[str, Fact] = {"bar_age_s": float(curve.bar_age_s), "bar_s": float(curve.bar_s)}
        return ground | facts | {"reason": Reason.STALE_DATA}
    if not _familiar(limits, curve):
        return ground | {"reason": Reason.UNFAMILIAR}
    if not _holds(limits, view, curve):
        asked = {"asked_equity_usd": float(curve.equity_usd), "asked_price_points": float(curve.price_points)}
        now = {"equity_usd": float(view.account.equity_usd), "price_points": float(view.market.price_points)}
        return ground | asked | now | {"reason": Reason.CURVE_STALE}
    return _of_choice(limits, view, curve, lots) | ground


def _of_choice(limits: Limits, view: View, curve: CurveView, lots: float) -> dict[str, Fact]:
    best = float(chosen(_size_curve(curve), limits.ruin_max, limits.by))
    at = int(np.argmax(np.asarray(curve.lots) == best))
    facts: dict[str, Fact] = {
        "chosen_lots": best,
        "leverage": float(curve.leverage[at]),
        "ruin_prob_frac": float(curve.ruin_prob[at]),
        "ruin_bound_frac": float(np.broadcast_to(curve.ruin_bound, np.shape(curve.lots))[at]),
        "return_mean_frac": float(curve.return_mean[at]),
        "growth_mean_frac": float(curve.growth_mean[at]),
    }
    if at + 1 < len(curve.lots):
        facts |= {"next_lots": float(curve.lots[at + 1]), "next_why": why_not(limits, curve, at + 1, at)}
    taken = best <= min(float(view.market.lots_max), lots)
    reason = Reason.OK if taken else Reason.CAP
    return facts | {"reason": reason if best else _none_taken(limits, curve)}


def why_not(limits: Limits, curve: CurveView, at: int, best: int) -> str:
    """Why the size at one place was not taken, where the one at `best` was; a few words."""
    bound = np.broadcast_to(curve.ruin_bound, np.shape(curve.lots))
    if not curve.ruin_prob[at] >= 0:
        return "margin"
    if not curve.ruin_prob[at] <= limits.ruin_max:
        return f"ruin {curve.ruin_prob[at]:.2%}"
    if bound[at] > limits.ruin_max:
        return f"bound {bound[at]:.2%}"
    worths = worth(_size_curve(curve), limits.by)
    return f"less {limits.by}" if best and worths[at] <= worths[best] else f"no {limits.by}"


def _none_taken(limits: Limits, curve: CurveView) -> Reason:
    """Why every size was left: by margin, by the chance of ruin, or because none would earn anything."""
    there = np.asarray(curve.lots) > 0
    if not np.any(there & (np.asarray(curve.ruin_prob) >= 0)):
        return Reason.BUDGET
    earning = there & (np.asarray(worth(_size_curve(curve), limits.by)) > 0)
    return Reason.RUIN_LIMIT if np.any(earning) else Reason.NO_EDGE

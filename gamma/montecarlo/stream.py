"""`Stream`: completed trades as a sizer met them, per lot, so that each can be made again at another size."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, final

import numpy as np

from gamma.errors import InputInvalid
from gamma.events import Trade
from gamma.markets import MICRO, Kind, Market
from gamma.stats import Floats
from gamma.views import NAN, AccountView, MarketView, PositionView, SignalView, TrackView, View

USD_MAX: Final = 1e9
PARTS: Final = ("market", "signal", "liquidity")

Seen = Mapping[str, Any]
"""Numbers of a view that differ from trade to trade, by their path, such as `market.atr_points`."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stream:
    """Completed trades of one strategy in one market, oldest first, and what a sizer could see of each.

    P&L is net of fees, in whole micro-dollars of one lot. `best_microusd` and `worst_microusd` are how far a lot's
    open P&L went; both equal the P&L where nobody knows. `day_ends` marks the last trade of each trading day.
    `seen` is what differs between trades, `scene` all else.
    Shapes: all arrays [N].
    """

    strategy: str
    market: Market
    pnl_microusd: Floats
    best_microusd: Floats
    worst_microusd: Floats
    risk_usd: Floats
    day_ends: Floats
    scene: View
    seen: Mapping[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pnl_microusd)

    @property
    def pnl_usd(self) -> Floats:
        """P&L of one lot [usd]. Shapes: [N]."""
        return self.pnl_microusd / MICRO

    @property
    def r_multiples(self) -> Floats:
        """P&L over risk [1]; NaN where the risk of a trade is not known. Shapes: [N]."""
        return np.where(self.risk_usd > 0, self.pnl_usd / np.where(self.risk_usd > 0, self.risk_usd, 1.0), NAN)

    @property
    def open_known(self) -> bool:
        """Whether open P&L inside a trade is known of any."""
        return bool(np.any(self.best_microusd != self.pnl_microusd) or np.any(self.worst_microusd != self.pnl_microusd))

    def slipped(self, usd_per_lot: float) -> "Stream":
        """The same trades, each of which lost so much more of every lot [usd].

        Raises: InputInvalid when that is no amount of 0 or more.
        """
        if not 0 <= usd_per_lot < USD_MAX:
            raise InputInvalid(f"slippage is {usd_per_lot} usd a lot; give 0 or more")
        lost = float(round(usd_per_lot * MICRO))
        return replace(
            self,
            pnl_microusd=self.pnl_microusd - lost,
            best_microusd=self.best_microusd - lost,
            worst_microusd=self.worst_microusd - lost,
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Excursions:
    """How far open P&L of each trade went, in all [usd]. Shapes: [N]."""

    best_usd: Floats
    worst_usd: Floats


def stream_of(
    trades: Sequence[Trade],
    market: Market,
    *,
    days: Sequence[str] = (),
    seen: Sequence[Seen] = (),
    risk_usd: float = NAN,
    excursions: Excursions | None = None,
) -> Stream:
    """Trades as a stream; `days` are their trading days, `seen` what was seen at each, where that is known.

    The risk of a lot is `risk_usd` for all, or else what was seen, or else what the trade says of itself.

    Raises: InputInvalid when there is no trade, when they are not one strategy's in this market, or a number of one
        makes no sense.
    """
    if not trades:
        raise InputInvalid(f"no trade of {market.symbol} to draw from; let `gamma run` or `gamma backtest` make some")
    names = sorted({trade.strategy for trade in trades})
    if len(names) > 1 or any(trade.market != market.symbol for trade in trades):
        where = sorted({trade.market for trade in trades})
        raise InputInvalid(f"trades of {', '.join(names)} in {', '.join(where)}: draw from one strategy in one market")
    lots = np.array([trade.lots_max for trade in trades], dtype=np.float64)
    pnl = _whole(np.array([trade.pnl_microusd for trade in trades], dtype=np.float64) / lots, "P&L")
    risks = _risks(trades, seen, risk_usd)
    best, worst = pnl, pnl
    if excursions is not None:
        best = np.maximum(pnl, _whole(excursions.best_usd * MICRO / lots, "best open P&L"))
        worst = np.minimum(pnl, _whole(excursions.worst_usd * MICRO / lots, "worst open P&L"))
    columns = _columns(trades, market, seen, risks)
    scene, differing = _split(_scene(market), columns)
    return Stream(
        strategy=names[0],
        market=market,
        pnl_microusd=pnl,
        best_microusd=best,
        worst_microusd=worst,
        risk_usd=risks,
        day_ends=_day_ends(days or [str(trade.ts_close_utc_ns // 86_400_000_000_000) for trade in trades]),
        scene=scene,
        seen=differing,
    )


def at(scene: View, seen: Seen, account: AccountView, track: TrackView) -> View:
    """The view of one trade, or of one trade on each of B paths: numbers are scalars, or arrays [B]."""
    parts: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
    for path, value in seen.items():
        part, name = path.split(".")
        parts[part][name] = value
    changed: dict[str, Any] = {part: replace(getattr(scene, part), **new) for part, new in parts.items() if new}
    position = PositionView(portfolio_usd=account.equity_usd)
    return replace(scene, account=account, track=track, position=position, **changed)


def _scene(market: Market) -> View:
    """What is the same whenever the market is entered without a position."""
    return View(
        account=AccountView(balance_usd=NAN, equity_usd=NAN, starting_capital_usd=NAN, peak_equity_usd=NAN),
        market=MarketView(
            symbol=market.symbol,
            family=market.family,
            kind=int(market.kind),
            multiplier_usd_per_point=market.multiplier_usd_per_point,
            tick_points=1 / market.ticks_per_point,
            price_points=NAN,
            cost_usd_per_lot=market.cost_usd_per_lot(),
            lots_max=float(market.lots_max),
            mini_equivalent=market.mini_equivalent,
        ),
        signal=SignalView(side=1),
    )


def _columns(trades: Sequence[Trade], market: Market, seen: Sequence[Seen], risks: Floats) -> dict[str, Floats]:
    """What differs, or may: of the trades themselves, and over it what was seen when they were decided on."""
    prices = np.array([trade.entry_points for trade in trades], dtype=np.float64)
    columns = {
        "market.price_points": prices,
        "market.margin_usd_per_lot": np.array([market.margin_usd_per_lot(price) for price in prices]),
        "signal.side": np.array([trade.side for trade in trades], dtype=np.float64),
    }
    if market.kind is not Kind.OPTION_SPREAD:
        cost_usd = market.cost_usd_per_lot()
        stops = (risks - cost_usd) / market.multiplier_usd_per_point
        columns["signal.stop_points"] = np.where(stops > 0, stops, NAN)
    for path in sorted({path for one in seen for path in one}):
        columns[path] = np.array([float(one.get(path, NAN)) for one in seen])
    columns["signal.risk_usd_per_lot"] = risks
    return columns


def _split(scene: View, columns: Mapping[str, Floats]) -> tuple[View, dict[str, Floats]]:
    """What is one number for all trades goes into the scene."""
    alike = {path: float(values[0]) for path, values in columns.items() if _is_one(values)}
    differing = {path: values for path, values in columns.items() if path not in alike}
    changed: dict[str, Any] = {}
    for part in PARTS:
        new = {path.partition(".")[2]: value for path, value in alike.items() if path.startswith(f"{part}.")}
        changed[part] = replace(getattr(scene, part), **new)
    return replace(scene, **changed), differing


def _is_one(values: Floats) -> bool:
    return bool(np.all(values == values[0]) or np.all(np.isnan(values)))


def _risks(trades: Sequence[Trade], seen: Sequence[Seen], risk_usd: float) -> Floats:
    if not math.isnan(risk_usd):
        if not 0 < risk_usd < USD_MAX:
            raise InputInvalid(f"risk is {risk_usd} usd a lot; give what one lot can lose, above 0")
        return np.full(len(trades), risk_usd)
    own = np.array([t.risk_microusd / MICRO / t.lots_max if t.risk_microusd > 0 else NAN for t in trades])
    told = np.array([float(one.get("signal.risk_usd_per_lot", NAN)) for one in seen] or [NAN] * len(trades))
    return np.where(np.isfinite(told), told, own)


def _whole(microusd: Floats, what: str) -> Floats:
    """To the micro-dollar."""
    if not bool(np.all(np.abs(microusd) < USD_MAX * MICRO)):
        at = int(np.flatnonzero(~(np.abs(microusd) < USD_MAX * MICRO))[0])
        raise InputInvalid(f"trade {at + 1}: {what} of a lot is {microusd[at] / MICRO} usd; mend it or leave it out")
    return np.rint(microusd)


def _day_ends(days: Sequence[str]) -> Floats:
    ends = [day != after for day, after in zip(days, [*days[1:], ""], strict=True)]
    return np.array(ends, dtype=np.float64)

"""The parts of a view that tell of the market, the record, the clock and the controls. Pure."""

import math
from typing import Any, Final

import numpy as np

from gamma.book import Track
from gamma.book.pages import DAY_NS
from gamma.books import LEVELS, BookLevel
from gamma.markets import MICRO, Kind, Market
from gamma.marks import Mark
from gamma.orders import unended
from gamma.outlook.scene import Scene
from gamma.views import (
    NAN,
    ActivityView,
    ClockView,
    ControlView,
    CurveView,
    LiquidityView,
    MarketView,
    SignalView,
    TrackView,
)

_NO_TRACK: Final = Track()
_TRACKS_KEPT: Final = 64
_TOP: Final = 5
# A track changes with a trade, and is looked at on every bar: its arrays are made once. By the track's own identity,
# and with the track, so that an identity that is used again is not taken for it.
_tracks: Final[dict[int, tuple[Track, TrackView]]] = {}


def market(scene: Scene) -> MarketView:
    """The strategy's market at its last prices."""
    market, mark, now = scene.market, scene.mark, scene.book.ts_event_utc_ns
    return MarketView(
        symbol=market.symbol,
        family=market.family,
        kind=int(market.kind),
        multiplier_usd_per_point=market.multiplier_usd_per_point,
        tick_points=1 / market.ticks_per_point,
        price_points=mark.price_points,
        cost_usd_per_lot=market.cost_usd_per_lot(_fee_ticks(market, mark)),
        slippage_ticks=market.slippage_ticks,
        lots_max=market.lots_max,
        mini_equivalent=market.mini_equivalent,
        margin_usd_per_lot=market.margin_usd_per_lot(mark.price_points),
        atr_points=mark.atr_points,
        vol_daily_points=mark.vol_daily_points,
        bid_points=mark.bid_points,
        ask_points=mark.ask_points,
        spread_median_points=mark.spread_median_points,
        quote_age_s=(now - mark.ts_quote_utc_ns) / 1e9 if mark.ts_quote_utc_ns else NAN,
        bar_age_s=(now - mark.ts_bar_utc_ns) / 1e9 if mark.ts_bar_utc_ns else NAN,
        bar_s=mark.bar_s,
    )


def _fee_ticks(market: Market, mark: Mark, price_ticks: int = 0) -> int:
    """The price at which an event contract's fee is reckoned; half way, where it is highest, while none is known."""
    if market.kind is not Kind.EVENT:
        return 50
    price = price_ticks or mark.price_points
    return min(100, max(0, round(price))) if math.isfinite(price) else 50


def signal(scene: Scene) -> SignalView:
    """What the strategy wants; side 0 where it wants nothing."""
    market, signal = scene.market, scene.signal
    if signal is None:
        return SignalView(side=0)
    if signal.risk_microusd_per_lot:
        risk = signal.risk_microusd_per_lot / MICRO
    elif signal.stop_ticks:
        cost_usd = market.cost_usd_per_lot(_fee_ticks(market, scene.mark, signal.price_ticks))
        risk = market.value_microusd(signal.stop_ticks, 1) / MICRO + cost_usd
    else:
        risk = NAN
    return SignalView(
        side=signal.side,
        stop_points=market.points(signal.stop_ticks) if signal.stop_ticks else NAN,
        target_points=market.points(signal.target_ticks) if signal.target_ticks else NAN,
        risk_usd_per_lot=risk,
        price_points=market.points(signal.price_ticks) if signal.price_ticks else NAN,
        credit_points=market.points(signal.credit_ticks) if signal.credit_ticks else NAN,
        width_points=market.points(signal.width_ticks) if signal.width_ticks else NAN,
        action=signal.action,
        novelty=signal.novelty,
    )


def curve(scene: Scene) -> CurveView | None:
    """What a size picker says of the signal's sizes; None where none was asked."""
    return scene.signal.curve if scene.signal is not None else None


def track(scene: Scene) -> TrackView:
    """The strategy's completed trades."""
    track = scene.book.tracks.get(scene.strategy.name, _NO_TRACK)
    known = _tracks.get(id(track))
    if known is not None and known[0] is track:
        return known[1]
    view = TrackView(
        pnl_usd_per_lot=np.asarray(track.pnl_usd_per_lot),
        r_multiples=np.asarray(track.r_multiples),
        slippage_ticks=np.asarray(track.slippage_ticks, dtype=np.float64),
        trades=track.trades,
    )
    for each in (view.pnl_usd_per_lot, view.r_multiples, view.slippage_ticks):
        each.flags.writeable = False  # what is looked at twice must not change in between
    if len(_tracks) >= _TRACKS_KEPT:
        _tracks.clear()
    _tracks[id(track)] = (track, view)
    return view


def liquidity(scene: Scene) -> LiquidityView:
    """What the market can take; of a book, the levels that the signal's side takes."""
    market, mark = scene.market, scene.mark
    volume, levels = mark.volume_10min_lots, _levels(scene)
    known: dict[str, Any] = {
        "volume_10min_lots": volume,
        "volume_10min_usd": volume * mark.price_points * market.multiplier_usd_per_point,
        "depth_top5_lots": mark.depth_top5_lots,
        "mid_points": mark.price_points,
    }
    if levels is None:
        return LiquidityView(**known)
    return LiquidityView(
        **known | {"depth_top5_lots": float(sum(level.lots for level in levels[:_TOP]))},
        book_prices_points=np.array([market.points(level.price_ticks) for level in levels], dtype=np.float64),
        book_lots=np.array([level.lots for level in levels], dtype=np.float64),
    )


def _levels(scene: Scene) -> tuple[BookLevel, ...] | None:
    """What the signal's order would take, best first; None where there is no book, or no side.

    Of a deeper book only the first cents, which are those that a policy is trained with: no order may be larger live.
    """
    side = scene.signal.side if scene.signal is not None else 0
    if scene.mark.book is None or not side:
        return None
    offered = scene.mark.book.offered(side)
    return tuple(level for level in offered if abs(level.price_ticks - offered[0].price_ticks) < LEVELS)


def clock(scene: Scene) -> ClockView:
    """The time, and where in the session it lies."""
    book, symbol = scene.book, scene.market.symbol
    now, opened = book.ts_event_utc_ns, book.sessions.get(symbol)
    offset = book.control.health.clock_offset_s if book.control.health else NAN
    if opened is None:
        return ClockView(ts_event_utc_ns=now, clock_offset_s=offset)
    session = opened.session
    return ClockView(
        ts_event_utc_ns=now,
        ts_session_close_utc_ns=session.ts_close_utc_ns,
        since_open_s=(now - session.ts_open_utc_ns) / 1e9,
        to_close_s=(session.ts_close_utc_ns - now) / 1e9,
        to_flat_by_s=(session.ts_flat_by_utc_ns - now) / 1e9,
        to_roll_s=(session.ts_roll_utc_ns - now) / 1e9 if session.ts_roll_utc_ns else NAN,
        clock_offset_s=offset,
        in_session=session.ts_open_utc_ns <= now <= session.ts_close_utc_ns,
    )


def activity(scene: Scene) -> ActivityView:
    """What was sent, traded and still works."""
    book, strategy = scene.book, scene.strategy
    return ActivityView(
        intents=book.intents,
        orders_today=book.orders_today,
        trades=tuple(t for t in book.trades if t.strategy == strategy.name),
        working=tuple((o.intent.market, o.intent.side * o.left_lots) for o in scene.entries),
        unresolved=sum(o.unresolved for o in unended(book.orders)),
    )


def control(scene: Scene) -> ControlView:
    """Who may trade, and what the last comparisons said."""
    book, rules = scene.book, scene.rules
    control, policy, symbol, model = book.control, rules.policy, scene.market.symbol, scene.strategy.model
    health = control.health
    gap, opened = control.balance_gap_microusd, book.sessions.get(symbol)
    return ControlView(
        mode=book.setup.mode,
        config_hash=rules.config_hash,
        armed_config_hash=control.armed_config_hash,
        armed_until_utc_ns=control.armed_until_utc_ns,
        armed_loss_max_usd=control.loss_max_microusd / MICRO if control.armed_config_hash else NAN,
        automation=policy.automation,
        automation_attested=policy.automation_attested,
        products=policy.products,
        host=policy.host,
        hosts=policy.hosts,
        kill_switch=health.kill_switch if health else False,
        broker_age_s=health.broker_age_s if health else NAN,
        data_age_s=health.data_age_s if health else NAN,
        strategy_age_s=health.strategy_age_s if health else NAN,
        mismatches=control.mismatches.get(symbol, 0),
        balance_gap_usd=NAN if gap is None else gap / MICRO,
        calendar_agrees=opened.agrees if opened else False,
        model_hash=model.sha256 if model else "",
        model_pinned_hash=model.pinned_sha256 if model else "",
        # On bars from before it was made a checkpoint is new.
        model_age_days=max(0.0, (book.ts_event_utc_ns - model.ts_created_utc_ns) / DAY_NS) if model else NAN,
    )

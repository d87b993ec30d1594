"""From the book to the view: all that a decision may look at, gathered. Pure."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from gamma.book import Book, Track
from gamma.book.pages import DAY_NS
from gamma.events import OrderKind, SignalMade
from gamma.markets import MICRO, Kind, Market
from gamma.marks import Mark
from gamma.orders import Order, Position
from gamma.rules import Rules, StrategyRules
from gamma.views import (
    NAN,
    AccountView,
    ActivityView,
    ClockView,
    ControlView,
    LiquidityView,
    MarketView,
    PositionView,
    SignalView,
    TrackView,
    View,
)

_NO_MARK: Final = Mark()
_NO_TRACK: Final = Track()
_TRACKS_KEPT: Final = 64
# A track changes with a trade, and is looked at on every bar: its arrays are made once. By the track's own identity,
# and with the track, so that an identity that is used again is not taken for it.
_tracks: Final[dict[int, tuple[Track, TrackView]]] = {}


def look(book: Book, rules: Rules, strategy: StrategyRules, signal: SignalMade | None = None) -> View:
    """The view of one strategy now; without a signal its side is 0, as guards see it between orders."""
    market, mark = strategy.market, book.marks.get(strategy.market.symbol, _NO_MARK)
    entries, equity = _entries(book), _known_equity_microusd(book)
    return View(
        strategy=strategy.name,
        account=_account(book, rules, entries, equity),
        market=_market(book, market, mark),
        signal=_signal(market, mark, signal),
        track=_track(book.tracks.get(strategy.name, _NO_TRACK)),
        liquidity=_liquidity(market, mark),
        position=_position(book, strategy, entries, equity),
        clock=_clock(book, market.symbol),
        activity=_activity(book, strategy, entries),
        control=_control(book, rules, strategy),
        validated=strategy.validated,
    )


def equity_microusd(book: Book) -> int:
    """Balance plus open P&L at the last prices; as it was last recorded while one is not known [micro-dollars]."""
    if not book.positions:
        return book.balance_microusd
    if not _priced(book):
        return book.money.equity_microusd
    return book.balance_microusd + sum(_open_microusd(book, p) for p in book.positions.values())


def _known_equity_microusd(book: Book) -> float:
    """Equity for the view: NaN, which closes, while something held has no price."""
    return equity_microusd(book) if _priced(book) else NAN


def _priced(book: Book) -> bool:
    """Whether all that is held has a price."""
    return all(
        math.isfinite(book.marks.get(symbol, _NO_MARK).price_points)
        for (_, symbol), position in book.positions.items()
        if position.lots
    )


def _open_microusd(book: Book, position: Position) -> int:
    market = book.market(position.market)
    # The bars of an option root are its underlying's: a spread is carried at cost until it is closed.
    if not position.lots or market.kind is Kind.OPTION_SPREAD:
        return 0
    price = book.marks[position.market].price_points * market.ticks_per_point
    return position.open_microusd(price, market.tick_value_microusd)


def _margin_usd(book: Book, symbol: str, lots: int) -> float:
    if not lots:
        return 0.0
    market, price = book.market(symbol), book.marks.get(symbol, _NO_MARK).price_points
    # NO, which is what short means in an event contract, costs what YES does not.
    paid = 100 - price if market.kind is Kind.EVENT and lots < 0 else price
    return abs(lots) * market.margin_usd_per_lot(paid)


def _risk_usd(book: Book, position: Position) -> float:
    """What the position loses from here if its stop fills at its price; without one, all that it can [usd]."""
    stops = [
        o.price_ticks
        for o in book.orders.values()
        if o.intent.kind is OrderKind.STOP and o.live and o.intent.parent in position.entry_ids
    ]
    if not stops:
        return _whole_usd(book, position.market, position.lots, position.risk_microusd_per_lot)
    market = book.market(position.market)
    price = book.marks.get(position.market, _NO_MARK).price_points * market.ticks_per_point
    return max(0.0, *(position.lots * (price - stop) for stop in stops)) * market.tick_value_microusd / MICRO


def _entry_risk_usd(book: Book, order: Order) -> float:
    intent = order.intent
    stops = [
        o.price_ticks
        for o in book.orders.values()
        if o.intent.parent == intent.client_order_id and o.intent.kind is OrderKind.STOP
    ]
    if not stops:
        return _whole_usd(book, intent.market, order.left_lots, intent.risk_microusd_per_lot)
    market = book.market(intent.market)
    price = intent.price_ticks or book.marks.get(intent.market, _NO_MARK).price_points * market.ticks_per_point
    return order.left_lots * abs(price - stops[0]) * market.tick_value_microusd / MICRO


def _whole_usd(book: Book, symbol: str, lots: int, risk_microusd_per_lot: int) -> float:
    """The most that so many lots can lose: as their structure says, else their margin [usd]."""
    return abs(lots) * risk_microusd_per_lot / MICRO if risk_microusd_per_lot else _margin_usd(book, symbol, lots)


def _entries(book: Book) -> list[Order]:
    return [o for o in book.orders.values() if o.intent.kind is OrderKind.ENTRY and o.left_lots]


def _account(book: Book, rules: Rules, entries: Sequence[Order], equity: float) -> AccountView:
    money, balance = book.money, book.balance_microusd
    margin = sum(_margin_usd(book, p.market, p.lots) for p in book.positions.values())
    pending = sum(_margin_usd(book, o.intent.market, o.intent.side * o.left_lots) for o in entries)
    risk = sum(_risk_usd(book, p) for p in book.positions.values() if p.lots)
    return AccountView(
        balance_usd=balance / MICRO,
        equity_usd=equity / MICRO,
        starting_capital_usd=book.setup.starting_capital_microusd / MICRO,
        peak_equity_usd=max(money.peak_microusd, equity) / MICRO,
        floor_usd=money.floor.floor_microusd / MICRO if money.floor else NAN,
        floor_room_start_usd=money.floor_room_start_microusd / MICRO if money.floor else NAN,
        cash_usd=equity / MICRO - margin,
        pending_usd=pending,
        margin_used_usd=margin,
        day_start_equity_usd=money.day_equity_microusd / MICRO,
        day_pnl_usd=(equity - money.day_equity_microusd) / MICRO,
        day_realised_usd=(balance - money.day_balance_microusd) / MICRO,
        day_loss_max_usd=rules.policy.day_loss_max_usd,
        minis_max=rules.policy.minis_max(balance / MICRO),
        gross_risk_usd=risk + sum(_entry_risk_usd(book, o) for o in entries),
    )


def _market(book: Book, market: Market, mark: Mark) -> MarketView:
    now = book.ts_event_utc_ns
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


def _signal(market: Market, mark: Mark, signal: SignalMade | None) -> SignalView:
    if signal is None:
        return SignalView(side=0)
    if signal.risk_microusd_per_lot:
        risk = signal.risk_microusd_per_lot / MICRO
    elif signal.stop_ticks:
        cost_usd = market.cost_usd_per_lot(_fee_ticks(market, mark, signal.price_ticks))
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


def _track(track: Track) -> TrackView:
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


def _liquidity(market: Market, mark: Mark) -> LiquidityView:
    volume = mark.volume_10min_lots
    return LiquidityView(
        volume_10min_lots=volume,
        volume_10min_usd=volume * mark.price_points * market.multiplier_usd_per_point,
        depth_top5_lots=mark.depth_top5_lots,
        mid_points=mark.price_points,
    )


def _position(book: Book, strategy: StrategyRules, entries: Sequence[Order], equity: float) -> PositionView:
    symbol, family = strategy.market.symbol, strategy.market.family
    working = [(o.intent, o.left_lots) for o in entries]
    long_minis = short_minis = market_value = family_value = 0.0
    for (_, held), position in book.positions.items():
        market = book.market(held)
        value = _margin_usd(book, held, position.lots)
        market_value += value if held == symbol else 0.0
        if market.family == family:
            family_value += value
            long_minis += max(0, position.lots) * market.mini_equivalent
            short_minis += max(0, -position.lots) * market.mini_equivalent
    for intent, lots in working:
        market = book.market(intent.market)
        if market.family == family:
            long_minis += max(0, intent.side) * lots * market.mini_equivalent
            short_minis += max(0, -intent.side) * lots * market.mini_equivalent
    lots_held = book.lots(symbol)
    bare_lots, bare_since_utc_ns = _bare(book, book.positions.get((strategy.name, symbol)))
    others = [p.lots for (name, held), p in book.positions.items() if held == symbol and name != strategy.name]
    return PositionView(
        lots=lots_held,
        working_long_lots=sum(n for i, n in working if i.market == symbol and i.side > 0),
        working_short_lots=sum(n for i, n in working if i.market == symbol and i.side < 0),
        others_long_lots=sum(max(0, lots) for lots in others),
        others_short_lots=sum(max(0, -lots) for lots in others),
        value_usd=_margin_usd(book, symbol, lots_held),
        market_value_usd=market_value,
        family_value_usd=family_value,
        portfolio_usd=equity / MICRO,
        family_net_minis=long_minis - short_minis,
        family_long_minis=long_minis,
        family_short_minis=short_minis,
        bare_lots=bare_lots,
        bare_s=(book.ts_event_utc_ns - bare_since_utc_ns) / 1e9 if bare_lots else 0.0,
    )


def _bare(book: Book, position: Position | None) -> tuple[int, int]:
    """How much of a position has neither a live stop nor a defined largest loss, and since when [ns].

    What is being closed already needs none.
    """
    if position is None or not position.lots or position.exit_reason:
        return 0, 0
    if position.risk_microusd_per_lot and not position.risk_ticks:
        return 0, 0
    stops = [
        o for o in book.orders.values() if o.intent.kind is OrderKind.STOP and o.intent.parent in position.entry_ids
    ]
    bare = abs(position.lots) - sum(o.left_lots for o in stops if o.live)
    since = max(position.ts_grown_utc_ns, *(o.ts_end_utc_ns for o in stops), 0)
    return max(0, bare), since


def _clock(book: Book, symbol: str) -> ClockView:
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
        clock_offset_s=offset,
        in_session=session.ts_open_utc_ns <= now <= session.ts_close_utc_ns,
    )


def _activity(book: Book, strategy: StrategyRules, entries: Sequence[Order]) -> ActivityView:
    return ActivityView(
        intents=book.intents,
        orders_today=book.orders_today,
        trades=tuple(t for t in book.trades if t.strategy == strategy.name),
        working=tuple((o.intent.market, o.intent.side * o.left_lots) for o in entries),
        unresolved=sum(o.unresolved for o in book.orders.values()),
    )


def _control(book: Book, rules: Rules, strategy: StrategyRules) -> ControlView:
    control, policy, symbol, model = book.control, rules.policy, strategy.market.symbol, strategy.model
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

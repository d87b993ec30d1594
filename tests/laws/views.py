"""Views as they may be met: every market, sensible numbers, and a record and a book of a fixed width."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any, Final

import numpy as np
from hypothesis import strategies as st

from gamma.markets import TABLE, event_market
from gamma.numeric import NAN
from gamma.views import AccountView, CurveView, LiquidityView, MarketView, PositionView, SignalView, TrackView, View

MARKETS: Final = (*TABLE.values(), event_market("KXINX-26"))
# Places of a record, fills of stops and levels of a book, the same for every view, so that views can be stacked.
TRADES: Final = 60
SLIPS: Final = 12
LEVELS: Final = 5
SIZES: Final = 7
RUINS: Final = ("equity at 0.3", "margin at 0.3", "floor")
PRICES: Final = {"XAU_USD": 3_000.0, "KXINX-26": 50.0}
PARTS: Final = ("account", "market", "signal", "track", "liquidity", "position", "curve")


def usd(least: float, most: float) -> st.SearchStrategy[float]:
    """An amount in whole cents."""
    return st.integers(round(100 * least), round(100 * most)).map(lambda cents: cents / 100)


@st.composite
def _accounts(draw: st.DrawFn) -> AccountView:
    balance = draw(usd(100, 200_000))
    equity = balance + draw(usd(-1_000, 1_000))
    capital = draw(st.sampled_from([1_000.0, 20_000.0, 50_000.0, 100_000.0]))
    room = draw(usd(-100, 5_000))
    return AccountView(
        balance_usd=balance,
        equity_usd=equity,
        starting_capital_usd=capital,
        peak_equity_usd=max(equity, capital),
        floor_usd=equity - room,
        floor_room_start_usd=draw(usd(1, 5_000)),
        cash_usd=draw(usd(-100, 200_000)),
        pending_usd=draw(usd(0, 1_000)),
    )


@st.composite
def _markets(draw: st.DrawFn) -> MarketView:
    found = draw(st.sampled_from(MARKETS))
    price = PRICES.get(found.symbol, 20_000.0) * draw(st.floats(0.1, 1.9))
    price_ticks = min(max(round(price * found.ticks_per_point), 1), 99 if found.symbol.startswith("KX") else 10**9)
    atr = price * draw(st.floats(1e-4, 5e-2))
    return MarketView(
        symbol="ANY",  # static under tracing, so that all markets share one compilation
        family=found.family if draw(st.booleans()) else "",
        kind=int(found.kind),
        multiplier_usd_per_point=found.multiplier_usd_per_point,
        tick_points=float(found.tick_points),
        price_points=found.points(price_ticks),
        cost_usd_per_lot=found.cost_usd_per_lot(price_ticks),
        lots_max=found.lots_max,
        mini_equivalent=found.mini_equivalent,
        margin_usd_per_lot=max(found.margin_usd_per_lot(found.points(price_ticks)), 1.0),
        atr_points=atr,
        vol_daily_points=atr * draw(st.floats(2.0, 20.0)),
    )


@st.composite
def _tracks(draw: st.DrawFn) -> TrackView:
    """A record of wins, losses and scratches, in cents, with garbage for padding."""
    trades = draw(st.integers(0, TRADES + 20))
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    wins = chance.random(TRADES) < draw(st.floats(0, 1))
    win, loss = draw(usd(0.01, 500)), draw(usd(0.01, 300))
    spread = chance.integers(0, 3, TRADES)
    pnl = np.where(wins, win, -loss) * (spread if draw(st.booleans()) else 1.0)
    padding = TRADES - min(trades, TRADES)
    pnl[:padding] = draw(st.sampled_from([0.0, NAN, 1e9]))
    slipped = chance.integers(-2, 20, SLIPS).astype(np.float64)
    return TrackView(
        pnl_usd_per_lot=pnl, r_multiples=np.maximum(pnl / 300.0, -1.0), trades=trades, slippage_ticks=slipped
    )


@st.composite
def _liquidity(draw: st.DrawFn, market: MarketView, side: int) -> LiquidityView:
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    steps = np.cumsum(chance.integers(0, 5, LEVELS)) * market.tick_points
    volume = draw(st.integers(0, 100_000))
    return LiquidityView(
        volume_10min_lots=float(volume),
        volume_10min_usd=volume * market.price_points * market.multiplier_usd_per_point,
        depth_top5_lots=float(draw(st.integers(0, 1_000))),
        mid_points=market.price_points,
        book_prices_points=market.price_points + side * steps,
        book_lots=chance.integers(0, 50, LEVELS).astype(np.float64),
    )


@st.composite
def _positions(draw: st.DrawFn) -> PositionView:
    return PositionView(
        lots=draw(st.integers(-600, 600)),
        working_long_lots=draw(st.integers(0, 50)),
        working_short_lots=draw(st.integers(0, 50)),
        portfolio_usd=draw(usd(100, 200_000)),
        family_long_minis=draw(st.floats(0, 12)),
        family_short_minis=draw(st.floats(0, 12)),
    )


@st.composite
def _curves(draw: st.DrawFn, account: AccountView, market: MarketView, side: int) -> CurveView:
    """What a picker may answer, at the equity and price of the view or a little beside them."""
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    lots = np.arange(SIZES) * draw(st.integers(1, 5))
    ruin = np.sort(chance.random(SIZES) ** 3) * (lots > 0)
    ruin[draw(st.integers(1, SIZES)) :] = NAN  # what margin does not bear
    bounded = draw(st.booleans())
    return CurveView(
        lots=lots,
        leverage=lots / SIZES,
        ruin_frac=np.linspace(1.0, 0.01, SIZES),
        ruin_prob=ruin,
        ruin_bound=np.minimum(1.0, ruin + 0.02) if bounded else np.full(SIZES, NAN),
        return_mean=chance.normal(0.01, 0.02, SIZES),
        growth_mean=chance.normal(0.01, 0.02, SIZES),
        side=draw(st.sampled_from([side, side, side, -side])),
        equity_usd=account.equity_usd - draw(st.sampled_from([0.0, 0.0, 5.0, -5.0])),
        room_usd=draw(st.sampled_from([account.room_usd, account.room_usd - 5.0, NAN])),
        price_points=market.price_points * draw(st.sampled_from([1.0, 1.0, 1.0005, 1.01])),
        novelty=draw(st.floats(0.0, 3.5)),
        bar_age_s=draw(st.sampled_from([0.0, 0.0, 60.0, 10_000.0])),
        bar_s=3600.0,
        ruin=draw(st.sampled_from(RUINS)),
        model_sha256="0" * 64,
    )


@st.composite
def views(draw: st.DrawFn) -> View:
    """A view of an entry in any market, with everything known that a sizer may want."""
    account, market, side = draw(_accounts()), draw(_markets()), draw(st.sampled_from([-1, 1]))
    signal = SignalView(
        side=side,
        risk_usd_per_lot=draw(usd(1, 2_000)),
        price_points=market.price_points if draw(st.booleans()) else NAN,
        action=draw(st.integers(0, 20)),
        novelty=draw(st.floats(0.0, 4.0)),
    )
    return View(
        account=account,
        market=market,
        signal=signal,
        track=draw(_tracks()),
        liquidity=draw(_liquidity(market, side)),
        position=draw(_positions()),
        curve=draw(_curves(account, market, side)),
    )


def numbers(view: View) -> Iterator[str]:
    """Every number of the parts that sizers look at, by its path."""
    for part in PARTS:
        record = getattr(view, part)
        for field in fields(record):
            if not isinstance(getattr(record, field.name), str):
                yield f"{part}.{field.name}"


def with_number(view: View, path: str, value: float) -> View:
    """The view with one number changed; of a record or a book, the newest trade or the best level."""
    part, name = path.split(".")
    record = getattr(view, part)
    known: Any = getattr(record, name)
    if isinstance(known, np.ndarray):
        changed = known.astype(np.float64)
        changed[-1 if part == "track" else 0] = value
        return replace(view, **{part: replace(record, **{name: changed})})
    return replace(view, **{part: replace(record, **{name: value})})


def enriched(view: View, by_usd: float) -> View:
    """The same account with more money: balance, equity, cash and portfolio."""
    account = replace(
        view.account,
        balance_usd=view.account.balance_usd + by_usd,
        equity_usd=view.account.equity_usd + by_usd,
        cash_usd=view.account.cash_usd + by_usd,
    )
    position = replace(view.position, portfolio_usd=view.position.portfolio_usd + by_usd)
    return replace(view, account=account, position=position)

"""A view in which every guard finds what it needs and lets a small MNQ entry through."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gamma.markets import Kind
from gamma.views import (
    AccountView,
    ActivityView,
    ClockView,
    ControlView,
    LiquidityView,
    MarketView,
    OrderView,
    PositionView,
    SignalView,
    View,
)

S = 1_000_000_000
NOW_UTC_NS = 1_790_000_000 * S


def example_view(**overrides: Mapping[str, Any]) -> View:
    """The example, with fields of its parts replaced: `example_view(account={"equity_usd": 48_000.0})`."""
    view = View(
        strategy="mnq",
        account=AccountView(
            balance_usd=50_000.0,
            equity_usd=50_000.0,
            starting_capital_usd=50_000.0,
            peak_equity_usd=50_000.0,
            floor_usd=47_500.0,
            floor_room_start_usd=2_500.0,
            cash_usd=50_000.0,
            day_start_equity_usd=50_000.0,
        ),
        market=MarketView(
            symbol="MNQ",
            family="us_index",
            kind=Kind.MICRO,
            multiplier_usd_per_point=2.0,
            tick_points=0.25,
            price_points=20_000.0,
            cost_usd_per_lot=2.2,
            lots_max=12,
            mini_equivalent=0.1,
            margin_usd_per_lot=3_300.0,
            atr_points=40.0,
            bid_points=19_999.75,
            ask_points=20_000.25,
            spread_median_points=0.5,
            quote_age_s=1.0,
            bar_age_s=30.0,
            bar_s=300.0,
        ),
        signal=SignalView(side=1, stop_points=60.0, risk_usd_per_lot=122.2),
        liquidity=LiquidityView(mid_points=20_000.0),
        position=PositionView(portfolio_usd=50_000.0),
        clock=ClockView(
            ts_event_utc_ns=NOW_UTC_NS,
            ts_session_close_utc_ns=NOW_UTC_NS + 7_200 * S,
            since_open_s=3_600.0,
            to_close_s=7_200.0,
            to_flat_by_s=7_140.0,
            to_roll_s=439_140.0,
            clock_offset_s=0.01,
            in_session=True,
        ),
        activity=ActivityView(),
        control=ControlView(broker_age_s=1.0, data_age_s=1.0, strategy_age_s=1.0, balance_gap_usd=0.0),
    )
    return replace(view, **{part: replace(getattr(view, part), **fields) for part, fields in overrides.items()})


def example_order(**overrides: Any) -> OrderView:
    """An entry of 4 MNQ, long, at the market."""
    return replace(OrderView(market="MNQ", side=1, lots=4, signal_id="mnq-1"), **overrides)

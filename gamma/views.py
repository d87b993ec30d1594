"""`View`: all that a decision may look at, frozen.

Live every field is a Python or NumPy scalar (`[W]` arrays for the track record, `[K]` for the order
book); in training the same records hold traced arrays with a leading batch axis. `symbol`, `family`
and `strategy` are the only text, and are static under tracing. An unknown number is NaN, and NaN
closes: a sizer that needs it gives 0 lots, a guard that needs it lets no entry through.
"""

from dataclasses import dataclass, field

import numpy as np

from gamma.numeric import Num as Num  # noqa: PLC0414 - every view is made of it

NAN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """Money and state of the account.

    `floor_usd` is the equity at which the account is breached (NaN without a profile); `cash_usd`
    is free cash, `pending_usd` what working orders would take of it, with the fees of event contracts.
    `day_pnl_usd` counts realised and open from the session's start; `day_realised_usd` realised only.
    `day_loss_max_usd` is the profile's daily loss limit, and `minis_max` the most e-minis that it allows at
    this balance (ten micros are one); both infinite where it has none.
    """

    balance_usd: Num
    equity_usd: Num
    starting_capital_usd: Num
    peak_equity_usd: Num
    floor_usd: Num = NAN
    floor_room_start_usd: Num = NAN
    cash_usd: Num = NAN
    pending_usd: Num = 0.0
    margin_used_usd: Num = 0.0
    day_start_equity_usd: Num = NAN
    day_pnl_usd: Num = 0.0
    day_realised_usd: Num = 0.0
    day_loss_max_usd: Num = float("inf")
    minis_max: Num = float("inf")
    gross_risk_usd: Num = 0.0

    @property
    def room_usd(self) -> Num:
        """Equity above the floor [usd]; NaN where the account has no floor."""
        return self.equity_usd - self.floor_usd

    @property
    def available_usd(self) -> Num:
        """Cash less what working orders and their fees would take [usd]."""
        return self.cash_usd - self.pending_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    """The market as the decision sees it; distances in points, worth per lot in usd.

    `slippage_ticks` is what the costs expect of a fill, per side.
    """

    symbol: str
    family: str = ""
    kind: Num
    multiplier_usd_per_point: Num
    tick_points: Num
    price_points: Num
    cost_usd_per_lot: Num = 0.0
    slippage_ticks: Num = NAN
    lots_max: Num = NAN
    mini_equivalent: Num = 0.0
    margin_usd_per_lot: Num = NAN
    atr_points: Num = NAN
    vol_daily_points: Num = NAN
    bid_points: Num = NAN
    ask_points: Num = NAN
    spread_median_points: Num = NAN
    quote_age_s: Num = NAN
    bar_age_s: Num = NAN
    bar_s: Num = NAN


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalView:
    """What the strategy wants: `side` +1 long (YES) or -1 short (NO); 0 is no trade.

    `risk_usd_per_lot` is the most that one lot can lose: given by an option structure, or 0 < stop
    distance x multiplier + costs. `price_points` is the limit, NaN for a market order. `action` is the
    raw action of a policy, -1 otherwise. `novelty` is how far what the policy saw lies from what it was trained on:
    about 1 where it is alike, at most 10; NaN where no policy made the signal.
    """

    side: Num
    stop_points: Num = NAN
    target_points: Num = NAN
    risk_usd_per_lot: Num = NAN
    price_points: Num = NAN
    credit_points: Num = NAN
    width_points: Num = NAN
    action: Num = -1
    novelty: Num = NAN


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveView:
    """What a size picker said of every size of this trade: `gamma.curves.Sizes` and `SizeCurve`, and their grounds.

    It holds for `side`, `equity_usd`, `room_usd` and `price_points`, with which it was reckoned. `novelty` is as the
    signal's; `bar_age_s` is how old the last bar was that the picker had seen, each `bar_s` long. `ruin` says what
    ruins a size, `model_sha256` and `calibration` what answered. Where nothing did, every chance is NaN, `why` is the
    reason and `told` says more.

    Shapes: `lots` to `growth_mean` [..., K], K sizes, of which the first is 0 lots.
    """

    lots: Num
    leverage: Num
    ruin_frac: Num
    ruin_prob: Num
    ruin_bound: Num
    return_mean: Num
    growth_mean: Num
    side: Num
    equity_usd: Num
    room_usd: Num = NAN
    price_points: Num
    novelty: Num = NAN
    bar_age_s: Num = NAN
    bar_s: Num = NAN
    ruin: str
    model_sha256: str
    calibration: str = ""
    why: str = ""
    told: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackView:
    """The strategy's completed trades, oldest first, newest last.

    Shapes: `pnl_usd_per_lot` and `r_multiples` [..., W]; the last `min(trades, W)` entries are
    real, what stands before them is padding. `trades` counts all that ever completed.
    `slippage_ticks` [V] is how much worse than its own price each fill of a stop was, newest last, without padding.
    """

    pnl_usd_per_lot: Num = field(default_factory=lambda: np.zeros(0))
    r_multiples: Num = field(default_factory=lambda: np.zeros(0))
    trades: Num = 0
    slippage_ticks: Num = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatedView:
    """What the strategy was found to be out of sample, by its checkpoint's card or the configuration.

    Its win rate, and the mean and standard deviation of its R-multiples; NaN where nobody says.
    """

    win_rate_frac: Num = NAN
    r_mean: Num = NAN
    r_std: Num = NAN


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidityView:
    """What the market can take.

    Shapes: `book_prices_points`, `book_lots` [..., K]: the side that the order takes, best price first,
    padded with 0 lots.
    """

    volume_10min_lots: Num = NAN
    volume_10min_usd: Num = NAN
    depth_top5_lots: Num = NAN
    mid_points: Num = NAN
    book_prices_points: Num = field(default_factory=lambda: np.zeros(0))
    book_lots: Num = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionView:
    """Exposure before the order. Signed lots: + long or YES, - short or NO.

    `lots` are the account's, net; `others_long_lots` and `others_short_lots` what other strategies hold in the market,
    each side by itself and never below 0: theirs may end before this strategy's does.
    `value_usd`, `market_value_usd` and `family_value_usd` are what positions tie up, in this market and in
    its family; `market_pending_usd` and `family_pending_usd` what entries that work would tie up beside them.
    `family_long_minis` and `family_short_minis` are lots of the family in e-minis, held and working, each side by
    itself and never below 0. `bare_lots` of what this strategy holds, and is not closing, have had neither a live stop
    nor a defined largest loss for `bare_s`.
    """

    lots: Num = 0
    working_long_lots: Num = 0
    working_short_lots: Num = 0
    others_long_lots: Num = 0
    others_short_lots: Num = 0
    value_usd: Num = 0.0
    market_value_usd: Num = 0.0
    family_value_usd: Num = 0.0
    market_pending_usd: Num = 0.0
    family_pending_usd: Num = 0.0
    portfolio_usd: Num = NAN
    family_net_minis: Num = 0.0
    family_long_minis: Num = 0.0
    family_short_minis: Num = 0.0
    bare_lots: Num = 0
    bare_s: Num = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockView:
    """Where in the session the decision falls; event time, never a clock read here.

    `ts_session_close_utc_ns` is when the trading day ends, 0 where it is unknown. `to_roll_s` is left to the moment
    to be flat by of the last session before another month is in front; NaN in a market without months.
    """

    ts_event_utc_ns: int = 0
    ts_session_close_utc_ns: int = 0
    since_open_s: Num = NAN
    to_close_s: Num = NAN
    to_flat_by_s: Num = NAN
    to_roll_s: Num = NAN
    clock_offset_s: Num = NAN
    in_news_window: bool = False
    in_session: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PastIntent:
    """An order that was intended earlier today; `cancels` counts how often it was to be cancelled."""

    ts_event_utc_ns: int
    strategy: str
    market: str
    side: int
    lots: int
    signal_id: str
    reduces: bool = False
    cancels: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTrade:
    """A completed round trip of the strategy; `stopped` when a protective stop ended it."""

    ts_event_utc_ns: int
    strategy: str
    market: str
    pnl_usd: float
    stopped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityView:
    """What was done lately: today's intents of the account, the strategy's last trades, working orders.

    `intents` are the last of today's, 256 at most, and those of the hour before it; `orders_today` counts them all.
    `working` holds signed (market, lots) of working orders of the whole account that could open risk.
    """

    intents: tuple[PastIntent, ...] = ()
    orders_today: int = 0
    trades: tuple[PastTrade, ...] = ()
    working: tuple[tuple[str, int], ...] = ()
    unresolved: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlView:
    """Who may trade at all: mode, arming, profile policy, kill switch, health of the loops.

    Ages are seconds since the last sign of life; `mismatches` counts consecutive reconciles in which the
    broker's position differed from the book's; `balance_gap_usd` is the last end-of-day difference.
    `automation` is `allowed`, `own_machine` or `banned`. The `model_` fields are of the strategy's
    checkpoint, empty where it follows a rule; `armed_loss_max_usd` is the day's loss that a person armed.
    """

    mode: str = "paper"
    config_hash: str = ""
    armed_config_hash: str = ""
    armed_until_utc_ns: int = 0
    armed_loss_max_usd: Num = NAN
    automation: str = "allowed"
    automation_attested: bool = False
    products: tuple[str, ...] = ()
    host: str = ""
    hosts: tuple[str, ...] = ()
    kill_switch: bool = False
    broker_age_s: Num = NAN
    data_age_s: Num = NAN
    strategy_age_s: Num = NAN
    mismatches: int = 0
    balance_gap_usd: Num = NAN
    calendar_agrees: bool = True
    model_hash: str = ""
    model_pinned_hash: str = ""
    model_age_days: Num = NAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """How a strategy stands in its market: for sources of signals that manage what they hold. Prices in ticks.

    `side` without `lots` is an entry that works and has not filled. `stop_ticks` and `target_ticks` are what the broker
    holds, NaN where it holds none; `risk_ticks` is how far the first stop lay from the entry. `leaving`: the position
    is being closed. `legs` are the options of a structure that is held or being opened: symbols, and how many, + bought
    and - sold when it is bought. `floor_microusd` is the equity at which the account is breached, `drawdown_microusd`
    how far it first lay below the account; None where there is no floor. `cash_microusd` is what is not tied up in what
    the account holds, at the last prices.
    """

    ts_event_utc_ns: int
    side: int = 0
    lots: int = 0
    entry_ticks: float = NAN
    stop_ticks: float = NAN
    target_ticks: float = NAN
    best_ticks: float = NAN
    risk_ticks: float = NAN
    bars_held: int = 0
    at_break_even: bool = False
    trailing: bool = False
    leaving: bool = False
    legs: tuple[tuple[str, int], ...] = ()
    balance_microusd: int
    equity_microusd: int
    cash_microusd: int = 0
    floor_microusd: int | None = None
    drawdown_microusd: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """The order that a guard judges: `side` +1 or -1, whole `lots` > 0, `reduces` when it only closes.

    `price_points` is the limit, NaN at market; of an event contract it is the price of YES, on either side.
    """

    market: str
    side: int
    lots: int
    reduces: bool = False
    price_points: float = NAN
    signal_id: str = ""
    kind: str = "entry"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The whole of what a decision sees; `curve` is None where no size picker was asked."""

    strategy: str = ""
    account: AccountView
    market: MarketView
    signal: SignalView
    track: TrackView = field(default_factory=TrackView)
    liquidity: LiquidityView = field(default_factory=LiquidityView)
    position: PositionView = field(default_factory=PositionView)
    clock: ClockView = field(default_factory=ClockView)
    activity: ActivityView = field(default_factory=ActivityView)
    control: ControlView = field(default_factory=ControlView)
    validated: ValidatedView = field(default_factory=ValidatedView)
    curve: CurveView | None = None

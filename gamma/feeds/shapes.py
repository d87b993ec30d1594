"""Which markets can be simulated, at what level, and how their day goes.

Source: half-hourly figures of real bars, rounded; levels and volumes are round figures.
"""

from dataclasses import dataclass
from typing import Final

from gamma.errors import InputInvalid

HALF_HOUR_S: Final = 1800

# Standard deviation and volume of each half hour from 18:00 on, New York time.
INDEX_VOL: Final = (
    *(0.80, 0.50, 0.52, 0.46, 0.58, 0.54, 0.52, 0.60, 0.46, 0.44, 0.40, 0.38),
    *(0.40, 0.40, 0.46, 0.50, 0.62, 0.60, 0.90, 0.75, 0.80, 0.66, 0.62, 0.60),
    *(0.62, 0.66, 0.74, 0.72, 0.95, 1.45, 0.95, 2.45, 1.95, 1.75, 1.50, 1.30),
    *(1.17, 1.18, 1.28, 1.17, 1.35, 1.38, 1.24, 1.45, 1.15, 0.58),
)
INDEX_LOTS: Final = (
    *(0.27, 0.15, 0.18, 0.14, 0.17, 0.16, 0.13, 0.14, 0.12, 0.12, 0.10, 0.09),
    *(0.10, 0.11, 0.11, 0.12, 0.22, 0.22, 0.47, 0.38, 0.42, 0.33, 0.31, 0.27),
    *(0.28, 0.32, 0.42, 0.44, 0.64, 1.55, 1.15, 5.64, 4.03, 3.14, 2.61, 2.19),
    *(1.78, 1.66, 2.00, 1.90, 2.10, 2.10, 2.26, 3.59, 1.13, 0.22),
)
GOLD_VOL: Final = tuple(
    size
    for size in (
        *(0.83, 0.67, 0.87, 1.03, 0.71, 0.61, 0.60, 0.76, 0.92, 1.09, 0.87, 0.83),
        *(0.87, 0.92, 1.77, 1.60, 1.63, 1.19, 0.99, 0.93, 1.16, 0.86, 0.55),
    )
    for _ in range(2)
)
GOLD_LOTS: Final = tuple(
    size
    for size in (
        *(0.33, 0.48, 0.81, 0.95, 0.70, 0.56, 0.57, 0.74, 1.04, 1.24, 1.07, 0.99),
        *(0.92, 1.09, 1.90, 2.16, 2.18, 1.65, 1.25, 1.16, 0.99, 0.86, 0.31),
    )
    for _ in range(2)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leader:
    """A market whose prices are drawn; `loading` is its correlation with its family's factor."""

    symbol: str
    level_points: float
    vol_daily_frac: float
    loading: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Markets that share a factor, a calendar and a rhythm."""

    number: int
    calendar: str
    leaders: tuple[Leader, ...]
    vol_shape: tuple[float, ...]
    lots_shape: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Follower:
    """A market that trades at `scale` times its leader's prices; lots per day and the usual spread are its own."""

    leader: str
    scale: float = 1.0
    lots_daily: float = float("nan")
    spread_ticks: int = 1


FAMILIES: Final = (
    Family(
        number=1,
        calendar="CME_Equity",
        leaders=(
            Leader(symbol="ES", level_points=6_800, vol_daily_frac=0.0100, loading=0.97),
            Leader(symbol="NQ", level_points=25_000, vol_daily_frac=0.0135, loading=0.93),
            Leader(symbol="YM", level_points=47_000, vol_daily_frac=0.0090, loading=0.92),
            Leader(symbol="RTY", level_points=2_450, vol_daily_frac=0.0135, loading=0.84),
        ),
        vol_shape=INDEX_VOL,
        lots_shape=INDEX_LOTS,
    ),
    Family(
        number=2,
        calendar="OTC_Gold",
        leaders=(Leader(symbol="XAU_USD", level_points=4_100, vol_daily_frac=0.0100, loading=1.0),),
        vol_shape=GOLD_VOL,
        lots_shape=GOLD_LOTS,
    ),
)
FOLLOWERS: Final = {
    "ES": Follower(leader="ES", lots_daily=1_200_000),
    "MES": Follower(leader="ES", lots_daily=1_000_000),
    "NQ": Follower(leader="NQ", lots_daily=550_000, spread_ticks=2),
    "MNQ": Follower(leader="NQ", lots_daily=1_400_000, spread_ticks=2),
    "YM": Follower(leader="YM", lots_daily=130_000, spread_ticks=2),
    "MYM": Follower(leader="YM", lots_daily=110_000, spread_ticks=2),
    "RTY": Follower(leader="RTY", lots_daily=160_000),
    "M2K": Follower(leader="RTY", lots_daily=80_000, spread_ticks=2),
    "XAU_USD": Follower(leader="XAU_USD", lots_daily=180_000, spread_ticks=30),
    "SPX": Follower(leader="ES"),
    "XSP": Follower(leader="ES", scale=0.1),
    "NDX": Follower(leader="NQ"),
    "RUT": Follower(leader="RTY"),
    "SPY": Follower(leader="ES", scale=0.1),
    "QQQ": Follower(leader="NQ", scale=1 / 41),
    "IWM": Follower(leader="RTY", scale=0.1),
}


def family_of(market: str) -> Family:
    """The family of a market that can be simulated.

    Raises: InputInvalid when it cannot be; the message lists those that can.
    """
    follower = FOLLOWERS.get(market)
    if follower is None:
        raise InputInvalid(f"{market} cannot be simulated; known: {', '.join(FOLLOWERS)}")
    return next(one for one in FAMILIES if any(leader.symbol == follower.leader for leader in one.leaders))

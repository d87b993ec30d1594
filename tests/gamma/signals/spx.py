"""Bars of SPX and surroundings for sources of signals."""

from typing import Any

from gamma.assembly import Hours
from gamma.bars import Bar
from gamma.markets import Market
from gamma.ports import KnownChains, Surroundings
from tests.option_case import MINUTE, minutes


def bar_at(close_min: float, close_points: float) -> Bar:
    """A bar of five minutes that closes so long after the open."""
    return Bar(
        market="SPX",
        ts_open_utc_ns=minutes(close_min) - 5 * MINUTE,
        ts_close_utc_ns=minutes(close_min),
        open_points=close_points,
        high_points=close_points,
        low_points=close_points,
        close_points=close_points,
        volume_lots=float("nan"),
    )


def _no_policy(name: str, sha256: str, market: Market) -> Any:
    raise AssertionError((name, sha256, market))


def surroundings(chains: KnownChains | None) -> Surroundings:
    return Surroundings(mode="paper", hours=Hours(), policy=_no_policy, event_policy=_no_policy, chains=chains)

import math
from typing import Any

import pytest

from sizers.fixed import Fixed
from sizers.liquidity_cap import LiquidityCap
from tests.sizers.sized import facts, in_market, sized

IN_CENTS = LiquidityCap(volume_in="usd", assumed_price_points=50.0)


def event(lots: float = math.nan, usd: float = math.nan, price: float = 50.0) -> Any:
    return in_market(
        "KXINX-26",
        market={"price_points": price},
        liquidity={"volume_10min_lots": lots, "volume_10min_usd": usd},
    )


@pytest.mark.parametrize(
    ("base", "volume_cents", "lots"),
    [
        (100, 1_000_001, 100),
        (100, 1_000_000, 50),
        (100, 100_000, 20),
        (50, 60_000, 10),
        (5, 200_000, 0),
        (5, 100_000, 0),
        (5, 900, 0),
    ],
)
def test_the_table_of_event_contracts_at_an_assumed_50_cents(base: int, volume_cents: int, lots: int) -> None:
    found = sized(event(usd=volume_cents / 100), Fixed(lots=base), IN_CENTS)
    assert found.lots == lots
    assert found.steps[1].reason == ("ok" if lots == base else "illiquid")


@pytest.mark.parametrize(
    ("contracts", "price", "lots"),
    [
        (40_000, 50.0, 100),  # 20,000 usd: the whole size
        (20_000, 50.0, 50),  # exactly 10,000 usd is medium
        (20_001, 50.0, 100),
        (2_000, 50.0, 20),  # exactly 1,000 usd is thin
        (2_001, 50.0, 50),
        (20_000, 95.0, 100),
        (20_000, 2.0, 20),  # 400 usd
        (399, 50.0, 10),  # 5 % is 19.95 contracts, floored to 19, snapped to 10
        (400, 50.0, 20),
        (100, 50.0, 5),
        (99, 50.0, 0),
        (0, 50.0, 0),
    ],
)
def test_volume_in_contracts_at_the_actual_price(contracts: float, price: float, lots: int) -> None:
    assert sized(event(lots=contracts, price=price), Fixed(lots=100), LiquidityCap()).lots == lots


def test_volume_in_usd_is_divided_by_the_actual_price() -> None:
    cap = LiquidityCap(volume_in="usd")
    assert sized(event(usd=300.0, price=75.0), Fixed(lots=100), cap).lots == 20  # 400 contracts
    assert sized(event(usd=299.0, price=75.0), Fixed(lots=100), cap).lots == 10


def test_as_proposer_it_gives_what_the_volume_bears() -> None:
    assert sized(event(lots=40_000), LiquidityCap()).lots == 100
    assert sized(event(lots=300), LiquidityCap()).lots == 10


@pytest.mark.parametrize("incoming", [4, 5, 9, 10, 49, 51, 99, 100, 400])
def test_sizes_are_snapped_down_to_the_grid(incoming: int) -> None:
    expected = max((g for g in (0, 5, 10, 20, 50, 100) if g <= incoming), default=0)
    assert sized(event(lots=1e6), Fixed(lots=incoming), LiquidityCap()).lots == expected


@pytest.mark.parametrize(
    ("symbol", "volume", "depth", "lots"),
    [
        ("MNQ", 1_000, 100, 20),
        ("MNQ", 400, 100, 20),
        ("MNQ", 399, 100, 19),
        ("MNQ", 1_000, 14, 2),
        ("SPX", 40, 100, 2),
        ("XAU_USD", 19, 100, 0),
        ("ES", 0, 100, 0),
    ],
)
def test_futures_and_options_take_a_share_of_volume_and_of_depth(
    symbol: str, volume: float, depth: float, lots: int
) -> None:
    view = in_market(symbol, liquidity={"volume_10min_lots": volume, "depth_top5_lots": depth})
    assert sized(view, Fixed(lots=100), LiquidityCap()).lots == lots


def test_without_a_book_the_depth_may_be_left_out_by_choice_only() -> None:
    view = in_market("MNQ", liquidity={"volume_10min_lots": 100.0})
    found = sized(view, Fixed(lots=100), LiquidityCap())
    assert (found.lots, found.steps[1].reason) == (0, "input_missing")
    assert found.invalid.endswith("set depth_frac = 0")
    assert sized(view, Fixed(lots=100), LiquidityCap(depth_frac=0)).lots == 5


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (in_market("MNQ"), "liquidity.volume_10min is unknown"),
        (event(), "liquidity.volume_10min is unknown"),
        (event(lots=1e6, price=math.nan), "liquidity.volume_10min_usd is unknown"),
        (event(lots=-1.0), "liquidity.volume_10min = -1: must be 0 or more"),
    ],
)
def test_what_is_unknown_closes_and_is_named(view: Any, said: str) -> None:
    found = sized(view, Fixed(lots=100), LiquidityCap())
    assert found.lots == 0
    assert found.invalid.startswith(said)


def test_it_tells_volume_and_depth() -> None:
    view = in_market("MNQ", liquidity={"volume_10min_lots": 1_000.0, "depth_top5_lots": 40.0})
    assert facts(view, LiquidityCap(), 12.0) == {
        "volume_10min_lots": 1_000.0,
        "volume_cap_lots": 50.0,
        "depth_top5_lots": 40.0,
        "depth_cap_lots": 8.0,
        "cap_lots": 8.0,
        "reason": "illiquid",
    }
    assert facts(event(lots=2_001), LiquidityCap(), 100.0) == {
        "volume_10min_lots": 2_001.0,
        "volume_cap_lots": pytest.approx(100.05),
        "volume_10min_usd": pytest.approx(1_000.5),
        "scale": 0.5,
        "cap_lots": 50.0,
        "reason": "illiquid",
    }

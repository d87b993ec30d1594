"""What a policy is shown, number by number. Who changes one of these on purpose raises the first number of the hash
that it belongs to, in `schema.schema_hash` or `features.SCHEMA_HASH`: what was trained on the old ones is then refused.
"""

import math

import numpy as np
import pytest

from models.futures.features import SEEN, BarRow, HoursRow, begin, update
from models.futures.schema import OWN, schema_hash
from models.futures.stance import Stance, own

BARS = 700

SHOWN = {
    "change": -0.48892,
    "range": 0.962172,
    "body": 0.000788,
    "wick_above": 0.601358,
    "wick_below": 0.360027,
    "from_mean": 1.023745,
    "from_vwap": 3.023921,
    "rsi": 0.275461,
    "macd": 0.924825,
    "momentum": 2.090557,
    "volume_z": -1.318959,
    "atr_ratio": -0.011432,
    "day_sin": 0.572034,
    "day_cos": -0.82023,
    "to_cash_open": 0.25,
    "to_flat": 0.75,
    "in_cash": 1.0,
    "has_volume": 1.0,
    "warm": 1.0,
}
HELD = {
    "side": -1.0,
    "lots_frac": 0.416666667,
    "from_entry": 0.7890625,
    "to_stop": -2.03125,
    "to_target": 4.53125,
    "held": 0.37,
    "open_r": 0.526041667,
    "trailing": 1.0,
    "at_break_even": 0.0,
    "room_used": 0.275,
    "room_left": 0.725,
    "has_floor": 1.0,
    "may_enter": 1.0,
    "lots_max": 1.0,
}


def test_the_hash_is_that_of_these_numbers() -> None:
    assert schema_hash(2, 20) == "f18d4ad92ac8ce0e17234c05758f5277550464a871ff001ba42d1c0e6e29d6ce"


def test_the_market_is_shown_as_ever() -> None:
    past, seen = begin(), ()
    for n in range(BARS):
        close = 20_000 + 40 * math.sin(n / 9) + 25 * math.sin(n / 2.3)
        row = BarRow(close - 3 * math.cos(n), close + 6 + n % 5, close - 9 + n % 4, close, 1_000.0 + 37 * (n % 29))
        at = HoursRow(
            session=n // 300,
            day_sin=math.sin(n / 276),
            day_cos=math.cos(n / 276),
            to_cash_open=0.25,
            to_flat=0.75,
            in_cash=1.0,
        )
        past, seen = update(past, row, at)
    assert dict(zip(SEEN, np.array(seen, dtype=np.float64).round(6).tolist(), strict=True)) == pytest.approx(
        SHOWN, abs=2e-6
    )


def test_a_position_is_shown_as_ever() -> None:
    stance = Stance(
        side=-1,
        lots=5,
        entry_ticks=80_040.5,
        stop_ticks=80_120.0,
        target_ticks=79_700.0,
        risk_ticks=96.0,
        held_bars=37,
        at_break_even=0,
        trailing=1,
        leaving=0,
        room_cents=181_250.0,
        has_floor=1,
        close_ticks=79_990,
        atr_ticks=64.0,
        may_enter=1,
    )
    shown = dict(zip(OWN, map(float, own(stance, 2_500.0, 12)), strict=True))
    assert shown == pytest.approx(HELD, abs=1e-9)

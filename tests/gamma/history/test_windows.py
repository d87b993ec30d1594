"""Stretches of sessions, and both sides, by hand."""

import numpy as np
import pytest

from gamma.history import History
from gamma.history.windows import Sides, Window, sides, windows, worst
from tests.gamma.history.case import traded


def lived(*closes_usd: float) -> History:
    """Sessions that end at these equities, from 1,000 usd, without a trade."""
    none = np.empty(0)
    return History(
        start_usd=1_000.0,
        trades=(),
        ts_mark_utc_ns=np.empty(0, dtype=np.int64),
        high_usd=none,
        low_usd=none,
        close_usd=none,
        sessions=tuple(f"day {n}" for n in range(len(closes_usd))),
        ts_session_close_utc_ns=np.arange(len(closes_usd)),
        session_close_usd=np.array(closes_usd),
    )


def test_every_stretch_of_sessions_is_looked_at() -> None:
    found = windows(lived(1_010.0, 990.0, 1_000.0, 970.0), 2)
    assert found == [
        Window(first="day 0", last="day 1", pnl_usd=-10.0),
        Window(first="day 1", last="day 2", pnl_usd=-10.0),
        Window(first="day 2", last="day 3", pnl_usd=-20.0),
    ]
    assert worst(found) == found[2]


def test_fewer_sessions_are_one_stretch_and_none_are_none() -> None:
    assert windows(lived(1_010.0, 1_030.0)) == [Window(first="day 0", last="day 1", pnl_usd=30.0)]
    assert worst(windows(lived())) is None


@pytest.mark.parametrize(
    ("long", "short", "said"),
    [(10, 1, True), (9, 1, False), (1, 10, True), (10, 0, True), (9, 0, False), (0, 0, False)],
)
def test_ten_to_one_is_one_sided(long: int, short: int, said: bool) -> None:
    trades = [traded(1.0)] * long + [traded(1.0, side=-1)] * short
    assert sides(trades) == Sides(long_trades=long, short_trades=short)
    assert sides(trades).one_sided is said

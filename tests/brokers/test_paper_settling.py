"""Option structures that are held when they end, on the paper exchange: paid out in cash, on the index's last price."""

from dataclasses import replace
from pathlib import Path

import pytest

from gamma.bars import Bar
from gamma.events import Fill, Leg, OrderState, OrderType
from gamma.options import settles_utc_ns
from tests.brokers.desk import Desk, entry, leave
from tests.brokers.test_paper_chains import SPREAD, quoted

ENDS_UTC_NS = settles_utc_ns(SPREAD[0].symbol)
BAR_NS = 300 * 10**9
# Sold 2 at 2.40: 48 ticks of 5 usd, and 1.30 usd a lot for it.
SOLD_MICROUSD = 50_000_000_000 - 2 * 1_300_000


def bar(closes_before_end: int, points: float, *, opened: float | None = None) -> Bar:
    """A bar of SPX that closes so many bars before the options end."""
    close = ENDS_UTC_NS - closes_before_end * BAR_NS
    first = points if opened is None else opened
    return Bar(
        market="SPX",
        ts_open_utc_ns=close - BAR_NS,
        ts_close_utc_ns=close,
        open_points=first,
        high_points=max(first, points),
        low_points=min(first, points),
        close_points=points,
    )


def sold(path: Path | None = None) -> Desk:
    """Two spreads of calls at 6,020 and 6,030, sold for 2.40."""
    desk = Desk(path)
    desk.accept(entry("a", -1, 2, "SPX", order_type=OrderType.LIMIT, price_ticks=48, legs=SPREAD))
    desk.broker.trade_on(quoted(30))
    assert desk.prices() == [("a", -2, 48)]
    return desk


def settled(desk: Desk) -> list[Fill]:
    return [fill for fill in desk.fills() if fill.settled]


@pytest.mark.parametrize(
    ("points", "usd_per_lot"),
    [(6_019.99, 0), (6_020.0, 0), (6_023.17, 317), (6_030.0, 1_000), (6_100.0, 1_000)],
)
def test_it_pays_what_it_is_worth_at_the_close_to_the_cent(points: float, usd_per_lot: int) -> None:
    desk = sold()
    desk.broker.trade_through(bar(1, 6_050))
    assert settled(desk) == []
    desk.broker.trade_through(bar(0, points))
    [fill] = settled(desk)
    assert (fill.side, fill.lots, fill.opened_by, fill.fee_microusd) == (1, 2, "a", 0)
    assert fill.settled_microusd_per_lot == usd_per_lot * 1_000_000
    assert fill.ts_event_utc_ns == ENDS_UTC_NS
    assert desk.positions() == {}
    assert desk.equity_microusd() == SOLD_MICROUSD + 2 * (240 - usd_per_lot) * 1_000_000


def test_it_is_settled_once() -> None:
    desk = sold()
    desk.broker.trade_through(bar(0, 6_025))
    desk.broker.trade_through(bar(-1, 6_040))
    assert len(settled(desk)) == 1


def test_where_the_bar_of_the_close_is_missing_the_next_ones_open_counts() -> None:
    desk = sold()
    desk.broker.trade_through(bar(2, 6_010))
    desk.broker.trade_through(bar(-3, 6_040, opened=6_022))
    [fill] = settled(desk)
    assert fill.settled_microusd_per_lot == 200_000_000


def test_what_was_left_of_it_settles_and_what_was_closed_does_not() -> None:
    desk = sold()
    desk.accept(replace(leave("x", 1, 1, "SPX"), legs=SPREAD))
    desk.broker.trade_on(quoted(40))
    desk.broker.trade_through(bar(0, 6_100))
    [fill] = settled(desk)
    assert fill.lots == 1
    assert desk.positions() == {}


def test_structures_of_two_days_end_apart() -> None:
    later = tuple(Leg(symbol=leg.symbol.replace("260303", "260304"), ratio=leg.ratio) for leg in SPREAD)
    desk = sold()
    desk.accept(entry("b", -1, 3, "SPX", order_type=OrderType.LIMIT, price_ticks=1, legs=later))
    desk.broker.trade_through(bar(0, 6_010))
    assert [fill.opened_by for fill in settled(desk)] == ["a"]
    assert desk.state("b") is OrderState.ACKED


def test_what_was_ordered_of_a_structure_that_ended_works_no_more() -> None:
    desk = Desk()
    desk.accept(entry("a", -1, 2, "SPX", order_type=OrderType.LIMIT, price_ticks=500, legs=SPREAD))
    desk.broker.trade_through(bar(1, 6_010))
    assert desk.state("a") is OrderState.ACKED
    desk.broker.trade_through(bar(0, 6_010))
    assert desk.state("a") is OrderState.CANCELED
    assert desk.fills() == []


def test_a_restart_in_between_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "paper.db"
    sold(path)
    desk = Desk(path)
    desk.broker.trade_through(bar(0, 6_023.17))
    [fill] = settled(desk)
    again = Desk(path)
    assert settled(again) == [fill]
    assert again.equity_microusd() == desk.equity_microusd() == SOLD_MICROUSD + 2 * (240 - 317) * 1_000_000
    again.broker.trade_through(bar(-1, 6_040))
    assert len(settled(again)) == 1

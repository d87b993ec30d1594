"""The paper broker at the books of an event contract: what a limit gets between two looks, and what a question pays.

Numbers by hand. At 48 cents 30 contracts are bid for YES, at 49 cents 10 for NO, which offers YES at 51.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from brokers.paper import paper_truth
from gamma.bars import Bar
from gamma.books import EventBook
from gamma.events import Fill, OrderState, OrderType
from gamma.feeds.looks import look_bar
from gamma.markets import event_fee_cents
from tests.brokers.desk import Desk, entry, leave
from tests.gamma.test_books import BOOK, T0, levels

S = 10**9
MARKET = "KXBTC15M"
FIRST = replace(BOOK, market=MARKET, traded_lots=0.0)
CENT = 10_000


def look(desk: Desk, n: int, **differs: Any) -> None:
    """The n-th look."""
    book: EventBook = replace(FIRST, **differs)
    bar = look_bar(book, None, T0 + n * 5 * S, 5)
    assert isinstance(bar, Bar)
    desk.broker.trade_through(bar)


def bid(desk: Desk, cid: str, price: int, lots: int = 20, side: int = 1) -> None:
    desk.accept(entry(cid, side, lots, MARKET, order_type=OrderType.LIMIT, price_ticks=price))


def started(path: Path | None = None) -> Desk:
    desk = Desk(path, capital_usd=1_000)
    look(desk, 0)
    return desk


@pytest.mark.parametrize(
    ("price", "then", "filled"),
    [
        # Behind 30 at 48: of 100 that trade, 50 come to this side.
        (48, {"traded_lots": 100.0}, 20),
        (48, {"traded_lots": 70.0}, 5),
        (48, {"traded_lots": 60.0}, 0),
        (48, {}, 0),
        (48, {"traded_lots": float("nan")}, 0),
        # Alone at 49, a cent above the best.
        (49, {"traded_lots": 24.0}, 12),
        # The best bid rose by two cents beyond it: 2 of 4 cents of the move were reached.
        (49, {"traded_lots": 24.0, "yes_bids": levels((51, 9)), "no_bids": levels((47, 5))}, 6),
        # The market went through the price.
        (48, {"yes_bids": levels((47, 9))}, 20),
        (49, {"yes_bids": levels((44, 9)), "no_bids": levels((51, 9))}, 20),
        # Below the best, it is not reached while that stands.
        (47, {"traded_lots": 1_000.0}, 0),
        (47, {"yes_bids": levels((46, 9))}, 20),
        # What stands against it is taken, at its own price: 10 at 51, and 80 at 53.
        (51, {}, 10),
        (53, {}, 20),
    ],
)
def test_a_limit_fills_as_the_books_and_what_traded_allow(price: int, then: dict[str, Any], filled: int) -> None:
    desk = started()
    bid(desk, "a", price)
    look(desk, 1, **then)
    assert desk.prices() == ([("a", filled, price)] if filled else [])
    assert desk.balance_microusd() == 1_000 * 10**6 - event_fee_cents(filled, price) * CENT


def test_an_order_for_no_is_seen_from_its_own_side() -> None:
    desk = started()
    bid(desk, "n", 51, side=-1)  # 49 cents for NO, behind the 10 that stand there
    look(desk, 1, traded_lots=50.0)
    assert desk.prices() == [("n", -15, 51)]


def test_the_fee_of_an_order_is_rounded_once() -> None:
    desk = started()
    bid(desk, "a", 49, 10)
    look(desk, 1, traded_lots=6.0)
    look(desk, 2, traded_lots=106.0)
    assert [fill.lots for fill in desk.fills()] == [3, 7]
    assert sum(fill.fee_microusd for fill in desk.fills()) == event_fee_cents(10, 49) * CENT


def test_an_exit_at_market_walks_the_book() -> None:
    desk = started()
    bid(desk, "a", 51, 10)
    look(desk, 1)
    desk.accept(leave("x", -1, 10, MARKET))
    look(desk, 2, yes_bids=levels((47, 6), (46, 1)))
    assert desk.prices()[1:] == [("x", -6, 47), ("x", -1, 46)]
    assert desk.state("x") is OrderState.PARTIAL
    look(desk, 3, yes_bids=levels((45, 6)))
    assert (desk.prices()[3:], desk.positions()) == ([("x", -3, 45)], {})


def test_a_stop_waits_for_the_quote() -> None:
    desk = started()
    desk.accept(entry("s", 1, 5, MARKET, order_type=OrderType.STOP, price_ticks=55))
    look(desk, 1)
    assert desk.prices() == []
    look(desk, 2, yes_bids=levels((54, 9)), no_bids=levels((44, 9)))
    assert desk.prices() == [("s", 5, 56)]
    look(desk, 3, yes_bids=(), no_bids=levels((44, 9)))
    desk.accept(entry("t", -1, 5, MARKET, order_type=OrderType.STOP, price_ticks=20))
    look(desk, 4, yes_bids=(), no_bids=levels((44, 9)))
    assert desk.state("t") is OrderState.ACKED


@pytest.mark.parametrize(
    ("side", "price", "ended", "gained"), [(1, 51, 100.0, 490), (1, 51, 0.0, -510), (-1, 48, 0.0, 480)]
)
def test_a_question_pays_to_the_cent_and_what_works_in_it_ends(
    side: int, price: int, ended: float, gained: int
) -> None:
    desk = started()
    bid(desk, "a", price, 10, side)
    look(desk, 1)
    bid(desk, "b", 40, 10)
    look(desk, 2, ts_close_utc_ns=T0 + 1_500 * S, ended_cents=ended)
    settled: Fill = desk.fills()[-1]
    assert (settled.side, settled.lots, settled.fee_microusd, settled.client_order_id) == (-side, 10, 0, "")
    assert settled.settled_microusd_per_lot == ended * CENT
    assert desk.state("b") is OrderState.CANCELED
    assert desk.positions() == {}
    assert desk.balance_microusd() == 1_000 * 10**6 + (gained - event_fee_cents(10, price)) * CENT


def test_nothing_held_is_paid_nothing() -> None:
    desk = started()
    look(desk, 1, ts_close_utc_ns=T0 + 1_500 * S, ended_cents=100.0)
    assert desk.fills() == []


def test_what_was_paid_is_there_after_a_restart(tmp_path: Path) -> None:
    desk = started(tmp_path / "paper.db")
    bid(desk, "a", 51, 10)
    look(desk, 1)
    look(desk, 2, ts_close_utc_ns=T0 + 1_500 * S, ended_cents=100.0)
    bid(desk, "b", 51, 5)
    look(desk, 3, ts_close_utc_ns=T0 + 1_500 * S)
    before, marker = desk.fills(), desk.balance_microusd()
    again = Desk(tmp_path / "paper.db", capital_usd=1_000)
    assert (again.fills(), again.balance_microusd()) == (before, marker)
    assert [fill.client_order_id for fill in before] == ["a", "", "b"]
    positions, fills, _ = paper_truth(tmp_path / "paper.db")
    assert (positions, fills) == ({MARKET: 5}, before)


def test_after_a_restart_the_first_book_is_the_one_to_go_from(tmp_path: Path) -> None:
    desk = started(tmp_path / "paper.db")
    bid(desk, "a", 48, 10)
    again = Desk(tmp_path / "paper.db", capital_usd=1_000)
    look(again, 1, yes_bids=levels((40, 5)))
    assert again.prices() == []
    look(again, 2, yes_bids=levels((39, 5)), traded_lots=0.0)
    assert again.prices() == []
    look(again, 3, yes_bids=levels((39, 5)), no_bids=levels((60, 5)))
    assert again.prices() == [("a", 10, 48)]

"""The book of an event contract, and what a decision sees of it. Numbers by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from gamma.bars import Bar
from gamma.book import Book, Setup, fold, open_book
from gamma.books import BookLevel, EventBook
from gamma.codec import decode, decode_event, encode, encode_event
from gamma.decision import decide
from gamma.events import BarClosed, SignalMade
from gamma.markets import MICRO, event_market
from gamma.marks import Mark, mark_bar
from gamma.orders import Position
from gamma.outlook import look
from gamma.rules import Rules, StrategyRules
from gamma.situation import situation_of
from gamma.views import View
from sizers.encoded_size import EncodedSize
from sizers.impact_cap import ImpactCap
from sizers.liquidity_cap import LiquidityCap
from tests.engine_case import rules_of

TICKER = "KXBTC15M-26NOV200115-15"
T0 = 1_795_000_000_000_000_000
MARKET = event_market(TICKER)


def levels(*told: tuple[int, int]) -> tuple[BookLevel, ...]:
    return tuple(BookLevel(price_ticks=price, lots=lots) for price, lots in told)


BOOK = EventBook(
    market=TICKER,
    yes_bids=levels((48, 30), (47, 200)),
    no_bids=levels((49, 10), (47, 80)),
    ts_event_utc_ns=T0,
    traded_lots=5_000.0,
    volume_10min_lots=1_000.0,
    ts_close_utc_ns=T0 + 600 * 10**9,
)


def bar(book: EventBook | None = BOOK) -> Bar:
    return Bar(
        market=TICKER,
        ts_open_utc_ns=T0 - 5 * 10**9,
        ts_close_utc_ns=T0,
        open_points=49.5,
        high_points=51.0,
        low_points=48.0,
        close_points=49.5,
        volume_lots=70.0,
        spread_points=3.0,
        book=book,
    )


def strategy() -> StrategyRules:
    sizers = (("encoded_size", EncodedSize()), ("liquidity_cap", LiquidityCap()), ("impact_cap", ImpactCap()))
    return StrategyRules(name="btc", market=MARKET, sizers=sizers, guards=(), adds=True)


def book_after(*bars: Bar) -> Book:
    setup = Setup(account="KX", mode="paper", starting_capital_microusd=1_000 * MICRO, markets={TICKER: MARKET})
    book = open_book(setup)
    for one in bars:
        book = fold(book, BarClosed(bar=one, ts_event_utc_ns=one.ts_close_utc_ns))
    return book.at(T0)


def seen(side: int, told: Bar) -> View:
    rules: Rules = rules_of(strategy())
    signal = SignalMade(
        strategy="btc",
        market=TICKER,
        signal_id="s",
        slot_utc_ns=T0,
        side=side,
        stop_ticks=0,
        target_ticks=0,
        ts_event_utc_ns=T0,
        price_ticks=49,
        action=2,
    )
    return look(book_after(told), rules, rules.strategies["btc"], signal)


def test_the_middle_lies_between_the_best_bids_of_both_sides() -> None:
    assert (BOOK.yes_bid_cents, BOOK.no_bid_cents) == (48, 49)
    assert (BOOK.middle_cents, BOOK.spread_cents) == (49.5, 3.0)


def test_a_side_without_a_bid_bids_nothing_and_has_no_spread() -> None:
    bare = replace(BOOK, yes_bids=())
    assert (bare.yes_bid_cents, bare.middle_cents) == (0, 25.5)
    assert math.isnan(bare.spread_cents)


@pytest.mark.parametrize(
    ("side", "prices", "lots"), [(1, [51.0, 53.0], [10.0, 80.0]), (-1, [48.0, 47.0], [30.0, 200.0])]
)
def test_an_order_sees_the_levels_that_it_would_take(side: int, prices: list[float], lots: list[float]) -> None:
    liquidity = seen(side, bar()).liquidity
    assert (list(liquidity.book_prices_points), list(liquidity.book_lots)) == (prices, lots)
    assert (liquidity.mid_points, liquidity.depth_top5_lots) == (49.5, sum(lots))
    assert liquidity.volume_10min_lots == 1_000.0
    assert liquidity.volume_10min_usd == pytest.approx(495.0)


def test_of_a_deep_book_a_decision_sees_the_cents_that_a_policy_is_trained_with() -> None:
    deep = replace(BOOK, yes_bids=levels((48, 1), (44, 2), (43, 999)), no_bids=levels((49, 3), (45, 4), (44, 999)))
    assert list(seen(-1, bar(deep)).liquidity.book_lots) == [1.0, 2.0]
    assert list(seen(1, bar(deep)).liquidity.book_lots) == [3.0, 4.0]
    assert list(seen(1, bar(replace(BOOK, no_bids=()))).liquidity.book_lots) == []


def test_without_a_book_there_are_no_levels() -> None:
    liquidity = seen(1, bar(None)).liquidity
    assert (liquidity.book_prices_points.size, liquidity.book_lots.size) == (0, 0)
    assert math.isnan(liquidity.volume_10min_lots)


def test_without_a_side_nothing_is_taken() -> None:
    rules = rules_of(strategy())
    assert look(book_after(bar()), rules, rules.strategies["btc"]).liquidity.book_lots.size == 0


def test_the_sizers_read_the_book() -> None:
    # 10 at 51 and 80 at 53: the average of n is within 2 cents of 49.5 up to 10 + 10 * 0.5 / 1.5.
    capped = ImpactCap()(seen(1, bar()), 100.0)
    assert capped == pytest.approx(10 + 10 * 0.5 / 1.5)
    assert ImpactCap()(seen(1, bar(replace(BOOK, no_bids=()))), 100.0) == 0


def test_a_decision_comes_out_again_from_its_stored_view() -> None:
    view, rules = seen(1, bar()), strategy()
    again = decode(View, encode(view))
    assert np.array_equal(again.liquidity.book_lots, view.liquidity.book_lots)
    first, second = (decide(v, rules.sizers, rules.guards) for v in (view, again))
    assert (first.lots, [encode(s) for s in first.steps]) == (second.lots, [encode(s) for s in second.steps])
    assert encode(again) == encode(view)


def test_a_bar_comes_back_with_its_book() -> None:
    event = BarClosed(bar=bar(replace(BOOK, ended_cents=100.0)), ts_event_utc_ns=T0)
    assert decode_event(*encode_event(event)) == event


def test_a_mark_keeps_the_last_book_and_what_it_says_of_volume() -> None:
    mark = mark_bar(Mark(), bar())
    assert (mark.book, mark.volume_10min_lots) == (BOOK, 1_000.0)
    assert math.isnan(mark_bar(Mark(), bar(replace(BOOK, volume_10min_lots=math.nan))).volume_10min_lots)


@pytest.mark.parametrize(("lots", "tied_usd"), [(20, 20 * 0.495), (-20, 20 * 0.505), (0, 0.0)])
def test_cash_is_what_is_not_tied_up(lots: int, tied_usd: float) -> None:
    position = Position(strategy="btc", market=TICKER, lots=lots, lots_open=((abs(lots), 40),) if lots else ())
    book = replace(book_after(bar()), positions={("btc", TICKER): position})
    told = situation_of(book, "btc", TICKER)
    gained_usd = lots * (49.5 - 40) / 100
    assert told.equity_microusd == round((1_000 + gained_usd) * MICRO)
    assert told.cash_microusd == round((1_000 + gained_usd - tied_usd) * MICRO)

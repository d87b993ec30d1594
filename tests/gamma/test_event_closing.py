"""What is held of a question can always be closed, whatever partial fills have left of it and whatever the caps say."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma.actions import LOTS, OPENS, SIDES, SIZES_LOTS, permitted
from gamma.books import BookLevel, EventBook
from gamma.events import BarClosed, Manage, ManageWanted, OrderKind, PositionManaged, SignalMade
from gamma.guards.cash_buffer import CashBuffer as CashGuard
from gamma.guards.concentration import Concentration
from gamma.markets import event_market
from gamma.outlook import look
from gamma.reasons import Reason
from gamma.sizing import Sizer, chain_lots, size
from gamma.views import View
from sizers.cash_buffer import CashBuffer
from sizers.concentration_cap import ConcentrationCap
from sizers.encoded_size import EncodedSize
from sizers.fixed import Fixed
from sizers.impact_cap import ImpactCap
from sizers.liquidity_cap import LiquidityCap
from sizers.order_value_cap import OrderValueCap
from sizers.position_cap import PositionCap
from tests.engine_case import Case, S, bar_of, rules_of, setup_of, strategy_rules

KX: Final = event_market("KXTEST-1")
CHAIN: Final[list[tuple[str, Sizer]]] = [
    ("encoded_size", EncodedSize()),
    ("impact_cap", ImpactCap()),
    ("liquidity_cap", LiquidityCap()),
    ("order_value_cap", OrderValueCap()),
    ("position_cap", PositionCap()),
    ("concentration_cap", ConcentrationCap()),
    ("cash_buffer", CashBuffer()),
]


def levels(*told: tuple[int, int]) -> tuple[BookLevel, ...]:
    return tuple(BookLevel(price_ticks=price, lots=lots) for price, lots in told)


# YES is bid 47 and offered 50; three cents further on both sides there is more.
BOOK: Final = EventBook(
    market=KX.symbol,
    yes_bids=levels((47, 30), (44, 400)),
    no_bids=levels((50, 10), (47, 400)),
    ts_event_utc_ns=0,
    volume_10min_lots=40_000.0,
)


def event_case(book: EventBook = BOOK, held: int = 0, guards: Any = ()) -> Case:
    """An account of 50 usd that bought so many YES, or NO where it is below 0; there is no cash for another."""
    setup = replace(setup_of(50), markets={KX.symbol: KX})
    case = Case(strategy_rules(lots=abs(held), traded=KX, adds=True), setup=setup)
    seen(case, book)
    if held:
        case.signal(1 if held > 0 else -1, stop=0, target=0, price=48)
        entry = case.sent(OrderKind.ENTRY)
        case.accept(entry)
        case.fill(entry, abs(held), 48, symbol=KX.symbol)
    case.rules = rules_of(strategy_rules(traded=KX, sizers=CHAIN, guards=guards, adds=True))
    return case


def seen(case: Case, book: EventBook) -> None:
    """The next look."""
    case.now += 5 * S
    middle = book.middle_cents
    told = replace(
        bar_of(symbol=KX.symbol, at=case.now, bar_s=5),
        open_points=middle, high_points=middle, low_points=middle, close_points=middle, book=book,
    )  # fmt: skip
    case.do(BarClosed(bar=told, ts_event_utc_ns=case.now))


def holding(lots: int, guards: Any = ()) -> Case:
    """The same when the market is all but dead: no cap would let anything be bought."""
    case = event_case(BOOK, lots, guards)
    seen(case, replace(BOOK, yes_bids=levels((47, 1)), no_bids=levels((50, 1)), volume_10min_lots=0.0))
    return case


def sell(case: Case, action: int, price: int = 50) -> int:
    """Sell by an action; gives how many lots were ordered."""
    case.now += 1
    before = case.count(OrderKind.EXIT)
    wanted = ManageWanted(
        strategy="alpha",
        market=KX.symbol,
        manage=Manage.REDUCE,
        slot_utc_ns=case.now,
        ts_event_utc_ns=case.now,
        lots=LOTS[action],
        price_ticks=price,
    )
    case.do(wanted)
    assert case.count(OrderKind.EXIT) == before + 1
    sent = case.intent(OrderKind.EXIT)
    assert sent.reduces
    case.accept(sent.client_order_id)
    return sent.lots


def view_of(side: int, action: int, book: EventBook = BOOK) -> View:
    case = event_case(book)
    signal = SignalMade(
        strategy="alpha", market=KX.symbol, signal_id="s", slot_utc_ns=1, side=side, stop_ticks=0, target_ticks=0,
        ts_event_utc_ns=case.now, action=action,
    )  # fmt: skip
    return look(case.book, case.rules, case.rules.strategies["alpha"], signal)


# --- what a book bears, on both sides ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "impact", "snapped"),
    [
        # YES at 50 and 53, the middle is 48.5: (10 * 1.5 + n * 4.5) / (10 + n) = 2 at n = 2.
        (1, 12, 10),
        # NO, which sells YES at 47 and 44: (30 * 1.5 + n * 4.5) / (30 + n) = 2 at n = 6.
        (-1, 36, 20),
    ],
)
def test_impact_is_walked_on_the_side_that_is_taken_and_snapped_to_a_size(side: int, impact: int, snapped: int) -> None:
    view = view_of(side, 5 if side > 0 else 15)
    assert chain_lots([EncodedSize(), ImpactCap()], view) == impact
    found = size(CHAIN[:3], view)
    assert (found.lots, found.bound_by) == (snapped, "liquidity_cap")


@given(
    bids=st.lists(st.tuples(st.integers(1, 8), st.integers(0, 300)), min_size=1, max_size=5),
    offers=st.lists(st.tuples(st.integers(1, 8), st.integers(0, 300)), min_size=1, max_size=5),
    incoming=st.integers(1, 500),
    volume=st.integers(0, 60_000),
)
def test_yes_and_no_are_one_market_seen_from_both_ends(
    bids: list[tuple[int, int]], offers: list[tuple[int, int]], incoming: int, volume: int
) -> None:
    """What may be bought of NO is what may be bought of YES in the book turned round; and it is a size, or nothing."""

    def of(steps: list[tuple[int, int]]) -> tuple[BookLevel, ...]:
        prices = 50 - np.cumsum([step for step, _ in steps])
        return tuple(BookLevel(price_ticks=int(p), lots=n) for p, (_, n) in zip(prices, steps, strict=True))

    book = replace(BOOK, yes_bids=of(bids), no_bids=of(offers), volume_10min_lots=float(volume))
    turned = replace(book, yes_bids=book.no_bids, no_bids=book.yes_bids)
    priced = LiquidityCap(assumed_price_points=50.0)
    for chain in ([ImpactCap()], [priced], [ImpactCap(), priced], [priced, ImpactCap()]):
        yes, no = chain_lots([Fixed(lots=incoming), *chain], view_of(1, 0, book)), 0
        no = chain_lots([Fixed(lots=incoming), *chain], view_of(-1, 0, turned))
        assert yes == no <= incoming
        assert yes in (0, *SIZES_LOTS) or chain[-1] is not priced


# --- and out again ------------------------------------------------------------------------------------------


def test_37_that_a_partial_fill_left_are_sold_by_20_and_by_the_size_that_closes_them() -> None:
    case = holding(37)
    assert sell(case, 8) == 20
    case.fill(case.sent(OrderKind.EXIT), 20, 50, symbol=KX.symbol)
    legal = permitted(np.asarray(47), np.asarray(50), np.asarray(17))
    assert [LOTS[action] for action in np.flatnonzero(legal) if SIDES[action] < 0 and not OPENS[action]] == [5, 10, 20]
    assert sell(case, 8) == 17
    case.fill(case.sent(OrderKind.EXIT), 17, 50, symbol=KX.symbol)
    assert not case.book.lots(KX.symbol)


def test_what_stands_against_every_purchase_lets_what_is_held_go() -> None:
    guards = [
        ("cash_buffer", CashGuard(cash_min_usd=50, margin_frac_max=0.5)),
        ("concentration", Concentration(portfolio_frac=0.01)),
    ]
    case = holding(-80, guards)
    case.signal(-1, stop=0, target=0, price=50, action=15)
    assert case.count(OrderKind.ENTRY) == 1  # that of before
    assert sell(case, 19) == 50
    told = case.of(PositionManaged)[-1]
    assert (told.reason, told.lots, told.price_ticks) == (Reason.OK, 50, 50)


@given(
    held=st.integers(1, 500),
    side=st.sampled_from([1, -1]),
    sizes=st.sets(st.sampled_from(SIZES_LOTS), min_size=1),
    data=st.data(),
)
def test_by_legal_sales_alone_every_position_ends_flat_and_never_beyond(
    held: int, side: int, sizes: set[int], data: st.DataObject
) -> None:
    case, book = holding(side * held), replace(BOOK, yes_bids=levels((47, 30)))
    for _ in range(120):
        left = case.book.lots(KX.symbol)
        if not left:
            break
        legal = permitted(np.asarray(book.yes_bid_cents), np.asarray(book.no_bid_cents), np.asarray(left), sizes)
        sales = [a for a in np.flatnonzero(legal) if SIDES[a] == -side and not OPENS[a]]
        assert sales, f"nothing sells {left}"
        action = int(data.draw(st.sampled_from(sales[-2:])))
        lots = sell(case, action)
        assert lots == min(LOTS[action], abs(left))
        filled = data.draw(st.integers(1, lots)) if held < 60 else lots
        case.fill(case.sent(OrderKind.EXIT), filled, 50, symbol=KX.symbol)
        if filled < lots:
            case.canceled(case.sent(OrderKind.EXIT))
        assert 0 <= side * case.book.lots(KX.symbol) == side * left - filled
    assert not case.book.lots(KX.symbol)


def test_a_reduction_tells_what_was_held_and_how_the_market_stood() -> None:
    case = event_case(BOOK, 60)
    sell(case, 8)
    # It takes bids at 47 and 44, and the middle is 48.5: both within five cents.
    notes = dict(case.of(PositionManaged)[-1].notes)
    assert (notes.pop("held_lots"), notes.pop("middle_points"), notes.pop("depth_lots")) == (60, 48.5, 430)
    assert notes == {"spread_points": 0.25}  # the bar's, which is what the guards go by


def test_of_a_market_that_nobody_has_seen_it_tells_what_was_held_alone() -> None:
    case = event_case(BOOK, -60)
    case.book = replace(case.book, marks={})
    sell(case, 18)
    assert case.of(PositionManaged)[-1].notes == {"held_lots": -60}

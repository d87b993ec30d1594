"""The view of a configured strategy, as of the ledger's last moment or the feed's: gathered as the daemon does."""

import math
from dataclasses import dataclass, replace
from typing import Any, Final

from gamma.actions import limit_cents
from gamma.assembly import Assembly
from gamma.bars import Bar
from gamma.book import Book, fold, open_book
from gamma.cli.cases import Hand, hand_track
from gamma.events import BarClosed, SessionOpened, SignalMade
from gamma.markets import Market
from gamma.outlook import look
from gamma.ports import AskingSource, ManagingSource, SignalSource
from gamma.reasons import Reason
from gamma.rules import StrategyRules
from gamma.situation import situation_of
from gamma.views import Situation, View

# The calendar's end; a file feed has no bars after it.
LAST_NS: Final = 2**62
HOUR_NS: Final = 3_600_000_000_000
HISTORY_BARS: Final = 400
_FLAT: Final[dict[str, Any]] = {"side": 0, "lots": 0, "leaving": False, "at_break_even": False, "trailing": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found of a strategy: its view, why nothing new may go out, and as of when."""

    view: View
    standing: Reason
    ts_utc_ns: int


def found(assembly: Assembly, strategy: StrategyRules, book: Book | None, hand: Hand) -> Found:
    """Show the feed's history to the book, to the strategy and to its size picker, and look.

    The stop and the side are those of the last signal in the history. `book` is the ledger's, None where there is none.
    """
    symbol = strategy.market.symbol
    here = book or open_book(assembly.setup)
    until = here.ts_event_utc_ns or _moment(assembly, symbol)
    for market in assembly.setup.markets:
        for bar in assembly.feed.history(market, until, HISTORY_BARS):
            here = fold(here, BarClosed(bar=bar, ts_event_utc_ns=bar.ts_close_utc_ns))
    now = here.marks[symbol].ts_bar_utc_ns if symbol in here.marks else until
    session = assembly.hours.session(symbol, now - 1)
    if session is not None:
        agrees = assembly.hours.agrees(symbol, session.date)
        here = fold(here, SessionOpened(session=session, ts_event_utc_ns=now, agrees=agrees))
    here = here.at(now)
    signal = _signal(assembly, strategy, here, until, hand)
    view = overridden(look(here, assembly.rules, strategy, signal), hand, strategy.market)
    picking = assembly.pickings.get(strategy.name)
    if picking is not None:
        picking.warm_up(assembly.feed.history(symbol, until, HISTORY_BARS + picking.bars_needed))
        view = replace(view, curve=picking.curve(view))
    return Found(view=view, standing=_standing(here, strategy), ts_utc_ns=now)


def _moment(assembly: Assembly, symbol: str) -> int:
    """Without a ledger: the end of recorded bars, or an hour into the cash session that a simulation starts with."""
    if not assembly.start_utc_ns:
        return LAST_NS
    session = assembly.hours.next(symbol, assembly.start_utc_ns)
    return session.ts_cash_open_utc_ns + HOUR_NS


def _signal(assembly: Assembly, strategy: StrategyRules, book: Book, until: int, hand: Hand) -> SignalMade:
    """The last signal of the history, while nothing is held; long and without a stop where there was none."""
    last: SignalMade | None = None
    symbol = strategy.market.symbol
    flat = replace(situation_of(book, strategy.name, symbol), **_FLAT)
    for seat in assembly.seats[symbol]:
        if seat.strategy == strategy.name:
            source = seat.source
            for bar in assembly.feed.history(symbol, until, HISTORY_BARS + source.bars_needed):
                found = _answer(source, bar, flat)
                # An order of a policy that acts at looks lives one of them: it is priced anew at the last one.
                last = _at_look(last, bar) if isinstance(source, AskingSource) else last
                last = found if isinstance(found, SignalMade) else last
    if last is None:
        last = SignalMade(
            strategy=strategy.name,
            market=strategy.market.symbol,
            signal_id="",
            slot_utc_ns=0,
            side=1,
            stop_ticks=0,
            target_ticks=0,
            ts_event_utc_ns=0,
        )
    if hand.stop_points is not None:
        last = replace(last, stop_ticks=strategy.market.ticks(hand.stop_points))
    return last


def _answer(source: SignalSource | ManagingSource | AskingSource, bar: Bar, flat: Situation) -> object:
    """What it would do on a bar with nothing held; whatever it asks for would be left to it."""
    if isinstance(source, AskingSource):
        return source.choose(bar, flat, lambda *_: True)
    return source.decide(bar, flat) if isinstance(source, ManagingSource) else source.on_bar(bar)


def _at_look(signal: SignalMade | None, bar: Bar) -> SignalMade | None:
    if signal is None or bar.book is None:
        return signal
    price = int(limit_cents(bar.book.yes_bid_cents, bar.book.no_bid_cents, signal.side))
    return replace(signal, price_ticks=price, slot_utc_ns=bar.ts_close_utc_ns)


def _standing(book: Book, strategy: StrategyRules) -> Reason:
    if book.standing(strategy.name, strategy.market.symbol):
        return Reason.HALTED
    return Reason.UNRESOLVED if book.unresolved(strategy.market.symbol) else Reason.OK


def overridden(view: View, hand: Hand, traded: Market) -> View:
    """The view with what was given by hand in place of what was found."""
    account: dict[str, Any] = {}
    if hand.capital_usd is not None:
        account["starting_capital_usd"] = hand.capital_usd
    if hand.balance_usd is not None:
        peak = max(float(view.account.peak_equity_usd), hand.balance_usd)
        account |= {"balance_usd": hand.balance_usd, "equity_usd": hand.balance_usd, "cash_usd": hand.balance_usd}
        account["peak_equity_usd"] = peak
    if hand.room_usd is not None:
        equity = float(view.account.equity_usd) if hand.balance_usd is None else hand.balance_usd
        account["floor_usd"] = equity - hand.room_usd
        if math.isnan(view.account.floor_room_start_usd):
            account["floor_room_start_usd"] = hand.room_usd
    market = _given(atr_points=hand.atr_points, price_points=hand.price_points)
    if hand.price_points is not None:
        market["margin_usd_per_lot"] = traded.margin_usd_per_lot(hand.price_points)
    return replace(
        view,
        account=replace(view.account, **account),
        market=replace(view.market, **market),
        signal=replace(view.signal, **_given(risk_usd_per_lot=hand.risk_usd)),
        track=view.track if hand.trades is None else hand_track(hand),
    )


def _given(**values: float | None) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}

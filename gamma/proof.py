"""Proof at start-up that every guard sees what it needs: a guard that sees nothing guards nothing."""

from typing import Final

from gamma.assembly import Assembly
from gamma.bars import Bar
from gamma.book import Book, fold
from gamma.errors import ConfigInvalid
from gamma.events import BarClosed, SessionOpened, SignalMade
from gamma.guards import inert
from gamma.outlook import look
from gamma.rules import StrategyRules

PROBE_BARS: Final = 60


def prove_guards(assembly: Assembly, book: Book) -> None:
    """Let every guard look at a scratch book that has seen some bars and a session of its market.

    Raises: ConfigInvalid, which names the guard, the strategy and the inputs that are not there.
    """
    for strategy in assembly.rules.strategies.values():
        view = look(_probe(assembly, book, strategy), assembly.rules, strategy, _signal(strategy))
        for name, guard in strategy.guards:
            if gaps := inert(guard, view):
                raise ConfigInvalid(
                    f"[guards.{name}] of strategy {strategy.name} is inert: it needs {', '.join(gaps)}, which "
                    "this account, broker or feed does not give; supply it, or take the guard out of `guards`"
                )


def _probe(assembly: Assembly, book: Book, strategy: StrategyRules) -> Book:
    symbol, now = strategy.market.symbol, book.ts_event_utc_ns
    mark = book.marks.get(symbol)
    bars = [] if mark is not None and mark.bars >= PROBE_BARS else _first_bars(assembly, symbol, now)
    for bar in bars:
        book = fold(book, BarClosed(bar=bar, ts_event_utc_ns=bar.ts_close_utc_ns))
    ts = bars[-1].ts_close_utc_ns if bars else now
    session = assembly.hours.session(symbol, ts - 1) or assembly.hours.next(symbol, ts)
    return fold(book, SessionOpened(session=session, ts_event_utc_ns=ts)).at(ts)


def _first_bars(assembly: Assembly, symbol: str, after_utc_ns: int) -> list[Bar]:
    found: list[Bar] = []
    for bar in assembly.feed.bars(after_utc_ns):
        if bar.market == symbol:
            found.append(bar)
            if len(found) == PROBE_BARS:
                break
    return found


def _signal(strategy: StrategyRules) -> SignalMade:
    """A signal that nobody made, so that a guard's inputs that come with one are there."""
    return SignalMade(
        strategy=strategy.name,
        market=strategy.market.symbol,
        signal_id="probe",
        slot_utc_ns=0,
        side=1,
        stop_ticks=10,
        target_ticks=0,
        ts_event_utc_ns=0,
    )

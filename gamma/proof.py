"""Proof at start-up that every guard sees what it needs: a guard that sees nothing guards nothing."""

from typing import Final

from gamma.assembly import Assembly
from gamma.bars import Bar
from gamma.book import Book, fold
from gamma.errors import ConfigInvalid
from gamma.events import BarClosed, SessionOpened, SignalMade
from gamma.feeds import Feed, LiveFeed
from gamma.guards import Guard, Punctual, inert
from gamma.outlook import look
from gamma.rules import StrategyRules

PROBE_BARS: Final = 60


def prove_guards(assembly: Assembly, book: Book) -> None:
    """Let every guard look at a scratch book that has seen some bars and a session of its market.

    Raises: ConfigInvalid, which names the guard, the strategy and the inputs that are not there, or the bars that
        are too long for a guard that must act in time.
    """
    for strategy in assembly.rules.strategies.values():
        view = look(_probe(assembly, book, strategy), assembly.rules, strategy, _signal(strategy))
        for name, guard in strategy.guards:
            if gaps := inert(guard, view):
                raise ConfigInvalid(
                    f"[guards.{name}] of strategy {strategy.name} is inert: it needs {', '.join(gaps)}, which "
                    "this account, broker or feed does not give; supply it, or take the guard out of `guards`"
                )
            _prove_in_time(assembly.feed, name, guard, strategy.name)


def _prove_in_time(feed: Feed, name: str, guard: Guard, strategy: str) -> None:
    """On a live feed time goes on between bars; on any other nobody looks before the next one."""
    if isinstance(guard, Punctual) and not isinstance(feed, LiveFeed) and feed.bar_s > guard.looks_every_max_s:
        raise ConfigInvalid(
            f"[guards.{name}] of strategy {strategy} would be too late: it must look every "
            f"{guard.looks_every_max_s:g} s, and a bar of the feed is {feed.bar_s} s long; give shorter bars, or the "
            "guard more time"
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

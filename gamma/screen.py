"""The live table of `gamma run`: clock, account, markets, positions, the last decisions, halts."""

import math
from collections import deque
from datetime import UTC, datetime
from typing import Final, final

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gamma.book import Book
from gamma.calendar import NEW_YORK
from gamma.effects import Answer
from gamma.events import DecisionMade, OrderKind, Recorded, TradeClosed
from gamma.markets import MICRO
from gamma.outlook import equity_microusd
from gamma.reasons import Reason

DECISIONS_SHOWN: Final = 8
TRADES_SHOWN: Final = 5

# Colours that a colour-blind reader can tell apart, and never the only sign: signs and words stand beside them.
UP, DOWN, WARN = "cyan", "magenta", "yellow"


@final
class Screen:
    """Looks on, and draws what it saw when it is asked to."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.decisions: deque[DecisionMade] = deque(maxlen=DECISIONS_SHOWN)
        self.trades: deque[TradeClosed] = deque(maxlen=TRADES_SHOWN)
        self.book: Book | None = None
        self.count = 0

    def recorded(self, fact: Recorded, book: Book) -> None:
        """Keep what the table shows."""
        self.book = book
        if isinstance(fact, DecisionMade):
            self.decisions.append(fact)
        elif isinstance(fact, TradeClosed):
            self.trades.append(fact)
            self.count += 1

    def answered(self, answer: Answer) -> None:
        """Answers go to whoever asked."""

    def draw(self, book: Book) -> RenderableType:
        """The whole picture of this book."""
        return Group(
            _header(self.title, book),
            Columns([_account(book), _markets(book)], padding=(0, 4)),
            "",
            _positions(book),
            "",
            _decisions(list(self.decisions)),
            "",
            _trades(list(self.trades), self.count),
            "",
            _halts(book),
            "",
            Text("Ctrl-C stops cleanly; the next start goes on where it was.", style="dim"),
        )


def clock(ts_utc_ns: int) -> str:
    """An instant in New York's time, as `Tue 2026-06-02 09:35 ET`; before the first bar there is none."""
    if not ts_utc_ns:
        return "before the first bar"
    return datetime.fromtimestamp(ts_utc_ns / 1e9, UTC).astimezone(NEW_YORK).strftime("%a %Y-%m-%d %H:%M ET")


def usd(microusd: float, *, signed: bool = False) -> str:
    """Micro-dollars as dollars and cents."""
    value = microusd / MICRO
    return f"{value:+,.2f}" if signed else f"{value:,.2f}"


def _header(title: str, book: Book) -> RenderableType:
    state = book.state
    style = f"bold {UP}" if state == "ACTIVE" else f"bold {WARN}"
    line = Text.assemble(
        ("gamma ", "bold"), (f"{title}  ", ""), (clock(book.ts_event_utc_ns), "bold"), "  ", (state, style)
    )
    return Panel(line, padding=(0, 1))


def _account(book: Book) -> Table:
    table = _table("account", ("", "left"), ("usd", "right"))
    equity = equity_microusd(book)
    money = book.money
    table.add_row("balance", usd(book.balance_microusd))
    table.add_row("equity", usd(equity))
    table.add_row("today", _pnl(equity - money.day_equity_microusd))
    table.add_row("peak", usd(max(money.peak_microusd, equity)))
    if money.floor is not None:
        table.add_row("floor", usd(money.floor.floor_microusd))
        table.add_row("room", usd(equity - money.floor.floor_microusd))
    return table


def _markets(book: Book) -> Table:
    table = _table(
        "markets", ("market", "left"), ("last", "right"), ("ATR", "right"), ("spread", "right"), ("session", "left")
    )
    for symbol, market in book.setup.markets.items():
        mark = book.marks.get(symbol)
        if mark is None:
            table.add_row(symbol, "waiting for the first bar")
            continue
        opened = book.sessions.get(symbol)
        session = f"to {clock(opened.session.ts_close_utc_ns)[15:]}" if opened else "closed"
        table.add_row(
            symbol,
            market.shown(mark.price_points),
            market.shown(mark.atr_points),
            market.shown(mark.ask_points - mark.bid_points),
            session,
        )
    return table


def _positions(book: Book) -> Table:
    columns = (("strategy", "left"), ("market", "left"), ("lots", "right"), ("entry", "right"), ("last", "right"))
    table = _table("positions", *columns, ("stop", "right"), ("target", "right"), ("open P&L", "right"), ("", "left"))
    for position in book.positions.values():
        if not position.lots:
            continue
        market, mark = book.market(position.market), book.marks.get(position.market)
        price = mark.price_points if mark else math.nan
        held = {
            o.intent.kind: market.shown(market.points(o.price_ticks))
            for o in book.orders.values()
            if o.intent.parent == position.entry_id and o.live
        }
        open_microusd = (
            position.open_microusd(price * market.ticks_per_point, market.tick_value_microusd) if mark else 0
        )
        table.add_row(
            position.strategy,
            position.market,
            f"{position.lots:+d}",
            market.shown(market.points(position.entry_ticks)),
            market.shown(price),
            held.get(OrderKind.STOP, "-"),
            held.get(OrderKind.TARGET, "-"),
            _pnl(open_microusd),
            f"closing: {position.exit_reason}" if position.exit_reason else "",
        )
    if not table.row_count:
        table.add_row("flat", *[""] * 8, style="dim")
    return table


def _decisions(decisions: list[DecisionMade]) -> Table:
    columns = (("time", "left"), ("strategy", "left"), ("market", "left"), ("side", "left"), ("sized", "right"))
    table = _table("last decisions", *columns, ("lots", "right"), ("bound by", "left"), ("why", "left"))
    for made in reversed(decisions):
        style = "" if made.lots else "dim"
        side = "buy" if made.side > 0 else "sell"
        why = "" if made.reason == Reason.OK else made.reason.replace("_", " ")
        table.add_row(
            clock(made.ts_event_utc_ns)[4:],
            made.strategy,
            made.market,
            side,
            str(made.sized_lots),
            f"[bold]{made.lots}[/]",
            made.bound_by,
            why,
            style=style,
        )
    if not decisions:
        table.add_row("none yet", *[""] * 7, style="dim")
    return table


def _trades(trades: list[TradeClosed], count: int) -> Table:
    table = _table(
        f"last trades ({count} since start)",
        ("closed", "left"),
        ("strategy", "left"),
        ("lots", "right"),
        ("entry", "right"),
        ("exit", "right"),
        ("P&L", "right"),
        ("by", "left"),
    )
    for closed in reversed(trades):
        trade = closed.trade
        table.add_row(
            clock(trade.ts_close_utc_ns)[4:],
            trade.strategy,
            f"{trade.side * trade.lots_max:+d}",
            f"{trade.entry_points:,.2f}",
            f"{trade.exit_points:,.2f}",
            _pnl(trade.pnl_microusd),
            trade.exit_reason.replace("_", " "),
        )
    return table


def _halts(book: Book) -> RenderableType:
    if not book.halts:
        return Text("no halts", style="dim")
    table = _table(
        "halts",
        ("id", "left"),
        ("on", "left"),
        ("level", "left"),
        ("reason", "left"),
        ("by", "left"),
        ("since", "left"),
    )
    for halt in book.halts.values():
        where = halt.target or halt.scope
        table.add_row(halt.halt_id, where, halt.level, halt.reason, halt.actor, clock(halt.ts_event_utc_ns), style=WARN)
    return table


def _table(title: str, *columns: tuple[str, str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for name, justify in columns:
        table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=True)
    return table


def _pnl(microusd: float) -> str:
    style = UP if microusd > 0 else DOWN if microusd < 0 else "dim"
    return f"[{style}]{usd(microusd, signed=True)}[/]"

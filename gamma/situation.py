"""From the book to a strategy's own situation: what a source of signals is told that manages what it holds. Pure."""

from gamma.book import Book
from gamma.events import OrderKind
from gamma.orders import Order, Position, unended
from gamma.outlook import cash_microusd, equity_microusd
from gamma.views import NAN, Situation


def situation_of(book: Book, strategy: str, market: str) -> Situation:
    """How this strategy stands in this market now."""
    position = book.position(strategy, market)
    mine = [o for o in unended(book.orders) if (o.intent.strategy, o.intent.market) == (strategy, market)]
    entering = [o.intent.side for o in mine if o.intent.kind is OrderKind.ENTRY and o.left_lots]
    floor, rule, held = book.money.floor, book.setup.floor_rule, position.lots != 0
    return Situation(
        ts_event_utc_ns=book.ts_event_utc_ns,
        side=position.side or (entering[0] if entering else 0),
        lots=abs(position.lots),
        entry_ticks=position.entry_ticks if held else NAN,
        stop_ticks=_held_at(mine, position, OrderKind.STOP),
        target_ticks=_held_at(mine, position, OrderKind.TARGET),
        best_ticks=position.best_ticks if held else NAN,
        risk_ticks=float(position.risk_ticks) if held else NAN,
        bars_held=position.bars_held,
        at_break_even=position.at_break_even,
        trailing=position.trail_atr > 0,
        leaving=bool(position.exit_reason),
        legs=_legs(book, position, mine),
        balance_microusd=book.balance_microusd,
        equity_microusd=equity_microusd(book),
        cash_microusd=cash_microusd(book),
        floor_microusd=floor.floor_microusd if floor else None,
        drawdown_microusd=rule.drawdown_microusd if rule else None,
    )


def _legs(book: Book, position: Position, orders: list[Order]) -> tuple[tuple[str, int], ...]:
    """The options of what is held, or else of the entry that works."""
    entry = book.orders.get(position.entry_id) if position.lots else None
    if entry is None:
        entry = next((o for o in orders if o.intent.kind is OrderKind.ENTRY and o.left_lots), None)
    return tuple((leg.symbol, leg.ratio) for leg in entry.intent.legs) if entry is not None else ()


def _held_at(orders: list[Order], position: Position, kind: OrderKind) -> float:
    """Where the broker holds the newest stop or target of the position; NaN where it holds none."""
    held = [o for o in orders if o.intent.kind is kind and o.live and o.intent.parent in position.entry_ids]
    return float(held[-1].price_ticks) if held else NAN

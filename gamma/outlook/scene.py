"""What a view is made of, and what is held at the last prices. Pure."""

import math
from functools import cached_property
from typing import Final, final

from gamma.book import Book
from gamma.events import OrderKind, SignalMade
from gamma.markets import Kind
from gamma.marks import Mark
from gamma.orders import Order, Position
from gamma.rules import Rules, StrategyRules
from gamma.views import NAN

NO_MARK: Final = Mark()


@final
class Scene:
    """What a view is made of; all of it is frozen, so that a part is the same whenever it is made."""

    def __init__(self, book: Book, rules: Rules, strategy: StrategyRules, signal: SignalMade | None) -> None:
        self.book = book
        self.rules = rules
        self.strategy = strategy
        self.signal = signal
        self.market = strategy.market
        self.mark = book.marks.get(strategy.market.symbol, NO_MARK)

    @cached_property
    def entries(self) -> list[Order]:
        """The entries that could still fill."""
        return [o for o in self.book.orders.values() if o.intent.kind is OrderKind.ENTRY and o.left_lots]

    @cached_property
    def equity_microusd(self) -> float:
        """Equity; NaN, which closes, while something held has no price."""
        return equity_microusd(self.book) if _priced(self.book) else NAN


def equity_microusd(book: Book) -> int:
    """Balance plus open P&L at the last prices; as it was last recorded while one is not known [micro-dollars]."""
    if not book.positions:
        return book.balance_microusd
    if not _priced(book):
        return book.money.equity_microusd
    return book.balance_microusd + sum(_open_microusd(book, p) for p in book.positions.values())


def _priced(book: Book) -> bool:
    """Whether all that is held has a price."""
    return all(
        math.isfinite(book.marks.get(symbol, NO_MARK).price_points)
        for (_, symbol), position in book.positions.items()
        if position.lots
    )


def _open_microusd(book: Book, position: Position) -> int:
    market = book.market(position.market)
    # The bars of an option root are its underlying's: a spread is carried at cost until it is closed.
    if not position.lots or market.kind is Kind.OPTION_SPREAD:
        return 0
    price = book.marks[position.market].price_points * market.ticks_per_point
    return position.open_microusd(price, market.tick_value_microusd)

"""What a view is made of, and what is held at the last prices. Pure."""

import math
from typing import Final, final

from gamma.book import Book
from gamma.events import OrderKind, SignalMade
from gamma.markets import Kind
from gamma.marks import Mark
from gamma.orders import Order, unended
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
        self._entries: list[Order] | None = None
        self._equity_microusd: float | None = None

    @property
    def entries(self) -> list[Order]:
        """The entries that could still fill."""
        if self._entries is None:
            working = unended(self.book.orders)
            self._entries = [o for o in working if o.intent.kind is OrderKind.ENTRY and o.left_lots]
        return self._entries

    @property
    def equity_microusd(self) -> float:
        """Equity; NaN, which closes, while something held has no price."""
        if self._equity_microusd is None:
            known = _at_last_prices_microusd(self.book)
            self._equity_microusd = NAN if known is None else known
        return self._equity_microusd


def equity_microusd(book: Book) -> int:
    """Balance plus open P&L at the last prices; as it was last recorded while one is not known [micro-dollars]."""
    known = _at_last_prices_microusd(book)
    return book.money.equity_microusd if known is None else known


def _at_last_prices_microusd(book: Book) -> int | None:
    """Balance plus open P&L; None while something held has no price."""
    total = book.balance_microusd
    for position in book.positions.values():
        if position.lots:
            price_points = book.marks.get(position.market, NO_MARK).price_points
            if not math.isfinite(price_points):
                return None
            market = book.market(position.market)
            # The bars of an option root are its underlying's: a spread is carried at cost until it is closed.
            if market.kind is not Kind.OPTION_SPREAD:
                total += position.open_microusd(price_points * market.ticks_per_point, market.tick_value_microusd)
    return total

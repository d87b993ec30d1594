"""I4: positions and money, added up from the executions alone. Pure; all in whole lots and micro-dollars."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, final

from gamma.book import Book
from gamma.events import Fill, Trade


@final
class Sums:
    """What every execution and every round trip so far adds up to; a few numbers a market."""

    def __init__(self) -> None:
        self.fills = 0
        self._lots: Counter[str] = Counter()
        self._tick_lots: Counter[str] = Counter()
        self._settled_microusd = 0
        self._fees_microusd = 0
        self._closed_microusd = 0

    def state(self) -> list[Any]:
        """What it keeps."""
        money = [self._settled_microusd, self._fees_microusd, self._closed_microusd]
        return [self.fills, dict(self._lots), dict(self._tick_lots), money]

    def resume(self, kept: Sequence[Any]) -> None:
        """Go on from what another kept."""
        self.fills, self._lots, self._tick_lots = kept[0], Counter(kept[1]), Counter(kept[2])
        self._settled_microusd, self._fees_microusd, self._closed_microusd = kept[3]

    def fill(self, fill: Fill) -> None:
        """Add an execution."""
        self.fills += 1
        self._lots[fill.market] += fill.side * fill.lots
        if fill.settled_microusd_per_lot is None:
            self._tick_lots[fill.market] += fill.side * fill.lots * fill.price_ticks
        else:
            self._settled_microusd += fill.side * fill.lots * fill.settled_microusd_per_lot
        self._fees_microusd += fill.fee_microusd

    def trade(self, trade: Trade) -> None:
        """Add a round trip."""
        self._closed_microusd += trade.pnl_microusd

    def differ(self, book: Book) -> Iterator[str]:
        """How the book differs from them.

        What was paid, less what the open lots cost, is what was realised; and that is the round trips together
        with what open positions have realised so far.
        """
        for symbol in self._lots:
            if book.lots(symbol) != self._lots[symbol]:
                held, summed = book.lots(symbol), self._lots[symbol]
                yield f"the book holds {held:+d} {symbol}, and the fills add up to {summed:+d}"
        realised = -self._settled_microusd + sum(
            (self._open_tick_lots(book, symbol) - paid) * book.market(symbol).tick_value_microusd
            for symbol, paid in self._tick_lots.items()
        )
        money = book.money
        if (money.realised_microusd, money.fees_microusd) != (realised, self._fees_microusd):
            found = f"{money.realised_microusd} less {money.fees_microusd} in fees"
            yield f"the book has realised {found}, and the fills {realised} less {self._fees_microusd} [micro-dollars]"
        so_far = sum(p.pnl_microusd - p.fees_microusd for p in book.positions.values())
        if self._closed_microusd + so_far != realised - self._fees_microusd:
            closed = self._closed_microusd + so_far
            yield f"trades and positions brought {closed}, and the fills {realised - self._fees_microusd}"

    @staticmethod
    def _open_tick_lots(book: Book, symbol: str) -> int:
        held = [p for (_, market), p in book.positions.items() if market == symbol]
        return sum(p.side * lots * price for p in held for lots, price in p.lots_open)

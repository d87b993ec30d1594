"""Prices at Kalshi under gamma's names: of a series, those of its question."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import final

from brokers.kalshi.books import Books
from brokers.kalshi.market_data import KalshiMarkets
from brokers.kalshi.questions import Questions
from gamma.bars import Bar
from gamma.books import EventBook
from gamma.errors import Transient
from gamma.ports import Quote


@final
class Prices:
    """Quotes, order books and bars by market."""

    def __init__(self, told: KalshiMarkets, books: Books, questions: Questions) -> None:
        self._told = told
        self._books = books
        self._questions = questions

    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Bid, ask and last price of YES [cents]; of a series those of the question that is open.

        Raises: Transient.
        """
        tickers = {await self._open(symbol): symbol for symbol in symbols}
        told = await self._told.quotes(list(tickers))
        return {tickers[ticker]: replace(quote, symbol=tickers[ticker]) for ticker, quote in told.items()}

    async def event_book(self, market: str) -> EventBook:
        """The bids for YES and for NO; of a series those of the question that is traded.

        Raises: Transient, also between two questions.
        """
        if market not in self._questions.series:
            return await self._books.book(market)
        question = await self._questions.clear(market)
        book = await self._books.book(question.ticker)
        if book.ts_event_utc_ns >= book.ts_close_utc_ns:
            raise Transient(f"{market}: {question.ticker} has just closed")
        return replace(book, market=market)

    async def bars(self, market: str, bar_s: int, since_utc_ns: int) -> Sequence[Bar]:
        """Bars of trades in YES [cents]; of a series those of the question that is traded, and none between two.

        Raises: InputInvalid for bars that no candles of Kalshi's make up; Transient.
        """
        if market not in self._questions.series:
            return await self._told.bars(market, bar_s, since_utc_ns)
        try:
            question = await self._questions.clear(market)
        except Transient:
            return []
        told = await self._told.bars(question.ticker, bar_s, since_utc_ns)
        return [replace(bar, market=market) for bar in told]

    async def _open(self, symbol: str) -> str:
        """The question that is open of a series; of all else its name."""
        return (await self._questions.open_now(symbol)).ticker if symbol in self._questions.series else symbol

"""Prices at Kalshi under gamma's names: of a series, those of its question."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import final

from brokers.kalshi.books import Books
from brokers.kalshi.market_data import KalshiMarkets
from brokers.kalshi.questions import Questions
from gamma.bars import Bar
from gamma.books import EventBook
from gamma.clock import NS
from gamma.errors import InputInvalid, Transient
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

        What closed before this life began is told of all questions of a series: on it nothing is decided.

        Raises: InputInvalid for bars that no candles of Kalshi's make up; Transient.
        """
        if market not in self._questions.series:
            return await self._told.bars(market, bar_s, since_utc_ns)
        began_utc_ns, history = await self._history(market, bar_s, since_utc_ns)
        with suppress(Transient):
            question = await self._questions.clear(market)
            if bar_s * NS > question.terms.close_utc_ns - question.terms.open_utc_ns:
                raise InputInvalid(f"{market}: bars of {bar_s} s are longer than {question.ticker} is open")
            told = await self._told.bars(question.ticker, bar_s, max(since_utc_ns, began_utc_ns))
            return [*history, *(replace(bar, market=market) for bar in told)]
        return history

    async def _history(self, market: str, bar_s: int, since_utc_ns: int) -> tuple[int, list[Bar]]:
        """When this life of a series began, and the bars that closed between a time and then."""
        found: list[Bar] = []
        began_utc_ns, questions = await self._questions.before(market, since_utc_ns)
        for ticker, terms in questions:
            if bar_s * NS <= terms.close_utc_ns - terms.open_utc_ns:
                told = await self._told.bars(ticker, bar_s, since_utc_ns, min(began_utc_ns, terms.close_utc_ns))
                found += [replace(bar, market=market) for bar in told]
        return began_utc_ns, found

    async def _open(self, symbol: str) -> str:
        """The question that is open of a series; of all else its name."""
        return (await self._questions.open_now(symbol)).ticker if symbol in self._questions.series else symbol

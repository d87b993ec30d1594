"""A series that the sandbox lists round the clock: a question every quarter of an hour, decided and paid out soon.

A ticker is written as Kalshi writes it, `KXBTC15M-26NOV201530-30`, but by UTC: no hour of it comes twice a year.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, final

from brokers.kalshi.sandbox_events import EventMarket, Level, Listed
from gamma.bars import Bar
from gamma.books import BookLevel
from gamma.clock import NS
from gamma.errors import InputInvalid
from gamma.feeds.events import BITCOIN_15M
from gamma.feeds.events.series import LOOK_NS, QuestionSeries

SERIES: Final = "KXBTC15M"
DETERMINED_AFTER_NS: Final = 10 * NS
SETTLES_AFTER_NS: Final = 30 * NS
LISTED_AFTER: Final = 4
KEPT_NS: Final = 86_400 * NS
MINUTE_S: Final = 60
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_TICKER: Final = re.compile(r"([A-Z0-9]+)-(\d\d)([A-Z]{3})(\d\d)(\d\d)(\d\d)-(\d\d)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@final
class SeriesEvents:
    """Questions that follow one another without a gap, each open for `open_s`, with the books of the event simulator.

    Raises: InputInvalid when they would not close on the minute, by which they are named.
    """

    def __init__(self, seed: int, open_s: int = round(BITCOIN_15M.open_s)) -> None:
        if open_s <= 0 or open_s % MINUTE_S:
            raise InputInvalid(f"open_s is {open_s}: questions are open for whole minutes; give a multiple of 60")
        self._questions = QuestionSeries(seed, SERIES, replace(BITCOIN_15M, open_s=float(open_s)))

    def find(self, ticker: str) -> Listed | None:
        """A question by its ticker; None where it is none."""
        found = _TICKER.fullmatch(ticker)
        if found is None or found[1] != SERIES or found[3] not in _MONTHS:
            return None
        day = (2000 + int(found[2]), _MONTHS.index(found[3]) + 1, int(found[4]))
        try:
            closes = datetime(*day, int(found[5]), int(found[6]), tzinfo=UTC)
        except ValueError:
            return None
        closes_utc_ns = (closes - _EPOCH) // timedelta(seconds=1) * NS
        listed = self._listed(self._questions.number(closes_utc_ns - 1))
        return listed if listed.ticker == ticker else None

    def listed(self, now_utc_ns: int, since_utc_ns: int = 0) -> list[Listed]:
        """The question that is open, the next one, and those that closed last: since a time, as far as a day ago."""
        number = self._questions.number(now_utc_ns)
        since = max(since_utc_ns, now_utc_ns - KEPT_NS)
        first = self._questions.number(since) if since_utc_ns else number - LISTED_AFTER
        return [self._listed(one) for one in range(first, number + 2)]

    def bids(self, ticker: str, now_utc_ns: int) -> tuple[list[Level], list[Level]]:
        """What others bid."""
        listed = self.find(ticker)
        if listed is None or listed.status(now_utc_ns) != "active":
            return [], []
        book = self._questions.book(now_utc_ns)
        return _levels(book.yes_bids), _levels(book.no_bids)

    def bars(self, ticker: str, bar_s: int, after_utc_ns: int, until_utc_ns: int) -> list[Bar]:
        """Bars of the middle, look by look, that closed after one time and by another, and what traded in them."""
        listed = self.find(ticker)
        if listed is None:
            return []
        width = bar_s * NS
        first = max(after_utc_ns // width + 1, listed.open_utc_ns // width + 1) * width
        last = min(until_utc_ns, listed.close_utc_ns)
        return [self._bar(listed, closes - width, closes) for closes in range(first, last + 1, width)]

    def traded(self, ticker: str, now_utc_ns: int) -> int:
        """Contracts that others traded."""
        listed = self.find(ticker)
        if listed is None or now_utc_ns < listed.open_utc_ns:
            return 0
        return int(self._questions.book(min(now_utc_ns, listed.close_utc_ns - 1)).traded_lots)

    def result(self, ticker: str) -> str:
        """How it ends."""
        listed = self.find(ticker)
        number = self._questions.number(listed.open_utc_ns) if listed is not None else 0
        return "yes" if self._questions.payout_cents(number) else "no"

    def _listed(self, number: int) -> Listed:
        opens, closes = (self._questions.opens_utc_ns(one) for one in (number, number + 1))
        at = _EPOCH + timedelta(seconds=closes // NS)
        event = f"{SERIES}-{at:%y}{_MONTHS[at.month - 1]}{at:%d%H%M}"
        return Listed(
            ticker=f"{event}-{at:%M}",
            event=event,
            series=SERIES,
            title=f"Will the simulated bitcoin be up by {at:%H:%M} UTC?",
            open_utc_ns=opens,
            close_utc_ns=closes,
            settle_utc_ns=closes + SETTLES_AFTER_NS,
            determine_utc_ns=closes + DETERMINED_AFTER_NS,
        )

    def _bar(self, listed: Listed, opens_utc_ns: int, closes_utc_ns: int) -> Bar:
        begins, ends = max(opens_utc_ns, listed.open_utc_ns), closes_utc_ns - 1
        books = [self._questions.book(ts) for ts in (*range(begins, ends, LOOK_NS), ends)]
        middles = [min(max(round(book.middle_cents), 1), 99) for book in books]
        return Bar(
            market=listed.ticker,
            ts_open_utc_ns=opens_utc_ns,
            ts_close_utc_ns=closes_utc_ns,
            open_points=float(middles[0]),
            high_points=float(max(middles)),
            low_points=float(min(middles)),
            close_points=float(middles[-1]),
            volume_lots=books[-1].traded_lots - books[0].traded_lots,
            spread_points=books[-1].spread_cents,
        )


@final
class ManyEvents:
    """Several of them at one exchange."""

    def __init__(self, *markets: EventMarket) -> None:
        self._markets = markets

    def find(self, ticker: str) -> Listed | None:
        """A question by its ticker; None where it is none."""
        return next((found for market in self._markets if (found := market.find(ticker)) is not None), None)

    def listed(self, now_utc_ns: int, since_utc_ns: int = 0) -> list[Listed]:
        """All that any of them lists."""
        return [listed for market in self._markets for listed in market.listed(now_utc_ns, since_utc_ns)]

    def bids(self, ticker: str, now_utc_ns: int) -> tuple[Sequence[Level], Sequence[Level]]:
        """What others bid."""
        return self._of(ticker).bids(ticker, now_utc_ns)

    def bars(self, ticker: str, bar_s: int, after_utc_ns: int, until_utc_ns: int) -> Sequence[Bar]:
        """Bars that closed after one time and by another."""
        return self._of(ticker).bars(ticker, bar_s, after_utc_ns, until_utc_ns)

    def traded(self, ticker: str, now_utc_ns: int) -> int:
        """Contracts that others traded."""
        return self._of(ticker).traded(ticker, now_utc_ns)

    def result(self, ticker: str) -> str:
        """How it ends."""
        return self._of(ticker).result(ticker)

    def _of(self, ticker: str) -> EventMarket:
        """Raises: InputInvalid where nobody lists it."""
        for market in self._markets:
            if market.find(ticker) is not None:
                return market
        raise InputInvalid(f"{ticker!r} is not listed here")


def _levels(bids: Sequence[BookLevel]) -> list[Level]:
    return [(bid.price_ticks, bid.lots) for bid in bids]

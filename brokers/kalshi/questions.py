"""Which question an order goes to, and which market a question is of: a series is its questions, one after another."""

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, final

from brokers.kalshi.market_data import KalshiMarkets, Terms
from brokers.kalshi.order_list import SLACK_S, OrderList
from brokers.kalshi.reading import name, number
from brokers.kalshi.requests import Requests
from gamma.clock import NS
from gamma.errors import ConfigInvalid, Transient
from gamma.events import Intent
from gamma.ports import Rejected
from gamma.wire import understood

POSITIONS: Final = "/portfolio/positions"
# A question may close early, or be paused: which one is open is looked up again after so long [s].
LOOKED_S: Final = 60
HISTORY_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The question of a series that is open; what was done before `since_utc_ns` may be of one before it."""

    ticker: str
    terms: Terms
    since_utc_ns: int


@dataclass(slots=True)
class _Run:
    """How far a series has come; a time is 0 where there is none.

    `ended_utc_ns` is when the question before was over, and `clear_utc_ns` from when on the open one is traded.
    `held_at` is how often it had been asked what happened when contracts of one before were last seen, or an order may
    have got some; -1 for never. `sent` tells that an order went to the open one. `began_utc_ns` is when the series was
    looked at for the first time in this life: what was before is history.
    """

    question: Question | None = None
    looked_utc_ns: int = 0
    ended_utc_ns: int = 0
    held_at: int = -1
    sent: bool = False
    clear_utc_ns: int = 0
    shard: int | None = None
    began_utc_ns: int = 0


@final
class Questions:
    """The markets of an account, by gamma's names: a ticker is one question, a series all of its questions in turn.

    A question is told of and traded once what came of those before it is known: what Kalshi shows is of later than
    their end, none of their contracts is held, and how they ended was asked for. Until then nobody takes what is held
    of one question for lots of another.

    Raises: ConfigInvalid where a series and one of its questions would be traded beside each other.
    """

    def __init__(
        self,
        requests: Requests,
        told: KalshiMarkets,
        orders: OrderList,
        names: tuple[Collection[str], Collection[str]],
        now_utc_ns: Callable[[], int],
    ) -> None:
        symbols, series = names
        self._requests = requests
        self._told = told
        self._orders = orders
        self._now_utc_ns = now_utc_ns
        self._asked, self._heard = 0, 0
        self._runs = {one: _Run() for one in sorted({*symbols} & {*series})}
        self._tickers = frozenset(symbols) - frozenset(self._runs)
        for ticker in sorted(self._tickers):
            if series_of(ticker) in self._runs:
                raise ConfigInvalid(
                    f"market {ticker}: is a question of the series {series_of(ticker)}, which is traded too; take one "
                    "of them out of the strategies"
                )

    @property
    def series(self) -> Collection[str]:
        """The series that are traded."""
        return self._runs.keys()

    @property
    def tickers(self) -> Collection[str]:
        """The single questions that are traded."""
        return self._tickers

    def symbol(self, ticker: str) -> str:
        """The market that a question is traded as; "" where it is not traded here."""
        of = series_of(ticker)
        return of if of in self._runs else ticker if ticker in self._tickers else ""

    def asks(self) -> int:
        """All that happened is about to be asked for; the number of times that it was."""
        self._asked += 1
        return self._asked

    def hears(self, asked: int) -> None:
        """It was told."""
        self._heard = max(self._heard, asked)

    async def check(self, series: str, where: str) -> None:
        """See that Kalshi has a series, and that gamma can trade its questions; that none is open now is no matter.

        Raises: ConfigInvalid where it has not, or cannot; Transient.
        """
        if await self._requests.one(f"/series/{series}") is None:
            raise ConfigInvalid(
                f"[brokers.kalshi] series: {series!r} is no series of Kalshi's ({where}); write it as Kalshi does, as "
                'in "KXBTC15M"'
            )
        open_now = await self._listed(series)
        why = self._unfit(series, open_now)
        if why:
            raise ConfigInvalid(f"market {series}: {why}; take it out of the strategies")
        self._take_up(self._runs[series], open_now)

    async def shards(self) -> set[int]:
        """The shards of the questions that are open, or were a moment ago.

        Raises: Transient.
        """
        for series, run in self._runs.items():
            if run.shard is None:
                self._take_up(run, await self._listed(series))
        return {run.shard for run in self._runs.values() if run.shard is not None}

    async def open_now(self, series: str) -> Question:
        """The question that is open; of several the one that closes first.

        Raises: Transient where none is.
        """
        run, now = self._runs[series], self._now_utc_ns()
        known = run.question
        fresh = 0 <= now - run.looked_utc_ns < LOOKED_S * NS
        if known is not None and fresh and now < known.terms.close_utc_ns:
            return known
        listed = await self._listed(series)
        if why := self._unfit(series, listed):
            raise Transient(f"{series}: {why}")
        found = self._take_up(run, listed)
        if found is None:
            raise Transient(f"{series}: no question is open")
        return found

    async def clear(self, series: str) -> Question:
        """The question that is open, once it is traded.

        Raises: Transient while none is open, or what came of one before it is not known.
        """
        question, run = await self.open_now(series), self._runs[series]
        if run.clear_utc_ns:
            return question
        if await self._orders.as_of_utc_ns() < question.since_utc_ns + SLACK_S * NS:
            raise Transient(f"{series}: {question.ticker} has just opened, and what was done before is not shown yet")
        rows = await self._requests.every(POSITIONS, "market_positions", {"count_filter": "position"})
        with understood("positions"):
            held = [name(row["ticker"]) for row in rows if number(row["position_fp"])]
        before = [ticker for ticker in held if series_of(ticker) == series and ticker != question.ticker]
        if before:
            run.held_at = self._asked or -1  # a start asks for all of it before it trades
            raise Transient(f"{series}: what is held of {', '.join(before)} is not settled yet")
        if self._heard <= run.held_at:
            raise Transient(f"{series}: how the question before {question.ticker} ended was not asked for yet")
        if run.question is not None and run.question.ticker == question.ticker:
            run.clear_utc_ns, run.held_at = max(1, self._now_utc_ns()), -1
        return question

    async def see(self) -> None:
        """See to the questions that are not traded yet, so that what is decided next need not wait for that."""
        for series in self._runs:
            with suppress(Transient):
                await self.clear(series)

    async def before(self, series: str, since_utc_ns: int) -> tuple[int, list[tuple[str, Terms]]]:
        """When the series was first looked at in this life, and the questions until then that closed after a time.

        The oldest first, and no more than the last `HISTORY_MAX`.

        Raises: Transient.
        """
        run = self._runs[series]
        if run.began_utc_ns and since_utc_ns >= run.began_utc_ns:
            return run.began_utc_ns, []
        if not run.began_utc_ns:
            self._take_up(run, await self._listed(series))
        params = {"series_ticker": series, "min_close_ts": str(since_utc_ns // NS)}
        rows = await self._requests.every("/markets", "markets", params)
        with understood(f"questions of {series}"):
            told = [(name(row["ticker"]), self._told.keep(row)) for row in rows]
        found = [one for one in told if since_utc_ns < one[1].close_utc_ns and one[1].open_utc_ns < run.began_utc_ns]
        return run.began_utc_ns, sorted(found, key=lambda one: (one[1].close_utc_ns, one[0]))[-HISTORY_MAX:]

    def forget(self, ticker: str) -> None:
        """Look up anew what is open: Kalshi says that this question is not."""
        run = self._runs.get(series_of(ticker))
        if run is not None and run.question is not None and run.question.ticker == ticker:
            run.looked_utc_ns = 0

    def ticker_for(self, intent: Intent) -> str | Rejected:
        """The question that an order goes to; refused where it was decided before that one was traded."""
        run = self._runs.get(intent.market)
        if run is None:
            return intent.market
        question = run.question
        if question is None or not run.clear_utc_ns or self._now_utc_ns() >= question.terms.close_utc_ns:
            return Rejected(code="no_question", text=f"{intent.market}: between two questions nothing is traded")
        if intent.ts_event_utc_ns < run.clear_utc_ns:
            text = f"{intent.market}: it was decided before {question.ticker} was traded"
            return Rejected(code="no_question", text=text)
        run.sent = True
        return question.ticker

    async def _listed(self, series: str) -> list[tuple[str, Terms]]:
        """What is open of a series, what closes first at the head.

        Raises: Transient.
        """
        rows = await self._requests.every("/markets", "markets", {"series_ticker": series, "status": "open"})
        now = self._now_utc_ns()
        with understood(f"questions of {series}"):
            found = [(name(row["ticker"]), self._told.keep(row)) for row in rows if row["status"] == "active"]
        return sorted(
            ((ticker, terms) for ticker, terms in found if terms.close_utc_ns > now),
            key=lambda one: (one[1].close_utc_ns, one[0]),
        )

    def _unfit(self, series: str, listed: list[tuple[str, Terms]]) -> str:
        """Why gamma cannot trade the question that closes first; "" where it can, or none is open."""
        if not listed:
            return ""
        ticker, terms = listed[0]
        beside = [other for other, its in listed[1:] if its.close_utc_ns == terms.close_utc_ns]
        if beside:
            return (
                f"asks several questions at a time ({ticker}, {beside[0]}), and gamma trades one after another; name "
                "one by its ticker"
            )
        if series_of(ticker) != series:
            return f"its question {ticker} is named after another series"
        return f"its question {ticker} {terms.unfit}" if terms.unfit else ""

    def _take_up(self, run: _Run, listed: list[tuple[str, Terms]]) -> Question | None:
        """Keep which question is open, and from when on; another one, or none, ends what was clear."""
        now, before = self._now_utc_ns(), run.question
        run.looked_utc_ns = now
        run.began_utc_ns = run.began_utc_ns or now
        same = before is not None and bool(listed) and listed[0][0] == before.ticker
        if before is not None and not same:
            run.ended_utc_ns = min(before.terms.close_utc_ns, now)
            run.held_at = self._asked if run.sent else run.held_at
            run.sent = False
        if not same:
            run.clear_utc_ns = 0
        run.question = None
        if listed:
            ticker, terms = listed[0]
            since_utc_ns = before.since_utc_ns if before is not None and same else run.ended_utc_ns or now
            run.question = Question(ticker=ticker, terms=terms, since_utc_ns=since_utc_ns)
            run.shard = terms.shard
        return run.question


def series_of(ticker: str) -> str:
    """The series that a ticker is of."""
    return ticker.partition("-")[0]

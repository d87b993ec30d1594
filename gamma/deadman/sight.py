"""What the dead-man sees: the account at the broker, by a session of its own, and the book that the daemon left."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Mapping
from typing import Final, TypeVar, final

import structlog

from gamma import floor
from gamma.account import book_of, opened
from gamma.assembly import hours_of, profile_of, setup_of
from gamma.bars import Session
from gamma.book import Book, open_book
from gamma.clock import NS, Clock, Steady
from gamma.config import Config
from gamma.deadman.judgement import Exposure, Seen
from gamma.deadman.watch import Silence
from gamma.errors import GammaError, InputInvalid, Transient
from gamma.guards import Punctual
from gamma.markets import MICRO, Kind
from gamma.plugins import guards
from gamma.ports import Broker, MarketData
from gamma.vitals import taken

BOOK_S: Final = 60.0
CLOCK_OFF_MAX_S: Final = 5.0
CLOCK_STANDS_S: Final = 600.0
T = TypeVar("T")

log = structlog.get_logger("gamma.deadman")


@final
class Sight:
    """Looks at the account for the dead-man.

    Raises: ConfigInvalid when a guard or the profile is none.
    """

    def __init__(self, config: Config, broker: Broker, clock: Clock) -> None:
        self.config = config
        self.broker = broker
        self.setup = setup_of(config)
        self.time = Steady(clock)
        self.mine = prefixes(config)
        self._hours = hours_of(config)
        self._profile = profile_of(config)
        self._floor: floor.FloorState | None = None
        self._book: Book | None = None
        self._head: tuple[int, str] | None = None
        self._book_until_s = 0.0
        self._set_since_s: float | None = None
        self._clock = clock
        chains = {strategy.name: guards(config, strategy) for strategy in config.strategies}
        self._punctual = {
            s.market for s in config.strategies if any(isinstance(guard, Punctual) for _, guard in chains[s.name])
        }
        day = [guard for chain in chains.values() for name, guard in chain if name == "daily_loss"]
        self._day_frac = min((getattr(guard, "hard_frac", 1.0) for guard in day), default=None)

    async def see(self, silence: Silence) -> Seen:
        """The whole account, as it is judged.

        Raises: Transient when the broker does not tell.
        """
        orders = Counter(
            o.market for o in await self.hear(self.broker.open_orders()) if o.client_order_id.startswith(self.mine)
        )
        held = await self.hear(self.broker.positions())
        equity = (await self.hear(self.broker.account())).equity_microusd
        now_utc_ns, book = await self.now_utc_ns(), self.book()
        switch = silence.kill_switch
        return Seen(
            silence=silence,
            now_utc_ns=now_utc_ns,
            exposures={
                market: Exposure(
                    lots=held.get(market, 0),
                    orders=orders[market],
                    flat_by_utc_ns=self.flat_by_utc_ns(market, now_utc_ns),
                )
                for market in sorted({*(m for m, lots in held.items() if lots), *orders})
            },
            room_used_frac=self._room_used(book, equity),
            day_used_frac=self._day_used(book, equity, now_utc_ns),
            switched=switch is not None and switch.exists() and not taken(switch),
        )

    async def now_utc_ns(self) -> int:
        """The time: our own, which does not jump; where the broker tells another one exactly, the broker's.

        A wall clock that was set is believed once it has stood for ten minutes: at a start it may have been wrong.
        """
        if abs(self.time.set_s()) <= CLOCK_OFF_MAX_S:
            self._set_since_s = None
        elif self._set_since_s is None:
            self._set_since_s = self.time.elapsed_s()
        elif self.time.elapsed_s() - self._set_since_s > CLOCK_STANDS_S:
            self.time, self._set_since_s, self._book_until_s = Steady(self._clock), None, 0.0
        ours = self.time.now_ns()
        if isinstance(self.broker, MarketData):
            try:
                told = await self.hear(self.broker.clock())
            except Transient:
                return ours
            if told.exact and abs(told.ts_utc_ns - ours) > CLOCK_OFF_MAX_S * NS:
                log.warning("dead_man_clock_off", off_s=round((ours - told.ts_utc_ns) / NS, 1))
                return told.ts_utc_ns
        return ours

    def flat_by_utc_ns(self, market: str, now_utc_ns: int) -> int:
        """By when a market must be flat today [ns]; 0 where it need not be, or is shut.

        It must where a guard of a strategy there sees to that, or the account's rules allow nothing overnight.
        """
        known = self.setup.markets.get(market)
        overnight = self._profile is None or self._profile.overnight.value
        if market not in self._punctual and (overnight or known is None or known.kind is Kind.EVENT):
            return 0
        session = self.session(market, now_utc_ns)
        return session.ts_flat_by_utc_ns if session is not None else 0

    def session(self, market: str, now_utc_ns: int) -> Session | None:
        """The session of a market; None while it is shut, or nobody knows its hours."""
        try:
            return self._hours.session(market, now_utc_ns)
        except InputInvalid:
            return None

    def book(self) -> Book | None:
        """The book as the daemon's ledger has it, a minute old at most; None where that cannot be read."""
        if self._book is not None and self.time.elapsed_s() < self._book_until_s:
            return self._book
        self._book_until_s = self.time.elapsed_s() + BOOK_S
        try:
            with opened(self.config) as reader, reader.at_once():
                if reader.head != self._head or self._book is None:
                    self._book, self._head = book_of(reader, self.setup), reader.head
        except (GammaError, OSError) as error:
            log.warning("dead_man_reads_no_ledger", cause=str(error))
        return self._book

    async def hear(self, answer: Awaitable[T]) -> T:
        """One read under one deadline.

        Raises: Transient, whatever went wrong in the adapter.
        """
        try:
            async with asyncio.timeout(self.broker.capabilities.place_timeout_s):
                return await answer
        except Transient:
            raise
        except Exception as error:
            raise Transient(f"{type(error).__name__}: {error}") from error

    def _room_used(self, book: Book | None, equity_microusd: int) -> float | None:
        """How much of the drawdown that the account's rules allow is used up [1]; 1 at the floor."""
        rule = self.setup.floor_rule
        state = book.money.floor if book is not None else None
        if rule is None or state is None:
            return None
        known = self._floor if self._floor is not None and self._floor.floor_microusd > state.floor_microusd else state
        self._floor = floor.mark(rule, known, equity_microusd)
        return 1 - self._floor.room_microusd(equity_microusd) / rule.drawdown_microusd

    def _day_used(self, book: Book | None, equity_microusd: int, now_utc_ns: int) -> float | None:
        """How much of the day's loss limit is used up [1]; None where there is none, or the day is not this one."""
        session = self.session(self.config.strategies[0].market, now_utc_ns)
        if book is None or session is None or book.money.day != session.date:
            return None
        start = book.money.day_equity_microusd
        limits = [] if self._day_frac is None else [self._day_frac * start]
        if self._profile is not None:
            limits.append(self._profile.day_loss_max_usd * MICRO)
        limit = min(limits, default=0.0)
        return (start - equity_microusd) / limit if 0 < limit < float("inf") else None


def prefixes(config: Config) -> tuple[str, str]:
    """How the ids of the daemon's orders begin, and of the dead-man's."""
    book = open_book(setup_of(config))
    return book.client_id_prefix, book.dead_man_prefix


def exposed(seen: Mapping[str, Exposure]) -> dict[str, int]:
    """Lots by market, of those that are held."""
    return {market: exposure.lots for market, exposure in seen.items() if exposure.lots}

"""`LiveChains`: option chains as a broker tells them, fetched shortly before each bar closes, and kept."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final, Protocol, final, runtime_checkable
from zoneinfo import ZoneInfo

import numpy as np
import structlog

from gamma.calendar import NS
from gamma.errors import Transient
from gamma.feeds.chain_record import ChainRecord
from gamma.feeds.pace import LOOK_S
from gamma.options import COLUMNS, Chain
from gamma.ports import Chains, Hours, MarketData

READ_S: Final = 20.0
KEPT: Final = 512
STRIKES_MIN: Final = 10
# An index of volatility is told anew every 15 s while its market is open.
VIX_AGE_MAX_S: Final = 300.0
_NEW_YORK: Final = ZoneInfo("America/New_York")

log = structlog.get_logger("gamma.chains")


@runtime_checkable
class ChainSource(Chains, MarketData, Protocol):
    """A broker that tells chains and quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainPlan:
    """What is fetched: chains of these underlyings that settle within `days`, the first day's in any case.

    They are asked for `lead_s` before each bar of `bar_s` closes, and with them the quote of `vix`.
    """

    underlyings: tuple[str, ...]
    bar_s: int
    days: float = 1.0
    lead_s: float = 10.0
    vix: str = "VIX"


@final
class LiveChains:
    """Chains that are known from the time at which they were quoted; one that is not whole is none.

    Where the broker does not answer, the chain before is known, and grows old: what sells by it sees that.
    """

    def __init__(
        self,
        plan: ChainPlan,
        *,
        source: ChainSource,
        hours: Hours,
        wall_utc_ns: Callable[[], int] = time.time_ns,
        record: ChainRecord | None = None,
    ) -> None:
        self._plan = plan
        self._source = source
        self._hours = hours
        self._wall_utc_ns = wall_utc_ns
        self._record = record
        kept = {name: record.last_day(name) if record is not None else [] for name in plan.underlyings}
        self._known = {name: deque(chains, maxlen=KEPT) for name, chains in kept.items()}
        self._silent: set[str] = set()

    @property
    def underlyings(self) -> tuple[str, ...]:
        """What chains are fetched of."""
        return self._plan.underlyings

    def known(self, underlying: str, ts_utc_ns: int) -> Chain | None:
        """The newest chain that was quoted by then; None where none was."""
        chains = reversed(self._known.get(underlying, ()))
        return next((chain for chain in chains if chain.ts_utc_ns <= ts_utc_ns), None)

    async def fetch(self, underlying: str) -> Chain:
        """Ask for the chain of now, and know it from then on.

        Raises: Transient when the broker does not tell it, or not all of it.
        """
        async with asyncio.timeout(READ_S):
            chain = await fetched(self._source, underlying, self._plan.days, self._plan.vix)
        known = self._known[underlying]
        if not known or chain.ts_utc_ns > known[-1].ts_utc_ns:
            known.append(chain)
            if self._record is not None:
                self._record.keep(chain)
        return chain

    async def keep(self) -> None:
        """Fetch before each bar closes, while the market is open; it goes on until it is cancelled."""
        while True:
            for underlying in self._plan.underlyings:
                if self._hours.session(underlying, self._wall_utc_ns()) is not None:
                    await self._try(underlying)
            await self._wait()

    async def _try(self, underlying: str) -> None:
        try:
            await self.fetch(underlying)
        except Exception as error:  # whatever is wrong there: the chain before grows old, and nothing is sold on it
            if underlying not in self._silent:
                log.warning("chain_silent", underlying=underlying, cause=f"{type(error).__name__}: {error}")
            self._silent.add(underlying)
        else:
            self._silent.discard(underlying)

    async def _wait(self) -> None:
        """Until so long before the next close of a bar; the wall clock may be set."""
        bar_ns, lead_ns = self._plan.bar_s * NS, round(self._plan.lead_s * NS)
        until = ((self._wall_utc_ns() + lead_ns) // bar_ns + 1) * bar_ns - lead_ns
        while (left_s := (until - self._wall_utc_ns()) / NS) > 0:  # noqa: ASYNC110 - a clock that is set raises no event
            await asyncio.sleep(min(left_s, LOOK_S))


async def fetched(source: ChainSource, underlying: str, days: float, vix: str) -> Chain:
    """The chain of now of all options that settle within so many days, with the volatility index in it.

    Raises: Transient where it is not told, or is not whole.
    """
    clock = await source.clock()
    now = clock.ts_utc_ns
    parts = [await source.chain(underlying, day) for day in _days(await source.expirations(underlying), now, days)]
    if not parts:
        raise Transient(f"{underlying} has no options that settle yet")
    chain = _joined(parts)
    lacking = _lacking(chain)
    if lacking:
        raise Transient(f"the chain of {underlying} is not whole: {lacking}")
    quotes = await source.quotes([vix]) if vix else {}
    quote = quotes.get(vix)
    fresh = quote is not None and abs(chain.ts_utc_ns - quote.ts_event_utc_ns) <= VIX_AGE_MAX_S * NS
    return replace(chain, vix_points=quote.last_points if quote is not None and fresh else math.nan)


def _days(expirations: Sequence[date], now_utc_ns: int, days: float) -> list[date]:
    """The days that matter, today's too; the first that there is in any case."""
    today = datetime.fromtimestamp(now_utc_ns // NS, UTC).astimezone(_NEW_YORK).date()
    coming = [day for day in sorted(expirations) if day >= today]
    return [day for n, day in enumerate(coming) if n == 0 or (day - today).days < days]


def _joined(parts: Sequence[Chain]) -> Chain:
    """Several days' chains as one, as old as the oldest of them."""
    oldest = min(parts, key=lambda chain: chain.ts_utc_ns)
    columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
    return replace(oldest, **columns)


def _lacking(chain: Chain) -> str:
    """What a chain lacks to be traded on; "" where it is whole: both rights, quoted on both sides of the spot."""
    quoted = (chain.ask_points > 0) & (chain.bid_points >= 0) & (chain.bid_points <= chain.ask_points)
    for right, named in ((True, "calls"), (False, "puts")):
        rows = quoted & (chain.call == right)
        for below, where in ((True, "below"), (False, "above")):
            there = rows & ((chain.strike_points < chain.spot_points) == below)
            count = len(set(chain.strike_points[there].tolist()))
            if count < STRIKES_MIN:
                return f"{count} {named} with an ask {where} the spot, of {STRIKES_MIN} at least"
    return ""

"""Looks at the broker that come sooner than the schedule has them: when it hints, and while a fill may lack its stop.

A hint is never the truth: what it leads to is a look as any other, and without it the same is seen a little later.
However many come, looks are a few a second at most, and fewer and fewer while they find nothing. Where a broker does
not hint, or its hints are lost, the same is seen by looking: as long as an entry with a stop works, and from its fill
on until the broker has named that stop and some time has passed.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, final

import structlog

from gamma.absence import never_named
from gamma.book import Book
from gamma.effects import Answer
from gamma.events import OrderIntended, OrderKind, Recorded, TimeAdvanced
from gamma.orders import Order
from gamma.ports import Hinting, Prompt
from gamma.shell import Shell
from gamma.turnstile import Turnstile

SPACING_S: Final = 0.25
SPACING_MAX_S: Final = 8.0
AGAIN_S: Final = 0.25
AGAIN_MAX_S: Final = 60.0
BARE_S: Final = 0.5
# From when a position was heard to have grown: how long its stop may still be taken back, or come to be named.
SETTLED_NS: Final = 3_000_000_000
NAMED_NS: Final = 30_000_000_000

log = structlog.get_logger("gamma.heeding")


@final
class Heeding:
    """Heeds one broker. `ask` asks the broker within a turn, and tells of its silence; `commit` keeps it."""

    def __init__(
        self,
        shell: Shell,
        turnstile: Turnstile,
        *,
        ask: Callable[[Callable[[], Awaitable[None]]], Awaitable[bool]],
        commit: Callable[[], None],
    ) -> None:
        self.looks = 0
        self._shell = shell
        self._turnstile = turnstile
        self._ask = ask
        self._commit = commit
        self._stirred = asyncio.Event()
        self._hinted = False
        self._found = False
        shell.observers = (*shell.observers, self)

    async def run(self) -> None:
        """Look whenever there is a reason to; it never ends by itself.

        Raises: what failed in a turn, for after it nothing goes on.
        """
        broker = self._shell.broker
        hearing = asyncio.create_task(self._hear(broker)) if isinstance(broker, Hinting) else None
        try:
            if isinstance(broker, Prompt) and hearing is None:
                return  # what it fills is known at once
            await self._go_on()
        finally:
            if hearing is not None:
                hearing.cancel()
                await asyncio.gather(hearing, return_exceptions=True)

    async def _go_on(self) -> None:
        loop = asyncio.get_running_loop()
        looked_s = rested_s = loop.time()
        spacing_s, silent_s = SPACING_S, 0.0
        while True:
            wanted = due(self._shell.book, self._shell.rules.capabilities.watch_s)
            due_s = math.inf if wanted is None else looked_s + wanted.in_s + silent_s
            hint_s = max(rested_s, looked_s + silent_s) if self._hinted else math.inf
            if min(due_s, hint_s) > loop.time():
                await self._sleep_until(min(due_s, hint_s))
                continue
            hinted = hint_s <= loop.time()
            orders = hinted or (wanted is not None and wanted.orders)
            self._hinted = self._hinted and not orders
            heard = await self._look(orders=orders)
            looked_s = loop.time()
            silent_s = 0.0 if heard else min(max(2 * silent_s, AGAIN_S), SPACING_MAX_S)
            if hinted:
                spacing_s = SPACING_S if self._found else min(2 * spacing_s, SPACING_MAX_S)
                rested_s = looked_s + spacing_s

    async def _sleep_until(self, wake_s: float) -> None:
        """Sleep, unless a hint comes or an entry goes out."""
        self._stirred.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(None if math.isinf(wake_s) else wake_s):
                await self._stirred.wait()

    async def _look(self, *, orders: bool) -> bool:
        """Whether the broker gave an answer."""
        self.looks += 1
        self._found = False
        async with self._turnstile.turn():
            heard = await self._ask(self._see if orders else self._shell.poll)
            await self._shell.feed(TimeAdvanced(ts_event_utc_ns=self._shell.now()))
            self._commit()
        return heard

    async def _see(self) -> None:
        self._found = await self._shell.look()

    async def _hear(self, broker: Hinting) -> None:
        """Take hints for ever; an adapter's fault delays them, and is told once until they come again."""
        told, wait_s = False, AGAIN_S
        while True:
            try:
                async for _ in broker.hints():
                    told, wait_s = False, AGAIN_S
                    if not self._hinted:
                        self._hinted = True
                        self._stirred.set()
                    await asyncio.sleep(0)  # who hints without a pause leaves others their time
            except Exception as error:
                if not told:
                    log.warning("hints_lost", cause=type(error).__name__)
                told = True
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, AGAIN_MAX_S)

    # As an observer of the shell.

    def recorded(self, fact: Recorded, book: Book) -> None:  # noqa: ARG002
        """An entry with a bracket goes out: it is watched."""
        if isinstance(fact, OrderIntended) and fact.bracket:
            self._stirred.set()

    def answered(self, answer: Answer) -> None:
        """Of no concern here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """How soon to look again [s], and whether at orders too or only for fills."""

    in_s: float
    orders: bool


def due(book: Book, watch_s: float) -> Due | None:
    """The next look that is wanted because a stop is or may soon be missing; None where there is nothing to watch."""
    found: list[Due] = []
    for order in book.orders.values():
        entry = book.orders.get(order.intent.parent)
        if order.intent.kind is not OrderKind.STOP or entry is None:
            continue
        age_ns = _age_ns(book, entry)
        if age_ns < NAMED_NS and never_named(order, entry):
            return Due(in_s=min(BARE_S, watch_s), orders=True)
        if age_ns < SETTLED_NS:
            found.append(Due(in_s=watch_s, orders=True))
        elif not entry.ended:
            found.append(Due(in_s=watch_s, orders=False))
    return next((one for one in found if one.orders), found[0] if found else None)


def _age_ns(book: Book, entry: Order) -> float:
    """How long ago what an entry opened was heard to have grown [ns]; infinite where nothing of it is held."""
    position = book.positions.get((entry.intent.strategy, entry.intent.market))
    if position is None or not position.lots or entry.intent.client_order_id not in position.entry_ids:
        return math.inf
    return book.ts_event_utc_ns - position.ts_grown_utc_ns

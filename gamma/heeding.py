"""Looks at the broker that come sooner than the schedule has them: when it hints that something has happened.

A hint is never the truth: what it leads to is a look as any other, and without it the same is seen a little later.
However many come, looks are a few a second at most, and fewer and fewer while they find nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, final

import structlog

from gamma.ports import Hinting
from gamma.shell import Shell
from gamma.turnstile import Turnstile

SPACING_S: Final = 0.25
SPACING_MAX_S: Final = 8.0
AGAIN_S: Final = 0.25
AGAIN_MAX_S: Final = 60.0

log = structlog.get_logger("gamma.heeding")


@final
class Heeding:
    """Heeds one broker's hints. `ask` asks the broker within a turn, and tells of its silence; `commit` keeps it."""

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
        self._hinted = asyncio.Event()
        self._found = False

    async def run(self) -> None:
        """Look whenever the broker hints; it never ends by itself.

        Raises: what failed in a turn, for after it nothing goes on.
        """
        broker = self._shell.broker
        if not isinstance(broker, Hinting):
            return
        hearing = asyncio.create_task(self._hear(broker))
        try:
            spacing_s = SPACING_S
            while True:
                await self._hinted.wait()
                self._hinted.clear()
                await self._look()
                spacing_s = SPACING_S if self._found else min(2 * spacing_s, SPACING_MAX_S)
                await asyncio.sleep(spacing_s)
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

    async def _look(self) -> None:
        self.looks += 1
        self._found = False
        async with self._turnstile.turn():
            await self._ask(self._see)
            self._commit()

    async def _see(self) -> None:
        self._found = await self._shell.look()

    async def _hear(self, broker: Hinting) -> None:
        """Take hints for ever; an adapter's fault delays them, and is told once until they come again."""
        told, wait_s = False, AGAIN_S
        while True:
            try:
                async for _ in broker.hints():
                    told, wait_s = False, AGAIN_S
                    self._hinted.set()
                    await asyncio.sleep(0)  # who hints without a pause leaves others their time
            except Exception as error:
                if not told:
                    log.warning("hints_lost", cause=type(error).__name__)
                told = True
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, AGAIN_MAX_S)

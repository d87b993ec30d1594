"""The turnstile: one thing at a time goes through the desk, and nothing after a failure."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import final


@final
class Turnstile:
    """Bars, jobs and signals take turns. What fails in a turn ends the daemon before anything else has its turn."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.failure: Exception | None = None
        self._one = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one's turn, and have it.

        Raises: what failed before, for the book may have missed a part of what was to follow.
        """
        async with self._one:
            if self.failure is not None:
                # With a trace of its own each time: APScheduler clears the frames in the trace of a job's error,
                # and the first trace holds those of the daemon, which is still closing down.
                raise self.failure.with_traceback(None)
            try:
                yield
            except Exception as error:
                self.failure = error
                self.stopping.set()
                raise

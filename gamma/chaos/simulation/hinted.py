"""A broker whose stream of hints rings by chance: after what was sent, out of nowhere, in floods, or not at all."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, final

from gamma.errors import Transient
from gamma.events import Intent
from gamma.ports import (
    ApprovedLike,
    Broker,
    BrokerAccount,
    BrokerOrder,
    Capabilities,
    FillPage,
    Lookup,
    Placed,
    Preparing,
)

LATE_MAX_S: Final = 2.0
QUIET_MAX_S: Final = 15.0
FLOOD: Final = 20
FLOODS_FRAC: Final = 0.1
BREAKS_FRAC: Final = 0.1


@final
class Hinted:
    """An adapter with the stream taken from it; what chance rings in its place is a function of the seed."""

    def __init__(self, broker: Broker, seed: int) -> None:
        self._broker = broker
        self._rng = random.Random(f"hints {seed}")
        self._due = asyncio.Event()

    async def hints(self) -> AsyncIterator[None]:
        """Ring soon after something was sent, and now and then besides; the stream breaks too.

        Raises: Transient when it breaks.
        """
        while True:
            quiet_s = self._rng.uniform(0.0, QUIET_MAX_S)
            try:
                async with asyncio.timeout(quiet_s):
                    await self._due.wait()
                await asyncio.sleep(self._rng.uniform(0.0, LATE_MAX_S))
            except TimeoutError:
                pass
            self._due.clear()
            if self._rng.random() < BREAKS_FRAC:
                raise Transient("the stream broke")
            for _ in range(FLOOD if self._rng.random() < FLOODS_FRAC else 1):
                yield None

    @property
    def capabilities(self) -> Capabilities:
        return self._broker.capabilities

    async def connect(self) -> BrokerAccount:
        return await self._broker.connect()

    async def close(self) -> None:
        await self._broker.close()

    async def prepare(self, intent: Intent) -> None:
        if isinstance(self._broker, Preparing):
            await self._broker.prepare(intent)

    async def place(self, approved: ApprovedLike, intent: Intent, bracket: Sequence[Intent]) -> Placed:
        self._due.set()
        return await self._broker.place(approved, intent, bracket)

    async def cancel(self, client_order_id: str) -> Placed:
        self._due.set()
        return await self._broker.cancel(client_order_id)

    async def replace(self, client_order_id: str, price_ticks: int) -> Placed:
        self._due.set()
        return await self._broker.replace(client_order_id, price_ticks)

    async def find(self, client_order_id: str) -> Lookup:
        return await self._broker.find(client_order_id)

    async def orders(self, wanted: Mapping[str, str]) -> Sequence[BrokerOrder]:
        return await self._broker.orders(wanted)

    async def open_orders(self) -> Sequence[BrokerOrder]:
        return await self._broker.open_orders()

    async def fills_since(self, marker: str) -> FillPage:
        return await self._broker.fills_since(marker)

    async def positions(self) -> Mapping[str, int]:
        return await self._broker.positions()

    async def account(self) -> BrokerAccount:
        return await self._broker.account()

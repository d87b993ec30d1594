"""What Kalshi's WebSocket tells of the account: that something happened. What it was is read as ever."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final, final

from brokers.kalshi.signing import Signer
from gamma.stream import Opening, Sign, Stream, Tempo

PATH: Final = "/trade-api/ws/v2"
CHANNELS: Final = ("user_orders", "fill", "market_positions")
TOLD: Final = ("user_order", "fill", "market_position")
TEMPO: Final = Tempo(open_s=5.0)


@final
class KalshiStream:
    """Subscribes to the account's orders, fills and positions, with a signature made anew for each connection."""

    def __init__(self, url: str, signer: Signer) -> None:
        self._url = url
        self._signer = signer

    async def hints(self) -> AsyncIterator[None]:
        """A hint for each thing that happens, and one whenever it begins to listen; it never ends."""
        stream = Stream("kalshi", self._opening, tempo=TEMPO)
        async with aclosing(stream.messages()) as messages:
            async for message in messages:
                if message is Sign.OPENED or (isinstance(message, dict) and message.get("type") in TOLD):
                    yield None

    async def _opening(self) -> Opening:
        asked = {"id": 1, "cmd": "subscribe", "params": {"channels": list(CHANNELS), "use_yes_price": True}}
        return Opening(url=self._url, headers=self._signer.headers("GET", PATH), hello=(json.dumps(asked),))

"""Hints by Alpaca's stream of trade updates: something happened to an order. What happened is read as ever."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, Final, final

from brokers.alpaca.params import AlpacaParams
from gamma.stream import Opening, Sign, Stream, Tempo, for_good

TEMPO: Final = Tempo(open_s=5.0)
UPDATES: Final = "trade_updates"


@final
class Hints:
    """Says that something happened to the account, as soon as Alpaca tells of it."""

    def __init__(self, params: AlpacaParams) -> None:
        self._params = params

    def hints(self) -> AsyncIterator[None]:
        """A hint for each update, and one whenever it begins to listen; it never ends."""
        return for_good(self._until_refused)

    async def _until_refused(self) -> AsyncGenerator[None]:
        """As `hints`, until Alpaca lets us in no more."""
        stream = Stream("alpaca updates", self._opening, tempo=TEMPO)
        async with aclosing(stream.messages()) as messages:
            async for message in messages:
                if isinstance(message, Sign) or not isinstance(message, Mapping):
                    continue
                if message.get("stream") == "authorization":
                    if _said(message, "status") != "authorized":
                        return
                    await stream.send(json.dumps({"action": "listen", "data": {"streams": [UPDATES]}}))
                elif message.get("stream") in ("listening", UPDATES):
                    yield None

    async def _opening(self) -> Opening:
        keys = {"key_id": self._params.key_id, "secret_key": self._params.secret.get_secret_value()}
        return Opening(url=self._params.stream_url, hello=(json.dumps({"action": "authenticate", "data": keys}),))


def _said(message: Mapping[str, Any], name: str) -> Any:
    told = message.get("data")
    return told.get(name) if isinstance(told, Mapping) else None

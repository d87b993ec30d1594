"""Hints by OANDA's stream of transactions: something happened to the account. What happened is read as ever."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, Final, final

from brokers.oanda.params import OandaParams
from gamma.stream import Opening, Sign, Stream, Tempo

# A heartbeat comes every 5 s: a stream that is silent for two of them is dead.
TEMPO: Final = Tempo(open_s=5.0, silent_s=12.0)


@final
class Hints:
    """Says that something happened to the account, as soon as OANDA tells of it."""

    def __init__(self, params: OandaParams) -> None:
        self._params = params

    async def hints(self) -> AsyncIterator[None]:
        """A hint for each transaction, and one whenever it begins to listen; it never ends.

        A heartbeat tells the last transaction's number: one that we were not told of is a hint too.
        """
        last = ""
        async with aclosing(Stream("oanda transactions", self._opening, tempo=TEMPO).messages()) as messages:
            async for message in messages:
                if isinstance(message, Sign):
                    yield None
                elif isinstance(message, Mapping):
                    told = _number(message)
                    if told and told != last:
                        last = told
                        yield None

    async def _opening(self) -> Opening:
        token = self._params.token.get_secret_value()
        url = f"{self._params.stream_url}/accounts/{self._params.account_id}/transactions/stream"
        return Opening(url=url, headers={"Authorization": f"Bearer {token}"})


def _number(message: Mapping[str, Any]) -> str:
    """The last transaction that a line tells of; empty where it tells none."""
    told = message.get("lastTransactionID" if message.get("type") == "HEARTBEAT" else "id")
    return told if isinstance(told, str) else ""

"""What is asked by Tradovate's WebSockets: prices, each in a conversation of its own, and hints in one that lasts."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final, final

from brokers.tradovate.frames import AUTHORIZE, OPENED, PULSE, PULSE_S, Message, asked, messages
from gamma.errors import GammaError, Transient
from gamma.stream import Opening, Sign, Stream, Tempo, for_good

TALK_S: Final = 9.0
TEMPO: Final = Tempo(open_s=5.0, silent_s=15.0)
HASTE: Final = Tempo(open_s=3.0, silent_s=5.0, again_s=0.2, again_max_s=1.0)
WATCHED: Final = ("order", "command", "commandReport", "executionReport", "fill", "position", "cashBalance")


async def talk(url: str, token: str, operation: str, body: Mapping[str, Any], take: Callable[[Message], bool]) -> None:
    """Ask one thing, and listen until `take` has what it wants.

    Raises: Transient.
    """
    stream = Stream("tradovate prices", _opening(url), tempo=HASTE, brief=True)
    try:
        async with asyncio.timeout(TALK_S), aclosing(stream.texts()) as texts:
            async for text in texts:
                for message in messages(text) if not isinstance(text, Sign) else ():
                    if message is OPENED:
                        await stream.send(asked(AUTHORIZE, 0, token))
                    elif message.get("s", 200) != 200 or _error_of(message):
                        raise Transient(
                            f"{operation}: Tradovate answers {message.get('s')} {str(message.get('d'))[:80]}"
                        )
                    elif message.get("i") == 0:
                        await stream.send(asked(operation, 1, body))
                    elif take(message):
                        return
    except TimeoutError:
        raise Transient(f"{operation}: no answer within {TALK_S:g} s") from None


@final
class Hints:
    """Says that something happened to the account, as soon as Tradovate tells of it; `let_in` gives token and user."""

    def __init__(self, url: str, let_in: Callable[[], Awaitable[tuple[str, int]]], refused: Callable[[], None]) -> None:
        self._url = url
        self._let_in = let_in
        self._refused = refused

    def hints(self) -> AsyncIterator[None]:
        """A hint for each thing that happens, and one whenever it begins to listen; it never ends."""
        return for_good(self._until_refused)

    async def _until_refused(self) -> AsyncGenerator[None]:
        """As `hints`, until Tradovate lets us in no more."""
        stream, user = Stream("tradovate events", _opening(self._url), tempo=TEMPO), 0
        async with aclosing(stream.texts()) as texts:
            async for text in texts:
                for message in messages(text) if not isinstance(text, Sign) else ():
                    if message is OPENED:
                        try:
                            token, user = await self._let_in()
                        except GammaError:
                            return
                        await stream.send(asked(AUTHORIZE, 0, token))
                    elif message.get("i") == 0 and message.get("s") != 200:
                        self._refused()
                        return
                    elif message.get("i") == 0:
                        body = {"users": [user], "splitResponses": False, "entityTypes": list(WATCHED)}
                        await stream.send(asked("user/syncrequest", 1, body))
                    elif message.get("i") == 1 or _tells(message):
                        yield None


def _error_of(message: Message) -> bool:
    """An answer of 200 may say that there is none."""
    told = message.get("d")
    return "i" in message and isinstance(told, Mapping) and bool(told.get("errorText"))


def _tells(message: Message) -> bool:
    told = message.get("d")
    return message.get("e") == "props" and isinstance(told, Mapping) and told.get("entityType") in WATCHED


def _opening(url: str) -> Callable[[], Awaitable[Opening]]:
    async def opening() -> Opening:
        return Opening(url=url, pulse=PULSE, pulse_s=PULSE_S)

    return opening

"""Requests to Tradovate: let in by a token, left off while it asks for a pause, and told apart: all may be HTTP 200."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, final
from urllib.parse import urlencode

import httpx

from brokers.tradovate.params import TradovateParams
from brokers.tradovate.pauses import Pauses
from brokers.tradovate.tokens import Token, Tokens
from gamma.errors import ConfigInvalid, Transient
from gamma.ports import Rejected
from gamma.wire import NotSent, Reply, Unsure, Wire, Written

HOUR_S: Final = 3_600.0
PER_HOUR: Final = 5_000
KEPT_FOR_ORDERS: Final = 500


@final
class Requests:
    """One user's way to Tradovate. Reads stop short of what an hour takes, so that orders always have room."""

    def __init__(
        self,
        params: TradovateParams,
        transport: httpx.AsyncBaseTransport | None,
        now_utc_ns: Callable[[], int],
        token_path: Path | None,
    ) -> None:
        self._pauses = Pauses()
        self.tokens = Tokens(params, self._pauses, now_utc_ns, token_path)
        self.wire = Wire(params.base_url, headers=lambda _, __: self.tokens.headers, transport=transport)
        self._sent: deque[float] = deque()

    async def let_in(self) -> Token:
        """The token, where Tradovate gives one.

        Raises: ConfigInvalid where it does not, and says so; Transient.
        """
        return await self.tokens.current(self.wire)

    def refused(self) -> None:
        """The token that is in use is not taken any more."""
        self.tokens.refuse_current()

    async def read(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The JSON of a complete answer.

        Raises: Transient.
        """
        got = await self.hear(path, params)
        if got.status == 200:
            return got.json
        raise Transient(f"{path}: HTTP {got.status}")

    async def hear(self, path: str, params: Mapping[str, str] | None = None) -> Reply:
        """A complete answer of 200, or of 404: there is none of it.

        Raises: Transient.
        """
        query = f"{path}?{urlencode(params)}" if params else path
        return await self._answer("GET", query, None)

    async def ask(self, path: str, body: Mapping[str, Any]) -> Any:
        """What is asked by POST and changes nothing; as `read`."""
        got = await self._answer("POST", path, body)
        if got.status == 200:
            return got.json
        raise Transient(f"{path}: HTTP {got.status}")

    async def write(self, path: str, body: Mapping[str, Any], *, eases: bool) -> Written | Rejected:
        """One attempt to change something. What eases the risk goes out in a pause too; what adds to it does not.

        That waits for nothing either: with no token at hand it is not sent.
        """
        now_s = asyncio.get_running_loop().time()
        wait = self._pauses.left(now_s) or self._over(now_s, PER_HOUR)
        if wait and not eases:
            return Rejected(code="rate_limited", text=wait)
        token = self.tokens.at_hand
        try:
            token = token or (await self.let_in() if eases else None)
        except (Transient, ConfigInvalid) as error:
            return Rejected(code="not_sent", text=str(error))
        if token is None:
            return Rejected(code="not_sent", text="no token is at hand; the next look at the account asks for one")
        self._sent.append(now_s)
        got = await self.wire.write("POST", path, body)
        if not isinstance(got, NotSent) and got.status == 401:
            self.tokens.refused(token)
        if why := self._pauses.hear(got, now_s):
            return Rejected(code="rate_limited", text=why)
        return got

    async def _answer(self, method: str, path: str, body: Mapping[str, Any] | None) -> Reply:
        for last in (False, True):
            now_s = asyncio.get_running_loop().time()
            if wait := self._pauses.left(now_s) or self._over(now_s, PER_HOUR - KEPT_FOR_ORDERS):
                raise Transient(f"{path}: {wait}")
            try:
                token = await self.let_in()
            except ConfigInvalid as error:
                raise Transient(str(error)) from error
            self._sent.append(now_s)
            got = await self.wire.write(method, path, body)
            if why := self._pauses.hear(got, now_s):
                raise Transient(f"{path}: {why}")
            if not isinstance(got, NotSent) and got.status == 401:
                self.tokens.refused(token)
                if not last:
                    continue
            return _complete(path, got)
        raise AssertionError("unreachable")

    def _over(self, now_s: float, most: int) -> str:
        """Why a request is one too many of an hour; "" where it is not."""
        while self._sent and now_s - self._sent[0] >= HOUR_S:
            self._sent.popleft()
        if len(self._sent) < most:
            return ""
        return f"{most:,} requests went out in an hour; again in {self._sent[0] + HOUR_S - now_s:.0f} s"


def _complete(path: str, got: Written) -> Reply:
    """An answer that is one, with what it says of itself.

    Raises: Transient.
    """
    if isinstance(got, Unsure) and got.status == 404 and not got.body.strip():
        return Reply(status=404, json=None)
    if not isinstance(got, Reply):
        raise Transient(got.text)
    if got.status not in (200, 404):
        raise Transient(f"{path}: HTTP {got.status}")
    if isinstance(got.json, Mapping) and got.json.get("errorText"):
        raise Transient(f"{path}: Tradovate says {str(got.json['errorText'])[:200]!r}")
    return got

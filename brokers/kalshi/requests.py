"""Requests to Kalshi, no more of them a second than it takes, and lists read page by page to their end."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, final

from brokers.kalshi.params import TIERS
from gamma.errors import Transient
from gamma.ports import Rejected
from gamma.wire import Wire, Written, understood

COST: Final = 10
CANCEL_COST: Final = 2
WAIT_MAX_S: Final = 2.0
PAGE: Final = 1_000
PAGES_MAX: Final = 100
# Of the reads that Kalshi takes: requests do not arrive as evenly as they leave, and many at a time would be too many.
READS_SHARE: Final = 0.9
_NEAR: Final = 1e-9

Row = Mapping[str, Any]


@final
class Bucket:
    """Tokens that run in continuously, up to one second's worth."""

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._tokens = float(per_s)
        self._at_s = 0.0

    def take(self, cost: int, now_s: float) -> float:
        """Take tokens and answer 0; where there are too few, take none, and say how long to wait [s]."""
        self._tokens = min(self._per_s, self._tokens + max(0.0, now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._tokens < cost - _NEAR:
            return (cost - self._tokens) / self._per_s
        self._tokens -= cost
        return 0.0


@final
class Requests:
    """The way to Kalshi; the account's tier says how many tokens a second there are."""

    def __init__(self, wire: Wire, tier: str) -> None:
        self.wire = wire
        reads, writes = TIERS[tier]
        self._reads, self._writes = Bucket(round(READS_SHARE * reads)), Bucket(writes)

    async def read(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The JSON of a complete answer.

        Raises: Transient.
        """
        await self._wait(path)
        return await self.wire.read(path, params)

    async def one(self, path: str) -> Any:
        """The JSON of a complete answer; None where Kalshi says that there is no such thing.

        Raises: Transient.
        """
        await self._wait(path)
        reply = await self.wire.look(path)
        if reply.status == 404 and said(reply.json):
            return None
        if reply.status != 200:
            raise Transient(f"GET {path}: HTTP {reply.status} {code_of(reply.json)}".rstrip())
        return reply.json

    async def hear(self, path: str) -> Written:
        """Whatever is answered.

        Raises: Transient.
        """
        await self._wait(path)
        return await self.wire.write("GET", path)

    async def every(self, path: str, field: str, params: Mapping[str, str]) -> list[Row]:
        """All of a list; half a list is none.

        Raises: Transient.
        """
        found: list[Row] = []
        cursor, seen = "", set[str]()
        for _ in range(PAGES_MAX):
            asked = {**params, "limit": str(PAGE)} | ({"cursor": cursor} if cursor else {})
            told = await self.read(path, asked)
            with understood(path):
                rows, following = told[field] or [], told.get("cursor") or ""
                if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
                    raise TypeError(f"{field} is no list of objects")
                if not isinstance(following, str) or following in seen:
                    raise ValueError("the cursor is none, or leads back")
            found += rows
            if not following:
                return found
            seen.add(following)
            cursor = following
        raise Transient(f"{path}: more than {PAGES_MAX} pages")

    async def write(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, cost: int = COST
    ) -> Written | Rejected:
        """One attempt to change something; refused here where there were too many."""
        wait_s = self._writes.take(cost, asyncio.get_running_loop().time())
        if wait_s:
            return Rejected(
                code="rate_limited", text=f"as many orders a second as Kalshi takes; again in {wait_s:.2f} s"
            )
        return await self.wire.write(method, path, body)

    async def _wait(self, path: str) -> None:
        loop = asyncio.get_running_loop()
        while wait_s := self._reads.take(COST, loop.time()):
            if wait_s > WAIT_MAX_S:
                raise Transient(f"GET {path}: as many requests a second as Kalshi takes; again in {wait_s:.1f} s")
            before_s = loop.time()
            await asyncio.sleep(wait_s)
            if loop.time() <= before_s:
                raise Transient(f"GET {path}: as many requests a second as Kalshi takes")


def said(told: Any) -> bool:
    """Whether an answer says in Kalshi's words what is wrong."""
    return bool(code_of(told))


def code_of(told: Any) -> str:
    """The code in a refusal, in one of the shapes that it comes in; its text where it has no code; else ""."""
    if not isinstance(told, Mapping):
        return ""
    inner = told.get("error")
    if isinstance(inner, str):
        return inner
    found = inner if isinstance(inner, Mapping) else told
    code, message = found.get("code"), found.get("message")
    return str(code) if isinstance(code, str) and code else str(message) if isinstance(message, str) else ""


def text_of(told: Any) -> str:
    """Code, message and details of a refusal."""
    inner = told.get("error") if isinstance(told, Mapping) else None
    found = inner if isinstance(inner, Mapping) else told
    if not isinstance(found, Mapping):
        return ""
    parts = [found.get(name) for name in ("code", "message", "details")]
    return ": ".join(part for part in parts if isinstance(part, str) and part) or code_of(told)

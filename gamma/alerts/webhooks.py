"""Discord's webhooks over httpx: one attempt at a time, in a total time, and at a pace that Discord allows.

A webhook's address is a secret: it stands in no error, repr or log line of ours.
"""

import asyncio
import json
import logging
import math
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, final

import httpx
import structlog
from pydantic import SecretStr

from gamma.alerts.embeds import Message
from gamma.errors import ConfigInvalid
from gamma.notices import Severity

BODY_MAX: Final = 64 * 1024
MINUTE_S: Final = 60.0
_DEAD: Final = (401, 403, 404, 410)
_BUSY: Final = (408, 425, 429)
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")

log = structlog.get_logger("gamma.alerts")


class Outcome(StrEnum):
    """What became of a message."""

    SENT = "sent"
    LATER = "later"
    """Not accepted now: too many, or Discord or the network is down."""
    DEAD = "dead"
    """No webhook lives at the address, and no other one took the message."""
    REFUSED = "refused"
    """Discord does not accept this message, in its plain form either."""
    HELD = "held"
    """Not tried: the pace does not allow it yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a message, why not, and how long to wait before another attempt."""

    outcome: Outcome
    error: str = ""
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast, how often and how long; `ceiling_spare` of a minute's messages are kept for CRITICAL."""

    timeout_s: float = 10.0
    ceiling_per_minute: int = 25
    ceiling_spare: int = 5
    digest_every_s: float = 60.0
    backoff_base_s: float = 2.0
    backoff_max_s: float = 60.0
    retry_after_default_s: float = 5.0
    retry_after_max_s: float = 3600.0
    dead_s: float = 600.0


@final
class _Channel:
    """One webhook: where it is, and when it may be used again."""

    def __init__(self, name: str, url: httpx.URL) -> None:
        self.name = name
        self.url = url
        self.failures = 0
        self.dead = False
        self._free_s = -math.inf
        self._posted: deque[float] = deque()

    def __repr__(self) -> str:
        return f"_Channel({self.name})"

    def wait_s(self, now_s: float, ceiling: int) -> float:
        """Seconds until one more message may go out; 0 when it may now."""
        while self._posted and self._posted[0] <= now_s - MINUTE_S:
            self._posted.popleft()
        full = len(self._posted) >= ceiling
        return max(0.0, self._free_s - now_s, self._posted[-ceiling] + MINUTE_S - now_s if full else 0.0)

    def posted(self, now_s: float) -> None:
        self._posted.append(now_s)

    def hold(self, until_s: float) -> None:
        self._free_s = max(self._free_s, until_s)


@final
class Discord:
    """Two webhooks, one for what needs a person at once and one for the rest; where one is missing or dead,
    the other takes its messages.

    Raises: ConfigInvalid when an address is none.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        critical: SecretStr,
        routine: SecretStr,
        pace: Pace | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] | None = None,
    ) -> None:
        self._client = client
        self.pace = pace or Pace()
        self._monotonic_s = monotonic_s
        self._jitter = jitter or random.random  # noqa: S311  (it spreads attempts, and keeps no secret)
        urls = {"discord_critical": critical.get_secret_value(), "discord_routine": routine.get_secret_value()}
        self._channels = [_Channel(name, address(name, url)) for name, url in urls.items() if url]
        if len(self._channels) == 2 and urls["discord_critical"] == urls["discord_routine"]:
            self._channels.pop()

    def __repr__(self) -> str:
        return f"Discord({', '.join(channel.name for channel in self._channels)})"

    @property
    def configured(self) -> bool:
        """Whether there is any webhook at all."""
        return bool(self._channels)

    async def send(self, message: Message) -> Answer:
        """Post once, and once more by the other webhook where the first is dead."""
        channels = self._channels if message.severity is Severity.CRITICAL else self._channels[::-1]
        living = [channel for channel in channels if not channel.dead or not self._wait_s(channel, message)]
        answer = Answer(outcome=Outcome.HELD)
        for channel in living:
            if self._wait_s(channel, message):
                return Answer(outcome=Outcome.HELD)
            answer = await self._deliver(channel, message)
            if answer.outcome is not Outcome.DEAD:
                return answer
        return answer

    async def check(self) -> Mapping[str, str]:
        """Ask for each webhook without posting: "" by its name where it lives, else what is wrong."""
        return {
            channel.name: await _reach(self._client, channel.url, self.pace.timeout_s) for channel in self._channels
        }

    def _wait_s(self, channel: _Channel, message: Message) -> float:
        spare = 0 if message.severity is Severity.CRITICAL else self.pace.ceiling_spare
        return channel.wait_s(self._monotonic_s(), self.pace.ceiling_per_minute - spare)

    async def _deliver(self, channel: _Channel, message: Message) -> Answer:
        answer = await self._post(channel, message.payload)
        if answer.outcome is Outcome.REFUSED:
            log.error("alert_refused", channel=channel.name, error=answer.error, ids=message.ids)
            answer = await self._post(channel, message.plain)
        return answer

    async def _post(self, channel: _Channel, payload: Mapping[str, Any]) -> Answer:
        channel.posted(self._monotonic_s())
        try:
            async with (
                asyncio.timeout(self.pace.timeout_s),
                self._client.stream(
                    "POST",
                    channel.url.copy_merge_params({"wait": "true"}),  # answer only once the message is kept
                    json=payload,
                    headers={"Accept-Encoding": "identity"},
                    follow_redirects=False,
                ) as response,
            ):
                body = await _body(response) if response.status_code == 429 else b""
                answer = self._judge(response.status_code, response.headers, body)
                self._keep_pace(channel, response.headers)
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            # Its text may hold the address; its name does not.
            answer = Answer(outcome=Outcome.LATER, error=type(error).__name__)
        return self._note(channel, answer)

    def _judge(self, status: int, headers: httpx.Headers, body: bytes) -> Answer:
        error = f"HTTP {status}"
        if 200 <= status < 300:
            return Answer(outcome=Outcome.SENT)
        if status == 429:
            return Answer(outcome=Outcome.LATER, error=error, wait_s=self._retry_after_s(headers, body))
        if status in _DEAD:
            return Answer(outcome=Outcome.DEAD, error=error, wait_s=self.pace.dead_s)
        if 400 <= status < 500 and status not in _BUSY:
            return Answer(outcome=Outcome.REFUSED, error=error)
        return Answer(outcome=Outcome.LATER, error=error)

    def _note(self, channel: _Channel, answer: Answer) -> Answer:
        """Keep what the answer says of the webhook; a wait that Discord did not name is ours, with full jitter."""
        now_s = self._monotonic_s()
        if answer.outcome is Outcome.LATER:
            most_s = min(self.pace.backoff_max_s, self.pace.backoff_base_s * 2.0 ** min(channel.failures, 30))
            channel.failures += 1
            answer = Answer(outcome=answer.outcome, error=answer.error, wait_s=answer.wait_s + self._jitter() * most_s)
            channel.hold(now_s + answer.wait_s)
        elif answer.outcome is Outcome.DEAD:
            if not channel.dead:
                log.error("alert_channel_dead", channel=channel.name, error=answer.error)
            channel.dead = True
            channel.hold(now_s + answer.wait_s)
        else:
            channel.dead, channel.failures = False, 0
        return answer

    def _keep_pace(self, channel: _Channel, headers: httpx.Headers) -> None:
        wait_s = _seconds(headers.get("X-RateLimit-Reset-After"))
        if headers.get("X-RateLimit-Remaining", "").strip() == "0" and wait_s is not None:
            channel.hold(self._monotonic_s() + min(wait_s, self.pace.retry_after_max_s))

    def _retry_after_s(self, headers: httpx.Headers, body: bytes) -> float:
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            told = None
        inside = told.get("retry_after") if isinstance(told, dict) else None
        for value in (inside, headers.get("Retry-After")):
            if (wait_s := _seconds(value)) is not None:
                return min(wait_s, self.pace.retry_after_max_s)
        return self.pace.retry_after_default_s


def open_client() -> httpx.AsyncClient:
    """A client that takes nothing from the environment, follows nobody, and prints no address to the log."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=10.0, headers={"User-Agent": "gamma"})


async def ping(client: httpx.AsyncClient, url: SecretStr, *, timeout_s: float = 10.0) -> str:
    """Tell a healthchecks-style service that the daemon is well; "" when it heard, else why not.

    Call it only while healthy: it is the silence that calls somebody.

    Raises: ConfigInvalid when the address is none.
    """
    return await _reach(client, address("dead_man_url", url.get_secret_value()), timeout_s)


async def _reach(client: httpx.AsyncClient, url: httpx.URL, timeout_s: float) -> str:
    try:
        async with asyncio.timeout(timeout_s), client.stream("GET", url, follow_redirects=False) as response:
            return "" if response.is_success else f"HTTP {response.status_code}"
    except (httpx.HTTPError, TimeoutError, OSError) as error:
        return type(error).__name__


async def _body(response: httpx.Response) -> bytes:
    """The body as it came, empty when it is too large to be an answer of Discord's."""
    body = b""
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > BODY_MAX:
            return b""
    return body


def _seconds(value: Any) -> float | None:
    """A wait in seconds, or None when it is not one."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        wait_s = float(value)
    except (ValueError, OverflowError):
        return None
    return wait_s if math.isfinite(wait_s) and wait_s >= 0 else None


def address(name: str, url: str) -> httpx.URL:
    """The address of a service that people are told by: https, or of this machine.

    Raises: ConfigInvalid, which names the key and does not quote the address.
    """
    found = _parsed(url)
    safe = found is not None and (found.scheme == "https" or (found.scheme == "http" and found.host in _LOOPBACK))
    if found is None or not safe or not found.host:
        # Outside of the `except`: the parser's own error quotes the address.
        raise ConfigInvalid(
            f"alerts: {name} is not an https address; paste it as the service shows it, or leave it empty"
        )
    return found


def _parsed(url: str) -> httpx.URL | None:
    try:
        return httpx.URL(url.strip())
    except (httpx.InvalidURL, ValueError, TypeError):
        return None

"""The HTTP layer of broker adapters: one attempt a request, one deadline, and nothing concluded from half an answer.

It works on httpx's transport, beneath its client: redirects, cookies, proxies of the environment and
retries do not exist here, and so cannot be left on.
"""

import asyncio
import json
import logging
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import lru_cache, partial
from typing import Any, Final, NoReturn, final
from urllib.parse import urlencode

import httpx

from gamma.errors import ConfigInvalid, GammaError, Transient

BODY_MAX: Final = 4 * 1024 * 1024
DEPTH_MAX: Final = 32
TEXT_MAX: Final = 2_000
HOLD_MAX_S: Final = 60.0
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_BODILESS: Final = (204, 205)
_HELD_BACK: Final = (429, 503)
_URLS_KEPT: Final = 256
_PLAIN: Final = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "gamma"}

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A complete answer, whatever it says; `json` is None where it has no body.

    `ts_utc_ns` is when it was made by the other side's clock, to the second; 0 where it does not say.
    """

    status: int
    json: Any
    retry_after_s: float = 0.0
    ts_utc_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """No byte of the request has left: there was no connection to send it by."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsure:
    """The request may have been carried out. Where a whole answer came that is no JSON, `status` and `body` tell it."""

    text: str
    status: int = 0
    body: str = ""


Written = Reply | NotSent | Unsure


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for each part of an exchange, and for all of it together [s]."""

    connect_s: float = 3.0
    write_s: float = 5.0
    read_s: float = 8.0
    pool_s: float = 3.0
    total_s: float = 9.0

    @property
    def parts(self) -> dict[str, float]:
        """As httpx wants it."""
        return {"connect": self.connect_s, "write": self.write_s, "read": self.read_s, "pool": self.pool_s}


@contextmanager
def understood(what: str) -> Iterator[None]:
    """An answer that is not of the shape that it should have is none.

    Raises: Transient.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise Transient(f"{what}: not understood ({type(error).__name__}: {error})") from error
    except Transient:
        raise
    except GammaError as error:
        raise Transient(f"{what}: {error}") from error


@final
class Wire:
    """The way to one broker. `headers` are sent with each request, or made for it from method and path with query.

    Raises: ConfigInvalid when the address is neither https nor of this machine.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Headers | Callable[[str, str], Headers] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._base = address_of(base_url)
        self._prefix = httpx.URL(self._base).path.rstrip("/")
        self._sign = headers if callable(headers) else None
        self._headers = httpx.Headers(_PLAIN | {"Host": httpx.URL(self._base).netloc.decode()})
        if not callable(headers):
            self._headers.update(headers)
        self._url = lru_cache(maxsize=_URLS_KEPT)(partial(_url, self._base))
        self._patience = patience or Patience()
        self._extensions = {"timeout": self._patience.parts}
        self._transport = transport or plain_transport()
        self._free_s = 0.0
        for name in ("httpx", "httpcore"):  # at INFO they print addresses
            logging.getLogger(name).setLevel(logging.WARNING)

    def __repr__(self) -> str:
        return f"Wire({self._base})"

    async def read(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """GET, where nothing but a complete answer of 2xx will do; gives its JSON.

        Raises: Transient.
        """
        reply = await self.look(path, params)
        if 200 <= reply.status < 300:
            return reply.json
        raise Transient(f"GET {path}: HTTP {reply.status}")

    async def look(self, path: str, params: Mapping[str, str] | None = None) -> Reply:
        """GET, where a complete refusal (4xx, in JSON) is an answer too: "there is no such order" is one.

        Raises: Transient; and at once, while the broker's wish to be left alone for some time stands.
        """
        now_s = asyncio.get_running_loop().time()
        if now_s < self._free_s:
            raise Transient(f"GET {path}: the broker asks for a pause of {self._free_s - now_s:.1f} s more")
        query = f"{path}?{urlencode(params)}" if params else path
        got = await self._exchange("GET", path, query, None)
        if not isinstance(got, Reply):
            raise Transient(got.text)
        if got.status in _HELD_BACK:
            self._free_s = now_s + got.retry_after_s
        if 200 <= got.status < 300 or (400 <= got.status < 500 and got.status != 429):
            return got
        wait = f", retry after {got.retry_after_s:g} s" if got.retry_after_s else ""
        raise Transient(f"GET {path}: HTTP {got.status}{wait}")

    async def write(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, form: bool = False
    ) -> Written:
        """Send a request that may change something: one attempt, ever. What any answer means is the adapter's to say.

        The body goes as JSON, with decimals as text, or as a form.
        """
        content = None if body is None else _form(body) if form else json.dumps(body, default=_decimal).encode()
        return await self._exchange(method, path, path, content, form=form)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def _exchange(
        self, method: str, path: str, query: str, content: bytes | None, *, form: bool = False
    ) -> Written:
        request = self._request(method, query, content, form=form)
        # Messages of the errors may hold addresses and headers; their names do not.
        try:
            async with asyncio.timeout(self._patience.total_s):
                status, headers, body = await self._round_trip(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return NotSent(text=f"{method} {path}: {type(error).__name__}")
        except (httpx.HTTPError, TimeoutError, OSError, _Unfit) as error:
            why = str(error) if isinstance(error, _Unfit) else type(error).__name__
            return Unsure(text=f"{method} {path}: {why}")
        return _reply(f"{method} {path}", status, headers, body)

    def _request(self, method: str, query: str, content: bytes | None, *, form: bool) -> httpx.Request:
        headers = self._headers
        if self._sign is not None or content is not None:
            headers = headers.copy()
            headers.update(self._sign(method, self._prefix + query) if self._sign is not None else {})
        if content is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded" if form else "application/json"
        return httpx.Request(method, self._url(query), headers=headers, content=content, extensions=self._extensions)

    async def _round_trip(self, request: httpx.Request) -> tuple[int, httpx.Headers, bytes]:
        response = await self._transport.handle_async_request(request)
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)  # noqa: S101  (what an async transport gives)
        try:
            chunks, size = [], 0
            async for chunk in stream:
                size += len(chunk)
                if size > BODY_MAX:
                    raise _Unfit(f"HTTP {response.status_code} with more than {BODY_MAX:,} bytes")
                chunks.append(chunk)
        finally:
            await stream.aclose()
        return response.status_code, response.headers, b"".join(chunks)


class _Unfit(Exception):
    """What came is no answer."""


@lru_cache(maxsize=1)
def trusted() -> ssl.SSLContext:
    """Whom we believe; read once, for it takes 40 ms."""
    return httpx.create_ssl_context(verify=True, trust_env=False)


def plain_transport() -> httpx.AsyncHTTPTransport:
    """The way to a broker: no proxy of the environment, no retry, certificates checked."""
    return httpx.AsyncHTTPTransport(
        verify=trusted(),
        trust_env=False,
        retries=0,
        limits=httpx.Limits(max_connections=8, max_keepalive_connections=4, keepalive_expiry=5.0),
    )


def _url(base: str, query: str) -> httpx.URL:
    return httpx.URL(base + query)


def address_of(base_url: str) -> str:
    """The address without a slash at its end: https, or http on this machine; it may hold no password.

    Raises: ConfigInvalid, which does not quote it.
    """
    try:
        url: httpx.URL | None = httpx.URL(base_url.strip())
    except (httpx.InvalidURL, ValueError, TypeError):
        url = None
    safe = url is not None and (url.scheme == "https" or (url.scheme == "http" and url.host in _LOOPBACK))
    if url is None or not safe or not url.host or url.userinfo or url.query or url.fragment:
        # Outside of the `except`: the parser's own error quotes the address.
        raise ConfigInvalid("a broker's url must be https (or http on this machine), without user, query or fragment")
    return str(url).rstrip("/")


def _reply(what: str, status: int, headers: httpx.Headers, body: bytes) -> Reply | Unsure:
    """Judge whether the answer is whole, and read it."""
    length = headers.get("content-length")
    if headers.get("content-encoding", "identity") != "identity" or (length is not None and length != str(len(body))):
        return Unsure(text=f"{what}: HTTP {status}, not whole or not plain")
    ts = _moment(headers.get("date"))
    wait_s = _seconds(headers.get("retry-after")) or (_reset_s(headers, ts) if status == 429 else 0.0)
    if not body and status in _BODILESS:
        return Reply(status=status, json=None, retry_after_s=wait_s, ts_utc_ns=ts)
    try:
        return Reply(status=status, json=parse(body), retry_after_s=wait_s, ts_utc_ns=ts)
    except (ValueError, ArithmeticError, RecursionError):
        shown = body[:TEXT_MAX].decode(errors="replace")
        if status == 429:  # said plainly enough
            return Reply(status=status, json=None, retry_after_s=wait_s, ts_utc_ns=ts)
        return Unsure(text=f"{what}: HTTP {status}, and its body is no JSON", status=status, body=shown)


def parse(body: bytes) -> Any:
    """JSON with decimals as Decimal; neither NaN nor Infinity, and no deeper than DEPTH_MAX.

    Raises: ValueError or RecursionError.
    """
    found = json.loads(body, parse_float=Decimal, parse_constant=_constant)
    if isinstance(found, dict | list) and body.count(b"{") + body.count(b"[") > DEPTH_MAX:
        _refuse_depth(found)
    return found


def _refuse_depth(found: dict[str, Any] | list[Any]) -> None:
    level: list[Any] = [found]
    for _ in range(DEPTH_MAX):
        inside = (child for one in level for child in (one.values() if isinstance(one, dict) else one))
        level = [child for child in inside if isinstance(child, dict | list)]
        if not level:
            return
    raise ValueError(f"nested deeper than {DEPTH_MAX}")


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _decimal(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be sent")


def _form(body: Mapping[str, Any]) -> bytes:
    return urlencode({key: str(value) for key, value in body.items()}).encode()


def _seconds(value: str | None) -> float:
    """A wait that the broker asks for [s], with a limit; 0 where it names none."""
    try:
        wait_s = float(value or 0)
    except ValueError:
        return 0.0
    return min(wait_s, HOLD_MAX_S) if wait_s > 0 else 0.0


def _reset_s(headers: httpx.Headers, ts_utc_ns: int) -> float:
    """A wait until a limit begins anew, at a moment [epoch s] of the other side's clock; 0 where it tells none."""
    try:
        at_s = float(headers.get("x-ratelimit-reset", 0))
    except ValueError:
        return 0.0
    return _seconds(str(at_s - ts_utc_ns / 10**9)) if at_s and ts_utc_ns else 0.0


def _moment(value: str | None) -> int:
    """When an answer was made, by its header; 0 where it has none that can be read."""
    try:
        return round(parsedate_to_datetime(value or "").timestamp()) * 10**9
    except (ValueError, TypeError, OverflowError):
        return 0

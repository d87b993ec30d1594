"""`webhook`: signals that a person's own tools send over HTTP; off unless a strategy names it.

    POST /signal
    X-Gamma-Timestamp, X-Gamma-Nonce, X-Gamma-Signature: see `gamma.signals.signature`
    {"id": "b-17", "market": "MNQ", "side": "long", "stop_points": 20.25, "target_points": 60.75, "price": 21000.5}

It listens on 127.0.0.1 alone: what comes from elsewhere comes through a proxy with TLS.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any, ClassVar, Final, Literal, Self, final

from pydantic import BaseModel, Field, SecretStr, ValidationError

from gamma.errors import InputInvalid
from gamma.events import SignalMade
from gamma.loopback import Refused, Reply, Request, serve
from gamma.markets import Market
from gamma.params import parse
from gamma.signals.signature import MemoryNonces, NonceStore, Signed, verify

WINDOW_S: Final = 30
_QUEUE_MAX: Final = 16

# The bounds keep a price within the digits that the arithmetic of ticks is exact in.
Points = Annotated[Decimal, Field(gt=0, max_digits=18, decimal_places=8)]


@final
class WebhookParams(BaseModel, frozen=True, extra="forbid", hide_input_in_errors=True):
    """Where it listens, the shared secret (32 characters at least), and how many signals it takes.

    `burst_max` signals may come at once, and `per_minute` go on coming.
    """

    port: Annotated[int, Field(ge=0, le=65_535)]
    secret: Annotated[SecretStr, Field(min_length=32)]
    per_minute: Annotated[float, Field(gt=0, le=600)] = 10.0
    burst_max: Annotated[int, Field(ge=1, le=100)] = 5
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0


@final
class _Message(BaseModel, frozen=True, extra="forbid", strict=True):
    """What a message says; prices and distances are exact, and lie on the market's ticks."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
    market: str
    side: Literal["long", "short"]
    stop_points: Points
    target_points: Points | None = None
    price: Points | None = None


@final
class TokenBucket:
    """At most `burst_max` at once, and `per_minute` in the long run."""

    def __init__(self, per_minute: float, burst_max: int, monotonic_ns: Callable[[], int]) -> None:
        self._per_ns = per_minute / 60e9
        self._most = float(burst_max)
        self._tokens = self._most
        self._monotonic_ns = monotonic_ns
        self._ts_ns = monotonic_ns()

    def take(self) -> bool:
        """Take one token; False when there is none."""
        now = self._monotonic_ns()
        self._tokens = min(self._most, self._tokens + (now - self._ts_ns) * self._per_ns)
        self._ts_ns = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


@final
class Webhook:
    """Takes signed signals for one strategy and market, and hands them on in the order in which they came.

    `nonces` outlive a restart where the ledger keeps them. Without one they are in memory, and for a window after
    the start nothing is taken, since it may have been before. `port` is set once it listens.
    """

    Params: ClassVar = WebhookParams

    def __init__(
        self,
        params: WebhookParams,
        *,
        strategy: str,
        market: Market,
        nonces: NonceStore | None = None,
        now_utc_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.port = params.port
        self.listening = asyncio.Event()
        self._params = params
        self._strategy = strategy
        self._market = market
        self._nonces: NonceStore = nonces if nonces is not None else MemoryNonces(now_utc_ns(), WINDOW_S)
        self._now_utc_ns = now_utc_ns
        self._bucket = TokenBucket(params.per_minute, params.burst_max, monotonic_ns)
        self._queue: asyncio.Queue[SignalMade] = asyncio.Queue(_QUEUE_MAX)

    @classmethod
    def open(cls, params: Mapping[str, Any], *, strategy: str, market: Market) -> Self:
        """Open it from its table in the configuration.

        Raises: ConfigInvalid when a parameter is wrong.
        """
        return cls(parse(WebhookParams, params, f"strategies.{strategy}.signal"), strategy=strategy, market=market)

    @property
    def waiting(self) -> int:
        """How many signals were taken and not handed on yet."""
        return self._queue.qsize()

    async def signals(self) -> AsyncIterator[SignalMade]:
        """Listen for as long as the iterator is open.

        Raises: OSError when the port is taken.
        """
        async with serve(self._params.port, self.answer, self._params.timeout_s) as port:
            self.port = port
            self.listening.set()
            try:
                while True:
                    yield await self._queue.get()
            finally:
                self.listening.clear()

    def answer(self, request: Request) -> Reply:
        """Take a signal, or say why not.

        A refused message has used up neither its nonce nor, where it is not genuine, the rate.

        Raises: Refused.
        """
        if request.path != "/signal":
            raise Refused(HTTPStatus.NOT_FOUND, "signals go to /signal")
        if request.method != "POST":
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "signals are POSTed")
        now = self._now_utc_ns()
        message = Signed(
            timestamp=request.headers.get("x-gamma-timestamp", ""),
            nonce=request.headers.get("x-gamma-nonce", ""),
            signature=request.headers.get("x-gamma-signature", ""),
            body=request.body,
        )
        if not verify(self._params.secret.get_secret_value().encode(), message, now, WINDOW_S):
            raise Refused(HTTPStatus.UNAUTHORIZED, "not signed with the secret, or not within 30 s of now")
        if not self._bucket.take():
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, f"more than {self._params.per_minute:g} signals a minute")
        signal = self._signal(parse_message(request.body), now)
        if self._queue.full():
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, f"{_QUEUE_MAX} signals are waiting already")
        if not self._nonces.claim(message.nonce, message.ts_utc_ns):
            raise Refused(HTTPStatus.CONFLICT, "this nonce was used, or may have been before the start")
        self._queue.put_nowait(signal)
        return Reply(status=HTTPStatus.ACCEPTED, body={"signal_id": signal.signal_id})

    def _signal(self, message: _Message, now_utc_ns: int) -> SignalMade:
        if message.market != self._market.symbol:
            raise _wrong("market", f"strategy {self._strategy} trades {self._market.symbol}")
        return SignalMade(
            strategy=self._strategy,
            market=self._market.symbol,
            signal_id=f"{self._strategy}-{message.id}",
            slot_utc_ns=now_utc_ns,
            side=1 if message.side == "long" else -1,
            stop_ticks=self._ticks("stop_points", message.stop_points),
            target_ticks=self._ticks("target_points", message.target_points),
            price_ticks=self._ticks("price", message.price),
            ts_event_utc_ns=now_utc_ns,
            notes={"source": "webhook", "id": message.id},
        )

    def _ticks(self, name: str, points: Decimal | None) -> int:
        if points is None:
            return 0
        try:
            return self._market.exact_ticks(points)
        except InputInvalid as error:
            raise _wrong(name, str(error)) from None


def parse_message(body: bytes) -> _Message:
    """Parse a body: one JSON object, no key twice, numbers as they are written.

    Raises: Refused, which names the field.
    """
    try:
        found = json.loads(
            body.decode(),
            parse_float=Decimal,
            parse_int=Decimal,
            parse_constant=_no_number,
            object_pairs_hook=_once,
        )
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise _wrong("body", f"no JSON that can be taken: {error}") from None
    try:
        return _Message.model_validate(found)
    except ValidationError as error:
        row = error.errors(include_input=False, include_url=False, include_context=False)[0]
        raise _wrong(".".join(map(str, row["loc"])) or "body", row["msg"]) from None


def _wrong(name: str, error: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, error, field=name)


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found

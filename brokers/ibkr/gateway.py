"""The socket to TWS or IB Gateway, and what was heard on it; nothing is concluded here.

ib_async's client frames, packs and unpacks the messages. What it makes of them by itself is not used: it takes an
error on an order for the end of that order. A message that cannot be unpacked ends every list that was being read, and
one that is not answered in time ends the connection: an answer that comes late could be taken for that of the next
question. No more messages go out a second than are taken: questions wait, and an order that would have to is not sent.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from typing import Any, Final, final

from ib_async.client import Client

from brokers.ibkr.params import IbkrParams
from gamma.errors import ConfigInvalid, Transient

CONNECT_S: Final = 5.0
ANSWER_S: Final = 8.0
PAUSE_S: Final = 2.0
BROKEN_MAX_S: Final = 60.0
# A second; more than 50 are answered with an error, and then with the end of the connection.
MESSAGES_MAX: Final = 45
KEPT_FOR_ORDERS: Final = 10
WAITING_MAX: Final = 4_096

_CLIENT: Final[Any] = Client

# Of how many parts messages are.
_PARTS: Final = {
    "orderStatus": 11, "updateAccountValue": 4, "accountDownloadEnd": 1, "currentTime": 1, "contractDetailsEnd": 1,
    "execDetailsEnd": 1, "tickSize": 3, "tickString": 3, "tickSnapshotEnd": 1,
    "securityDefinitionOptionParameterEnd": 1,
}  # fmt: skip

Dial = Callable[[Callable[[], asyncio.Protocol], str, int], Awaitable[tuple[Any, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """An error or a warning, as it was told: about a request or an order by its number, -1 about neither."""

    about: int
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A message: its name, and what it holds as ib_async's classes."""

    name: str
    parts: tuple[Any, ...]


# Between TWS and Interactive Brokers: broken, and there again with and without what was subscribed to.
_BROKEN: Final = frozenset({1100, 2110})
_RESTORED: Final = frozenset({1101, 1102})
_RESET: Final = 1300
_TAKEN: Final = 326


@final
class Gateway:
    """One connection to one account, made when it is needed and made anew when it broke.

    `listeners` hear each message at once, in its order. `epoch` counts the connections, and what broke behind them.
    """

    def __init__(self, params: IbkrParams, dial: Dial | None = None) -> None:
        self.params = params
        self.epoch = 0
        self.listeners: list[Callable[[Heard], None]] = []
        self._dial = dial or _dial
        self._client: Any = None
        self._broken = False
        self._broke_s = 0.0
        self._free_s = 0.0
        self._connecting = asyncio.Lock()
        self._turns: dict[str, asyncio.Lock] = {}
        self._waiting: list[asyncio.Queue[Heard | Transient]] = []
        self._sent_s: deque[float] = deque()
        self._next_number = 1
        for name in ("ib_async", "ib_async.client"):  # at INFO it tells addresses and messages
            logging.getLogger(name).setLevel(logging.CRITICAL)

    # The connection.

    async def ready(self) -> Any:
        """The client, connected to the right account.

        Raises: ConfigInvalid when it is another account's; Transient when there is no connection.
        """
        async with self._connecting:
            if self._broken and asyncio.get_running_loop().time() - self._broke_s >= BROKEN_MAX_S:
                self.drop("TWS did not say that it is back")  # or that was lost with the connection
            if self._client is None or not self._client.isReady():
                await self._connect()
        if self._broken:
            raise Transient("TWS has no connection to Interactive Brokers at the moment")
        return self._client

    async def _connect(self) -> None:
        params, now_s = self.params, asyncio.get_running_loop().time()
        if now_s < self._free_s:
            raise Transient("there is no connection to TWS or IB Gateway, and it was tried a moment ago")
        self._free_s = now_s + PAUSE_S
        self.drop("a new connection")
        client: Any = _CLIENT(_Ears(self._hear))
        client.decoder.logger = _Misread(self._misread)
        client.conn.connectAsync = partial(_connected, client.conn, self._dial)
        client.MaxRequests = 0  # what waits in its queue could go out after nobody wants it any more
        client.apiEnd += partial(self._ended, client)
        self._client, self._broken = client, False
        self.epoch += 1
        refusals: list[Complaint] = []
        with self._listening(lambda heard: refusals.extend(heard.parts) if heard.name == "error" else None):
            try:
                await client.connectAsync(params.host, params.port, params.client_id, CONNECT_S)
                accounts = client.getAccounts()  # not where the connection ended with the last of its greeting
            except (OSError, TimeoutError, ValueError) as error:
                self.drop("it could not be made")
                if any(refusal.code == _TAKEN for refusal in refusals):
                    raise ConfigInvalid(
                        f"[brokers.ibkr] client_id = {params.client_id}: another program is connected under this "
                        "number; give each its own"
                    ) from None
                raise Transient(
                    f"no answer from TWS or IB Gateway at {params.host}:{params.port} ({type(error).__name__}): is it "
                    "running, and is its API enabled for socket clients?"
                ) from None
        self._check_account(accounts)
        self._free_s = 0.0

    def _check_account(self, accounts: Sequence[str]) -> None:
        if self.params.account_id in accounts and all(
            account.startswith("D") != self.params.real for account in accounts
        ):
            return
        self.drop("another account")
        told = ", ".join(sorted(f"{account[:2]}...{account[-2:]}" for account in accounts))
        raise ConfigInvalid(
            f"[brokers.ibkr] account_id = {self.params.account_id}: TWS or IB Gateway at port {self.params.port} is "
            f"logged in to {told}; log in to the {self.params.environment} account, or name the one that it is"
        )

    def drop(self, why: str) -> None:
        """End the connection; whoever waits for an answer is told."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(OSError, RuntimeError):
                client.disconnect()
        self._fail(f"the connection to TWS or IB Gateway ended: {why}")

    def number(self, client: Any) -> int:
        """A number that no order or request of this process, and no order of this client's, has had."""
        client.updateReqId(self._next_number)
        number: int = client.getReqId()
        self._next_number = number + 1
        return number

    def has_room(self, messages: int) -> bool:
        """Whether so many more may go out now; then they count as sent."""
        if self._used() + messages > MESSAGES_MAX:
            return False
        self._sent_s.extend([asyncio.get_running_loop().time()] * messages)
        return True

    async def turn(self) -> None:
        """Wait until a question may go out; orders always find some room beside them."""
        while self._used() >= MESSAGES_MAX - KEPT_FOR_ORDERS:  # noqa: ASYNC110  (time alone makes room)
            await asyncio.sleep(0.05)
        self._sent_s.append(asyncio.get_running_loop().time())

    def _used(self) -> int:
        now_s = asyncio.get_running_loop().time()
        while self._sent_s and not now_s - 1.0 < self._sent_s[0] <= now_s:
            self._sent_s.popleft()
        return len(self._sent_s)

    # Questions.

    async def ask(
        self, what: str, send: Callable[[Any], None], last: Callable[[Heard], bool], *, answer_s: float = ANSWER_S
    ) -> list[Heard]:
        """Send a request, and hear everything until its last message; one such question at a time.

        Raises: Transient; then the connection has ended.
        """
        async with self._turns.setdefault(what, asyncio.Lock()):
            await self.turn()
            client = await self.ready()
            epoch = self.epoch
            with self.waiting() as queue:
                heard: list[Heard] = []
                try:
                    send(client)
                    async with asyncio.timeout(answer_s):
                        while not heard or not last(heard[-1]):
                            heard.append(_told(await queue.get()))
                except (TimeoutError, OSError) as error:
                    self._drop_if(epoch, f"{what} was not answered")
                    raise Transient(f"{what}: not answered in full ({type(error).__name__})") from None
                except BaseException:  # whoever asked has gone: its answer must not be taken for the next one's
                    self._drop_if(epoch, f"{what} was given up")
                    raise
                return heard

    @contextmanager
    def waiting(self) -> Iterator["asyncio.Queue[Heard | Transient]"]:
        """Everything that is heard from now on, and that it was the last of it."""
        queue: asyncio.Queue[Heard | Transient] = asyncio.Queue(WAITING_MAX)
        self._waiting.append(queue)
        try:
            yield queue
        finally:
            self._waiting.remove(queue)

    async def hints(self, telling: frozenset[str]) -> AsyncIterator[None]:
        """Tell that something of these names was heard; connected or not, it never ends."""
        while True:
            with suppress(Transient):
                await self.ready()
                with self.waiting() as queue:
                    while True:
                        heard = _told(await queue.get())
                        if heard.name in telling:
                            yield
            await asyncio.sleep(PAUSE_S)

    # What is heard.

    def _hear(self, name: str, *parts: Any) -> None:
        heard = Heard(name, parts)
        if name == "error":
            self._judge(parts[0])
        elif name == "openOrder" and parts[2].clientId == self.params.client_id:
            self._next_number = max(self._next_number, parts[0] + 1)
        for listener in tuple(self.listeners):
            listener(heard)
        for queue in tuple(self._waiting):
            _put(queue, Transient("more was told than can be kept") if queue.full() else heard)

    def _judge(self, told: Complaint) -> None:
        if told.code in _BROKEN:
            if not self._broken:
                self._broken, self._broke_s = True, asyncio.get_running_loop().time()
            self.epoch += 1
            self._fail("TWS lost its connection to Interactive Brokers")
        elif told.code in _RESTORED:
            self._broken = False
            self.epoch += 1
        elif told.code == _RESET:
            self.drop("TWS listens at another port now")

    def _misread(self) -> None:
        """Something came that nobody could read: it may have been part of what somebody waits for."""
        self._fail("a message of TWS or IB Gateway was not understood")

    def _ended(self, client: Any) -> None:
        if client is self._client:
            self.drop("it was closed")

    def _fail(self, why: str) -> None:
        for queue in tuple(self._waiting):
            _put(queue, Transient(why))

    def _drop_if(self, epoch: int, why: str) -> None:
        if epoch == self.epoch:
            self.drop(why)

    @contextmanager
    def _listening(self, listener: Callable[[Heard], None]) -> Iterator[None]:
        self.listeners.append(listener)
        try:
            yield
        finally:
            self.listeners.remove(listener)


def _put(queue: "asyncio.Queue[Heard | Transient]", heard: Heard | Transient) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(heard)


def _told(heard: Heard | Transient) -> Heard:
    if isinstance(heard, Transient):
        raise Transient(str(heard))
    return heard


async def _dial(protocol: Callable[[], asyncio.Protocol], host: str, port: int) -> tuple[Any, Any]:
    return await asyncio.get_running_loop().create_connection(protocol, host, port)


async def _connected(connection: Any, dial: Dial, host: str, port: int) -> None:
    """In the place of ib_async's own way to connect."""
    connection.reset()
    connection.transport, _ = await dial(lambda: connection, host, port)


@final
class _Ears:
    """What ib_async's decoder calls with each message that it has unpacked."""

    defaultTimezone = UTC  # noqa: N815  (its name)
    tcpDataArrived = tcpDataProcessed = None  # noqa: N815

    def __init__(self, hear: Callable[..., None]) -> None:
        self._hear = hear
        self.ib = _Zone()

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)
        return partial(self._take, name, _PARTS.get(name))

    def _take(self, name: str, count: int | None, *parts: Any) -> None:
        """Hear a message; the decoder gives what there is of one that lacks its last fields.

        Raises: TypeError, which the decoder tells of.
        """
        if count is not None and len(parts) != count:
            raise TypeError(f"{name} of {len(parts)} fields, not {count}")
        self._hear(name, *parts)

    def error(self, about: int, code: int, text: str, _: str = "") -> None:
        """An error or a warning."""
        self._hear("error", Complaint(about=about, code=code, text=text))


@final
class _Zone:
    """The zone of times that come without one: there is none of that name, so that such a message is not understood."""

    TimezoneTWS = "not told"


@final
class _Misread:
    """Hears from ib_async's decoder that it could not unpack a message, in the place of a log."""

    def __init__(self, misread: Callable[[], None]) -> None:
        self._misread = misread

    def exception(self, *_: Any) -> None:
        """It could not."""
        self._misread()

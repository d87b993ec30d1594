"""A socket in memory between an adapter to Interactive Brokers and its sandbox, in time that is made."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar, final

from brokers.ibkr.sandbox import IbkrSandbox, Session
from gamma.chaos.simulation.loop import Time, live
from gamma.clock import NS

T = TypeVar("T")
Fields = Sequence[str]
YEARS_NS = 10 * 365 * 86_400 * NS


@final
class MemoryLine:
    """Carries messages both ways; `fates` say in turn what becomes of those that `chosen` chooses.

    A fate gives what is heard instead (None: what is answered), and whether the message is carried out. `change` is
    done to each message on its way back.
    """

    def __init__(self, sandbox: IbkrSandbox, now: int | Time) -> None:
        self.sandbox = sandbox
        self.time = now if isinstance(now, Time) else Time(now)
        self.came: list[Fields] = []
        self.chosen: Callable[[Fields], bool] = lambda fields: fields[0] == "3"
        self.fates: deque[tuple[bytes | None, bool]] = deque()
        self.reads: deque[bytes] = deque()
        self.change: Callable[[bytes], bytes] = lambda message: message
        self.down = False
        self.dials = 0
        self._ends: list[MemoryEnd] = []

    @property
    def now_utc_ns(self) -> int:
        """What time it is."""
        return self.time.now

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        """Run until it is done; what waits has no time to wait for."""

        async def begun() -> T:
            self.deliver()
            return await doing

        return live(self.time, self.time.now + YEARS_NS, begun())

    def deliver(self) -> None:
        """Let what the sandbox told of itself arrive."""
        for end in self._ends:
            end.deliver_soon()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.time.advance(self.time.now + round(seconds * NS))
        self.sandbox.advance(self.time.now)

    def hang_up(self) -> None:
        """Every connection ends, and nobody is told."""
        for end in self._ends:
            end.over = True
            self.sandbox.leave(end.session)
        self._ends.clear()

    async def dial(self, protocol: Callable[[], asyncio.Protocol], _: str, __: int) -> tuple[Any, Any]:
        """In the place of a loop's `create_connection`."""
        self.dials += 1
        if self.down:
            raise ConnectionRefusedError("nobody listens")
        end = MemoryEnd(self, protocol())
        self._ends.append(end)
        return end, end.protocol

    def forget(self, end: "MemoryEnd") -> None:
        """A connection has ended."""
        if end in self._ends:
            self._ends.remove(end)
        self.sandbox.leave(end.session)


@final
class MemoryEnd:
    """The adapter's end: what it needs of a transport."""

    def __init__(self, line: MemoryLine, protocol: asyncio.Protocol) -> None:
        self.protocol = protocol
        self.session: Session = line.sandbox.connect()
        self._line = line
        self.over = False

    def write(self, chunk: bytes) -> None:
        """Send."""
        line = self._line
        if self.over:
            return
        for fields in line.sandbox.messages(self.session, chunk, line.now_utc_ns):
            line.came.append(fields)
            instead, carried_out = None, True
            if self.session.client_id >= 0 and line.chosen(fields) and line.fates:
                instead, carried_out = line.fates.popleft()
            elif fields[0] not in ("3", "4", "71") and line.reads:
                instead, carried_out = line.reads.popleft(), False
            if carried_out:
                line.sandbox.handle(self.session, fields, line.now_utc_ns)
            if instead is not None:
                self.session.out[:] = [instead] if instead else []
        self.deliver_soon()

    def deliver_soon(self) -> None:
        """Let what was answered arrive."""
        asyncio.get_running_loop().call_soon(self._deliver)

    def _deliver(self) -> None:
        if self.over:
            return
        out, self.session.out = self.session.out, []
        if out:
            self.protocol.data_received(b"".join(self._line.change(message) for message in out))
        if self.session.over and not self.session.out:
            self.close()

    def write_eof(self) -> None:
        """Nothing more is sent."""

    def close(self) -> None:
        """End the connection."""
        if not self.over:
            self.over = True
            self._line.forget(self)
            self.protocol.connection_lost(None)

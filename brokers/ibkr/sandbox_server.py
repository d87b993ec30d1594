"""`gamma brokers sandbox ibkr`: TWS on this machine, with markets that are made up."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, final

from brokers.ibkr.sandbox import ACCOUNT, IbkrSandbox, Session
from brokers.sandbox.faults import LATE_MAX_S, Fault, Faults, faults_of
from brokers.sandbox.option_market import SimulatedOptions
from brokers.sandbox.orders import journal
from brokers.sandbox.prices import BarPrices
from brokers.sandbox.tickets import Store
from gamma.errors import InputInvalid
from gamma.ports import SandboxAnswered, SandboxOpened, SandboxOrder

FUTURES: Final = ("MNQ", "MES", "NQ", "ES", "M2K", "RTY", "MYM", "YM")
UNDERLYINGS: Final = ("SPX", "NDX", "XSP", "RUT")
LOOPBACK: Final = "127.0.0.1"
TICK_S: Final = 0.25
OUTAGE_S: Final = 10.0
NAMES: Final = {
    "1": "reqMktData", "3": "placeOrder", "4": "cancelOrder", "5": "reqOpenOrders", "6": "reqAccountUpdates",
    "7": "reqExecutions", "9": "reqContractDetails", "16": "reqAllOpenOrders", "20": "reqHistoricalData",
    "49": "reqCurrentTime", "58": "reqGlobalCancel", "61": "reqPositions", "71": "startApi",
    "78": "reqSecDefOptParams", "99": "reqCompletedOrders",
}  # fmt: skip

Told = Callable[[Sequence[str], Fault | None], None]


def _silent(_: Sequence[str], __: Fault | None) -> None:
    """Tell nobody."""


@final
@dataclass(kw_only=True)
class SocketServer:
    """Serves one sandbox; `told` hears of each message that came, and what went wrong with it.

    A lost message or answer ends the connection, as it does on a socket. `error_before` and `error_after` are an outage
    between TWS and its server, before and after the message was carried out; `busy` is error 100.
    """

    sandbox: IbkrSandbox
    faults: Faults = field(default_factory=lambda: Faults({}))
    seed: int = 1
    now_utc_ns: Callable[[], int] = time.time_ns
    told: Told = _silent
    tick_s: float = TICK_S

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311  (of faults)
        self._writers: dict[Session, asyncio.StreamWriter] = {}

    @asynccontextmanager
    async def listening(self, port: int = 0) -> AsyncIterator[int]:
        """Serve on loopback; gives the port. The sandbox's time passes meanwhile.

        Raises: InputInvalid when the port is taken.
        """
        try:
            server = await asyncio.start_server(self._serve, LOOPBACK, port)
        except OSError as error:
            raise InputInvalid(f"--port {port}: {error.strerror or error}; name another, or 0 for any") from None
        passing = asyncio.create_task(self._pass_time())
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            passing.cancel()
            server.close()
            for writer in tuple(self._writers.values()):
                writer.transport.abort()
            await asyncio.sleep(0)

    async def _pass_time(self) -> None:
        while True:
            self.sandbox.advance(self.now_utc_ns())
            self._flush()
            await asyncio.sleep(self.tick_s)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = self.sandbox.connect()
        self._writers[session] = writer
        try:
            while not session.over and (chunk := await reader.read(65_536)):
                for fields in self.sandbox.messages(session, chunk, self.now_utc_ns()):
                    if not await self._carry_out(session, fields, writer):
                        return
                self._flush()
        except (ConnectionError, asyncio.CancelledError):
            pass  # whoever called has gone, or the sandbox ends
        finally:
            self.sandbox.leave(session)
            self._writers.pop(session, None)
            writer.close()

    async def _carry_out(self, session: Session, fields: Sequence[str], writer: asyncio.StreamWriter) -> bool:
        """Carry a message out, or not, or late; whether the connection lasts."""
        fault = self.faults.draw(self._chance) if session.client_id >= 0 else None
        self.told(fields, fault)
        match fault:
            case Fault.LOSE_REQUEST:
                writer.transport.abort()
                return False
            case Fault.BUSY:
                text = "Max rate of messages per second has been exceeded"
                self.sandbox.tell_all(100, text)
                return True
            case Fault.LATE | Fault.SLOW:
                await asyncio.sleep(self._chance.uniform(0, LATE_MAX_S))
            case Fault.ERROR_BEFORE:
                self._break_behind()
                return True
            case _:
                pass
        self.sandbox.handle(session, fields, self.now_utc_ns())
        if fault is Fault.ERROR_AFTER:
            session.out.clear()
            self._break_behind()
        elif fault in (Fault.LOSE_ANSWER, Fault.CUT_ANSWER):
            out = session.taken()
            if fault is Fault.CUT_ANSWER and out:
                writer.write(out[: len(out) // 2])
                await writer.drain()
            writer.transport.abort() if fault is Fault.LOSE_ANSWER else writer.close()
            return False
        return True

    def _break_behind(self) -> None:
        """TWS loses its server for some seconds."""
        self.sandbox.tell_all(1100, "Connectivity between IB and TWS has been lost.")
        text = "Connectivity between IB and TWS has been restored - data maintained."
        asyncio.get_running_loop().call_later(OUTAGE_S, self.sandbox.tell_all, 1102, text)

    def _flush(self) -> None:
        for session, writer in tuple(self._writers.items()):
            if out := session.taken():
                writer.write(out)


@final
class IbkrSandboxServer:
    """A paper account at TWS on loopback: index futures by month, and options on SPX, NDX, XSP and RUT."""

    async def serve(
        self,
        order: SandboxOrder,
        opened: Callable[[SandboxOpened], None],
        answered: Callable[[SandboxAnswered], None],
    ) -> None:
        """Serve until it is cancelled.

        Raises: InputInvalid when the faults are none; ConfigInvalid when the file is another account's.
        """
        faults = faults_of(order.faults)
        name = f"{ACCOUNT} at ibkr, from {order.capital_usd:g} usd"
        stores = (journal(order.state_path, name), Store(order.state_path, name))
        sandbox = IbkrSandbox(
            BarPrices.simulated(order.seed, FUTURES),
            SimulatedOptions(order.seed, UNDERLYINGS),
            stores,
            capital_usd=Decimal(str(order.capital_usd)),
        )

        def told(fields: Sequence[str], fault: Fault | None) -> None:
            lost = fault in (Fault.LOSE_REQUEST, Fault.LOSE_ANSWER)
            answered(
                SandboxAnswered(
                    method="API",
                    path=NAMES.get(fields[0], f"message {fields[0]}"),
                    asked=_in_words(fields),
                    status=0 if lost else 200,
                    text="",
                    fault=str(fault or ""),
                )
            )

        server = SocketServer(sandbox=sandbox, faults=faults, seed=order.seed, told=told)
        try:
            async with server.listening(order.port) as port:
                settings: dict[str, str | int] = {"environment": "paper", "account_id": ACCOUNT, "port": port}
                markets = (*FUTURES, *UNDERLYINGS)
                opened(SandboxOpened(url=f"{LOOPBACK}:{port}", settings=settings, markets=markets))
                await asyncio.Event().wait()
        finally:
            for store in stores:
                store.close()


def _in_words(fields: Sequence[str]) -> str:
    """What an order or a cancel asks for, in a few words."""
    if fields[0] == "3" and len(fields) > 28:
        price = fields[19] or fields[20]
        return " ".join(part for part in (fields[16], fields[17], fields[3], fields[18], price, fields[26]) if part)
    return f"order {fields[2]}" if fields[0] == "4" and len(fields) > 2 else ""

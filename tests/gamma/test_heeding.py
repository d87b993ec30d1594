"""Hints over a real WebSocket: a look at once, few of them however many come, and nothing lost without them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, final

import pytest
from websockets.asyncio.server import ServerConnection, serve

from brokers.paper import PaperBroker
from gamma.errors import Transient
from gamma.events import Intent, OrderAccepted, OrderKind
from gamma.heeding import Due, Heeding, due
from gamma.ports import ApprovedLike, BrokerAccount, BrokerOrder, Capabilities, FillPage, Lookup, Placed
from gamma.stream import Opening, Stream, Tempo
from gamma.turnstile import Turnstile
from tests.engine_case import MINUTE, PRICE, Case, bar_of
from tests.stand import Stand

Serve = Callable[[ServerConnection], Awaitable[None]]
SILENT = logging.getLogger("test_heeding.server")
SILENT.disabled = True


@final
class Hinted:
    """The paper broker, and a stream of hints beside it; `reads` counts how often fills were asked for."""

    def __init__(self, paper: PaperBroker) -> None:
        self.paper = paper
        self.url = ""
        self.faults = 0
        self.reads = 0

    @property
    def capabilities(self) -> Capabilities:
        return replace(self.paper.capabilities, order_stream=True)

    async def hints(self) -> AsyncIterator[None]:
        if self.faults:
            self.faults -= 1
            raise RuntimeError("a fault of the adapter")

        async def opening() -> Opening:
            return Opening(url=self.url)

        async for _ in Stream("test", opening, tempo=Tempo(again_s=0.01)).messages():
            yield None

    async def connect(self) -> BrokerAccount:
        return await self.paper.connect()

    async def close(self) -> None:
        await self.paper.close()

    async def place(self, approved: ApprovedLike, intent: Intent, bracket: Sequence[Intent]) -> Placed:
        return await self.paper.place(approved, intent, bracket)

    async def cancel(self, client_order_id: str) -> Placed:
        return await self.paper.cancel(client_order_id)

    async def replace(self, client_order_id: str, price_ticks: int) -> Placed:
        return await self.paper.replace(client_order_id, price_ticks)

    async def find(self, client_order_id: str) -> Lookup:
        return await self.paper.find(client_order_id)

    async def orders(self, wanted: Mapping[str, str]) -> Sequence[BrokerOrder]:
        return await self.paper.orders(wanted)

    async def open_orders(self) -> Sequence[BrokerOrder]:
        return await self.paper.open_orders()

    async def fills_since(self, marker: str) -> FillPage:
        self.reads += 1
        return await self.paper.fills_since(marker)

    async def positions(self) -> Mapping[str, int]:
        return await self.paper.positions()

    async def account(self) -> BrokerAccount:
        return await self.paper.account()


@final
class Desk:
    """An account whose entry has filled at the broker, and nobody has heard of it yet."""

    def __init__(self, folder: Path) -> None:
        self.broker: Hinted
        self.stand = Stand(folder, wrap_broker=self._wrapped)
        self.stand.boot()
        self.fill()

    def _wrapped(self, paper: PaperBroker) -> Hinted:
        self.broker = Hinted(paper)
        return self.broker

    def fill(self) -> None:
        """An entry goes out, and the market takes it."""
        self.stand.bar(want=1)
        self.stand.now += 5 * MINUTE
        self.stand.paper.trade_through(bar_of(at=self.stand.now))
        self.broker.reads = 0
        assert self.stand.lots == 0

    def run(self, talk: Serve, done: Callable[[Heeding], bool]) -> Heeding:
        """Heed the hints of this server until it is done."""

        async def both() -> Heeding:
            turnstile = Turnstile()

            async def ask(see: Callable[[], Awaitable[None]]) -> bool:
                with suppress(Transient):
                    await see()
                return True

            heeding = Heeding(self.stand.shell, turnstile, ask=ask, commit=self.stand.ledger.commit)
            async with serve(talk, "127.0.0.1", 0, close_timeout=0.1, logger=SILENT) as server, asyncio.timeout(30):
                self.broker.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
                running = asyncio.create_task(heeding.run())
                while not done(heeding) and not running.done():  # noqa: ASYNC110 (nothing tells of it)
                    await asyncio.sleep(0.005)
                running.cancel()
                await asyncio.wait([running])
            return heeding

        return asyncio.run(both())

    def heard(self, _: Heeding) -> bool:
        return self.stand.lots == 2


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.stand.close()


async def stay(line: ServerConnection) -> None:
    with suppress(Exception):
        await line.wait_closed()


def saying(message: Any, times: int = 1) -> Serve:
    async def talk(line: ServerConnection) -> None:
        with suppress(Exception):
            for _ in range(times):
                await line.send(message)
                await asyncio.sleep(0)
        await stay(line)

    return talk


def test_a_hint_leads_to_a_look_at_once(desk: Desk) -> None:
    assert desk.run(saying('{"e": "props"}'), desk.heard).looks >= 1


def test_a_stream_that_opens_is_a_hint_for_what_was_missed(desk: Desk) -> None:
    assert desk.run(stay, desk.heard).looks == 1
    assert desk.broker.reads <= 2  # the page that has it, and the next


def test_what_was_refused_at_the_broker_is_seen_with_it(desk: Desk) -> None:
    desk.run(stay, desk.heard)
    [stop] = [o for o in desk.stand.book.orders.values() if o.live]
    asyncio.run(desk.stand.paper.cancel(stop.intent.client_order_id))
    desk.run(stay, lambda _: desk.stand.book.orders[stop.intent.client_order_id].ended)
    assert desk.stand.book.position("alpha", "MNQ").exit_reason == "unprotected"


@pytest.mark.parametrize("message", ["1", "<html>", "[" * 5_000, b"\xff\xfe"])
def test_a_flood_of_anything_leads_to_few_looks(desk: Desk, message: Any) -> None:
    sent = 0

    async def flood(line: ServerConnection) -> None:
        nonlocal sent
        with suppress(Exception):
            while True:
                await line.send(message)
                sent += 1
                await asyncio.sleep(0)

    heeding = desk.run(flood, lambda _: sent > 400 and desk.stand.lots == 2)
    assert heeding.looks <= 4
    assert desk.broker.reads <= 2 * heeding.looks


def test_a_stream_that_breaks_again_and_again_is_heeded_all_the_same(desk: Desk) -> None:
    lives = 0

    async def brief(line: ServerConnection) -> None:
        nonlocal lives
        lives += 1
        line.transport.abort()

    desk.run(brief, lambda _: lives > 3 and desk.stand.lots == 2)


def test_without_a_stream_nothing_is_lost_but_time(desk: Desk) -> None:
    async def refuse(line: ServerConnection) -> None:
        await line.close(1008)

    desk.broker.faults = 10**9
    desk.run(refuse, lambda _: desk.broker.faults < 10**9)
    assert desk.stand.lots == 0
    desk.stand.poll()
    assert desk.stand.lots == 2


def test_an_adapters_fault_delays_hints_and_ends_nothing(desk: Desk) -> None:
    desk.broker.faults = 1
    assert desk.run(stay, desk.heard).looks == 1


def test_a_broker_without_hints_is_left_to_the_schedule(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    stand.boot()
    heeding = Heeding(stand.shell, Turnstile(), ask=lambda _: None, commit=stand.ledger.commit)  # type: ignore[arg-type,return-value]
    asyncio.run(heeding.run())
    assert heeding.looks == 0
    stand.close()


def test_what_fails_in_a_look_ends_the_daemon(desk: Desk) -> None:

    def broken(*_: object) -> None:
        raise OSError("the disk is gone")

    desk.stand.ledger.append = broken  # type: ignore[method-assign,assignment]
    assert desk.run(stay, lambda _: False).looks == 1
    assert desk.stand.lots == 0


# --- what is looked at without a hint --------------------------------------------------------------------


def entering() -> tuple[Case, str]:
    case = Case()
    case.bar()
    case.signal(price=PRICE - 8)
    entry = case.sent(OrderKind.ENTRY)
    case.accept(entry)
    return case, entry


def unnamed(case: Case, *client_order_ids: str) -> None:
    """The broker has taken these, and told no name of its own for them."""
    for cid in client_order_ids:
        case.do(OrderAccepted(client_order_id=cid, broker_order_id="", ts_event_utc_ns=case.now))


def test_an_entry_with_a_stop_is_watched_for_fills_as_long_as_it_works() -> None:
    case, entry = entering()
    case.accept(f"{entry}s", f"{entry}t")
    assert due(case.book, 1.0) == Due(in_s=1.0, orders=False)
    case.canceled(entry)
    assert due(case.book, 1.0) is None


def test_a_fill_whose_stop_is_not_named_is_looked_at_soon_and_not_for_ever() -> None:
    case, entry = entering()
    unnamed(case, f"{entry}s", f"{entry}t")
    assert due(case.book, 1.0) == Due(in_s=1.0, orders=False)
    case.fill(entry, 2, PRICE - 8)
    assert due(case.book, 1.0) == Due(in_s=0.5, orders=True)
    case.wait(31)
    assert due(case.book, 1.0) is None


def test_a_stop_that_is_named_is_looked_at_for_some_seconds_more() -> None:
    case, entry = entering()
    case.accept(f"{entry}s", f"{entry}t")
    case.fill(entry, 2, PRICE - 8)
    assert due(case.book, 1.5) == Due(in_s=1.5, orders=True)
    case.wait(4)
    assert due(case.book, 1.5) is None


def test_an_entry_without_a_stop_is_left_to_the_schedule() -> None:
    case = Case()
    case.bar()
    case.signal(price=PRICE - 8, stop=0, target=0)
    case.accept(case.sent(OrderKind.ENTRY))
    assert due(case.book, 1.0) is None

"""The daemon's pulse: READY once it trades, WATCHDOG while all of it is alive, STOPPING when it stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from gamma.service.manager import ServiceManager

if TYPE_CHECKING:
    from gamma.daemon import Daemon

BEATS_MISSED_MAX: Final = 8
STATUS_S: Final = 10.0
_READY_LOOK_S: Final = 0.1


@asynccontextmanager
async def attended(daemon: "Daemon", manager: ServiceManager | None) -> AsyncIterator[None]:
    """Tell the service manager how the daemon does, for as long as the context is open; without one, nothing."""
    if manager is None:
        yield
        return
    telling = asyncio.create_task(_tell(daemon, manager))
    try:
        yield
    finally:
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling
        manager.close()


def alive(daemon: "Daemon", ready_s: float) -> bool:
    """Whether loop, scheduler, ledger and broker are: the last beat is not long past, nor when it was ready [s].

    A beat is started by the scheduler, has its turn on the loop, asks the broker and hears an answer or a known
    silence, and commits to the ledger. A broker that is away leaves it alive: to restart helps nobody then, and what
    manages positions goes on.
    """
    beats = daemon.housekeeping
    silent_s = daemon.elapsed_s() - max(beats.beaten_s, ready_s)
    return silent_s <= BEATS_MISSED_MAX * daemon.assembly.config.schedule.heartbeat_s


def status(daemon: "Daemon") -> str:
    """How it stands, in a line."""
    book, broker_s = daemon.shell.book, daemon.housekeeping.broker_age_s()
    held = sum(bool(position.lots) for position in book.positions.values())
    told = [f"{book.setup.account} ({book.setup.mode}) is {book.state}", f"{held} open", f"{daemon.desk.bars:,} bars"]
    if broker_s:
        told.append(f"the broker has been silent for {broker_s:.0f} s")
    return ", ".join(told)


async def _tell(daemon: "Daemon", manager: ServiceManager) -> None:
    stopping = daemon.turnstile.stopping
    manager.tell("STATUS=recovers, and asks the broker")
    while not daemon.ready:
        if await _within(stopping, _READY_LOOK_S):
            manager.tell("STOPPING=1", "STATUS=stops")
            return
    ready_s = daemon.elapsed_s()
    manager.tell("READY=1", f"STATUS={status(daemon)}")
    every_s = STATUS_S if manager.watchdog_s is None else min(STATUS_S, manager.watchdog_s / 3)
    while True:
        well = alive(daemon, ready_s)
        manager.tell(f"STATUS={status(daemon)}", *(["WATCHDOG=1"] if well else []))
        if await _within(stopping, every_s):
            manager.tell("STOPPING=1", "STATUS=stops")
            return


async def _within(stopping: asyncio.Event, wait_s: float) -> bool:
    """Whether a stop is asked for within so many seconds."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), wait_s)
    return stopping.is_set()

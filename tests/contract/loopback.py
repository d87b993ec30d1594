"""A sandbox that listens on this machine, for clients that are spoken to without `await`."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from brokers.sandbox.answers import Request
from brokers.sandbox.server import Server


@contextmanager
def listening(server: Server) -> Iterator[tuple[str, list[Request]]]:
    """The address of the server, and the requests that came; it runs in a thread until the end."""
    came: list[Request] = []
    server.told = lambda request, *_: came.append(request)
    ready, done = threading.Event(), asyncio.Event()
    found: list[tuple[int, asyncio.AbstractEventLoop]] = []

    async def serve() -> None:
        async with server.listening() as port:
            found.append((port, asyncio.get_running_loop()))
            ready.set()
            await done.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    [(port, loop)] = found
    try:
        yield f"http://127.0.0.1:{port}", came
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()

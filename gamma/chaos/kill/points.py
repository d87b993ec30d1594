"""Where a process kills itself: exactly before or after a write to the ledger's file, or a part of a request.

The production code knows nothing of it. SQLAlchemy is told to open connections of a class of ours, the file layer
stands under SQLite, and httpx tells what it does through its own `trace` extension; they see everything that the
process writes or sends.
"""

import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NoReturn, final

import httpx
from sqlalchemy import Engine, event

from gamma.chaos.power.vfs import heard

VERBS: Final = ("BEGIN", "SAVEPOINT", "INSERT", "RELEASE", "UPDATE", "COMMIT", "CREATE")
METHODS: Final = ("POST", "PUT", "DELETE", "GET")
# What httpx's transport tells, and what it is called here.
_STAGES: Final = {
    "http11.send_request_headers.started": "before {} is sent",
    "http11.send_request_headers.complete": "{} half sent",
    "http11.send_request_body.complete": "after {} was sent",
    "http11.receive_response_headers.complete": "{} half answered",
    "http11.receive_response_body.complete": "after {} was answered",
}
WRITES: Final = tuple(f"{when} {verb}" for verb in VERBS if verb != "CREATE" for when in ("before", "after"))
CREATIONS: Final = ("before CREATE", "after CREATE")
SENDS: Final = tuple(stage.format(method) for method in METHODS for stage in _STAGES.values())
FILES: Final = ("before a file is written", "before a file is synced")
DIES: Final = "dies"
_TO_THE_END: Final = ExitStack()


@final
class Points:
    """Counts the points that are passed, and kills the process the `nth` time it comes to the one named."""

    def __init__(self, point: str, nth: int, die: Callable[[str], None]) -> None:
        self._point = point
        self._left = nth
        self._die = die
        self.passed = 0

    def touch(self, point: str) -> None:
        """Pass a point, or never return."""
        self.passed += 1
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                self._die(f"{DIES} {self.passed} {point}")


def arm(point: str, nth: int) -> None:
    """Have this process kill itself the `nth` time it comes to the point."""
    points = Points(point, nth, _die)
    event.listen(Engine, "do_connect", lambda *found: _tap(points, *found))
    _trace(points)
    if point in FILES:
        _TO_THE_END.enter_context(heard(Path.cwd(), _OnFiles(points)))


def _die(last_words: str) -> NoReturn:
    os.write(2, f"{last_words}\n".encode())
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a process that was killed went on")


def _tap(points: Points, _dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> None:
    """Open SQLite's connections with our class; readers write nothing."""

    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, *parameters: Any) -> "Cursor":
            verb = sql.split(maxsplit=1)[0].upper()
            if verb not in VERBS:
                return super().execute(sql, *parameters)
            points.touch(f"before {verb}")
            done = super().execute(sql, *parameters)
            points.touch(f"after {verb}")
            return done

    class Connection(sqlite3.Connection):
        def cursor(self, _factory: Any = None) -> Any:
            return super().cursor(Cursor)

        def execute(self, sql: str, *parameters: Any) -> Any:
            return self.cursor().execute(sql, *parameters)

    options["factory"] = Connection


@final
class _OnFiles:
    """What SQLite does to its files; nothing is refused."""

    def __init__(self, points: Points) -> None:
        self._points = points

    def opened(self, name: str, number: int, flags: int, *, created: bool) -> int:  # noqa: ARG002
        return 0

    def written(self, number: int, offset: int, content: bytes) -> int:  # noqa: ARG002
        self._points.touch(FILES[0])
        return 0

    def truncated(self, number: int, size: int) -> int:  # noqa: ARG002
        return 0

    def synced(self, number: int) -> int:  # noqa: ARG002
        self._points.touch(FILES[1])
        return 0

    def deleted(self, name: str) -> int:  # noqa: ARG002
        return 0

    def folder_synced(self) -> int:
        return 0


def _trace(points: Points) -> None:
    plain = httpx.AsyncHTTPTransport.handle_async_request

    async def traced(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        async def told(name: str, _: Any) -> None:
            if name in _STAGES:
                points.touch(_STAGES[name].format(request.method))

        request.extensions = {**request.extensions, "trace": told}
        return await plain(self, request)

    httpx.AsyncHTTPTransport.handle_async_request = traced  # type: ignore[method-assign]

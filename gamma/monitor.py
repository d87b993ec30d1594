"""`/metrics` and `/healthz` on loopback: for whoever watches the daemon, by Prometheus or by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from gamma.errors import ConfigInvalid
from gamma.loopback import Refused, Reply, Request, serve
from gamma.metrics import KIND, Metrics

if TYPE_CHECKING:
    from gamma.daemon import Daemon

TIMEOUT_S: Final = 5.0


@asynccontextmanager
async def monitored(daemon: "Daemon", metrics: Metrics, port: int) -> AsyncIterator[int]:
    """Answer at 127.0.0.1 for as long as the context is open; gives the port, and 0 takes a free one.

    Raises: ConfigInvalid when the port cannot be had.
    """
    daemon.desk.timer = metrics
    daemon.ledger.committed = metrics.committed

    def answer(request: Request) -> Reply:
        if request.method != "GET":
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "this is only read")
        match request.path:
            case "/metrics":
                return Reply(status=HTTPStatus.OK, text=metrics.told(daemon), kind=KIND)
            case "/healthz":
                return _health(daemon)
            case _:
                raise Refused(HTTPStatus.NOT_FOUND, "there are /metrics and /healthz")

    try:
        async with serve(port, answer, TIMEOUT_S) as taken:
            yield taken
    except OSError as error:
        raise ConfigInvalid(
            f"[metrics] port = {port}: cannot be listened at ({error.strerror or error}); name another one"
        ) from error


def _health(daemon: "Daemon") -> Reply:
    """200 where it trades and is well, 503 where not. A halt is no illness: the daemon does what it should."""
    well = daemon.ready and daemon.housekeeping.healthy
    told = {
        "healthy": well,
        "ready": daemon.ready,
        "state": daemon.shell.book.state,
        "feed_overdue_s": round(daemon.housekeeping.feed_overdue_s(), 1),
        "broker_age_s": round(daemon.housekeeping.broker_age_s(), 1),
    }
    return Reply(status=HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE, body=told)

"""The dashboard's process: a plain WSGI server on loopback, for days, until somebody stops it."""

import logging
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType
from typing import Final, NoReturn

from waitress.server import create_server

from gamma.dashboard.frame import frame
from gamma.dashboard.gate import Gate
from gamma.dashboard.watching import Watcher
from gamma.errors import ConfigInvalid

HOST: Final = "127.0.0.1"
# A browser asks for six things at a time.
THREADS: Final = 8
_BODY_MAX_BYTES: Final = 65_536


def serve(
    watchers: Mapping[str, Watcher],
    token: str,
    port: int,
    ready: Callable[[int], None],
    faults: Mapping[str, str] | None = None,
) -> None:
    """Answer on 127.0.0.1 until SIGINT or SIGTERM; `ready` is told the port once it answers, and 0 takes a free one.

    `faults` says of other accounts why they cannot be shown.

    Raises: ConfigInvalid when the port cannot be had.
    """
    app = frame(watchers, faults)
    gate = Gate(token)
    gate.stand_before(app.server)
    gate.allow(*app.csp_hashes())
    try:
        server = create_server(
            app.server,
            host=HOST,
            port=port,
            threads=THREADS,
            ident=None,
            max_request_body_size=_BODY_MAX_BYTES,
            channel_timeout=60,
            clear_untrusted_proxy_headers=True,
        )
    except OSError as error:
        raise ConfigInvalid(
            f"[dashboard] port = {port}: cannot be listened at ({error.strerror or error}); name another one"
        ) from error
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    signal.signal(signal.SIGTERM, _stop)
    try:
        with suppress(KeyboardInterrupt):  # it may come before the server itself looks for it
            ready(server.effective_port)
            server.run()
    finally:
        server.close()


def _stop(_: int, __: FrameType | None) -> NoReturn:
    """End as Ctrl-C ends it."""
    raise KeyboardInterrupt

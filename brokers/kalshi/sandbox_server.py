"""`gamma brokers sandbox kalshi`: Kalshi on this machine, with a series of questions and contracts on indices."""

import json
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Final, final

from brokers.kalshi.sandbox import PREFIX, KalshiSandbox
from brokers.kalshi.sandbox_events import SimulatedEvents
from brokers.kalshi.sandbox_floor import ENTRIES, key_of
from brokers.kalshi.sandbox_keys import Gate, kept_key
from brokers.kalshi.sandbox_series import SERIES, ManyEvents, SeriesEvents
from brokers.sandbox.answers import Request
from brokers.sandbox.serving import Serving
from brokers.sandbox.store import EntryStore
from gamma.ports import SandboxAnswered, SandboxOpened, SandboxOrder

SHOWN: Final = 4


@final
class KalshiSandboxServer:
    """Kalshi's demo on loopback: a question every quarter of an hour, and whether an index closes above a level."""

    async def serve(
        self,
        order: SandboxOrder,
        opened: Callable[[SandboxOpened], None],
        answered: Callable[[SandboxAnswered], None],
    ) -> None:
        """Serve until it is cancelled. The private key is beside the file of the account, or gone with the sandbox.

        Raises: InputInvalid when the faults are none; ConfigInvalid when a file is another's.
        """
        serving = Serving(order=order, answered=answered, asked=_asked, prefix=PREFIX)
        store = EntryStore(order.state_path, f"kalshi, from {order.capital_usd:g} usd", ENTRIES, key_of)
        with tempfile.TemporaryDirectory(prefix="gamma-kalshi-") as folder:
            beside = order.state_path.with_suffix(".pem") if order.state_path is not None else Path(folder) / "key.pem"
            gate = Gate(kept_key(beside).public_key())
            indices, series = SimulatedEvents(order.seed), SeriesEvents(order.seed)
            sandbox = KalshiSandbox(
                ManyEvents(series, indices), store, gate, capital_usd=Decimal(str(order.capital_usd))
            )

            def told(port: int) -> None:
                url = f"http://127.0.0.1:{port}{PREFIX}"
                key_path = str(beside.absolute())
                settings = {"environment": "paper", "key_id": gate.key_id, "key_path": key_path, "url": url}
                markets = [SERIES, *indices.doubtful(time.time_ns(), SHOWN)]
                opened(SandboxOpened(url=url, settings={**settings, "series": [SERIES]}, markets=markets))

            try:
                await serving.run(sandbox, told)
            finally:
                store.close()


def _asked(request: Request) -> str:
    """What an order asks for, in a few words."""
    try:
        body = json.loads(request.body) if request.body else None
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return ""
    named = ("side", "count", "ticker", "price", "time_in_force", "client_order_id")
    return " ".join(str(body[field]) for field in named if field in body)

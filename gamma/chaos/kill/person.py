"""The person beside the daemon: lifts halts so that it trades on, and at the end halts and flattens it."""

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, final

from gamma import requests
from gamma.chaos.broker.observed import Received, Record
from gamma.chaos.kill import setting
from gamma.errors import GammaError
from gamma.events import Command, FlattenRequested, HaltRequested, Level, OrderState, ResolveRequested, ResumeRequested
from gamma.ledger.reader import Reader, Wanted

_ACTOR: Final = "person"
_WHY: Final = "the end of the chain"
_ALL: Final = Wanted(limit=1_000_000)


@final
class Person:
    """Looks into the ledger's file, and puts commands down as `gamma resume` and its like do."""

    def __init__(self, folder: Path) -> None:
        self._ledger = folder / setting.DATABASE
        self._requests = requests.folder_of(f"sqlite:///{self._ledger}", setting.ACCOUNT)
        self._asked = 0

    def lift(self) -> None:
        """Lift what halts, that the next life may trade."""
        # There may be no ledger yet, or one that its first start did not finish.
        with suppress(GammaError), Reader.open(f"sqlite:///{self._ledger}") as reader:
            for halt in reader.standing_halts():
                self._resume(halt["halt_id"])

    def halt(self) -> None:
        """Take no new risk from here on."""
        self._put(HaltRequested(**self._head(), text=_WHY, level=Level.REDUCING))

    def settle(self, observed: Sequence[Record]) -> None:
        """Close what is open; say what became of orders that only the broker's own people can tell of."""
        with Reader.open(f"sqlite:///{self._ledger}") as reader:
            open_orders, halts = reader.orders(_ALL, open_only=True), reader.standing_halts()
        arrived = {r.client_order_id for r in observed if isinstance(r, Received)}
        for order in open_orders:
            if order["state"] == OrderState.QUARANTINED:
                outcome = "filled" if order["id"] in arrived else "absent"
                self._put(ResolveRequested(**self._head(), client_order_id=order["id"], outcome=outcome))
        for halt in halts:
            if halt["actor"] != _ACTOR:
                self._resume(halt["halt_id"])
        self._put(FlattenRequested(**self._head(), market=""))

    def _resume(self, halt_id: str) -> None:
        self._put(ResumeRequested(**self._head(), halt_id=halt_id))

    def _put(self, command: Command) -> None:
        requests.submit(self._requests, command)

    def _head(self) -> dict[str, Any]:
        self._asked += 1
        return {"command_id": f"p{self._asked}", "actor": _ACTOR, "ts_event_utc_ns": time.time_ns()}

"""The stream of transactions at OANDA's sandbox: each as it happens, and a heartbeat every five seconds."""

import json
from dataclasses import dataclass
from typing import Final, final

from brokers.oanda.sandbox_shapes import stamp
from brokers.oanda.sandbox_transactions import Transactions
from brokers.sandbox.sockets import Said
from gamma.clock import NS

BEAT_NS: Final = 5 * NS


@dataclass(slots=True)
class _Listener:
    """What one listener was told: up to which transaction, and when last."""

    told: int
    ts_utc_ns: int


@final
class TransactionStream:
    """All who listen to one account; each has a number."""

    def __init__(self, log: Transactions) -> None:
        self._log = log
        self._listeners: dict[int, _Listener] = {}

    def open(self, number: int, now_utc_ns: int) -> Said:
        """Begin to tell, from the next transaction on; first comes a heartbeat."""
        self._listeners[number] = _Listener(self._log.last, now_utc_ns)
        return Said(messages=(self._beat(now_utc_ns),))

    def close(self, number: int) -> None:
        """Nobody listens there any more."""
        self._listeners.pop(number, None)

    def news(self, number: int, now_utc_ns: int) -> Said:
        """The transactions since it was told last; where there are none, a heartbeat when one is due."""
        listener = self._listeners[number]
        rows = self._log.rows[listener.told :]
        if not rows and now_utc_ns - listener.ts_utc_ns < BEAT_NS:
            return Said()
        listener.told, listener.ts_utc_ns = self._log.last, now_utc_ns
        return Said(messages=tuple(json.dumps(row) for row in rows) or (self._beat(now_utc_ns),))

    def _beat(self, now_utc_ns: int) -> str:
        return json.dumps({"type": "HEARTBEAT", "lastTransactionID": str(self._log.last), "time": stamp(now_utc_ns)})

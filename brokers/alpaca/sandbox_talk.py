"""Trade updates at Alpaca's sandbox: whoever has shown the keys is told what happens to orders."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, final

from brokers.alpaca.sandbox_shapes import number_of, order, stamp, text, word
from brokers.sandbox.option_floor import OptionFloor
from brokers.sandbox.sockets import Said
from brokers.sandbox.tickets import Ticket
from gamma.clock import NS

PATH: Final = "/stream"
CLOSED: Final = 1_008
DEAF_NS: Final = 10 * NS
_EVENTS: Final = {"partially_filled": "partial_fill", "filled": "fill"}

Seen = tuple[str, int]


@dataclass(slots=True)
class Talk:
    """One conversation: since when it is open, whether it was let in, and how the orders were when it was told."""

    opened_utc_ns: int
    admitted: bool = False
    listens: bool = False
    seen: dict[int, Seen] = field(default_factory=dict)


@final
class Talks:
    """All conversations of one account. Paper sends bytes, as there."""

    def __init__(self, floor: OptionFloor, canceling: set[int], admitted: Callable[[Any, Any], bool]) -> None:
        self._floor = floor
        self._canceling = canceling
        self._admitted = admitted
        self._talks: dict[int, Talk] = {}

    def open(self, number: int, now_utc_ns: int) -> Said:
        """Begin one; nothing is said until the keys are shown."""
        self._talks[number] = Talk(opened_utc_ns=now_utc_ns)
        return Said()

    def close(self, number: int) -> None:
        """It is over."""
        self._talks.pop(number, None)

    def hear(self, number: int, message: str) -> Said:
        """Let it in, or tell it what it listens to."""
        talk, asked = self._talks[number], _read(message)
        data = asked.get("data")
        told = data if isinstance(data, Mapping) else {}
        if asked.get("action") == "authenticate":
            talk.admitted = self._admitted(told.get("key_id"), told.get("secret_key"))
            status = "authorized" if talk.admitted else "unauthorized"
            said = _bytes("authorization", {"action": "authenticate", "status": status})
            return Said(messages=(said,), close_code=0 if talk.admitted else CLOSED)
        if asked.get("action") == "listen" and talk.admitted:
            streams = told.get("streams")
            talk.listens = isinstance(streams, list) and "trade_updates" in streams
            talk.seen = self._state()
            return Said(messages=(_bytes("listening", {"streams": ["trade_updates"] if talk.listens else []}),))
        return Said(close_code=CLOSED)

    def news(self, number: int, now_utc_ns: int) -> Said:
        """What happened to orders since it was told last; who shows no keys is not waited for."""
        talk = self._talks[number]
        if not talk.admitted and now_utc_ns - talk.opened_utc_ns > DEAF_NS:
            return Said(close_code=CLOSED)
        if not talk.listens:
            return Said()
        before, talk.seen = talk.seen, self._state()
        changed = [number for number, seen in talk.seen.items() if before.get(number) != seen]
        return Said(messages=tuple(self._update(self._floor.tickets[number], now_utc_ns) for number in changed))

    def _state(self) -> dict[int, Seen]:
        return {n: (word(ticket, self._canceling), ticket.filled) for n, ticket in self._floor.tickets.items()}

    def _update(self, ticket: Ticket, now_utc_ns: int) -> bytes:
        told = word(ticket, self._canceling)
        data: dict[str, Any] = {
            "event": _EVENTS.get(told, told),
            "timestamp": stamp(now_utc_ns),
            "order": order(ticket, canceling=self._canceling, legs=True),
        }
        if told in _EVENTS:
            last = ticket.executions[-1]
            data |= {"execution_id": number_of("execution", ticket.number, ticket.filled), "qty": str(last.lots)}
            data |= {"price": text(-ticket.net_points), "position_qty": str(ticket.filled)}
        return _bytes("trade_updates", data)


def _bytes(stream: str, data: Mapping[str, Any]) -> bytes:
    return json.dumps({"stream": stream, "data": data}).encode()


def _read(message: str) -> Mapping[str, Any]:
    try:
        told = json.loads(message)
    except ValueError:
        return {}
    return told if isinstance(told, Mapping) else {}

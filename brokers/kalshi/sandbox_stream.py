"""The sandbox's WebSocket: who subscribes is told of orders, fills and positions as they change."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, final

from brokers.kalshi import sandbox_shapes
from brokers.kalshi.sandbox_floor import EventFloor
from brokers.kalshi.sandbox_keys import Gate
from brokers.kalshi.sandbox_orders import Execution, Ticket
from brokers.sandbox.answers import Answer, Request, in_json
from brokers.sandbox.sockets import Said

PATH: Final = "/trade-api/ws/v2"
CHANNELS: Final = ("user_orders", "fill", "market_positions")
_UNKNOWN_COMMAND, _UNKNOWN_CHANNEL = 5, 8


@dataclass
class _Listener:
    """What one socket has subscribed to, by number, and how much of the journal it was told."""

    told: int
    numbers: dict[str, int] = field(default_factory=dict)


@final
class Talks:
    """Conversations by socket; what is new is in the floor's journal."""

    def __init__(self, floor: EventFloor, gate: Gate) -> None:
        self._floor = floor
        self._gate = gate
        self._listeners: dict[int, _Listener] = {}

    def open(self, number: int, request: Request, now_utc_ns: int) -> Said | Answer | None:
        """Let in who has signed."""
        if request.path != PATH or request.headers.get("upgrade", "").lower() != "websocket":
            return None
        refusal = self._gate.refusal(request.method, request.path, request.headers, now_utc_ns)
        if refusal:
            return in_json({"error": {"code": "authentication_error", "message": refusal}}, 401)
        self._listeners[number] = _Listener(told=len(self._floor.journal))
        return Said()

    def hear(self, number: int, message: str) -> Said:
        """Answer a command."""
        try:
            asked = json.loads(message)
            command, asked_as, channels = asked["cmd"], asked["id"], asked["params"]["channels"]
        except (ValueError, KeyError, TypeError):
            return _said({"type": "error", "msg": {"code": _UNKNOWN_COMMAND, "msg": "Unknown command"}})
        if command != "subscribe" or not set(channels) <= set(CHANNELS):
            error = {"code": _UNKNOWN_CHANNEL, "msg": "Unknown channel name"}
            return _said({"id": asked_as, "type": "error", "msg": error})
        numbers = self._listeners[number].numbers
        told = []
        for channel in channels:
            numbers.setdefault(channel, len(numbers) + 1)
            told.append({"id": asked_as, "type": "subscribed", "msg": {"channel": channel, "sid": numbers[channel]}})
        return _said(*told)

    def news(self, number: int) -> Said:
        """What happened since."""
        listener = self._listeners[number]
        fresh, listener.told = self._floor.journal[listener.told :], len(self._floor.journal)
        return _said(*(message for entry in fresh for message in self._messages(listener, entry)))

    def close(self, number: int) -> None:
        """A conversation is over."""
        self._listeners.pop(number, None)

    def _messages(self, listener: _Listener, entry: object) -> Iterator[Mapping[str, Any]]:
        numbers = listener.numbers
        if isinstance(entry, Ticket) and "user_orders" in numbers:
            done = [e for e in self._floor.executions if e.order_id == entry.order_id]
            yield {"type": "user_order", "sid": numbers["user_orders"], "msg": sandbox_shapes.order(entry, done)}
        if not isinstance(entry, Execution):
            return
        after = sandbox_shapes.count(self._floor.lots(entry.ticker))
        if "fill" in numbers:
            named = {"client_order_id": self._floor.tickets[entry.order_id].client_order_id}
            told = sandbox_shapes.fill(entry) | named | {"post_position_fp": after}
            del told["ts"]
            yield {"type": "fill", "sid": numbers["fill"], "msg": told | {"ts_ms": entry.ts_utc_ns // 1_000_000}}
        if "market_positions" in numbers:
            held = {"market_ticker": entry.ticker, "user_id": sandbox_shapes.USER, "position_fp": after}
            yield {"type": "market_position", "sid": numbers["market_positions"], "msg": held}


def _said(*messages: Mapping[str, Any]) -> Said:
    return Said(messages=tuple(json.dumps(message) for message in messages))

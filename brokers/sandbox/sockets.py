"""What a sandbox says by a socket: messages in, messages out, and news; no clock and no socket.

A WebSocket is one, and so is an answer that has no end, whose messages are its lines.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from brokers.sandbox.answers import Answer, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Messages to one socket, and the code to close it with after them; 0 lets it go on. Bytes go out as such."""

    messages: tuple[str | bytes, ...] = ()
    close_code: int = 0


@runtime_checkable
class Sockets(Protocol):
    """A sandbox that talks by sockets too; each has a number.

    `open_socket` is asked first of every request: None is for what opens no socket, an answer refuses it. `news` is
    asked whenever something may have happened, once a second at least: what is to be told since it was asked last.
    """

    def open_socket(self, number: int, request: Request, now_utc_ns: int) -> Said | Answer | None: ...
    def hear(self, number: int, message: str, now_utc_ns: int) -> Said: ...
    def news(self, number: int, now_utc_ns: int) -> Said: ...
    def close_socket(self, number: int) -> None: ...

"""Messages of Tradovate's WebSocket: frames of one letter, and what stands in them.

`o` opens, `h` is a heartbeat, `a[...]` holds messages, `c[code,"reason"]` closes. A request is four lines: operation,
number, query and body.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from gamma.wire import parse

PULSE, PULSE_S = "[]", 2.5
AUTHORIZE: Final = "authorize"
OPENED: Final[Mapping[str, Any]] = {"e": "open"}

Message = Mapping[str, Any]


def asked(operation: str, number: int, body: Mapping[str, Any] | str | None = None) -> str:
    """A request."""
    told = body if isinstance(body, str) else json.dumps(body) if body is not None else ""
    return f"{operation}\n{number}\n\n{told}"


def messages(text: str) -> list[Message]:
    """What stands in a frame; nothing in a heartbeat, and in what is none."""
    if text == "o":
        return [OPENED]
    if not text.startswith("a"):
        return []
    try:
        told = parse(text[1:].encode())
    except (ValueError, ArithmeticError, RecursionError):
        return []
    return [one for one in told if isinstance(one, Mapping)] if isinstance(told, list) else []

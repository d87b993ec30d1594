"""A request as a sandbox sees it, and its answer; no clock and no socket."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

JSON: Final = "application/json"
TEXT: Final = "text/plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked; names of headers are in lower case."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def form(self) -> dict[str, str]:
        """The body as a form."""
        return dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Sandbox(Protocol):
    """One broker's account: answers requests at a time, and lives on as time passes."""

    def handle(self, request: Request, now_utc_ns: int) -> Answer: ...
    def advance(self, now_utc_ns: int) -> None: ...


def in_json(told: Any, status: int = 200) -> Answer:
    """An answer in JSON; decimals are written as numbers."""
    return Answer(status=status, body=json.dumps(told, default=_number).encode(), headers={"Content-Type": JSON})


def in_text(text: str, status: int) -> Answer:
    """An answer in plain text."""
    return Answer(status=status, body=text.encode(), headers={"Content-Type": TEXT})


def _number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} cannot be told")

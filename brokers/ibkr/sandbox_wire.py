"""Messages of the gateway's socket: four bytes of length, and fields that each end with a zero byte."""

import struct
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final, final

PREFIX: Final = b"API\0"
MESSAGE_MAX: Final = 1024 * 1024
SERVER_VERSION: Final = 178
CLIENT_VERSION_MIN: Final = 157
UNSET: Final = "1.7976931348623157E308"

Field = str | int | float | Decimal | bool | None


class Garbled(Exception):
    """What came is no message: the connection ends."""


def packed(*fields: Field) -> bytes:
    """A message of these fields."""
    body = "".join(f"{_text(field)}\0" for field in fields).encode()
    return struct.pack(">I", len(body)) + body


def _text(field: Field) -> str:
    if field is None:
        return ""
    if isinstance(field, bool):
        return "1" if field else "0"
    return f"{field.normalize():f}" if isinstance(field, Decimal) else str(field)


@final
class Frames:
    """Cuts what a client sends into messages; the first tells which versions it speaks."""

    def __init__(self) -> None:
        self.versions: tuple[int, int] | None = None
        self._left = b""

    def take(self, chunk: bytes) -> Iterator[Sequence[str]]:
        """The messages that are whole now; the one with the versions is none.

        Raises: Garbled.
        """
        self._left += chunk
        while True:
            skip = len(PREFIX) if self.versions is None else 0
            if len(self._left) < skip + 4:
                return
            if not self._left.startswith(PREFIX) and skip:
                raise Garbled("no client of the API")
            [length] = struct.unpack(">I", self._left[skip : skip + 4])
            if length > MESSAGE_MAX:
                raise Garbled(f"a message of {length:,} bytes")
            if len(self._left) < skip + 4 + length:
                return
            body = self._left[skip + 4 : skip + 4 + length].decode(errors="replace")
            self._left = self._left[skip + 4 + length :]
            if skip:
                self.versions = _versions(body)
                continue
            yield body.split("\0")[:-1]


def _versions(body: str) -> tuple[int, int]:
    least, _, most = body.strip().removeprefix("v").partition(" ")[0].partition("..")
    try:
        return int(least), int(most or least)
    except ValueError:
        raise Garbled(f"{body!r} names no versions") from None

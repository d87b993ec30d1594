"""How a message from outside proves that it is the owner's, is new, and comes once.

    signature = HMAC-SHA256(secret, timestamp "." nonce "." body)    hex, lower case

`timestamp` is in whole seconds UTC; neither it nor the nonce may hold a dot, so that the three parts
cannot be cut differently.
Source: RFC 2104.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final, Protocol, final

_TIMESTAMP: Final = re.compile(r"[1-9][0-9]{0,10}", re.ASCII)
_NONCE: Final = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A message as it came, and what is to prove it."""

    timestamp: str
    nonce: str
    signature: str
    body: bytes

    @property
    def ts_utc_ns(self) -> int:
        """When its sender says that it was sent [ns]."""
        return int(self.timestamp) * _NS


class NonceStore(Protocol):
    """Remembers which nonces were used; `claim` is True once for each, at least for as long as the window lasts."""

    def claim(self, nonce: str, ts_utc_ns: int) -> bool: ...


@final
class MemoryNonces:
    """Nonces in memory.

    What was sent up to a window after `since_utc_ns`, the start, may have been claimed from the process before
    this one, and is refused; so is what is older than all that is remembered, should the clock be set back.
    """

    def __init__(self, since_utc_ns: int, window_s: int) -> None:
        self._window_ns = window_s * _NS
        self._refused_until_utc_ns = since_utc_ns + self._window_ns
        self._claimed: dict[str, int] = {}

    def claim(self, nonce: str, ts_utc_ns: int) -> bool:
        """Claim a nonce; False when it is claimed already, or may have been: before the start, or too long ago."""
        if nonce in self._claimed or ts_utc_ns <= self._refused_until_utc_ns:
            return False
        # Two messages that are valid at one time lie within two windows of each other.
        self._refused_until_utc_ns = max(self._refused_until_utc_ns, ts_utc_ns - 2 * self._window_ns - 1)
        self._claimed = {known: ts for known, ts in self._claimed.items() if ts > self._refused_until_utc_ns}
        self._claimed[nonce] = ts_utc_ns
        return True


def sign(secret: bytes, timestamp: str, nonce: str, body: bytes) -> str:
    """The signature of a message."""
    return hmac.new(secret, f"{timestamp}.{nonce}.".encode() + body, hashlib.sha256).hexdigest()


def verify(secret: bytes, message: Signed, now_utc_ns: int, window_s: int) -> bool:
    """Whether the owner of the secret signed this message within the window around now; in constant time."""
    genuine = sign(secret, message.timestamp, message.nonce, message.body)
    equal = hmac.compare_digest(genuine.encode(), message.signature.encode())
    formed = _TIMESTAMP.fullmatch(message.timestamp) is not None and _NONCE.fullmatch(message.nonce) is not None
    return equal and formed and abs(now_utc_ns - message.ts_utc_ns) <= window_s * _NS

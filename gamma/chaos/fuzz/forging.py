"""How a message of the webhook can be forged: each function makes the bytes of one from a message that was taken."""

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from gamma.signals.signature import sign
from gamma.signals.webhook import WINDOW_S

SECRET: Final = "a secret of thirty-two characters"  # noqa: S105 - known to everybody who reads this
_WORDS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A request as it goes over the wire."""

    timestamp: str
    nonce: str
    signature: str
    body: bytes
    method: str = "POST"
    target: str = "/signal"
    names: tuple[str, str, str] = ("X-Gamma-Timestamp", "X-Gamma-Nonce", "X-Gamma-Signature")
    length: str = ""
    more: tuple[str, ...] = ()
    end: str = "\r\n"

    def head(self) -> str:
        """The head, with the blank line after it."""
        proofs = zip(self.names, (self.timestamp, self.nonce, self.signature), strict=True)
        lines = [f"{self.method} {self.target} HTTP/1.1", "Host: 127.0.0.1", *(f"{n}: {v}" for n, v in proofs)]
        lines += [f"Content-Length: {self.length or len(self.body)}", *self.more]
        return self.end.join([*lines, "", ""])

    def wire(self) -> bytes:
        """Its bytes."""
        return self.head().encode("latin-1", "replace") + self.body

    def recased(self, rng: random.Random) -> "Message":
        """The same message with names of headers in other letters."""
        one, two, three = (rng.choice((name.lower(), name.upper(), name.title())) for name in self.names)
        return replace(self, names=(one, two, three))


def genuine(rng: random.Random, ts_s: int) -> Message:
    """A message that the owner signed at this time."""
    body = {"id": f"b-{rng.getrandbits(48)}", "market": "MNQ", "side": rng.choice(("long", "short"))}
    return _signed(str(ts_s), _nonce(rng), json.dumps(body | {"stop_points": 20.25}).encode(), SECRET.encode())


def _nonce(rng: random.Random) -> str:
    return "".join(rng.choices(_WORDS, k=rng.randint(16, 64)))


def _signed(timestamp: str, nonce: str, body: bytes, secret: bytes) -> Message:
    return Message(timestamp=timestamp, nonce=nonce, body=body, signature=sign(secret, timestamp, nonce, body))


def _other_body(rng: random.Random, body: bytes) -> bytes:
    at = rng.randrange(len(body))
    return rng.choice(
        (
            body[:at] + bytes([body[at] ^ 1 << rng.randrange(8)]) + body[at + 1 :],
            body[:at] + body[at + 1 :],
            body[:at] + b" " + body[at:],
            body + rng.choice((b"\n", b"\0", b"}", b"\r\n")),
            body.replace(b'"long"', b'"short"') if b"long" in body else body.replace(b'"short"', b'"long"'),
            body.replace(b"20.25", b"0.25"),
            b"",
        )
    )


# --- without the secret -------------------------------------------------------------------------------


def _wrong_key(rng: random.Random, seen: Message, now_s: int) -> bytes:
    key = SECRET.encode()
    keys = (rng.randbytes(32), b"", key[:-1], key.upper(), key[::-1], b"secret", hashlib.sha256(key).digest())
    body = genuine(rng, now_s).body if rng.random() < 0.5 else seen.body
    return _signed(str(now_s), _nonce(rng), body, rng.choice(keys)).wire()


def _body_changed(rng: random.Random, seen: Message, now_s: int) -> bytes:  # noqa: ARG001
    return replace(seen, body=_other_body(rng, seen.body)).wire()


def _time_moved(rng: random.Random, seen: Message, now_s: int) -> bytes:
    moved = now_s + rng.randint(-WINDOW_S, WINDOW_S)
    return replace(seen, timestamp=str(moved + (str(moved) == seen.timestamp))).wire()


def _nonce_changed(rng: random.Random, seen: Message, now_s: int) -> bytes:
    other = rng.choice((_nonce(rng), seen.nonce[::-1] + "x", seen.nonce[:-1], seen.nonce + "a", seen.nonce.swapcase()))
    return replace(seen, nonce=other if other != seen.nonce else f"{other}-", timestamp=str(now_s)).wire()


def _cut_differently(rng: random.Random, seen: Message, now_s: int) -> bytes:  # noqa: ARG001
    """The same bytes under the signature, parted elsewhere."""
    cut = rng.randint(1, 4)
    shapes = (
        replace(seen, timestamp=seen.timestamp[:-cut], nonce=seen.timestamp[-cut:] + seen.nonce),
        replace(seen, timestamp=f"{seen.timestamp}.{seen.nonce[:cut]}", nonce=seen.nonce[cut:]),
        replace(seen, nonce=f"{seen.nonce}.{seen.body[:cut].decode()}", body=seen.body[cut:]),
        replace(seen, nonce=seen.nonce[:-cut], body=f"{seen.nonce[-cut:]}.".encode() + seen.body),
        replace(seen, nonce="", body=f"{seen.nonce}.".encode() + seen.body),
    )
    return rng.choice(shapes).wire()


def _replay(rng: random.Random, seen: Message, now_s: int) -> bytes:  # noqa: ARG001
    shapes = (
        seen,
        seen.recased(rng),
        replace(seen, more=("X-Forwarded-For: 127.0.0.1", "Expect: 100-continue")),
        replace(seen, signature=f"{seen.signature}  "),
    )
    return rng.choice(shapes).wire()


def _other_signature(rng: random.Random, seen: Message, now_s: int) -> bytes:
    fresh = replace(seen, timestamp=str(now_s), nonce=_nonce(rng))
    parts, key = f"{fresh.timestamp}.{fresh.nonce}.".encode() + fresh.body, rng.randbytes(32)
    signatures = (
        *(seen.signature, seen.signature.upper(), seen.signature[:-1], seen.signature[:8], seen.signature * 2, "", "0"),
        *(f"sha256={seen.signature}", "0" * 64, "null", "none", "*", "%00", "a" * 4_000),
        hmac.new(parts, SECRET.encode()[:4], hashlib.sha256).hexdigest(),
        hashlib.sha256(parts).hexdigest(),
        hashlib.sha256(key + parts).hexdigest(),
        hmac.new(key, parts, hashlib.sha512).hexdigest(),
        base64.b64encode(hmac.new(key, parts, hashlib.sha256).digest()).decode(),
        "".join(rng.choices("0123456789abcdef", k=64)),
    )
    return replace(fresh, signature=rng.choice(signatures)).wire()


def _headers_doubled(rng: random.Random, seen: Message, now_s: int) -> bytes:
    """A genuine proof and a forged one in one request, in either order, or none."""
    fresh = _signed(str(now_s), _nonce(rng), _other_body(rng, seen.body), rng.randbytes(32))
    which = rng.randrange(3)
    values = (seen.timestamp, seen.nonce, seen.signature)
    name = rng.choice((seen.names[which], seen.names[which].lower(), f"{seen.names[which]} ", f" {seen.names[which]}"))
    base = rng.choice((fresh, replace(fresh, body=seen.body), replace(seen, nonce=_nonce(rng))))
    return replace(base, more=(f"{name}: {values[which]}",)).wire()


def _framed_oddly(rng: random.Random, seen: Message, now_s: int) -> bytes:
    """A request that two readers could read in two ways; what it hides is a replay, or forged."""
    inner = rng.choice((seen, replace(seen, timestamp=str(now_s), nonce=_nonce(rng))))
    size = len(inner.body)
    shapes = (
        replace(inner, more=("Transfer-Encoding: chunked",), body=b"%x\r\n%b\r\n0\r\n\r\n" % (size, inner.body)),
        replace(inner, more=("transfer-encoding : chunked",)),
        replace(inner, more=(f"Content-Length: {size}",)),
        replace(inner, length=str(size + rng.randint(1, 99))),
        replace(inner, length=str(max(0, size - rng.randint(1, 9)))),
        replace(inner, length=rng.choice((f"+{size}", f"0x{size:x}", f"{size}, {size}", "-1", " ", "1e2", "9" * 30))),
        replace(inner, more=(" folded: yes",)),
        replace(inner, more=("X: a\0b",)),
        replace(inner, more=("X: a\rX-Gamma-Nonce: b",)),
        replace(inner, more=(f"X-Padding: {'x' * 9_000}",)),
        replace(inner, more=tuple(f"X-{at}: x" for at in range(40))),
        replace(inner, end="\n"),
        replace(inner, body=b" " * 65_536 + inner.body),
        replace(inner, body=inner.body + b" " * 70_000),
    )
    return rng.choice(shapes).wire()


def _elsewhere(rng: random.Random, seen: Message, now_s: int) -> bytes:
    """A message that is genuine but for its method or target, which nothing signs."""
    fresh = genuine(rng, now_s)
    targets = ("/", "/signal/", "/SIGNAL", "//signal", "/signal?", "/%73ignal", "/signal#", "/./signal", "signal", "*")
    method, target = rng.choice(("GET", "PUT", "post", "HEAD", "POST\t")), rng.choice(targets)
    shape = replace(fresh, method=method) if rng.random() < 0.3 else replace(fresh, target=target)
    return shape.wire() if rng.random() < 0.8 else replace(seen, target="http://127.0.0.1/signal").wire()


def _pipelined(rng: random.Random, seen: Message, now_s: int) -> bytes:
    """Several requests down one connection: the first is a replay or forged, and no other is looked at."""
    first = rng.choice((_replay, _wrong_key, _other_signature))(rng, seen, now_s)
    return first + genuine(rng, now_s).wire()


def _cut_off(rng: random.Random, seen: Message, now_s: int) -> bytes:  # noqa: ARG001
    """A genuine message, never sent whole."""
    wire = genuine(rng, now_s).wire()
    return wire[: rng.randrange(len(wire))]


def _bytes_flipped(rng: random.Random, seen: Message, now_s: int) -> bytes:  # noqa: ARG001
    """A message that was taken, with bytes changed anywhere."""
    wire = bytearray(seen.wire())
    for _ in range(rng.choice((1, 1, 2, 8))):
        wire[rng.randrange(len(wire))] ^= 1 << rng.randrange(8)
    return bytes(wire)


def _noise(rng: random.Random, seen: Message, now_s: int) -> bytes:  # noqa: ARG001
    return rng.randbytes(rng.choice((0, 1, 40, 3_000))) + rng.choice((b"", b"\r\n\r\n", seen.body))


# --- by the owner, and not to be taken all the same -----------------------------------------------------


def _too_late_or_early(rng: random.Random, seen: Message, now_s: int) -> bytes:
    away = rng.choice((-1, 1)) * (WINDOW_S + rng.choice((1, 2, 60, 3_600, 86_400, 400_000_000)))
    return _signed(str(now_s + away), _nonce(rng), seen.body, SECRET.encode()).wire()


def _other_form(rng: random.Random, seen: Message, now_s: int) -> bytes:
    now, nonce = str(now_s), _nonce(rng)
    times = (f"+{now}", f"0{now}", f"{now}.0", f"{now}e0", f"{now_s:_}", hex(now_s), f"-{now}", "0", "", f"{now}\xb2")
    nonces = ("short", "x" * 65, "a.nonce.with.dots.in.it", "nonce with spaces in", "", f"{nonce[:20]}\xe9")
    if rng.random() < 0.5:
        return _signed(rng.choice(times), nonce, seen.body, SECRET.encode()).wire()
    return _signed(now, rng.choice(nonces), seen.body, SECRET.encode()).wire()


FORGERIES: Final[Mapping[str, Callable[[random.Random, Message, int], bytes]]] = {
    "a wrong key": _wrong_key,
    "a body changed": _body_changed,
    "a time moved": _time_moved,
    "a nonce changed": _nonce_changed,
    "the parts cut differently": _cut_differently,
    "a replay": _replay,
    "another signature": _other_signature,
    "headers doubled": _headers_doubled,
    "an odd frame": _framed_oddly,
    "another door": _elsewhere,
    "pipelined requests": _pipelined,
    "a message cut off": _cut_off,
    "bytes flipped": _bytes_flipped,
    "noise": _noise,
    "a time outside the window": _too_late_or_early,
    "another form": _other_form,
}

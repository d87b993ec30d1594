"""The chain: each event's hash covers all its columns and the hash before it.

    sha256(before + "seq|ts_event|ts_recorded|kind|payload")

Nothing before the payload can hold a bar, so that no two rows have the same text.
"""

import json
from hashlib import sha256
from typing import Final

DIGEST_LEN: Final = 32


def genesis(account: str, mode: str, created_utc_ns: int) -> bytes:
    """The hash before the first event: of whose ledger it is."""
    return sha256(json.dumps([account, mode, created_utc_ns]).encode()).digest()


def link(before: bytes, row: tuple[int, int, int, str, str]) -> bytes:
    """The hash of an event: seq, ts_event, ts_recorded, kind, payload."""
    seq, ts_event, ts_recorded, kind, payload = row
    text = f"{seq}|{ts_event}|{ts_recorded}|{kind}|{payload}"
    return sha256(before + text.encode("utf-8", "surrogatepass")).digest()

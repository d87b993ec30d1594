"""The sandbox's key: its private half in a file for whoever trades there, its public half to check signatures by."""

import base64
import binascii
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from gamma.errors import ConfigInvalid

BITS: Final = 2_048
SHORT_BITS: Final = 1_024
_PADDING: Final = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)


@final
class Gate:
    """Lets in what is signed by one key, at a time within `skew_s` of now; of any time where that is None."""

    def __init__(self, public: rsa.RSAPublicKey, skew_s: float | None = 30.0) -> None:
        self._public = public
        self._skew_s = skew_s
        told = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.key_id = f"sandbox-{hashlib.sha256(told).hexdigest()[:16]}"

    def refusal(self, method: str, path: str, headers: Mapping[str, str], now_utc_ns: int) -> str:
        """Why a request is not let in; "" where it is."""
        at_ms, signature = headers.get("kalshi-access-timestamp", ""), headers.get("kalshi-access-signature", "")
        if headers.get("kalshi-access-key") != self.key_id:
            return "the key is not known here"
        if not at_ms.isdecimal():
            return "KALSHI-ACCESS-TIMESTAMP is no time in milliseconds"
        if self._skew_s is not None and abs(int(at_ms) - now_utc_ns // 1_000_000) > self._skew_s * 1_000:
            return "the time of the signature is too far from the exchange's"
        try:
            signed = base64.b64decode(signature, validate=True)
            self._public.verify(signed, f"{at_ms}{method}{path}".encode(), _PADDING, hashes.SHA256())
        except (InvalidSignature, binascii.Error):
            return "the signature is not right"
        return ""


def made_key(bits: int = BITS) -> rsa.RSAPrivateKey:
    """A new key; a short one, for what never leaves the process, signs faster."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=bits)


def pem_of(key: rsa.RSAPrivateKey) -> bytes:
    """A private key as a file has it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def kept_key(path: Path) -> rsa.RSAPrivateKey:
    """The key of a file; where there is none, it is made and written, for its owner alone to read.

    Raises: ConfigInvalid when the file holds something else.
    """
    if not path.exists():
        key = made_key()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem_of(key))
        return key
    try:
        found = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        found = None
    if not isinstance(found, rsa.RSAPrivateKey):
        raise ConfigInvalid(f"{path}: is no private key of a sandbox; remove it, and one is made")
    return found

"""Each request is signed anew: RSA-PSS over time, method and path. The private key is never shown."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from brokers.kalshi.params import KalshiParams
from gamma.errors import ConfigInvalid

PADDING: Final = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)
NS_PER_MS: Final = 1_000_000
_WHERE: Final = "[brokers.kalshi]"


@final
class Signer:
    """One key; `now_utc_ns` is the time that signatures are made at."""

    def __init__(self, key_id: str, key: RSAPrivateKey, now_utc_ns: Callable[[], int]) -> None:
        self._key_id = key_id
        self._key = key
        self._now_utc_ns = now_utc_ns

    def __repr__(self) -> str:
        return f"Signer({self._key_id})"

    def headers(self, method: str, path: str) -> Mapping[str, str]:
        """What a request is signed with; the query is no part of what is signed."""
        at_ms = str(self._now_utc_ns() // NS_PER_MS)
        text = f"{at_ms}{method.upper()}{path.partition('?')[0]}"
        signature = self._key.sign(text.encode(), PADDING, hashes.SHA256())
        return {
            "KALSHI-ACCESS-KEY": self._key_id,
            "KALSHI-ACCESS-TIMESTAMP": at_ms,
            "KALSHI-ACCESS-SIGNATURE": b64encode(signature).decode(),
        }


def signer_of(params: KalshiParams, now_utc_ns: Callable[[], int]) -> Signer:
    """The configured key.

    Raises: ConfigInvalid, which does not quote the key, when it cannot be read or is no RSA key in the clear.
    """
    if params.key_path is not None:
        where = f"{_WHERE} key_path = {params.key_path}"
        try:
            pem = params.key_path.expanduser().read_bytes()
        except OSError as error:
            raise ConfigInvalid(f"{where}: cannot be read ({error.strerror})") from None
    else:
        where = f"{_WHERE} private_key"
        pem = params.private_key.get_secret_value().encode() if params.private_key is not None else b""
    key = _loaded(pem)
    if key is None:
        raise ConfigInvalid(
            f"{where}: is no private RSA key in the clear; it begins with -----BEGIN RSA PRIVATE KEY----- or "
            "-----BEGIN PRIVATE KEY-----, as Kalshi gave it when the key was made"
        )
    return Signer(params.key_id, key, now_utc_ns)


@lru_cache(maxsize=4)  # a key is checked when it is read, which takes a while
def _loaded(pem: bytes) -> RSAPrivateKey | None:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPrivateKey) else None

"""What can be set of Kalshi, under `[brokers.kalshi]`, and which hosts belong to which money."""

import re
from pathlib import Path
from typing import Final, Literal, Self, final

import httpx
from pydantic import BaseModel, SecretStr, model_validator

from brokers.environments import refuse_url

HOSTS: Final = {
    "paper": "https://external-api.demo.kalshi.co/trade-api/v2",
    "live": "https://external-api.kalshi.com/trade-api/v2",
}
STREAMS: Final = {
    "paper": "wss://external-api-ws.demo.kalshi.co/trade-api/ws/v2",
    "live": "wss://external-api-ws.kalshi.com/trade-api/ws/v2",
}
# Tokens a second, for reads and for writes.
TIERS: Final = {
    "basic": (200, 100),
    "advanced": (300, 300),
    "expert": (600, 600),
    "premier": (1_000, 1_000),
    "paragon": (2_000, 2_000),
    "prime": (4_000, 4_000),
}
_KEY_ID: Final = re.compile(r"[0-9A-Za-z-]{8,64}")
_SERIES: Final = re.compile(r"KX[0-9A-Z]{1,30}")


@final
class KalshiParams(BaseModel, frozen=True, extra="forbid"):
    """Which account at Kalshi is traded, and by which key.

    `environment` is `paper` (Kalshi's demo) or `live`; a key is of one of them alone. `key_id` is the key's name, and
    its private half is in the file `key_path`, or in `private_key` itself (PEM). `tier` is the account's, by which
    Kalshi limits requests. `series` are those markets that are series, as "KXBTC15M": the question of it that is open
    is traded, one after another. `url` is that of a sandbox on this machine, else empty.
    """

    environment: Literal["paper", "live"]
    key_id: str
    key_path: Path | None = None
    private_key: SecretStr | None = None
    tier: Literal["basic", "advanced", "expert", "premier", "paragon", "prime"] = "basic"
    series: tuple[str, ...] = ()
    url: str = ""

    @model_validator(mode="after")
    def _unmixed(self) -> Self:
        if not _KEY_ID.fullmatch(self.key_id):
            raise ValueError("key_id is no name of a key; copy it from Kalshi's page of API keys")
        if (self.key_path is None) == (self.private_key is None):
            raise ValueError("give key_path, the file of the private key, or private_key, and not both")
        for one in self.series:
            if not _SERIES.fullmatch(one):
                raise ValueError(f'series: {one!r} is no series; write it as Kalshi does, as in "KXBTC15M"')
        refuse_url(self.url, self.environment)
        return self

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self.url or HOSTS[self.environment]

    @property
    def stream_url(self) -> str:
        """Where the stream of hints is; a sandbox's is beside its other requests."""
        if not self.url:
            return STREAMS[self.environment]
        url = httpx.URL(self.url)
        return str(url.copy_with(scheme="ws", path="/trade-api/ws/v2"))

    @property
    def real(self) -> bool:
        """Whether its orders cost real money."""
        return self.environment == "live"

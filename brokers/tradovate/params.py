"""What can be set of Tradovate, under `[brokers.tradovate]`, and which hosts belong to which money."""

import hashlib
import re
import socket
from typing import Annotated, Final, Literal, Self, final

from pydantic import BaseModel, Field, SecretStr, model_validator

from brokers.environments import refuse_url

HOSTS: Final = {"paper": "https://demo.tradovateapi.com/v1", "live": "https://live.tradovateapi.com/v1"}
MARKET_DATA: Final = "wss://md.tradovateapi.com/v1/websocket"
PAPER_PREFIX: Final = "DEMO"
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9_.-]{3,64}")


@final
class TradovateParams(BaseModel, frozen=True, extra="forbid"):
    """Which account at Tradovate is traded, and who logs in there.

    `environment` is `paper` (its demo environment) or `live`; the same user is known in both, and the accounts differ.
    `account_id` is the account's name as Tradovate shows it, as DEMO1234567. `cid` and `secret` belong to an API key.
    `device_id` names this machine to Tradovate; empty makes one of the machine's name. `url` is that of a sandbox on
    this machine, else empty.
    """

    environment: Literal["paper", "live"]
    account_id: str
    username: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[SecretStr, Field(min_length=1)]
    cid: str = ""
    secret: SecretStr = SecretStr("")
    device_id: Annotated[str, Field(max_length=64)] = ""
    url: str = ""

    @model_validator(mode="after")
    def _unmixed(self) -> Self:
        if not _ACCOUNT.fullmatch(self.account_id):
            raise ValueError("account_id is no account's name; copy it from Tradovate's list of accounts: DEMO1234567")
        if self.environment == "live" and self.account_id.upper().startswith(PAPER_PREFIX):
            raise ValueError(
                f'account_id {self.account_id} and environment "live" do not belong together: names that begin with '
                f"{PAPER_PREFIX} are of the demo environment"
            )
        if bool(self.cid) != bool(self.secret.get_secret_value()):
            raise ValueError("cid and secret belong to one API key: set both, or neither")
        refuse_url(self.url, self.environment)
        return self

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self.url or HOSTS[self.environment]

    @property
    def events_url(self) -> str:
        """Where Tradovate tells at once what happens to orders."""
        return self.base_url.replace("http", "ws", 1) + "/websocket"

    @property
    def market_data_url(self) -> str:
        """Where Tradovate tells prices; one host serves both environments."""
        return self.events_url if self.url else MARKET_DATA

    @property
    def device(self) -> str:
        """What this machine is called there; the same at every start."""
        told = f"gamma {socket.gethostname()} {self.username}"
        return self.device_id or hashlib.sha256(told.encode()).hexdigest()[:32]

    @property
    def real(self) -> bool:
        """Whether its orders cost real money."""
        return self.environment == "live"

"""What can be set of OANDA, under `[brokers.oanda]`, and which hosts belong to which money."""

import re
from typing import Annotated, Final, Literal, Self, final

from pydantic import BaseModel, Field, NonNegativeInt, SecretStr, model_validator

from brokers.environments import refuse_url

HOSTS: Final = {"paper": "https://api-fxpractice.oanda.com/v3", "live": "https://api-fxtrade.oanda.com/v3"}
STREAMS: Final = {"paper": "https://stream-fxpractice.oanda.com/v3", "live": "https://stream-fxtrade.oanda.com/v3"}
PAPER_PREFIX: Final = "101-"
_ACCOUNT: Final = re.compile(r"\d{3}-\d{3}-\d{1,12}-\d{3}")


@final
class OandaParams(BaseModel, frozen=True, extra="forbid"):
    """Which account at OANDA is traded, and by which token.

    `environment` is `paper` (OANDA's fxTrade Practice) or `live`; account and token must be of the same one.
    `account_id` is the v20 account number; those of practice accounts begin with 101. What was traded up to the
    transaction `after_transaction` is none of gamma's. `url` is that of a sandbox on this machine, else empty.
    """

    environment: Literal["paper", "live"]
    account_id: str
    token: Annotated[SecretStr, Field(min_length=1)]
    after_transaction: NonNegativeInt = 0
    url: str = ""

    @model_validator(mode="after")
    def _unmixed(self) -> Self:
        if not _ACCOUNT.fullmatch(self.account_id):
            raise ValueError("account_id is no v20 account number of OANDA's; copy it, as 101-001-1234567-001")
        if self.account_id.startswith(PAPER_PREFIX) != (self.environment == "paper"):
            raise ValueError(
                f'account_id {self.account_id} and environment "{self.environment}" do not belong together: numbers of '
                f"practice accounts begin with {PAPER_PREFIX}, and no others do"
            )
        refuse_url(self.url, self.environment)
        return self

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self.url or HOSTS[self.environment]

    @property
    def stream_url(self) -> str:
        """Where streams come from."""
        return self.url or STREAMS[self.environment]

    @property
    def real(self) -> bool:
        """Whether its orders cost real money."""
        return self.environment == "live"

"""What can be set of Tradier, under `[brokers.tradier]`, and which hosts belong to which money."""

import re
from typing import Annotated, Final, Literal, Self, final

from pydantic import BaseModel, Field, SecretStr, model_validator

from brokers.environments import refuse_url

HOSTS: Final = {"paper": "https://sandbox.tradier.com/v1", "live": "https://api.tradier.com/v1"}
PAPER_PREFIX: Final = "VA"
_ACCOUNT: Final = re.compile(r"[A-Z0-9]{4,24}")


@final
class TradierParams(BaseModel, frozen=True, extra="forbid"):
    """Which account at Tradier is traded, and by which key.

    `environment` is `paper` or `live`, and the account and the token must be of the same one. `account_id` is the
    account's number; those of paper accounts begin with VA. `url` is that of a sandbox on this machine, else empty.
    """

    environment: Literal["paper", "live"]
    account_id: str
    token: Annotated[SecretStr, Field(min_length=1)]
    url: str = ""

    @model_validator(mode="after")
    def _unmixed(self) -> Self:
        if not _ACCOUNT.fullmatch(self.account_id):
            raise ValueError("account_id is no account number of Tradier's; copy it from its dashboard, as VA12345678")
        if self.account_id.startswith(PAPER_PREFIX) != (self.environment == "paper"):
            raise ValueError(
                f'account_id {self.account_id} and environment "{self.environment}" do not belong together: numbers of '
                f"paper accounts begin with {PAPER_PREFIX}, and no others do"
            )
        refuse_url(self.url, self.environment)
        return self

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self.url or HOSTS[self.environment]

    @property
    def real(self) -> bool:
        """Whether its orders cost real money."""
        return self.environment == "live"

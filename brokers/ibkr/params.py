"""What can be set of Interactive Brokers, under `[brokers.ibkr]`, and which ports belong to which money."""

import re
from typing import Annotated, Final, Literal, Self, final

from pydantic import BaseModel, Field, model_validator

# Trader Workstation, and IB Gateway.
LIVE_PORTS: Final = (7496, 4001)
PAPER_PORTS: Final = (7497, 4002)
_ACCOUNT: Final = re.compile(r"[A-Z]{1,2}\d{4,12}")


@final
class IbkrParams(BaseModel, frozen=True, extra="forbid"):
    """Which account at Interactive Brokers is traded, and where on this machine TWS or IB Gateway listens for it.

    `environment` is `paper` or `live`. `account_id` is the account's number; those of paper accounts begin with D.
    `port` is 7497 (TWS) or 4002 (IB Gateway) on paper, 7496 or 4001 live, or a sandbox's. `client_id` names this
    daemon there: orders belong to the client that placed them, so leave it as it is from one start to the next.
    """

    environment: Literal["paper", "live"]
    account_id: str
    port: Annotated[int, Field(ge=1, le=65_535)]
    host: Literal["127.0.0.1", "localhost", "::1"] = "127.0.0.1"
    client_id: Annotated[int, Field(ge=0, le=2**31 - 1)] = 11

    @model_validator(mode="after")
    def _unmixed(self) -> Self:
        if not _ACCOUNT.fullmatch(self.account_id):
            raise ValueError("account_id is no account number of Interactive Brokers'; copy it from TWS, as DU1234567")
        if self.account_id.startswith("D") != (self.environment == "paper"):
            raise ValueError(
                f'account_id {self.account_id} and environment "{self.environment}" do not belong together: numbers of '
                "paper accounts begin with D (DU, DF), and no others do"
            )
        if (self.port in LIVE_PORTS) != (self.environment == "live"):
            ports = " or ".join(str(port) for port in (LIVE_PORTS if self.real else PAPER_PORTS))
            raise ValueError(
                f'port {self.port} and environment "{self.environment}" do not belong together: TWS and IB Gateway '
                f"listen for {self.environment} accounts at {ports}"
            )
        return self

    @property
    def real(self) -> bool:
        """Whether its orders cost real money."""
        return self.environment == "live"

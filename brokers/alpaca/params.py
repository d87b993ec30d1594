"""What can be set of Alpaca, under `[brokers.alpaca]`, and which hosts and keys belong to which money."""

from decimal import Decimal
from typing import Annotated, Final, Literal, Self, final

from pydantic import BaseModel, Field, SecretStr, model_validator

from brokers.environments import refuse_url

HOSTS: Final = {"paper": "https://paper-api.alpaca.markets", "live": "https://api.alpaca.markets"}
DATA_HOST: Final = "https://data.alpaca.markets"
KEY_PREFIXES: Final = {"paper": "PK", "live": "AK"}

Rate = Annotated[Decimal, Field(ge=0, le=10)]


@final
class FeeRates(BaseModel, frozen=True, extra="forbid"):
    """What others than Alpaca take of options, which charges no commission.

    `orf_usd`, `occ_usd` and `cat_usd` are of each contract, `taf_usd` of each that is sold, `sec_frac` a share of what
    sales bring in. Source: Alpaca's page on regulatory fees, as of 2026; they change about once a year.
    """

    orf_usd: Rate = Decimal("0.02685")
    occ_usd: Rate = Decimal("0.02")
    cat_usd: Rate = Decimal("0.0046")
    taf_usd: Rate = Decimal("0.00279")
    sec_frac: Rate = Decimal("0.0000278")


NO_FEES: Final = FeeRates(
    orf_usd=Decimal(0), occ_usd=Decimal(0), cat_usd=Decimal(0), taf_usd=Decimal(0), sec_frac=Decimal(0)
)


@final
class AlpacaParams(BaseModel, frozen=True, extra="forbid"):
    """Which account at Alpaca is traded, and by which key.

    `environment` is `paper` or `live`: keys of paper begin with PK, those of live with AK. `account_id` is the number
    of the account. `data` is the plan of market data: `free` are the prices of one exchange and indicative quotes of
    options. `fees` are those of live where they are left out; paper charges none. `url` is that of a sandbox on this
    machine, else empty.
    """

    environment: Literal["paper", "live"]
    account_id: Annotated[str, Field(min_length=1)]
    key_id: str
    secret: Annotated[SecretStr, Field(min_length=1)]
    data: Literal["free", "paid"] = "free"
    fees: FeeRates | None = None
    url: str = ""

    @model_validator(mode="after")
    def _unmixed(self) -> Self:
        prefix = KEY_PREFIXES[self.environment]
        if not self.key_id.startswith(prefix):
            raise ValueError(
                f'key_id {self.key_id[:2]}... and environment "{self.environment}" do not belong together: keys of '
                f"{self.environment} begin with {prefix}"
            )
        refuse_url(self.url, self.environment)
        return self

    @property
    def trading_url(self) -> str:
        """Where orders go, and where the account is told."""
        return f"{(self.url or HOSTS[self.environment]).rstrip('/')}/v2"

    @property
    def stream_url(self) -> str:
        """Where it is told at once that something happened."""
        return f"{(self.url or HOSTS[self.environment]).rstrip('/')}/stream".replace("http", "ws", 1)

    @property
    def data_url(self) -> str:
        """Where prices are told."""
        return self.url or DATA_HOST

    @property
    def fee_rates(self) -> FeeRates:
        """What trades cost here."""
        return self.fees or (FeeRates() if self.real else NO_FEES)

    @property
    def real(self) -> bool:
        """Whether its orders cost real money."""
        return self.environment == "live"

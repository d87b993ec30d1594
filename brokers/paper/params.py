"""What can be set of the paper broker, under `[brokers.paper]`."""

from enum import StrEnum
from typing import Annotated, Literal, final

from pydantic import BaseModel, Field


class Fault(StrEnum):
    """What goes wrong with a request, for tests and drills."""

    NONE = "none"
    REJECT = "reject"
    """The request is refused."""
    LOSE_ANSWER = "lose_answer"
    """The request is carried out, and its answer is lost."""
    DROP_REQUEST = "drop_request"
    """The request never arrives, and so there is no answer."""


@final
class PaperParams(BaseModel, frozen=True, extra="forbid"):
    """How the paper market fills.

    `fill_at`: market orders fill at the next bar's open, or at once at the last price.
    `participation_frac`: an order takes at most this share of a bar's volume, where the volume is known.
    `slippage_ticks`: against us at market and at stops; each market's own where it is not set.
    `spread_ticks`: the quoted spread for bars that do not tell theirs.
    `limit_needs_through`: a limit fills once the price has passed it by a tick; else a touch is enough.
    `faults`: what goes wrong with the first requests, in turn.
    """

    fill_at: Literal["next_open", "last"] = "next_open"
    participation_frac: Annotated[float, Field(gt=0, le=1)] = 0.1
    slippage_ticks: Annotated[int, Field(ge=0)] | None = None
    spread_ticks: Annotated[int, Field(ge=0)] = 0
    limit_needs_through: bool = True
    faults: tuple[Fault, ...] = ()

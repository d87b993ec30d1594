"""What goes wrong at a sandbox on demand: `lose_answer=0.1,late=0.05` are the shares of requests that it happens to."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, final

from brokers.sandbox.answers import Answer
from gamma.errors import InputInvalid

HTML: Final = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
LATE_MAX_S: Final = 20.0


class Fault(StrEnum):
    """What can go wrong with one request."""

    LOSE_REQUEST = "lose_request"
    """It is not carried out, and the connection breaks."""
    LOSE_ANSWER = "lose_answer"
    """It is carried out, and the connection breaks."""
    CUT_ANSWER = "cut_answer"
    """It is carried out, and half of the answer comes."""
    ERROR_BEFORE = "error_before"
    """It is not carried out: 503."""
    ERROR_AFTER = "error_after"
    """It is carried out: 502, and a page of HTML."""
    BUSY = "busy"
    """It is not carried out: 429."""
    SLOW = "slow"
    """It is carried out at once, and the answer takes up to 20 s."""
    LATE = "late"
    """It is carried out up to 20 s later, and answered then."""


NOT_CARRIED_OUT: Final = frozenset({Fault.LOSE_REQUEST, Fault.ERROR_BEFORE, Fault.BUSY})


@final
@dataclass(frozen=True, slots=True)
class Faults:
    """Shares of requests by what happens to them; together at most 1."""

    shares: Mapping[Fault, float]

    def draw(self, chance: random.Random) -> Fault | None:
        """What happens to the next request."""
        drawn = chance.random()
        for fault, share in self.shares.items():
            drawn -= share
            if drawn < 0:
                return fault
        return None


def faults_of(text: str) -> Faults:
    """Read what is to go wrong.

    Raises: InputInvalid, naming the part and what is known.
    """
    shares: dict[Fault, float] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, value = part.partition("=")
        try:
            fault, share = Fault(name.strip()), float(value)
        except ValueError:
            known = ", ".join(Fault)
            raise InputInvalid(
                f"--faults {part!r}: write NAME=SHARE, with a share from 0 to 1; known: {known}"
            ) from None
        if not 0 <= share <= 1:
            raise InputInvalid(f"--faults {part!r}: the share of requests must be from 0 to 1")
        shares[fault] = share
    if sum(shares.values()) > 1:
        raise InputInvalid(f"--faults {text!r}: the shares come to {sum(shares.values()):g}; together at most 1")
    return Faults(shares)


def instead(fault: Fault) -> Answer | None:
    """What is answered in place of the sandbox's own answer; None where nothing is, or its own."""
    match fault:
        case Fault.ERROR_BEFORE:
            return Answer(status=503, body=b"Service Unavailable", headers={"Content-Type": "text/plain"})
        case Fault.ERROR_AFTER:
            return Answer(status=502, body=HTML, headers={"Content-Type": "text/html"})
        case Fault.BUSY:
            return Answer(status=429, body=b"Too Many Requests", headers={"Content-Type": "text/plain"})
        case _:
            return None

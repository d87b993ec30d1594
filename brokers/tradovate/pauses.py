"""When Tradovate wants to be left alone: limits of the user, warnings of a lock, and penalty tickets of the address.

429     a limit of the user: the first may be of one second, those after it are of an hour
423     about to be locked
p-ticket in an answer of 200: nothing was carried out; wait p-time seconds; with p-captcha for about an hour
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, final

from gamma.wire import Reply, Unsure, Written

LIMITED_S: Final = (0.0, 60.0, 300.0, 3_600.0)
LOCKED_S: Final = 600.0
CAPTCHA_S: Final = 3_600.0
TICKET_MAX_S: Final = 3_600.0
LIMITED, LOCKED = 429, 423


@final
class Pauses:
    """Until when nothing is to be asked [s of the loop's time], and why."""

    def __init__(self) -> None:
        self.ticket = ""
        self._until_s = 0.0
        self._why = ""
        self._limited = 0

    def left(self, now_s: float) -> str:
        """Why to wait, and how much longer; "" where there is no reason to."""
        left_s = self._until_s - now_s
        return f"{self._why}; again in {left_s:.0f} s" if left_s > 0 else ""

    def hear(self, got: Written, now_s: float) -> str:
        """Take note of what an answer says of limits; why it is none, or "" where it is about what was asked."""
        status = got.status if isinstance(got, Reply | Unsure) else 0
        ticket = ticket_of(got)
        if status == LIMITED:
            pause_s = LIMITED_S[min(self._limited, len(LIMITED_S) - 1)]
            self._limited += 1
            return self._wait(now_s + pause_s, f"HTTP {LIMITED}: more requests than Tradovate takes")
        if status == LOCKED:
            return self._wait(now_s + LOCKED_S, f"HTTP {LOCKED}: Tradovate is about to lock this user out")
        if ticket:
            return self._penalty(ticket, now_s)
        if isinstance(got, Reply):
            self._limited = 0
        return ""

    def _penalty(self, ticket: Mapping[str, Any], now_s: float) -> str:
        if ticket.get("p-captcha"):
            why = "Tradovate asks for a captcha: log in on its web site, or wait for an hour"
            return self._wait(now_s + CAPTCHA_S, why)
        seconds = ticket.get("p-time")
        told_s = float(seconds) if isinstance(seconds, int | Decimal) else LIMITED_S[1]
        self.ticket = str(ticket["p-ticket"])
        pause_s = min(max(told_s, 1.0), TICKET_MAX_S)
        return self._wait(now_s + pause_s, f"Tradovate lets this address wait for {pause_s:g} s")

    def _wait(self, until_s: float, why: str) -> str:
        if until_s > self._until_s:
            self._until_s, self._why = until_s, why
        return why


def ticket_of(got: Written) -> Mapping[str, Any] | None:
    """The penalty ticket in an answer; None where it holds none."""
    told = got.json if isinstance(got, Reply) else None
    return told if isinstance(told, Mapping) and told.get("p-ticket") and "p-time" in told else None

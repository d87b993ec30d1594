"""Logins at Tradovate's sandbox: tokens that end, sessions that push one another out, and penalties."""

from collections import deque
from collections.abc import Mapping
from typing import Any, Final, final

from brokers.sandbox.answers import Answer, Request, in_json
from brokers.tradovate.reading import stamp
from brokers.tradovate.sandbox_shapes import USER_ID
from gamma.clock import NS

USERNAME, PASSWORD = "sandbox", "sandbox"
LIFE_S: Final = 80 * 60
SESSIONS_MAX: Final = 2
LOGINS_PER_MINUTE: Final = 10
WRONG_MAX: Final = 5
TICKET_S: Final = 15
PER_HOUR: Final = 5_000
MINUTE_NS, HOUR_NS = 60 * NS, 3_600 * NS
_EMPTY: Final = Answer(status=401, body=b"")


@final
class Sessions:
    """Who is let in. A third session ends the first one; to ask too often, or wrongly, is answered with a ticket.

    The next `lose_renewals` renewals fail.
    """

    def __init__(self, *, unlimited: bool = False) -> None:
        self.ends_utc_ns: dict[str, int] = {}
        self.logins = 0
        self.lose_renewals = 0
        self._unlimited = unlimited
        self._made = 0
        self._wrong = 0
        self._asked: deque[int] = deque()
        self._sent: deque[int] = deque()

    def admit(self, request: Request, now_utc_ns: int) -> Answer | None:
        """Why a request is not let in; None where it is."""
        while self._sent and now_utc_ns - self._sent[0] >= HOUR_NS:
            self._sent.popleft()
        if len(self._sent) >= PER_HOUR and not self._unlimited:
            return Answer(status=429, body=b"")
        self._sent.append(now_utc_ns)
        return None if self.ends_utc_ns.get(_token(request), 0) > now_utc_ns else _EMPTY

    def log_in(self, body: Mapping[str, Any], now_utc_ns: int) -> Answer:
        """A new session for who gives name and password."""
        if penalty := self._penalty(body, now_utc_ns):
            return penalty
        if body.get("name") != USERNAME or body.get("password") != PASSWORD:
            self._wrong += 1
            return in_json({"errorText": "Incorrect username or password. Please try again."})
        self._wrong = 0
        self.logins += 1
        live = {token: end for token, end in self.ends_utc_ns.items() if end > now_utc_ns}
        kept = list(live)[-(SESSIONS_MAX - 1) :]
        self.ends_utc_ns = {token: live[token] for token in kept}
        return self._told(now_utc_ns)

    def renew(self, request: Request, now_utc_ns: int) -> Answer:
        """A new token in the place of the old one, which ends."""
        if self.lose_renewals:
            self.lose_renewals -= 1
            return Answer(status=503, body=b"")
        del self.ends_utc_ns[_token(request)]
        return self._told(now_utc_ns)

    def _penalty(self, body: Mapping[str, Any], now_utc_ns: int) -> Answer | None:
        while self._asked and now_utc_ns - self._asked[0] >= MINUTE_NS:
            self._asked.popleft()
        self._asked.append(now_utc_ns)
        if self._wrong >= WRONG_MAX:
            return in_json({"p-ticket": f"ticket-{self._made}", "p-time": 3_600, "p-captcha": True})
        if len(self._asked) > LOGINS_PER_MINUTE and "p-ticket" not in body:
            self._made += 1
            return in_json({"p-ticket": f"ticket-{self._made}", "p-time": TICKET_S, "p-captcha": False})
        return None

    def _told(self, now_utc_ns: int) -> Answer:
        self._made += 1
        token = f"sandbox-{now_utc_ns}-{self._made}"
        self.ends_utc_ns[token] = now_utc_ns + LIFE_S * NS
        return in_json(
            {
                "accessToken": token,
                "mdAccessToken": token,
                "expirationTime": stamp(self.ends_utc_ns[token]),
                "passwordExpirationTime": stamp(now_utc_ns + 365 * 24 * HOUR_NS),
                "userStatus": "Active",
                "userId": USER_ID,
                "name": USERNAME,
                "hasLive": False,
            }
        )


def _token(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")

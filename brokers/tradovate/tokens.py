"""The key to Tradovate: a token that lives for some 80 minutes, renewed in time and kept over a restart.

A new login is a new session there, and more than two of them push the oldest out: so a token is renewed while it
lives, and a start goes on with the one that the last life left. When it ends is told by Tradovate's clock; ours may be
wrong, and so it is renewed after an hour at the latest, however long it is said to live.
"""

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, final

from brokers.numerals import moment, positive
from brokers.tradovate.params import TradovateParams
from brokers.tradovate.pauses import Pauses
from gamma.clock import NS
from gamma.errors import ConfigInvalid, Transient
from gamma.wire import NotSent, Reply, Wire, Written, understood

LOGIN, RENEW = "/auth/accesstokenrequest", "/auth/renewaccesstoken"
APP: Final = {"appId": "gamma", "appVersion": "1.0"}
SPARE_S: Final = 15 * 60.0
RENEW_MAX_S: Final = 60 * 60.0
UNTOLD_S: Final = 30 * 60.0
LIFE_MAX_S: Final = 24 * 3600.0
RETRY_S: Final = 60.0
LOGIN_RETRY_S: Final = (60.0, 300.0, 3_600.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a login gave; `renew_utc_ns` is by this machine's clock."""

    access: str
    market_data: str
    user_id: int
    renew_utc_ns: int


@final
class Tokens:
    """One user's tokens, one at a time; kept in `path`, readable for this user of the machine alone."""

    def __init__(
        self,
        params: TradovateParams,
        pauses: Pauses,
        now_utc_ns: Callable[[], int],
        path: Path | None,
    ) -> None:
        self._params = params
        self._pauses = pauses
        self._now_utc_ns = now_utc_ns
        self._path = path
        self._owner = f"{params.base_url} {params.username}"
        self._token: Token | None = None
        self._read = False
        self._renew_s = 0.0
        self._login_free_s = 0.0
        self._logins_failed = 0
        self._lock = asyncio.Lock()

    @property
    def headers(self) -> dict[str, str]:
        """What a request is let in by; nothing before a token was had."""
        return {"Authorization": f"Bearer {self._token.access}"} if self._token is not None else {}

    @property
    def at_hand(self) -> Token | None:
        """The token that was had last, as long as Tradovate takes it."""
        return self._token

    async def current(self, wire: Wire) -> Token:
        """The token to ask with, renewed where it is time to.

        Raises: Transient; ConfigInvalid where Tradovate does not let this user in.
        """
        async with self._lock:
            now_s = asyncio.get_running_loop().time()
            if not self._read:
                self._read = True
                self._take(self._kept(), now_s)
            if self._token is not None and now_s >= self._renew_s:
                await self._renew(wire, now_s)
            if self._token is None:
                await self._log_in(wire, now_s)
            assert self._token is not None  # noqa: S101  (a login that gives none raises)
            return self._token

    def refused(self, token: Token) -> None:
        """Tradovate does not take this token any more: the next request is made with a new one."""
        if self._token == token:
            self._token = None
            self._keep(None)

    def refuse_current(self) -> None:
        """As `refused`, of whichever token is in use."""
        if self._token is not None:
            self.refused(self._token)

    async def _renew(self, wire: Wire, now_s: float) -> None:
        """Ask for a longer life; where that fails the token is used on, and asked for again after a minute."""
        self._renew_s = now_s + RETRY_S
        got = await wire.write("GET", RENEW)
        if self._pauses.hear(got, now_s):
            return
        if not isinstance(got, NotSent) and got.status == 401:
            self._token = None
            return
        with suppress(Transient, ConfigInvalid):
            self._take(self._told(got), now_s)
            self._keep(self._token)

    async def _log_in(self, wire: Wire, now_s: float) -> None:
        if wait := self._pauses.left(now_s):
            raise Transient(f"login: {wait}")
        if now_s < self._login_free_s:
            raise Transient(f"login: failed moments ago; tried again in {self._login_free_s - now_s:.0f} s")
        # To fail too often is to be asked for a captcha: whatever comes of this one, the next one waits.
        self._login_free_s = now_s + LOGIN_RETRY_S[min(self._logins_failed, len(LOGIN_RETRY_S) - 1)]
        self._logins_failed += 1
        ticket, self._pauses.ticket = self._pauses.ticket, ""
        got = await wire.write("POST", LOGIN, self._body() | ({"p-ticket": ticket} if ticket else {}))
        if why := self._pauses.hear(got, now_s):
            self._login_free_s, self._logins_failed = 0.0, 0  # the pause says how long to wait
            raise Transient(f"login: {why}")
        self._take(self._told(got), now_s)
        self._login_free_s, self._logins_failed = now_s + RETRY_S, 0
        self._keep(self._token)

    def _body(self) -> dict[str, str]:
        params = self._params
        body = {"name": params.username, "password": params.password.get_secret_value()}
        key = {"cid": params.cid, "sec": params.secret.get_secret_value()} if params.cid else {}
        return body | APP | {"deviceId": params.device} | key

    def _told(self, got: Written) -> Token:
        """The token in an answer.

        Raises: ConfigInvalid where it is refused in words; Transient.
        """
        if not isinstance(got, Reply) or not isinstance(got.json, Mapping):
            raise Transient(f"login: {got.text if not isinstance(got, Reply) else f'HTTP {got.status}'}")
        told = got.json
        if got.status == 401 or told.get("errorText"):
            why = told.get("errorText") or f"HTTP {got.status}"
            raise ConfigInvalid(
                f"[brokers.tradovate] username, password, cid or secret: Tradovate says {str(why)!r}; a user with "
                "access to its API and a key made there are needed, in the environment that is set"
            )
        with understood("login"):
            if got.status != 200 or told.get("userStatus", "Active") != "Active":
                raise Transient(f"login: HTTP {got.status}, and the user is {told.get('userStatus')}")
            now = self._now_utc_ns()
            life_s = (moment(told["expirationTime"]) - now) / NS
            sane = 0 < life_s <= LIFE_MAX_S
            renew_s = min(max(life_s / 2, life_s - SPARE_S), RENEW_MAX_S) if sane else UNTOLD_S
            return Token(
                access=_word(told["accessToken"]),
                market_data=_word(told.get("mdAccessToken") or told["accessToken"]),
                user_id=positive(told["userId"]),
                renew_utc_ns=now + round(renew_s * NS),
            )

    def _take(self, token: Token | None, now_s: float) -> None:
        if token is not None:
            self._token = token
            self._renew_s = now_s + min((token.renew_utc_ns - self._now_utc_ns()) / NS, RENEW_MAX_S)

    def _kept(self) -> Token | None:
        """What the last life left, of this user here; one that is past its time to be renewed is tried all the same."""
        if self._path is None:
            return None
        with suppress(OSError, ValueError, TypeError, KeyError):
            told: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
            if told.pop("owner") == self._owner:
                return Token(**told)
        return None

    def _keep(self, token: Token | None) -> None:
        if self._path is None:
            return
        with suppress(OSError):  # without it the next start logs in
            self._path.unlink(missing_ok=True)
            if token is not None:
                opened = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(opened, "w", encoding="utf-8") as file:
                    json.dump({"owner": self._owner} | asdict(token), file)


def _word(value: Any) -> str:
    """A token as it can stand in a header.

    Raises: ValueError.
    """
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value or " " in value:
        raise ValueError("it holds no token")
    return value

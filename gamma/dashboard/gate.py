"""Who may look: a token that is in a file only its owner reads, a cookie made from it, and no other site's pages."""

import hmac
import os
import re
import secrets
from hashlib import sha256
from pathlib import Path
from typing import Final, final
from urllib.parse import urlsplit

from flask import Flask, Response, request

from gamma.errors import ConfigInvalid
from gamma.mends import mend

SIGN_IN: Final = "/sign-in"
COOKIE_DAYS: Final = 30
# A name that a stranger's server answers to may be turned to this machine; these two may not.
_HOST: Final = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.ASCII)
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
{head}<title>gamma</title><style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 12vh auto; padding: 0 1rem; }}
input, button {{ font: inherit; padding: .4rem .6rem; max-width: 100%; box-sizing: border-box; }}
</style></head><body><h1>gamma</h1><p>{text}</p>{form}</body></html>
"""
_FORM: Final = f"""<form method="post" action="{SIGN_IN}"><p><input type="password" name="token" size="44"
aria-label="Token" autocomplete="off" required> <button>Sign in</button></p></form>"""


def token_at(path: Path) -> str:
    """The token in this file, which is made, for its owner alone, where there is none.

    Raises: ConfigInvalid when the file cannot be made or read, is not only its owner's, or holds something else.
    """
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return _kept(path)
    except OSError as error:
        raise ConfigInvalid(f"[dashboard] token_file {path} cannot be written: {mend(error)}") from error
    token = secrets.token_urlsafe(32)
    with os.fdopen(file, "w") as opened:
        opened.write(f"{token}\n")
    return token


def _kept(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigInvalid(f"[dashboard] token_file {path} can be read by others: chmod 600 {path}")
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(f"[dashboard] token_file {path} cannot be read: {error}") from error
    if not _TOKEN.fullmatch(token):
        raise ConfigInvalid(f"[dashboard] token_file {path} holds no token; remove it, and a new one is made")
    return token


@final
class Gate:
    """Stands before every request; the policy names the scripts that may run."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._pass = hmac.new(token.encode(), b"gamma dashboard", sha256).hexdigest()
        # Cookies know no ports: two dashboards on one machine must not take each other's.
        self._cookie = f"gamma-{sha256(self._pass.encode()).hexdigest()[:8]}"
        self._scripts: tuple[str, ...] = ()

    def allow(self, *script_hashes: str) -> None:
        """Let these scripts run that stand within the page."""
        self._scripts = script_hashes

    def stand_before(self, server: Flask) -> None:
        """Have every request pass by here."""
        server.before_request(self._check)
        server.after_request(self._close)
        server.add_url_rule(SIGN_IN, "sign_in", self._sign_in, methods=["POST"])

    def _check(self) -> Response | None:
        """Refuse what comes under another name, from another site, or without the pass."""
        if not _HOST.fullmatch(request.headers.get("Host", "")):
            return _said(403, "Reach the dashboard as localhost or 127.0.0.1: it answers to no other name.")
        if not self._of_this_site():
            return _said(403, "Another site asked for this. Open the dashboard by its own address.")
        if request.path == SIGN_IN:
            return None
        token = request.args.get("token")
        if token is not None and request.method == "GET":
            return self._let_in(token)
        if hmac.compare_digest(request.cookies.get(self._cookie, "").encode(), self._pass.encode()):
            return None
        text = "Open the link that <code>gamma dashboard</code> printed, or type the token that is in its file."
        return _said(401, text, form=_FORM)

    def _of_this_site(self) -> bool:
        """Whether no other site's page asks; what changes something must say by itself whose page it comes from."""
        origin = request.headers.get("Origin")
        if origin is None:
            told = request.headers.get("Sec-Fetch-Site", "none")
            return request.method in ("GET", "HEAD") and (told in ("same-origin", "none") or _is_visit())
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and parts.netloc == request.headers["Host"]

    def _sign_in(self) -> Response:
        return self._let_in(request.form.get("token", "").strip())

    def _let_in(self, token: str) -> Response:
        """The cookie for the token. A page leads on, not a redirection: then the cookie is sent at once."""
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            return _said(403, "That is not the token. The right one is in its file on this machine.", form=_FORM)
        reply = _said(200, 'Signed in. <a href="/">Go on.</a>', head='<meta http-equiv="refresh" content="0; url=/">')
        reply.set_cookie(
            self._cookie, self._pass, max_age=COOKIE_DAYS * 86_400, httponly=True, samesite="Strict", path="/"
        )
        return reply

    def _close(self, reply: Response) -> Response:
        for name, value in _HEADERS.items():
            reply.headers[name] = value
        reply.headers["Content-Security-Policy"] = _POLICY.format(scripts=" ".join(self._scripts))
        if "/_dash-component-suites/" not in request.path:
            reply.headers["Cache-Control"] = "no-store"
        return reply


def _is_visit() -> bool:
    """Whether somebody followed a link to a page: it shows that site nothing."""
    return request.headers.get("Sec-Fetch-Mode") == "navigate" and request.headers.get("Sec-Fetch-Dest") == "document"


def _said(status: int, text: str, *, form: str = "", head: str = "") -> Response:
    return Response(_PAGE.format(head=head, text=text, form=form), status=status, mimetype="text/html")

"""Who may look: the token, the cookie, Host and Origin."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gamma.dashboard.gate import token_at
from gamma.errors import ConfigInvalid
from tests.dashboard.chromium import Tab
from tests.dashboard.conftest import Served

slow = pytest.mark.slow
WRONG = "A" * 43


def test_a_token_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = token_at(path)
    assert len(token) == 43
    assert path.stat().st_mode & 0o777 == 0o600
    assert token_at(path) == token


def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token_at(path)
    path.chmod(0o640)
    with pytest.raises(ConfigInvalid, match=f"chmod 600 {path}"):
        token_at(path)


@pytest.mark.parametrize("content", ["", "short\n", "x" * 44, "é" * 43])
def test_a_file_that_holds_no_token_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "token"
    path.write_text(content, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(ConfigInvalid, match="holds no token"):
        token_at(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_token_that_cannot_be_kept_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigInvalid, match="token_file"):
        token_at(tmp_path / "token")


@pytest.fixture
def client(dashboard: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=dashboard.url, trust_env=False) as asking:
        yield asking


def signed_in(client: httpx.Client, dashboard: Served) -> httpx.Client:
    reply = client.get("/", params={"token": dashboard.token})
    assert reply.status_code == 200
    return client


@slow
def test_without_a_cookie_nothing_is_shown(client: httpx.Client) -> None:
    for path in ("/", "/_dash-layout", "/_dash-dependencies", "/assets/style.css", "/decisions"):
        reply = client.get(path)
        assert (reply.status_code, "Open the link" in reply.text) == (401, True)


@slow
def test_a_wrong_token_opens_nothing(client: httpx.Client) -> None:
    for reply in (
        client.get("/", params={"token": WRONG}),
        client.get("/", params={"token": "ü"}),
        client.post("/sign-in", data={"token": WRONG}, headers={"Origin": str(client.base_url).rstrip("/")}),
    ):
        assert (reply.status_code, "not the token" in reply.text) == (403, True)
        assert "set-cookie" not in reply.headers


@slow
def test_the_cookie_is_not_for_scripts_nor_for_other_sites(client: httpx.Client, dashboard: Served) -> None:
    cookie = client.get("/", params={"token": dashboard.token}).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert dashboard.token not in cookie


@slow
@pytest.mark.parametrize("host", ["gamma.example", "127.0.0.1.example", "localhost.example:80", "10.0.0.1", "0.0.0.0"])
def test_it_answers_to_no_other_name(client: httpx.Client, dashboard: Served, host: str) -> None:
    reply = signed_in(client, dashboard).get("/", headers={"Host": host})
    assert (reply.status_code, "no other name" in reply.text) == (403, True)


@slow
@pytest.mark.parametrize("host", ["localhost", "localhost:9000", "127.0.0.1:8050", "[::1]:8050"])
def test_it_answers_through_a_tunnel(client: httpx.Client, dashboard: Served, host: str) -> None:
    cookies = dict(signed_in(client, dashboard).cookies)
    headers = {"Host": host, "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    assert httpx.get(dashboard.url, headers=headers, trust_env=False).status_code == 200


@slow
@pytest.mark.parametrize("origin", ["null", "http://evil.example", "http://127.0.0.1:1", "file://"])
def test_another_site_may_not_ask(client: httpx.Client, dashboard: Served, origin: str) -> None:
    signed_in(client, dashboard)
    for reply in (
        client.get("/_dash-layout", headers={"Origin": origin}),
        client.post("/_dash-update-component", headers={"Origin": origin}, json={}),
    ):
        assert (reply.status_code, "Another site" in reply.text) == (403, True)


@slow
def test_what_changes_something_must_say_where_it_comes_from(client: httpx.Client, dashboard: Served) -> None:
    assert signed_in(client, dashboard).post("/_dash-update-component", json={}).status_code == 403


@slow
def test_only_scripts_of_its_own_may_run(client: httpx.Client, dashboard: Served) -> None:
    headers = signed_in(client, dashboard).get("/").headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy["script-src"]
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


@slow
def test_a_person_signs_in_with_what_the_file_holds(stranger: Tab, dashboard: Served) -> None:
    stranger.go(dashboard.at("/"))
    stranger.type("input[name=token]", WRONG, enter=True)
    stranger.until("document.body.innerText.includes('not the token')")
    stranger.type("input[name=token]", dashboard.token, enter=True)
    stranger.until("document.querySelector('#state')")
    assert dashboard.token not in stranger.run("location.href")

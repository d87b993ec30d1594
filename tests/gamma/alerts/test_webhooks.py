"""One message, one webhook, and all that a server may do to it."""

import gzip
import json
import logging
import traceback

import pytest
from pydantic import SecretStr

from gamma.alerts import Answer, Discord, Message, Outcome, Pace, Sign, open_client, ping
from gamma.alerts.embeds import Group, compose
from gamma.errors import ConfigInvalid
from gamma.notices import Severity
from tests.gamma.alerts.post_office import OK, TOKEN, Desk, Script, Server, drip, hang_up, notice, reply, run

SIGN = Sign(account="...1234", mode="paper")
NOBODY = SecretStr("")


def message(severity: Severity = Severity.WARNING) -> Message:
    return compose([Group(ids=(1,), newest=notice(severity=severity))], SIGN)


def answered(*script: Script, pace: Pace | None = None) -> Answer:
    """What one message, of one webhook alone, comes to."""
    found: list[Answer] = []

    async def work(desk: Desk) -> None:
        found.append(await desk.sender.send(message()))

    server = Server(script=list(script))
    run(server, work, critical=NOBODY, **({"pace": pace} if pace else {}))
    return found[0]


def test_204_is_delivered_and_the_payload_is_the_librarys() -> None:
    server = Server()

    async def work(desk: Desk) -> None:
        assert await desk.sender.send(message()) == Answer(outcome=Outcome.SENT)

    run(server, work)
    (request,) = server.requests
    assert request.method == "POST"
    assert request.target == f"/api/webhooks/routine/{TOKEN}?wait=true"
    assert request.body["allowed_mentions"] == {"parse": []}
    assert request.body["embeds"][0]["description"] == "Text k"


def test_a_thread_in_the_address_is_kept() -> None:
    server = Server()

    async def work(_: Desk) -> None:
        url = SecretStr(server.url().get_secret_value() + "?thread_id=7")
        async with open_client() as client:
            await Discord(client, critical=url, routine=NOBODY).send(message())

    run(server, work)
    assert server.requests[0].target.endswith("?thread_id=7&wait=true")


@pytest.mark.parametrize(
    ("body", "headers", "wait_s"),
    [
        (b'{"message": "slow down", "retry_after": 12.5, "global": false}', {"Retry_After": "13"}, 12.5),
        (b"<html>cloudflare</html>", {"Retry_After": "30"}, 30.0),
        (b"<html>cloudflare</html>", {}, 5.0),
        (b'{"retry_after": "soon"}', {"Retry_After": "never"}, 5.0),
        (b'{"retry_after": -1}', {}, 5.0),
        (b'{"retry_after": NaN}', {}, 5.0),
        (b'{"retry_after": true}', {}, 5.0),
        (b'{"retry_after": 1e400}', {}, 5.0),
        (b'{"retry_after": 99999}', {}, 3600.0),
        (b'{"retry_after": 1' + b"0" * 400 + b"}", {}, 5.0),
        (b"[1]", {}, 5.0),
        (b"[" * 60_000, {}, 5.0),
        (b"\xff\xfe", {}, 5.0),
        (b'{"retry_after": 7.0}' + b" " * 70_000, {"Retry_After": "9"}, 9.0),
        (gzip.compress(b'{"retry_after": 7.0}', mtime=0), {"Retry_After": "9", "Content_Encoding": "gzip"}, 9.0),
    ],
    ids=lambda value: str(value)[:24],
)
def test_429_waits_as_told_and_guesses_safely(body: bytes, headers: dict[str, str], wait_s: float) -> None:
    answer = answered(reply(429, body, **headers))
    assert (answer.outcome, answer.error) == (Outcome.LATER, "HTTP 429")
    # On top comes the jitter, half of 2 s at the first failure.
    assert answer.wait_s == wait_s + 1.0


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (reply(500, b"<html>Internal Server Error</html>"), "HTTP 500"),
        (reply(502), "HTTP 502"),
        (reply(408), "HTTP 408"),
        (reply(302, Location="http://127.0.0.1:9/elsewhere"), "HTTP 302"),
        (hang_up, "ReadError"),
        (b"not http at all\r\n\r\n", "RemoteProtocolError"),
        (b"", "RemoteProtocolError"),
    ],
)
def test_what_may_pass_is_tried_later(script: Script, error: str) -> None:
    answer = answered(script)
    assert answer == Answer(outcome=Outcome.LATER, error=error, wait_s=1.0)


def test_a_redirect_is_not_followed() -> None:
    server = Server()

    async def work(desk: Desk) -> None:
        server.script.append(reply(307, Location=f"http://127.0.0.1:{server.port}/elsewhere"))
        assert (await desk.sender.send(message())).outcome is Outcome.LATER

    run(server, work)
    assert len(server.requests) == 1


def test_a_slow_drip_ends_at_the_total_time() -> None:
    assert answered(drip, pace=Pace(timeout_s=0.05)) == Answer(outcome=Outcome.LATER, error="TimeoutError", wait_s=1.0)


def test_nobody_listening_is_tried_later() -> None:
    async def work(desk: Desk) -> None:
        desk.server._server.close()
        await desk.server._server.wait_closed()
        assert await desk.sender.send(message()) == Answer(outcome=Outcome.LATER, error="ConnectError", wait_s=1.0)

    run(Server(), work)


def test_a_large_body_of_a_delivered_message_is_not_read() -> None:
    assert answered(reply(200, b"x" * 300_000)).outcome is Outcome.SENT


def test_the_wait_grows_to_its_end_and_starts_again_after_a_success() -> None:
    waits: list[float] = []

    async def work(desk: Desk) -> None:
        for _ in range(9):
            answer = await desk.sender.send(message())
            waits.append(answer.wait_s)
            desk.clock.s += max(answer.wait_s, 60.0)

    run(Server(script=[*[reply(503)] * 7, OK, reply(503)]), work, critical=NOBODY, jitter=lambda: 1.0)
    assert waits == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 0.0, 2.0]


def test_nothing_is_tried_while_it_must_wait() -> None:
    server = Server(script=[reply(429, b'{"retry_after": 10}')])

    async def work(desk: Desk) -> None:
        await desk.sender.send(message())
        desk.clock.s += 10.5
        assert (await desk.sender.send(message())).outcome is Outcome.HELD
        desk.clock.s += 0.5
        assert (await desk.sender.send(message())).outcome is Outcome.SENT

    run(server, work, critical=NOBODY)
    assert len(server.requests) == 2


def test_the_headers_of_a_success_hold_the_next_message() -> None:
    server = Server(script=[reply(204, X_RateLimit_Remaining="0", X_RateLimit_Reset_After="1.5")])

    async def work(desk: Desk) -> None:
        assert (await desk.sender.send(message())).outcome is Outcome.SENT
        desk.clock.s += 1.4
        assert (await desk.sender.send(message())).outcome is Outcome.HELD
        assert (await desk.sender.send(message(Severity.CRITICAL))).outcome is Outcome.SENT
        desk.clock.s += 0.1
        assert (await desk.sender.send(message())).outcome is Outcome.SENT

    run(server, work)


@pytest.mark.parametrize("reset", ["", "soon", "nan", "-3"])
def test_rate_headers_of_garbage_hold_nothing(reset: str) -> None:
    server = Server(script=[reply(204, X_RateLimit_Remaining="0", X_RateLimit_Reset_After=reset)])

    async def work(desk: Desk) -> None:
        assert (await desk.sender.send(message())).outcome is Outcome.SENT
        assert (await desk.sender.send(message())).outcome is Outcome.SENT

    run(server, work)


def test_twenty_five_a_minute_and_the_last_five_are_for_critical() -> None:
    server = Server()

    async def work(desk: Desk) -> None:
        routine = [(await desk.sender.send(message())).outcome for _ in range(21)]
        assert routine == [Outcome.SENT] * 20 + [Outcome.HELD]
        critical = [(await desk.sender.send(message(Severity.CRITICAL))).outcome for _ in range(6)]
        assert critical == [Outcome.SENT] * 5 + [Outcome.HELD]
        desk.clock.s += 59.9
        assert (await desk.sender.send(message(Severity.CRITICAL))).outcome is Outcome.HELD
        desk.clock.s += 0.1
        assert (await desk.sender.send(message())).outcome is Outcome.SENT

    run(server, work, routine=NOBODY)
    assert len(server.requests) == 26


def test_critical_and_routine_have_webhooks_of_their_own() -> None:
    server = Server()

    async def work(desk: Desk) -> None:
        for severity in (Severity.CRITICAL, Severity.WARNING, Severity.INFO):
            await desk.sender.send(message(severity))

    run(server, work)
    assert [r.target.split("/")[3] for r in server.requests] == ["critical", "routine", "routine"]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_the_other_webhook_takes_what_a_dead_one_cannot(status: int) -> None:
    server = Server(script=[reply(status, b'{"message": "Unknown Webhook", "code": 10015}')])

    async def work(desk: Desk) -> None:
        for _ in range(2):
            assert (await desk.sender.send(message(Severity.CRITICAL))).outcome is Outcome.SENT
        desk.clock.s += 600.0
        assert (await desk.sender.send(message(Severity.CRITICAL))).outcome is Outcome.SENT

    run(server, work)
    # Dead it is not asked again; after ten minutes it is.
    assert [r.target.split("/")[3] for r in server.requests] == ["critical", "routine", "routine", "critical"]


def test_with_both_webhooks_dead_it_waits() -> None:
    server = Server(script=[reply(404), reply(404)])

    async def work(desk: Desk) -> None:
        answer = await desk.sender.send(message(Severity.CRITICAL))
        assert answer == Answer(outcome=Outcome.DEAD, error="HTTP 404", wait_s=600.0)
        desk.clock.s += 599.0
        assert (await desk.sender.send(message(Severity.CRITICAL))).outcome is Outcome.HELD

    run(server, work)
    assert len(server.requests) == 2


def test_one_address_given_twice_is_one_webhook() -> None:
    server = Server(script=[reply(404)])

    async def work(_: Desk) -> None:
        async with open_client() as client:
            sender = Discord(client, critical=server.url(), routine=server.url())
            assert (await sender.send(message())).outcome is Outcome.DEAD

    run(server, work)
    assert len(server.requests) == 1


def test_what_discord_refuses_goes_out_plain() -> None:
    server = Server(script=[reply(400, b'{"embeds": ["bad"]}')])

    async def work(desk: Desk) -> None:
        assert (await desk.sender.send(message())).outcome is Outcome.SENT

    run(server, work)
    assert "embeds" not in server.bodies[1]
    assert server.bodies[1]["content"].startswith("Warning: Title k\nText k\n...1234 · paper")


def test_what_discord_refuses_twice_is_refused() -> None:
    assert answered(reply(400), reply(413)) == Answer(outcome=Outcome.REFUSED, error="HTTP 413")


def test_a_check_asks_and_posts_nothing() -> None:
    server = Server(script=[reply(200, b"{}"), reply(404)])

    async def work(desk: Desk) -> None:
        assert await desk.sender.check() == {"discord_critical": "", "discord_routine": "HTTP 404"}

    run(server, work)
    assert [(r.method, r.body) for r in server.requests] == [("GET", None), ("GET", None)]


def test_a_ping_says_why_it_was_not_heard() -> None:
    server = Server(script=[reply(200, b"OK"), reply(500), hang_up, reply(302, Location="/x"), drip])
    said: list[str] = []

    async def work(_: Desk) -> None:
        async with open_client() as client:
            said.extend([await ping(client, server.url("ping")) for _ in range(4)])
            said.append(await ping(client, server.url("ping"), timeout_s=0.05))

    run(server, work)
    assert said == ["", "HTTP 500", "ReadError", "HTTP 302", "TimeoutError"]
    assert {r.method for r in server.requests} == {"GET"}


@pytest.mark.parametrize(
    "url",
    [f"http://example.com/{TOKEN}", TOKEN, f"ftp://127.0.0.1/{TOKEN}", f"https:///{TOKEN}", f"https://x:y:z/{TOKEN}"],
)
def test_an_address_that_is_none_is_refused_and_not_quoted(url: str) -> None:
    async def work(desk: Desk) -> None:
        with pytest.raises(ConfigInvalid, match="discord_critical is not an https address") as caught:
            Discord(desk.sender._client, critical=SecretStr(url), routine=NOBODY)
        assert TOKEN not in "".join(traceback.format_exception(caught.value))
        with pytest.raises(ConfigInvalid, match="dead_man_url"):
            await ping(desk.sender._client, SecretStr(url))

    run(Server(), work)


def test_the_token_is_in_no_answer_repr_or_log(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[object] = []
    script: list[Script] = [
        reply(404),
        reply(400),
        reply(429),
        reply(500),
        hang_up,
        drip,
        reply(302, Location="/"),
        b"junk\r\n\r\n",
    ]

    async def work(desk: Desk) -> None:
        for severity in (Severity.CRITICAL, Severity.INFO) * 6:
            told.append(await desk.sender.send(message(severity)))
            told.append(desk.sender)
            told.append(desk.sender._channels)
            desk.clock.s += 700.0
        told.append(await desk.sender.check())

    run(Server(script=script), work, pace=Pace(timeout_s=0.05))
    shown = capfd.readouterr()
    everything = [repr(told), str(told), json.dumps([str(t) for t in told]), caplog.text, shown.out, shown.err]
    assert all(TOKEN not in text for text in everything)
    assert len(told) == 37

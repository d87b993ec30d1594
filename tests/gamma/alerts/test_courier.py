"""From the outbox to the server: what goes out, when, how often, and what is given up."""

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr

from gamma import notices
from gamma.alerts import Courier, Pace, Sign
from gamma.ledger import Ledger
from gamma.notices import Severity
from tests.gamma.alerts.post_office import NS, TS, Desk, Script, Server, Shelf, drip, hang_up, notice, reply, run

SIGN = Sign(account="...1234", mode="paper")
INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL


def courier(desk: Desk, outbox: Shelf) -> Courier:
    return Courier(outbox, desk.sender, SIGN, clock_ns=desk.clock.ns, monotonic_s=desk.clock.monotonic_s)


def test_the_gravest_goes_first() -> None:
    shelf, server = Shelf(notice("i", INFO), notice("w", WARNING), notice("c", CRITICAL)), Server()

    async def work(desk: Desk) -> None:
        await courier(desk, shelf).drain()

    run(server, work)
    assert server.titles == ["CRITICAL: Title c", "Warning: Title w", "Title i"]
    assert all(row.delivered_ns == TS for row in shelf.rows)


def test_what_is_delivered_is_not_sent_again() -> None:
    shelf, server = Shelf(notice()), Server()

    async def work(desk: Desk) -> None:
        sent = courier(desk, shelf)
        await sent.drain()
        await sent.drain()

    run(server, work)
    assert len(server.requests) == 1


def test_notices_of_one_key_go_as_one_with_a_count_and_the_newest_words() -> None:
    shelf, server = Shelf(*(notice(text=f"try {i}") for i in range(3)), notice("other")), Server()

    async def work(desk: Desk) -> None:
        await courier(desk, shelf).drain()

    run(server, work)
    assert server.titles == ["Warning: Title k x 3", "Warning: Title other"]
    assert server.bodies[0]["embeds"][0]["description"] == "try 2"


def test_info_waits_for_its_digest() -> None:
    shelf, server = Shelf(notice("a", INFO)), Server()

    async def work(desk: Desk) -> None:
        sent = courier(desk, shelf)
        await sent.drain()
        shelf.add(notice("b", INFO), notice("c", INFO))
        desk.clock.s += 59.9
        await sent.drain()
        assert len(server.requests) == 1
        desk.clock.s += 0.1
        await sent.drain()

    run(server, work)
    assert server.titles == ["Title a", "2 notices"]


def test_the_last_pass_does_not_wait_for_the_digest() -> None:
    shelf, server = Shelf(notice("a", INFO)), Server()

    async def work(desk: Desk) -> None:
        sent = courier(desk, shelf)
        await sent.drain()
        shelf.add(notices.stopped(TS, cause="SIGTERM", clean=True))
        await sent.drain(final=True)

    run(server, work)
    assert server.titles == ["Title a", "Stopped"]


def test_a_flood_of_warnings_goes_out_twenty_five_in_a_message() -> None:
    shelf, server = Shelf(*(notice(f"k{i}") for i in range(60))), Server()

    async def work(desk: Desk) -> None:
        await courier(desk, shelf).drain()

    run(server, work)
    assert server.titles == ["Warning: 25 notices", "Warning: 25 notices", "Warning: 10 notices"]
    assert all(row.delivered_ns for row in shelf.rows)


@pytest.mark.parametrize(
    ("script", "error", "wait_s"),
    [
        (reply(429, b'{"retry_after": 4}'), "HTTP 429", 5.0),
        (reply(429, b"garbage"), "HTTP 429", 6.0),
        (reply(500, b"<html></html>"), "HTTP 500", 1.0),
        (hang_up, "ReadError", 1.0),
        (drip, "TimeoutError", 1.0),
    ],
)
def test_what_did_not_arrive_is_postponed_and_arrives(script: Script, error: str, wait_s: float) -> None:
    shelf, server = Shelf(notice()), Server(script=[script])

    async def work(desk: Desk) -> None:
        sent = courier(desk, shelf)
        await sent.drain()
        (row,) = shelf.rows
        assert (row.error, row.next_ns, row.delivered_ns) == (error, TS + round(wait_s * NS), None)
        desk.clock.s += wait_s
        await sent.drain()
        assert row.delivered_ns == TS + round(wait_s * NS)
        assert not row.error

    run(server, work, pace=Pace(timeout_s=0.4 if script is drip else 5.0))
    assert len(server.requests) == 2


def test_a_held_message_leaves_the_outbox_as_it_was() -> None:
    shelf, server = Shelf(notice("a")), Server(script=[reply(500)])

    async def work(desk: Desk) -> None:
        sent = courier(desk, shelf)
        await sent.drain()
        shelf.add(notice("b"))
        await sent.drain()
        assert shelf.rows[1].attempts == 0
        assert shelf.rows[1].delivered_ns is None

    run(server, work)
    assert len(server.requests) == 1


def test_dead_webhooks_keep_the_notice_until_they_live_again() -> None:
    shelf, server = Shelf(notice(severity=CRITICAL)), Server(script=[reply(404), reply(404)])

    async def work(desk: Desk) -> None:
        sent = courier(desk, shelf)
        await sent.drain()
        assert shelf.rows[0].error == "HTTP 404"
        assert shelf.rows[0].next_ns == TS + 600 * NS
        desk.clock.s += 600
        await sent.drain()
        assert shelf.rows[0].delivered_ns == TS + 600 * NS

    run(server, work)


def test_what_discord_refuses_in_every_form_is_dropped_with_the_reason() -> None:
    shelf, server = Shelf(notice()), Server(script=[reply(400), reply(400)])

    async def work(desk: Desk) -> None:
        await courier(desk, shelf).drain()

    run(server, work)
    assert shelf.rows[0].dropped_ns == TS
    assert shelf.rows[0].error == "refused by Discord: HTTP 400"


@pytest.mark.parametrize(("severity", "hours"), [(INFO, 1), (WARNING, 6), (CRITICAL, 48)])
def test_a_notice_is_given_up_after_its_lifetime(severity: Severity, hours: int) -> None:
    shelf, server = Shelf(notice(severity=severity)), Server(script=[reply(503)] * 2)

    async def work(desk: Desk) -> None:
        sent = courier(desk, shelf)
        await sent.drain()
        desk.clock.s += hours * 3600
        await sent.drain()
        assert shelf.rows[0].dropped_ns is None
        desk.clock.s += 2
        await sent.drain()

    run(server, work)
    assert shelf.rows[0].dropped_ns is not None
    assert shelf.rows[0].error == f"not delivered within {hours} h"


def test_a_notice_of_a_replayed_day_is_not_old() -> None:
    shelf, server = Shelf(notice(severity=INFO, ts_event_utc_ns=TS - 400 * 24 * 3600 * NS)), Server()

    async def work(desk: Desk) -> None:
        await courier(desk, shelf).drain()

    run(server, work)
    assert shelf.rows[0].delivered_ns == TS


def test_critical_is_repeated_every_ten_minutes_until_acknowledged() -> None:
    shelf, server = Shelf(notice("a", CRITICAL), notice("w", WARNING)), Server()

    async def work(desk: Desk) -> None:
        sent = courier(desk, shelf)
        for minutes in (0, 9, 1, 9, 1):
            desk.clock.s += minutes * 60
            await sent.drain()
        shelf.rows[0].acked = True
        desk.clock.s += 600
        await sent.drain()

    run(server, work)
    assert server.titles == [
        "CRITICAL: Title a",
        "Warning: Title w",
        "CRITICAL (again): Title a",
        "CRITICAL (again): Title a",
    ]


def test_many_standing_criticals_are_repeated_in_one_message() -> None:
    shelf, server = Shelf(*(notice(k, CRITICAL) for k in "abc")), Server()

    async def work(desk: Desk) -> None:
        sent = courier(desk, shelf)
        await sent.drain()
        desk.clock.s += 600
        await sent.drain()

    run(server, work)
    assert server.titles[3:] == ["CRITICAL: 3 notices not acknowledged"]


def test_a_repeat_that_fails_is_made_again_a_minute_later() -> None:
    shelf, server = Shelf(notice("a", CRITICAL)), Server(script=[reply(204), reply(400), reply(400)])

    async def work(desk: Desk) -> None:
        sent = courier(desk, shelf)
        await sent.drain()
        for seconds in (600.0, 59.0, 1.0):
            desk.clock.s += seconds
            await sent.drain()
        assert shelf.rows[0].delivered_ns == TS + 660 * NS
        assert shelf.rows[0].dropped_ns is None

    run(server, work)
    assert len(server.requests) == 4


def test_without_a_webhook_the_outbox_says_so() -> None:
    shelf, server = Shelf(notice("a", CRITICAL), notice("b", INFO)), Server()

    async def work(desk: Desk) -> None:
        sent = courier(desk, shelf)
        await sent.drain()
        await sent.drain()

    run(server, work, critical=SecretStr(""), routine=SecretStr(""))
    assert not server.requests
    assert {(row.dropped_ns, row.error) for row in shelf.rows} == {(TS, "not sent: no webhook configured")}


def test_two_passes_at_once_send_once() -> None:
    shelf, server = Shelf(notice()), Server()

    async def work(desk: Desk) -> None:
        sent = courier(desk, shelf)
        await asyncio.gather(sent.drain(), sent.drain(final=True))

    run(server, work)
    assert len(server.requests) == 1


def test_it_empties_the_ledgers_own_outbox(tmp_path: Path) -> None:
    server = Server(script=[reply(204), reply(500)])
    halt = notices.safety_halt(TS, balance_usd=24_999.0, starting_capital_usd=50_000.0)

    async def work(desk: Desk) -> None:
        ledger = Ledger.open(f"sqlite:///{tmp_path}/gamma.db", account="paper", mode="paper", clock_ns=desk.clock.ns)
        try:
            ledger.append([], [notice("i", INFO), notice("w", WARNING), halt])
            ledger.commit()
            sent = Courier(ledger.outbox, desk.sender, SIGN, clock_ns=desk.clock.ns, monotonic_s=desk.clock.monotonic_s)
            await sent.drain()
            assert [a.notice.key for a in ledger.outbox.due(desk.clock.ns() + 60 * NS, 10)] == ["w", "i"]
            desk.clock.s += 60
            await sent.drain()
            assert not ledger.outbox.due(desk.clock.ns(), 10)
            desk.clock.s += 600
            ledger.outbox.ack("safety_halt", desk.clock.ns())
            await sent.drain()
        finally:
            ledger.close()

    run(server, work)
    assert server.titles == ["CRITICAL: Safety halt", "Warning: Title w", "Warning: Title w", "Title i"]


def test_a_flood_of_info_does_not_hide_a_critical_in_the_ledger(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/gamma.db", account="paper", mode="paper", clock_ns=lambda: TS)
    try:
        ledger.append([], [*(notice(f"i{i}", INFO) for i in range(20)), notice("c", CRITICAL)])
        assert [a.notice.key for a in ledger.outbox.due(TS, 2)] == ["c", "i0"]
    finally:
        ledger.close()


def test_a_clock_set_back_does_not_keep_an_alert_for_hours(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/gamma.db", account="paper", mode="paper", clock_ns=lambda: TS)
    try:
        ledger.append([], [notice()])
        (alert,) = ledger.outbox.due(TS, 2)
        ledger.outbox.postponed([alert.id], TS + 60 * NS, "HTTP 500")
        assert not ledger.outbox.due(TS, 2)
        assert ledger.outbox.due(TS - 24 * 3600 * NS, 2)
    finally:
        ledger.close()


def test_what_an_earlier_process_put_off_by_a_wrong_clock_is_tried_at_once() -> None:
    server = Server()

    async def work(desk: Desk) -> None:
        outbox = Shelf(notice())
        outbox.rows[0].next_ns = desk.clock.ns() + 3_600 * NS
        await courier(desk, outbox).drain()
        assert outbox.rows[0].delivered_ns is not None

    run(server, work)

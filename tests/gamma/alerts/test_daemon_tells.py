"""The daemon itself, on its paper broker, with Discord on loopback."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gamma.cli.run import Ends, _run
from gamma.cli.setting import configured
from gamma.errors import LedgerFailed
from gamma.ledger import Ledger
from tests.gamma.alerts.post_office import TOKEN, Server, reply

EXAMPLE = Path(__file__).parents[3] / "config.example.toml"


def traded(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with server:
            monkeypatch.setenv("GAMMA__ALERTS__PAPER__DISCORD_ROUTINE", server.url("routine").get_secret_value())
            monkeypatch.setenv("GAMMA__ALERTS__LIVE__DISCORD_ROUTINE", server.url("live").get_secret_value())
            config = configured(EXAMPLE, speed="max")
            await _run(config, Ends(once=True, bars_max=3), live=False, quiet=True)

    asyncio.run(work())


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_start_and_a_stop_are_told_before_the_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    traded(server, monkeypatch)
    (embed,) = server.bodies[-1]["embeds"]
    assert [field["name"] for field in embed["fields"]] == ["Started", "Stopped"]
    assert embed["footer"]["text"].startswith("paper · paper · ")
    assert {request.target.split("/")[3] for request in server.requests} == {"routine"}


def test_what_could_not_be_told_lies_in_the_ledger_for_the_next_start(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    traded(Server(script=[reply(500)]), monkeypatch)
    ledger = Ledger.open("sqlite:///gamma.db", account="paper", mode="paper")
    try:
        waiting = ledger.outbox.due(2**62, 10)
        assert [alert.notice.key for alert in waiting] == ["started", "stopped"]
        ledger.outbox.postponed([alert.id for alert in waiting], 0, "")  # its jitter has passed
    finally:
        ledger.close()
    assert TOKEN not in "".join(capfd.readouterr())
    server = Server()
    traded(server, monkeypatch)
    names = [field["name"] for field in server.bodies[-1]["embeds"][0]["fields"]]
    assert names == ["Started x 2", "Stopped x 2"]


@pytest.mark.slow
def test_that_nothing_can_be_recorded_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    traded(Server(), monkeypatch)
    server = Server()
    with closing(sqlite3.connect("gamma.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerFailed):
            traded(server, monkeypatch)
    (embed,) = server.bodies[-1]["embeds"]
    assert embed["title"] == "CRITICAL: Ledger failed"
    assert embed["description"].startswith("Stopped, for nothing can be recorded: ")
    assert "another program keeps it locked: end that one" in embed["description"]

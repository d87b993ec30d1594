"""A unit failed: a person hears of it by the webhook, whatever is wrong with the configuration."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gamma.alerts import Answer, Outcome, open_client
from gamma.errors import ConfigInvalid
from gamma.service.failure import account_of, page
from tests.daemon_case import write_config
from tests.gamma.alerts.post_office import Script, Server, reply

ENDED = {"MONITOR_SERVICE_RESULT": "watchdog", "MONITOR_EXIT_STATUS": "ABRT"}


def paged(
    path: Path,
    *script: Script,
    unit: str = "gamma.service",
    credential: str = "alerts.paper.discord_critical",
    hook: bool = True,
) -> tuple[Answer, Server]:
    """Page of a unit by a webhook that a credential names."""
    server, answers = Server(list(script)), list[Answer]()

    async def work() -> None:
        async with server, open_client() as client:
            if hook:
                folder = path.parent / "credentials"
                folder.mkdir()
                (folder / f"gamma_{credential}").write_text(server.url().get_secret_value())
            given = {"CREDENTIALS_DIRECTORY": str(path.parent / "credentials"), **ENDED}
            answers.append(await page(client, path, given, unit, pause_s=0.0))

    asyncio.run(work())
    return answers[0], server


def facts(server: Server) -> dict[str, Any]:
    return {field["name"]: field["value"] for field in server.bodies[0]["embeds"][0]["fields"]}


def test_a_person_hears_which_unit_failed_and_how(tmp_path: Path) -> None:
    told, server = paged(write_config(tmp_path))
    assert told.outcome is Outcome.SENT
    assert server.titles == ["CRITICAL: Service failed"]
    assert "journalctl -u gamma.service" in server.bodies[0]["embeds"][0]["description"]
    assert {"gamma.service", "watchdog", "ABRT"} <= set(facts(server).values())


@pytest.mark.parametrize(
    ("unit", "account"),
    [
        ("gamma.service", ""),
        ("gamma-dashboard.service", ""),
        ("gamma@apex1.service", "apex1"),
        ("gamma-backup@my-own.service", "my-own"),
    ],
)
def test_a_unit_tells_whose_it_is(unit: str, account: str) -> None:
    assert account_of(unit) == account


@pytest.mark.parametrize("wrong", ["", "\nnonsense = 1\n"])
def test_the_account_whose_unit_failed_tells_by_its_own_webhook(tmp_path: Path, wrong: str) -> None:
    overlays = "\n[accounts.apex1.metrics]\nport = 9464\n\n[accounts.topstep.metrics]\nport = 9465\n"
    path = write_config(tmp_path, more=overlays + wrong)
    told, server = paged(
        path, unit="gamma@topstep.service", credential="accounts.topstep.alerts.paper.discord_critical"
    )
    assert told.outcome is Outcome.SENT
    assert "topstep" in str(server.bodies[0])


@pytest.mark.parametrize("wrong", ["\nnonsense = 1\n", "\n[no toml\n", "\n[gamma]\nmode = 3\n"])
def test_a_configuration_that_is_wrong_keeps_nobody_from_hearing_it(tmp_path: Path, wrong: str) -> None:
    path = write_config(tmp_path, more=wrong)
    told, server = paged(path)
    assert told.outcome is Outcome.SENT
    assert len(server.requests) == 1


def test_a_webhook_that_does_not_answer_is_tried_again(tmp_path: Path) -> None:
    told, server = paged(write_config(tmp_path), reply(503), reply(503))
    assert told.outcome is Outcome.SENT
    assert len(server.requests) == 3


def test_a_webhook_that_is_gone_is_no_secret(tmp_path: Path) -> None:
    told, server = paged(write_config(tmp_path), reply(404))
    assert (told.outcome, told.error) == (Outcome.DEAD, "HTTP 404")
    assert len(server.requests) == 1


def test_where_nobody_can_be_told_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"\[alerts.paper\] names no webhook"):
        paged(write_config(tmp_path), hook=False)

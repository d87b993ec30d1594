"""A unit failed: a person is told by the webhook, past the ledger, and even where the configuration is wrong."""

import asyncio
import re
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx
from pydantic import ValidationError

from gamma import notices
from gamma.alerts import Answer, Discord, Outcome, Sign, cried
from gamma.clock import MACHINE
from gamma.config import accounts, accounts_of, load
from gamma.config.raw import ACCOUNTS, Raw
from gamma.config.schema import Alerts, known_sections
from gamma.config.sources import read_credentials, read_environment, read_file
from gamma.errors import ConfigInvalid

ATTEMPTS_MAX: Final = 5
PAUSE_S: Final = 10.0
ASK_S: Final = 10.0
_INSTANCE: Final = re.compile(r"[^@]+@(.+)\.[a-z]+")


async def page(
    client: httpx.AsyncClient, path: Path, env: Mapping[str, str], unit: str, *, pause_s: float = PAUSE_S
) -> Answer:
    """Tell that the unit failed, with what systemd says of its end; tried again where the webhook does not answer.

    Raises: ConfigInvalid when no webhook is configured.
    """
    alerts, sign = _addresses(path, env, account_of(unit))
    hooks = alerts.live if sign.mode == "live" else alerts.paper
    sender = Discord(client, critical=hooks.discord_critical, routine=hooks.discord_routine)
    if not sender.configured:
        raise ConfigInvalid(f"[alerts.{sign.mode}] names no webhook, so that nobody can be told; set discord_critical")
    result, exit_status = _end(unit, env)
    notice = notices.service_failed(MACHINE.wall_ns(), unit=unit, result=result, exit_status=exit_status)
    answer = await sender.send(cried(notice, sign))
    for _ in range(ATTEMPTS_MAX - 1):
        if answer.outcome not in {Outcome.LATER, Outcome.HELD}:
            break
        await asyncio.sleep(max(pause_s, answer.wait_s))
        answer = await sender.send(cried(notice, sign))
    return answer


def _end(unit: str, env: Mapping[str, str]) -> tuple[str, str]:
    """How it ended: as systemd told where it started this for a unit's end for good, else as it tells when asked."""
    if "MONITOR_SERVICE_RESULT" in env:
        return env["MONITOR_SERVICE_RESULT"], env.get("MONITOR_EXIT_STATUS", notices.UNKNOWN)
    command = ["systemctl", "show", "--property=Result,ExecMainStatus", "--", unit]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=ASK_S, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return notices.UNKNOWN, notices.UNKNOWN
    told_by = dict(line.partition("=")[::2] for line in told.splitlines())
    return told_by.get("Result", notices.UNKNOWN), told_by.get("ExecMainStatus", notices.UNKNOWN)


def account_of(unit: str) -> str:
    """The account that a unit is of, as `gamma@apex1.service` is of apex1; empty where it is of all."""
    found = _INSTANCE.fullmatch(unit)
    return found[1] if found else ""


def _addresses(path: Path, env: Mapping[str, str], account: str) -> tuple[Alerts, Sign]:
    """Whom to tell, and in whose name; of a configuration that is wrong, as much as can be read."""
    try:
        config = load(path, env, account=account or next(iter(accounts_of(path)), ""))
    except ConfigInvalid:
        return _salvaged(path, env, account)
    return config.alerts, Sign(account=config.account.name, mode=config.gamma.mode)


def _salvaged(path: Path, env: Mapping[str, str], account: str) -> tuple[Alerts, Sign]:
    raw = Raw()
    with suppress(ConfigInvalid):
        read_file(raw, path)
        known = accounts.names(raw)
        if known:
            accounts.lay_over(raw, account if account in known else known[0])
    read_credentials(raw, env, (*known_sections(), *([ACCOUNTS] if raw.account else [])))
    read_environment(raw, env)
    mode = _of(raw, "gamma").get("mode")
    try:
        alerts = Alerts.model_validate(_of(raw, "alerts"))
    except ValidationError:
        raise ConfigInvalid("[alerts] cannot be read, so that nobody can be told; see: gamma config check") from None
    name = raw.account or account or str(_of(raw, "account").get("name", "paper"))
    return alerts, Sign(account=name, mode="live" if mode == "live" else "paper")


def _of(raw: Raw, section: str) -> Mapping[str, object]:
    found = raw.values.get(section)
    return found if isinstance(found, Mapping) else {}

"""Who is told: the courier of alerts, and the service that calls somebody when the daemon falls silent."""

from typing import final

import httpx
import structlog

from gamma.alerts import Courier, Discord, Sign, ping
from gamma.config import Config
from gamma.ledger import Ledger

log = structlog.get_logger("gamma.messengers")


@final
class Messengers:
    """The ways out to people, as the config names them; those of live trading are apart from paper's."""

    def __init__(self, config: Config, ledger: Ledger, client: httpx.AsyncClient) -> None:
        hooks = config.alerts.live if config.gamma.mode == "live" else config.alerts.paper
        sender = Discord(client, critical=hooks.discord_critical, routine=hooks.discord_routine)
        self._courier = Courier(ledger.outbox, sender, Sign(account=config.account.name, mode=config.gamma.mode))
        self._client = client
        self._dead_man_url = config.alerts.dead_man_url

    async def deliver(self, *, final: bool = False) -> None:
        """Send what waits in the outbox; `final` when there is no later time."""
        await self._courier.drain(final=final)

    async def ping(self) -> None:
        """Say that all is well, where somebody listens for it."""
        if self._dead_man_url.get_secret_value():
            error = await ping(self._client, self._dead_man_url)
            if error:
                log.warning("dead_man_ping_failed", error=error)

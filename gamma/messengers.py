"""Who is told: the courier of alerts, and the service that calls somebody when the daemon falls silent."""

from collections.abc import Callable
from typing import Final, final

import httpx
import structlog

from gamma.alerts import Courier, Discord, Sign, address, ping
from gamma.clock import MACHINE, NS, Clock, Steady
from gamma.config import Config
from gamma.ledger import Ledger
from gamma.notices import Notice

DELIVER_S: Final = 5.0

log = structlog.get_logger("gamma.messengers")


def sender_of(
    config: Config,
    client: httpx.AsyncClient,
    clock: Clock = MACHINE,
    *,
    jitter: Callable[[], float] | None = None,
) -> Discord:
    """The webhooks of the configuration; those of live trading are apart from paper's.

    Raises: ConfigInvalid when an address is none, that of the dead-man service among them.
    """
    hooks = config.alerts.live if config.gamma.mode == "live" else config.alerts.paper
    if url := config.alerts.dead_man_url.get_secret_value():
        address("dead_man_url", url)
    return Discord(
        client,
        critical=hooks.discord_critical,
        routine=hooks.discord_routine,
        monotonic_s=lambda: clock.monotonic_ns() / NS,
        jitter=jitter,
    )


@final
class Messengers:
    """The ways out to people, as the config names them; the outbox is looked into every `deliver_s`.

    `time` is the daemon's own, by which they wait too; `jitter` spreads attempts, by a number of 0 to 1.

    Raises: ConfigInvalid when an address is none.
    """

    def __init__(
        self,
        config: Config,
        ledger: Ledger,
        client: httpx.AsyncClient,
        clock: Clock = MACHINE,
        *,
        deliver_s: float = DELIVER_S,
        jitter: Callable[[], float] | None = None,
    ) -> None:
        self.deliver_s = deliver_s
        sign = Sign(account=config.account.name, mode=config.gamma.mode)
        sender = sender_of(config, client, clock, jitter=jitter)
        self.time = Steady(clock)
        self._courier = Courier(
            ledger.outbox, sender, sign, clock_ns=self.time.now_ns, monotonic_s=lambda: clock.monotonic_ns() / NS
        )
        self._client = client
        self._dead_man_url = config.alerts.dead_man_url

    async def deliver(self, *, final: bool = False) -> None:
        """Send what waits in the outbox; `final` when there is no later time."""
        await self._courier.drain(final=final)

    async def cry(self, notice: Notice) -> None:
        """Send a notice that the ledger cannot take."""
        await self._courier.cry(notice)

    async def ping(self) -> None:
        """Say that all is well, where somebody listens for it. Call it only while that is so."""
        if self._dead_man_url.get_secret_value():
            error = await ping(self._client, self._dead_man_url)
            if error:
                log.warning("dead_man_ping_failed", error=error)

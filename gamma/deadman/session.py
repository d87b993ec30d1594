"""The dead-man's own session with the broker, its folder, and whether it can do anything for an account."""

from pathlib import Path

from gamma import requests
from gamma.assembly import open_broker, setup_of
from gamma.config import Config
from gamma.errors import ConfigInvalid
from gamma.ports import BarDriven, Broker


def folder_of(config: Config) -> Path:
    """Where the dead-man keeps its journal: beside the ledger's file."""
    return requests.folder_of(config.gamma.database, config.account.name).with_suffix(".deadman")


def session_of(config: Config, state_path: Path | None) -> Broker:
    """A session of its own with the broker that the strategies trade at; nothing is sent yet.

    What it keeps between starts, if anything, lies beside `state_path`. Raises: ConfigInvalid.
    """
    name = config.strategies[0].broker
    params = {**config.brokers.get(name, {}), **config.deadman.broker}
    own = config.model_copy(update={"brokers": {**config.brokers, name: params}})
    return open_broker(own, name, setup_of(config).markets, state_path)


def check(config: Config, broker: Broker) -> None:
    """Whether a dead-man can do anything for this account.

    Raises: ConfigInvalid, which says why not.
    """
    name = broker.capabilities.name
    if isinstance(broker, BarDriven):
        raise ConfigInvalid(
            f"[[strategies]] broker = {name!r}: it lives in the daemon's own process, and nothing trades when that is "
            "dead: there is nothing for a dead-man to close. Positions wait for the next start"
        )
    if not broker.capabilities.shared:
        raise ConfigInvalid(
            f"[[strategies]] broker = {name!r}: it lets no session cancel the orders of another, so that a dead-man "
            "could close nothing that has a stop: rely on the stops that it holds, and on alerts.dead_man_url"
        )
    least_s = 2 * config.schedule.heartbeat_s + config.deadman.look_s
    if config.deadman.silence_s < least_s:
        raise ConfigInvalid(
            f"[deadman] silence_s = {config.deadman.silence_s:g}: the daemon gives a sign of life every "
            f"{config.schedule.heartbeat_s:g} s ([schedule] heartbeat_s); set silence_s to {least_s:g} at least"
        )

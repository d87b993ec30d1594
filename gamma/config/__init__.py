"""Configuration: TOML, environment and credentials to one frozen, validated `Config`.

A later source wins over an earlier one: defaults, the file, credential files, the environment, options.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, SecretStr, ValidationError

from gamma.complaints import MASK, complain, password_in, without_password
from gamma.config import accounts
from gamma.config.raw import ACCOUNTS, Raw, leaves
from gamma.config.schema import Config, Strategy, known_sections
from gamma.config.sources import read_credentials, read_environment, read_file, refuse_unsound
from gamma.errors import ConfigInvalid

__all__ = ["Config", "Strategy", "accounts_of", "config_hash", "load", "parse", "settings", "strategy_hash"]


def load(path: Path, env: Mapping[str, str], given: Mapping[str, object] | None = None, account: str = "") -> Config:
    """Read and check a configuration file, with what the environment and the credentials override.

    `given` are values by their dotted path that the command line puts above all of these. `account` says which is
    meant where the file has several.

    Raises: ConfigInvalid, which names every wrong section and key, its value, and what is known.
    """
    known = accounts_of(path)
    if known:
        name = accounts.chosen(known, account, str(path))
        config = parse(_read(path, env, given, name))
        accounts.refuse_shared(_each(path, env, known))
        return config
    config = parse(_read(path, env, given))
    if account not in ("", config.account.name):
        raise ConfigInvalid(f"{path} has no account {account!r}; it has one alone: {config.account.name}")
    return config


def accounts_of(path: Path) -> tuple[str, ...]:
    """The names of a file's accounts, in its order; none where it is of one account alone.

    Raises: ConfigInvalid.
    """
    raw = Raw()
    read_file(raw, path)
    return accounts.names(raw)


def _read(path: Path, env: Mapping[str, str], given: Mapping[str, object] | None = None, account: str = "") -> Raw:
    """All sources, one over the other; of a file of several accounts, those of one."""
    raw = Raw()
    read_file(raw, path)
    if account:
        accounts.lay_over(raw, account)
    read_credentials(raw, env, (*known_sections(), *([ACCOUNTS] if account else [])))
    read_environment(raw, env)
    for dotted, value in (given or {}).items():
        raw.put(dotted.split("."), value, "command line")
    if account:
        accounts.set_apart(raw)
    return raw


def _each(path: Path, env: Mapping[str, str], known: tuple[str, ...]) -> dict[str, Raw]:
    """What was given of each account; a fault in what is told of one does not keep another from starting."""
    found: dict[str, Raw] = {}
    for name in known:
        with suppress(ConfigInvalid):
            found[name] = _read(path, env, account=name)
    return found


def parse(raw: Raw) -> Config:
    """Check values that were read.

    Raises: ConfigInvalid.
    """
    refuse_unsound(raw)
    try:
        config = _validate(raw)
    except ValidationError as error:
        raise ConfigInvalid(complain(error, Config, origin=raw.origin, told=raw.told)) from None
    paths = [path for path, _ in leaves(raw.values)]
    own = {path: raw.told(path) for path in paths} if raw.account else {}
    return config.traced({path: raw.origin(path) for path in paths}, own)


def _validate(raw: Raw) -> Config:
    try:
        return _strictly(raw.values)
    except ValidationError as error:
        # An account called 12345 in the environment is text, though TOML would read it as a number.
        paths = [".".join(map(str, row["loc"])) for row in error.errors() if row["type"] == "string_type"]
        mended = [path for path in paths if path in raw.texts]
        if not mended:
            raise
        for path in mended:
            raw.put(path.split("."), raw.texts[path], raw.origins[path])
        return _strictly(raw.values)


def _strictly(values: Mapping[str, Any]) -> Config:
    """Through JSON, because strict JSON reads a list as a tuple, but never text or true as a number."""
    return Config.model_validate_json(json.dumps(values, default=str), strict=True)


def settings(config: Config) -> dict[str, tuple[Any, str]]:
    """Every value by its dotted path, secrets masked, with where it came from."""
    return {path: (value, config.origins.get(path, "default")) for path, value in leaves(_shown(config))}


# What a decision comes from; how fast bars come, where the ledger lies and whom alerts reach is not of it.
_DECIDES: Final = ("account", "brokers", "strategies", "sizers", "guards", "markets")


def config_hash(config: Config) -> str:
    """SHA-256 of all that trading depends on, but for secrets, in canonical JSON: what `gamma arm` signs off."""
    told = {"validated": config.validated} if config.validated else {}
    return _hash({"mode": config.gamma.mode} | {name: getattr(config, name) for name in _DECIDES} | told)


def strategy_hash(config: Config, name: str) -> str:
    """SHA-256 of all that one strategy's decisions depend on: its section, its chain, its guards, its market."""
    strategy = config.strategy(name)
    return _hash(
        {
            "account": config.account,
            "strategy": strategy,
            "sizers": {n: config.sizers.get(n, {}) for n in strategy.sizers},
            "guards": {n: config.guards.get(n, {}) for n in strategy.guards},
            "market": config.markets.get(strategy.market),
        }
        | ({"validated": config.validated[name]} if name in config.validated else {})
    )


def _hash(value: Any) -> str:
    shown = _shown(value, mask="")
    return hashlib.sha256(json.dumps(shown, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def secrets(config: Config) -> tuple[str, ...]:
    """Every secret that the configuration holds, so that it can be kept out of logs."""
    return tuple(secret for secret in _secrets(config) if secret)


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        yield from _secrets([getattr(value, name) for name in type(value).model_fields])
    elif isinstance(value, Mapping):
        yield from _secrets(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets(item)
    elif isinstance(value, str):
        yield password_in(value)


def _shown(value: Any, mask: str = MASK) -> Any:
    if isinstance(value, SecretStr):
        return mask if value.get_secret_value() else ""
    if hasattr(value, "model_fields_set"):
        return {name: _shown(getattr(value, name), mask) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {key: _shown(item, mask) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(item, mask) for item in value]
    return without_password(value) if isinstance(value, str) else value

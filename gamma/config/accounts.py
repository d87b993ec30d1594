"""Several accounts in one file: what stands under `[accounts.NAME]` lies over the rest of the file, for that account.

Tables are merged key by key, all else is replaced whole. Each account is called by its table. Files that no two may
share get its name where they are not told of it alone: `gamma.db` is `gamma-apex1.db`, `backups` is `backups/apex1`.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from pathlib import Path, PurePath
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from gamma.complaints import did_you_mean, place, shown, without_password
from gamma.config.raw import ACCOUNTS, Raw, leaves
from gamma.config.schema import NAME, Chains, Gamma, Paths
from gamma.errors import ConfigInvalid
from gamma.orders import id_prefix

_NAME_PATH: Final = "account.name"
_SQLITE: Final = "sqlite:///"
_POSTGRES_PORT: Final = 5432
# What names the account at a broker; where a key is of one account, the key.
_BROKER_ACCOUNT: Final = ("account_id", "key_id")
_DEFAULTS: Final = {
    "gamma.database": Gamma().database,
    "paths.kill_switch": Paths().kill_switch,
    "paths.backups": Paths().backups,
    "paths.reports": Paths().reports,
    "chains.record": Chains().record,
}


def names(raw: Raw) -> tuple[str, ...]:
    """The accounts of a file, in its order; none where it is of one account, as most are.

    Raises: ConfigInvalid when one has no name that an account can have, or is no table.
    """
    told = raw.values.get(ACCOUNTS)
    if ACCOUNTS in raw.values and (not isinstance(told, dict) or not told):
        raise ConfigInvalid(f"{_at(raw, ACCOUNTS)}[accounts]: write a table for each account, as [accounts.apex1]")
    for name, overlay in (told or {}).items():
        at = _at(raw, f"{ACCOUNTS}.{name}")
        if not NAME.fullmatch(name):
            raise ConfigInvalid(
                f"{at}[{ACCOUNTS}] {shown(name)}: name an account by small letters, digits, - and _; at most 32, the "
                "first a letter or a digit"
            )
        if not isinstance(overlay, dict):
            raise ConfigInvalid(f"{at}[{ACCOUNTS}] {name}: should be a table, as [{ACCOUNTS}.{name}.account]")
    return tuple(told or ())


def chosen(known: tuple[str, ...], name: str, file: str) -> str:
    """The account that is meant; one alone need not be named.

    Raises: ConfigInvalid, which lists those there are and says what to type.
    """
    if name in known or (not name and len(known) == 1):
        return name or known[0]
    listed = ", ".join(known)
    if not name:
        raise ConfigInvalid(f"{file} has the accounts {listed}; name one of them, as in --account {known[0]}")
    raise ConfigInvalid(f"{file} has no account {name!r}; {did_you_mean(name, known)}known: {listed}")


def lay_over(raw: Raw, name: str) -> None:
    """Make the values those of one account: what its table tells over what the rest of the file tells.

    Raises: ConfigInvalid where the file gives the account another name.
    """
    told = raw.values.pop(ACCOUNTS)
    raw.accounts, raw.account = tuple(told), name
    _refuse_name(raw, "")
    head = f"{ACCOUNTS}.{name}."
    raw.values = _merged(raw.values, told[name])
    # An empty table tells nothing of what could be in it.
    raw.own = {f"{path}." if value == {} else path for path, value in leaves(told[name]) if path}
    above = {path.removeprefix(head): origin for path, origin in raw.origins.items() if path.startswith(head)}
    rest = {path: origin for path, origin in raw.origins.items() if path.split(".")[0] != ACCOUNTS}
    raw.origins = {path: origin for path, origin in rest.items() if not raw.is_own(path)} | above


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    found = deepcopy(dict(below))
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(found.get(key), Mapping)
        found[key] = _merged(found[key], value) if both else deepcopy(value)
    return found


def set_apart(raw: Raw) -> None:
    """Give the account its name, and its own of all that no two accounts may share, where it was not told one.

    Raises: ConfigInvalid where a source gives the account another name.
    """
    _refuse_name(raw, raw.account)
    raw.put([*_NAME_PATH.split(".")], raw.account, raw.origin(_NAME_PATH))
    for path, default in _DEFAULTS.items():
        value = _value(raw.values, path, default)
        if isinstance(value, str) and value and not raw.is_own(path):
            named = _database(value, raw.account) if path == "gamma.database" else _file(path, value, raw.account)
            raw.put(path.split("."), named, raw.origins.get(path, "default"))


def _refuse_name(raw: Raw, known: str) -> None:
    name = _value(raw.values, _NAME_PATH, "")
    if name and name != known:
        raise ConfigInvalid(
            f"{_at(raw, _NAME_PATH)}{place(raw.told(_NAME_PATH))} = {shown(name)}: leave it out; of several accounts "
            "each is called by its table, as [accounts.apex1]"
        )


def _database(url: str, name: str) -> str:
    """The ledger of one account: a file of its own beside the others, or a schema of its own in their database."""
    if url.startswith(_SQLITE):
        path = url.removeprefix(_SQLITE)
        return url if path in ("", ":memory:") else f"{_SQLITE}{_beside(path, name)}"
    if not url.startswith("postgresql"):
        return url
    return f"{url}{'&' if '?' in url else '?'}schema={name}"


def _file(path: str, value: str, name: str) -> str:
    return _beside(value, name) if path == "paths.kill_switch" else f"{value.rstrip('/')}/{name}"


def _beside(value: str, name: str) -> str:
    path = PurePath(value)
    return str(path.with_name(f"{path.stem}-{name}{path.suffix}")) if path.name else value


def refuse_shared(several: Mapping[str, Raw]) -> None:
    """Refuse accounts that would share what must be one account's own.

    Raises: ConfigInvalid, which names both accounts, the value and what to write.
    """
    owners: dict[tuple[str, str], str] = {}
    for name, raw in several.items():
        for path, key, advice in _claims(raw):
            # A port is one, whoever listens there.
            kind = "port" if path.endswith(".port") else path.partition(".")[0]
            other = owners.setdefault((kind, repr(key)), name)
            if other != name:
                value = _value(raw.values, path, "")
                value = without_password(value) if isinstance(value, str) else value
                told = f"{place(raw.told(path))} = {shown(value)}"
                shared = "" if path == _NAME_PATH else f"accounts {other} and {name} share it; "
                raise ConfigInvalid(f"{_at(raw, path)}{told}: {shared}{advice}")


def _claims(raw: Raw) -> Iterator[tuple[str, object, str]]:
    """What belongs to this account alone: where it stands, what must differ, and what to do where it does not."""
    name, values = raw.account, raw.values
    table = f"[{ACCOUNTS}.{name}"
    database = _value(values, "gamma.database", "")
    if isinstance(database, str) and (place_of := _ledger(database)):
        yield "gamma.database", place_of, f"give each its ledger, or leave it out of {table}.gamma]"
    switch = _value(values, "paths.kill_switch", "")
    if isinstance(switch, str):
        yield "paths.kill_switch", _real(switch), f"give each its switch, or leave it out of {table}.paths]"
    port = _value(values, "metrics.port", None)
    if port is not None:
        yield "metrics.port", port, f"give each its port, as {table}.metrics] port = {_next(port)}"
    for path, heard in _heard(values):
        yield (
            path,
            heard,
            f"two daemons cannot listen at one port; tell the strategies anew, under [[{ACCOUNTS}.{name}.strategies]]",
        )
    for path, use, account in _traded(values):
        yield path, (use, account), f"one account at a broker is traded by one daemon; name another in {table}.brokers]"
        head = id_prefix(name)
        yield (
            _NAME_PATH,
            (use, head),
            f"the ids of their orders at {use} would begin with {head} as another account's do; rename it",
        )


def _ledger(url: str) -> tuple[object, ...]:
    """Where a ledger lies, however that is written; nothing in memory."""
    if url.startswith(_SQLITE):
        path = url.removeprefix(_SQLITE)
        return () if path in ("", ":memory:") else (_real(path),)
    with suppress(ValueError):
        parts = urlsplit(url)
        if not parts.hostname and not parts.path:
            return ()
        schema = parse_qs(parts.query).get("schema", ["public"])[-1]
        return parts.hostname or "", parts.port or _POSTGRES_PORT, parts.path, schema
    return ()


def _real(path: str) -> str:
    """The file that a path leads to, whichever way; one that no file can have, as it is."""
    with suppress(OSError, ValueError, RuntimeError):
        return str(Path(path).resolve())
    return path


def _traded(values: Mapping[str, Any]) -> Iterator[tuple[str, str, object]]:
    """The accounts at brokers that the strategies trade: where it stands, whose broker, which account."""
    strategies, brokers = values.get("strategies"), values.get("brokers")
    if not isinstance(strategies, list) or not isinstance(brokers, Mapping):
        return
    for name in sorted({str(s.get("broker", "paper")) for s in strategies if isinstance(s, Mapping)}):
        section = brokers.get(name)
        if not isinstance(section, Mapping):
            continue
        key = next((key for key in _BROKER_ACCOUNT if section.get(key)), "")
        if key:
            account = (str(section[key]).upper(), section.get("url", ""))
            yield f"brokers.{name}.{key}", str(section.get("use", name)), account


def _heard(values: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """The ports at which signals from outside are listened for."""
    strategies = values.get("strategies")
    for index, strategy in enumerate(strategies if isinstance(strategies, list) else ()):
        port = _value(strategy, "signal.port", None)
        if port is not None:
            yield f"strategies.{index}.signal.port", port


def _next(port: object) -> int:
    return port + 1 if isinstance(port, int) and 0 < port < 65_535 else 9464


def _value(values: Mapping[str, Any], path: str, default: Any) -> Any:
    here: Any = values
    for part in path.split("."):
        if isinstance(here, list) and part.isdecimal() and int(part) < len(here):
            here = here[int(part)]
        elif isinstance(here, Mapping) and part in here:
            here = here[part]
        else:
            return default
    return here


def _at(raw: Raw, path: str) -> str:
    where = raw.origin(path)
    return f"{where}: " if where else ""

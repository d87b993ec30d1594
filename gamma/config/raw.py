"""`Raw`: values as they were given, and where each came from, before anything is checked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gamma.complaints import did_you_mean, place
from gamma.errors import ConfigInvalid

ACCOUNTS: Final = "accounts"


@dataclass(slots=True)
class Raw:
    """Values as they were given, by section and key, and the origin of each by its dotted path.

    `texts` keeps what the environment said before it was read as TOML, for keys that want text. Of a file of several
    `accounts` they are the values of one `account`, and `own` are the paths that are told of it alone.
    """

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    accounts: tuple[str, ...] = ()
    account: str = ""
    own: set[str] = field(default_factory=set)

    def origin(self, path: str) -> str:
        """Where the value at `path` came from, or what is nearest: something in it, or what it is in."""
        if path in self.origins:
            return self.origins[path]
        below = next((where for known, where in self.origins.items() if known.startswith(f"{path}.")), "")
        if below:
            return below
        while path:
            if path in self.origins:
                return self.origins[path]
            path = path.rpartition(".")[0]
        return ""

    def told(self, path: str) -> str:
        """The path at which the value stands: under `accounts.NAME` where it is told of that account alone."""
        return f"{ACCOUNTS}.{self.account}.{path}" if path and self.is_own(path) else path

    def is_own(self, path: str) -> bool:
        """Whether the value, or something in it, or what it is in, is told of the account alone."""
        return any(f"{path}.".startswith(f"{own}.") or own.startswith(f"{path}.") for own in self.own)

    def put(self, parts: list[str], value: object, origin: str) -> str:
        """Set the value at a path, and note its origin; gives the path as the file would have it.

        What is told of another account is left out, and "" given.
        """
        own = bool(self.account) and parts[0] == ACCOUNTS
        if own:
            if _account(parts, self.accounts, origin) != self.account:
                return ""
            parts = parts[2:]
        path = self._put(parts, value, origin)
        self.own = {known for known in self.own if known != path and not known.startswith(f"{path}.")}
        if own:
            self.own.add(path)
        return path

    def _put(self, parts: list[str], value: object, origin: str) -> str:
        walked: list[str] = []
        here: Any = self.values
        for part in parts[:-1]:
            key = _match(here, part)
            walked.append(str(key))
            here = _descend(here, key, walked, origin)
        key = _match(here, parts[-1])
        if isinstance(here, list):
            raise ConfigInvalid(f"{origin}: {place('.'.join(walked))} has no {parts[-1]}; give one key of an entry")
        here[key] = value
        path = ".".join([*walked, str(key)])
        for below in [known for known in self.origins if known.startswith(f"{path}.")]:
            del self.origins[below]
        self.origins[path] = origin
        return path


def _account(parts: list[str], accounts: tuple[str, ...], origin: str) -> str:
    """The account that a path under `accounts` is of; in the environment, - is written as _."""
    name = parts[1] if len(parts) > 1 else ""
    found = [known for known in accounts if name.lower().replace("-", "_") == known.replace("-", "_")]
    if len(parts) > 3 and found:
        return found[0]
    if found:
        raise ConfigInvalid(f"{origin}: give a section and a key of {found[0]}, as in {ACCOUNTS}.{found[0]}.gamma.mode")
    raise ConfigInvalid(f"{origin}: no account {name!r}; {did_you_mean(name, accounts)}known: {', '.join(accounts)}")


def _match(here: Any, part: str) -> str | int:
    """The key that `part` means: written in any case, and in a list by index or by name."""
    if isinstance(here, list):
        for index, entry in enumerate(here):
            if part == str(index) or _entry_name(index, entry).lower() == part.lower():
                return index
        return part
    return next((key for key in here if key.lower() == part.lower()), part)


def _descend(here: Any, key: str | int, walked: list[str], origin: str) -> Any:
    if isinstance(here, list):
        if isinstance(key, str):
            names = ", ".join(_entry_name(index, entry) for index, entry in enumerate(here))
            raise ConfigInvalid(f"{origin}: no entry {key!r} in [{'.'.join(walked[:-1])}]; known: {names or 'none'}")
        return here[key]
    found = here.setdefault(key, {})
    if not isinstance(found, dict | list):
        raise ConfigInvalid(f"{origin}: {place('.'.join(walked))} is one value, and has no keys under it")
    return found


def _entry_name(index: int, entry: object) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    return name if isinstance(name, str) else str(index)


def leaves(values: object, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every single value with its dotted path; a list of plain values is one value."""
    if isinstance(values, Mapping) and values:
        for key, value in values.items():
            yield from leaves(value, f"{path}.{key}" if path else str(key))
    elif isinstance(values, list | tuple) and any(isinstance(v, Mapping) for v in values):
        for index, value in enumerate(values):
            yield from leaves(value, f"{path}.{index}")
    else:
        yield path, values

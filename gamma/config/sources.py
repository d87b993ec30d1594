"""Where configuration comes from: a TOML file, `GAMMA__SECTION__KEY` in the environment, credential files.

Each source sets values by their path and notes where it did; a later source wins over an earlier one.
"""

import math
import re
import stat
import tomllib
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from gamma.complaints import is_secret, place, without_password
from gamma.config.raw import ACCOUNTS, Raw, leaves
from gamma.errors import ConfigInvalid

ENV_PREFIX: Final = "GAMMA__"
CREDENTIAL_FOLDERS: Final = ("CREDENTIALS_DIRECTORY", "GAMMA_SECRETS_DIR")
CREDENTIAL_PREFIX: Final = "gamma_"
SECRET_BYTES_MAX: Final = 65_536
NESTED_MAX: Final = 16

_HEADER: Final = re.compile(r"^\s*\[(\[)?\s*([^\[\]]+?)\s*\]")
_KEY: Final = re.compile(r"^\s*([A-Za-z0-9_.\-\"']+)\s*=")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_DECLARED: Final = re.compile(r"\(((?:'(?:[^'\\]|\\.)*',? ?)+)\)")
_QUOTED: Final = re.compile(r"'((?:[^'\\]|\\.)*)'")


def read_file(raw: Raw, path: Path) -> None:
    """Read a TOML file into `raw`.

    Raises: ConfigInvalid when it is missing, is no TOML, or holds secrets that other users may read.
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw.values = _toml(text)
    except FileNotFoundError:
        raise ConfigInvalid(f"no {path} here; write one with `gamma init`, or name yours with --config") from None
    except OSError as error:
        raise ConfigInvalid(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigInvalid(f"{path} is not UTF-8 text; save it as UTF-8") from None
    except NotToml as error:
        raise ConfigInvalid(f"{path} is not TOML: {error}") from None
    for dotted, line in _lines(text):
        raw.origins.setdefault(dotted, f"{path}:{line}")
    refuse_unsound(raw)
    _refuse_readable_secrets(raw.values, path)


class NotToml(Exception):
    """The text is no TOML; the message says where."""


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NotToml(_DECLARED.sub(lambda found: _dotted(found[1]), str(error))) from None
    except RecursionError:
        raise NotToml(f"it is nested deeper than {NESTED_MAX}; one line of it opens too many brackets") from None
    except ValueError:
        # Python refuses to read a number of more than 4,300 digits, and names no line.
        raise NotToml("a number in it has thousands of digits; on one line of it a number must be shorter") from None


def _dotted(names: str) -> str:
    """`('guards', 'order_size')`, as the parser names a table, as it stands in the file."""
    return f"[{'.'.join(found[1] for found in _QUOTED.finditer(names))}]"


def refuse_unsound(raw: Raw) -> None:
    """Refuse what no section may take: nested too deep, beyond 64 bits, infinite or NaN, or no Unicode.

    Raises: ConfigInvalid, which names the key.
    """
    waiting: list[tuple[tuple[str, ...], Any]] = [((), raw.values)]
    while waiting:
        parts, value = waiting.pop()
        wrong = _unsound(parts, value)
        if wrong:
            path = ".".join(parts)
            where = raw.origin(path)
            raise ConfigInvalid(f"{where}: {place(path)}: {wrong}" if where else f"{place(path)}: {wrong}")
        if isinstance(value, Mapping):
            waiting.extend(((*parts, key), item) for key, item in value.items())
        elif isinstance(value, list):
            waiting.extend(((*parts, str(index)), item) for index, item in enumerate(value))


def _unsound(parts: tuple[str, ...], value: object) -> str:
    if len(parts) > NESTED_MAX:
        return f"is nested deeper than {NESTED_MAX}; write it flatter"
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return "is beyond 64 bits; write a smaller number"
    if isinstance(value, float) and not math.isfinite(value):
        return f"is {value}, and a limit without an end is none; write a finite number"
    texts = (value, *parts[-1:]) if isinstance(value, str) else parts[-1:]
    if any(not text.isascii() and _SURROGATE.search(text) for text in texts):
        return "is no Unicode text; save it as UTF-8"
    return ""


def _refuse_readable_secrets(values: Mapping[str, Any], path: Path) -> None:
    if not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return
    for dotted, value in leaves(values):
        if value and isinstance(value, str) and _holds_secret(dotted, value):
            raise ConfigInvalid(
                f"{path} holds a secret ({place(dotted)}) and other users of this machine may read it; "
                f"run: chmod 600 {path}"
            )


def _holds_secret(dotted: str, value: str) -> bool:
    return is_secret(dotted.rpartition(".")[2]) or without_password(value) != value


def _lines(text: str) -> Iterator[tuple[str, int]]:
    """The line of each key; good enough to point at, it is never read from."""
    counts: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.split("\n"), 1):
        if header := _HEADER.match(line):
            section = _section(header[2], array=header[1] is not None, counts=counts)
            yield section, number
        elif key := _KEY.match(line):
            name = re.sub(r"[\"'\s]", "", key[1])
            yield (f"{section}.{name}" if section else name), number


def _section(name: str, *, array: bool, counts: dict[str, int]) -> str:
    parts: list[str] = []
    names = re.sub(r"[\"'\s]", "", name).split(".")
    for depth, part in enumerate(names):
        parts.append(part)
        dotted = ".".join(parts)
        if array and depth == len(names) - 1:
            counts[dotted] = counts.get(dotted, -1) + 1
        if dotted in counts:
            parts.append(str(counts[dotted]))
    return ".".join(parts)


def read_credentials(raw: Raw, env: Mapping[str, str], sections: Container[str]) -> None:
    """Read secrets from files named by their path, as `alerts.paper.discord_critical`.

    The folders are systemd's $CREDENTIALS_DIRECTORY and $GAMMA_SECRETS_DIR; files of other names are not ours. Where
    systemd is given a folder, as in `LoadCredential=gamma:FOLDER`, it puts `gamma_` before the names in it.
    """
    for variable in CREDENTIAL_FOLDERS:
        folder = env.get(variable, "")
        if not folder:
            continue
        for path in sorted(_files(variable, Path(folder)), key=_shared_first):
            parts = _setting(path).split(".")
            if len(parts) > 1 and parts[0] in sections and path.is_file():
                raw.put(parts, _secret_text(path), f"credential {path.name}")


def _setting(path: Path) -> str:
    """The dotted path that a credential's file sets."""
    return path.name.removeprefix(CREDENTIAL_PREFIX)


def _shared_first(path: Path) -> tuple[bool, str]:
    """What is told of one account alone comes after what is told of all, and wins."""
    return _setting(path).startswith(f"{ACCOUNTS}."), _setting(path)


def _files(variable: str, folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise ConfigInvalid(f"${variable} {folder} cannot be read: {error.strerror}") from None


def _secret_text(path: Path) -> str:
    if path.stat().st_size > SECRET_BYTES_MAX:
        raise ConfigInvalid(f"credential {path.name} is larger than {SECRET_BYTES_MAX} bytes; it is no secret of ours")
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise ConfigInvalid(f"credential {path.name} cannot be read as UTF-8 text") from None


def read_environment(raw: Raw, env: Mapping[str, str]) -> None:
    """Read `GAMMA__SECTION__KEY=value`; the value is TOML where it parses as such, else text.

    `GAMMA__ACCOUNTS__NAME__SECTION__KEY` is told of one account alone, and wins over what is told of all.
    """
    own = f"{ENV_PREFIX}{ACCOUNTS.upper()}__"
    for name in sorted(env, key=lambda name: (name.startswith(own), name)):
        if not name.startswith(ENV_PREFIX):
            continue
        path = raw.put(_env_parts(name), _toml_value(env[name]), f"env {name}")
        if path:
            raw.texts[path] = env[name]


def _env_parts(name: str) -> list[str]:
    parts = name.removeprefix(ENV_PREFIX).split("__")
    if len(parts) < 2 or not all(parts):
        raise ConfigInvalid(f"env {name}: write it as GAMMA__SECTION__KEY, as in GAMMA__GAMMA__LOG_LEVEL=debug")
    account = parts[:2] if parts[0] == ACCOUNTS.upper() else []
    section, *keys = parts[len(account) :] or [""]
    # Symbols are written in capitals, all else in small letters.
    symbol = [keys.pop(0)] if section == "MARKETS" and len(keys) > 1 else []
    return [*(part.lower() for part in account), section.lower(), *symbol, *(key.lower() for key in keys)]


def _toml_value(text: str) -> object:
    try:
        return _toml(f"value = {text}")["value"]
    except NotToml:
        return text

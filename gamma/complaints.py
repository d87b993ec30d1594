"""What is wrong with a configuration, in words: where, section, key, value, what is known."""

import difflib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError

MASK: Final = "********"
_SECRET: Final = re.compile(r"(^|_)(token|secret|password|passphrase|key|webhook|dead_man_url|discord_[a-z]+)$")

SHOWN_MAX: Final = 80
# All up to the last @: whoever types a password types slashes and @s too. What begins like the middle of a URL
# (`name:password@...`) is taken for one whose beginning was lost.
_PASSWORD: Final = re.compile(r"(://[^:/@\s]*:|(?:^|[\s\"'])[^:/@\s\"']*:(?!//))(\S+)(?=@)")

Origin = Callable[[str], str]


def is_secret(key: str) -> bool:
    """Whether a key of this name holds a secret, wherever it stands."""
    return _SECRET.search(key.lower()) is not None


def without_password(url: str) -> str:
    """The URL with the password in it masked: `postgresql://gamma:********@host/db`."""
    return _PASSWORD.sub(rf"\g<1>{MASK}", url)


def password_in(url: str) -> str:
    """The password that a URL carries; "" where there is none."""
    found = _PASSWORD.search(url)
    return found[2] if found else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean half_kelly? `, or nothing when no known word is near."""
    near = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}? " if near else ""


def place(path: str) -> str:
    """A dotted path as it stands in the file: `sizers.half_kelly.max_lots` is `[sizers.half_kelly] max_lots`."""
    section, _, key = path.rpartition(".")
    return f"[{section}] {key}" if section else f"[{key}]"


def shown(value: Any) -> str:
    """A plain value as TOML has it, cut where it is long."""
    text = toml(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."


def toml(value: Any) -> str:
    """A plain value as TOML has it."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return str(value) if isinstance(value, float) and not math.isfinite(value) else json.dumps(value)


def complain(
    error: ValidationError,
    model: type[BaseModel],
    *,
    section: str = "",
    origin: Origin = lambda _: "",
    told: Callable[[str], str] = str,
) -> str:
    """Each of pydantic's complaints in one line of gamma's words, secrets left out.

    `told` gives the path at which a value stands in the file, where that is another than in the model.
    """
    rows = error.errors(include_url=False)
    locs = [row["loc"] for row in rows]
    # A list is also called too short where one of its entries is wrong; the entry says it all.
    deepest = [r for r in rows if not any(len(o) > len(r["loc"]) and o[: len(r["loc"])] == r["loc"] for o in locs)]
    return "\n".join(_line(row, model, section, (origin, told)) for row in deepest)


def _line(
    row: Mapping[str, Any], model: type[BaseModel], section: str, whence: tuple[Origin, Callable[[str], str]]
) -> str:
    origin, told = whence
    loc = [str(part) for part in row["loc"]]
    path = ".".join([section, *loc] if section else loc)
    where = origin(path)
    head = (f"{where}: " if where else "") + (place(told(path)) if path else "config")
    if row["type"] == "extra_forbidden":
        known = _known(model, loc[:-1])
        return f"{head}: unknown key; {did_you_mean(loc[-1], known)}known: {', '.join(known) or 'none'}"
    if row["type"] == "missing":
        return f"{head}: is missing, and has no default"
    message = str(row["msg"]).removeprefix("Value error, ").removeprefix("Input ").replace("an object", "a table")
    return f"{head}{_value(loc, row['input'])}: {message}"


def _value(loc: Sequence[str], value: object) -> str:
    if any(is_secret(part) for part in loc) or isinstance(value, SecretStr):
        return f" = {MASK}"
    if isinstance(value, str) and "@" in value and "://" not in value:
        return ""  # it may be a URL with a slip of the pen in it, password and all
    plain = without_password(value) if isinstance(value, str) else value
    # What is wrong with the whole has the whole as its value, secrets and all.
    return f" = {shown(plain)}" if loc and isinstance(plain, str | int | float) else ""


def _known(model: type[BaseModel], loc: Sequence[str]) -> tuple[str, ...]:
    """The keys that the model knows at `loc`; an index or a name steps into a list or a mapping."""
    found: Any = model
    for part in loc:
        if _is_model(found):
            field = found.model_fields.get(part)
            found = _plain(field.annotation) if field is not None else None
        else:
            found = _plain(next((a for a in reversed(get_args(found)) if a is not Ellipsis), None))
    return tuple(found.model_fields) if _is_model(found) else ()


def _plain(annotation: Any) -> Any:
    """The annotation without `| None`."""
    if get_origin(annotation) in (Union, UnionType):
        return next(a for a in get_args(annotation) if a is not type(None))
    return annotation


def _is_model(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, BaseModel)

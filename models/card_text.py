"""Cards as TOML: from a text to a checked model, and back. Nothing here needs JAX."""

import tomllib
from collections.abc import Mapping
from typing import Any, TypeVar

import tomlkit
from pydantic import BaseModel

from gamma.errors import ConfigInvalid, InputInvalid
from gamma.params import parse
from models.sealed import AGAIN

Card = TypeVar("Card", bound=BaseModel)


def written(card: BaseModel, without: frozenset[str] = frozenset()) -> str:
    """The card as TOML, which `read` gives back equal; fields `without` are left out.

    Raises: InputInvalid when it would not come back as it is.
    """
    text = tomlkit.dumps(card.model_dump(exclude_none=True, exclude=set(without)))
    if read(type(card), text, "the card") != card:
        raise InputInvalid("the card does not come back as it was written; shorten its texts and numbers")
    return text


def read(model: type[Card], text: str, where: str) -> Card:
    """The card that a TOML text holds; `where` is said in front of what is wrong.

    Raises: ConfigInvalid, which names the field, its value and what it should be.
    """
    try:
        raw = tomllib.loads(text)
    except RecursionError:
        raise ConfigInvalid(f"{where}: is nested too deep to be a card; {AGAIN}") from None
    except ValueError as error:  # what is no TOML, and numbers with thousands of digits
        raise ConfigInvalid(f"{where}: is not TOML ({error}); {AGAIN}") from None
    try:
        return made(model, raw, where)
    except ConfigInvalid as error:
        raise ConfigInvalid(f"{error}; {AGAIN}") from None


def made(model: type[Card], told: Mapping[str, Any], where: str) -> Card:
    """The card of what is told, in TOML's or JSON's own types.

    Raises: ConfigInvalid, which names the field, its value and what it should be.
    """
    return parse(model, _plain(told), "", origin=lambda _: where)


def _plain(value: Any) -> Any:
    """Instants as texts, which the card reads strictly."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value

"""Settings of a strategy that are tried beside each other: `signal.entry_bars=20,55`, and the configuration of each."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, final

from pydantic import ValidationError

from gamma.config import Config
from gamma.errors import InputInvalid
from gamma.exits import ExitRule

PLACES: Final = "signal.KEY, exits.KEY, sizers.NAME.KEY or guards.NAME.KEY"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One setting by its dotted path, and the values to try."""

    key: str
    values: tuple[Any, ...]


def axis(text: str) -> Axis:
    """The axis that is written as KEY=VALUE,VALUE,...; values are TOML's, and what is none is text.

    Raises: InputInvalid when it is not.
    """
    key, equals, values = text.partition("=")
    if not equals or not all(part.strip() for part in values.split(",")) or key.count(".") not in (1, 2):
        raise InputInvalid(f"{text!r}: write a setting and its values as signal.entry_bars=20,55; known: {PLACES}")
    return Axis(key=key.strip(), values=tuple(_value(part.strip()) for part in values.split(",")))


def grid(axes: Sequence[Axis]) -> list[dict[str, Any]]:
    """Every combination of the values, by path; one empty one without an axis."""
    keys = [one.key for one in axes]
    return [dict(zip(keys, values, strict=True)) for values in product(*(one.values for one in axes))]


def named(settings: Mapping[str, Any]) -> str:
    """Settings in one line."""
    return " ".join(f"{key}={value}" for key, value in settings.items())


def varied(config: Config, strategy: str, settings: Mapping[str, Any]) -> Config:
    """The configuration with these settings in place of a strategy's own.

    A sizer's or guard's settings are shared by all strategies that have it. Parameters are judged where they are used.
    Raises: InputInvalid for a path that leads nowhere, or an exit rule that cannot be.
    """
    for key, value in settings.items():
        config = _with(config, strategy, key, value)
    return config


def _with(config: Config, strategy: str, key: str, value: Any) -> Config:
    place, _, rest = key.partition(".")
    chosen = config.strategy(strategy)
    if place == "signal":
        changed = chosen.model_copy(update={"signal": dict(chosen.signal) | {rest: value}})
    elif place == "exits":
        try:
            exits = ExitRule.model_validate(chosen.exits.model_dump() | {rest: value})
        except ValidationError as wrong:
            raise InputInvalid(f"{key} = {value!r}: {wrong.errors()[0]['msg']}") from None
        changed = chosen.model_copy(update={"exits": exits})
    else:
        return _with_part(config, strategy, key, value)
    others = tuple(changed if one.name == strategy else one for one in config.strategies)
    return config.model_copy(update={"strategies": others})


def _with_part(config: Config, strategy: str, key: str, value: Any) -> Config:
    place, name, *rest = key.split(".")
    chosen = config.strategy(strategy)
    used = {"sizers": chosen.sizers, "guards": chosen.guards}.get(place, ())
    if len(rest) != 1 or name not in used:
        raise InputInvalid(f"{key}: no setting of strategy {strategy}; known: {PLACES}, of those that it has")
    tables: dict[str, dict[str, Any]] = dict(getattr(config, place))
    tables[name] = dict(tables.get(name, {})) | {rest[0]: value}
    return config.model_copy(update={place: tables})


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text

"""The parameters of a plugin: from a table of the configuration to the plugin's own checked model."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from gamma.complaints import Origin, complain, toml
from gamma.errors import ConfigInvalid

Model = TypeVar("Model", bound=BaseModel)


def parse(
    model: type[Model], params: Mapping[str, Any], section: str, origin: Origin = lambda _: "", told: Origin = str
) -> Model:
    """The checked parameters; strict, so that neither `true` nor `"3"` is a number.

    Raises: ConfigInvalid, which names section, key and value, and what is known; where limits are missing it
        shows the lines to add, from the model's `example`. Secrets are not repeated.
    """
    try:
        return model.model_validate_json(json.dumps(revealed(params), default=str), strict=True)
    except ValidationError as error:
        raise ConfigInvalid(
            complain(error, model, section=section, origin=origin, told=told) + _lines_to_add(model, params, section)
        ) from None


def revealed(value: Any) -> Any:
    """The value with its secrets in plain text, for the plugin that they belong to."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Mapping):
        return {key: revealed(item) for key, item in value.items()}
    return [revealed(item) for item in value] if isinstance(value, list | tuple) else value


def _lines_to_add(model: type[BaseModel], params: Mapping[str, Any], section: str) -> str:
    example = getattr(model, "example", {})
    lacking = {k: v for k, v in example.items() if k not in params and model.model_fields[k].is_required()}
    if not lacking:
        return ""
    lines = [f"  {key} = {toml(value)}" for key, value in lacking.items()]
    return "\n".join(["\nEvery limit is yours to set. Add, for example:", f"  [{section}]", *lines])

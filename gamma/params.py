"""The parameters of a plugin that opens itself from a table of the configuration."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gamma.errors import ConfigInvalid

Model = TypeVar("Model", bound=BaseModel)


def parse(model: type[Model], params: Mapping[str, Any], section: str) -> Model:
    """The checked parameters.

    Raises: ConfigInvalid, which names the section, each wrong field and those that are known; no value is repeated.
    """
    try:
        return model.model_validate(dict(params))
    except ValidationError as error:
        rows = error.errors(include_input=False, include_url=False, include_context=False)
        wrong = "; ".join(f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in rows)
        raise ConfigInvalid(f"[{section}] {wrong}; known: {', '.join(model.model_fields)}") from None

"""A value against its JSON schema: the documented limits, read by other means than the ones that validate."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_SHAPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (Mapping,),
    "array": (list, tuple),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "number": (int, float),
    "integer": (int,),
}


def beyond(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """What of the value is not as the schema has it, and each number in it that is not finite."""
    while "$ref" in schema:
        found = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{path} is {value}"
        return
    if "anyOf" in schema:
        if not any(not list(beyond(value, one, root, path)) for one in schema["anyOf"]):
            yield f"{path} is none of what is allowed"
        return
    if "type" in schema and not _is(value, schema["type"]):
        yield f"{path} is no {schema['type']}"
        return
    yield from _bounds(value, schema, path)
    if isinstance(value, Mapping):
        yield from _table(value, schema, root, path)
    elif isinstance(value, list | tuple):
        for at, item in enumerate(value):
            yield from beyond(item, schema.get("items", {}), root, f"{path}.{at}")


def _is(value: Any, shape: str) -> bool:
    return isinstance(value, _SHAPES[shape]) and (isinstance(value, bool) == (shape == "boolean"))


def _bounds(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if "const" in schema and value != schema["const"]:
        yield f"{path} is not {schema['const']}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path} is none of {schema['enum']}"
    if isinstance(value, int | float):
        within = (
            value >= schema.get("minimum", -math.inf),
            value <= schema.get("maximum", math.inf),
            value > schema.get("exclusiveMinimum", -math.inf),
            value < schema.get("exclusiveMaximum", math.inf),
        )
        if not all(within):
            yield f"{path} = {value!r} is out of its bounds"
    if isinstance(value, str | list | tuple):
        least = schema.get("minLength", schema.get("minItems", 0))
        if not least <= len(value) <= schema.get("maxLength", schema.get("maxItems", math.inf)):
            yield f"{path} has the wrong length"
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path} does not have the form {schema['pattern']}"


def _table(value: Mapping[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any], path: str) -> Iterator[str]:
    known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    yield from (f"{path} lacks {name}" for name in schema.get("required", ()) if name not in value)
    for name, item in value.items():
        if name in known:
            yield from beyond(item, known[name], root, f"{path}.{name}")
        elif more is False:
            yield f"{path} has an unknown {name}"
        else:
            yield from beyond(item, {} if more is True else more, root, f"{path}.{name}")

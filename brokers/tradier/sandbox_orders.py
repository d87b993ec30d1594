"""Orders as Tradier takes them: a form, and what is wrong with it."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from math import gcd
from typing import Final

from brokers.sandbox.option_floor import option_of, underlying_of
from brokers.sandbox.tickets import Ticket, TicketLeg
from brokers.tradier.sandbox_markets import next_close_utc_ns
from gamma.errors import InputInvalid

_TAG: Final = re.compile(r"[a-zA-Z0-9-]{1,255}")
_SIDES: Final = {"buy_to_open": 1, "buy_to_close": 1, "sell_to_open": -1, "sell_to_close": -1}
_TYPES: Final = ("market", "debit", "credit", "even")
_DURATIONS: Final = ("day", "gtc")
_FOREVER_NS: Final = 2**62


class Wrong(Exception):
    """A parameter is wrong; the text is what is answered."""


def ticket_of(form: Mapping[str, str], number: int, now_utc_ns: int, lag_ns: int) -> Ticket:
    """An order of several legs as the form asks for it.

    Raises: Wrong; InputInvalid for an option that is none.
    """
    _one_of(form, "class", ("multileg",))
    kind, duration = _one_of(form, "type", _TYPES), _one_of(form, "duration", _DURATIONS)
    tag = form.get("tag", "")
    if tag and not _TAG.fullmatch(tag):
        raise Wrong(f"Invalid parameter, tag: {tag}.")
    legs, lots = _legs(form)
    return Ticket(
        number=number,
        tag=tag,
        underlying=form["symbol"],
        kind=kind,
        duration=duration,
        legs=legs,
        lots=lots,
        limit_points=_limit(form, kind),
        ts_created_utc_ns=now_utc_ns,
        ts_updated_utc_ns=now_utc_ns,
        shows_utc_ns=now_utc_ns + lag_ns,
        until_utc_ns=next_close_utc_ns(now_utc_ns) if duration == "day" else _FOREVER_NS,
    )


def _limit(form: Mapping[str, str], kind: str) -> Decimal | None:
    """The least cash that a lot is to bring in [points]."""
    if kind == "market":
        return None
    if kind == "even":
        return Decimal(0)
    try:
        price = Decimal(form["price"])
    except (KeyError, InvalidOperation):
        raise Wrong("Invalid parameter, price: a price is required.") from None
    if not price > 0 or price % Decimal("0.05"):
        raise Wrong(f"Invalid parameter, price: {price}.")
    return price if kind == "credit" else -price


def _legs(form: Mapping[str, str]) -> tuple[tuple[TicketLeg, ...], int]:
    """The legs, each a lot's part, and how many lots they make."""
    found = []
    for n in range(4):
        if f"option_symbol[{n}]" not in form:
            break
        symbol, side = form[f"option_symbol[{n}]"], _one_of(form, f"side[{n}]", tuple(_SIDES))
        count = form.get(f"quantity[{n}]", "")
        if not count.isdecimal() or not 0 < int(count) < 10_000:
            raise Wrong(f"Invalid parameter, quantity[{n}]: {count}.")
        if underlying_of(option_of(symbol)) != form.get("symbol"):
            raise InputInvalid(f"{symbol} is no option on {form.get('symbol')}")
        found.append((symbol, _SIDES[side] * int(count), side.endswith("open")))
    if len(found) < 2 or len({symbol for symbol, _, _ in found}) < len(found):
        raise Wrong("Invalid parameter, option_symbol: two to four different options are required.")
    lots = gcd(*(count for _, count, _ in found))
    return tuple(TicketLeg(symbol=s, ratio=count // lots, opens=opens) for s, count, opens in found), lots


def _one_of(form: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    value = form.get(name, "")
    if value not in known:
        raise Wrong(f"Invalid parameter, {name}: {value}.")
    return value

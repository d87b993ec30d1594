"""Which contract an order goes to, and which market a contract is of.

An order goes to the month in front by the calendar of rolls. What is held, of whatever month, counts for its market.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, final

from brokers.numerals import number, positive
from brokers.tradovate.reading import SPREAD, rows
from brokers.tradovate.requests import Requests
from gamma import calendar
from gamma.calendar import rolls
from gamma.calendar.rolls import Contract
from gamma.errors import InputInvalid, Transient
from gamma.markets import MICRO, Kind, Market
from gamma.wire import understood

PER_REQUEST: Final = 50
_NAME: Final = re.compile(r"([A-Z0-9]{1,8}?)([FGHJKMNQUVXZ])(\d{1,2})")


@final
class Contracts:
    """Names of contracts, and the numbers that Tradovate gives them; both stay what they are."""

    def __init__(self, requests: Requests, markets: Mapping[str, Market], now_utc_ns: Callable[[], int]) -> None:
        self.markets = {s: m for s, m in markets.items() if m.kind in (Kind.MICRO, Kind.EMINI)}
        self._requests = requests
        self._now_utc_ns = now_utc_ns
        self._names: dict[int, str] = {}
        self._checked: set[str] = set()
        self._unready: dict[str, str] = {}

    def front(self, symbol: str) -> Contract:
        """The contract of a market that is in front in the session that runs, or in the next one.

        Raises: InputInvalid for a time that the calendar does not cover.
        """
        now = self._now_utc_ns()
        session = calendar.session_at(symbol, now) or calendar.next_session(symbol, now)
        return rolls.front_contract(symbol, session.date)

    def before(self, symbol: str) -> Contract | None:
        """The contract that was in front before, where it still trades: it may be what is held."""
        front = self.front(symbol)
        year, month = (int(part) for part in front.month.split("-"))
        year, month = (year, month - 3) if month > 3 else (year - 1, 12)
        last = rolls.contract(symbol, f"{year}-{month:02d}")
        return last if self._now_utc_ns() < last.ts_expiry_utc_ns else None

    async def prepare(self) -> None:
        """See to the contracts in front, so that an order need not wait for that; why not is told by `unready`."""
        for symbol in self.markets:
            try:
                await self.check(self.front(symbol))
            except (Transient, InputInvalid) as error:
                self._unready[symbol] = str(error)

    def unready(self, contract: Contract) -> str:
        """Why no entry can go to a contract now; "" where it can."""
        if contract.symbol in self._checked:
            return ""
        return self._unready.get(contract.market, f"Tradovate was not asked about {contract.symbol} yet")

    async def check(self, contract: Contract) -> None:
        """See that Tradovate knows a contract by the name that the calendar gives it, and reckons it as we do.

        Raises: Transient where it does not.
        """
        name, market = contract.symbol, self.markets[contract.market]
        if name in self._checked:
            return
        found, product = await self._one("contract", name), await self._one("product", contract.market)
        with understood(f"contract {name}"):
            self._names[positive(found["id"])] = name
            told = number(product["tickSize"]), number(product["valuePerPoint"])
            ours = market.tick_points, Decimal(market.tick_value_microusd * market.ticks_per_point) / MICRO
            if told != ours:
                raise Transient(f"{contract.market}: Tradovate's tick and value of a point are {told}, ours {ours}")
        self._checked.add(name)

    async def _one(self, what: str, name: str) -> Mapping[str, Any]:
        got = await self._requests.hear(f"/{what}/find", {"name": name})
        found = got.json
        if got.status == 404 or not isinstance(found, Mapping) or found.get("name") != name:
            raise Transient(f"Tradovate knows no {what} {name}")
        return found

    async def symbols(self, numbers: Iterable[int]) -> dict[int, str]:
        """The market of each contract by its number: MNQ of MNQZ6; of what is no future, its own name.

        Raises: Transient where Tradovate does not name one of them.
        """
        wanted = sorted(set(numbers) - {SPREAD})
        unknown = [number for number in wanted if number not in self._names]
        for at in range(0, len(unknown), PER_REQUEST):
            ids = ",".join(str(number) for number in unknown[at : at + PER_REQUEST])
            told = await self._requests.read("/contract/items", {"ids": ids})
            with understood("contracts"):
                self._names |= {positive(row["id"]): str(row["name"]) for row in rows(told, "contract")}
        nameless = [number for number in wanted if number not in self._names]
        if nameless:
            raise Transient(f"Tradovate does not name the contracts {nameless}")
        return {SPREAD: "spread"} | {number: symbol_of(self._names[number]) for number in wanted}

    def name(self, number: int) -> str:
        """The name of a contract that was told of."""
        return self._names[number]


def symbol_of(name: str) -> str:
    """The product of a contract's name: MNQ of MNQZ6, M2K of M2KZ6; the name itself where it is none."""
    found = _NAME.fullmatch(name)
    return found.group(1) if found else name

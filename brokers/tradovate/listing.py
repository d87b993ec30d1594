"""The orders of an account, put together from their parts: state, versions, commands and fills are separate lists."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, final

from brokers.numerals import positive
from brokers.tradovate.reading import SPREAD, Executed, Listed, Row, executed_of, named_by, newest, placed_as, rows
from brokers.tradovate.requests import Requests
from gamma.errors import Transient
from gamma.wire import understood

KEPT: Final = 4_096
ALONE_MAX: Final = 512
UNNAMED_MAX: Final = 8
_NUMBER: Final = re.compile(r"[1-9]\d{0,17}")


@final
class Listing:
    """Reads orders, and keeps which number belongs to which id of ours.

    `alone` are the fills of orders that were read one by one: they need not be on the lists of this session.
    """

    def __init__(self, requests: Requests) -> None:
        self.ids: dict[str, str] = {}
        self.alone: dict[int, Executed] = {}
        self._requests = requests
        self._named: dict[int, str] = {}

    async def read(self, account_id: int) -> list[Listed]:
        """All orders of the account that Tradovate lists, by their numbers; half of one is none.

        The fills are read last: they are what an order's state is held against.
        Raises: Transient.
        """
        orders = await self._orders(account_id)
        versions = await self._list("orderVersion")
        commands = await self._list("command")
        fills = await self._list("fill")
        with understood("orders"):
            self._note(placed_as(commands), named_by(versions))
            filled: Counter[int] = Counter()
            for fill in map(executed_of, fills):
                filled[fill.order] += fill.lots if fill.active else 0
            by_order: dict[int, list[Row]] = {}
            for version in versions:
                by_order.setdefault(positive(version["orderId"]), []).append(version)
        unnamed = [number for number in orders if number not in self._named]
        await self._name(unnamed)
        found = []
        for number, row in sorted(orders.items()):
            own = by_order.get(number) or await self._of("orderVersion", number)
            found.append(self._joined(row, own, filled[number]))
        return found

    async def one(self, order_id: str, account_id: int) -> Listed | None:
        """One order by its number; None where Tradovate says that the account has none.

        Raises: Transient.
        """
        if not _NUMBER.fullmatch(order_id):
            return None
        got = await self._requests.hear("/order/item", {"id": order_id})
        row = got.json
        if got.status == 404 or row is None:
            return None
        with understood(f"order {order_id}"):
            if str(row["id"]) != order_id:
                raise Transient(f"asked for order {order_id}, told of {row['id']!r}")
            if positive(row["accountId"]) != account_id:
                return None
        number = int(order_id)
        versions, fills = await self._of("orderVersion", number), await self._of("fill", number)
        await self._name([number])
        with understood(f"fills of order {order_id}"):
            done = [executed_of(fill) for fill in fills]
            if any(fill.order != number for fill in done):
                raise Transient(f"asked for the fills of order {order_id}, told of others")
        self.alone |= {fill.number: fill for fill in done}
        while len(self.alone) > ALONE_MAX:
            del self.alone[min(self.alone)]
        return self._joined(row, versions, sum(fill.lots for fill in done if fill.active))

    async def placed_as(self, numbers: Iterable[int], account_id: int) -> dict[int, str]:
        """Our ids of these orders, those that are not of this account left out; "" of one that was given none.

        Raises: Transient where an order is not told of yet.
        """
        wanted = set(numbers)
        orders = await self._orders(account_id)
        if any(number in orders and number not in self._named for number in wanted):
            commands, versions = await self._list("command"), await self._list("orderVersion")
            with understood("commands"):
                self._note(placed_as(commands), named_by(versions))
        for number in wanted - orders.keys():
            listed = await self.one(str(number), account_id)
            if listed is not None:
                orders[number] = listed.row
        await self._name([number for number in wanted & orders.keys() if number not in self._named])
        return {number: self._named[number] for number in wanted & orders.keys()}

    def note(self, client_order_id: str, order_id: str) -> None:
        """Keep which number an order was given; of two with one id the first stays."""
        number = int(order_id)
        self._named[number] = client_order_id
        if client_order_id and number <= int(self.ids.get(client_order_id, order_id)):
            self.ids[client_order_id] = order_id
        while len(self._named) > KEPT:
            forgotten = self._named.pop(next(iter(self._named)))
            self.ids.pop(forgotten, None)

    def _note(self, commanded: Mapping[int, str], worded: Mapping[int, str]) -> None:
        """Keep the ids that orders were placed under: by their commands, else by their words."""
        for number, client_order_id in sorted(commanded.items()):
            self.note(client_order_id or worded.get(number, ""), str(number))

    async def _name(self, unnamed: list[int]) -> None:
        """Ask one by one for the ids of orders whose commands are not on the list.

        Raises: Transient where there are too many of them, or one has no command: what it is may show in a moment.
        """
        if len(unnamed) > UNNAMED_MAX:
            raise Transient(f"{len(unnamed)} orders are listed, and the commands that placed them are not")
        for number in unnamed:
            commands, versions = await self._of("command", number), await self._of("orderVersion", number)
            with understood(f"commands of order {number}"):
                named = placed_as(commands)
                if number not in named:
                    raise Transient(f"order {number} is listed, and the command that placed it is not")
                self._note({number: named[number]}, named_by(versions))

    async def _orders(self, account_id: int) -> dict[int, Row]:
        listed = await self._list("order")
        with understood("orders"):
            return {positive(row["id"]): row for row in listed if positive(row["accountId"]) == account_id}

    async def _list(self, what: str) -> list[Row]:
        return rows(await self._requests.read(f"/{what}/list"), what)

    async def _of(self, what: str, number: int) -> list[Row]:
        return rows(await self._requests.read(f"/{what}/deps", {"masterid": str(number)}), what)

    def _joined(self, row: Row, versions: list[Row], filled_lots: int) -> Listed:
        with understood(f"order {row.get('id')!r}"):
            number: Any = positive(row["id"])
            version = newest([each for each in versions if each["orderId"] == number])
            if version is None:
                raise Transient(f"order {number} is listed, and what it asks for is not")
            return Listed(
                number=number,
                contract=positive(row["contractId"]) if row.get("contractId") is not None else SPREAD,
                row=row,
                version=version,
                client_order_id=self._named.get(number, ""),
                filled_lots=filled_lots,
            )

"""The session's orders at Tradier, by the numbers that it gives them and the tags that we do."""

import re
from collections.abc import Mapping
from typing import Any, Final, final

from brokers import numerals
from brokers.tradier import reading
from brokers.tradier.reading import Executed
from brokers.tradier.requests import Requests
from brokers.tradier.writing import told_plainly
from gamma.errors import Transient
from gamma.events import OrderState
from gamma.markets import Market
from gamma.wire import NotSent, Reply, understood

PAGE: Final = 100
# The length of a page for which no length is asked; whether longer ones are given is not documented, so that a page
# which is shorter than what was asked for may be full.
PAGE_FULL: Final = 25
PAGES_MAX: Final = 50
KEPT: Final = 512
_NUMBER: Final = re.compile(r"[1-9]\d{0,17}")

Row = Mapping[str, Any]


@final
class OrderList:
    """Reads orders, and keeps which number belongs to which tag.

    `alone` are those that were last read one by one, and need not be on the list of this session.
    """

    def __init__(self, requests: Requests, path: str, markets: Mapping[str, Market]) -> None:
        self.path = path
        self.ids: dict[str, str] = {}
        self.alone: dict[int, Executed] = {}
        self._requests = requests
        self._markets = markets

    async def read(self) -> list[Row]:
        """All of the list, each order once, by their numbers; half a list is none.

        Raises: Transient.
        """
        found: dict[int, Row] = {}
        for page in range(1, PAGES_MAX + 1):
            params = {"includeTags": "true", "page": str(page), "limit": str(PAGE)}
            told = await self._requests.read(self.path, params)
            with understood("orders"):
                rows = reading.rows(told, "orders", "order")
                found |= {numerals.positive(row["id"]): row for row in rows}
            if len(rows) < PAGE_FULL:
                for number, row in sorted(found.items(), reverse=True):  # of two with one tag the first stays
                    self.note(str(row.get("tag") or ""), str(number))
                return [found[number] for number in sorted(found)]
        raise Transient(f"orders: more than {PAGES_MAX} pages")

    async def one(self, order_id: str) -> Row | None:
        """One order by its number; None where Tradier says that there is none.

        Raises: Transient.
        """
        if not _NUMBER.fullmatch(order_id):
            return None
        path = f"{self.path}/{order_id}"
        got = await self._requests.hear(f"{path}?includeTags=true")
        if not isinstance(got, NotSent) and got.status == 404 and told_plainly(got):
            return None
        if not isinstance(got, Reply) or got.status != 200:
            raise Transient(f"GET {path}: {f'HTTP {got.status}' if isinstance(got, Reply) else got.text}")
        with understood(path):
            row: Row = got.json["order"]
            if str(row["id"]) != order_id:
                raise Transient(f"asked for order {order_id}, told of {row['id']!r}")
            self.alone |= self._executed(row)
        while len(self.alone) > KEPT:
            del self.alone[min(self.alone)]
        return row

    async def executed(self) -> dict[int, Executed]:
        """What was filled of the session's orders of several legs, in markets of ours; a refused one has no fills.

        Raises: Transient.
        """
        found: dict[int, Executed] = {}
        for row in await self.read():
            with understood(f"order {row['id']}"):
                found |= self._executed(row)
        return found

    def note(self, client_order_id: str, order_id: str) -> None:
        """Keep which number an order has, of those that were told of last."""
        self.ids.pop(client_order_id, None)
        if client_order_id:
            self.ids[client_order_id] = order_id
        for forgotten in list(self.ids)[:-KEPT]:
            del self.ids[forgotten]

    def _executed(self, row: Row) -> dict[int, Executed]:
        refused = reading.STATES.get(row["status"]) is OrderState.REJECTED
        if row["class"] != "multileg" or row["symbol"] not in self._markets or refused:
            return {}
        done = reading.executed_of(row, self._markets)
        return {int(done.order.broker_order_id): done}

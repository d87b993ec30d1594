"""Orders at Alpaca, by the numbers that it gives them and the ids that we do."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, final

from brokers.alpaca import reading
from brokers.alpaca.reading import Told
from brokers.alpaca.requests import Requests
from brokers.alpaca.writing import reason
from gamma.errors import Transient
from gamma.markets import Market
from gamma.wire import understood

PAGE: Final = 500
PAGES_MAX: Final = 20
RECENT: Final = 100
KEPT: Final = 16_384


@final
class Orders:
    """Reads orders, and keeps which number belongs to which id, and which leg to which order."""

    def __init__(self, requests: Requests, markets: Mapping[str, Market]) -> None:
        self.ids: dict[str, str] = {}
        self._of: dict[str, Told] = {}
        self._requests = requests
        self._markets = markets

    async def open(self) -> list[Told]:
        """All that works, whosever it is, oldest first; half a list is none.

        Raises: Transient.
        """
        return await self._listed({"status": "open"})

    async def since(self, after: str) -> list[Told]:
        """All that was ordered after a time, oldest first.

        Raises: Transient.
        """
        return await self._listed({"status": "all"}, after)

    async def recent(self) -> list[Told]:
        """The newest orders, whatever became of them.

        Raises: Transient.
        """
        params = {"status": "all", "direction": "desc", "limit": str(RECENT), "nested": "true"}
        return self._read(await self._requests.read("/orders", params))

    async def by_client_id(self, client_order_id: str) -> Told | None:
        """One order by our id; None where Alpaca says that there is none.

        Raises: Transient.
        """
        told = await self._one("/orders:by_client_order_id", {"client_order_id": client_order_id, "nested": "true"})
        if told is not None and told.order.client_order_id != client_order_id:
            raise Transient(f"asked for {client_order_id}, told of {told.order.client_order_id!r}")
        return told

    async def by_number(self, order_id: str) -> Told | None:
        """One order by its number; None where Alpaca says that there is none.

        Raises: Transient.
        """
        told = await self._one(f"/orders/{order_id}", {"nested": "true"})
        if told is not None and told.order.broker_order_id != order_id:
            raise Transient(f"asked for order {order_id}, told of {told.order.broker_order_id!r}")
        return told

    def of(self, order_id: str) -> Told | None:
        """The order with this number, or with a leg of this number; None where it was not read yet."""
        return self._of.get(order_id)

    def note(self, client_order_id: str, order_id: str) -> None:
        """Keep which number an order has."""
        self.ids.pop(client_order_id, None)
        self.ids[client_order_id] = order_id
        for forgotten in list(self.ids)[:-KEPT]:
            del self.ids[forgotten]

    async def _listed(self, params: Mapping[str, str], after: str = "") -> list[Told]:
        found: dict[str, Told] = {}
        for _ in range(PAGES_MAX):
            asked = {**params, "direction": "asc", "limit": str(PAGE), "nested": "true"}
            page = await self._requests.read("/orders", asked | ({"after": after} if after else {}))
            told = self._read(page)
            found |= {one.order.broker_order_id: one for one in told}
            if len(told) < PAGE:
                return list(found.values())
            with understood("orders"):
                after = _before_the_last([str(row["submitted_at"]) for row in page])
        raise Transient(f"orders: more than {PAGES_MAX} pages")

    async def _one(self, path: str, params: Mapping[str, str]) -> Told | None:
        got = await self._requests.look(path, params)
        if got.status == 404 and reason(got.json):
            return None
        if got.status != 200:
            raise Transient(f"GET {path}: HTTP {got.status}")
        with understood(path):
            if got.json["order_class"] == "mleg" and got.json["legs"] is None and path.endswith("client_order_id"):
                return await self.by_number(reading.number_of(got.json["id"]))
        return self._read([got.json])[0]

    def _read(self, told: Any) -> list[Told]:
        with understood("orders"):
            found = [reading.told_of(row, self._markets) for row in reading.rows(told)]
        for one in found:
            self.note(one.order.client_order_id, one.order.broker_order_id)
            for order_id in (one.order.broker_order_id, *(leg.order_id for leg in one.legs)):
                self._of.pop(order_id, None)
                self._of[order_id] = one
        for forgotten in list(self._of)[:-KEPT]:
            del self._of[forgotten]
        return found


def _before_the_last(times: Sequence[str]) -> str:
    """The last time before that of the last order: those of one moment may lie on both sides of a page's end."""
    return next((time for time in reversed(times) if time != times[-1]), times[-1])

"""The account's orders at Kalshi, by the numbers that it gives them and the ids that we do."""

import re
from collections.abc import Collection, Mapping
from typing import Final, final

from brokers.kalshi.reading import moment, name, text
from brokers.kalshi.requests import Requests, Row
from gamma.clock import NS
from gamma.wire import understood

PATH: Final = "/portfolio/orders"
KEPT: Final = 4_096
ALONE_MAX: Final = 4
# Clocks may differ by so much, and an order is dated when Kalshi has it [s].
SLACK_S: Final = 5
_ID: Final = re.compile(r"[\w-]{1,64}", re.ASCII)


@final
class OrderList:
    """Reads orders, and keeps which number and which market belong to which id.

    What Kalshi shows lags behind what it has done, and it tells by how much: a list that is older than an order is no
    proof of anything. `began_utc_ns` is when this process began; orders of earlier ones are older.
    """

    def __init__(self, requests: Requests, began_utc_ns: int) -> None:
        self.ids: dict[str, str] = {}
        self._requests = requests
        self._began_utc_ns = began_utc_ns
        self._named: dict[str, str] = {}
        self._tickers: dict[str, str] = {}
        self._sent: dict[str, tuple[str, int]] = {}

    def sends(self, client_order_id: str, ticker: str, now_utc_ns: int) -> None:
        """An order is about to be sent."""
        self._sent[client_order_id] = (ticker, now_utc_ns)
        _forget(self._sent)

    def note(self, client_order_id: str, order_id: str, ticker: str) -> None:
        """Keep what an order is called, and where it is."""
        self._tickers[order_id] = ticker
        self._named[order_id] = client_order_id
        if client_order_id:
            self.ids[client_order_id] = order_id
        for kept in (self.ids, self._named, self._tickers):
            _forget(kept)

    def ticker(self, order_id: str) -> str:
        """The market of an order; "" where it was not read."""
        return self._tickers.get(order_id, "")

    async def one(self, order_id: str) -> Row | None:
        """One order by its number; None where Kalshi says that there is none.

        Raises: Transient.
        """
        if not _ID.fullmatch(order_id):
            return None
        told = await self._requests.one(f"{PATH}/{order_id}")
        if told is None:
            return None
        with understood(f"order {order_id}"):
            row: Row = told["order"]
            if row["order_id"] != order_id:
                raise ValueError(f"told of {row['order_id']!r}")
            self._take(row)
        return row

    async def working(self) -> list[Row]:
        """All that works, oldest first.

        Raises: Transient.
        """
        return await self._listed({"status": "resting"})

    async def search(self, client_order_ids: Collection[str]) -> Mapping[str, Row]:
        """The orders of these ids that are on the whole list.

        Raises: Transient.
        """
        known = [self._sent.get(one, ("", 0)) for one in client_order_ids]
        tickers, params = {ticker for ticker, _ in known}, dict[str, str]()
        if len(tickers) == 1 and "" not in tickers:
            params["ticker"] = tickers.pop()
            params["min_ts"] = str(min(at for _, at in known) // NS - 60)
        rows = await self._listed(params)
        wanted = set(client_order_ids)
        return {cid: row for row in reversed(rows) if (cid := client_id(row)) in wanted}

    def shown_by(self, client_order_id: str, as_of_utc_ns: int) -> bool:
        """Whether lists of a time show what became of an order that was sent."""
        _, sent_utc_ns = self._sent.get(client_order_id, ("", self._began_utc_ns))
        return as_of_utc_ns >= sent_utc_ns + SLACK_S * NS

    async def client_ids(self, order_ids: Collection[str]) -> Mapping[str, str]:
        """Our ids of orders by their numbers, "" of one that came without; those that are not shown are left out.

        Raises: Transient.
        """
        unknown = [one for one in dict.fromkeys(order_ids) if one not in self._named]
        found: dict[str, str] = {}
        if len(unknown) > ALONE_MAX:
            found = {str(row["order_id"]): client_id(row) for row in await self._listed({})}
        for order_id in unknown:
            row = await self.one(order_id) if order_id not in found else None
            found |= {order_id: client_id(row)} if row is not None else {}
        return {one: known for one in order_ids if (known := found.get(one, self._named.get(one))) is not None}

    async def as_of_utc_ns(self) -> int:
        """Up to when what was done is shown [UTC ns].

        Raises: Transient.
        """
        told = await self._requests.read("/exchange/user_data_timestamp")
        with understood("user_data_timestamp"):
            return moment(name(told["as_of_time"]))

    async def _listed(self, params: Mapping[str, str]) -> list[Row]:
        rows = await self._requests.every(PATH, "orders", params)
        found: dict[str, Row] = {}
        with understood("orders"):
            for row in rows:
                self._take(row)
                found[str(row["order_id"])] = row
            return sorted(found.values(), key=lambda row: (moment(row.get("created_time")), str(row["order_id"])))

    def _take(self, row: Row) -> None:
        self.note(client_id(row), name(row["order_id"]), name(row["ticker"]))


def client_id(row: Row) -> str:
    """Our id of an order; "" of one that came without.

    Raises: TypeError where it is no text.
    """
    told = row.get("client_order_id")
    return "" if told is None else text(told)


def _forget(kept: dict[str, object] | dict[str, str] | dict[str, tuple[str, int]]) -> None:
    while len(kept) > KEPT:
        del kept[next(iter(kept))]

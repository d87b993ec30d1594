"""The account's transactions as far as they matter: OANDA's own record of what became of orders, and of money."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, final

from brokers.oanda.reading import Row, client_id, number, positive, rows
from gamma.errors import MarkerUnknown, Transient
from gamma.wire import Wire, understood

PAGE: Final = 1_000
ROUNDS_MAX: Final = 1_000
FILL: Final = "ORDER_FILL"
CANCEL: Final = "ORDER_CANCEL"
FINANCING: Final = "DAILY_FINANCING"
_OUT_OF_RANGE: Final = 416


@final
class Journal:
    """Transactions `first` to `last`, read once each and kept; what does not matter to orders and money is left out."""

    def __init__(self, wire: Wire, account: str) -> None:
        self.first, self.last = 1, 0
        self._wire = wire
        self._account = account
        self._rows: dict[int, Row] = {}
        self._fills: dict[str, list[Row]] = {}
        self._cancels: dict[str, Row] = {}
        self._orders: dict[str, list[int]] = {}
        self._hung: dict[str, int] = {}

    async def catch_up(self) -> None:
        """Read what is new; the first time, the last thousand.

        Raises: Transient.
        """
        if not self.last:
            told = await self._wire.read(f"{self._account}/summary")
            with understood("summary"):
                last = positive(told["lastTransactionID"])
            self.first, self.last = last + 1, last
            await self.reach_back(max(1, last - PAGE + 1))
        for _ in range(ROUNDS_MAX):
            if await self._read_on():
                return
        raise Transient(f"transactions: still more after {ROUNDS_MAX} pages")

    async def reach_back(self, begin_at: int) -> None:
        """Read what was before, back to this transaction.

        Raises: Transient; MarkerUnknown where OANDA does not have it any more.
        """
        while self.first > max(1, begin_at):
            begin, end = max(1, begin_at, self.first - PAGE), self.first - 1
            path = f"{self._account}/transactions/idrange"
            reply = await self._wire.look(path, {"from": str(begin), "to": str(end)})
            if reply.status == _OUT_OF_RANGE:
                raise MarkerUnknown(f"OANDA does not tell of transactions {begin} to {end}")
            if reply.status != 200:
                raise Transient(f"GET {path}: HTTP {reply.status}")
            self._take(reply.json, begin, end)
            self.first = begin

    def after(self, last: int) -> Iterator[tuple[int, Row]]:
        """What matters, after a transaction, in order."""
        return ((n, self._rows[n]) for n in sorted(self._rows) if n > last)

    def row(self, of: int) -> Row | None:
        """One transaction by its number, where it is kept."""
        return self._rows.get(of)

    def fills(self, client_order_id: str) -> list[Row]:
        """The executions of all orders under an id of ours."""
        return self._fills.get(client_order_id, []) if client_order_id else []

    def order_fills(self, order_id: str) -> list[Row]:
        """The executions of one order by OANDA's number for it."""
        return self._fills.get(f"#{order_id}", [])

    def canceled(self, order_id: str) -> Row | None:
        """The cancellation of an order."""
        return self._cancels.get(order_id)

    def placed(self, client_order_id: str) -> list[int]:
        """The transactions by which orders under an id of ours were made or refused, oldest first."""
        return sorted(self._orders.get(client_order_id, []))

    def entry_of(self, client_order_id: str) -> Row | None:
        """The newest order on whose fill a stop or target under this id of ours is to hang."""
        return self._rows.get(self._hung.get(client_order_id, 0))

    def over(self, row: Row) -> bool:
        """Whether the order that a transaction made is cancelled, or filled whole."""
        filled = sum((abs(number(fill["units"])) for fill in self.order_fills(row["id"])), Decimal(0))
        return self.canceled(row["id"]) is not None or (filled > 0 and filled >= abs(number(row["units"])))

    async def _read_on(self) -> bool:
        path = f"{self._account}/transactions/sinceid"
        told = await self._wire.read(path, {"id": str(self.last)})
        with understood("transactions"):
            newest = positive(told["lastTransactionID"])
            before = self.last
            self.last = self._take(told, self.last + 1, newest) or self.last
        if newest < before or (newest > self.last and self.last == before):
            raise Transient(f"transactions: told none after {before}, and that the last is {newest}")
        return self.last >= newest

    def _take(self, told: Any, begin: int, end: int) -> int:
        """Keep a page; gives the number of its last transaction, 0 where it has none."""
        with understood("transactions"):
            page = {positive(row["id"]): row for row in rows(told, "transactions")}
            if page and not begin <= min(page) <= max(page) <= end:
                raise ValueError(f"asked for {begin} to {end}, told of {min(page)} to {max(page)}")
            for row in page.values():  # all can be read, or none is kept
                _indexed(row)
                _hung_on(row)
        for n, row in sorted(page.items()):
            kind, keys = _indexed(row)
            if kind and n not in self._rows:
                self._rows[n] = row
                self._index(n, row, keys)
                self._hung |= {ours: max(n, self._hung.get(ours, 0)) for ours in _hung_on(row)}
        return max(page, default=0)

    def _index(self, n: int, row: Row, keys: tuple[str, ...]) -> None:
        if row["type"] == FILL:
            for key in keys:
                self._fills.setdefault(key, []).append(row)
                self._fills[key].sort(key=lambda fill: int(fill["id"]))
        elif row["type"] == CANCEL:
            self._cancels[keys[0]] = row
        else:
            for key in keys:
                self._orders.setdefault(key, []).append(n)


def _indexed(row: Row) -> tuple[str, tuple[str, ...]]:
    """The type of a transaction that matters, "" of others; and under what it is looked for."""
    kind = row["type"]
    if not isinstance(kind, str):
        raise TypeError(f"{kind!r} is no type of a transaction")
    if kind == FILL:
        ours = row.get("clientOrderID", "")
        return kind, (f"#{positive(row['orderID'])}", *([ours] if isinstance(ours, str) and ours else []))
    if kind == CANCEL:
        return kind, (str(positive(row["orderID"])),)
    if kind == FINANCING:
        return kind, ()
    if kind.endswith(("_ORDER", "_ORDER_REJECT")):
        ours = client_id(row)
        return kind, (ours,) if ours else ()
    return "", ()


def _hung_on(row: Row) -> list[str]:
    """The ids of the stop and target that are to hang on an order."""
    if not str(row["type"]).endswith("_ORDER"):
        return []
    details = [row[name] for name in ("stopLossOnFill", "takeProfitOnFill") if isinstance(row.get(name), Mapping)]
    return [ours for ours in map(client_id, details) if ours]


def transaction(told: Any, name: str) -> Mapping[str, Any] | None:
    """A transaction in an answer; None where it has none by that name."""
    found = told.get(name) if isinstance(told, Mapping) else None
    return found if isinstance(found, Mapping) else None

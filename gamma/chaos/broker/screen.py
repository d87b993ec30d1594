"""What the fake broker shows: orders, fills, positions and money, in pages, late, in its own words."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import takewhile
from typing import Any, Final, final

from gamma.chaos.broker.matching import SECOND_NS, Floor, Order, Shown
from gamma.chaos.broker.quirks import ODD, Quirks

MICRO: Final = Decimal(1_000_000)


@final
class Screen:
    """A view of the floor, from outside."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.now_utc_ns = 0

    @property
    def quirks(self) -> Quirks:
        """The ways of the broker, which may change."""
        return self.floor.quirks

    def listed(self, order: Order, now_utc_ns: int) -> bool:
        """Whether lists show the order: not before it shows, and not long after it has ended."""
        if order.shows_utc_ns > now_utc_ns:
            return False
        return not order.ended or now_utc_ns - order.ts_update_utc_ns <= self.quirks.history_s * SECOND_NS

    def order(self, order: Order) -> dict[str, Any]:
        """One order."""
        told: dict[str, Any] = {
            "id": order.order_id,
            "client_order_id": order.client_order_id,
            "market": order.market,
            "side": "buy" if order.side > 0 else "sell",
            "lots": order.lots,
            "type": order.kind,
            "price": self._points(order.market, order.price_ticks) if order.kind != "market" else None,
            "status": self._status(order),
            "updated_ns": order.ts_update_utc_ns,
        }
        if self.quirks.counts != "none":
            told["filled"] = order.filled
        else:  # up to when all that was filled is on the list of fills
            told["fills_as_of_ns"] = self.now_utc_ns - round(self.quirks.lag_s * SECOND_NS)
        if order.reason:
            told["reason"] = order.reason
        if order.parent is not None:
            told["parent"] = order.parent.order_id
        return told

    def orders(self, params: Mapping[str, str], now_utc_ns: int) -> dict[str, Any]:
        """A page of orders: those that work, or all that are kept."""
        kept = self.floor.orders.values() if params.get("status") == "all" else self.floor.working()
        shown = [order for order in kept if self.listed(order, now_utc_ns)]
        if self.quirks.pages == "number":
            return self._enveloped("orders", "order", [self.order(o) for o in _page(shown[::-1], params, self._size)])
        after = int(params.get("cursor") or 0)
        rest = [o for o in shown if o.sequence > after]
        page = rest[: self._size]
        cursor = str(page[-1].sequence) if len(rest) > len(page) else ""
        return {"orders": [self.order(o) for o in page], "cursor": cursor}

    def knows(self, params: Mapping[str, str]) -> bool:
        """Whether fills after this cursor can be told: it was given by this broker, and not by another."""
        fills, after = self.floor.fills, int(params.get("after") or 0)
        return self.quirks.pages != "cursor" or after == 0 or (bool(fills) and after <= fills[-1].sequence)

    def fills(self, params: Mapping[str, str], now_utc_ns: int) -> dict[str, Any]:
        """A page of executions: after a cursor, oldest first; or of a page number, newest first."""
        if self.quirks.pages == "cursor":
            return self._fills_after(int(params.get("after") or 0), now_utc_ns)
        since, of = int(params.get("since_ns") or 0), params.get("order_id")
        lately = takewhile(lambda s: s.done.ts_utc_ns >= since, reversed(self.floor.fills))
        shown = [s for s in lately if s.shows_utc_ns <= now_utc_ns and (of is None or s.done.order_id == of)]
        page = _page(shown, params, self._size)
        if self.quirks.fills_repeat and page:
            if self.floor.chance.random() < 0.5:
                page = [*page, self.floor.chance.choice(page)]
            self.floor.chance.shuffle(page)
        return self._enveloped("fills", "fill", [self._fill(s) for s in page])

    def positions(self) -> dict[str, Any]:
        """Net positions of the markets that are not flat."""
        held = [{"market": market, "lots": lots} for market, lots in self.floor.told.lots.items() if lots]
        return self._enveloped("positions", "position", held)

    def account(self) -> dict[str, Any]:
        """Money, with open P&L at the last prices."""
        purse = self.floor.told
        equity = purse.equity_microusd(self.floor.last_ticks)
        return {"account": {"balance": _usd(purse.balance_microusd), "equity": _usd(equity)}}

    @property
    def _size(self) -> int:
        return self.quirks.page_size

    def _fills_after(self, after: int, now_utc_ns: int) -> dict[str, Any]:
        """Fills beyond a cursor: none is shown before those that came before it, or the cursor would pass over them."""
        page: list[Shown] = []
        begin = bisect_right(self.floor.fills, after, key=lambda shown: shown.sequence)
        for shown in self.floor.fills[begin : begin + self._size]:
            if shown.shows_utc_ns > now_utc_ns:
                break
            page.append(shown)
        cursor = str(page[-1].sequence if page else after)
        return {"fills": [self._fill(s) for s in page], "cursor": cursor}

    def _fill(self, shown: Shown) -> dict[str, Any]:
        done = shown.done
        told: dict[str, Any] = {
            "id": done.execution_id,
            "order_id": done.order_id,
            "market": done.market,
            "side": "buy" if done.side > 0 else "sell",
            "lots": done.lots,
            "price": self._points(done.market, done.price_ticks),
            "fee": _usd(done.fee_microusd),
            "time_ns": done.ts_utc_ns,
        }
        if self.quirks.fills_carry_client_id:
            told["client_order_id"] = done.client_order_id
        return told

    def _status(self, order: Order) -> str:
        quirks = self.quirks
        if quirks.odd_status_frac and self.floor.chance.random() < quirks.odd_status_frac:
            return self.floor.chance.choice(ODD)
        state = order.state
        if state == "rejected" and quirks.refusal == "canceled_in_201":
            state = "canceled"
        elif state == "open" and order.filled and quirks.counts == "native":
            state = "partial"
        elif state == "open" and not order.live:
            state = "held"
        return quirks.words[state]

    def _points(self, market: str, ticks: int) -> str:
        return str(Decimal(ticks) / self.floor.contracts[market].ticks_per_point)

    def _enveloped(self, many: str, one: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
        if not self.quirks.single_odd:
            return {many: rows}
        if not rows:
            return {many: "null"}
        return {many: {one: rows[0] if len(rows) == 1 else rows}}


def _page(rows: Sequence[Any], params: Mapping[str, str], size: int) -> list[Any]:
    number = max(1, int(params.get("page") or 1))
    return list(rows[(number - 1) * size : number * size])


def _usd(microusd: int) -> str:
    return str(Decimal(microusd) / MICRO)

"""What the broker tests share: approved orders made by `decide` itself, intents, bars."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from brokers.paper import PaperBroker
from gamma.bars import Bar
from gamma.decision import ApprovedOrder, decide, decide_exit
from gamma.events import Fill, Intent, OrderKind, OrderState, OrderType
from gamma.markets import market
from gamma.ports import Accepted, BrokerOrder, Found, Placed
from gamma.reasons import Fact
from gamma.views import AccountView, MarketView, Num, OrderView, PositionView, SignalView, View

MINUTE_NS = 60_000_000_000
MARKETS = {symbol: market(symbol) for symbol in ("MNQ", "ES", "RTY", "XAU_USD", "SPX")}


@dataclass(frozen=True)
class Wanted:
    """A sizer that proposes what the test wants."""

    lots: int

    def __call__(self, view: View, lots: Num) -> Num:  # noqa: ARG002
        return float(self.lots)

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:  # noqa: ARG002
        return {}


def view(symbol: str, side: int, held: int = 0) -> View:
    return View(
        account=AccountView(balance_usd=5e4, equity_usd=5e4, starting_capital_usd=5e4, peak_equity_usd=5e4),
        market=MarketView(symbol=symbol, kind=1, multiplier_usd_per_point=1.0, tick_points=1.0, price_points=1.0),
        signal=SignalView(side=side),
        position=PositionView(lots=held),
    )


def approve(intent: Intent) -> ApprovedOrder:
    """The approval that belongs to an intent, from the one place that gives them."""
    seen = view(intent.market, intent.side, held=-intent.side * intent.lots if intent.reduces else 0)
    if intent.reduces:
        order = OrderView(market=intent.market, side=intent.side, lots=intent.lots, reduces=True)
        decision = decide_exit(seen, order, ())
    else:
        decision = decide(seen, [("wanted", Wanted(intent.lots))], ())
    assert decision.approved is not None
    return decision.approved


def entry(client_order_id: str, side: int, lots: int, symbol: str = "MNQ", **fields: Any) -> Intent:
    return Intent(
        client_order_id=client_order_id,
        decision_id=f"decision {client_order_id}",
        strategy="test",
        market=symbol,
        kind=fields.pop("kind", OrderKind.ENTRY),
        order_type=fields.pop("order_type", OrderType.MARKET),
        side=side,
        lots=lots,
        **fields,
    )


def leave(client_order_id: str, side: int, lots: int, symbol: str = "MNQ") -> Intent:
    return entry(client_order_id, side, lots, symbol, kind=OrderKind.EXIT, reduces=True, reduce_only=True)


def bracket(parent: Intent, stop_ticks: int, target_ticks: int = 0) -> list[Intent]:
    """Stop `s` and target `t` of an entry, at these prices."""
    out = replace(parent, side=-parent.side, reduces=True, reduce_only=True, parent=parent.client_order_id)
    stop = replace(
        out,
        client_order_id=f"{parent.client_order_id}s",
        kind=OrderKind.STOP,
        order_type=OrderType.STOP,
        price_ticks=stop_ticks,
    )
    target = replace(
        out,
        client_order_id=f"{parent.client_order_id}t",
        kind=OrderKind.TARGET,
        order_type=OrderType.LIMIT,
        price_ticks=target_ticks,
    )
    return [stop, target] if target_ticks else [stop]


def bar(minute: int, prices: Sequence[float], symbol: str = "MNQ", **fields: Any) -> Bar:
    """A bar of one minute: open, high, low, close."""
    opening, high, low, closing = prices
    return Bar(
        market=symbol,
        ts_open_utc_ns=minute * MINUTE_NS,
        ts_close_utc_ns=(minute + 1) * MINUTE_NS,
        open_points=opening,
        high_points=high,
        low_points=low,
        close_points=closing,
        **fields,
    )


class Desk:
    """A paper broker, spoken to without `await`."""

    def __init__(self, path: Path | None = None, *, capital_usd: int = 50_000, **params: Any) -> None:
        self.broker = PaperBroker.open(
            params,
            account="paper-1",
            starting_capital_microusd=capital_usd * 1_000_000,
            markets=MARKETS,
            state_path=path,
        )
        self.minute = 0

    def place(self, intent: Intent, children: Sequence[Intent] = ()) -> Placed:
        return asyncio.run(self.broker.place(approve(intent), intent, children))

    def accept(self, intent: Intent, children: Sequence[Intent] = ()) -> None:
        placed = self.place(intent, children)
        assert isinstance(placed, Accepted), placed

    def bar(self, *prices: float, symbol: str = "MNQ", **fields: float) -> None:
        """The next minute."""
        self.minute += 1
        self.broker.trade_through(bar(self.minute, prices, symbol, **fields))

    def flat_bar(self, points: float, symbol: str = "MNQ", **fields: float) -> None:
        self.bar(points, points, points, points, symbol=symbol, **fields)

    def quote(self, symbol: str, bid_ticks: int | None, ask_ticks: int | None) -> None:
        self.broker.quote(symbol, bid_ticks, ask_ticks)

    def fills(self) -> list[Fill]:
        return list(asyncio.run(self.broker.fills_since("")).fills)

    def prices(self) -> list[tuple[str, int, int]]:
        """Each fill: order, signed lots, price in ticks."""
        return [(f.client_order_id, f.side * f.lots, f.price_ticks) for f in self.fills()]

    def order(self, client_order_id: str) -> BrokerOrder:
        found = asyncio.run(self.broker.find(client_order_id))
        assert isinstance(found, Found), client_order_id
        return found.order

    def state(self, client_order_id: str) -> OrderState:
        return self.order(client_order_id).state

    def cancel(self, client_order_id: str) -> Placed:
        return asyncio.run(self.broker.cancel(client_order_id))

    def replace(self, client_order_id: str, price_ticks: int) -> Placed:
        return asyncio.run(self.broker.replace(client_order_id, price_ticks))

    def positions(self) -> dict[str, int]:
        return dict(asyncio.run(self.broker.positions()))

    def balance_microusd(self) -> int:
        return asyncio.run(self.broker.account()).balance_microusd

    def equity_microusd(self) -> int:
        return asyncio.run(self.broker.account()).equity_microusd

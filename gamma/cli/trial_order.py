"""An order to see whether a broker takes one, which nobody else takes, and which is cancelled.

Of options it is a spread sold for almost its width; of all else a limit to buy far below what is bid.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, final

from gamma.cli.findings import Finding

if TYPE_CHECKING:
    from gamma.decision import ApprovedOrder
    from gamma.events import Intent
    from gamma.markets import Market
    from gamma.ports import Broker, BrokerOrder, Chains
    from gamma.views import View

LOOKS: Final = 10
LOOK_EVERY_S: Final = 1.0
# Far enough that nobody sells there while it rests, and within the 7 % by which index futures may fall in a day.
BELOW_FRAC: Final = 0.03
EVENT_LOW_TICKS, EVENT_HIGH_TICKS = 1, 99


@final
@dataclass(frozen=True, slots=True)
class _OneLot:
    """A sizer of one lot."""

    def __call__(self, view: "View", lots: Any) -> Any:  # noqa: ARG002
        return 1.0

    def explain(self, view: "View", lots: float) -> Mapping[str, float]:  # noqa: ARG002
        return {}


async def tried(broker: "Broker", intent: "Intent") -> Finding:
    """Place it, see it, cancel it, and say what became of it.

    Raises: Transient.
    """
    from gamma.events import OrderState
    from gamma.ports import Accepted, Lost

    await _prepared(broker, intent)
    intent = replace(intent, ts_event_utc_ns=time.time_ns())
    placed = await broker.place(_approved(intent), intent, ())
    tag = intent.client_order_id
    if isinstance(placed, Lost):
        return _failed(
            f"no answer tells whether {tag} is there ({placed.text}): look at the broker's page, and cancel it"
        )
    if not isinstance(placed, Accepted):
        return _failed(f"refused: {placed.text or placed.code}")
    known_as = {tag: placed.broker_order_ids.get(tag, "")}
    order = await _seen(broker, known_as, lambda _: True)
    if order is None:
        return _failed(f"{tag} was taken, and is on no list yet: look at the broker's page, and cancel it")
    if order.state is OrderState.REJECTED:
        what = "spreads" if intent.legs else intent.market
        return _failed(f"{tag} was received and then refused: may the account trade {what}, and has it the money?")
    return await _taken_back(broker, intent, known_as)


async def _prepared(broker: "Broker", intent: "Intent") -> None:
    """Let the broker ask what it has to know before it can send the order; what is not known yet may be in a moment.

    Raises: Transient.
    """
    from gamma.errors import Transient
    from gamma.ports import Preparing

    if not isinstance(broker, Preparing):
        return
    for _ in range(LOOKS):
        with suppress(Transient):
            await broker.prepare(intent)
            return
        await asyncio.sleep(LOOK_EVERY_S)
    await broker.prepare(intent)


async def _taken_back(broker: "Broker", intent: "Intent", known_as: "Mapping[str, str]") -> Finding:
    """Cancel it, and see that it is."""
    from gamma.events import OrderState
    from gamma.ports import Rejected

    tag = intent.client_order_id
    canceled = await broker.cancel(tag)
    if isinstance(canceled, Rejected):
        return _failed(
            f"{tag} could not be cancelled ({canceled.text or canceled.code}): cancel it on the broker's page"
        )
    ended = await _seen(broker, known_as, lambda told: told.state in (OrderState.CANCELED, OrderState.FILLED))
    if ended is None and all(order.client_order_id != tag for order in await broker.open_orders()):
        return Finding(check="order", ok=True, text=f"{_worded(intent)}: taken, seen, and gone since it was cancelled")
    if ended is None or ended.filled_lots or ended.state is not OrderState.CANCELED:
        state = "still working" if ended is None else str(ended.state)
        return _failed(f"{tag} is {state} after it was to be cancelled: see to it on the broker's page")
    return Finding(check="order", ok=True, text=f"{_worded(intent)}: taken, seen, cancelled")


def _worded(intent: "Intent") -> str:
    from gamma.markets import market as known

    traded = known(intent.market)
    price = traded.shown(traded.points(intent.price_ticks))
    what = " and bought ".join(leg.symbol for leg in intent.legs) or intent.market
    return f"sold {what} for {price}" if intent.side < 0 else f"bid for {what} at {price}"


async def _seen(
    broker: "Broker", known_as: "Mapping[str, str]", wanted: "Callable[[BrokerOrder], bool]"
) -> "BrokerOrder | None":
    """The order, once it is as it is wanted; None where it does not come to be so in time."""
    from gamma.errors import Transient

    for _ in range(LOOKS):
        try:
            told = await broker.orders(known_as)
        except Transient:
            told = ()
        if told and wanted(told[0]):
            return told[0]
        await asyncio.sleep(LOOK_EVERY_S)
    return None


def far_bid(market: "Market", bid_points: float) -> "Intent":
    """One lot to buy, so far below the bid that nobody sells; of an event for a cent, or sold for 99 where that is bid.

    Raises: InputInvalid when there is no such price.
    """
    from gamma.errors import InputInvalid
    from gamma.markets import Kind

    if market.kind is Kind.EVENT:
        low = bid_points * market.ticks_per_point <= 2 * EVENT_LOW_TICKS
        return _one(market, -1 if low else 1, EVENT_HIGH_TICKS if low else EVENT_LOW_TICKS)
    ticks = int(bid_points * (1 - BELOW_FRAC) * market.ticks_per_point) if bid_points > 0 else 0
    if ticks <= 0:
        raise InputInvalid(f"{market.symbol}: {bid_points:g} is no price to stay below; give one with --price")
    return _one(market, 1, ticks)


def bid_at(market: "Market", price_points: float) -> "Intent":
    """One lot to buy at a price that a person says."""
    return _one(market, 1, market.ticks(price_points))


def _one(market: "Market", side: int, price_ticks: int, **more: Any) -> "Intent":
    from gamma.events import Intent, OrderKind, OrderType

    return Intent(
        client_order_id=f"test-{time.time_ns() // 1_000_000}",
        decision_id="test",
        strategy="test",
        market=market.symbol,
        kind=OrderKind.ENTRY,
        order_type=OrderType.LIMIT,
        side=side,
        lots=1,
        price_ticks=price_ticks,
        **more,
    )


async def far_spread(chains: "Chains", market: str) -> "Intent":
    """The lowest put spread of the next day but one, sold for a tick less than its width.

    Raises: Transient when there is none.
    """
    import numpy as np

    from gamma.errors import Transient
    from gamma.events import Leg
    from gamma.markets import market as known

    traded = known(market)
    days = await chains.expirations(market)
    if not days:
        raise Transient(f"{market} has no expirations: it has no options there, or their data is not subscribed to")
    chain = await chains.chain(market, days[min(1, len(days) - 1)])
    puts = np.flatnonzero(~chain.call & (chain.strike_points < chain.spot_points))
    if len(puts) < 2:
        raise Transient(
            f"{market} has {len(puts)} puts below {chain.spot_points:,.2f} on {days[0]}: no spread can be made"
        )
    rows = puts[np.argsort(chain.strike_points[puts])]
    low, high = chain.option(int(rows[0])), chain.option(int(rows[1]))
    width_ticks = traded.ticks(high.strike_points - low.strike_points)
    return _one(
        traded,
        -1,
        width_ticks - 1,
        legs=(Leg(symbol=high.symbol, ratio=1), Leg(symbol=low.symbol, ratio=-1)),
        risk_microusd_per_lot=traded.tick_value_microusd,
    )


def _approved(intent: "Intent") -> "ApprovedOrder":
    """One lot, through `decide`, as every order."""
    from gamma.decision import decide
    from gamma.errors import InvariantBroken
    from gamma.markets import market as known
    from gamma.views import AccountView, MarketView, SignalView, View

    traded = known(intent.market)
    view = View(
        account=AccountView(balance_usd=1e4, equity_usd=1e4, starting_capital_usd=1e4, peak_equity_usd=1e4),
        market=MarketView(
            symbol=traded.symbol,
            kind=int(traded.kind),
            multiplier_usd_per_point=traded.multiplier_usd_per_point,
            tick_points=float(traded.tick_points),
            price_points=traded.points(intent.price_ticks),
        ),
        signal=SignalView(side=intent.side),
    )
    approved = decide(view, [("one", _OneLot())], ()).approved
    if approved is None:
        raise InvariantBroken("one lot was not approved by a chain of one lot and no guards")
    return approved


def _failed(text: str) -> Finding:
    return Finding(check="order", ok=False, text=text)

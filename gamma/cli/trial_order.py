"""An order to see whether a broker takes one: a spread sold for almost its width, which nobody pays, and cancelled."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

from gamma.cli.findings import Finding

if TYPE_CHECKING:
    from gamma.decision import ApprovedOrder
    from gamma.events import Intent
    from gamma.ports import Broker, BrokerOrder, Chains
    from gamma.views import View

LOOKS: Final = 10
LOOK_EVERY_S: Final = 1.0


@final
@dataclass(frozen=True, slots=True)
class _One:
    """A sizer of one lot."""

    def __call__(self, view: "View", lots: Any) -> Any:  # noqa: ARG002
        return 1.0

    def explain(self, view: "View", lots: float) -> Mapping[str, float]:  # noqa: ARG002
        return {}


async def tried(broker: "Broker", chains: "Chains", market: str) -> Finding:
    """Place it, see it, cancel it, and say what became of it.

    Raises: Transient; InputInvalid when the market has no spreads.
    """
    from gamma.events import OrderState
    from gamma.markets import market as known
    from gamma.ports import Accepted, Lost

    intent = await _intent(chains, market)
    placed = await broker.place(_approved(intent), intent, ())
    tag = intent.client_order_id
    if isinstance(placed, Lost):
        return _failed(
            f"no answer tells whether {tag} is there ({placed.text}): look at the broker's page, and cancel it"
        )
    if not isinstance(placed, Accepted):
        return _failed(f"refused: {placed.text or placed.code}")
    order = await _seen(broker, tag, lambda _: True)
    if order is None:
        return _failed(f"{tag} was taken, and is on no list yet: look at the broker's page, and cancel it")
    if order.state is OrderState.REJECTED:
        return _failed(f"{tag} was received and then refused: may the account trade spreads, and has it the money?")
    await broker.cancel(tag)
    ended = await _seen(broker, tag, lambda told: told.state in (OrderState.CANCELED, OrderState.FILLED))
    if ended is None or ended.filled_lots or ended.state is not OrderState.CANCELED:
        state = "still working" if ended is None else str(ended.state)
        return _failed(f"{tag} is {state} after it was to be cancelled: see to it on the broker's page")
    price = known(market).shown(known(market).points(intent.price_ticks))
    text = f"sold {' and bought '.join(leg.symbol for leg in intent.legs)} for {price}: taken, seen, cancelled"
    return Finding(check="order", ok=True, text=text)


async def _seen(broker: "Broker", tag: str, wanted: "Callable[[BrokerOrder], bool]") -> "BrokerOrder | None":
    """The order, once it is as it is wanted; None where it does not come to be so in time."""
    from gamma.ports import Found

    for _ in range(LOOKS):
        found = await broker.find(tag)
        if isinstance(found, Found) and wanted(found.order):
            return found.order
        await asyncio.sleep(LOOK_EVERY_S)
    return None


async def _intent(chains: "Chains", market: str) -> "Intent":
    """The lowest put spread of the next day but one, sold for a tick less than its width."""
    import numpy as np

    from gamma.errors import Transient
    from gamma.events import Intent, Leg, OrderKind, OrderType
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
    return Intent(
        client_order_id=f"test-{time.time_ns() // 1_000_000}",
        decision_id="test",
        strategy="test",
        market=market,
        kind=OrderKind.ENTRY,
        order_type=OrderType.LIMIT,
        side=-1,
        lots=1,
        price_ticks=width_ticks - 1,
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
    approved = decide(view, [("one", _One())], ()).approved
    if approved is None:
        raise InvariantBroken("one lot was not approved by a chain of one lot and no guards")
    return approved


def _failed(text: str) -> Finding:
    return Finding(check="order", ok=False, text=text)

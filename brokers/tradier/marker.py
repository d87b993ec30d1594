"""How far the fills of an account were read: Tradier has no list of fills, but counts them on each order."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from brokers.tradier.reading import Executed
from brokers.tradier.settlement import Held, held_of, joined
from gamma.errors import MarkerUnknown
from gamma.events import Fill
from gamma.markets import Market

# An order may show on the list so long after one that was placed later [ns]; nothing was seen of more than 30 s.
SETTLED_NS: Final = 900 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Orders up to number `settled` are over and told; of the later ones, lots and cost [ticks] that were told.

    `held` is what each order did to what is held, while its options live; what ended in cash up to
    `ended_utc_ns` was told.
    """

    settled: int = 0
    told: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    held: Mapping[int, Held] = field(default_factory=dict)
    ended_utc_ns: int = 0

    def text(self) -> str:
        """As it is kept."""
        if not self.settled and not self.told:
            return ""
        told = {str(key): done for key, done in sorted(self.told.items())}
        held = {str(key): one.plain() for key, one in sorted(self.held.items())}
        return json.dumps([self.settled, told, held, self.ended_utc_ns])


def marker_of(text: str) -> Marker:
    """Read a marker back.

    Raises: MarkerUnknown.
    """
    if not text:
        return Marker()
    try:
        settled, told, *more = json.loads(text)
        held, ended_utc_ns = more or ({}, 0)  # markers from before did not tell what is held
        read = {int(key): (int(lots), int(cost)) for key, (lots, cost) in told.items()}
        known = {int(key): held_of(one) for key, one in held.items()}
        return Marker(settled=int(settled), told=read, held=known, ended_utc_ns=int(ended_utc_ns))
    except (ValueError, TypeError, AttributeError) as error:
        raise MarkerUnknown(f"{text[:80]!r} is no marker of Tradier's") from error


def fills_of(done: Executed, before: tuple[int, int], market: Market) -> list[Fill]:
    """Each lot that was filled since, as an execution of its own: so it is the same whenever it is read.

    What the lots cost together is shared out among them in whole ticks. The fee is the market's commission: an order
    does not tell its own.
    """
    lots_before, cost_before = before
    fresh, cost = done.lots - lots_before, done.cost_ticks - cost_before
    order, fills = done.order, []
    for n in range(fresh):
        each = cost // fresh + (n < cost % fresh)
        fills.append(
            Fill(
                execution_id=f"{order.broker_order_id}-{lots_before + n + 1}",
                client_order_id=order.client_order_id,
                market=order.market,
                side=order.side,
                lots=1,
                price_ticks=each,
                fee_microusd=market.fee_microusd(1, each),
                fee_estimated=True,
                ts_event_utc_ns=order.ts_event_utc_ns,
            )
        )
    return fills


def advanced(marker: Marker, seen: Sequence[Executed]) -> Marker:
    """The marker after these were told; `seen` are all orders that may still matter, by their numbers."""
    newest = max((done.order.ts_event_utc_ns for done in seen), default=0)
    settled = marker.settled
    for done in seen:
        order = done.order
        if not order.ended or newest - order.ts_event_utc_ns < SETTLED_NS:
            break
        settled = max(settled, int(order.broker_order_id))
    later = {int(d.order.broker_order_id): (d.lots, d.cost_ticks) for d in seen}
    later = {
        key: max(done, marker.told.get(key, done)) for key, done in later.items()
    }  # an old page takes nothing back
    told = {key: done for key, done in later.items() if key > settled}
    held = joined(marker.held, seen, marker.ended_utc_ns)
    return Marker(settled=settled, told=told, held=held, ended_utc_ns=marker.ended_utc_ns)

"""What the drills of sandboxes share: requests as they arrive, and what an observer writes down of an order."""

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Final, final

import httpx

from brokers.sandbox.answers import Request, Sandbox
from brokers.sandbox.option_floor import OptionFloor
from brokers.sandbox.tickets import Ticket
from gamma.chaos.broker.observed import Canceled, Executed, Received, Record, Refused
from gamma.chaos.drill import Asked, Scene, Served
from gamma.chaos.simulation.faults import Fault
from gamma.markets import MICRO, market

REJECT_FRAC: Final = 0.15
CANCEL_S: Final = 8.0  # long enough for the market to move before a cancel takes effect
# How many lots of an order trade when it is looked at, while it fills in parts; None for all.
_DEPTHS: Final = (0, 0, 1, 1, None)


def served(sandbox: Sandbox, asked: Asked, now_utc_ns: int) -> Served:
    """What a sandbox answers to a request that arrives now."""
    url = httpx.URL(f"http://{asked.host}{asked.target}")
    headers = {name.lower(): value for name, value in asked.headers.items()}
    request = Request(method=asked.method, path=url.path, params=dict(url.params), headers=headers, body=asked.body)
    answer = sandbox.handle(request, now_utc_ns)
    return answer.status, answer.headers, answer.body


@final
class OptionMishaps:
    """What goes wrong by itself on a floor of options: orders refused, filled in parts, and cancelled late."""

    def __init__(self, floor: OptionFloor, scene: Scene, refusal: str) -> None:
        self._floor = floor
        self._refusal = refusal
        self._rng = random.Random(f"mishaps {scene.seed}")  # noqa: S311  (of faults)
        self._faults = scene.faults
        self._floor.cancel_s = CANCEL_S if Fault.SLUGGISH in scene.faults else 0.0

    def before(self, *, placing: bool) -> None:
        """Something is about to happen: a request arrives, or time passes."""
        if Fault.FILLS in self._faults:
            self._floor.depth_lots = self._rng.choice(_DEPTHS)
        if placing and Fault.REJECTS in self._faults and self._rng.random() < REJECT_FRAC:
            self._floor.refuse_next.append(self._refusal)

    def grow_calm(self) -> None:
        """Nothing goes wrong any more; a cancel still takes its time."""
        self._faults = frozenset()
        self._floor.depth_lots = None
        self._floor.refuse_next.clear()


def records_of(ticket: Ticket) -> Iterator[Record]:
    """What happened to an order of several legs; each lot is an execution, numbered from 1."""
    order_id, tag, traded = str(ticket.number), ticket.tag, market(ticket.underlying)
    side = -1 if ticket.legs[0].ratio < 0 else 1  # the first of its options is the dearer one
    yield Received(
        ts_utc_ns=ticket.ts_created_utc_ns,
        client_order_id=tag,
        order_id=order_id,
        market=ticket.underlying,
        side=side,
        lots=ticket.lots,
        kind=ticket.kind,
        price_ticks=int(abs(ticket.limit_points or Decimal(0)) * traded.ticks_per_point),
        reduces=not ticket.legs[0].opens,
    )
    number = 0
    for execution in ticket.executions:
        net = -sum((leg.ratio * p for leg, p in zip(ticket.legs, execution.leg_points, strict=True)), Decimal(0))
        for _ in range(execution.lots):
            number += 1
            yield Executed(
                ts_utc_ns=execution.ts_utc_ns,
                execution_id=f"{order_id}-{number}",
                order_id=order_id,
                client_order_id=tag,
                market=ticket.underlying,
                side=side,
                lots=1,
                price_ticks=-side * int(net * traded.ticks_per_point),
                fee_microusd=int(execution.fee_usd * MICRO / execution.lots),
            )
    if ticket.state in ("canceled", "expired"):
        yield Canceled(ts_utc_ns=ticket.ts_updated_utc_ns, order_id=order_id, client_order_id=tag, by="client")
    if ticket.state == "rejected":
        yield Refused(ts_utc_ns=ticket.ts_updated_utc_ns, client_order_id=tag, order_id=order_id, code=ticket.reason)

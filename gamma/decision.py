"""`decide`: the one way from a view to an approved order, with its whole trace."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, final

from gamma.errors import InvariantBroken
from gamma.events import Intent
from gamma.guards import Action, Guard, Scope, Trip, Verdict
from gamma.ports import ApprovedLike
from gamma.reasons import Reason, Step
from gamma.sizing import Sizer, Sizing, shrink, size, whole_lots
from gamma.views import Num, OrderView, View

_SEAL: Final = object()


@final
class ApprovedOrder:
    """An order that passed the chain and the guards; only `decide` can build one."""

    __slots__ = ("lots", "market", "order", "side")

    def __init__(self, order: OrderView, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("an ApprovedOrder comes from gamma.decision.decide alone")
        self.order = order
        self.market = order.market
        self.side = order.side
        self.lots = order.lots

    def __repr__(self) -> str:
        return f"ApprovedOrder({self.market} {self.side * self.lots:+d})"


def require_approved(approved: ApprovedLike, intent: Intent) -> None:
    """Refuse to send an order other than the one that was approved; every adapter asks this before its one attempt.

    Raises: TypeError when it was not approved by `decide`; InvariantBroken when another one was.
    """
    if not isinstance(approved, ApprovedOrder):
        raise TypeError(f"{intent.client_order_id}: need a gamma.decision.ApprovedOrder, not {approved!r}")
    if (approved.market, approved.side, approved.lots) != (intent.market, intent.side, intent.lots):
        raise InvariantBroken(f"I10: {intent.client_order_id} is not the order that was approved: {approved!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How many lots, and why.

    `sized_lots` is the chain's answer before the guards. `bound_by` names the step that set the final
    size. `trips` are what guards asked for beside the size. A zero always has a reason.
    """

    lots: int
    sized_lots: int
    side: int
    steps: tuple[Step, ...]
    bound_by: str
    reason: str
    halted: bool
    fault: str = ""
    invalid: str = ""
    trips: tuple[tuple[str, Trip], ...] = ()
    approved: ApprovedOrder | None = None


Guards = Sequence[tuple[str, Guard]]
Sizers = Sequence[tuple[str, Sizer]]


def decide(
    view: View, sizers: Sizers, guards: Guards, *, signal_id: str = "", standing: Reason = Reason.OK
) -> Decision:
    """Size an entry and put it before every guard.

    Every guard runs even after one has said 0, so that the trace shows all that stood against the order.
    `standing`: why nothing new may go out at all (HALTED, UNRESOLVED, ...); the order is denied before
    the guards, and the chain's answer is kept for the record.
    """
    side = _side(view.signal.side)
    if side == 0:
        return _nothing(Reason.NO_SIGNAL)
    sizing = size(sizers, view)
    if standing is not Reason.OK:
        return _denied(sizing, side, standing)
    order = OrderView(
        market=view.market.symbol,
        side=side,
        lots=sizing.lots,
        price_points=float(view.signal.price_points),
        signal_id=signal_id,
    )
    return _guarded(view, order, sizing, guards)


def cut_by(
    view: View, sizers: Sizers, guards: Guards, lots: int, *, signal_id: str = "", standing: Reason = Reason.OK
) -> str:
    """The first step by which `decide` would leave fewer lots than so many; empty where all of them are left.

    It is asked often, keeps no trace, and stops at that step.
    """
    side = _side(view.signal.side)
    if side == 0 or standing is not Reason.OK:
        return "signal" if side == 0 else "standing"
    left: Num = math.inf
    for name, sizer in sizers:
        try:
            left = shrink(left, sizer(view, left))
        except Exception:  # a sizer that raises leaves nothing, here as there
            return name
        if whole_lots(left) < lots:
            return name
    order = OrderView(
        market=view.market.symbol,
        side=side,
        lots=int(whole_lots(left)),
        price_points=float(view.signal.price_points),
        signal_id=signal_id,
    )
    for name, guard in guards:
        allowed = _judge(name, guard, view, order).lots
        if allowed < max(lots, 1):
            return name
        if allowed < order.lots:
            order = replace(order, lots=allowed)
    return "" if order.lots >= max(lots, 1) else "chain"


def decide_exit(view: View, order: OrderView, guards: Guards) -> Decision:
    """Approve an order that reduces: clipped to flat, and seen by the guards of scope `all` alone."""
    held = int(view.position.lots)
    open_lots = max(0, -order.side * held)
    lots = min(order.lots, open_lots)
    reason = Reason.OK if lots == order.lots else Reason.CLIPPED_TO_FLAT
    step = Step(
        name="clip_to_flat", lots_before=order.lots, lots_after=lots, reason=reason, facts={"open_lots": open_lots}
    )
    sizing = Sizing(lots=lots, steps=(step,), bound_by="clip_to_flat")
    clipped = replace(order, lots=lots, reduces=True)
    return _guarded(view, clipped, sizing, [(n, g) for n, g in guards if g.scope is Scope.ALL])


def _side(side: float) -> int:
    """+1, -1, or 0; NaN is no signal."""
    return int(side > 0) - int(side < 0)


def _nothing(reason: Reason) -> Decision:
    step = Step(name="signal", lots_before=None, lots_after=0, reason=reason, facts={})
    return Decision(lots=0, sized_lots=0, side=0, steps=(step,), bound_by="signal", reason=reason, halted=False)


def _denied(sizing: Sizing, side: int, standing: Reason) -> Decision:
    step = Step(name="standing", lots_before=sizing.lots, lots_after=0, reason=standing, facts={})
    return Decision(
        lots=0,
        sized_lots=sizing.lots,
        side=side,
        steps=(*sizing.steps, step),
        bound_by="standing",
        reason=standing,
        halted=standing is Reason.HALTED,
        fault=sizing.fault,
        invalid=sizing.invalid,
    )


def _judge(name: str, guard: Guard, view: View, order: OrderView) -> Verdict:
    try:
        verdict = _checked(guard(view, order))
    except Exception as error:
        # A guard that raises closes: its strategy is halted and an entry gets 0 lots. It holds no exit back.
        text = f"{name}: {type(error).__name__}: {error}"
        trip = Trip(action=Action.STRATEGY_OFF, reason=Reason.FAULT, facts={"error": text}, realised=True)
        lots = order.lots if order.reduces else 0
        return Verdict(lots=lots, reason=Reason.FAULT, facts={"error": text}, trip=trip)
    return verdict


def _checked(verdict: object) -> Verdict:
    """A verdict in whole lots; a stranger's guard may answer with anything."""
    if not isinstance(verdict, Verdict) or not isinstance(verdict.lots, int):
        raise TypeError(f"{verdict!r} is no verdict in whole lots")
    return verdict


def _guarded(view: View, order: OrderView, sizing: Sizing, guards: Guards) -> Decision:
    lots, bound_by, fault = sizing.lots, sizing.bound_by, sizing.fault
    reason: str = Reason.OK if lots > 0 else _zero_reason(sizing)
    steps: list[Step] = list(sizing.steps)
    trips: list[tuple[str, Trip]] = []
    if fault:
        trips.append(
            (
                sizing.steps[-1].name,
                Trip(action=Action.STRATEGY_OFF, reason=Reason.FAULT, facts={"error": fault}, realised=True),
            )
        )
    # A guard always judges an order of at least one lot, so that the trace shows what it would say.
    judged = replace(order, lots=max(lots, 1))
    for name, guard in guards:
        verdict = _judge(name, guard, view, judged)
        allowed = min(lots, max(0, verdict.lots))
        steps.append(Step(name=name, lots_before=lots, lots_after=allowed, reason=verdict.reason, facts=verdict.facts))
        if verdict.trip is not None:
            trips.append((name, verdict.trip))
        if verdict.reason is Reason.FAULT:
            fault = str(verdict.facts.get("error", name))
        if allowed < lots:
            lots, bound_by, reason = allowed, name, verdict.reason
            judged = replace(order, lots=max(lots, 1))
    approved = ApprovedOrder(replace(order, lots=lots), _SEAL) if lots > 0 else None
    return Decision(
        lots=lots,
        sized_lots=sizing.lots,
        side=order.side,
        steps=tuple(steps),
        bound_by=bound_by,
        reason=reason,
        halted=sizing.halted or any(_halts(t) for _, t in trips),
        fault=fault,
        invalid=sizing.invalid,
        trips=tuple(trips),
        approved=approved,
    )


def _halts(trip: Trip) -> bool:
    return trip.action in (Action.HALT, Action.FLATTEN_AND_HALT, Action.REDUCING, Action.STRATEGY_OFF)


def _zero_reason(sizing: Sizing) -> str:
    """Why the chain came to 0: the reason of the step that bound, or that less than one lot was left."""
    if not sizing.steps:
        return Reason.INPUT_MISSING
    reason = next(step.reason for step in sizing.steps if step.name == sizing.bound_by)
    return reason if reason != Reason.OK else Reason.FLOORED

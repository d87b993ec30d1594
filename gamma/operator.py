"""What the operator asks, and what the daemon says of itself. Pure."""

from gamma import notices
from gamma.absence import unlisted
from gamma.book import fold
from gamma.errors import InvariantBroken
from gamma.events import (
    Armed,
    ArmRequested,
    BootStarted,
    FlattenRequested,
    Halt,
    HaltRequested,
    Level,
    ModelFailed,
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderKind,
    OrderState,
    PeakRebased,
    ResolveRequested,
    Resumed,
    ResumeRequested,
    ShutDown,
)
from gamma.markets import MICRO
from gamma.outlook import equity_microusd
from gamma.reasons import Reason
from gamma.turn import Turn
from gamma.upkeep import tend
from gamma.vigil import still_trips, watch


def on_boot(turn: Turn, event: BootStarted) -> None:
    """A new epoch: orders that were about to be sent are UNKNOWN until reconcile has asked.

    Raises: InvariantBroken when the epoch is not new, for its order ids would be those of another run.
    """
    if event.epoch <= turn.book.epoch:
        raise InvariantBroken(f"I1: epoch {event.epoch} was used before; the ledger stands at {turn.book.epoch}")
    turn.record(event)


def on_shut_down(turn: Turn, event: ShutDown) -> None:
    """A clean stop."""
    turn.record(event)


def on_model_failed(turn: Turn, event: ModelFailed) -> None:
    """A policy that cannot be trusted switches its strategy off."""
    halt = Halt(
        halt_id="",
        scope="strategy",
        target=event.strategy,
        level=Level.REDUCING,
        reason=Reason.MODEL_INSANE,
        actor="policy",
        evidence={"text": event.text},
        ts_event_utc_ns=turn.now,
    )
    turn.halt(halt, notices.model_refused(turn.now, strategy=event.strategy, checkpoint="", cause=event.text))
    tend(turn)


def on_halt(turn: Turn, event: HaltRequested) -> None:
    """Cut new risk, by a person's word."""
    known = {
        "account": [""],
        "strategy": list(turn.rules.strategies),
        "market": list(turn.book.setup.markets),
    }.get(event.scope, [])
    if event.target not in known:
        turn.answer(event.command_id, False, f"no {event.scope} {event.target!r}; known: {', '.join(known) or 'none'}")
        return
    halt = Halt(
        halt_id="",
        scope=event.scope,
        target=event.target,
        level=event.level,
        reason=event.reason,
        actor=event.actor,
        evidence={"text": event.text},
        ts_event_utc_ns=turn.now,
    )
    where = scope_of(halt)
    notice = notices.halted(turn.now, scope=where, actor=event.actor, reason=event.text or event.reason)
    if event.reason == Reason.INVARIANT:
        name, _, detail = event.text.partition(": ")
        notice = notices.invariant_broken(turn.now, invariant=name, detail=detail)
    elif event.reason == Reason.UNCLEAN_STARTS:
        notice = notices.started_safe(turn.now, cause=event.text)
    elif event.reason == Reason.DEAD_MAN:
        notice = notices.taken_over(turn.now, switch=event.text)
    fresh = turn.halt(halt, notice)
    tend(turn)
    turn.answer(event.command_id, True, f"{where} is {event.level}" + ("" if fresh else " already"))


def on_resume(turn: Turn, event: ResumeRequested) -> None:
    """Lift one halt; refused while the guard that latched it would only latch it again.

    With `rebase` today's equity becomes the peak from which drawdown is measured: a person's act, and recorded.
    """
    halt = turn.book.halts.get(event.halt_id)
    if halt is None:
        known = ", ".join(turn.book.halts) or "none stands"
        turn.answer(event.command_id, False, f"no halt {event.halt_id}; standing: {known}")
        return
    quarantined = [cid for cid, o in turn.book.orders.items() if o.state is OrderState.QUARANTINED]
    if halt.reason == Reason.UNRESOLVED and quarantined:
        turn.answer(event.command_id, False, f"first say what became of {', '.join(quarantined)}: gamma resolve ID")
        return
    rebased = PeakRebased(equity_microusd=equity_microusd(turn.book), actor=event.actor, ts_event_utc_ns=turn.now)
    found = still_trips(turn, fold(turn.book, rebased) if event.rebase else turn.book, halt)
    if found is not None:
        facts = ", ".join(f"{name} {value}" for name, value in found.facts.items())
        text = f"{halt.actor.removeprefix('guard:')} would halt again at once ({facts}); remove the cause first"
        turn.answer(event.command_id, False, text)
        return
    if event.rebase:
        turn.record(rebased)
    turn.record(Resumed(halt_id=event.halt_id, actor=event.actor, ts_event_utc_ns=turn.now))
    turn.tell(notices.resumed(turn.now, scope=scope_of(halt), actor=event.actor, reason=halt.reason))
    turn.answer(event.command_id, True, f"halt {event.halt_id} ({halt.reason}) is lifted")
    watch(turn)
    tend(turn)


def on_flatten(turn: Turn, event: FlattenRequested) -> None:
    """Close positions and cancel entries, and orders of our form that this ledger never issued."""
    for order in list(turn.book.orders.values()):
        if order.intent.kind is OrderKind.ENTRY and event.market in ("", order.intent.market):
            turn.cancel(order, "operator")
    strays = [cid for cid, market in turn.book.control.strays.items() if event.market in ("", market)]
    for cid in strays:
        turn.cancel_stray(cid, turn.book.control.strays[cid])
    held = [p for p in turn.book.positions.values() if p.lots and event.market in ("", p.market)]
    frozen = [p for p in held if turn.book.frozen(p.strategy, p.market)]
    for position in held:
        if position not in frozen:
            turn.want_exit(position, "operator")
    tend(turn)
    closing = ", ".join(f"{p.lots:+d} {p.market} of {p.strategy}" for p in held if p not in frozen)
    text = f"closing {closing}; entries are cancelled" if closing else "nothing to close; entries are cancelled"
    if strays:
        text += f"; so are {len(strays)} order(s) that this ledger never issued"
    if frozen:
        text += f"; {len(frozen)} stay(s) open under a halt that stops exits too: resume first"
    waiting = [c for c, o in turn.book.orders.items() if o.unresolved and o.moves_position]
    if waiting:
        text += f"; {len(waiting)} order(s) have no answer yet, and their markets wait for it"
    turn.answer(event.command_id, not frozen, text)


def on_resolve(turn: Turn, event: ResolveRequested) -> None:
    """A person says what became of an order."""
    cid = event.client_order_id
    order = turn.book.orders.get(cid)
    if order is not None and event.outcome == "absent" and order.live and unlisted(order, turn.rules.capabilities):
        turn.record(OrderCanceled(client_order_id=cid, ts_event_utc_ns=turn.now))
        tend(turn)
        turn.answer(event.command_id, True, f"{cid}, which the broker does not list, is over")
        return
    if order is None or order.state not in (OrderState.UNKNOWN, OrderState.QUARANTINED):
        turn.answer(event.command_id, False, f"{cid} is no unresolved order")
        return
    if event.outcome not in ("absent", "filled"):
        turn.answer(event.command_id, False, f"{event.outcome!r} is no outcome; say filled or absent")
        return
    if event.outcome == "absent":
        turn.record(OrderAbsent(client_order_id=cid, actor=event.actor, ts_event_utc_ns=turn.now))
    else:
        turn.record(OrderAccepted(client_order_id=cid, broker_order_id="", ts_event_utc_ns=turn.now))
    tend(turn)
    left = [c for c, o in turn.book.orders.items() if o.unresolved and o.moves_position]
    then = f"still unresolved: {', '.join(left)}" if left else "now lift the halt"
    turn.answer(event.command_id, True, f"{cid} resolved as {event.outcome}; {then}")


def on_arm(turn: Turn, event: ArmRequested) -> None:
    """Arm live trading of the very config that runs."""
    if event.config_hash != turn.rules.config_hash:
        turn.answer(event.command_id, False, "that is not the config that the daemon runs")
        return
    if event.until_utc_ns <= turn.now or event.loss_max_microusd <= 0:
        turn.answer(event.command_id, False, "an arming needs a time that is still to come and a largest loss above 0")
        return
    turn.record(
        Armed(
            config_hash=event.config_hash,
            loss_max_microusd=event.loss_max_microusd,
            until_utc_ns=event.until_utc_ns,
            actor=event.actor,
            ts_event_utc_ns=turn.now,
        )
    )
    turn.tell(notices.armed(turn.now, loss_max_usd=event.loss_max_microusd / MICRO, until_utc_ns=event.until_utc_ns))
    turn.answer(event.command_id, True, "armed until the session ends")


def scope_of(halt: Halt) -> str:
    """What a halt stands on, in words."""
    return "the account" if halt.scope == "account" else f"{halt.scope} {halt.target}"

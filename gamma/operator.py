"""What the operator asks, and what the daemon says of itself. Pure."""

from gamma import notices
from gamma.book import fold
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
from gamma.vigil import still_trips, watch


def on_boot(turn: Turn, event: BootStarted) -> None:
    """A new epoch: orders that were about to be sent are UNKNOWN until reconcile has asked."""
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


def on_halt(turn: Turn, event: HaltRequested) -> None:
    """Cut new risk, by a person's word."""
    halt = Halt(
        halt_id="",
        scope=event.scope,
        target=event.target,
        level=event.level,
        reason=Reason.OPERATOR,
        actor=event.actor,
        evidence={"text": event.text},
        ts_event_utc_ns=turn.now,
    )
    where = scope_of(halt)
    notice = notices.halted(turn.now, scope=where, actor=event.actor, reason=event.text or str(Reason.OPERATOR))
    fresh = turn.halt(halt, notice)
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


def on_flatten(turn: Turn, event: FlattenRequested) -> None:
    """Close positions and cancel entries."""
    closed = 0
    for position in list(turn.book.positions.values()):
        if position.lots and event.market in ("", position.market):
            turn.want_exit(position, "operator")
            closed += 1
    for order in list(turn.book.orders.values()):
        if order.intent.kind is OrderKind.ENTRY and event.market in ("", order.intent.market):
            turn.cancel(order, "operator")
    turn.tend()
    turn.answer(event.command_id, True, f"closing {closed} position(s), entries cancelled")


def on_resolve(turn: Turn, event: ResolveRequested) -> None:
    """A person says what became of an order."""
    order = turn.book.orders.get(event.client_order_id)
    if order is None or order.state not in (OrderState.UNKNOWN, OrderState.QUARANTINED):
        turn.answer(event.command_id, False, f"{event.client_order_id} is no unresolved order")
        return
    if event.outcome == "absent":
        turn.record(OrderAbsent(client_order_id=event.client_order_id, actor=event.actor, ts_event_utc_ns=turn.now))
    else:
        turn.record(OrderAccepted(client_order_id=event.client_order_id, broker_order_id="", ts_event_utc_ns=turn.now))
    turn.tend()
    turn.answer(event.command_id, True, f"{event.client_order_id} resolved as {event.outcome}; now lift the halt")


def on_arm(turn: Turn, event: ArmRequested) -> None:
    """Arm live trading of the very config that runs."""
    if event.config_hash != turn.rules.config_hash:
        turn.answer(event.command_id, False, "that is not the config that the daemon runs")
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

"""A day's facts for the tests of the ledger, written out by hand."""

from dataclasses import replace
from typing import Any

from gamma.effects import Tick
from gamma.events import (
    Armed,
    BalanceCompared,
    BootStarted,
    DayStarted,
    DecisionMade,
    EquityMarked,
    ExitWanted,
    Fill,
    FillsRead,
    ForeignOrderSeen,
    Halt,
    Halted,
    Intent,
    Leg,
    Level,
    Manage,
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderIntended,
    OrderKind,
    OrderLost,
    OrderMissed,
    OrderQuarantined,
    OrderRejected,
    OrderReplaced,
    OrderType,
    PeakRebased,
    PositionManaged,
    PositionsCompared,
    Recorded,
    Resumed,
    ShutDown,
    Trade,
    TradeClosed,
)
from gamma.notices import Notice, Severity
from gamma.reasons import Step
from gamma.views import AccountView, MarketView, SignalView, View

T0 = 1_700_000_000_000_000_000
S = 1_000_000_000


def view() -> View:
    """A small view with unknown numbers in it."""
    return View(
        strategy="mnq",
        account=AccountView(balance_usd=5e4, equity_usd=5e4, starting_capital_usd=5e4, peak_equity_usd=5e4),
        market=MarketView(symbol="MNQ", kind=1, multiplier_usd_per_point=2.0, tick_points=0.25, price_points=2e4),
        signal=SignalView(side=1, stop_points=10.0),
    )


def decision(slot: int, lots: int = 2) -> DecisionMade:
    """A decision on the slot that closes `slot` seconds after T0."""
    return DecisionMade(
        decision_id=f"mnq@{T0 + slot * S}",
        strategy="mnq",
        market="MNQ",
        slot_utc_ns=T0 + slot * S,
        signal_id=f"s{slot}",
        side=1,
        lots=lots,
        sized_lots=3,
        bound_by="order_size",
        reason="ok",
        halted=False,
        steps=(Step(name="fixed", lots_before=None, lots_after=3.0, reason="ok", facts={"lots": 3}),),
        view=view(),
        config_hash="c0",
        standing="ok",
        ts_event_utc_ns=T0 + slot * S,
    )


def entry(number: int, slot: int, lots: int = 2) -> OrderIntended:
    """The entry of a decision, with a stop and a target."""
    order = Intent(
        client_order_id=f"g1a-1-{number}",
        decision_id=f"mnq@{T0 + slot * S}",
        strategy="mnq",
        market="MNQ",
        kind=OrderKind.ENTRY,
        order_type=OrderType.MARKET,
        side=1,
        lots=lots,
        signal_id=f"s{slot}",
        legs=(Leg(symbol="MNQ", ratio=1),),
        ts_event_utc_ns=T0 + slot * S,
    )
    stop = replace(
        order,
        client_order_id=f"g1a-1-{number}s",
        kind=OrderKind.STOP,
        order_type=OrderType.STOP,
        side=-1,
        price_ticks=79_960,
        reduces=True,
        parent=order.client_order_id,
    )
    target = replace(
        stop,
        client_order_id=f"g1a-1-{number}t",
        kind=OrderKind.TARGET,
        order_type=OrderType.LIMIT,
        price_ticks=80_080,
    )
    return OrderIntended(
        intent=order, bracket=(stop, target), deadline_utc_ns=T0 + (slot + 900) * S, ts_event_utc_ns=T0 + slot * S
    )


def fill(execution_id: str, client_order_id: str, lots: int, price_ticks: int, second: int) -> OrderFilled:
    """An execution; lots signed."""
    one = Fill(
        execution_id=execution_id,
        client_order_id=client_order_id,
        market="MNQ",
        side=1 if lots > 0 else -1,
        lots=abs(lots),
        price_ticks=price_ticks,
        fee_microusd=370_000 * abs(lots),
        ts_event_utc_ns=T0 + second * S,
    )
    return OrderFilled(fill=one, ts_event_utc_ns=T0 + second * S)


def tick(slot: int, outcome: str = "no_signal", strategy: str = "mnq") -> Tick:
    """A slot that was looked at."""
    return Tick(strategy=strategy, slot_utc_ns=T0 + slot * S, session="2023-11-14", outcome=outcome)


def notice(key: str = "halted", severity: Severity = Severity.CRITICAL) -> Notice:
    """Something to tell."""
    return Notice(
        key=key, severity=severity, title="Halted", text="No new risk ✋", ts_event_utc_ns=T0, facts={"lots": 2}
    )


def halted(number: int) -> Halted:
    """A halt of the account."""
    halt = Halt(
        halt_id=f"h{number}",
        scope="account",
        target="",
        level=Level.REDUCING,
        reason="daily_loss",
        actor="guard:daily_loss",
        evidence={"day_pnl_usd": -1000.5, "note": "NaN"},
        ts_event_utc_ns=T0,
    )
    return Halted(halt=halt, ts_event_utc_ns=T0)


def closed(number: int = 1) -> TradeClosed:
    """A round trip of two lots, ten points up: 2 x 10 x 2 usd less four fees of 0.37 usd."""
    trade = Trade(
        trade_id=f"mnq@{number}",
        strategy="mnq",
        market="MNQ",
        side=1,
        lots_max=2,
        ts_open_utc_ns=T0,
        ts_close_utc_ns=T0 + 60 * S,
        entry_points=20_000.0,
        exit_points=20_010.0,
        pnl_microusd=40_000_000 - 1_480_000,
        fees_microusd=1_480_000,
        risk_microusd=40_000_000,
        exit_reason="target",
    )
    return TradeClosed(trade=trade, ts_event_utc_ns=T0 + 60 * S)


def day() -> list[Recorded]:
    """One of every kind of fact, in an order that could have been."""
    ts: Any = {"ts_event_utc_ns": T0}
    return [
        BootStarted(epoch=1, config_hash="c0", code_hash="k0", **ts),
        DayStarted(date="2023-11-14", balance_microusd=50_000_000_000, equity_microusd=50_000_000_000, **ts),
        Armed(config_hash="c0", loss_max_microusd=500_000_000, until_utc_ns=T0 + 1, actor="ann", **ts),
        decision(0),
        entry(0, 0),
        OrderLost(client_order_id="g1a-1-0", text="timeout", **ts),
        OrderMissed(client_order_id="g1a-1-0", final=False, **ts),
        OrderAccepted(client_order_id="g1a-1-0", broker_order_id="b0", **ts),
        OrderAccepted(client_order_id="g1a-1-0s", broker_order_id="b1", **ts),
        OrderReplaced(client_order_id="g1a-1-0s", price_ticks=79_970, **ts),
        fill("x0", "g1a-1-0", 1, 80_000, 1),
        fill("x1", "g1a-1-0", 1, 80_000, 2),
        EquityMarked(
            market="MNQ", high_points=20_010.0, low_points=19_999.75, high_microusd=50_039_260_000,
            low_microusd=49_998_260_000, close_microusd=50_019_260_000, **ts,
        ),
        PositionManaged(
            strategy="mnq", market="MNQ", manage=Manage.TRAIL_ON, trail_atr=1.0, slot_utc_ns=T0, reason="ok", **ts,
        ),
        ExitWanted(strategy="mnq", market="MNQ", reason="time", **ts),
        fill("x2", "g1a-1-0t", -2, 80_040, 60),
        OrderCanceled(client_order_id="g1a-1-0s", **ts),
        closed(),
        entry(1, 60),
        OrderRejected(client_order_id="g1a-1-1", code="margin", text="too little \x00\ud800 margin", **ts),
        entry(2, 120),
        OrderLost(client_order_id="g1a-1-2", text="502", **ts),
        OrderQuarantined(client_order_id="g1a-1-2", **ts),
        OrderAbsent(client_order_id="g1a-1-2", actor="ann", **ts),
        halted(1),
        Resumed(halt_id="h1", actor="ann", **ts),
        PeakRebased(equity_microusd=50_000_000_000, actor="ann", **ts),
        PositionsCompared(market="MNQ", book_lots=0, broker_lots=1, **ts),
        BalanceCompared(gap_microusd=-10_000, **ts),
        ForeignOrderSeen(client_order_id="zz", market="MNQ", ours=False, **ts),
        FillsRead(account="DU1", broker="paper", markets=("MES", "MNQ"), marker="3 x2", **ts),
        ShutDown(reason="SIGTERM", **ts),
    ]  # fmt: skip

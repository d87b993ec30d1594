"""One path at a time, one trade at a time, by the daemon's own parts: its sizing with a trace, its floor, its guard."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gamma import floor
from gamma.guards.safety_halt import SafetyHalt
from gamma.markets import MICRO
from gamma.montecarlo.chains import Chain
from gamma.montecarlo.rules import Account
from gamma.montecarlo.stream import Stream
from gamma.sizing import size
from gamma.views import NAN, AccountView, OrderView, PositionView, TrackView

KEPT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What one path came to."""

    lots: list[int]
    balance_usd: list[float]
    drawdown_usd: float
    halted: bool
    ruined: bool


def walk(stream: Stream, account: Account, chain: Chain, order: Any) -> Walked:
    """Make the trades of `order`, by their places in the stream."""
    guard = SafetyHalt(
        halt_frac=account.halt_frac,
        drawdown_half_frac=min(account.drawdown_half_frac, 0.998),
        drawdown_halt_frac=min(account.drawdown_halt_frac, 0.999),
    )
    balance = round(account.start_usd * MICRO)
    state = floor.start(account.floor, balance) if account.floor else None
    peak, fall, halted, ruined = balance, 0, False, False
    pnls: list[float] = []
    multiples: list[float] = []
    lots_made: list[int] = []
    balances: list[float] = []
    for step, at in enumerate(order):
        room = account.floor.drawdown_microusd / MICRO if account.floor else NAN
        usd = balance / MICRO
        view = replace(
            stream.scene,
            account=AccountView(
                balance_usd=usd,
                equity_usd=usd,
                starting_capital_usd=account.capital_usd,
                peak_equity_usd=peak / MICRO,
                floor_usd=state.floor_microusd / MICRO if state else NAN,
                floor_room_start_usd=room,
                cash_usd=usd,
            ),
            position=PositionView(portfolio_usd=usd),
            track=TrackView(
                pnl_usd_per_lot=np.array(pnls[-KEPT:]), r_multiples=np.array(multiples[-KEPT:]), trades=len(pnls)
            ),
        )
        for path, values in stream.seen.items():
            part, name = path.split(".")
            view = replace(view, **{part: replace(getattr(view, part), **{name: float(values[at])})})
        lots = 0
        if not (halted or ruined):
            sizing = size(chain, view)
            assert not sizing.fault
            lots = sizing.lots
        if lots:
            lots = guard(view, OrderView(market="MNQ", side=1, lots=lots)).lots
        pnl = int(stream.pnl_microusd[at])
        best, worst = balance + lots * int(stream.best_microusd[at]), balance + lots * int(stream.worst_microusd[at])
        balance += lots * pnl
        for equity in (best, worst, balance):
            peak = max(peak, equity)
            fall = max(fall, peak - equity)
            ruined = ruined or equity <= 0
            if state:
                assert account.floor
                state = floor.mark(account.floor, state, equity)
        if state and account.floor and stream.day_ends[step % len(stream)]:
            state = floor.close_day(account.floor, state, balance)
        ruined = ruined or bool(state and state.breached)
        after = replace(
            view.account, balance_usd=balance / MICRO, equity_usd=balance / MICRO, peak_equity_usd=peak / MICRO
        )
        halted = halted or guard.watch(replace(view, account=after)) is not None
        if lots:
            pnls.append(pnl / MICRO)
            multiples.append(float(stream.r_multiples[at]))
        lots_made.append(lots)
        balances.append(balance / MICRO)
    return Walked(lots=lots_made, balance_usd=balances, drawdown_usd=fall / MICRO, halted=halted, ruined=ruined)

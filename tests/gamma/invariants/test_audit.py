"""The ledger's invariants: a sound history breaks none, and each hand-made wrong in it breaks exactly its own."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gamma.effects import Tick
from gamma.events import (
    BalanceCompared,
    BootStarted,
    DecisionMade,
    Manage,
    ManageWanted,
    OrderCanceled,
    OrderFilled,
    OrderIntended,
    OrderKind,
    PositionManaged,
    PositionsCompared,
    Resumed,
    TradeClosed,
)
from gamma.guards import Guard
from gamma.guards.kill_switch import KillSwitch
from gamma.guards.order_rate import OrderRate
from gamma.guards.order_size import OrderSize
from gamma.guards.position_limit import PositionLimit
from gamma.guards.session_hours import SessionHours
from gamma.guards.stale_data import StaleData
from gamma.invariants import Audit
from gamma.notices import Notice
from tests.engine_case import PRICE, Case, strategy_rules

RATE = OrderRate(minute_max=5, day_max=10, exits_minute_max=6, exits_day_max=12, cancels_max=20)
GUARDS: list[tuple[str, Guard]] = [
    ("order_size", OrderSize(lots_max={"MNQ": 2})),
    ("position_limit", PositionLimit(lots_max={"MNQ": 2}, minis_max=0.2)),
    ("session_hours", SessionHours(open_quiet_s=0, close_quiet_s=0)),
    ("stale_data", StaleData(quote_age_max_s=600, bar_age_max_bars=2, clock_offset_max_s=1)),
    ("kill_switch", KillSwitch(flatten=False)),
    ("order_rate", RATE),
]
History = list[tuple[int, Any]]
Change = Callable[[History], None]


def lived() -> Case:
    """A day with two round trips of two lots, a refusal, a lost answer, a mismatch, a halt and its end."""
    case = Case(strategy_rules(guards=GUARDS))
    case.session()
    case.health()
    case.bar()
    case.stop_out(case.enter())
    case.wait(60)
    entry = case.enter()
    case.wait(60)
    case.do(
        ManageWanted(
            strategy="alpha",
            market="MNQ",
            manage=Manage.TRAIL_OFF,
            slot_utc_ns=case.now,
            ts_event_utc_ns=case.now,
        )
    )
    case.halt()
    case.flatten()
    case.accept(*(s.intent.client_order_id for s in case.out[-2:]))
    case.canceled(f"{entry}s")
    case.canceled(f"{entry}t")
    case.fill(case.sent(OrderKind.EXIT), 2, PRICE)
    case.resume()
    case.do(PositionsCompared(market="MES", book_lots=0, broker_lots=1, ts_event_utc_ns=case.now))
    case.do(PositionsCompared(market="MES", book_lots=0, broker_lots=0, ts_event_utc_ns=case.now))
    case.do(BalanceCompared(gap_microusd=-5_000_000, ts_event_utc_ns=case.now))
    case.bar()
    case.signal()
    case.accept(case.sent(OrderKind.ENTRY))
    case.reject(case.sent(OrderKind.ENTRY))
    case.restart()
    case.session()
    case.health()
    case.bar()
    case.signal()
    case.lose(case.sent(OrderKind.ENTRY))
    case.miss(case.sent(OrderKind.ENTRY), final=True)
    return case


CASE = lived()


def audited(history: History, case: Case = CASE) -> Audit:
    audit = Audit(case.setup, case.rules)
    for seq, (step, record) in enumerate(history, 1):
        audit.take(seq, step, record)
    audit.settle()
    return audit


def broken(history: History) -> set[str]:
    return {violation.invariant for violation in audited(history).violations}


def changed(kind: type, n: int = 0, **fields: Any) -> Change:
    """The n-th record of a kind says something else; a field may lie one record deeper (`fill__lots`)."""

    def change(history: History) -> None:
        at = [i for i, (_, record) in enumerate(history) if type(record) is kind][n]
        step, record = history[at]
        for name, value in fields.items():
            outer, _, inner = name.partition("__")
            record = replace(record, **{outer: replace(getattr(record, outer), **{inner: value}) if inner else value})
        history[at] = (step, record)

    return change


def dropped(kind: type, n: int = 0, key: str = "") -> Change:
    """The n-th record of a kind is missing; of notices the n-th whose key begins so."""

    def change(history: History) -> None:
        named = [
            i for i, (_, r) in enumerate(history) if type(r) is kind and str(getattr(r, "key", "")).startswith(key)
        ]
        del history[named[n]]

    return change


def again(kind: type, n: int = 0, **fields: Any) -> Change:
    """The n-th record of a kind comes a second time, right after the first, perhaps a little changed."""

    def change(history: History) -> None:
        at = [i for i, (_, record) in enumerate(history) if type(record) is kind][n]
        history.insert(at + 1, history[at])
        changed(kind, n + 1, **fields)(history)

    return change


def facts_of_step(name: str, **facts: Any) -> Change:
    """The first decision went by other limits of this guard."""

    def change(history: History) -> None:
        made = next(r for _, r in history if isinstance(r, DecisionMade))
        steps = tuple(replace(s, facts={**s.facts, **facts}) if s.name == name else s for s in made.steps)
        changed(DecisionMade, steps=steps)(history)

    return change


def seen(**parts: Any) -> Change:
    """The view of the first decision had something else in it."""

    def change(history: History) -> None:
        made = next(r for _, r in history if isinstance(r, DecisionMade))
        view = made.view
        for name, value in parts.items():
            outer, _, inner = name.partition("__")
            view = replace(view, **{outer: replace(getattr(view, outer), **{inner: value})})
        changed(DecisionMade, view=view)(history)

    return change


def misnamed(history: History) -> None:
    """The stop and target of the refused entry go by ids that nobody gives."""
    n, refused = next((n, f) for n, f in enumerate(CASE.of(OrderIntended)) if f.intent.client_order_id == "g53-1-5")
    children = tuple(replace(c, client_order_id=f"{c.client_order_id}x") for c in refused.bracket)
    changed(OrderIntended, n, bracket=children)(history)


def test_a_sound_history_breaks_nothing() -> None:
    audit = audited(CASE.kept)
    assert audit.violations == []
    assert audit.against(CASE.book) == []
    assert audit.seq == len(CASE.kept)
    assert audit.counts["I3"] == 4
    assert audit.counts["I14"] == 5


@pytest.mark.parametrize(
    ("invariant", "change"),
    [
        ("I1", misnamed),
        ("I2", facts_of_step("order_size", limit=1)),
        ("I2", facts_of_step("position_limit", limit=1)),
        ("I2", facts_of_step("position_limit", profile_minis_max=0.1)),
        ("I3", again(OrderFilled)),
        ("I4", changed(TradeClosed, trade__pnl_microusd=1)),
        ("I4", changed(OrderFilled, 3, fill__fee_microusd=1)),
        ("I5", dropped(Resumed)),
        ("I6", again(OrderCanceled, client_order_id="g53-1-99")),
        ("I6", again(OrderFilled, 3, fill__client_order_id="by hand", fill__execution_id="y1")),
        ("I7", again(OrderCanceled, client_order_id="g53-1-0")),
        ("I9", dropped(Notice, key="halted:")),
        ("I9", dropped(Notice, key="order_rejected:")),
        ("I9", dropped(Notice, key="order_unknown:")),
        ("I9", dropped(Notice, key="position_mismatch:")),
        ("I9", dropped(Notice, key="balance_mismatch")),
        ("I9", dropped(Notice, key="resumed:")),
        ("I10", dropped(DecisionMade)),
        ("I10", changed(DecisionMade, lots=1)),
        ("I10", changed(DecisionMade, side=-1)),
        ("I10", changed(DecisionMade, standing="halted")),
        ("I10", changed(DecisionMade, fault="order_size: ValueError")),
        ("I10", seen(market__price_points=float("nan"))),
        ("I10", seen(clock__in_session=False)),
        ("I10", seen(control__calendar_agrees=False)),
        ("I10", seen(market__quote_age_s=601.0)),
        ("I10", seen(market__bar_age_s=float("nan"))),
        ("I10", seen(clock__clock_offset_s=-1.5)),
        ("I10", seen(control__kill_switch=True)),
        ("I11", lambda history: history.append((99, CASE.of(BootStarted)[-1]))),
        ("I12", facts_of_step("order_rate", limit=0)),
        ("I13", again(OrderFilled, 3, fill__execution_id="y1", fill__market="NOWHERE")),
        ("I14", again(Tick)),
        ("I14", dropped(Tick)),
        ("I14", dropped(Tick, 2)),
        ("I14", again(PositionManaged)),
        ("I14", changed(DecisionMade, 1, slot_utc_ns=0)),
    ],
)
def test_what_is_made_wrong_breaks_exactly_its_invariant(invariant: str, change: Change) -> None:
    history: History = list(CASE.kept)
    change(history)
    assert broken(history) == {invariant}

"""What a ledger's facts tell of positions and orders, by the times at which things happened."""

from collections.abc import Sequence
from typing import Any

from gamma.compliance import Conduct, Stand
from gamma.compliance.facts import of_facts
from gamma.events import (
    Fill,
    Intent,
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderIntended,
    OrderKind,
    OrderRejected,
    OrderType,
    Recorded,
)
from tests.gamma.compliance.case import history

S = 1_000_000_000


def intent(cid: str, kind: OrderKind = OrderKind.ENTRY, side: int = 1, lots: int = 2, **more: Any) -> Intent:
    told: dict[str, Any] = {"decision_id": cid, "strategy": "alpha", "market": "MNQ", "order_type": OrderType.MARKET}
    return Intent(client_order_id=cid, kind=kind, side=side, lots=lots, **{**told, **more})


def intended(second: int, one: Intent, *bracket: Intent) -> OrderIntended:
    return OrderIntended(intent=one, bracket=bracket, deadline_utc_ns=0, ts_event_utc_ns=second * S)


def accepted(second: int, cid: str) -> OrderAccepted:
    return OrderAccepted(client_order_id=cid, broker_order_id=cid, ts_event_utc_ns=second * S)


def canceled(second: int, cid: str) -> OrderCanceled:
    return OrderCanceled(client_order_id=cid, ts_event_utc_ns=second * S)


def filled(second: int, cid: str, lots: int, side: int = 1, *, happened: int | None = None) -> OrderFilled:
    fill = Fill(
        execution_id=f"{cid}-{second}-{lots}",
        client_order_id=cid,
        market="MNQ",
        side=side,
        lots=lots,
        price_ticks=80_000,
        fee_microusd=600_000,
        ts_event_utc_ns=(second if happened is None else happened) * S,
    )
    return OrderFilled(fill=fill, ts_event_utc_ns=second * S)


def told(*facts: Recorded) -> Conduct:
    return of_facts(enumerate(facts, start=1), {}, history(), traded_by="paper")


def shown(stands: Sequence[Stand]) -> list[tuple[int, int, list[str], bool]]:
    """Second, lots of MNQ, orders at work, and whether it was without a stop."""
    return [(s.ts_utc_ns // S, s.held.get("MNQ", 0), [one.order_id for one in s.working], bool(s.bare)) for s in stands]


STOP = intent("1s", OrderKind.STOP, side=-1, parent="1")


def test_a_stop_works_once_its_entry_has_filled_and_protects_once_it_is_accepted() -> None:
    facts = (intended(0, intent("1"), STOP), accepted(1, "1"), filled(2, "1", 2), accepted(3, "1s"))
    assert shown(told(*facts).stands) == [
        (0, 0, ["1"], False),
        (2, 2, ["1s"], True),
        (3, 2, ["1s"], False),
    ]


def test_an_execution_counts_from_when_it_happened() -> None:
    exit_ = intent("2", OrderKind.EXIT, side=-1)
    facts = (
        intended(0, intent("1")),
        filled(5, "1", 2, happened=1),
        intended(5, exit_),
        filled(300, "2", 2, -1, happened=6),
    )
    assert shown(told(*facts).stands) == [
        (0, 0, ["1"], False),
        (1, 2, [], True),
        (5, 2, ["2"], False),
        (6, 0, [], False),
    ]
    assert told(*facts).ts_end_utc_ns == 300 * S


def test_a_broker_whose_clock_is_behind_fills_nothing_before_it_was_made() -> None:
    assert shown(told(intended(10, intent("1")), filled(11, "1", 2, happened=3)).stands)[-1][:2] == (10, 2)


def test_a_partial_fill_leaves_the_rest_at_work() -> None:
    conduct = told(intended(0, intent("1", lots=3)), filled(1, "1", 1), canceled(2, "1"))
    assert [(s.held.get("MNQ", 0), [o.lots for o in s.working]) for s in conduct.stands] == [
        (0, [3]),
        (1, [2]),
        (1, []),
    ]


def test_what_was_refused_or_proved_absent_works_no_more_until_it_turns_up() -> None:
    refused = OrderRejected(client_order_id="1", code="x", text="", ts_event_utc_ns=S)
    assert shown(told(intended(0, intent("1"), STOP), refused).stands)[-1] == (1, 0, [], False)
    absent = OrderAbsent(client_order_id="1", actor="reconcile", ts_event_utc_ns=S)
    facts = (intended(0, intent("1")), absent, accepted(2, "1"), canceled(3, "unknown"))
    assert shown(told(*facts).stands) == [(0, 0, ["1"], False), (1, 0, [], False), (2, 0, ["1"], False)]


def test_a_fill_of_a_strangers_order_is_held_without_a_stop() -> None:
    assert shown(told(filled(1, "stranger", 1)).stands) == [(1, 1, [], True)]


def test_a_defined_largest_loss_needs_no_stop_and_too_small_a_stop_is_none() -> None:
    bounded = intent("1", risk_microusd_per_lot=100)
    assert not told(intended(0, bounded), filled(1, "1", 2)).stands[-1].bare
    small = intent("1s", OrderKind.STOP, side=-1, lots=1, parent="1")
    assert told(intended(0, intent("1"), small), filled(1, "1", 2), accepted(1, "1s")).stands[-1].bare == ("MNQ",)


def test_cancels_and_replaces_are_no_orders_at_work() -> None:
    cancel = intent("2", OrderKind.CANCEL, lots=2, subject="1")
    assert shown(told(intended(0, intent("1")), intended(1, cancel)).stands) == [(0, 0, ["1"], False)]

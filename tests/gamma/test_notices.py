"""What people are told, word for word where the words are a promise."""

import json
import math

import numpy as np
import pytest

from gamma import notices
from gamma.notices import Notice, Severity
from gamma.reasons import Fact

TS = 1_767_367_800_000_000_000


def test_the_safety_halt_says_its_sentence_and_its_numbers() -> None:
    notice = notices.safety_halt(TS, balance_usd=24_999.0, starting_capital_usd=50_000.0)
    assert notice.text == "Account below 50% of starting capital (safety halt)"
    assert notice.severity is Severity.CRITICAL
    assert notice.facts == {
        "balance_usd": 24_999.0,
        "starting_capital_usd": 50_000.0,
        "halt_below_usd": 25_000.0,
        "left_frac": 0.49998,
    }


def test_another_threshold_is_named_as_it_is() -> None:
    notice = notices.safety_halt(TS, balance_usd=1.0, starting_capital_usd=100.0, halt_frac=0.55)
    assert notice.text.startswith("Account below 55% of")


def test_no_starting_capital_leaves_the_share_unknown() -> None:
    notice = notices.safety_halt(TS, balance_usd=1.0, starting_capital_usd=0.0)
    assert notice.facts["left_frac"] == "unknown"
    notice = notices.drawdown_halt(TS, equity_usd=1.0, peak_equity_usd=math.nan)
    assert notice.facts["drawdown_frac"] == "unknown"


def test_a_drawdown_is_counted_from_the_peak() -> None:
    notice = notices.drawdown_halt(TS, equity_usd=40_000.0, peak_equity_usd=50_000.0)
    assert notice.facts["drawdown_usd"] == 10_000.0
    assert notice.facts["drawdown_frac"] == pytest.approx(0.2)
    assert notice.text == "Drawdown from the peak reached 20% (safety halt)"


def test_facts_become_plain_numbers_that_json_can_hold() -> None:
    facts = {"a": np.float64(1.5), "b": np.int64(3), "c": math.nan, "d": np.bool_(True), "e": math.inf, "f": "x"}
    notice = Notice(key="k", severity=Severity.INFO, title="t", text="x", ts_event_utc_ns=TS, facts=facts)  # type: ignore[arg-type]
    assert json.loads(json.dumps(notice.facts, allow_nan=False)) == {
        "a": 1.5,
        "b": 3,
        "c": "unknown",
        "d": True,
        "e": "unknown",
        "f": "x",
    }
    assert type(notice.facts["d"]) is bool


def test_a_notice_keeps_its_facts_when_the_callers_change() -> None:
    facts: dict[str, Fact] = {"pnl_usd": 1.0}
    notice = notices.day_summary(TS, session="2026-01-02", facts=facts)
    facts["pnl_usd"] = 2.0
    assert notice.facts["pnl_usd"] == 1.0


@pytest.mark.parametrize(
    ("action", "severity"),
    [
        ("halt", Severity.CRITICAL),
        ("flatten_and_halt", Severity.CRITICAL),
        ("reducing", Severity.CRITICAL),
        ("strategy_off", Severity.CRITICAL),
        ("pause", Severity.WARNING),
        ("lock_market", Severity.WARNING),
        ("cancel_entries", Severity.WARNING),
        ("flatten", Severity.WARNING),
    ],
)
def test_only_what_waits_for_a_person_is_critical(action: str, severity: Severity) -> None:
    notice = notices.guard_tripped(TS, guard="daily_loss", action=action, reason="daily_loss")
    assert notice.severity is severity
    assert "Asked for" not in notice.text


def test_every_action_of_a_guard_has_its_sentence() -> None:
    from gamma.guards import Action

    assert set(Action) == set(notices._CONSEQUENCES)


def test_trips_of_two_strategies_are_two_notices() -> None:
    one = notices.guard_tripped(TS, guard="g", action="halt", reason="r", facts={"strategy": "a"})
    other = notices.guard_tripped(TS, guard="g", action="halt", reason="r", facts={"strategy": "b"})
    assert one.key != other.key
    assert one.title == "G: halt"


def test_a_mismatch_warns_first_and_halts_at_the_second() -> None:
    first = notices.position_mismatch(TS, market="MNQ", book_lots=1, broker_lots=2)
    second = notices.position_mismatch(TS, market="MNQ", book_lots=1, broker_lots=2, in_a_row=2)
    assert (first.severity, second.severity) == (Severity.WARNING, Severity.CRITICAL)
    assert first.key != second.key


def test_a_sale_is_worded_as_one() -> None:
    assert (
        notices.filled(TS, execution_id="x", market="MES", lots=-2, price_points=21543.75).text
        == "Sold 2 at 21,543.75."
    )


def test_severities_rank() -> None:
    assert [s.rank for s in sorted(Severity, key=lambda s: s.rank)] == [0, 1, 2]
    assert Severity.CRITICAL.rank == 2


def test_each_wording_has_a_title_a_text_and_a_key() -> None:
    order = {"client_order_id": "g1-1-7", "market": "MNQ", "lots": 2}
    said = [
        notices.started(TS, version="1.0", config_hash="abc"),
        notices.started_safe(TS, cause="3 starts"),
        notices.stopped(TS, cause="SIGTERM", clean=True),
        notices.stopped(TS, cause="deadline", clean=False),
        notices.unrecorded(TS, cause="database or disk is full"),
        notices.armed(TS, loss_max_usd=500.0, until_utc_ns=TS),
        notices.resumed(TS, scope="account", actor="anna", reason="daily_loss"),
        notices.halted(TS, scope="account", actor="anna", reason="operator"),
        notices.strategy_faulted(TS, strategy="mnq", fault="ValueError"),
        notices.invariant_broken(TS, invariant="I4", detail="position is not the sum of fills"),
        notices.order_unknown(TS, **order, cause="timeout"),  # type: ignore[arg-type]
        notices.order_quarantined(TS, **order),  # type: ignore[arg-type]
        notices.order_late(TS, **order),  # type: ignore[arg-type]
        notices.order_unlisted(TS, **order),  # type: ignore[arg-type]
        notices.order_foreign(TS, ours=True, **order),  # type: ignore[arg-type]
        notices.order_rejected(TS, client_order_id="g1-1-7", market="MNQ", code="E1", cause="margin"),
        notices.balance_mismatch(TS, book_usd=1.0, broker_usd=2.0),
        notices.tick_missed(TS, strategy="mnq", slot_utc_ns=TS, cause="late"),
        notices.clock_off(TS, offset_s=6.0, entries_stopped=True),
        notices.clock_off(TS, offset_s=2.0, entries_stopped=False),
        notices.connection_lost(TS, source="broker", cause="timeout"),
        notices.connection_back(TS, source="broker", away_s=3.0),
        notices.model_refused(TS, strategy="mnq", checkpoint="mnq-phase2", cause="golden vectors differ"),
        notices.drifted(TS, strategy="mnq", figure="win_frac", value=0.1, limit=0.3),
        notices.filled(TS, execution_id="x", market="MES", lots=2, price_points=6012.25),
    ]
    assert all(notice.key and notice.title and notice.text and notice.ts_event_utc_ns == TS for notice in said)
    assert "gamma resolve g1-1-7 --as filled|absent" in said[11].text


def test_the_summary_draws_the_equity_of_the_day() -> None:
    notice = notices.day_summary(
        TS, session="2026-01-02", facts={}, equity_usd=[50_000.0, 50_700.0, math.nan, 50_300.0]
    )
    assert notice.text.splitlines()[1] == "▁█▄"


def test_a_curve_is_drawn_from_its_lowest_to_its_highest_within_its_width() -> None:
    assert notices.sparkline([]) == ""
    assert notices.sparkline([5.0, 5.0]) == "▄▄"
    assert notices.sparkline([float(i) for i in range(8)]) == "▁▂▃▄▅▆▇█"
    long = notices.sparkline([float(i) for i in range(1_000)])
    assert (len(long), long[0], long[-1]) == (32, "▁", "█")


def test_a_halt_that_lifts_by_itself_is_no_page() -> None:
    facts = {"until_utc_ns": TS + 1}
    notice = notices.guard_tripped(TS, guard="daily_loss", action="reducing", reason="daily_loss", facts=facts)
    assert notice.severity is Severity.WARNING
    assert notice.text == "No new risk on the account until then; exits go on working."

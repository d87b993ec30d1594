"""Each rule: kept, broken, and where nobody can tell."""

from typing import Any

import pytest

from gamma.compliance import Case, Outcome, Working, check, of_trades
from gamma.profiles import load_profile
from tests.gamma.compliance.case import ON, at, conduct, finding, history, stand, trade

DAY, NEXT = "2026-03-02", "2026-03-03"
STOP = Working(order_id="s", market="MNQ", side=-1, lots=1, entry=False)


def test_within_a_bar_the_worse_order_counts_and_the_kinder_is_told() -> None:
    # High first: the floor is pulled to 49,000 before the low of 48,900. Low first: 48,900 is 900 above 48,000.
    equity = history({DAY: [(51_000, 48_900, 50_000)]})
    found = finding("floor", conduct(equity, mark_rows=("event 7",)), "apex_intraday_50k")
    assert (found.outcome, found.optimistic) == (Outcome.FAIL, Outcome.PASS)
    assert (found.where.ts_utc_ns, found.where.row) == (at(DAY, "10:00"), "event 7")


def test_trades_without_their_open_pnl_cannot_keep_a_floor_but_can_break_it() -> None:
    kept = history({DAY: [(50_500, 50_500, 50_500)]}, known=False)
    assert finding("floor", conduct(kept), "apex_intraday_50k").outcome is Outcome.NOT_EVALUABLE
    broken = history({DAY: [(48_000, 48_000, 48_000)]}, known=False)
    assert finding("floor", conduct(broken), "apex_intraday_50k").outcome is Outcome.FAIL


def test_a_mark_after_the_last_session_is_looked_at_too() -> None:
    equity = history({DAY: [(50_000, 50_000, 50_000)]})
    equity.ts_mark_utc_ns[0] = at(DAY, "19:00")
    equity.low_usd[0] = 1.0
    assert finding("floor", conduct(equity), "own_50k").outcome is Outcome.FAIL


def test_a_hard_loss_of_the_day_is_broken_by_reaching_it() -> None:
    equity = history({DAY: [(50_000, 49_000, 49_500)]})
    rules: dict[str, Any] = {"daily_loss_usd": 1_000, "daily_loss_effect": "hard"}
    found = finding("daily_loss", conduct(equity), **rules)
    assert (found.outcome, found.found, found.where.row) == (Outcome.FAIL, f"reached on {DAY}", "mark 1")
    assert load_profile("own_50k", rules).day_loss_max_usd == 1_000


def test_a_loss_just_short_of_the_limit_is_none() -> None:
    equity = history({DAY: [(50_000, 49_000.01, 49_500)]})
    assert finding("daily_loss", conduct(equity), "apex_eod_50k").found == "never reached"


def test_a_position_that_is_held_on_after_a_soft_loss_breaks_the_rule() -> None:
    equity = history({DAY: [(50_000, 48_900, 49_000)] + [(49_000, 49_000, 49_000)] * 5})
    held = [stand(DAY, "09:50", {"MNQ": 1}), stand(DAY, "15:00")]
    found = finding("daily_loss", conduct(equity, held), "apex_eod_50k")
    assert (found.outcome, found.where.row) == (Outcome.FAIL, "event at 09:50")
    assert "held on" in found.found


def test_an_optional_loss_of_the_day_is_not_asked_for() -> None:
    equity = history({DAY: [(50_000, 48_900, 49_000)]})
    assert finding("daily_loss", conduct(equity), "topstep_50k").asked == "optional"
    assert finding("daily_loss", conduct(equity), "apex_legacy_50k").outcome is Outcome.PASS


def test_a_loss_of_the_day_between_trades_is_not_known() -> None:
    equity = history({DAY: [(50_000, 49_900, 49_900)]}, known=False)
    assert finding("daily_loss", conduct(equity), "apex_eod_50k").outcome is Outcome.NOT_EVALUABLE


@pytest.mark.parametrize(
    ("profile", "phase", "end_usd", "outcome"),
    [
        ("topstep_50k", "evaluation", 53_000, Outcome.PASS),
        ("topstep_50k", "evaluation", 52_999.99, Outcome.FAIL),
        ("topstep_50k", "funded", 49_000, Outcome.PASS),
        ("own_50k", "evaluation", 49_000, Outcome.PASS),
    ],
)
def test_the_target_is_asked_for_in_an_evaluation(profile: str, phase: str, end_usd: float, outcome: Outcome) -> None:
    equity = history({DAY: [(end_usd, end_usd, end_usd)]})
    assert finding("target", conduct(equity), profile, phase=phase).outcome is outcome


def test_days_are_sessions_in_which_something_was_traded() -> None:
    week = [trade(f"2026-03-0{n}", 10) for n in (2, 3, 4, 5)]
    short = finding("trading_days", conduct(history(trades=week)), "topstep_50k")
    assert (short.outcome, short.found, short.where.row) == (Outcome.FAIL, "traded on 4 days", "the end of the record")
    # An evening belongs to the trading day after it.
    evening = trade(
        "2026-03-05", 10, ts_open_utc_ns=at("2026-03-05", "19:00"), ts_close_utc_ns=at("2026-03-05", "20:00")
    )
    assert finding("trading_days", conduct(history(trades=[*week, evening])), "topstep_50k").outcome is Outcome.PASS


def test_an_account_that_never_traded_shows_nothing() -> None:
    assert finding("trading_days", conduct(), "own_50k").outcome is Outcome.NOT_EVALUABLE


def test_consistency_is_asked_for_in_its_phase_only_and_needs_a_profit() -> None:
    lost = conduct(history(trades=[trade(DAY, -5)]))
    assert finding("consistency", lost, "apex_legacy_50k").outcome is Outcome.PASS
    assert finding("consistency", lost, "apex_legacy_50k", phase="funded").outcome is Outcome.FAIL
    assert finding("consistency", lost, "topstep_50k").outcome is Outcome.FAIL
    assert finding("consistency", conduct(), "topstep_50k").found == "no day brought anything"


def test_fees_are_paid_where_there_are_any() -> None:
    free = conduct(history(trades=[trade(DAY, 5), trade(NEXT, 5, fees_usd=0)]))
    assert (finding("costs", free).outcome, finding("costs", free).where.row) == (Outcome.FAIL, f"trade MNQ#{NEXT}")
    spot = conduct(history(trades=[trade(DAY, 5, market="XAU_USD", fees_usd=0)]))
    assert finding("costs", spot).outcome is Outcome.PASS
    unknown = of_trades(history(trades=[trade(DAY, 5, fees_usd=0)]))
    assert finding("costs", unknown).outcome is Outcome.NOT_EVALUABLE


def test_contracts_scale_with_the_balance() -> None:
    six = stand(DAY, "10:00", {"NQ": 6})
    rich = stand(DAY, "10:00", {"NQ": 6}, balance_usd=52_600.0)
    of: dict[str, Any] = {"profile": "apex_legacy_50k", "phase": "funded"}
    assert finding("size", conduct(stands=[six]), **of).outcome is Outcome.FAIL
    assert finding("size", conduct(stands=[rich]), **of).outcome is Outcome.PASS


def test_an_exit_at_work_is_no_size_and_the_worse_side_counts() -> None:
    sell = Working(order_id="1", market="NQ", side=-1, lots=12, entry=True)
    assert finding("size", conduct(stands=[stand(DAY, "10:00", {"NQ": 1}, working=(STOP,))])).outcome is Outcome.PASS
    found = finding("size", conduct(stands=[stand(DAY, "10:00", {"NQ": 1}, working=(sell,))]))
    assert found.found == "11 e-minis held or working"


@pytest.mark.parametrize(
    ("opened", "closed", "outcome", "first"),
    [
        ("10:00", "16:59", Outcome.PASS, ""),
        ("10:00", "17:00", Outcome.FAIL, "16:59"),
        ("16:59", "17:00", Outcome.FAIL, "16:59"),
        ("17:30", "17:40", Outcome.FAIL, "17:30"),
        ("18:00", "18:30", Outcome.PASS, ""),
    ],
)
def test_flat_at_the_cut_off_and_until_the_next_open(opened: str, closed: str, outcome: Outcome, first: str) -> None:
    found = finding("flat_by", conduct(stands=[stand(DAY, opened, {"MNQ": 1}), stand(DAY, closed)]))
    assert (found.outcome, found.where.ts_utc_ns) == (outcome, at(DAY, first) if first else 0)
    assert found.where.row == (f"event at {opened}" if first else "")


def test_on_an_early_close_the_cut_off_is_the_close() -> None:
    thanksgiving = "2025-11-27"  # equity futures close at 13:00
    held = conduct(stands=[stand(thanksgiving, "10:00", {"MNQ": 1}), stand(thanksgiving, "13:01")])
    assert finding("flat_by", held).where.ts_utc_ns == at(thanksgiving, "13:00")


def test_where_the_night_may_be_held_there_is_no_cut_off() -> None:
    held = conduct(stands=[stand(DAY, "10:00", {"MNQ": 1}), stand(NEXT, "10:00")])
    assert finding("flat_by", held, overnight=True).outcome is Outcome.PASS


def test_an_order_that_works_past_the_cut_off_breaks_its_own_rule() -> None:
    left = conduct(stands=[stand(DAY, "10:00", working=(STOP,)), stand(NEXT, "10:00")])
    assert finding("flat_by", left).outcome is Outcome.PASS
    found = finding("nothing_working", left)
    assert (found.outcome, found.where.ts_utc_ns, found.found) == (
        Outcome.FAIL,
        at(DAY, "16:59"),
        "s in MNQ was at work",
    )


def test_opposite_positions_in_one_family_are_hedging() -> None:
    opposed = conduct(stands=[stand(DAY, "10:00", {"MNQ": 2, "MES": -1})])
    found = finding("hedging", opposed, "topstep_50k")
    assert (found.outcome, found.found) == (Outcome.FAIL, "held +2 MNQ against -1 MES")
    assert finding("hedging", opposed, "own_50k").outcome is Outcome.PASS
    apart = conduct(stands=[stand(DAY, "10:00", {"MNQ": 2, "XAU_USD": -1})])
    assert finding("hedging", apart, "topstep_50k").outcome is Outcome.PASS


def test_a_position_may_be_without_a_stop_for_two_seconds() -> None:
    begun = at(DAY, "10:00")
    bare = stand(DAY, "10:00", {"MNQ": 1}, bare=("MNQ",))
    for seconds, outcome in ((2, Outcome.PASS), (3, Outcome.FAIL)):
        stopped = stand(DAY, "10:00", {"MNQ": 1}, ts_utc_ns=begun + seconds * 1_000_000_000)
        assert finding("stop_present", conduct(stands=[bare, stopped])).outcome is outcome


def test_seconds_without_a_stop_add_up_over_what_happens_meanwhile() -> None:
    begun = at(DAY, "10:00")
    bare = [
        stand(
            DAY, "10:00", {"MNQ": lots}, bare=("MNQ",), ts_utc_ns=begun + second * 1_000_000_000, row=f"event {second}"
        )
        for second, lots in ((0, 1), (2, 2))
    ]
    stopped = stand(DAY, "10:00", {"MNQ": 2}, ts_utc_ns=begun + 3_000_000_000)
    found = finding("stop_present", conduct(stands=[*bare, stopped]))
    assert (found.outcome, found.where.row) == (Outcome.FAIL, "event 0")


def test_what_trades_do_not_tell_is_not_evaluable_and_what_they_break_is_broken() -> None:
    trades = [trade(DAY, 5), trade(NEXT, -5, lots_max=101, ts_close_utc_ns=at(NEXT, "18:30"))]
    of = of_trades(history({DAY: [(50_005, 50_005, 50_005)], NEXT: []}, trades, known=False))
    told = {one.rule: one for one in check(Case(profile=load_profile("own_50k"), conduct=of, on_date=ON)).findings}
    assert {told[rule].outcome for rule in ("nothing_working", "stop_present")} == {Outcome.NOT_EVALUABLE}
    assert (told["size"].outcome, told["flat_by"].outcome) == (Outcome.FAIL, Outcome.FAIL)
    assert told["flat_by"].where.row == f"trade MNQ#{NEXT}"
    assert finding("automation", of, "topstep_50k").outcome is Outcome.NOT_EVALUABLE


def test_trades_that_touch_do_not_overlap() -> None:
    one = trade(DAY, 5)
    two = trade(DAY, 5, trade_id="b", side=-1, ts_open_utc_ns=at(DAY, "10:30"), ts_close_utc_ns=at(DAY, "11:00"))
    of = of_trades(history(trades=[one, two]))
    assert [dict(s.held).get("MNQ", 0) for s in of.stands] == [1, 0, -1, 0]


def test_only_listed_products_are_traded() -> None:
    gold = conduct(stands=[stand(DAY, "10:00"), stand(DAY, "11:00", {"XAU_USD": 1})])
    found = finding("products", gold, "topstep_50k")
    assert (found.outcome, found.where.row, found.found) == (Outcome.FAIL, "event at 11:00", "XAU_USD was traded")
    assert finding("products", gold, "own_50k").outcome is Outcome.PASS


def test_a_window_around_news_cannot_be_looked_at() -> None:
    assert finding("news_window", conduct(), news_window_s=120).outcome is Outcome.NOT_EVALUABLE
    assert finding("news_window", conduct()).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("profile", "attested", "outcome"),
    [
        ("own_50k", False, Outcome.PASS),
        ("topstep_50k", False, Outcome.NOT_EVALUABLE),
        ("topstep_50k", True, Outcome.PASS),
        ("apex_eod_50k", False, Outcome.FAIL),
        ("apex_eod_50k", True, Outcome.PASS),
    ],
)
def test_whether_a_program_may_trade(profile: str, attested: bool, outcome: Outcome) -> None:
    of = conduct(stands=[stand(DAY, "10:00", {"MNQ": 1})])
    case = Case(profile=load_profile(profile), conduct=of, on_date=ON, attested=attested)
    [found] = [one for one in check(case).findings if one.rule == "automation"]
    assert found.outcome is outcome
    assert found.where.row == ("event at 10:00" if outcome is Outcome.FAIL else "")


def test_a_profile_that_nobody_verified_is_stale() -> None:
    found = finding("profile_fresh", conduct(), "topstep_50k")
    assert found.outcome is Outcome.FAIL
    assert found.found.startswith("STALE")
    assert "target_usd" in found.fields
    assert finding("profile_fresh", conduct()).outcome is Outcome.PASS


def test_a_report_passes_where_every_rule_does() -> None:
    kept: dict[str, Any] = {"stands": [stand(DAY, "10:00", {"MNQ": 1}), stand(DAY, "10:30")]}
    of = conduct(history({DAY: [(50_010, 49_990, 50_005)]}, [trade(DAY, 5)]), **kept)
    report = check(Case(profile=load_profile("own_50k"), conduct=of, on_date=ON))
    assert report.passed
    assert set(report.sources) >= {"drawdown_usd", "flat_by_new_york", "automation"}
    assert not check(Case(profile=load_profile("topstep_50k"), conduct=of, on_date=ON)).passed

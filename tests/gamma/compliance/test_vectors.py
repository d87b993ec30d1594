"""The vectors P1 to P10 of the risk specification, through the rules of the compliance report."""

import pytest

from gamma.compliance import Outcome, Working
from gamma.compliance.positions import minis_of
from gamma.compliance.trailing import walk
from gamma.profiles import load_profile
from tests.gamma.compliance.case import Mark, conduct, finding, history, stand, trade

DAY, NEXT = "2026-03-02", "2026-03-03"


def flat(*equities_usd: float) -> list[Mark]:
    return [(equity, equity, equity) for equity in equities_usd]


def floor_of(profile: str, *days: list[Mark], **overrides: str) -> float:
    rule = load_profile(profile, overrides).floor_rule
    return walk(rule, history(dict(zip((DAY, NEXT), days, strict=False))), high_first=True).floor_usd


def test_p1_a_legacy_account_starts_with_its_floor_at_47_500() -> None:
    assert floor_of("apex_legacy_50k", flat(50_000)) == 47_500
    touched = finding("floor", conduct(history({DAY: flat(47_500)})), "apex_legacy_50k")
    assert (touched.outcome, touched.where.row) == (Outcome.FAIL, "mark 1")


def test_p2_an_open_profit_that_was_given_back_has_pulled_the_floor_up() -> None:
    assert floor_of("apex_legacy_50k", [(50_610, 49_500, 49_500)]) == 48_110
    found = finding("floor", conduct(history({DAY: [(50_610, 49_500, 49_500)]})), "apex_legacy_50k")
    assert found.outcome is Outcome.PASS
    assert "least room was 1,390.00 usd" in found.found


def test_p3_touching_the_floor_is_a_breach() -> None:
    found = finding("floor", conduct(history({DAY: flat(50_875, 48_375)})), "apex_legacy_50k")
    assert (found.outcome, found.optimistic, found.where.row) == (Outcome.FAIL, Outcome.FAIL, "mark 2")
    assert finding("floor", conduct(history({DAY: flat(50_875, 48_375.01)})), "apex_legacy_50k").outcome == "pass"


def test_p4_a_funded_floor_locks_at_start_plus_100_and_stays() -> None:
    assert floor_of("apex_legacy_50k", flat(52_600), phase="funded") == 50_100
    assert floor_of("apex_legacy_50k", flat(52_600, 60_000), phase="funded") == 50_100


def test_p5_an_intraday_funded_floor_locks_at_a_peak_of_52_100() -> None:
    assert floor_of("apex_intraday_50k", flat(52_100), phase="funded") == 50_100


def test_p6_an_end_of_day_floor_follows_the_close() -> None:
    day: list[Mark] = [(51_500, 51_500, 51_500), (50_200, 50_200, 50_200)]
    assert floor_of("apex_eod_50k", day) == 48_200
    assert floor_of("apex_intraday_50k", day) == 49_500
    within = finding("floor", conduct(history({DAY: day, NEXT: flat(48_200.01)})), "apex_eod_50k")
    touched = finding("floor", conduct(history({DAY: day, NEXT: flat(48_200)})), "apex_eod_50k")
    assert (within.outcome, touched.outcome, touched.where.row) == (Outcome.PASS, Outcome.FAIL, "mark 3")


def test_p7_topsteps_floor_stops_at_the_start_balance() -> None:
    assert floor_of("topstep_50k", flat(52_000)) == 50_000
    assert floor_of("topstep_50k", flat(52_000), flat(55_000)) == 50_000


@pytest.mark.parametrize(
    ("by_day_usd", "outcome"), [((250, 300, 250, 200), Outcome.PASS), ((200, 450, 200, 150), Outcome.FAIL)]
)
def test_p8_the_best_day_is_at_most_thirty_percent(by_day_usd: tuple[float, ...], outcome: Outcome) -> None:
    days = ["2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05"]
    trades = [trade(day, pnl) for day, pnl in zip(days, by_day_usd, strict=True)]
    found = finding("consistency", conduct(history(trades=trades)), "apex_legacy_50k", phase="funded")
    assert found.outcome is outcome
    assert found.where.row == ("" if outcome is Outcome.PASS else "trade MNQ#2026-03-03")


def test_p9_after_a_soft_loss_the_day_is_over_and_the_account_lives() -> None:
    equity = history({DAY: [(50_000, 49_000, 49_100)], NEXT: flat(49_500)})
    closed = [stand(DAY, "09:50", {"MNQ": 1}), stand(DAY, "10:00"), stand(NEXT, "09:50", {"MNQ": 1})]
    ended = finding("daily_loss", conduct(equity, closed), "apex_eod_50k")
    assert (ended.outcome, ended.found) == (Outcome.PASS, "reached on 1 days, which ended there")
    assert finding("floor", conduct(equity, closed), "apex_eod_50k").outcome is Outcome.PASS
    again = [*closed[:2], stand(DAY, "11:00", {"MNQ": 1}), stand(DAY, "11:30")]
    went_on = finding("daily_loss", conduct(equity, again), "apex_eod_50k")
    assert (went_on.outcome, went_on.where.row) == (Outcome.FAIL, "event at 11:00")


def _order(lots: int) -> Working:
    return Working(order_id="1", market="MNQ", side=1, lots=lots, entry=True)


def test_p10_working_orders_count_in_mini_equivalents() -> None:
    ten = stand(DAY, "10:00", {"NQ": 4}, working=(_order(60),))
    assert minis_of(conduct(), ten) == pytest.approx(10.0)
    assert finding("size", conduct(stands=[ten]), "apex_legacy_50k").outcome is Outcome.PASS
    filled = stand(DAY, "10:00", {"NQ": 4, "MNQ": 60})
    assert finding("size", conduct(stands=[filled]), "apex_legacy_50k").outcome is Outcome.PASS
    more = stand(DAY, "10:05", {"NQ": 4}, working=(_order(61),))
    found = finding("size", conduct(stands=[ten, more]), "apex_legacy_50k")
    assert (found.outcome, found.where.row, found.found) == (
        Outcome.FAIL,
        "event at 10:05",
        "10.1 e-minis held or working",
    )

"""The table of profiles in the risk specification, and how old what we know of them is."""

from datetime import date
from typing import Any

import pytest

from gamma import floor
from gamma.errors import ConfigInvalid
from gamma.floor import TrailsOn
from gamma.profiles import load_profile, passes_consistency, profile_names, stale, stale_text
from gamma.rules import ProfilePolicy

USD = 1_000_000
INF = float("inf")
FIRMS = ("apex_eod_50k", "apex_intraday_50k", "apex_legacy_50k", "topstep_50k")


def test_five_profiles_ship() -> None:
    assert profile_names() == (*FIRMS[:3], "own_50k", FIRMS[3])


@pytest.mark.parametrize(
    ("name", "drawdown_usd", "trails_on", "lock_usd"),
    [
        ("apex_legacy_50k", 2_500, TrailsOn.INTRADAY, 50_100),
        ("apex_intraday_50k", 2_000, TrailsOn.INTRADAY, 50_100),
        ("apex_eod_50k", 2_000, TrailsOn.END_OF_DAY, 50_100),
        ("topstep_50k", 2_000, TrailsOn.END_OF_DAY, 50_000),
        ("own_50k", 10_000, TrailsOn.NONE, None),
    ],
)
def test_a_funded_account_has_the_floor_of_its_firm(
    name: str, drawdown_usd: int, trails_on: TrailsOn, lock_usd: int | None
) -> None:
    rule = load_profile(name, {"phase": "funded"}).floor_rule
    assert (rule.drawdown_microusd, rule.trails_on) == (drawdown_usd * USD, trails_on)
    assert rule.lock_microusd == (None if lock_usd is None else lock_usd * USD)


@pytest.mark.parametrize(
    ("name", "day_loss_usd", "automation"),
    [
        ("apex_legacy_50k", INF, "banned"),
        ("apex_intraday_50k", INF, "banned"),
        ("apex_eod_50k", 1_000, "banned"),
        ("topstep_50k", INF, "own_machine"),
        ("own_50k", INF, "allowed"),
    ],
)
def test_daily_loss_and_automation_of_each(name: str, day_loss_usd: float, automation: str) -> None:
    profile = load_profile(name)
    assert (profile.day_loss_max_usd, profile.automation.value) == (day_loss_usd, automation)


@pytest.mark.parametrize(
    ("name", "evaluation", "funded"),
    [("apex_legacy_50k", 10, 5), ("apex_intraday_50k", 6, 4), ("apex_eod_50k", 6, 4), ("topstep_50k", 5, 5)],
)
def test_most_contracts_depend_on_the_phase(name: str, evaluation: float, funded: float) -> None:
    assert load_profile(name).minis_tiers == ((0, evaluation),)
    assert load_profile(name, {"phase": "funded"}).minis_tiers[0] == (0, funded)


def test_a_funded_legacy_account_gets_all_its_contracts_at_52_600() -> None:
    tiers = load_profile("apex_legacy_50k", {"phase": "funded"}).minis_tiers
    policy = ProfilePolicy(minis_tiers=tiers)
    assert (policy.minis_max(52_599.99), policy.minis_max(52_600)) == (5, 10)


def test_below_every_tier_there_is_no_contract_and_without_tiers_no_limit() -> None:
    assert ProfilePolicy(minis_tiers=((60_000, 2),)).minis_max(50_000) == 0
    assert ProfilePolicy().minis_max(50_000) == INF


@pytest.mark.parametrize(
    ("name", "days", "consistency", "target"),
    [
        ("apex_legacy_50k", 7, 0.3, 3_000),
        ("apex_intraday_50k", 0, 0.5, 3_000),
        ("apex_eod_50k", 0, 0.5, 3_000),
        ("topstep_50k", 5, 0.5, 3_000),
        ("own_50k", 0, "none", "none"),
    ],
)
def test_days_consistency_and_target_of_each(name: str, days: int, consistency: object, target: object) -> None:
    profile = load_profile(name)
    assert profile.trading_days_min.value == days
    assert profile.consistency_frac.value == consistency
    assert profile.target_usd.value == target


def test_an_evaluation_at_apex_trails_without_end_and_at_topstep_locks() -> None:
    assert load_profile("apex_legacy_50k").floor_rule.lock_microusd is None
    assert load_profile("topstep_50k").floor_rule.lock_microusd == 50_000 * USD


def test_the_legacy_floor_starts_at_47_500() -> None:
    profile = load_profile("apex_legacy_50k")
    state = floor.start(profile.floor_rule, round(profile.start_balance_usd.value * USD))
    assert state.floor_microusd == 47_500 * USD


@pytest.mark.parametrize("name", profile_names())
def test_every_rule_names_its_source_and_when_it_was_verified(name: str) -> None:
    rules = load_profile(name).rules
    assert len(rules) == 19
    assert all(rule.source for rule in rules.values())


def test_an_optional_daily_loss_binds_where_the_trader_chose_it() -> None:
    chosen = load_profile("topstep_50k", {"daily_loss_effect": "soft"})
    assert chosen.day_loss_max_usd == 1_000


def test_what_was_verified_sixty_days_ago_is_fresh_and_a_day_later_stale() -> None:
    # Topstep's drawdown was verified on 2026-10-04: 60 days later it is 2026-12-03.
    profile = load_profile("topstep_50k")
    assert "drawdown_usd" not in stale(profile, date(2026, 12, 3))
    assert "drawdown_usd" in stale(profile, date(2026, 12, 4))
    assert "drawdown_usd" in stale(profile, date(2026, 10, 3))  # verified after the day that is asked about
    assert "drawdown_usd" in stale(profile, date(2026, 10, 12), max_age_days=7)


@pytest.mark.parametrize("name", FIRMS)
def test_a_profile_with_unverified_rules_says_stale(name: str) -> None:
    text = stale_text(load_profile(name), date(2026, 11, 2))
    assert text.startswith(f"STALE: {name}: no certificate")
    assert "target_usd (unverified)" in text


def test_a_stale_date_is_told() -> None:
    assert "drawdown_usd (verified 2026-10-04)" in stale_text(load_profile("topstep_50k"), date(2027, 1, 1))


def test_ones_own_rules_do_not_age() -> None:
    profile = load_profile("own_50k", {"drawdown_usd": 5_000, "trails_on": "intraday"})
    assert profile.floor_rule.drawdown_microusd == 5_000 * USD
    assert stale(profile, date(2040, 1, 1)) == ()
    assert stale_text(profile, date(2040, 1, 1)) == ""


def test_an_override_of_a_firms_rule_is_unverified() -> None:
    profile = load_profile("apex_eod_50k", {"drawdown_usd": 1_500})
    assert profile.drawdown_usd.verified_on == "unverified"
    assert profile.drawdown_usd.source.startswith("the operator's override of")


@pytest.mark.parametrize(
    ("name", "overrides", "told"),
    [
        ("apex_50k", {}, "known: apex_eod_50k, apex_intraday_50k, apex_legacy_50k, own_50k, topstep_50k"),
        ("own_50k", {"drawdown": 1}, "has no field 'drawdown'; known: phase, start_balance_usd"),
        ("own_50k", {"title": "x"}, "has no field 'title'"),
        ("own_50k", {"drawdown_usd": -1}, "drawdown_usd = -1"),
        ("own_50k", {"drawdown_usd": "2000"}, 'drawdown_usd = "2000"'),
        ("own_50k", {"overnight": "yes"}, 'overnight = "yes"'),
        ("own_50k", {"phase": "payout"}, 'phase = "payout"'),
        ("own_50k", {"flat_by_new_york": "24:00"}, 'flat_by_new_york = "24:00"'),
        ("own_50k", {"drawdown_usd": float("inf")}, "drawdown_usd = inf"),
    ],
)
def test_a_wrong_profile_or_override_is_named(name: str, overrides: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        load_profile(name, overrides)
    assert told in str(caught.value)


def test_p8_the_best_day_is_at_most_thirty_percent() -> None:
    assert passes_consistency(300 * USD, 1_000 * USD, 0.30)
    assert not passes_consistency(300 * USD + 1, 1_000 * USD, 0.30)
    assert not passes_consistency(450 * USD, 1_000 * USD, 0.30)
    assert not passes_consistency(0, 0, 0.30)

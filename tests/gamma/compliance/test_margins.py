"""What was left to each limit where it was nearest, or what is left to do."""

from typing import Any

from tests.gamma.compliance.case import conduct, finding, history, stand, trade

FLAT, FALLEN = (50_000.0, 50_000.0, 50_000.0), (50_000.0, 49_100.0, 50_000.0)
FIRST, SECOND = "2026-03-02", "2026-03-03"


def test_room_above_the_floor_is_the_least_of_all_days() -> None:
    equity = history({FIRST: [FALLEN], SECOND: [FLAT]})
    assert finding("floor", conduct(equity), drawdown_usd=2_000).margin == "1,100.00 usd"
    assert finding("floor", conduct(equity), drawdown_usd=900).margin == ""


def test_the_worst_day_leaves_what_its_loss_did_not_take() -> None:
    rules: dict[str, Any] = {"daily_loss_usd": 1_000, "daily_loss_effect": "hard"}
    assert finding("daily_loss", conduct(history({FIRST: [FLAT], SECOND: [FALLEN]})), **rules).margin == (
        "100.00 usd on 2026-03-03"
    )
    assert finding("daily_loss", conduct(history({FIRST: [FLAT]})), **rules).margin == "1,000.00 usd"
    assert finding("daily_loss", conduct(history()), **rules).margin == "1,000.00 usd"


def test_a_target_and_days_of_trading_are_to_go_until_they_are_reached() -> None:
    made = history({FIRST: [(51_000.0, 50_000.0, 51_000.0)]}, [trade(FIRST, 1_000.0)])
    assert finding("target", conduct(made), target_usd=3_000).margin == "2,000.00 usd to go"
    assert finding("target", conduct(made), target_usd=900).margin == "100.00 usd over"
    assert finding("trading_days", conduct(made), trading_days_min=5).margin == "4 days to go"
    assert finding("trading_days", conduct(made), trading_days_min=1).margin == ""


def test_the_best_days_share_is_held_against_what_is_allowed() -> None:
    rules: dict[str, Any] = {"consistency_frac": 0.5, "consistency_at": "evaluation"}
    made = history({FIRST: [FLAT], SECOND: [FLAT]}, [trade(FIRST, 400.0), trade(SECOND, 600.0)])
    assert finding("consistency", conduct(made), **rules).margin == "10.0 % of the profit too much"
    assert finding("consistency", conduct(history()), **rules).margin == ""


def test_size_is_least_below_what_the_balance_allows() -> None:
    held = [stand(FIRST, "10:00", {"MNQ": 12}), stand(FIRST, "10:05", {"MNQ": 3})]
    tiers: Any = [{"from_usd": 0.0, "minis": 2.0}]
    assert finding("size", conduct(stands=held), minis_evaluation=tiers).margin == "0.8 e-minis"

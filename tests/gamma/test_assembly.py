import math
from pathlib import Path

import pytest

from gamma.assembly import assemble, setup_of
from gamma.config import Config, load
from gamma.errors import ConfigInvalid

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
FIRM = {"account.profile": "apex_eod_50k", "account.overrides": {}}
S = 1_000_000_000


def example(**given: object) -> Config:
    return load(EXAMPLE, {}, {path.replace("__", "."): value for path, value in given.items()})


def test_the_profiles_floor_hours_and_policy_are_the_accounts() -> None:
    assembly = assemble(load(EXAMPLE, {}, FIRM), state_path=None)
    rule = assembly.setup.floor_rule
    assert rule is not None
    assert rule.drawdown_microusd == 2_000_000_000
    assert assembly.rules.policy.automation == "banned"
    assert assembly.rules.policy.day_loss_max_usd == 1_000
    session = assembly.hours.next("MNQ", assembly.start_utc_ns)
    assert session.ts_close_utc_ns - session.ts_flat_by_utc_ns == 60 * S


def test_the_example_is_an_own_account_with_its_own_floor() -> None:
    assembly = assemble(example(), state_path=None)
    assert assembly.setup.floor_rule is not None
    assert assembly.setup.floor_rule.drawdown_microusd == 10_000_000_000
    assert (assembly.rules.policy.automation, assembly.rules.policy.day_loss_max_usd) == ("allowed", math.inf)


def test_without_a_profile_there_is_no_floor() -> None:
    assert setup_of(example(account__profile="")).floor_rule is None


def test_a_profile_of_another_size_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="starts with 50000"):
        setup_of(example(account__starting_capital_usd=25_000))


def test_an_unknown_profile_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigInvalid, match="known: apex_eod_50k"):
        setup_of(example(account__profile="apex"))


def test_the_paper_broker_is_not_traded_live() -> None:
    with pytest.raises(ConfigInvalid, match='mode is "live", but the strategies trade at the paper broker'):
        assemble(example(gamma__mode="live"), state_path=None)


def test_the_fake_broker_is_not_traded_live(tmp_path: Path) -> None:
    text = EXAMPLE.read_text().replace('"paper"', '"chaos"').replace("[brokers.paper]", "[brokers.chaos]")
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigInvalid, match="the strategies trade at the chaos broker"):
        assemble(load(path, {}, {"gamma.mode": "live"}), state_path=None)

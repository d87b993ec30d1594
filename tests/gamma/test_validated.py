"""What was validated of a strategy: of the configuration, or of its checkpoint's card; and what hangs on it."""

from pathlib import Path

import pytest

from gamma.assembly import UNCONNECTED, rules_of
from gamma.config import config_hash, load, strategy_hash
from gamma.errors import ConfigInvalid
from gamma.ports import Model
from tests.daemon_case import write_config

TOLD = "\n[validated.mnq]\ntrades = 143\nwin_rate_frac = 0.3\nr_mean = 0.1\nr_std = 1.2\n"


def test_the_configuration_says_what_a_rule_was_validated_as(tmp_path: Path) -> None:
    rules = rules_of(load(write_config(tmp_path, more=TOLD), {}))
    told = rules.strategies["mnq"].validated
    assert (told.win_rate_frac, told.r_mean, told.r_std) == (0.3, 0.1, 1.2)
    assert rules.strategies["mes"].validated.win_rate_frac != rules.strategies["mes"].validated.win_rate_frac  # NaN


def test_a_card_says_it_of_a_policy_and_the_configuration_goes_before_it(tmp_path: Path) -> None:
    model = Model(
        sha256="a",
        pinned_sha256="a",
        ts_created_utc_ns=1,
        flat={},
        validated={"win_rate_frac": 0.4, "r_std": 2.0, "trades": 9.0},
    )
    guards = ("safety_halt", "flat_by")
    limits = "\n[guards.flat_by]\ncancel_before_s = 600\nflat_before_s = 300\nverify_before_s = 60\n"
    config = load(write_config(tmp_path, guards=guards, more=limits + TOLD), {})
    strategies = rules_of(config, UNCONNECTED, {"mnq": model, "mes": model}).strategies
    assert strategies["mnq"].validated.win_rate_frac == 0.3
    assert (strategies["mes"].validated.win_rate_frac, strategies["mes"].validated.r_std) == (0.4, 2.0)


def test_what_is_validated_is_part_of_what_is_signed_off_where_it_is_told(tmp_path: Path) -> None:
    plain = load(write_config(tmp_path), {})
    told = load(write_config(tmp_path, more=TOLD), {})
    assert config_hash(plain) != config_hash(told)
    assert strategy_hash(plain, "mnq") != strategy_hash(told, "mnq")
    assert strategy_hash(plain, "mes") == strategy_hash(told, "mes")


def test_of_an_unknown_strategy_nothing_can_be_validated(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"\[validated.mqn\]: no such strategy; known: mnq, mes"):
        load(write_config(tmp_path, more=TOLD.replace("mnq", "mqn")), {})

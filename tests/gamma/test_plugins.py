from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gamma import plugins
from gamma.config import load
from gamma.errors import ConfigInvalid
from tests.gamma import stranger

CONFIG = """
[account]
starting_capital_usd = 50_000

[[strategies]]
name = "mnq"
market = "MNQ"
signal = { use = "shouting" }
sizers = ["half", "tight"]
guards = ["limit"]

[sizers.half]
most = 5

[sizers.tight]
use = "half"
most = 2

[guards.limit]
loss_max_usd = 500.0
names = ["a"]
"""


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    stranger.install(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    plugins.find.cache_clear()
    yield
    plugins.find.cache_clear()


def refusal(group: str, name: str, **params: Any) -> str:
    with pytest.raises(ConfigInvalid) as caught:
        plugins.build(group, name, params)
    return str(caught.value)


def test_a_strangers_plugin_comes_in_by_the_same_door() -> None:
    assert {"half", "half_kelly"} <= set(plugins.find(plugins.SIZERS))
    assert plugins.build(plugins.SIZERS, "half", {"most": 2, "steps": [1, 2]}).steps == (1, 2)


def test_an_unknown_plugin_is_refused_with_those_there_are_and_whose_they_are() -> None:
    text = refusal(plugins.SIZERS, "half_kely")
    assert "no sizer 'half_kely' is installed; did you mean half_kelly? known: " in text
    assert "broken, half (stranger)" in text


def test_a_group_without_plugins_says_so() -> None:
    assert "known: none" in refusal("gamma.nothings", "x")


def test_a_plugin_that_cannot_be_imported_names_its_distribution() -> None:
    assert "'broken' of stranger cannot be loaded" in refusal(plugins.SIZERS, "broken")


def test_nothing_is_imported_by_looking() -> None:
    assert plugins.find(plugins.SIZERS)["broken"].distribution == "stranger"


def test_two_distributions_must_not_offer_one_name(tmp_path: Path) -> None:
    stranger.install(tmp_path, "impostor", "[gamma.sizers]\nhalf_kelly = stranger:Half\n")
    plugins.find.cache_clear()
    with pytest.raises(ConfigInvalid, match="both offer 'half_kelly'; uninstall one"):
        plugins.find(plugins.SIZERS)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"mots": 2}, "[sizers.half] mots: unknown key; did you mean most? known: most, steps"),
        ({"most": 0}, "[sizers.half] most = 0: should be greater than or equal to 1"),
        ({"most": True}, "[sizers.half] most = true: should be a valid integer"),
        ({"most": "2"}, '[sizers.half] most = "2": should be a valid integer'),
        ({"most": 2.5}, "[sizers.half] most = 2.5: should be a valid integer"),
    ],
)
def test_a_wrong_parameter_is_named_with_section_key_value_and_what_is_known(params: dict[str, Any], said: str) -> None:
    assert said in refusal(plugins.SIZERS, "half", **params)


def test_a_guard_without_its_limits_is_refused_with_the_lines_to_add() -> None:
    assert refusal(plugins.GUARDS, "limit").endswith(
        'Every limit is yours to set. Add, for example:\n  [guards.limit]\n  loss_max_usd = 500.0\n  names = ["a", "b"]'
    )


def test_only_the_lines_that_lack_are_shown() -> None:
    assert "loss_max_usd = " not in refusal(plugins.GUARDS, "limit", loss_max_usd=1.0).partition("Add")[2]


def test_a_plugin_gets_its_secrets_and_what_the_daemon_hands_it() -> None:
    made = plugins.build(plugins.SIGNALS, "shouting", {"key": SecretStr("canary")}, name="mnq")
    assert (made.params.key.get_secret_value(), made.params.volume, made.name) == ("canary", 1, "mnq")


def test_a_plugins_secret_shows_in_no_complaint() -> None:
    assert "canary" not in refusal(plugins.SIGNALS, "shouting", key=["canary"], volume=2)


def test_a_plugin_without_a_schema_takes_its_parameters_as_keywords() -> None:
    assert plugins.build(plugins.FEEDS, "plain", {"seed": 1}) == (1, "x")
    assert "[feeds.plain] missing a required argument: 'seed'" in refusal(plugins.FEEDS, "plain")
    assert "unexpected keyword argument 'sede'" in refusal(plugins.FEEDS, "plain", seed=1, sede=2)


def test_a_chain_is_built_from_its_sections(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    config = load(path, {})
    chain = plugins.sizers(config, config.strategy("mnq"))
    assert [(name, sizer.most) for name, sizer in chain] == [("half", 5), ("tight", 2)]  # type: ignore[attr-defined]
    assert [name for name, _ in plugins.guards(config, config.strategy("mnq"))] == ["limit"]
    plugins.check(config)


def test_a_check_names_all_that_is_wrong_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.replace("most = 5", "most = 0").replace("loss_max_usd = 500.0", "") + "[guards.unused]\n")
    with pytest.raises(ConfigInvalid) as caught:
        plugins.check(load(path, {}))
    text = str(caught.value)
    assert f"{path}:13: [sizers.half] most = 0" in text
    assert "[guards.limit] loss_max_usd: is missing" in text
    assert "[guards.unused] no guard 'unused' is installed" in text

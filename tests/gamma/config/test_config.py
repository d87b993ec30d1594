import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from pydantic import ValidationError

from gamma.config import config_hash, load, settings
from gamma.errors import ConfigInvalid, InputInvalid

SMALLEST = """
[account]
starting_capital_usd = 50_000

[[strategies]]
name = "mnq"
market = "MNQ"
signal = { use = "breakout" }
sizers = ["half_kelly"]
guards = ["safety_halt"]
"""
WEBHOOK = "https://discord.example/api/webhooks/1/canary-3f9a"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_text(text: str = SMALLEST, mode: int = 0o600) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(text)
        path.chmod(mode)
        return path

    return write_text


def refusal(path: Path, env: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigInvalid) as caught:
        load(path, env or {})
    return str(caught.value)


def test_the_smallest_file_gives_paper_trading_on_the_simulator(write: Write) -> None:
    config = load(write(), {})
    assert (config.gamma.mode, config.feed.use, config.account.name) == ("paper", "sim", "paper")
    assert config.strategy("mnq").sizers == ("half_kelly",)


def test_config_is_frozen(write: Write) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load(write(), {}).gamma.mode = "live"  # type: ignore[misc]


def test_a_credential_of_a_folder_that_systemd_was_given_bears_its_prefix(write: Write, tmp_path: Path) -> None:
    (tmp_path / "gamma_alerts.paper.discord_critical").write_text(f"{WEBHOOK}\n")
    config = load(write(), {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert config.alerts.paper.discord_critical.get_secret_value() == WEBHOOK


def test_each_value_knows_where_it_came_from(write: Write, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "alerts.paper.discord_critical").write_text(f"{WEBHOOK}\n")
    path = write()
    env = {"GAMMA__FEED__SEED": "7", "CREDENTIALS_DIRECTORY": str(secrets)}
    found = settings(load(path, env))
    assert found["account.starting_capital_usd"] == (50_000.0, f"{path}:3")
    assert found["strategies.0.signal.use"] == ("breakout", f"{path}:8")
    assert found["feed.seed"] == (7, "env GAMMA__FEED__SEED")
    assert found["alerts.paper.discord_critical"] == ("********", "credential alerts.paper.discord_critical")
    assert found["schedule.reconcile_s"] == (60.0, "default")
    assert found["account.profile"] == ("", "default")


@pytest.mark.parametrize(
    ("name", "text", "path", "value"),
    [
        ("GAMMA__ACCOUNT__STARTING_CAPITAL_USD", "60_000", "account.starting_capital_usd", 60_000.0),
        ("GAMMA__STRATEGIES__0__MARKET", "MES", "strategies.0.market", "MES"),
        ("GAMMA__STRATEGIES__MNQ__MARKET", "MES", "strategies.0.market", "MES"),
        (
            "GAMMA__STRATEGIES__MNQ__SIZERS",
            '["fixed", "contract_cap"]',
            "strategies.0.sizers",
            ["fixed", "contract_cap"],
        ),
        ("GAMMA__SIZERS__HALF_KELLY__MAX_LOTS", "2", "sizers.half_kelly.max_lots", 2),
        ("GAMMA__MARKETS__MNQ__LOTS_MAX", "5", "markets.MNQ.lots_max", 5),
        ("GAMMA__ACCOUNT__AUTOMATION_ATTESTED", "true", "account.automation_attested", True),
        ("GAMMA__ACCOUNT__NAME", "12345", "account.name", "12345"),
        ("GAMMA__FEED__SPEED", "max", "feed.speed", "max"),
    ],
)
def test_the_environment_overrides_the_file(write: Write, name: str, text: str, path: str, value: object) -> None:
    assert settings(load(write(), {name: text}))[path] == (value, f"env {name}")


def test_the_environment_wins_over_a_credential(write: Write, tmp_path: Path) -> None:
    (tmp_path / "brokers.paper.token").write_text("from-a-file")
    env = {"GAMMA_SECRETS_DIR": str(tmp_path), "GAMMA__BROKERS__PAPER__TOKEN": "from-env"}
    config = load(write(), env)
    assert config.brokers["paper"]["token"].get_secret_value() == "from-env"


def test_credential_files_of_others_are_left_alone(write: Write, tmp_path: Path) -> None:
    for name in ("postgres.password", "README", "config"):
        (tmp_path / name).write_text("x")
    (tmp_path / "alerts.d").mkdir()
    load(write(), {"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_a_credential_may_belong_to_a_strategys_signal(write: Write, tmp_path: Path) -> None:
    (tmp_path / "strategies.mnq.signal.key").write_text("hmac-key\n")
    config = load(write(), {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert config.strategy("mnq").signal["key"].get_secret_value() == "hmac-key"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("name =", "nmae =", ":6: [strategies.0] nmae: unknown key; did you mean name? known: name, market, broker"),
        ("[account]", "[acount]", "[acount]: unknown key; did you mean account? known: gamma, account, feed"),
        ("starting_capital_usd = 50_000", "", "[account] starting_capital_usd: is missing"),
        ("50_000", '"50_000"', ':3: [account] starting_capital_usd = "50_000": should be a valid number'),
        ("50_000", "true", ":3: [account] starting_capital_usd = true: should be a valid number"),
        ("50_000", "nan", ":3: [account] starting_capital_usd: is nan"),
        ("50_000", "inf", ":3: [account] starting_capital_usd: is inf"),
        ("50_000", "-1", "= -1: should be greater than 0"),
        ('"MNQ"', '"MNX"', "[[strategies]] mnq: unknown market 'MNX'; known: ES, NQ"),
        ('"mnq"', '"Mnq!"', "use small letters, digits, - and _"),
        ('use = "breakout"', "", "signal needs the name of its source"),
        ('["half_kelly"]', "[]", "[strategies.0] sizers: Tuple should have at least 1 item"),
        ('["half_kelly"]', '["fixed", "fixed"]', "sizers lists fixed twice"),
        (
            'guards = ["safety_halt"]',
            'guards = ["safety_halt"]\nbroker = "ib"',
            "no section [brokers.ib]; known: paper",
        ),
        ("[account]", "[markets.XYZ]\n[account]", "[markets.XYZ]: unknown market 'XYZ'"),
        ("[account]", '[feed]\nuse = "file"\n[account]', 'needs files = [{ path = "bars.csv", market = "MNQ" }]'),
        ("[account]", '[gamma]\nmode = "lvie"\n[account]', "[gamma] mode = \"lvie\": should be 'paper' or 'live'"),
        ("[account]", "[account", "is not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_is_known(write: Write, before: str, after: str, said: str) -> None:
    assert said in refusal(write(SMALLEST.replace(before, after, 1)))


def test_every_mistake_is_named_at_once(write: Write) -> None:
    text = refusal(write(SMALLEST.replace("50_000", "0").replace("name =", "nmae =")))
    assert len(text.splitlines()) == 3


def test_two_strategies_of_one_name_are_refused(write: Write) -> None:
    block = SMALLEST[SMALLEST.index("[[strategies]]") :]
    assert "two strategies are named 'mnq'" in refusal(write(SMALLEST + block))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("GAMMA__FEED__SEDE", "env GAMMA__FEED__SEDE: [feed] sede: unknown key; did you mean seed?"),
        ("GAMMA__FED__SEED", "env GAMMA__FED__SEED: [fed]"),
        ("GAMMA__MODE", "write it as GAMMA__SECTION__KEY"),
        ("GAMMA__STRATEGIES__MES__MARKET", "no entry 'mes' in [strategies]; known: mnq"),
        ("GAMMA__ACCOUNT__NAME__X__Y", "[account] name is one value"),
        ("GAMMA__STRATEGIES__NAME", "[strategies] has no name"),
    ],
)
def test_an_override_that_hits_nothing_is_an_error(write: Write, name: str, said: str) -> None:
    text = SMALLEST.replace("[account]", '[account]\nname = "mine"')
    assert said in refusal(write(text), {name: "1"})


def test_a_file_that_is_not_there_is_named_with_the_way_out(tmp_path: Path) -> None:
    assert "gamma init" in refusal(tmp_path / "config.toml")


def test_a_folder_is_no_config(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path)


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b"\xff\xfe")
    assert "UTF-8" in refusal(tmp_path / "config.toml")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_with_secrets_that_others_may_read_is_refused(write: Write, mode: int) -> None:
    path = write(f'{SMALLEST}\n[alerts.paper]\ndiscord_critical = "{WEBHOOK}"\n', mode)
    text = refusal(path)
    assert "chmod 600" in text
    assert "canary" not in text


def test_a_file_with_secrets_of_a_plugin_that_others_may_read_is_refused(write: Write) -> None:
    assert "[brokers.oanda] token" in refusal(write(f'{SMALLEST}\n[brokers.oanda]\ntoken = "canary"\n', 0o644))


@pytest.mark.parametrize("value", ["", WEBHOOK])
def test_a_file_that_only_its_owner_may_read_may_hold_secrets_and_one_without_may_be_open(
    write: Write, value: str
) -> None:
    text = f'{SMALLEST}\n[alerts.paper]\ndiscord_critical = "{value}"\n'
    config = load(write(text, 0o600 if value else 0o644), {})
    assert config.alerts.paper.discord_critical.get_secret_value() == value


def test_no_secret_shows_in_repr_show_or_hash(write: Write) -> None:
    env = {"GAMMA__ALERTS__LIVE__DISCORD_ROUTINE": WEBHOOK, "GAMMA__BROKERS__PAPER__TOKEN": "canary"}
    config = load(write(), env)
    assert "canary" not in repr(config) + str(config) + json.dumps(settings(config))
    assert config_hash(config) == config_hash(load(write(), env | {"GAMMA__BROKERS__PAPER__TOKEN": "other"}))


def test_a_databases_password_is_a_secret(write: Write) -> None:
    text = f'[gamma]\ndatabase = "postgresql+psycopg://gamma:canary@db.example:5432/gamma"\n{SMALLEST}'
    assert "chmod 600" in refusal(write(text, 0o644))
    config = load(write(text), {})
    assert "canary" in config.gamma.database
    assert settings(config)["gamma.database"][0] == "postgresql+psycopg://gamma:********@db.example:5432/gamma"
    assert "canary" not in repr(config)
    assert config_hash(config) == config_hash(load(write(text.replace("canary", "changed")), {}))


def test_no_secret_shows_in_a_complaint(write: Write) -> None:
    text = refusal(write(f'{SMALLEST}\n[alerts.live]\ndiscord_routine = ["canary"]\ndead_man_url = "canary"\n'))
    assert "discord_routine" in text
    assert "canary" not in text


def test_a_huge_credential_is_refused(write: Write, tmp_path: Path) -> None:
    (tmp_path / "alerts.dead_man_url").write_bytes(b"x" * 70_000)
    assert "larger than 65536 bytes" in refusal(write(), {"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_a_credential_that_is_not_text_is_refused(write: Write, tmp_path: Path) -> None:
    (tmp_path / "alerts.dead_man_url").write_bytes(b"\xff")
    assert "cannot be read" in refusal(write(), {"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_the_hash_follows_each_setting_and_nothing_else(write: Write) -> None:
    same = config_hash(load(write(), {}))
    assert config_hash(load(write(SMALLEST.replace("50_000", "50000.0") + "\n# a remark\n"), {})) == same
    assert config_hash(load(write(), {"GAMMA__SIZERS__HALF_KELLY__MAX_LOTS": "2"})) != same
    assert config_hash(load(write(), {"GAMMA__ACCOUNT__STARTING_CAPITAL_USD": "50001"})) != same
    assert len(same) == 64


def test_market_overrides_are_exact_to_the_cent(write: Write) -> None:
    config = load(write(f"{SMALLEST}\n[markets.MNQ]\ncommission_usd = 0.57\nslippage_ticks = 2\nlots_max = 4\n"), {})
    market = config.market("MNQ")
    assert (market.commission_microusd, market.slippage_ticks, market.lots_max) == (570_000, 2, 4)
    assert config.market("MES").commission_microusd == 600_000


def test_an_empty_override_changes_nothing(write: Write) -> None:
    assert load(write(f"{SMALLEST}\n[markets.MNQ]\n"), {}).market("MNQ").lots_max == 12


def test_an_unknown_strategy_is_refused_with_those_there_are(write: Write) -> None:
    with pytest.raises(InputInvalid, match="known: mnq"):
        load(write(), {}).strategy("es")


def test_the_real_environment_does_not_leak_in(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAMMA__FEED__SEED", "99")
    assert load(write(), {}).feed.seed == 1
    assert load(write(), os.environ).feed.seed == 99

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gamma.config import accounts_of, config_hash, load, settings
from gamma.errors import ConfigInvalid

FILE = """
[account]
starting_capital_usd = 50_000

[brokers.paper]

[brokers.tradovate]
environment = "paper"
username = "me"
account_id = "DEMO1"

[sizers.half_kelly]
max_lots = 5
rolling_window = 40

[[strategies]]
name = "mnq"
market = "MNQ"
signal = { use = "breakout" }
sizers = ["half_kelly"]
guards = ["safety_halt"]

[[strategies]]
name = "mes"
market = "MES"
signal = { use = "breakout" }
sizers = ["half_kelly"]
guards = ["safety_halt"]

[accounts.apex1.account]
starting_capital_usd = 25_000

[accounts.apex1.sizers.half_kelly]
max_lots = 2

[accounts.topstep]

[[accounts.topstep.strategies]]
name = "nq"
market = "NQ"
signal = { use = "breakout" }
sizers = ["half_kelly"]
guards = ["safety_halt"]
"""
SINGLE = FILE.partition("[accounts")[0]

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_text(text: str) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(text)
        path.chmod(0o600)
        return path

    return write_text


def refusal(path: Path, account: str = "apex1", env: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigInvalid) as caught:
        load(path, env or {}, account=account)
    return str(caught.value)


def test_each_account_is_the_rest_of_the_file_with_its_own_over_it(write: Write) -> None:
    path = write(FILE)
    apex, topstep = (load(path, {}, account=name) for name in accounts_of(path))
    assert (apex.account.name, topstep.account.name) == ("apex1", "topstep")
    assert (apex.account.starting_capital_usd, topstep.account.starting_capital_usd) == (25_000, 50_000)
    assert apex.sizers["half_kelly"] == {"max_lots": 2, "rolling_window": 40}
    assert topstep.sizers["half_kelly"] == {"max_lots": 5, "rolling_window": 40}


def test_a_list_is_replaced_whole(write: Write) -> None:
    path = write(FILE)
    assert [s.name for s in load(path, {}, account="apex1").strategies] == ["mnq", "mes"]
    assert [s.name for s in load(path, {}, account="topstep").strategies] == ["nq"]


def test_what_no_two_may_share_gets_the_accounts_name(write: Write) -> None:
    config = load(write(FILE), {}, account="apex1")
    assert config.gamma.database == "sqlite:///gamma-apex1.db"
    assert config.paths.kill_switch == "gamma-apex1.kill"
    assert (config.paths.backups, config.paths.reports) == ("backups/apex1", "reports/apex1")
    assert config.chains.record == ""
    assert config.paths.models == ""


@pytest.mark.parametrize(
    ("told", "made"),
    [
        ("sqlite:////var/lib/gamma/live.db", "sqlite:////var/lib/gamma/live-apex1.db"),
        ("sqlite://", "sqlite://"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("postgresql+psycopg://g@db/trading", "postgresql+psycopg://g@db/trading?schema=apex1"),
        (
            "postgresql+psycopg://g@db/trading?sslmode=require",
            "postgresql+psycopg://g@db/trading?sslmode=require&schema=apex1",
        ),
    ],
)
def test_a_ledger_told_for_all_is_one_for_each(write: Write, told: str, made: str) -> None:
    path = write(FILE + f'\n[gamma]\ndatabase = "{told}"\n')
    assert load(path, {}, account="apex1").gamma.database == made


def test_what_is_told_of_one_account_is_taken_as_it_is(write: Write) -> None:
    path = write(
        FILE
        + '[accounts.apex1.gamma]\ndatabase = "sqlite:///old.db"\n'
        + '[accounts.apex1.paths]\nkill_switch = "stop"\nbackups = "kept"\n'
    )
    config = load(path, {}, account="apex1")
    assert (config.gamma.database, config.paths.kill_switch) == ("sqlite:///old.db", "stop")
    assert (config.paths.backups, config.paths.reports) == ("kept", "reports/apex1")


def test_a_value_knows_the_line_of_the_account_that_it_is_of(write: Write) -> None:
    path = write(FILE)
    lines = FILE.split("\n")
    found = settings(load(path, {}, account="apex1"))
    own, shared = lines.index("max_lots = 2") + 1, lines.index("rolling_window = 40") + 1
    assert found["sizers.half_kelly.max_lots"] == (2, f"{path}:{own}")
    assert found["sizers.half_kelly.rolling_window"] == (40, f"{path}:{shared}")


def test_several_accounts_must_be_told_apart_and_one_need_not_be_named(write: Write) -> None:
    path = write(FILE)
    assert refusal(path, "").endswith("has the accounts apex1, topstep; name one of them, as in --account apex1")
    assert "has no account 'apex'; did you mean apex1? known: apex1, topstep" in refusal(path, "apex")
    one = write(SINGLE + "[accounts.apex1.account]\nstarting_capital_usd = 25_000\n")
    assert load(one, {}).account.name == "apex1"


def test_a_file_of_one_account_is_read_as_ever(write: Write) -> None:
    path = write(SINGLE)
    assert accounts_of(path) == ()
    config = load(path, {}, account="paper")
    assert (config.account.name, config.gamma.database) == ("paper", "sqlite:///gamma.db")
    assert config_hash(config) == config_hash(load(path, {}))
    assert "has no account 'apex1'; it has one alone: paper" in refusal(path)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("[accounts.apex1.gama]\nmode = 1\n", "[accounts.apex1] gama: unknown key; did you mean gamma?"),
        ("[accounts.apex1.gamma]\nmod = 1\n", "[accounts.apex1.gamma] mod: unknown key; did you mean mode?"),
        ('[accounts.apex1.gamma]\nmode = "x"\n', '[accounts.apex1.gamma] mode = "x": should be'),
        ("[accounts.apex1.accounts.b]\n", "[accounts.apex1] accounts: unknown key"),
        ("[gamma]\nmod = 1\n", "[gamma] mod: unknown key; did you mean mode?"),
        ("[accounts.Apex2]\n", '[accounts] "Apex2": name an account by small letters'),
        ("[accounts]\nx = 3\n", "[accounts] x: should be a table, as [accounts.x.account]"),
        ('[accounts.apex1.strategies]\nname = "x"\n', "[accounts.apex1] strategies: should be a valid array"),
    ],
)
def test_a_mistake_is_named_with_its_whole_path(write: Write, more: str, said: str) -> None:
    assert said in refusal(write(FILE + more))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FILE.replace("[account]\n", '[account]\nname = "paper"\n'), '[account] name = "paper": leave it out'),
        (
            FILE.replace("[accounts.apex1.account]\n", '[accounts.apex1.account]\nname = "b"\n'),
            '[accounts.apex1.account] name = "b": leave it out',
        ),
    ],
)
def test_an_account_is_called_by_its_table(write: Write, text: str, said: str) -> None:
    assert said in refusal(write(text))
    assert "env GAMMA__ACCOUNT__NAME: [account] name" in refusal(write(FILE), env={"GAMMA__ACCOUNT__NAME": "x"})


def test_the_environment_is_told_of_all_accounts_or_of_one(write: Write) -> None:
    path = write(FILE)
    env = {
        "GAMMA__ACCOUNTS__APEX1__FEED__SEED": "7",
        "GAMMA__ACCOUNTS__APEX1__STRATEGIES__MNQ__MARKET": "MYM",
        "GAMMA__ACCOUNTS__APEX1__MARKETS__MYM__LOTS_MAX": "3",
        "GAMMA__FEED__SEED": "9",
        "GAMMA__ACCOUNT__STARTING_CAPITAL_USD": "30_000",
    }
    apex, topstep = (load(path, env, account=name) for name in ("apex1", "topstep"))
    assert (apex.feed.seed, topstep.feed.seed) == (7, 9)
    assert apex.account.starting_capital_usd == topstep.account.starting_capital_usd == 30_000
    assert apex.strategy("mnq").market == "MYM"
    assert apex.market("MYM").lots_max == 3
    assert settings(apex)["feed.seed"] == (7, "env GAMMA__ACCOUNTS__APEX1__FEED__SEED")


def test_the_environment_names_an_account_with_a_hyphen_by_an_underscore(write: Write) -> None:
    path = write(FILE.replace("apex1", "apex-1"))
    assert load(path, {"GAMMA__ACCOUNTS__APEX_1__FEED__SEED": "7"}, account="apex-1").feed.seed == 7


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("GAMMA__ACCOUNTS__APEX2__FEED__SEED", "no account 'apex2'; did you mean apex1? known: apex1, topstep"),
        ("GAMMA__ACCOUNTS__APEX1__FEED", "give a section and a key of apex1"),
        ("GAMMA__ACCOUNTS__APEX1", "give a section and a key of apex1"),
    ],
)
def test_an_override_that_hits_no_account_is_an_error(write: Write, name: str, said: str) -> None:
    assert f"env {name}: {said}" in refusal(write(FILE), env={name: "7"})


def test_a_secret_is_told_of_all_accounts_or_of_one(write: Write, tmp_path: Path) -> None:
    path = write(FILE)
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "brokers.tradovate.password").write_text("for-all\n")
    (secrets / "accounts.apex1.brokers.tradovate.password").write_text("of-apex\n")
    env = {"CREDENTIALS_DIRECTORY": str(secrets)}
    told = {name: load(path, env, account=name).brokers["tradovate"]["password"] for name in accounts_of(path)}
    assert {name: secret.get_secret_value() for name, secret in told.items()} == {
        "apex1": "of-apex",
        "topstep": "for-all",
    }
    (secrets / "accounts.apex2.brokers.tradovate.password").write_text("of-nobody\n")
    assert "credential accounts.apex2.brokers.tradovate.password: no account 'apex2'" in refusal(path, env=env)


def test_a_secret_of_an_account_that_others_may_read_is_refused(write: Write) -> None:
    path = write(FILE + '[accounts.apex1.brokers.tradovate]\npassword = "x"\n')
    path.chmod(0o644)
    assert "holds a secret ([accounts.apex1.brokers.tradovate] password)" in refusal(path)


TRADED = FILE.replace('market = "MNQ"', 'market = "MNQ"\nbroker = "tradovate"').replace(
    'market = "NQ"', 'market = "NQ"\nbroker = "t2"'
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            FILE + '[accounts.apex1.gamma]\ndatabase = "sqlite:///a.db"\n'
            '[accounts.topstep.gamma]\ndatabase = "sqlite:///./a.db"\n',
            '[accounts.topstep.gamma] database = "sqlite:///./a.db": accounts apex1 and topstep share it',
        ),
        (
            FILE + '[accounts.apex1.gamma]\ndatabase = "postgresql://a:pw@h/n?schema=x"\n'
            '[accounts.topstep.gamma]\ndatabase = "postgresql+psycopg://b:pw@h:5432/n?schema=x"\n',
            "accounts apex1 and topstep share it; give each its ledger",
        ),
        (
            FILE + '[accounts.apex1.paths]\nkill_switch = "a"\n[accounts.topstep.paths]\nkill_switch = "./a"\n',
            '[accounts.topstep.paths] kill_switch = "./a": accounts apex1 and topstep share it',
        ),
        (
            FILE + "[metrics]\nport = 9464\n",
            "[metrics] port = 9464: accounts apex1 and topstep share it; give each its port, as [accounts.",
        ),
        (
            FILE.replace('{ use = "breakout" }', '{ use = "webhook", port = 8700 }'),
            "[accounts.topstep.strategies.0.signal] port = 8700: accounts apex1 and topstep share it; two daemons",
        ),
        (
            TRADED + '[brokers.t2]\nuse = "tradovate"\naccount_id = "demo1"\n',
            '[brokers.t2] account_id = "demo1": accounts apex1 and topstep share it; one account at a broker is traded',
        ),
        (
            TRADED.replace("topstep", "own") + '[brokers.t2]\nuse = "tradovate"\naccount_id = "DEMO2"\n',
            "the ids of their orders at tradovate would begin with g5b- as another account's do; rename it",
        ),
    ],
)
def test_what_two_accounts_may_not_share_is_refused_with_both_their_names(write: Write, text: str, said: str) -> None:
    assert said in refusal(write(text))
    assert "pw" not in refusal(write(text))


def test_two_accounts_at_one_broker_are_no_clash(write: Write) -> None:
    path = write(TRADED + '[brokers.t2]\nuse = "tradovate"\naccount_id = "DEMO2"\n')
    assert [load(path, {}, account=name).account.name for name in accounts_of(path)] == ["apex1", "topstep"]


def test_a_fault_of_one_account_does_not_keep_another_from_starting(write: Write) -> None:
    path = write(FILE + '[accounts.topstep.gamma]\nmode = "x"\n[accounts.topstep.account]\nname = "y"\n')
    assert load(path, {}, account="apex1").account.name == "apex1"
    assert "[accounts.topstep.account] name" in refusal(path, "topstep")


def test_the_hash_of_one_account_does_not_follow_another(write: Write) -> None:
    before = config_hash(load(write(FILE), {}, account="apex1"))
    changed = FILE.replace('market = "NQ"', 'market = "GC"')
    assert config_hash(load(write(changed), {}, account="apex1")) == before


def test_the_schema_knows_an_accounts_sections_and_requires_none_of_them() -> None:
    schema = json.loads((Path(__file__).parents[3] / "docs/config.schema.json").read_text())
    config = schema["$defs"]["Config"]
    overlay = config["properties"]["accounts"]["additionalProperties"]
    assert set(overlay["properties"]) == set(config["properties"]) - {"accounts"}
    account = schema["$defs"][overlay["properties"]["account"]["$ref"].rpartition("/")[2]]
    assert "required" not in account

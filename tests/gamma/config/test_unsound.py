"""Input that no section may take is refused where it stands, in a line that can be read and holds no secret."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from gamma.assembly import assemble
from gamma.config import load
from gamma.errors import LINE_MAX, LINES_MAX, ConfigInvalid, told

START = """
[account]
starting_capital_usd = 50_000
profile = "own_50k"
{account}
[[strategies]]
name = "mnq"
market = "MNQ"
signal = {{ use = "webhook", port = 8700, secret = "canary-canary-canary-canary-canary" }}
sizers = ["half_kelly"]
guards = ["self_match"]
{strategy}
[sizers.half_kelly]
max_lots = 5
{half_kelly}
"""


def refused(folder: Path, env: Mapping[str, str], **lines: str) -> str:
    path = folder / "config.toml"
    path.write_text(START.format(**{"account": "", "strategy": "", "half_kelly": "", **lines}))
    path.chmod(0o600)
    with pytest.raises(ConfigInvalid) as caught:
        assemble(load(path, env), state_path=None)
    assert "canary" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ({"half_kelly": "fraction = nan"}, ":15: [sizers.half_kelly] fraction: is nan"),
        ({"half_kelly": "starting_capital_usd = inf"}, ":15: [sizers.half_kelly] starting_capital_usd: is inf"),
        ({"strategy": "exits = { trail_atr = inf }"}, "[strategies.0.exits] trail_atr: is inf"),
        ({"half_kelly": f"min_lots = 0x{'f' * 5_000}"}, ":15: [sizers.half_kelly] min_lots: is beyond 64 bits"),
        ({"half_kelly": f"min_lots = {'9' * 5_000}"}, "is not TOML: a number in it has thousands of digits"),
        ({"half_kelly": f"min_lots = {'[' * 5_000}"}, "is not TOML: it is nested deeper than 16"),
        ({"half_kelly": f"min_lots = {'[' * 20}{']' * 20}"}, "is nested deeper than 16; write it flatter"),
        ({"half_kelly": f"[x{'.a' * 2_000}]"}, "is nested deeper than 16; write it flatter"),
        ({"half_kelly": "[sizers.half_kelly]"}, "Cannot declare [sizers.half_kelly] twice (at line 15"),
        ({"account": "[feed]\nstart = '03/02/2026'"}, '[feed] start = "03/02/2026": is no day; write it as YYYY-MM-DD'),
        ({"account": "[feed]\nstart = '20260302'"}, '[feed] start = "20260302": is no day'),
        ({"account": "[feed]\nstart = '1999-03-02'"}, '[feed] start = "1999-03-02": MNQ: the calendar covers'),
        ({"account": "[feed]\nstart = '0001-01-01'"}, '[feed] start = "0001-01-01": '),
        ({"account": "[account.overrides]\ndrawdown_usd = 1e-9"}, "[account.overrides] drawdown_usd = 1e-09: "),
        ({"account": "[account.overrides]\novernight = 'x'"}, '[account.overrides] overnight = "x": '),
        ({"account": "[gamma]\ndatabase = '://'"}, '[gamma] database = "://": is no ledger\'s URL; write "sqlite:'),
        ({"account": "[gamma]\ndatabase = 'oracle://x'"}, '[gamma] database = "oracle://x": is no ledger'),
        ({"account": "[gamma]\ndatabase = 'sqlite://host/x'"}, '[gamma] database = "sqlite://host/x": is no ledger'),
        ({"account": "[gamma]\ndatabase = 'postgresql://[::1/x'"}, "is no ledger's URL"),
        ({"account": "[gamma]\ndatabase = 'postgresql://u:canary@h:p/x'"}, '"postgresql://u:********@h:p/x": is no'),
        ({"account": "[gamma]\ndatabase = 'postgresql://u:canary@h:/x'"}, '"postgresql://u:********@h:/x": is no'),
        ({"account": "[gamma]\ndatabase = 'postgresql://u:a@canary@h/x'"}, '"postgresql://u:********@h/x": is no'),
        ({"account": "[gamma]\ndatabase = 'postgresql://h:5/x?y=a@b'"}, '"postgresql://h:********@b": is no ledger'),
        ({"account": "[gamma]\ndatabase = 'mysql://u:a/canary@h/x'"}, '"mysql://u:********@h/x": is no ledger'),
        ({"account": "[gamma]\ndatabase = 'gamma:canary@host/db'"}, "[gamma] database: is no ledger's URL"),
        ({"account": "[gamma]\ndatabase = 'gamma:canary@sqlite://x'"}, '"gamma:********@sqlite://x": is no ledger'),
        ({"account": "[gamma]\ndatabase = 'mysql://u:a@canary@h/x'"}, '"mysql://u:********@h/x": is no ledger'),
        ({"half_kelly": "use = { a = 1 }"}, "[sizers.half_kelly] use = { a = 1 }: should be the name of a plugin"),
        ({"account": "automation_attested = {}"}, "[account] automation_attested: should be a valid boolean"),
        ({"account": f"name = '{'x' * 5_000}'"}, f'[account] name = "{"x" * 79}...: use small letters'),
    ],
)
def test_it_is_refused_where_it_stands(tmp_path: Path, lines: dict[str, str], said: str) -> None:
    assert said in refused(tmp_path, {}, **lines)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("GAMMA__ACCOUNT__NAME", "\udcff", "env GAMMA__ACCOUNT__NAME: [account] name: is no Unicode text"),
        ("GAMMA__STRATEGIES__0__NAME", "\udcff", "[strategies.0] name: is no Unicode text"),
        ("GAMMA__ACCOUNT__\udcff", "1", "is no Unicode text"),
        ("GAMMA__SIZERS__FIXED", "[" * 5_000, "[sizers] fixed = "),
        ("GAMMA" + "__A" * 2_000, "1", "is nested deeper than 16"),
        ("GAMMA__ACCOUNT__\x1b[31m", "1", r"env GAMMA__ACCOUNT__\x1b[31m: [account] \x1b[31m: unknown key"),
    ],
)
def test_the_environment_is_no_way_around(tmp_path: Path, name: str, text: str, said: str) -> None:
    assert said in refused(tmp_path, {name: text})


def test_the_names_of_other_entries_are_told_only_where_they_are_names(tmp_path: Path) -> None:
    env = {"GAMMA__FEED__FILES": '[{ path = "x", name = [1] }, 1]', "GAMMA__FEED__FILES__MNQ__PATH": "x"}
    assert "no entry 'mnq' in [feed.files]; known: 0, 1" in refused(tmp_path, env)


def test_a_name_that_is_a_number_is_no_name(tmp_path: Path) -> None:
    """Python refuses to write a number of more than 4,300 digits, wherever it stands."""
    env = {"GAMMA__STRATEGIES__MNQ__NAME": f"0x{'f' * 5_000}", "GAMMA__STRATEGIES__MNQ__SIGNAL": "x"}
    assert "no entry 'mnq' in [strategies]; known: 0" in refused(tmp_path, env)


def test_a_line_in_a_message_is_numbered_as_an_editor_numbers_it(tmp_path: Path) -> None:
    assert ":16: [sizers.half_kelly] typo" in refused(tmp_path, {}, half_kelly="# a\u2028b\ntypo = 1")


def test_a_message_can_be_read_whatever_is_in_it() -> None:
    lines = told("a\x1b[31m\u202eb\n" + "x" * 5_000 + "\n" * 100 + "the mend").split("\n")
    assert lines[0] == "a\\x1b[31m\\u202eb"
    assert lines[-1] == "the mend"
    assert len(lines) == LINES_MAX + 1
    assert all(line.isprintable() and len(line) < LINE_MAX + 40 for line in lines)

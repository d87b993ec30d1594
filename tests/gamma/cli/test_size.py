import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gamma import plugins
from gamma.cli import app
from gamma.cli.cases import read_trades
from gamma.errors import InputInvalid
from tests.gamma import stranger

RUNNER = CliRunner()
HAND = ["size", "--dry-run", "--sizer", "half", "--balance", "20000", "--market", "MNQ"]


@pytest.fixture(autouse=True)
def _stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    stranger.install(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    plugins.find.cache_clear()
    yield
    plugins.find.cache_clear()


def sized(*arguments: str) -> dict[str, Any]:
    result = RUNNER.invoke(app, ["size", "--dry-run", "--json", *arguments])
    assert result.exit_code == 0, result.stderr
    shape: dict[str, Any] = json.loads(result.stdout)
    return shape


def test_the_json_shape_is_the_documented_one() -> None:
    shape = sized("--sizer", "half", "--balance", "20000", "--market", "MNQ")
    assert shape == {
        "lots": 3,
        "market": "MNQ",
        "steps": [
            {
                "name": "half",
                "lots_before": None,
                "lots_after": 3.0,
                "reason": "ok",
                "facts": {"most_lots": 3, "balance_usd": 20000.0},
            }
        ],
        "bound_by": "half",
        "halted": False,
    }


def test_the_table_shows_each_step_and_what_bound() -> None:
    result = RUNNER.invoke(app, HAND)
    assert result.exit_code == 0
    assert "MNQ  3 lots" in result.stdout
    assert "bound by half" in result.stdout
    assert "$20,000.00" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_a_sizing_writes_nothing(tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    RUNNER.invoke(app, HAND)
    assert [p for p in sorted(tmp_path.rglob("*")) if "__pycache__" not in p.parts] == before


def test_a_case_by_hand_needs_a_balance() -> None:
    result = RUNNER.invoke(app, ["size", "--dry-run", "--sizer", "half"])
    assert result.exit_code == 1
    assert "--balance" in result.stderr


def test_neither_a_case_nor_a_config_is_exit_78() -> None:
    assert RUNNER.invoke(app, ["size", "--dry-run"]).exit_code == 78


def test_an_unknown_sizer_is_refused_with_those_there_are() -> None:
    result = RUNNER.invoke(app, ["size", "--dry-run", "--sizer", "hlaf", "--balance", "1"])
    assert result.exit_code == 78
    assert "did you mean half?" in result.stderr


def test_an_unknown_market_is_refused_with_those_there_are() -> None:
    result = RUNNER.invoke(app, [*HAND[:-1], "MNX"])
    assert result.exit_code == 1
    assert "known: ES" in result.stderr


def test_a_case_by_hand_stands_alone_beside_a_config() -> None:
    Path("config.toml").write_text("this is no TOML")
    assert RUNNER.invoke(app, HAND).exit_code == 0
    assert RUNNER.invoke(app, [*HAND, "--config", "config.toml"]).exit_code == 78


TRADES = "time,pnl_usd,lots\n" + "".join(f"2026-03-{d:02},{p},1\n" for d, p in enumerate([60, -50, 20, -45] * 5, 1))


def test_what_if_adds_the_curve_from_0_to_the_cap() -> None:
    Path("trades.csv").write_text(TRADES)
    case = ["--sizer", "half", "--balance", "20000", "--room", "500", "--risk", "50", "--trades", "trades.csv"]
    rows = sized(*case, "--what-if", "--market", "MNQ")["curve"]
    assert [row["lots"] for row in rows] == list(range(13))
    assert [row["worst_loss_usd"] for row in rows[:3]] == [0.0, 50.0, 100.0]
    assert [row["bound_by"] for row in rows] == [""] * 4 + ["half"] * 9
    assert rows[0]["touch_prob"] == 0.0
    assert all(row["touch_prob_low"] <= row["touch_prob"] <= row["touch_prob_high"] for row in rows)


def test_what_if_without_a_record_shows_the_worst_loss_alone() -> None:
    result = RUNNER.invoke(app, [*HAND, "--what-if", "--risk", "50"])
    assert "No completed trades yet" in result.stdout
    assert "$600.00" in result.stdout


def test_what_if_as_a_table_fits_100_columns() -> None:
    Path("trades.csv").write_text(TRADES)
    result = RUNNER.invoke(app, [*HAND, "--what-if", "--risk", "50", "--room", "100", "--trades", "trades.csv"])
    assert "The floor is $19,900.00" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100


def configured(*replaced: tuple[str, str]) -> None:
    text = (Path(__file__).parents[3] / "config.example.toml").read_text()
    rule = 'signal = { use = "breakout", entry_bars = 55 }\n'
    text = re.sub(r"(?ms)^\[strategies\.signal\].*?^\n", f"{rule}\n", text)
    text = re.sub(r"(?m)^sizers = .*", 'sizers = ["half"]', text)
    text = re.sub(r"(?ms)^guards = \[.*?^\]", 'guards = ["safety_halt", "stale_data"]', text)
    for before, after in replaced:
        text = text.replace(before, after)
    Path("config.toml").write_text(text)


def test_a_configured_strategy_is_sized_as_of_the_feeds_bars_and_judged_by_its_guards() -> None:
    configured()
    shape = sized("--market", "MES")
    assert (shape["market"], shape["lots"], shape["bound_by"]) == ("MES", 3, "half")
    assert [step["name"] for step in shape["steps"]] == ["half", "safety_halt"]
    result = RUNNER.invoke(app, ["size", "--dry-run", "--strategy", "mnq"])
    assert "strategy mnq, as of" in result.stdout
    assert "stale_data: clock.clock_offset_s" in result.stdout


def test_a_guard_stops_what_the_chain_allows() -> None:
    configured()
    shape = sized("--balance", "24999")
    assert (shape["lots"], shape["bound_by"], shape["halted"]) == (0, "safety_halt", True)


def test_a_size_above_a_guards_limit_names_the_guard_in_the_curve() -> None:
    configured()
    rows = sized("--balance", "24999", "--what-if", "--stop-points", "10")["curve"]
    assert [row["bound_by"] for row in rows] == ["", *["safety_halt"] * 3, *["half"] * 9]
    # 10 points of MNQ are $20; two fees of $0.60 and two ticks of $0.50 come to it.
    assert rows[1]["worst_loss_usd"] == pytest.approx(22.2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--market", "NQ"], "mnq (MNQ), mes (MES)"), (["--strategy", "nq"], "known: mnq, mes")],
)
def test_a_strategy_that_is_not_there_is_refused_with_those_there_are(arguments: list[str], said: str) -> None:
    configured()
    result = RUNNER.invoke(app, ["size", "--dry-run", *arguments])
    assert result.exit_code in (1, 78)
    assert said in result.stderr


def test_what_is_given_by_hand_takes_the_place_of_what_was_found() -> None:
    configured()
    Path("trades.csv").write_text(TRADES)
    hand = ["--balance", "30000", "--capital", "30000", "--room", "900", "--risk", "45", "--trades", "trades.csv"]
    result = RUNNER.invoke(app, ["size", "--dry-run", "--what-if", *hand, "--atr", "40", "--price", "20000"])
    assert "The floor is $29,100.00." in result.stdout
    assert "the record of 20" in result.stdout
    assert "$45.00" in result.stdout


def test_recorded_bars_are_sized_as_of_their_last(tmp_path: Path) -> None:
    start = datetime(2026, 3, 2, 15, tzinfo=UTC)
    times = [(start + timedelta(minutes=5 * i)).isoformat() for i in range(40)]
    bars = "time,open,high,low,close,volume\n" + "".join(f"{t},20000,20010,19990,20000,10\n" for t in times)
    (tmp_path / "mnq.csv").write_text(bars)
    configured(('use = "sim"', 'use = "file"\nfiles = [{ path = "mnq.csv", market = "MNQ" }]'), ('"MES"', '"MNQ"'))
    result = RUNNER.invoke(app, ["size", "--dry-run"])
    assert "as of Mon 2026-03-02 13:20 New York" in result.stdout, result.stderr


def test_the_ledgers_money_and_record_are_sized_by_and_another_accounts_are_not(tmp_path: Path) -> None:
    configured(("speed = 300", 'speed = "max"'), ("entry_bars = 55", "entry_bars = 5"))
    assert RUNNER.invoke(app, ["run", "--plain", "--bars", "250"]).exit_code == 0
    told = json.loads(RUNNER.invoke(app, ["status", "--json"]).stdout)
    assert told["trades"] > 0
    before = {path: path.read_bytes() for path in tmp_path.glob("gamma*db")}
    shape = sized("--strategy", "mnq")
    assert shape["steps"][0]["facts"]["balance_usd"] == pytest.approx(told["balance_usd"])
    assert "drawn from the record of" in RUNNER.invoke(app, ["size", "--dry-run", "--what-if"]).stdout
    assert {path: path.read_bytes() for path in tmp_path.glob("gamma*db")} == before
    configured(('name = "paper"', 'name = "other"'))
    result = RUNNER.invoke(app, ["size", "--dry-run"])
    assert result.exit_code == 78
    assert "that of the paper account 'paper'" in result.stderr


def test_trades_are_read_oldest_first_and_by_lot(tmp_path: Path) -> None:
    file = tmp_path / "trades.csv"
    file.write_text("\ufefftime, pnl_usd, lots, note\n2026-03-03,-30,3,b\n2026-03-02T15:00:00Z,50,1,a\n")
    assert [row.pnl_usd_per_lot for row in read_trades(file)] == [50.0, -10.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "trades.csv:1: no column time, pnl_usd, lots; the first line must be time,pnl_usd,lots, it is empty"),
        ("time,pnl,lots\n", "trades.csv:1: no column pnl_usd"),
        ("time,pnl_usd,lots\n2026-03-02,abc,1\n", "trades.csv:2: pnl_usd is 'abc'; give a plain number"),
        ("time,pnl_usd,lots\n2026-03-02,nan,1\n", "trades.csv:2: pnl_usd is 'nan'"),
        ('time,pnl_usd,lots\n2026-03-02,"1,000",1\n', "trades.csv:2: pnl_usd is '1,000'"),
        ("time,pnl_usd,lots\n2026-03-02,5,1\n2026-03-03,5,0\n", "trades.csv:3: lots is '0'; give the whole number"),
        ("time,pnl_usd,lots\n2026-03-02,5,1.5\n", "trades.csv:2: lots is '1.5'"),
        ("time,pnl_usd,lots\n2026-03-02,5\n", "trades.csv:2: lots is ''"),
        ("time,pnl_usd,lots\nyesterday,5,1\n", "trades.csv:2: time is 'yesterday'; give an ISO date"),
        ("time,pnl_usd,lots\n\udcff,5,1\n", "is not CSV in UTF-8"),
    ],
)
def test_a_bad_trade_is_named_by_file_line_field_and_value(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "trades.csv"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputInvalid) as caught:
        read_trades(file)
    assert said in str(caught.value)


def test_a_file_of_trades_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="No such file"):
        read_trades(tmp_path / "none.csv")


NUMBERS = st.one_of(st.floats(), st.integers(-(10**6), 10**6), st.sampled_from(["nan", "inf", "-inf", "1e400", "x"]))


@given(
    given_numbers=st.dictionaries(
        st.sampled_from(["--balance", "--capital", "--risk", "--atr", "--price", "--room", "--stop-points"]), NUMBERS
    ),
    market=st.sampled_from(["MNQ", "ES", "XAU_USD", "SPX", "KXBTC-26"]),
    sizer=st.sampled_from(["half_kelly", "atr_risk", "contract_cap", "fixed", "half"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_number_makes_it_crash(given_numbers: dict[str, object], market: str, sizer: str) -> None:
    options = [f"{name}={value}" for name, value in given_numbers.items()]
    arguments = ["size", "--dry-run", "--json", "--what-if", "--market", market, "--sizer", sizer, *options]
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code in (0, 1, 2, 78), result.exception
    assert result.exception is None or isinstance(result.exception, SystemExit)
    if result.exit_code == 0:
        assert json.loads(result.stdout)["lots"] >= 0

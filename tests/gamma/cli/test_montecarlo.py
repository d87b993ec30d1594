"""`gamma montecarlo` and `gamma evaluate sizers`, from a file of trades and from a ledger."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gamma.cli import app

EXAMPLE = Path(__file__).parents[3] / "docs/examples/round_trips.csv"
BY_HAND = ("montecarlo", "--trades", str(EXAMPLE), "--sizer", "risk_frac", "--paths", "40")


def printed(*arguments: str) -> Any:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def on_the_page(heading: str) -> Any:
    page = (EXAMPLE.parents[1] / "cli.md").read_text(encoding="utf-8")
    return json.loads(page.partition(f"## gamma {heading}\n")[2].partition("```json\n")[2].partition("```")[0])


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code in (1, 78), result.output
    return str(result.stderr)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an account whose two strategies traded for some days."""
    folder = tmp_path_factory.mktemp("account")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("GAMMA__FEED__START", "2026-03-02")
        printed("init", "--defaults")
        printed("run", "--speed", "max", "--bars", "1400")
    return folder


def test_a_file_and_a_sizer_stand_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = printed(*BY_HAND, "--picture", "out/mc.png", "--block", "4", "--seed", "3")
    assert (found["trades"], found["paths"], found["start_usd"], found["market"]) == (160, 40, 20_000, "MNQ")
    assert [way["name"] for way in found["ways"]] == ["independent", "blocks of 4"]
    page = on_the_page("montecarlo")
    assert list(page) == list(found)
    assert list(page["ways"][0]) == list(found["ways"][0])
    assert list(page["ways"][0]["realised"]) == list(found["ways"][0]["realised"])
    for way in found["ways"]:
        assert list(way["final_usd"]) == ["1", "5", "10", "25", "50", "75", "90", "95", "99"]
        assert list(way["chances"]) == ["profit", "double", "triple", "halt", "ruin"]
        assert way["realised"] == found["ways"][0]["realised"] | {
            rank: way["realised"][rank] for rank in ("rank_frac", "drawdown_rank_frac")
        }
    assert (tmp_path / "out/mc.png").read_bytes().startswith(b"\x89PNG")
    assert printed(*BY_HAND, "--block", "4", "--seed", "3") == found


def test_slippage_takes_its_ticks_twice_of_every_lot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "config.toml"
    printed("init", "--defaults")
    config.write_text(config.read_text() + "\n[sizers.fixed]\nlots = 2\n")
    common = ("montecarlo", "--trades", str(EXAMPLE), "--sizer", "fixed", "--config", "config.toml", "--paths", "2")
    plain, slipped = printed(*common), printed(*common, "--slippage-ticks", "1.5")
    ends = [one["ways"][0]["realised"]["final_usd"] for one in (plain, slipped)]
    # 160 trades of 2 lots, 1.5 ticks of 0.50 usd on the way in and on the way out.
    assert ends[0] - ends[1] == pytest.approx(160 * 2 * 2 * 1.5 * 0.5)
    assert plain["floor_drawdown_usd"] == 10_000
    assert plain["start_usd"] == 50_000


@pytest.mark.slow
def test_a_ledgers_trades_are_sized_as_its_strategy_sized_them(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(account)
    found = printed("montecarlo", "--strategy", "mnq", "--paths", "20")
    assert found["sizers"] == ["atr_risk", "floor_room", "contract_cap"]
    assert found["open_pnl_known"] is False  # another strategy's positions are in the account's equity too
    trades = printed("trades", "--strategy", "mnq")
    assert found["trades"] == len(trades)
    assert found["ways"][0]["realised"]["trades"] == len(trades)
    text = refused("montecarlo")
    assert "mes, mnq" in text
    assert "--strategy" in text


@pytest.mark.slow
def test_the_chain_is_held_against_what_other_sizers_would_have_done(
    account: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(account)
    names = ("--sizer", "fixed", "--sizer", "risk_frac", "--sizer", "impact_cap")
    found = printed("evaluate", "sizers", "--strategy", "mnq", *names, "--paths", "30", "--picture", "s.png")
    assert {row["name"] for row in found["sizers"]} == {"the chain", "fixed", "risk_frac"}
    assert found["against"] == "the chain"
    page = on_the_page("evaluate sizers")
    assert list(page) == list(found)
    assert list(page["sizers"][0]) == list(found["sizers"][0])
    assert set(found["unable"]) == {"impact_cap"}
    assert (account / "s.png").read_bytes().startswith(b"\x89PNG")
    shown = CliRunner().invoke(app, ["evaluate", "sizers", "--strategy", "mnq", *names, "--paths", "30"])
    assert "not compared" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 100


def test_bad_input_is_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    head = "ts_open,ts_close,market,side,lots,pnl_usd\n"
    row = "2026-01-05T15:00Z,2026-01-05T16:00Z,MNQ,long,1,{}\n"
    for name, text in {"none": head, "nan": head + row.format("nan"), "columns": "a,b\n1,2\n"}.items():
        Path(name + ".csv").write_text(text)
    by_hand = ("montecarlo", "--sizer", "half_kelly", "--trades")
    assert "no trade in it" in refused(*by_hand, "none.csv")
    assert "pnl_usd" in refused(*by_hand, "nan.csv")
    assert "no column ts_open" in refused(*by_hand, "columns.csv")
    assert "starting balance is 0" in refused(*by_hand, str(EXAMPLE), "--start-usd", "0")
    Path("bare.csv").write_text(head + row.format(10) + row.format(-10))
    assert "no path has a size: half_kelly: signal.risk_usd_per_lot is unknown" in refused(*by_hand, "bare.csv")
    assert "risk is -5.0" in refused(*by_hand, "bare.csv", "--risk", "-5")
    assert "both given" in refused(*by_hand, "bare.csv", "--ledger", "sqlite:///x.db")
    assert "atr_points is unknown" in refused("montecarlo", "--sizer", "atr_risk", "--trades", str(EXAMPLE))
    assert "no sizer 'nothing'" in refused("montecarlo", "--sizer", "nothing", "--trades", str(EXAMPLE))
    assert "ends in .png" in refused(*BY_HAND, "--picture", "x.pdf", "--horizon", "5")
    assert "config.toml" in refused("montecarlo", "--trades", str(EXAMPLE))

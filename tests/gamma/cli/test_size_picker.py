import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gamma.cli import app
from gamma.feeds.importer import write_bars
from models.size_picker import fit, sets
from tests.gamma.cli.test_shapes import documented
from tests.models.size_picker.market_case import hours

FEW = ("--small", "30", "--mid", "30", "--big", "30", "--balanced", "20", "--remainder", "20", "--natural", "30")


@pytest.fixture(autouse=True)
def _few_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sets, "PATHS", 4)
    monkeypatch.setattr(sets, "WEEKS", 40)


def ran(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["size-picker", *arguments])
    assert result.exit_code == code, result.stderr
    return result.stdout if code == 0 else result.stderr


def test_generate_prints_the_shape_that_is_documented() -> None:
    told, page = (
        json.loads(ran("generate", "--out", "trades", *FEW, "--json")),
        documented("gamma size-picker generate"),
    )
    assert set(told) == set(page)
    assert set(told["parts"]["balanced"]) == set(page["parts"]["balanced"])
    assert told["parts"]["balanced"]["classes"] == [20, 20, 20]


def test_generate_splits_what_is_asked_for_as_it_does_300_000() -> None:
    told = json.loads(ran("generate", "--out", "trades", "--small", "40", "--mid", "30", "--big", "50", "--json"))
    assert told["asked"]["balanced"] == 9
    assert told["asked"]["remainder"] == 80
    assert told["parts"]["left"]["trades"] == 40 + 30 + 50 - 3 * 9 - 80


def test_generate_says_what_it_made() -> None:
    said = ran("generate", "--out", "trades", *FEW)
    assert "balanced" in said
    assert "as they come:" in said


def test_days_are_those_of_all_bars_or_of_each() -> None:
    write_bars(hours(weeks=30)[0], Path("a.parquet"))
    days = "2006-04-03..2006-06-30"
    told = json.loads(ran("generate", "--out", "real", "--bars", "a.parquet", "--days", days, "--json"))
    assert told["sources"] == ["a.parquet"]
    assert told["parts"]["natural"]["trades"] > 50
    assert "2 of them for 1 --bars" in ran(
        "generate", "--out", "more", "--bars", "a.parquet", "--days", days, "--days", days, code=1
    )
    assert "a.parquet has no bar of them" in ran(
        "generate", "--out", "more", "--bars", "a.parquet", "--days", "2020-01-01..2020-02-01", code=1
    )


def test_bad_input_is_refused_by_name() -> None:
    Path("there").mkdir()
    assert "write it as NAME=VALUE" in ran("generate", "--out", "new", "--term", "B", code=1)
    assert "leverage = 0" in ran("generate", "--out", "new", "--term", "leverage=0", code=78)
    assert "there: is there already" in ran("generate", "--out", "there", code=1)
    assert "there are none" in ran("generate", "--out", "new", "--days", "2020-01-01..2020-02-01", code=1)
    assert "no such file" in ran("generate", "--out", "new", "--bars", "no.csv", code=1)


@pytest.mark.slow
def test_fit_prints_the_shape_that_is_documented_and_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "MARKETS", 2)
    monkeypatch.setattr(fit, "ROUNDS", 0)
    monkeypatch.setattr(fit, "DRAWS", 10_000)
    write_bars(hours(weeks=60)[0], Path("a.parquet"))
    told, page = (
        json.loads(ran("fit", "--bars", "a.parquet", "--out", "a.toml", "--json")),
        documented("gamma size-picker fit"),
    )
    assert list(told) == list(page)
    assert list(told["rows"][0]) == list(page["rows"][0])
    said = ran("fit", "--bars", "a.parquet", "--out", "b.toml", "--picture", "b.png")
    table = said.splitlines()[: len(told["rows"]) + 1]
    assert table[0].split() == ["measure", "real", "simulated", "9", "of", "10"]
    assert all(" to " in row for row in table[1:])
    assert Path("b.png").is_file()
    assert Path("a.toml").read_bytes() == Path("b.toml").read_bytes()
    assert "natural" in ran("generate", "--out", "trades", "--market", "a.toml", *FEW)


def test_sizes_are_chosen_by_growth_return_or_size_and_nothing_else() -> None:
    assert "--by luck: is nothing" in ran("evaluate", "--sets", "sets", "--by", "luck", code=1)


def test_a_picker_is_named_as_it_ships() -> None:
    assert "known: gold-picker" in ran("evaluate", "--picker", "nope", "--sets", "sets", code=1)
    assert "mnq-phase2 is a policy" in ran("evaluate", "--picker", "mnq-phase2", "--sets", "sets", code=78)
    assert "mnq-phase2 is a policy" in ran(
        "calibrate", "--picker", "mnq-phase2", "--trades", "trades", "--out", "new", code=78
    )
